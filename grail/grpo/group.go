package grpo

import (
	"math"
	"slices"
)

// Row is what a trainer takes from a row of a window file.
type Row struct {
	// Miner is the hotkey of the file's owner, Group the text of the row's rollout_group, Nonce its place in it.
	Miner, Group string
	Nonce        int64
	// Tokens are prompt and completion, of the lengths Prompt and Completion.
	Tokens             []int32
	Prompt, Completion int
	Reward             float64
	Success            bool
	// LogProbs are the miner's: one a token, or one a token of the completion.
	LogProbs []float64
	// Damaged says that a field could not be read. It takes the whole group away.
	Damaged bool
}

// Rollout is one member of a group.
type Rollout struct {
	Nonce              int64
	Tokens             []int32
	Prompt, Completion int
	Reward             float64
	Success            bool
	Advantage          float64
	LogProbs           []float64 // as in Row
}

// Group is what one miner sampled for one problem.
type Group struct {
	// Key orders groups within an epoch: the number of the group as text, and unless Quirks, the miner before it.
	Key      string
	Miner    string
	Rollouts []Rollout
}

// usable says whether the trainer can learn from the row (B4, step 4).
func (r Row) usable() bool {
	if r.Damaged || len(r.LogProbs) == 0 || r.Prompt < 0 || r.Completion < 0 {
		return false
	}
	for _, l := range r.LogProbs {
		if math.IsNaN(l) || math.IsInf(l, 0) {
			return false
		}
	}
	return len(r.LogProbs) >= r.Prompt+r.Completion || len(r.LogProbs) == r.Completion
}

// Assemble puts rows into groups, in the order of their first rows (B4, steps 3 to 5); a group with a row that can't be used is left out, and so is a row
// without a group. Advantages are those of the estimator. The error wraps ErrConfig.
func (c Config) Assemble(rows []Row) ([]Group, error) {
	index := map[[2]string]int{}
	var groups []Group
	var bad []bool
	for _, r := range rows {
		if r.Group == "" {
			continue
		}
		key, name := [2]string{r.Miner, r.Group}, r.Miner+"/"+r.Group
		if c.Quirks {
			key[0], name = "", r.Group
		}
		i, ok := index[key]
		if !ok {
			i = len(groups)
			index[key] = i
			groups, bad = append(groups, Group{Key: name, Miner: r.Miner}), append(bad, false)
		}
		bad[i] = bad[i] || !r.usable()
		groups[i].Rollouts = append(groups[i].Rollouts, Rollout{
			Nonce: r.Nonce, Tokens: r.Tokens, Prompt: r.Prompt, Completion: r.Completion, Reward: r.Reward, Success: r.Success, LogProbs: r.LogProbs,
		})
	}
	out := make([]Group, 0, len(groups))
	for i, g := range groups {
		if bad[i] {
			continue
		}
		a, err := c.Advantages(g.Rewards())
		if err != nil {
			return nil, err
		}
		for k := range g.Rollouts {
			g.Rollouts[k].Advantage = a[k]
		}
		out = append(out, g)
	}
	return slices.Clip(out), nil
}

// Rewards are those of the members, in order.
func (g Group) Rewards() []float64 {
	out := make([]float64, len(g.Rollouts))
	for i, r := range g.Rollouts {
		out[i] = r.Reward
	}
	return out
}
