package engine

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/grpo"
	"github.com/nanteos/nanteos/grail/verify"
)

// foreign is an engine of other arithmetic: the native one behind another type, with an error added to its log-probabilities.
type foreign struct {
	Engine
	shift float64
}

func (f foreign) Replay(ctx context.Context, requests []verify.ReplayRequest, params grail.GenerationParams) ([]verify.Replay, error) {
	out, err := f.Engine.Replay(ctx, requests, params)
	for _, r := range out {
		for i := range r.LogProbs {
			r.LogProbs[i] += f.shift
		}
	}
	return out, err
}

// TestCanary: the same weights sing the same song, after one small step they sing another, and engines of other arithmetic are
// given some room.
func TestCanary(t *testing.T) {
	dir := baseFolder(t)
	made, err := MakeCanary(t.Context(), NewLibrary(Config{}), dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseCanary(made.JSON())
	if err != nil {
		t.Fatal(err)
	}
	load := func(dir string) *Native {
		n, err := Load(t.Context(), dir, Options{Identity: Identity{Name: "m", CheckpointWindow: 30}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.Close)
		return n
	}
	same := load(dir)
	if err := c.Check(t.Context(), same); err != nil {
		t.Error(err)
	}
	tr := openTrainer(t, dir, TrainOptions{})
	cfg := grpo.DefaultConfig()
	if _, err := cfg.Epoch(t.Context(), tr, nil, []grpo.Group{sampled(t, dir, shortSampling)}, 1e-4, nil); err != nil {
		t.Fatal(err)
	}
	next := filepath.Join(t.TempDir(), "next")
	if err := tr.Save(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	moved := load(next)
	if err := c.Check(t.Context(), moved); !errors.Is(err, ErrCanary) || !strings.Contains(err.Error(), "checkpoint 30") {
		t.Errorf("weights of another step: %v", err)
	}
	for _, test := range []struct {
		shift float64
		ok    bool
	}{{0, true}, {0.05, true}, {0.3, false}, {math.NaN(), false}} {
		if err := c.Check(t.Context(), foreign{same, test.shift}); (err == nil) != test.ok || err != nil && !errors.Is(err, ErrCanary) {
			t.Errorf("log-probabilities off by %v: %v", test.shift, err)
		}
	}
}

func TestParseCanaryRefuses(t *testing.T) {
	digest := strings.Repeat("ab", 32)
	song := `{"tokens":[1,2,3],"prompt_length":1,"log_probs":[-1,-2]}`
	good := `{"version":1,"digest":"` + digest + `","songs":[` + song + `]}`
	if _, err := ParseCanary([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing":            ``,
		"another version":    strings.Replace(good, `"version":1`, `"version":2`, 1),
		"no digest":          strings.Replace(good, digest, "", 1),
		"no songs":           strings.Replace(good, song, "", 1),
		"too few figures":    strings.Replace(good, "[-1,-2]", "[-1]", 1),
		"a prompt of all":    strings.Replace(good, `"prompt_length":1`, `"prompt_length":3`, 1),
		"no prompt":          strings.Replace(good, `"prompt_length":1`, `"prompt_length":0`, 1),
		"figures of another": strings.Replace(good, "[-1,-2]", `["a","b"]`, 1),
		"too large":          good + strings.Repeat(" ", maxCanary),
	} {
		if _, err := ParseCanary([]byte(text)); !errors.Is(err, ErrCanary) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseCanary(f *testing.F) {
	f.Add([]byte(`{"version":1,"digest":"` + strings.Repeat("ab", 32) + `","songs":[{"tokens":[1,2,3],"prompt_length":1,"log_probs":[-1,-2]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCanary(b)
		if err != nil {
			return
		}
		if _, err := ParseCanary(c.JSON()); err != nil {
			t.Errorf("what was read can't be read again: %v", err)
		}
	})
}
