package devnet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/windowfile"
	"github.com/nanteos/nanteos/internal/environments"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/model/base"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/catalog"
	"github.com/nanteos/nanteos/task/dataset"
)

// sampleKit is what this machine has for environments, with the program's own datasets.
func sampleKit(t *testing.T) *environments.Kit {
	t.Helper()
	k := environments.New(environments.Config{Samples: true, DataDir: t.TempDir()})
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

// Every environment has a network: its settings are in order, and its problems fit in the context of the model.
func TestEveryEnvironmentFits(t *testing.T) {
	for _, id := range catalog.IDs() {
		s := DefaultSettings()
		s.Environment = id
		s.Adapt(nil)
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		r, err := s.Rules(time.Unix(1_700_000_000, 0))
		if err != nil || r.DefaultEnvironment != id || r.EnvironmentQuirks {
			t.Errorf("%s: rules for %s, %v", id, r.DefaultEnvironment, err)
		}
		if p := s.sampling(); p.MaxTokens < r.MinCompletionTokens || p.Temperature <= 0 {
			t.Errorf("%s is sampled with %+v", id, p)
		}
		groups := 0
		for _, m := range s.Members() {
			if m.Role == Miner && m.Groups < 1 {
				t.Errorf("%s: %s makes no groups", id, m.Name)
			}
			groups += m.Groups
		}
		if id != sat && groups != s.Miners+len(s.Cheaters) {
			t.Errorf("%s: %d groups a window", id, groups)
		}
	}
	s := DefaultSettings()
	s.Environment = "triton_kernel"
	if s.Adapt([]string{FlagBlockTime}); s.BlockTime != DefaultSettings().BlockTime {
		t.Errorf("blocks every %s, though the user said otherwise", s.BlockTime)
	}
	if s.Adapt(nil); s.BlockTime <= DefaultSettings().BlockTime {
		t.Errorf("blocks every %s for prompts of thousands of tokens", s.BlockTime)
	}
}

func TestWriteBaseLengthens(t *testing.T) {
	read := func(dir string) (length float64, others int) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, "config.json"))
		if err != nil {
			t.Fatal(err)
		}
		var c map[string]any
		if err := json.Unmarshal(text, &c); err != nil {
			t.Fatal(err)
		}
		length, _ = c["max_position_embeddings"].(float64)
		return length, len(c)
	}
	plain, long := filepath.Join(t.TempDir(), "base"), filepath.Join(t.TempDir(), "base")
	if err := errors.Join(writeBase(plain, 0), writeBase(long, 8192)); err != nil {
		t.Fatal(err)
	}
	length, fields := read(plain)
	longer, same := read(long)
	if length != 1024 || longer != 8192 || fields != same {
		t.Errorf("contexts of %v and %v, %d and %d fields", length, longer, fields, same)
	}
	a, err := os.ReadFile(filepath.Join(long, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := base.FS().Open("model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if st, err := file.Stat(); err != nil || st.Size() != int64(len(a)) {
		t.Errorf("%d bytes of weights, %v", len(a), err)
	}
}

// TestNetworkOfWordProblems runs a network on an environment with a dataset, judges what it leaves behind again, and goes on with it only on the same data.
func TestNetworkOfWordProblems(t *testing.T) {
	if testing.Short() {
		t.Skip("a network of two windows")
	}
	k := sampleKit(t)
	cfg := fast(filepath.Join(t.TempDir(), "net"), 1, "false-reward", "edited-prompt")
	cfg.Environment, cfg.Tools, cfg.Describe = "gsm8k", k.Tools, k.Describe
	report, _, err := runNetwork(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	own, err := dataset.Sample("gsm8k")
	if err != nil {
		t.Fatal(err)
	}
	if report.Environment != "gsm8k" || report.Dataset != own.Digest {
		t.Errorf("the report tells of %s with dataset %s", report.Environment, report.Dataset)
	}
	wanted := map[string]string{"false-reward": "reward_valid", "edited-prompt": "env_prompt_valid"}
	for _, m := range report.Miners {
		switch {
		case m.Honest && (m.Caught != nil || m.Accepted == 0):
			t.Errorf("%s has %d accepted rollouts, caught: %+v", m.Name, m.Accepted, m.Caught)
		case m.Honest:
			if got := datasetOf(t, filepath.Join(report.Evidence, m.File)); got != own.Digest {
				t.Errorf("%s's file names the dataset %q", m.Name, got)
			}
		case !m.Honest && (m.Weight != 0 || m.Accepted != 0):
			t.Errorf("%s got away with it", m.Name)
		case m.Caught != nil && m.Caught.Check != wanted[m.Name]:
			t.Errorf("%s was caught by %s", m.Name, m.Caught.Check)
		}
	}
	// The folder remembers the data. Others, or none, are refused before anything starts.
	for name, tools := range map[string]func(string, task.Options) (task.Tools, error){
		"none":    nil,
		"another": func(string, task.Options) (task.Tools, error) { return task.Tools{Data: oneRow{}}, nil },
	} {
		again := cfg
		again.Tools = tools
		_, err := Open(t.Context(), again, status.New(status.Options{}))
		if !errors.Is(err, node.ErrPolicy) || hintOf(err) == "" {
			t.Errorf("%s: %v, hint %q", name, err, hintOf(err))
		}
		if name == "another" && !errors.Is(err, node.ErrDataset) {
			t.Errorf("another dataset: %v", err)
		}
	}
	n, err := Open(t.Context(), cfg, status.New(status.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if title := n.Title(); !strings.Contains(title, "network of gsm8k of the built-in sample") || !strings.Contains(title, own.Digest[:12]) {
		t.Errorf("title: %s", title)
	}
}

// datasetOf reads which dataset a window file names.
func datasetOf(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := windowfile.Open(bytes.NewReader(text), int64(len(text)), windowfile.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	return m.Dataset
}

// oneRow is another dataset of gsm8k.
type oneRow struct{}

func (oneRow) Open(context.Context, string) (*dataset.Set, error) {
	rows := make([]dataset.Row, 20)
	for i := range rows {
		rows[i] = dataset.Row{"question": strings.Repeat("One? ", i+1), "answer": "#### 1"}
	}
	return dataset.New("gsm8k", "test", "none", map[string][]dataset.Row{"main/train": rows, "main/test": slices.Clone(rows)})
}

// What a network can't have on this machine is said before anything is started, with what to do.
func TestNetworkNeedsTools(t *testing.T) {
	cfg := Config{Settings: DefaultSettings(), Data: filepath.Join(t.TempDir(), "net")}
	cfg.Environment = "mbpp"
	_, err := Open(t.Context(), cfg, status.New(status.Options{}))
	if !errors.Is(err, task.ErrNoTool) || !strings.Contains(hintOf(err), "nanteos doctor") {
		t.Errorf("got %v, hint %q", err, hintOf(err))
	}
	if r, ok := grail.RulesByName("reference"); !ok || !r.EnvironmentQuirks {
		t.Error("the reference has no quirks")
	}
}
