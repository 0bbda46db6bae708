package devnet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/grail/windowfile"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/miner"
)

// Of a copier's group, one rollout in copyShare is another miner's. More would show in the distribution of its probabilities, since the
// completions answer other problems; fewer would not be worth it.
const copyShare = 4

// copyPoll is how often a copier looks for files.
const copyPoll = 250 * time.Millisecond

// copier waits until an honest miner has uploaded, reads the file with the keys that this miner has published on the chain, and puts some of
// the completions behind its own prompts. It proves and grades them anew and signs with its own key, so all nine checks pass: only who
// compares the files of all miners sees it.
type copier struct {
	*miner.Honest
	peers   *node.Peers
	victims []string
	now     func() time.Time
}

func (n *Network) copier(m Member, h *miner.Honest) *copier {
	c := &copier{Honest: h, peers: node.NewPeers(n.chain, n.peer(m)), now: time.Now}
	for _, v := range n.members {
		if v.Kind == Honest {
			c.victims = append(c.victims, v.Address())
		}
	}
	return c
}

// Group makes a group of which a quarter is copied.
func (c *copier) Group(ctx context.Context, w miner.Window, index int64) ([]grail.Row, error) {
	seed := grail.EnvSeed(c.Address(), w.Hash, index)
	prompt, err := c.Evaluator.PromptTokens(ctx, seed)
	if err != nil {
		return nil, err
	}
	completions, err := c.Generate(ctx, w, index, prompt)
	if err != nil {
		return nil, err
	}
	stolen, err := c.steal(ctx, w.Start)
	if err != nil {
		return nil, err
	}
	stolen, err = c.fitting(ctx, w, prompt, stolen, len(completions)/copyShare)
	if err != nil {
		return nil, err
	}
	copy(completions, stolen)
	proofs, grades, err := c.ProveAndGrade(ctx, w, seed, prompt, completions)
	if err != nil {
		return nil, err
	}
	rows, err := c.Assemble(w, index, prompt, completions, proofs, grades)
	if err != nil {
		return nil, err
	}
	return rows, miner.Sign(rows, c.Hotkey)
}

// steal waits for the first file of a victim and returns its completions.
func (c *copier) steal(ctx context.Context, window int64) ([][]int32, error) {
	for {
		if err := c.peers.Refresh(ctx); err != nil {
			return nil, err
		}
		for _, victim := range c.victims {
			b, err := c.peers.Bucket(victim)
			if err != nil {
				continue
			}
			key := bucket.WindowKey(victim, window)
			info, err := b.Head(ctx, key)
			if errors.Is(err, bucket.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("couldn't look at the file of %s: %w", victim, err)
			}
			// The store tells times in whole seconds. A copy with the victim's own time could as well be the original.
			if err := c.sleep(ctx, info.LastModified.Add(time.Second).Sub(c.now())); err != nil {
				return nil, err
			}
			return completionsOf(ctx, b, info)
		}
		if err := c.sleep(ctx, copyPoll); err != nil {
			return nil, err
		}
	}
}

func (c *copier) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func completionsOf(ctx context.Context, b node.Bucket, info bucket.Info) ([][]int32, error) {
	f, err := windowfile.Open(bucket.NewReaderAt(ctx, b, info), info.Size, windowfile.Limits{})
	if err != nil {
		return nil, err
	}
	var out [][]int32
	err = f.Scan(ctx, windowfile.Digests, 0, f.NumRows(), func(_ int64, row *grail.Row) error {
		out = append(out, slices.Clone(row.Commit.Completion()))
		return nil
	})
	return out, err
}

// fitting picks n completions that can stand behind the prompt: the model must hold their end for likely.
func (c *copier) fitting(ctx context.Context, w miner.Window, prompt []int32, completions [][]int32, n int) ([][]int32, error) {
	r, err := grail.NewCoefficients(w.Randomness)
	if err != nil {
		return nil, err
	}
	var sequences []node.Sequence
	for _, t := range completions[:min(len(completions), c.Rules.GroupSize)] {
		if len(prompt)+len(t) <= c.Model.Engine.Info().MaxLength && len(t) >= c.Rules.MinCompletionTokens {
			sequences = append(sequences, node.Sequence{Tokens: slices.Concat(prompt, t), PromptLength: len(prompt)})
		}
	}
	proofs, err := c.Model.Engine.Prove(ctx, sequences, r)
	if err != nil {
		return nil, err
	}
	type candidate struct {
		tokens []int32
		end    float64
	}
	limit := min(c.Model.Policy.Params.MaxTokens, c.Rules.MaxCompletionTokens) // a completion of this length needs no end
	var likely []candidate
	for i, p := range proofs {
		if end := math.Exp(p.LogProbs[len(p.LogProbs)-1]); end > 2*c.Rules.MinEOSProbability || len(p.LogProbs)-len(prompt) == limit {
			likely = append(likely, candidate{sequences[i].Tokens[len(prompt):], end})
		}
	}
	if len(likely) < n {
		return nil, &miner.Unfit{Check: verify.CheckTermination, Reason: fmt.Sprintf("only %d of the copied completions would pass", len(likely))}
	}
	slices.SortStableFunc(likely, func(a, b candidate) int { return cmp.Compare(b.end, a.end) })
	out := make([][]int32, n)
	for i := range out {
		out[i] = likely[i].tokens
	}
	return out, nil
}
