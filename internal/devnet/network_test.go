package devnet

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/grail/windowfile"
	"github.com/nanteos/nanteos/internal/checkpoint"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/checkpoints"
	"github.com/nanteos/nanteos/internal/status"
)

// fast is a network with a window of a few seconds.
func fast(data string, miners int, cheaters ...string) Config {
	s := DefaultSettings()
	s.BlockTime, s.Miners, s.Cheaters = 200*time.Millisecond, miners, cheaters
	return Config{Settings: s, Data: data, Windows: 1}
}

// runNetwork opens and runs a network and returns what came of it.
func runNetwork(t *testing.T, cfg Config) (Report, []status.Event, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	registry := status.New(status.Options{})
	events := registry.Subscribe(1 << 16)
	n, err := Open(ctx, cfg, registry)
	if err != nil {
		t.Fatal(err)
	}
	report, err := n.Run(ctx)
	err = errors.Join(err, n.Close())
	events.Close()
	all, dropped, _ := events.Next(ctx)
	if dropped > 0 {
		t.Errorf("%d events were lost", dropped)
	}
	return report, all, err
}

// TestNetwork runs a whole network with all cheats, judges what it leaves behind again offline, and goes on with it.
func TestNetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("a network of several windows takes half a minute")
	}
	data := filepath.Join(t.TempDir(), "net")
	report, events, err := runNetwork(t, fast(data, 2, CheatNames()...))
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]string{"zero-sketch": "proof_valid", "copier": "copycat", "false-reward": "reward_valid", "other-model": "proof_valid", "edited-prompt": "env_prompt_valid"}
	for _, m := range report.Miners {
		t.Logf("%-14s judged %3d accepted %3d weight %.3f %+v", m.Name, m.Judged, m.Accepted, m.Weight, m.Caught)
		switch {
		case m.Honest && m.Caught != nil:
			t.Errorf("%s is honest and was refused: %+v", m.Name, m.Caught)
		case !m.Honest && (m.Weight != 0 || m.Accepted != 0):
			t.Errorf("%s got away with it", m.Name)
		case m.Caught != nil && m.Caught.Check != wanted[m.Name]:
			t.Errorf("%s was caught by %s, want %s", m.Name, m.Caught.Check, wanted[m.Name])
		case !m.Honest && m.Judged > 0 && m.Caught == nil:
			t.Errorf("%s was judged and not caught", m.Name)
		}
	}
	if report.Windows < 1 || report.FirstWeights <= 0 || report.Continued || report.Data != data {
		t.Errorf("report: %+v", report)
	}
	starts := map[string]int{}
	for _, e := range events {
		if e.Kind == status.Start {
			starts[e.Node]++
			if e.UID == nil {
				t.Errorf("%s starts without its number", e.Node)
			}
		}
	}
	for _, m := range DefaultSettings().Members()[:4] {
		if starts[m.Name] != 1 {
			t.Errorf("%s has started %d times", m.Name, starts[m.Name])
		}
	}
	if !t.Failed() {
		t.Run("evidence", func(t *testing.T) { judgeAgain(t, report) })
		t.Run("continue", func(t *testing.T) { goOn(t, data, report) })
	}
}

// judgeAgain checks every file of the evidence with nothing but the evidence, and expects the validator's verdict.
func judgeAgain(t *testing.T, report Report) {
	files := 0
	for _, m := range report.Miners {
		if m.File == "" || m.Caught != nil && m.Caught.Check == "copycat" {
			continue // a copy is only seen beside the other's file
		}
		path := filepath.Join(report.Evidence, m.File)
		e, err := ReadEvidence(path)
		if err != nil {
			t.Fatal(err)
		}
		rep := checkOffline(t, e, m.Hotkey, path)
		want := ""
		if m.Caught != nil {
			want = m.Caught.Check
		}
		if _, name, _ := strings.Cut(rep.Reason, ":"); name != want {
			t.Errorf("%s: offline %q, the validator said %q", m.Name, rep.Reason, want)
		}
		files++
	}
	if files < 2 {
		t.Errorf("the evidence holds %d files", files)
	}
	if _, err := ReadEvidence(filepath.Join(t.TempDir(), "window-30", "x.parquet")); !errors.Is(err, ErrNoEvidence) {
		t.Errorf("a file without evidence: %v", err)
	}
}

