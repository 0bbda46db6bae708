package devnet

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/internal/environments"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/checkpoints"
	"github.com/nanteos/nanteos/internal/node/miner"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/catalog"
)

// bench is an honest miner of a network without a network.
type bench struct {
	n      *Network
	member Member
	honest *miner.Honest
	check  miner.Preflight
	window miner.Window
}

func newBench(t *testing.T, rules string) *bench { return newBenchOf(t, rules, sat) }

// newBenchOf makes a bench of an environment with what is on this machine.
func newBenchOf(t *testing.T, rules, env string) *bench {
	t.Helper()
	s := DefaultSettings()
	s.RulesName, s.Environment = rules, env
	r, err := s.Rules(time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	n := &Network{rules: r, members: s.Members(), library: engine.NewLibrary(engine.Config{}), folder: &folder{root: t.TempDir(), made: made{Settings: s}}}
	if err := writeBase(n.baseDir(), shapeOf(env).context); err != nil {
		t.Fatal(err)
	}
	native, err := n.library.Load(t.Context(), n.baseDir(), engine.Identity{Name: ModelName})
	if err != nil {
		t.Fatal(err)
	}
	model := checkpoints.NewModel(native, node.Policy{ModelName: ModelName, EnvID: env, Params: s.sampling(), Mode: s.mode()})
	kit := environments.New(environments.Config{Samples: true})
	n.environments = &node.Environments{Tools: kit.Tools}
	model.Environments = n.environments
	t.Cleanup(func() {
		if err := kit.Close(); err != nil {
			t.Error(err)
		}
		for _, giveBack := range n.borrowed {
			giveBack()
		}
		model.Release()
		if left := n.library.Loaded(); left != 0 {
			t.Errorf("%d models are still in memory", left)
		}
	})
	evaluator, err := node.NewEvaluator(r, model)
	if errors.Is(err, task.ErrNoTool) {
		t.Skipf("%v; nanteos doctor --env %s says what to do", err, env)
	}
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{n: n, member: n.members[2]}
	hash := "0x" + strings.Repeat("5a", 32)
	b.window = miner.Window{Window: node.Window{Start: 30, Hash: hash, Randomness: grail.MixRandomness(hash, "round"), Round: 1, Bound: r.BindBeacon}, Block: 31}
	b.honest = &miner.Honest{Rules: r, Hotkey: b.member.Hotkey, Model: model, Evaluator: evaluator, Secret: b.member.Secret}
	b.check = miner.Preflight{Rules: r, Miner: b.member.Address(), Model: model, Evaluator: evaluator}
	return b
}

// verdict is the check that a group of the worker fails, empty where it passes them all.
func (b *bench) verdict(t *testing.T, w miner.Worker) string {
	t.Helper()
	for index := range int64(64) {
		rows, err := w.Group(t.Context(), b.window, index)
		var unfit *miner.Unfit
		if errors.As(err, &unfit) {
			continue // a group with which the cheat has nothing to do
		}
		if err != nil {
			t.Fatal(err)
		}
		err = b.check.Group(t.Context(), b.window, rows, true)
		if errors.As(err, &unfit) {
			return unfit.Check
		}
		if err != nil {
			t.Fatal(err)
		}
		return ""
	}
	t.Fatal("no group was made")
	return ""
}

// TestCheatsBreakOnePromise holds each cheat against a validator's checks: it fails the one that it is about, so what it signs and claims
// besides is right.
func TestCheatsBreakOnePromise(t *testing.T) {
	b := newBench(t, "hardened")
	if got := b.verdict(t, b.honest); got != "" {
		t.Fatalf("an honest group fails %s", got)
	}
	if b.n.worker(b.member) != nil {
		t.Error("an honest member gets a worker of its own")
	}
	for name, want := range map[string]string{
		"zero-sketch": verify.CheckProof, "false-reward": verify.CheckReward, "other-model": verify.CheckProof, "edited-prompt": verify.CheckPrompt,
	} {
		cheater := b.member
		cheater.Kind = name
		if got := b.verdict(t, b.n.worker(cheater)(b.honest)); got != want {
			t.Errorf("%s fails %q, want %q", name, got, want)
		}
	}
}

// TestCheatsInEveryEnvironment makes a group of every environment, and lies about rewards and problems: honest noise is accepted, lies are caught by
// the check that they are about. The two other cheats lie about the model, which is the same everywhere.
func TestCheatsInEveryEnvironment(t *testing.T) {
	for _, env := range catalog.IDs() {
		if env == sat || env == "python_code" { // the one is above, the other is mbpp
			continue
		}
		t.Run(env, func(t *testing.T) {
			if testing.Short() && env == "triton_kernel" {
				t.Skip("prompts of thousands of tokens")
			}
			b := newBenchOf(t, "hardened", env)
			if got := b.verdict(t, b.honest); got != "" {
				t.Fatalf("an honest group fails %s", got)
			}
			for name, want := range map[string]string{"false-reward": verify.CheckReward, "edited-prompt": verify.CheckPrompt} {
				cheater := b.member
				cheater.Kind = name
				if got := b.verdict(t, b.n.worker(cheater)(b.honest)); got != want {
					t.Errorf("%s fails %q, want %q", name, got, want)
				}
			}
		})
	}
}

// TestReferenceRulesMissCheats keeps what the hardened rules are for: the reference's tolerance takes zeros for sketches.
func TestReferenceRulesMissCheats(t *testing.T) {
	b := newBench(t, "reference")
	if got := b.verdict(t, b.honest); got != "" {
		t.Fatalf("an honest group fails %s", got)
	}
	if got := b.verdict(t, &zeroSketch{b.honest}); got != "" {
		t.Errorf("zeros fail %s under the rules of the reference; the documentation says that they pass", got)
	}
}

// TestFitting holds that a copier only takes completions that pass every check behind its own prompts.
func TestFitting(t *testing.T) {
	b := newBench(t, "hardened")
	victim := *b.honest
	victim.Hotkey = b.n.members[3].Hotkey
	rows, err := victim.Group(t.Context(), b.window, 0)
	if err != nil {
		t.Fatal(err)
	}
	var stolen [][]int32
	for i := range rows {
		stolen = append(stolen, rows[i].Commit.Completion())
	}
	c := &copier{Honest: b.honest, now: time.Now}
	seed := grail.EnvSeed(c.Address(), b.window.Hash, 0)
	prompt, err := c.Evaluator.PromptTokens(t.Context(), seed)
	if err != nil {
		t.Fatal(err)
	}
	fit, err := c.fitting(t.Context(), b.window, prompt, stolen, 4)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fit {
		if !slices.ContainsFunc(stolen, func(s []int32) bool { return slices.Equal(s, f) }) {
			t.Error("a completion is not one of the victim's")
		}
	}
	completions, err := c.Generate(t.Context(), b.window, 0, prompt)
	if err != nil {
		t.Fatal(err)
	}
	copy(completions, fit)
	proofs, grades, err := c.ProveAndGrade(t.Context(), b.window, seed, prompt, completions)
	if err != nil {
		t.Fatal(err)
	}
	mixed, err := c.Assemble(b.window, 0, prompt, completions, proofs, grades)
	if err != nil {
		t.Fatal(err)
	}
	if err := miner.Sign(mixed, c.Hotkey); err != nil {
		t.Fatal(err)
	}
	if err := b.check.Group(t.Context(), b.window, mixed, true); err != nil {
		t.Errorf("a group with copies fails the checks of a single file: %v", err)
	}
	// Nothing that ends as it should is nothing to copy.
	var unfit *miner.Unfit
	broken := [][]int32{slices.Repeat([]int32{65}, 64)}
	if _, err := c.fitting(t.Context(), b.window, prompt, broken, 1); !errors.As(err, &unfit) {
		t.Errorf("nonsense fits: %v", err)
	}
}

func TestCopierEndsWithItsContext(t *testing.T) {
	c := &copier{now: time.Now}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, d := range []time.Duration{-time.Second, time.Hour} {
		if err := c.sleep(ctx, d); !errors.Is(err, context.Canceled) {
			t.Errorf("slept %s: %v", d, err)
		}
	}
}

func TestNoisyModelIsMadeOnce(t *testing.T) {
	b := newBench(t, "hardened")
	first, err := b.n.noisyModel(t.Context(), b.honest.Model.Policy)
	if err != nil {
		t.Fatal(err)
	}
	second, err := b.n.noisyModel(t.Context(), b.honest.Model.Policy)
	if err != nil {
		t.Fatal(err)
	}
	if first.Engine.Info() != second.Engine.Info() || first.Engine.Info().Name != ModelName {
		t.Errorf("%+v and %+v", first.Engine.Info(), second.Engine.Info())
	}
	if n := b.n.library.Loaded(); n != 2 {
		t.Errorf("%d models are in memory, want the checkpoint and the other one", n)
	}
	if err := makeNoisy(filepath.Join(t.TempDir(), "nothing"), t.TempDir(), 1); err == nil {
		t.Error("a model was made of nothing")
	}
}
