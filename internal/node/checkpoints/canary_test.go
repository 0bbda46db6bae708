package checkpoints_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/checkpoint"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/checkpoints"
	"github.com/nanteos/nanteos/model/base"
	"github.com/nanteos/nanteos/model/safetensors"
)

// nudged makes a model folder whose weights differ a little from the base model's, with its canary or somebody else's.
func nudged(t *testing.T, step int, canaryOf string) string {
	t.Helper()
	dir := t.TempDir()
	if err := base.WriteTo(dir); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []safetensors.Tensor
	for _, name := range f.Names() {
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		x.Data = slices.Clone(x.Data)
		if name == "model.norm.weight" {
			for i := range step {
				x.Data[2*i] ^= 1 << 4
			}
		}
		all = append(all, x)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range must(filepath.Glob(filepath.Join(dir, "model*.safetensors*"))) {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := safetensors.Write(filepath.Join(dir, "model.safetensors"), all, map[string]string{"format": "pt"}); err != nil {
		t.Fatal(err)
	}
	if canaryOf == "" {
		canaryOf = dir
	}
	c, err := engine.MakeCanary(t.Context(), engine.NewLibrary(engine.Config{}), canaryOf)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, engine.CanaryName), c.JSON(), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

// A network's life: a whole checkpoint, a patch, a patch whose canary is the one of the model before, and a good one again. The bad one is refused, the model
// in use stays, and the next patch leads on.
func TestStoreSwitches(t *testing.T) {
	s, reg := newStore(t, nil)
	bkt := reg.bucket
	p, err := checkpoint.NewPublisher(checkpoint.PublisherConfig{Bucket: bkt, Trainer: trainer, Dir: t.TempDir(), WindowLength: 30, Interval: 100})
	if err != nil {
		t.Fatal(err)
	}
	first, second := nudged(t, 1, ""), nudged(t, 20, "")
	third := nudged(t, 60, second)
	for i, dir := range []string{first, second, third, nudged(t, 90, "")} {
		window := int64(60 + 30*i)
		m := metadata(t, func(m *checkpoint.Metadata) { m.Window, m.ModelName = window, "step" })
		if done, err := p.Publish(t.Context(), dir, m); err != nil || i > 0 && done.Type != checkpoint.Delta {
			t.Fatalf("%+v, %v", done, err)
		}
		if err := p.Ready(t.Context(), window, window); err != nil {
			t.Fatal(err)
		}
	}
	var used *node.Model
	for _, c := range []struct {
		window int64
		want   error
	}{{60, nil}, {90, nil}, {120, node.ErrPolicy}, {150, nil}} {
		label, err := s.Latest(t.Context(), c.window+1)
		if err != nil || label != c.window {
			t.Fatalf("latest: %d, %v", label, err)
		}
		m, err := s.Load(t.Context(), label)
		if !errors.Is(err, c.want) {
			t.Fatalf("checkpoint %d: %v, want %v", label, err, c.want)
		}
		if c.want != nil {
			if !errors.Is(err, engine.ErrCanary) {
				t.Errorf("refused for %v", err)
			}
			t.Log(err)
			if out, err := used.Engine.Generate(t.Context(), []node.Request{{Prompt: []int32{1, 2, 3}, Seed: 1}}, used.Policy.Params); err != nil || len(out) != 1 {
				t.Errorf("the model in use is gone: %v", err)
			}
			continue
		}
		if m.Policy.Checkpoint != label || m.Policy.ModelName != "step" || m.Policy.EnvID != "sat" {
			t.Errorf("policy is %+v", m.Policy)
		}
		if used != nil {
			used.Release()
			used.Release() // once is enough
		}
		used = m
	}
	used.Release()
	if s.Library.Loaded() != 0 {
		t.Errorf("%d models left in memory", s.Library.Loaded())
	}
}

// A canary that can't be read is no permission, and a mirror that lies is named.
func TestStoreCanaryAndMirrors(t *testing.T) {
	s, reg := newStore(t, nil)
	dir := nudged(t, 1, "")
	if err := os.WriteFile(filepath.Join(dir, engine.CanaryName), []byte(`{"version": 9}`), 0o644); err != nil {
		t.Fatal(err)
	}
	files, err := checkpoint.Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	m := metadata(t, func(m *checkpoint.Metadata) { m.Window = 60 })
	if _, err := checkpoint.Publish(t.Context(), reg.bucket, dir, files, m, trainer); err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.MarkReady(t.Context(), reg.bucket, 60, 60); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), 60); !errors.Is(err, engine.ErrCanary) || !errors.Is(err, node.ErrPolicy) {
		t.Errorf("got %v", err)
	}
	liar, err := bucket.OpenDir(bucket.DirConfig{Root: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if _, err := bucket.PutBytes(t.Context(), liar, bucket.FullKey(30, name), []byte("lies"), bucket.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	var told []checkpoint.Dropped
	s = &checkpoints.Store{Rules: s.Rules, Buckets: reg, Cache: s.Cache, Library: s.Library, Mirrors: []node.Bucket{liar},
		Dropped: func(_ int64, d checkpoint.Dropped) { told = append(told, d) }}
	loaded, err := s.Load(t.Context(), 30)
	if err != nil {
		t.Fatal(err)
	}
	loaded.Release()
	if len(told) != 1 || told[0].Bucket != liar.Name() || !errors.Is(told[0].Err, checkpoint.ErrFiles) {
		t.Errorf("told of %v", told)
	}
}
