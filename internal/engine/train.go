package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/grpo"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/train"
)

// Trainer is a model in training: what grpo needs of it, and what comes of it. One goroutine uses it.
type Trainer interface {
	grpo.Policy
	// Save writes the model as a Hugging Face folder, complete or not at all: the weights as they are now, in the form in which they were loaded,
	// and every other file of the folder that the training began from.
	Save(ctx context.Context, dir string) error
	// SaveState writes what the next step depends on, in one move. LoadState takes it up: the run goes on as if it had not stopped, to the bit
	// where the engine is deterministic.
	SaveState(ctx context.Context, path string) error
	LoadState(ctx context.Context, path string) error
	// Steps is how many optimizer steps were made.
	Steps() int
	// Close frees the model.
	Close() error
}

// TrainOptions are the constants of a training.
type TrainOptions struct {
	// Threads compute at the same time; 0: all processors. They change no bit.
	Threads int
	// WeightDecay is AdamW's, on matrices: the reference has 0.1.
	WeightDecay float64
	// Library lends turns: training then takes turns with the nodes of this process, every other one where it needs them. nil takes what it needs.
	Library *Library
}

// NativeTrainer trains in this process with package train. The same batches give the same bits on every machine. Weights that are bf16 on disk are
// computed with as such, so that log-probabilities are those of the published model; steps change f32 masters, so that no small change is lost.
type NativeTrainer struct {
	source  string
	trainer *train.Trainer
	library *Library
	lane    lane
}

// OpenTrainer begins to train the model of a Hugging Face folder, which must stay until Close: Save takes its other files. The error wraps ErrModel where
// the folder is no usable model.
func OpenTrainer(ctx context.Context, dir string, opt TrainOptions) (*NativeTrainer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cfg, weights, err := model.ReadWeights(dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't train model %s: %w: %w", dir, ErrModel, err)
	}
	threads := opt.Threads
	if threads <= 0 && opt.Library != nil {
		threads = opt.Library.opt.Threads
	}
	t, err := train.FromWeights(cfg, weights, train.Options{Threads: threads, WeightDecay: opt.WeightDecay, BF16: cfg.StorageDType == "bfloat16", ClipNorm: -1})
	if err != nil {
		return nil, fmt.Errorf("couldn't train model %s: %w", dir, err)
	}
	// One goroutine that is urgent has every other turn at most: it is not in the queue when its own ends.
	return &NativeTrainer{source: dir, trainer: t, library: opt.Library, lane: lane{urgent: true}}, nil
}

var _ Trainer = (*NativeTrainer)(nil)

// turn does work when it is the trainer's turn.
func (n *NativeTrainer) turn(ctx context.Context, work func() error) error {
	if n.library == nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		return work()
	}
	if err := n.library.gate.enter(ctx, &n.lane); err != nil {
		return err
	}
	defer n.library.gate.leave()
	return work()
}

// examples are sequences whose completions are to be predicted.
func examples(batch []grpo.Sequence) []train.Example {
	out := make([]train.Example, len(batch))
	for i, s := range batch {
		w := make([]float32, len(s.Tokens))
		for p := max(1, s.Prompt); p < len(w); p++ {
			w[p] = 1
		}
		out[i] = train.Example{Tokens: s.Tokens, Weights: w}
	}
	return out
}

// Score computes the log-probabilities of the completions.
func (n *NativeTrainer) Score(ctx context.Context, batch []grpo.Sequence) (grpo.Scores, error) {
	if err := completions(batch); err != nil {
		return grpo.Scores{}, fmt.Errorf("couldn't score: %w", err)
	}
	var p train.Predictions
	err := n.turn(ctx, func() (err error) {
		p, err = n.trainer.Score(examples(batch))
		return err
	})
	if err != nil {
		return grpo.Scores{}, fmt.Errorf("couldn't score: %w", err)
	}
	s := grpo.Scores{LogProbs: p.LogProbs, Entropy: make([]float64, len(batch))}
	for i, xs := range p.Entropies {
		var sum float64
		for _, x := range xs {
			sum += x
		}
		s.Entropy[i] = sum / max(1, float64(len(xs)))
	}
	return s, nil
}

// completions refuses sequences whose first token would have to be predicted: there is nothing to predict it from.
func completions(batch []grpo.Sequence) error {
	for i, s := range batch {
		if s.Completion > 0 && s.Prompt < 1 {
			return fmt.Errorf("sequence %d has no prompt: %w", i, ErrTokens)
		}
	}
	return nil
}