func checkOffline(t *testing.T, e Evidence, hotkey, path string) *verify.FileReport {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(e.Checkpoint, "metadata.json"))
	if err != nil {
		t.Fatal(err)
	}
	metadata, err := checkpoint.ParseMetadata(text)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := checkpoints.Policy(e.Rules, metadata)
	if err != nil {
		t.Fatal(err)
	}
	native, err := engine.Load(t.Context(), e.Checkpoint, engine.Options{Identity: engine.Identity{Name: policy.ModelName, CheckpointWindow: policy.Checkpoint}})
	if err != nil {
		t.Fatal(err)
	}
	defer native.Close()
	model := checkpoints.NewModel(native, policy)
	evaluator, err := node.NewEvaluator(e.Rules, model)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	file, err := windowfile.Open(f, info.Size(), windowfile.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	about := model.Engine.Info()
	c := verify.Checker{
		Rules: e.Rules, Evaluator: evaluator, Replayer: model.Engine,
		Window: verify.Window{Miner: hotkey, Start: e.Report.Window, Hash: e.Report.Hash, ChallengeRandomness: e.Report.Challenge, ExpectedBeacon: e.Report.Beacon,
			CheckpointWindow: &e.Report.Checkpoint, Params: &policy.Params, VocabSize: about.VocabSize, MaxLength: about.MaxLength, EOS: about.EOS},
	}
	rep, err := c.Check(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// goOn runs the network again on its folder: the chain grows, and what was known is known.
func goOn(t *testing.T, data string, before Report) {
	cfg := Config{Settings: DefaultSettings(), Data: data, Windows: 1}
	report, events, err := runNetwork(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !report.Continued || report.Head <= before.Head || report.Digest != before.Digest || report.Seed != before.Seed {
		t.Errorf("continued as %+v", report)
	}
	for _, e := range events {
		if e.Kind == status.Phase && e.Phase == "publishing" {
			t.Error("the checkpoint was published again")
		}
		if e.Kind == status.Weights && e.Weights[6] > 0 {
			t.Errorf("the histories are forgotten: a cheater has weight %v", e.Weights[6])
		}
	}
	for i, m := range report.Miners {
		if m.Hotkey != before.Miners[i].Hotkey {
			t.Errorf("%s has another hotkey", m.Name)
		}
	}
}

// TestNetworkEndsQuickly ends networks at odd moments.
func TestNetworkEndsQuickly(t *testing.T) {
	if testing.Short() {
		t.Skip("starts networks")
	}
	for _, after := range []time.Duration{0, 300 * time.Millisecond, 2 * time.Second} {
		ctx, cancel := context.WithCancel(t.Context())
		cfg := fast(t.TempDir(), 1, "zero-sketch")
		cfg.Windows = 0
		n, err := Open(ctx, cfg, status.New(status.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		var ended time.Time
		time.AfterFunc(after, func() {
			ended = time.Now()
			cancel()
		})
		report, err := n.Run(ctx)
		err = errors.Join(err, n.Close())
		if took := time.Since(ended); err != nil || took > 5*time.Second {
			t.Errorf("ended after %s: it took %s, error %v", after, took, err)
		}
		if report.Head < 30 {
			t.Errorf("ended after %s: the report is about block %d", after, report.Head)
		}
		cancel()
	}
}

func TestOpenEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cfg := fast(filepath.Join(t.TempDir(), "net"), 1)
	if n, err := Open(ctx, cfg, status.New(status.Options{})); err == nil {
		n.Close()
		t.Fatal("opened although the context had ended")
	}
	// Nothing is held: the folder can be opened afterwards.
	n, err := Open(t.Context(), cfg, status.New(status.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

// killed is set in the process that TestKill kills.
const killed = "NANTEOS_TEST_KILLED_DEVNET"

// TestKill kills networks with SIGKILL at several moments, and then lets one run to its end on the same folder.
func TestKill(t *testing.T) {
	if data := os.Getenv(killed); data != "" {
		cfg := fast(data, 1)
		cfg.Windows = 0
		_, _, err := runNetwork(t, cfg)
		t.Fatalf("the network has ended by itself: %v", err)
	}
	if testing.Short() {
		t.Skip("starts networks in processes of their own")
	}
	data := filepath.Join(t.TempDir(), "net")
	for _, after := range []time.Duration{150 * time.Millisecond, 700 * time.Millisecond, 2500 * time.Millisecond} {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestKill$")
		cmd.Env = append(os.Environ(), killed+"="+data)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(after)
		if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
	}
	report, _, err := runNetwork(t, fast(data, 1))
	if err != nil {
		t.Fatal(err)
	}
	if m := report.Miners[0]; m.Accepted == 0 || m.Caught != nil || m.Weight != 1 {
		t.Errorf("after three deaths: %+v", m)
	}
}
