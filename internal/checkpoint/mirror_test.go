package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nanteos/nanteos/internal/bucket"
)

// named is a bucket with a name, whose bodies may be changed.
type named struct {
	bucket.Bucket
	name string
	body func(key string, r io.ReadCloser, info *bucket.Info) io.ReadCloser
	gets atomic.Int64
}

func (n *named) Name() string { return n.name }

func (n *named) Get(ctx context.Context, key string) (io.ReadCloser, bucket.Info, error) {
	n.gets.Add(1)
	r, info, err := n.Bucket.Get(ctx, key)
	if err == nil && n.body != nil {
		r = n.body(key, r, &info)
	}
	return r, info, err
}

// stuck is a body that gives nothing until it is closed.
type stuck struct {
	closed chan struct{}
	once   sync.Once
}

func (s *stuck) Read([]byte) (int, error) { <-s.closed; return 0, os.ErrClosed }
func (s *stuck) Close() error             { s.once.Do(func() { close(s.closed) }); return nil }

// dripping gives a byte a second.
type dripping struct{ io.ReadCloser }

func (d dripping) Read(p []byte) (int, error) {
	time.Sleep(time.Second)
	return d.ReadCloser.Read(p[:min(1, len(p))])
}

func TestMirrors(t *testing.T) {
	faulty := func(fault bucket.Fault) func(b bucket.Bucket) *named {
		return func(b bucket.Bucket) *named {
			return &named{Bucket: &bucket.Faulty{Bucket: b, Choose: func(bucket.Call) bucket.Fault { return fault }}, name: "bad"}
		}
	}
	bodies := func(change func(r io.ReadCloser, info *bucket.Info) io.ReadCloser) func(b bucket.Bucket) *named {
		return func(b bucket.Bucket) *named {
			return &named{Bucket: b, name: "bad", body: func(_ string, r io.ReadCloser, info *bucket.Info) io.ReadCloser { return change(r, info) }}
		}
	}
	for _, c := range []struct {
		name string
		bad  func(b bucket.Bucket) *named
		want error
	}{
		{"other bytes", bodies(func(r io.ReadCloser, info *bucket.Info) io.ReadCloser {
			r.Close()
			return io.NopCloser(bytes.NewReader(make([]byte, info.Size)))
		}), ErrFiles},
		{"bytes without end", bodies(func(r io.ReadCloser, info *bucket.Info) io.ReadCloser {
			r.Close()
			info.Size = 1
			return io.NopCloser(io.MultiReader(strings.NewReader("x"), endless{}))
		}), ErrFiles},
		{"a huge object", bodies(func(r io.ReadCloser, info *bucket.Info) io.ReadCloser { info.Size = 1 << 50; return r }), ErrFiles},
		{"cut off", faulty(bucket.Truncates), bucket.ErrInjected},
		{"errors", faulty(bucket.Fails), bucket.ErrInjected},
		{"nothing", func(bucket.Bucket) *named { return &named{Bucket: newBucket(t), name: "bad"} }, bucket.ErrNotFound},
		{"silence", bodies(func(r io.ReadCloser, _ *bucket.Info) io.ReadCloser {
			r.Close()
			return &stuck{closed: make(chan struct{})}
		}), errSlow},
		{"drops", bodies(func(r io.ReadCloser, _ *bucket.Info) io.ReadCloser { return dripping{r} }), errSlow},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHistory(t, 3)
			origin, good, bad := &named{Bucket: h, name: "trainer"}, &named{Bucket: h, name: "good"}, c.bad(h)
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				cache, err := OpenCache(dir, Limits{FileBytes: 1 << 20, TotalBytes: 1 << 21})
				if err != nil {
					t.Fatal(err)
				}
				got, report, err := cache.FetchFrom(t.Context(), []bucket.Bucket{origin, bad, good}, 90, trainerKey())
				if err != nil {
					t.Fatal(err)
				}
				h.check(t, got)
				if len(report.Dropped) != 1 || report.Dropped[0].Bucket != "bad" || !errors.Is(report.Dropped[0].Err, c.want) {
					t.Errorf("dropped are %v", report.Dropped)
				}
				if good.gets.Load() == 0 {
					t.Error("the good mirror was not asked")
				}
			})
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// The trainer's bucket gives metadata and no more: the files come from a mirror. A mirror can't make a checkpoint of its own, though.
func TestMirrorAlone(t *testing.T) {
	h := newHistory(t, 3)
	origin := &bucket.Faulty{Bucket: h, Choose: func(c bucket.Call) bucket.Fault {
		if c.Op == "get" && !strings.HasSuffix(c.Key, "/"+metadataName) && !strings.HasSuffix(c.Key, signatureName) {
			return bucket.Fails
		}
		return bucket.Works
	}}
	if _, err := hasty(t, Limits{}).Fetch(t.Context(), origin, 90, trainerKey()); !errors.Is(err, bucket.ErrInjected) {
		t.Fatal(err)
	}
	mirror := &named{Bucket: h, name: "mirror"}
	got, report, err := hasty(t, Limits{}).FetchFrom(t.Context(), []bucket.Bucket{origin, mirror}, 90, trainerKey())
	if err != nil {
		t.Fatal(err)
	}
	h.check(t, got)
	if len(report.Dropped) != 1 || report.Dropped[0].Bucket != h.Name() {
		t.Errorf("dropped are %v", report.Dropped)
	}
	if _, _, err := hasty(t, Limits{}).FetchFrom(t.Context(), []bucket.Bucket{newBucket(t), mirror}, 90, trainerKey()); !errors.Is(err, ErrNone) {
		t.Errorf("a mirror alone: %v", err)
	}
	if _, _, err := hasty(t, Limits{}).FetchFrom(t.Context(), nil, 90, trainerKey()); !errors.Is(err, ErrNone) {
		t.Errorf("nobody to ask: %v", err)
	}
	// Everybody lies: nothing comes of it, and all are named.
	lie := func(name string) *named {
		return &named{Bucket: h, name: name, body: func(key string, r io.ReadCloser, info *bucket.Info) io.ReadCloser {
			if strings.HasSuffix(key, "/"+metadataName) || strings.HasSuffix(key, signatureName) {
				return r
			}
			r.Close()
			return io.NopCloser(bytes.NewReader(make([]byte, info.Size)))
		}}
	}
	c := hasty(t, Limits{})
	_, report, err = c.FetchFrom(t.Context(), []bucket.Bucket{lie("a"), lie("b")}, 90, trainerKey())
	if !errors.Is(err, ErrFiles) || len(report.Dropped) != 2 {
		t.Errorf("%v, dropped are %v", err, report.Dropped)
	}
	h.checkCache(t, c)
}
