package base

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tinyPlan takes a second.
func tinyPlan() Plan {
	m := Mixture{Arithmetic: 0.1, Uniform: 0.3, MaxVariables: 6}
	careless := m
	careless.Careless = 0.5
	return Plan{
		Seed: 7, BatchTokens: 400, Warmup: 3, Beta2: 0.98, WeightDecay: 0.01,
		Phases: []Phase{
			{Name: "one", Mixture: m, Tokens: 1500, Rate: 1e-3, Final: 5e-4},
			{Name: "two", Mixture: careless, Tokens: 1500, Rate: 5e-4, Final: 1e-4},
		},
	}
}

func released(t *testing.T, plan Plan, opt Options) []byte {
	t.Helper()
	trainer, err := Train(context.Background(), plan, opt)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := WriteFolder(dir, trainer); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// An interrupted run that is taken up again, on another number of threads,
// ends in the same bytes as one that ran through.
func TestResumedTrainingIsExact(t *testing.T) {
	plan := tinyPlan()
	whole := released(t, plan, Options{})
	folder := t.TempDir()
	for _, stop := range []int64{300, 800, 1600, 2300} {
		if _, err := Train(context.Background(), plan, Options{Folder: folder, StopTokens: stop, Threads: 1, Every: time.Nanosecond}); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	parts := released(t, plan, Options{Folder: folder, Log: &log})
	if !strings.Contains(log.String(), "continuing at step") {
		t.Errorf("the last part started afresh:\n%s", log.String())
	}
	if !bytes.Equal(whole, parts) {
		t.Error("interrupted and uninterrupted training give different weights")
	}
	if final, err := os.ReadFile(filepath.Join(folder, modelFolder, "model.safetensors")); err != nil || !bytes.Equal(final, whole) {
		t.Errorf("the checkpoint's model isn't the final one (%v)", err)
	}
	other := plan
	other.Seed++
	if _, err := Train(context.Background(), other, Options{Folder: folder}); !errors.Is(err, ErrOtherPlan) {
		t.Errorf("a checkpoint of another plan gives %v, want ErrOtherPlan", err)
	}
	if bytes.Equal(whole, released(t, other, Options{})) {
		t.Error("two seeds give the same weights")
	}
}

func TestTrainingEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	folder := t.TempDir()
	if _, err := Train(ctx, tinyPlan(), Options{Folder: folder}); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled training gives %v", err)
	}
	if _, err := os.Stat(filepath.Join(folder, progressFile)); err != nil {
		t.Errorf("no checkpoint after cancelling: %v", err)
	}
}

func planText(t *testing.T) string {
	b, err := json.Marshal(tinyPlan())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestBrokenCheckpoint(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"not JSON", "{"},
		{"no state", `{"state":"x","progress":{"plan":` + planText(t) + `}}`},
	} {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, progressFile), []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Train(context.Background(), tinyPlan(), Options{Folder: folder}); err == nil {
			t.Errorf("%s: no error", c.name)
		}
	}
}
