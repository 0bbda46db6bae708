package checkpoints_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"testing"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/checkpoint"
	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/checkpoints"
	"github.com/nanteos/nanteos/model/base"
)

var trainer = sr25519.NewKeypair([32]byte{1})

// register is a chain with the trainer on it.
type register struct {
	bucket    node.Bucket
	hotkey    string
	known     bool
	refreshes int
	err       error
	next      node.Bucket // what the next refresh finds
}

func (r *register) Refresh(context.Context) error {
	r.refreshes++
	if r.err != nil {
		return r.err
	}
	if r.known = true; r.next != nil {
		r.bucket, r.next = r.next, nil
	}
	return nil
}

func (r *register) ByUID(uid int) (node.Bucket, string, error) {
	if !r.known || uid != 0 || r.bucket == nil {
		return nil, "", node.ErrNoBucket
	}
	return r.bucket, r.hotkey, nil
}

func metadata(t testing.TB, change func(*checkpoint.Metadata)) checkpoint.Metadata {
	t.Helper()
	parse := func(text string) cpython.Value {
		v, err := cpython.ParseJSON([]byte(text), cpython.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	m := checkpoint.Metadata{
		Window: 30, ModelName: "nanteos-base", CreatedAt: 1, GitCommit: "unknown", EnvID: "sat", EnvParams: parse("{}"), ThinkingMode: "instructed",
		GenerationParams: parse(`{"max_tokens": 64, "temperature": 1.0, "top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0}`),
	}
	if change != nil {
		change(&m)
	}
	return m
}

func newStore(t testing.TB, change func(*checkpoint.Metadata)) (*checkpoints.Store, *register) {
	t.Helper()
	dir := t.TempDir()
	if err := base.WriteTo(dir); err != nil {
		t.Fatal(err)
	}
	b, err := bucket.OpenDir(bucket.DirConfig{Root: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	files, err := checkpoint.Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := checkpoint.Publish(t.Context(), b, dir, files, metadata(t, change), trainer); err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.MarkReady(t.Context(), b, 30, 30); err != nil {
		t.Fatal(err)
	}
	cache, err := checkpoint.OpenCache(t.TempDir(), checkpoint.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	r := &register{bucket: b, hotkey: ss58.EncodeBittensor(trainer.Public())}
	return &checkpoints.Store{Rules: grail.Hardened(), Buckets: r, Cache: cache, Library: engine.NewLibrary(engine.Config{})}, r
}

// From the trainer's bucket to a group that a validator can replay, with the embedded model.
func TestStore(t *testing.T) {
	s, reg := newStore(t, nil)
	if _, err := s.Latest(t.Context(), 30); !errors.Is(err, node.ErrNoCheckpoint) {
		t.Errorf("before it is ready: %v", err)
	}
	label, err := s.Latest(t.Context(), 60)
	if err != nil || label != 30 || reg.refreshes != 2 {
		t.Fatalf("latest: %d, %v after %d refreshes", label, err, reg.refreshes)
	}
	m, err := s.Load(t.Context(), label)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Release()
	if m.Policy.Checkpoint != 30 || m.Policy.ModelName != "nanteos-base" || m.Policy.Params.MaxTokens != 64 || m.Policy.EnvID != "sat" {
		t.Errorf("policy is %+v", m.Policy)
	}
	if info := m.Engine.Info(); info.Name != "nanteos-base" || info.CheckpointWindow != 30 || info.EOS < 0 {
		t.Errorf("info is %+v", info)
	}
	evaluator, err := node.NewEvaluator(s.Rules, m)
	if err != nil {
		t.Fatal(err)
	}
	prompt, err := evaluator.PromptTokens(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	made, err := m.Engine.Generate(t.Context(), []node.Request{{Prompt: prompt, Seed: 1}, {Prompt: prompt, Seed: 2}}, m.Policy.Params)
	if err != nil {
		t.Fatal(err)
	}
	r, err := grail.NewCoefficients("abcd")
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range made {
		if _, err := evaluator.Grade(t.Context(), 7, c.Tokens); err != nil {
			t.Error(err)
		}
		tokens := append(slices.Clone(prompt), c.Tokens...)
		proofs, err := m.Engine.Prove(t.Context(), []node.Sequence{{Tokens: tokens, PromptLength: len(prompt)}}, r)
		if err != nil {
			t.Fatal(err)
		}
		replays, err := m.Engine.Replay(t.Context(), []verify.ReplayRequest{{Tokens: tokens, PromptLength: len(prompt), Coefficients: r}}, m.Policy.Params)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(proofs[0].Sketches, replays[0].Sketches) || !slices.Equal(proofs[0].LogProbs, replays[0].LogProbs) {
			t.Errorf("completion %d: proof and replay differ", i)
		}
	}
	// A second node shares the weights; the last Release frees them.
	again, err := s.Load(t.Context(), label)
	if err != nil || s.Library.Loaded() != 1 {
		t.Fatalf("second load: %v, %d models", err, s.Library.Loaded())
	}
	again.Release()
	m.Release()
	if s.Library.Loaded() != 0 {
		t.Errorf("%d models left in memory", s.Library.Loaded())
	}
}

// denies is a bucket that turns its readers away.
type denies struct {
	node.Bucket
	err error
}

func (d denies) Get(context.Context, string) (io.ReadCloser, bucket.Info, error) {
	return nil, bucket.Info{}, d.err
}

func (d denies) GetRange(context.Context, string, int64, int64, string) ([]byte, error) {
	return nil, d.err
}
func (d denies) Head(context.Context, string) (bucket.Info, error) { return bucket.Info{}, d.err }
func (d denies) List(context.Context, string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) { yield(bucket.Info{}, d.err) }
}

// A trainer that changes its keys or moves is found again, and the chain is asked no more often than that takes.
func TestStoreFollowsTheTrainer(t *testing.T) {
	denied := func(err error) node.Bucket { return denies{err: err} }
	for name, refusal := range map[string]error{"new keys": bucket.ErrAccessDenied, "moved": bucket.ErrNoBucket} {
		t.Run(name, func(t *testing.T) {
			s, reg := newStore(t, nil)
			if _, err := s.Latest(t.Context(), 60); err != nil {
				t.Fatal(err)
			}
			reg.next, reg.bucket = reg.bucket, denied(refusal)
			if label, err := s.Latest(t.Context(), 60); err != nil || label != 30 {
				t.Errorf("latest in the same window: %d, %v", label, err)
			}
			if reg.refreshes != 2 {
				t.Errorf("the chain was asked %d times, want 2", reg.refreshes)
			}
			reg.next, reg.bucket = reg.bucket, denied(refusal)
			m, err := s.Load(t.Context(), 30)
			if err != nil {
				t.Fatalf("load: %v", err)
			}
			m.Release()
		})
	}
	t.Run("still turned away", func(t *testing.T) {
		s, reg := newStore(t, nil)
		reg.bucket = denied(bucket.ErrAccessDenied)
		for range 3 {
			if _, err := s.Latest(t.Context(), 60); !errors.Is(err, bucket.ErrAccessDenied) {
				t.Errorf("latest: %v", err)
			}
		}
		if reg.refreshes != 4 { // one for the window, and one for each call
			t.Errorf("the chain was asked %d times, want 4", reg.refreshes)
		}
	})
	t.Run("once a window", func(t *testing.T) {
		s, reg := newStore(t, nil)
		for _, window := range []int64{60, 60, 60, 90, 90} {
			if _, err := s.Latest(t.Context(), window); err != nil {
				t.Fatal(err)
			}
		}
		if reg.refreshes != 2 {
			t.Errorf("the chain was asked %d times in two windows", reg.refreshes)
		}
	})
	t.Run("chain away", func(t *testing.T) {
		s, reg := newStore(t, nil)
		if _, err := s.Latest(t.Context(), 60); err != nil {
			t.Fatal(err)
		}
		reg.err = errors.New("out of reach")
		if label, err := s.Latest(t.Context(), 90); err != nil || label != 30 {
			t.Errorf("what was known is not used: %d, %v", label, err)
		}
		reg.err = nil
		if _, err := s.Latest(t.Context(), 90); err != nil || reg.refreshes != 3 {
			t.Errorf("%v after %d refreshes, want 3", err, reg.refreshes)
		}
	})
}

func TestStoreRefuses(t *testing.T) {
	t.Run("sampling out of range", func(t *testing.T) {
		s, _ := newStore(t, func(m *checkpoint.Metadata) {
			m.GenerationParams, _ = cpython.ParseJSON([]byte(`{"max_tokens": 64, "temperature": 9, "top_p": 1, "top_k": 0, "repetition_penalty": 1}`), cpython.Limits{})
		})
		if _, err := s.Load(t.Context(), 30); !errors.Is(err, node.ErrPolicy) {
			t.Errorf("got %v, want ErrPolicy", err)
		}
	})
	t.Run("not there", func(t *testing.T) {
		s, _ := newStore(t, nil)
		if _, err := s.Load(t.Context(), 60); !errors.Is(err, node.ErrNoCheckpoint) {
			t.Errorf("got %v, want ErrNoCheckpoint", err)
		}
	})
	t.Run("signed by another", func(t *testing.T) {
		s, reg := newStore(t, nil)
		reg.hotkey = ss58.EncodeBittensor(sr25519.NewKeypair([32]byte{2}).Public())
		if _, err := s.Load(t.Context(), 30); !errors.Is(err, checkpoint.ErrSignature) {
			t.Errorf("got %v, want ErrSignature", err)
		}
	})
	t.Run("no trainer", func(t *testing.T) {
		s, reg := newStore(t, nil)
		reg.bucket = nil
		if _, err := s.Latest(t.Context(), 60); !errors.Is(err, node.ErrNoBucket) {
			t.Errorf("latest: %v", err)
		}
		if _, err := s.Load(t.Context(), 30); !errors.Is(err, node.ErrNoBucket) {
			t.Errorf("load: %v", err)
		}
	})
	t.Run("chain out of reach", func(t *testing.T) {
		s, reg := newStore(t, nil)
		reg.err = errors.New("out of reach")
		if _, err := s.Latest(t.Context(), 60); !errors.Is(err, reg.err) || errors.Is(err, node.ErrNoCheckpoint) {
			t.Errorf("latest: %v", err)
		}
	})
	t.Run("no model", func(t *testing.T) {
		s, _ := newStore(t, nil)
		b, _, err := func() (node.Bucket, string, error) { s.Buckets.Refresh(t.Context()); return s.Buckets.ByUID(0) }()
		if err != nil {
			t.Fatal(err)
		}
		m := metadata(t, func(m *checkpoint.Metadata) { m.Window = 60 })
		dir := t.TempDir()
		if err := base.WriteTo(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := checkpoint.Publish(t.Context(), b, dir, []string{"config.json", "tokenizer.json"}, m, trainer); err != nil {
			t.Fatal(err)
		}
		if err := checkpoint.MarkReady(t.Context(), b, 60, 60); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load(t.Context(), 60); !errors.Is(err, node.ErrPolicy) {
			t.Errorf("got %v, want ErrPolicy", err)
		}
	})
}
