package devnet

import (
	"context"
	"slices"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/internal/node/miner"
)

// easyTries is among how many problems an editedPrompt chooses.
const easyTries = 16

// editedPrompt looks for an easy problem instead of taking the one that its hotkey, window and problem index give. All else is honest:
// tokens, proof and reward are those of the easy problem.
type editedPrompt struct{ *miner.Honest }

// Group takes the problem with the shortest prompt among many.
func (e *editedPrompt) Group(ctx context.Context, w miner.Window, index int64) ([]grail.Row, error) {
	own, err := e.Evaluator.PromptTokens(ctx, grail.EnvSeed(e.Address(), w.Hash, index))
	if err != nil {
		return nil, err
	}
	var seed uint32
	var prompt []int32
	for i := range int64(easyTries) {
		s := grail.EnvSeed(e.Address(), w.Hash, 1_000_000+index*easyTries+i)
		p, err := e.Evaluator.PromptTokens(ctx, s)
		if err != nil {
			return nil, err
		}
		// In a small dataset the own problem comes up again. To take that one would be honest.
		if !slices.Equal(p, own) && (prompt == nil || len(p) < len(prompt)) {
			seed, prompt = s, p
		}
	}
	if prompt == nil {
		return nil, &miner.Unfit{Check: verify.CheckPrompt, Reason: "there is no other problem to swap with"}
	}
	completions, err := e.Generate(ctx, w, index, prompt)
	if err != nil {
		return nil, err
	}
	proofs, grades, err := e.ProveAndGrade(ctx, w, seed, prompt, completions)
	if err != nil {
		return nil, err
	}
	rows, err := e.Assemble(w, index, prompt, completions, proofs, grades)
	if err != nil {
		return nil, err
	}
	return rows, miner.Sign(rows, e.Hotkey)
}