// Backward adds the gradient of a micro-batch.
func (n *NativeTrainer) Backward(ctx context.Context, batch []grpo.Sequence, l grpo.Loss) error {
	d := train.Predictions{LogProbs: l.ByLogProb, Entropies: make([][]float64, len(batch))}
	for i, s := range batch {
		d.Entropies[i] = make([]float64, s.Completion)
		for k := range d.Entropies[i] {
			d.Entropies[i][k] = l.ByEntropy[i] / float64(s.Completion)
		}
	}
	if err := n.turn(ctx, func() error { return n.trainer.Accumulate(examples(batch), d) }); err != nil {
		return fmt.Errorf("couldn't add a gradient: %w", err)
	}
	return nil
}

// Step makes an AdamW step.
func (n *NativeTrainer) Step(ctx context.Context, rate, clip float64) (norm float64, err error) {
	err = n.turn(ctx, func() error {
		norm, err = n.trainer.Apply(rate, clip)
		return err
	})
	if errors.Is(err, train.ErrDiverged) {
		err = fmt.Errorf("%w: %w", grpo.ErrNotFinite, err)
	}
	return norm, err
}

// Steps is how many optimizer steps were made.
func (n *NativeTrainer) Steps() int { return n.trainer.Steps() }

// Save writes the model as a folder.
func (n *NativeTrainer) Save(ctx context.Context, dir string) error {
	return saveFolder(ctx, n.source, dir, n.trainer.Save)
}

// SaveState writes the training's state.
func (n *NativeTrainer) SaveState(_ context.Context, path string) error {
	return n.trainer.SaveState(path)
}

// LoadState takes a state up.
func (n *NativeTrainer) LoadState(_ context.Context, path string) error {
	return n.trainer.LoadState(path)
}

// Close frees the model.
func (n *NativeTrainer) Close() error { return nil }

// saveFolder makes a model folder: weights writes its weights, everything else comes from source.
func saveFolder(ctx context.Context, source, dir string, weights func(dir string) error) error {
	partial := dir + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return fmt.Errorf("couldn't save the model: %w", err)
	}
	if err := weights(partial); err != nil {
		return err
	}
	entries, err := os.ReadDir(source)
	if err != nil {
		return fmt.Errorf("couldn't save the model: %w", err)
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !e.Type().IsRegular() || isWeights(e.Name()) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(source, e.Name()))
		if err != nil {
			return fmt.Errorf("couldn't save the model: %w", err)
		}
		if err := os.WriteFile(filepath.Join(partial, e.Name()), b, 0o644); err != nil {
			return fmt.Errorf("couldn't save the model: %w", err)
		}
	}
	if err := os.RemoveAll(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("couldn't save the model: %w", err)
	}
	if err := os.Rename(partial, dir); err != nil {
		return fmt.Errorf("couldn't save the model: %w", err)
	}
	return nil
}

// isWeights says that a file belongs to the weights or to the checkpoint that they came in.
func isWeights(name string) bool {
	return strings.HasSuffix(name, ".safetensors") || strings.HasSuffix(name, ".safetensors.index.json") || strings.HasPrefix(name, ".") ||
		name == CanaryName || name == "metadata.json" || name == "manifest.sig" || name == "FULL" || name == "DELTA" || strings.HasPrefix(name, "READY")
}

// Held is a model that a training is held near: any engine scores for it, without entropies.
type Held struct{ Engine Engine }

var _ grpo.Reference = Held{}

// Score asks the engine to replay the sequences.
func (h Held) Score(ctx context.Context, batch []grpo.Sequence) (grpo.Scores, error) {
	r, err := grail.NewCoefficients(canaryRandomness) // sketches are not looked at
	if err != nil {
		return grpo.Scores{}, fmt.Errorf("couldn't score: %w", err)
	}
	requests := make([]verify.ReplayRequest, len(batch))
	for i, s := range batch {
		requests[i] = verify.ReplayRequest{Tokens: s.Tokens, PromptLength: s.Prompt, Coefficients: r}
	}
	replays, err := h.Engine.Replay(ctx, requests, grail.GenerationParams{})
	if err != nil {
		return grpo.Scores{}, fmt.Errorf("couldn't score: %w", err)
	}
	var out grpo.Scores
	for i, p := range replays {
		out.LogProbs = append(out.LogProbs, p.LogProbs[batch[i].Prompt:])
	}
	return out, nil
}
