package engine

import (
	"context"
	"fmt"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/model"
)

// volume is one loaded model folder, shared by all Natives of the same content.
type volume struct {
	digest [32]byte
	refs   int           // guarded by the library
	ready  chan struct{} // closed when the fields below are set
	err    error
	model  *model.Model
	text   *Text
	eos    int32
	canary Canary
}

// open loads the folder.
func (v *volume) open(ctx context.Context, dir string, opt model.Options) error {
	text, err := LoadText(dir)
	if err != nil {
		return err
	}
	m, err := model.Load(dir, opt)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrModel, err)
	}
	cfg := m.Config()
	switch {
	case cfg.HiddenSize < grail.TopK:
		err = fmt.Errorf("%w: hidden states have %d dimensions, proofs need %d", ErrModel, cfg.HiddenSize, grail.TopK)
	case text.tokens.VocabSize() > cfg.VocabSize:
		err = fmt.Errorf("%w: the tokenizer has ids up to %d, the model's vocabulary is %d", ErrModel, text.tokens.VocabSize()-1, cfg.VocabSize)
	}
	if err != nil {
		m.Close()
		return err
	}
	v.model, v.text, v.eos = m, text, -1
	if id, ok := text.tokens.EOS(); ok {
		v.eos = id
	} else if len(cfg.EOS) > 0 {
		v.eos = int32(cfg.EOS[0])
	}
	if v.canary, err = sing(ctx, v); err != nil {
		m.Close()
		return err
	}
	return nil
}

// replay runs one turn of sequences. Each hidden state becomes a sketch at once, in the goroutine that computed it.
func (v *volume) replay(ctx context.Context, requests []verify.ReplayRequest, params grail.GenerationParams, eos int32) ([]verify.Replay, error) {
	out := make([]verify.Replay, len(requests))
	sequences := make([]model.Sequence, len(requests))
	for i, r := range requests {
		sequences[i] = model.Sequence{Tokens: r.Tokens, PromptLength: r.PromptLength}
		out[i].Sketches = make([]int64, len(r.Tokens))
	}
	results, err := v.model.Replay(ctx, sequences, model.ReplayOptions{
		Hidden: func(i, pos int, h []float32) {
			// Loading has made sure that there are enough dimensions, the only thing that Sketch refuses.
			out[i].Sketches[pos], _ = grail.Sketch(h, requests[i].Coefficients)
		},
		Temperature: params.Temperature, RepetitionPenalty: params.RepetitionPenalty, EOS: int(eos),
	})
	if err != nil {
		return nil, err
	}
	for i, r := range results {
		out[i].LogProbs, out[i].EOSProb, out[i].ChosenProbs = r.LogProbs, r.EOSProb, r.ChosenProbs
	}
	return out, nil
}
