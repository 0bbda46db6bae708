package checkpoint

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/grail/patch"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/model/safetensors"
)

// modelFolder makes a model whose weights follow from a number: the k-th weight of each tensor is 1 where bit k of step is set.
func modelFolder(t testing.TB, step int) string {
	t.Helper()
	dir := t.TempDir()
	values := func(n int) []uint16 {
		x := make([]uint16, n)
		for i := range x {
			x[i] = 0x3c00 + uint16(i)
			if i < 16 && step>>i&1 == 1 {
				x[i] ^= 1
			}
		}
		return x
	}
	err := safetensors.Write(filepath.Join(dir, "model.safetensors"), []safetensors.Tensor{
		safetensors.FromBF16("lm_head.weight", []int{20, 30}, values(600)),
		safetensors.FromBF16("model.norm.weight", []int{30}, values(30)),
	}, map[string]string{"format": "pt"})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"config.json": "{}", "tokenizer.json": "tokens", "canary.json": strings.Repeat("x", step%7)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func hashOf(t testing.TB, dir string) string {
	t.Helper()
	w, err := openWeights(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	h, err := patch.Hash(t.Context(), w.tensors)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// noWait does not wait.
func noWait(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func newPublisher(t testing.TB, b bucket.Bucket, dir string, change func(*PublisherConfig)) *Publisher {
	t.Helper()
	cfg := PublisherConfig{Bucket: b, Trainer: trainer, Dir: dir, WindowLength: 30, Interval: 3, Wait: noWait}
	if change != nil {
		change(&cfg)
	}
	p, err := NewPublisher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// read returns the metadata of a published checkpoint.
func read(t testing.TB, b bucket.Bucket, key string) Metadata {
	t.Helper()
	text, _, err := bucket.ReadAll(t.Context(), b, key, maxMetadataBytes)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseMetadata(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// follow applies a published patch to the weights of a folder and compares what comes out with the metadata's hash.
func follow(t testing.TB, b bucket.Bucket, base string, window int64, want string) {
	t.Helper()
	m := read(t, b, bucket.DeltaKey(window, metadataName))
	data, _, err := bucket.ReadAll(t.Context(), b, bucket.DeltaKey(window, deltaName), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	p, err := patch.Decode(t.Context(), data, patch.V31, patch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := openWeights(base)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	dst := make([]patch.Tensor, len(w.tensors))
	for i, x := range w.tensors {
		dst[i] = x
		dst[i].Data = slices.Clone(x.Data)
	}
	if _, err := patch.Apply(t.Context(), dst, w.tensors, []*patch.Patch{p}, patch.Options{}); err != nil {
		t.Fatal(err)
	}
	if got, err := patch.Hash(t.Context(), dst); err != nil || got != want || m.WeightsHash != want {
		t.Errorf("checkpoint %d leads to %s, metadata say %s, want %s: %v", window, got, m.WeightsHash, want, err)
	}
}

// TestPublisherSeries: a whole checkpoint, then patches that lead from one to the next, with a whole one beside them when the chain is long; each step as
// a new process.
func TestPublisherSeries(t *testing.T) {
	b, dir := newBucket(t), t.TempDir()
	var folders []string
	for i := range 9 {
		window := int64(300 + 30*i)
		folders = append(folders, modelFolder(t, i+1))
		p := newPublisher(t, b, dir, nil)
		done, err := p.Publish(t.Context(), folders[i], policyOf(t, window))
		if err != nil {
			t.Fatal(err)
		}
		again, err := p.Publish(t.Context(), folders[i], policyOf(t, window))
		if err != nil || again != done || p.Last() != window {
			t.Errorf("a second publication: %+v, %v", again, err)
		}
		if err := p.Ready(t.Context(), window, window+30); err != nil {
			t.Fatal(err)
		}
		if err := p.Clean(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := hashOf(t, folders[i])
		if i == 0 {
			if done.Type != Full || read(t, b, bucket.FullKey(window, metadataName)).WeightsHash != want {
				t.Errorf("the first publication: %+v", done)
			}
			continue
		}
		if done.Type != Delta || done.Reason != "" || done.Changed == 0 || done.Parameters != 630 || done.Bytes >= done.FullBytes {
			t.Errorf("publication %d: %+v", i, done)
		}
		m := read(t, b, bucket.DeltaKey(window, metadataName))
		if *m.PrevWindow != window-30 || m.Type != Delta || len(m.Manifest) != 3 {
			t.Errorf("publication %d: %+v", i, m)
		}
		follow(t, b, folders[i-1], window, want)
		whole := !slices.Contains(list(t, b), bucket.FullKey(window, Full))
		if due := window%90 == 0; due == whole {
			t.Errorf("checkpoint %d is there whole: %v", window, !whole)
		}
		if !whole && read(t, b, bucket.FullKey(window, metadataName)).WeightsHash != want {
			t.Errorf("checkpoint %d is another one whole", window)
		}
	}
}

// TestPublisherAdopts: what is in the bucket already is the base of the first patch.
func TestPublisherAdopts(t *testing.T) {
	b, dir, base, next := newBucket(t), t.TempDir(), modelFolder(t, 0), modelFolder(t, 5)
	p := newPublisher(t, b, dir, nil)
	if err := p.Adopt(t.Context(), base, 0); err != nil {
		t.Fatal(err)
	}
	if err := newPublisher(t, b, dir, nil).Adopt(t.Context(), base, 0); err != nil {
		t.Fatal(err)
	}
	if done, err := p.Publish(t.Context(), next, policyOf(t, 30)); err != nil || done.Type != Delta {
		t.Fatalf("%+v, %v", done, err)
	}
	follow(t, b, base, 30, hashOf(t, next))
}

// TestPublisherFallsBack: where a patch can't be had, the whole model goes, and the reason is told.
func TestPublisherFallsBack(t *testing.T) {
	for name, test := range map[string]struct {
		change func(t *testing.T, dir, next string)
		reason string
	}{
		"other weights are kept": {func(t *testing.T, dir, _ string) {
			from := modelFolder(t, 77)
			if err := os.Remove(filepath.Join(dir, lastDir, "model.safetensors")); err != nil {
				t.Fatal(err)
			}
			if err := linkOrCopy(filepath.Join(from, "model.safetensors"), filepath.Join(dir, lastDir, "model.safetensors")); err != nil {
				t.Fatal(err)
			}
		}, "are not those of checkpoint 300"},
		"nothing is kept": {func(t *testing.T, dir, _ string) {
			if err := os.RemoveAll(filepath.Join(dir, lastDir)); err != nil {
				t.Fatal(err)
			}
		}, "couldn't read weights"},
		"a weight has another shape": {func(t *testing.T, _, next string) {
			err := safetensors.Write(filepath.Join(next, "model.safetensors"), []safetensors.Tensor{
				safetensors.FromBF16("lm_head.weight", []int{600}, make([]uint16, 600)), safetensors.FromBF16("model.norm.weight", []int{30}, make([]uint16, 30)),
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
		}, "patch"},
		"every weight changes": {func(t *testing.T, _, next string) {
			x := make([]uint16, 600)
			for i := range x {
				x[i] = uint16(i * 40503)
			}
			err := safetensors.Write(filepath.Join(next, "model.safetensors"), []safetensors.Tensor{
				safetensors.FromBF16("lm_head.weight", []int{20, 30}, x), safetensors.FromBF16("model.norm.weight", []int{30}, x[:30]),
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
		}, "bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			b, dir, next := newBucket(t), t.TempDir(), modelFolder(t, 9)
			p := newPublisher(t, b, dir, nil)
			if _, err := p.Publish(t.Context(), modelFolder(t, 1), policyOf(t, 300)); err != nil {
				t.Fatal(err)
			}
			test.change(t, dir, next)
			done, err := p.Publish(t.Context(), next, policyOf(t, 330))
			if err != nil || done.Type != Full || !strings.Contains(done.Reason, test.reason) {
				t.Fatalf("%+v, %v", done, err)
			}
			if slices.ContainsFunc(list(t, b), func(k string) bool { return strings.Contains(k, "-330/DELTA/") }) {
				t.Error("half a patch is in the bucket")
			}
			if done, err := p.Publish(t.Context(), modelFolder(t, 10), policyOf(t, 360)); err != nil || name != "a weight has another shape" && name != "every weight changes" && done.Type != Delta {
				t.Errorf("the one after: %+v, %v", done, err)
			}
		})
	}
}

// TestPublisherRetries crosses each upload with each fault: what is told to be published is there, complete, and nothing is ready before.
func TestPublisherRetries(t *testing.T) {
	base, next := modelFolder(t, 1), modelFolder(t, 6)
	for _, fault := range []bucket.Fault{bucket.Fails, bucket.FailsButPersists} {
		for n := range 8 {
			inner, dir := newBucket(t), t.TempDir()
			if _, err := newPublisher(t, inner, dir, nil).Publish(t.Context(), base, policyOf(t, 300)); err != nil {
				t.Fatal(err)
			}
			puts := 0
			f := &bucket.Faulty{Bucket: inner, Choose: func(c bucket.Call) bucket.Fault {
				if c.Op == "put" {
					if puts++; puts-1 == n {
						return fault
					}
				}
				return bucket.Works
			}}
			p := newPublisher(t, f, dir, nil)
			done, err := p.Publish(t.Context(), next, policyOf(t, 330))
			if err != nil || done.Type != Delta {
				t.Fatalf("%s at upload %d: %+v, %v", fault, n, done, err)
			}
			if err := p.Ready(t.Context(), 330, 360); err != nil {
				t.Fatal(err)
			}
			follow(t, inner, base, 330, hashOf(t, next))
			if ready, err := Latest(t.Context(), inner, 390); err != nil || ready.Window != 330 {
				t.Errorf("%s at upload %d: %+v, %v", fault, n, ready, err)
			}
		}
	}
}

// TestPublisherGivesUp: a store that stays away is an error, a store that turns the keys away one at once; what was published before stays the last, and
// the next publication is a patch of it.
func TestPublisherGivesUp(t *testing.T) {
	base, next := modelFolder(t, 1), modelFolder(t, 6)
	inner, dir := newBucket(t), t.TempDir()
	if _, err := newPublisher(t, inner, dir, nil).Publish(t.Context(), base, policyOf(t, 300)); err != nil {
		t.Fatal(err)
	}
	away := true
	f := &bucket.Faulty{Bucket: inner, Choose: func(c bucket.Call) bucket.Fault {
		if away && c.Op == "put" {
			return bucket.Fails
		}
		return bucket.Works
	}}
	p := newPublisher(t, f, dir, nil)
	if _, err := p.Publish(t.Context(), next, policyOf(t, 330)); !errors.Is(err, bucket.ErrInjected) || p.Last() != 300 {
		t.Fatalf("a store that is away: %v", err)
	}
	if err := p.Ready(t.Context(), 330, 360); err == nil {
		t.Error("a marker that was not written is told to be there")
	}
	away = false
	done, err := p.Publish(t.Context(), next, policyOf(t, 360))
	if err != nil || done.Type != Delta {
		t.Fatalf("%+v, %v", done, err)
	}
	follow(t, inner, base, 360, hashOf(t, next))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Publish(ctx, base, policyOf(t, 390)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestPublisherDies: killed between any two calls of the store, a new process publishes the same checkpoint, and what is ready is whole.
func TestPublisherDies(t *testing.T) {
	base, next := modelFolder(t, 1), modelFolder(t, 6)
	for n := range 12 {
		inner, dir := newBucket(t), t.TempDir()
		if _, err := newPublisher(t, inner, dir, nil).Publish(t.Context(), base, policyOf(t, 300)); err != nil {
			t.Fatal(err)
		}
		ctx, die := context.WithCancel(t.Context())
		f := &bucket.Faulty{Bucket: inner, Choose: func(c bucket.Call) bucket.Fault {
			if c.N == n {
				die()
			}
			return bucket.Works
		}}
		p := newPublisher(t, f, dir, nil)
		_, err := p.Publish(ctx, next, policyOf(t, 330))
		if err == nil {
			_ = p.Ready(ctx, 330, 360)
		}
		die()
		q := newPublisher(t, inner, dir, nil)
		if _, err := q.Publish(t.Context(), next, policyOf(t, 330)); err != nil {
			t.Fatalf("after call %d: %v", n, err)
		}
		if err := q.Ready(t.Context(), 330, 360); err != nil {
			t.Fatal(err)
		}
		follow(t, inner, base, 330, hashOf(t, next))
	}
}

func TestPublisherRefuses(t *testing.T) {
	b, dir := newBucket(t), t.TempDir()
	p := newPublisher(t, b, dir, nil)
	m := policyOf(t, 30)
	m.ThinkingMode = ""
	if _, err := p.Publish(t.Context(), modelFolder(t, 1), m); !errors.Is(err, ErrPolicy) {
		t.Errorf("metadata without a mode: %v", err)
	}
	if _, err := p.Publish(t.Context(), t.TempDir(), policyOf(t, 30)); !errors.Is(err, ErrFiles) {
		t.Errorf("an empty folder: %v", err)
	}
	if len(list(t, b)) != 0 {
		t.Error("something was published")
	}
	if err := os.WriteFile(filepath.Join(dir, publisherFile), []byte(`{"version":99}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewPublisher(PublisherConfig{Bucket: b, Trainer: trainer, Dir: dir, WindowLength: 30}); !errors.Is(err, ErrMetadata) {
		t.Errorf("a state of another version: %v", err)
	}
}

// TestRetainKeepsWhatIsUsed: faults remove nothing, and the checkpoint in use stays with all that it is applied to.
func TestRetainKeepsWhatIsUsed(t *testing.T) {
	inner, dir := newBucket(t), t.TempDir()
	for i := range 40 {
		window := int64(3000 + 30*i)
		p := newPublisher(t, inner, dir, func(c *PublisherConfig) { c.Interval = 10; c.Retention.Every = 1000 })
		if _, err := p.Publish(t.Context(), modelFolder(t, i), policyOf(t, window)); err != nil {
			t.Fatal(err)
		}
		if i == 12 { // the last one that became ready
			if err := p.Ready(t.Context(), window, window+30); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.whole(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	before := list(t, inner)
	for _, op := range []string{"list", "get"} {
		f := &bucket.Faulty{Bucket: inner, Choose: bucket.Plan(op, bucket.Fails)}
		if removed, err := Retain(t.Context(), f, 30, 10, Retention{}); err == nil || len(removed) > 0 {
			t.Errorf("a %s that fails: removed %v, %v", op, removed, err)
		}
	}
	if !slices.Equal(before, list(t, inner)) {
		t.Error("a fault removed something")
	}
	removed, err := Retain(t.Context(), inner, 30, 10, Retention{})
	if err != nil || len(removed) == 0 {
		t.Fatalf("removed %v, %v", removed, err)
	}
	used := int64(3000 + 30*12)
	m := read(t, inner, bucket.DeltaKey(used, metadataName))
	for at := used; ; at = *m.PrevWindow {
		if slices.Contains(removed, at) {
			t.Errorf("checkpoint %d is gone, which %d is applied to", at, used)
			break
		}
		if at == *m.AnchorWindow {
			break
		}
		m = read(t, inner, bucket.DeltaKey(at, metadataName))
	}
}
