package miner

import (
	"context"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/checkpoints"
	"github.com/nanteos/nanteos/model/base"
	"github.com/nanteos/nanteos/task"
)

// TestRealModel makes groups with the embedded model and checks them with a real replay, under both rule sets: what an honest miner makes passes.
func TestRealModel(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	must(t, base.WriteTo(dir))
	native, err := engine.Load(ctx, dir, engine.Options{Identity: engine.Identity{Name: "nanteos-base", CheckpointWindow: -30}})
	must(t, err)
	policy := node.Policy{Checkpoint: -30, ModelName: native.Info().Name, EnvID: "sat", Mode: task.Instructed,
		Params: grail.GenerationParams{MaxTokens: 512, Temperature: 1, TopP: 1, RepetitionPenalty: 1}}
	model := checkpoints.NewModel(native, policy)
	defer model.Release()
	key := sr25519.NewKeypair([32]byte{3})
	w := Window{Window: node.Window{Start: 0, Hash: "0xaa", Randomness: "bb", Bound: true}, Block: 1, Checkpoint: -30}
	for name, rules := range map[string]grail.Rules{"hardened": grail.Hardened(), "reference": grail.Reference()} {
		evaluator, err := node.NewEvaluator(rules, model)
		must(t, err)
		h := &Honest{Rules: rules, Hotkey: key, Model: model, Evaluator: evaluator, Secret: []byte("s")}
		p := Preflight{Rules: rules, Miner: h.Address(), Model: model, Evaluator: evaluator}
		kept, tries := 0, 6
		for index := range int64(tries) {
			start := time.Now()
			rows, err := h.Group(ctx, w, index)
			if err == nil {
				err = p.Group(ctx, w, rows, index < 2)
			}
			if err != nil {
				t.Logf("%s: group %d: %v", name, index, err)
				continue
			}
			kept++
			reward := 0.0
			for i := range rows {
				reward += rows[i].Commit.Rollout.TotalReward / float64(len(rows))
			}
			t.Logf("%s: group %d in %s, %d tokens in its first row, mean reward %.2f", name, index, time.Since(start).Round(time.Millisecond), len(rows[0].Commit.Tokens), reward)
		}
		if kept == 0 {
			t.Errorf("%s: none of %d groups passed", name, tries)
		}
	}
}
