package trainer

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/checkpoint"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
)

// TestWholeWindows trains through three windows.
func TestWholeWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		stop, _ := w.start()
		for window := int64(10); window <= 30; window += 10 {
			w.act(window)
		}
		w.until(48)
		w.check(stop())
		for window := int64(10); window <= 30; window += 10 {
			r := w.report(window)
			if r == nil || r.Miners != 2 || r.Groups != 8 || r.Refused != 0 || r.Metrics.Steps == 0 {
				t.Errorf("window %d: %+v\n%s", window, r, w.log)
			}
		}
		s := w.state()
		if s.Turn != 3 || s.Window != 40 || !s.Published || s.Parent != 30 || s.Loop.Epoch != 3 || s.Loop.Loaded != 30 || s.Loop.Completed != 2 {
			t.Errorf("state is %+v", s)
		}
		if got, want := w.markers(), (map[int64][]int64{0: {0}, 20: {20}, 30: {30}, 40: {40}}); !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("markers %v", got)
		}
		types := ""
		for _, e := range w.log.of(status.Published) {
			types += e.Text + " "
		}
		if types != "FULL DELTA DELTA DELTA " {
			t.Errorf("published %s", types)
		}
		if f := w.log.of(status.Fault); len(f) != 0 {
			t.Errorf("faults: %v", f)
		}
		w.isPublished(40)
	})
}

// isPublished holds what peers get for a label against the current turn's model.
func (w *world) isPublished(label int64) {
	w.t.Helper()
	cache, err := checkpoint.OpenCache(w.t.TempDir(), checkpoint.Limits{})
	w.check(err)
	key, _, err := ss58.Decode(w.address(teacher))
	w.check(err)
	c, err := cache.Fetch(context.Background(), w.buckets[teacher], label, &key)
	w.check(err)
	for _, name := range []string{"model.safetensors", "canary.json"} {
		got, err := os.ReadFile(filepath.Join(c.Dir, name))
		w.check(err)
		want, err := os.ReadFile(filepath.Join(w.turnDir(), modelName, name))
		w.check(err)
		if name == "canary.json" && string(got) != string(want) {
			w.t.Errorf("checkpoint %d has the canary %s, want %s", label, got, want)
		}
	}
}

// TestAdopted begins with a model that is in the bucket already.
func TestAdopted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		w.adopted = new(int64(0))
		model := filepath.Join(t.TempDir(), "base")
		w.check((&pupil{w: w}).Save(t.Context(), model))
		w.initial = model
		stop, _ := w.start()
		w.act(10)
		w.until(28)
		w.check(stop())
		if got := w.markers(); len(got) != 1 || len(got[20]) != 1 {
			t.Errorf("markers %v\n%s", got, w.log)
		}
		if p := w.log.of(status.Published); len(p) != 1 || p[0].Text != checkpoint.Delta {
			t.Errorf("published %v", p)
		}
	})
}

// TestKilled kills a trainer at every step. Whenever that is, the same weights come out as of an undisturbed run, each checkpoint is published once, under
// its own label, and is that of the undisturbed run.
func TestKilled(t *testing.T) {
	play := func(t *testing.T, kill func(w *world, die func())) (weights string, canaries map[int64]string) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			dead := make(chan struct{})
			var once sync.Once
			kill(w, func() { once.Do(func() { close(dead) }) })
			played := make(chan struct{})
			go func() {
				defer close(played)
				for window := int64(10); window <= 30; window += 10 {
					w.act(window)
				}
				w.until(48)
			}()
			stop, ended := w.start()
			select {
			case <-dead:
				w.cancel()
				if err := <-ended; err != nil && !errors.Is(err, errKilled) {
					t.Errorf("ended with %v", err)
				}
				w.probe, w.own = nil, w.buckets[teacher]
				stop, _ = w.start()
				<-played
			case <-played:
			}
			w.check(stop())
			weights = w.weights()
			canaries = map[int64]string{}
			for label, ready := range w.markers() {
				key := bucket.FullKey(label, "canary.json")
				if label > 0 {
					key = bucket.DeltaKey(label, "canary.json")
				}
				text, _, err := bucket.ReadAll(context.Background(), w.buckets[teacher], key, 1<<10)
				if err != nil { // a patch that couldn't be made any more
					text, _, err = bucket.ReadAll(context.Background(), w.buckets[teacher], bucket.FullKey(label, "canary.json"), 1<<10)
				}
				w.check(err)
				canaries[label] = string(text)
				if len(ready) != 1 || ready[0] != label {
					t.Errorf("checkpoint %d is ready in %v", label, ready)
				}
			}
			w.isPublished(40)
			if t.Failed() {
				t.Logf("\n%s", w.log)
			}
		})
		return weights, canaries
	}
	steps := 0
	var asked atomic.Int64
	var names []string
	want, sung := play(t, func(w *world, _ func()) {
		w.probe = func(name string) bool { steps++; names = append(names, name); return false }
		w.own = &mortal{Bucket: w.own, die: func() bool { asked.Add(1); return false }}
	})
	calls := int(asked.Load())
	if len(sung) != 4 || steps < 60 || calls < 20 {
		t.Fatalf("%d checkpoints, %d steps, %d calls of the bucket", len(sung), steps, calls)
	}
	check := func(t *testing.T, got string, canaries map[int64]string) {
		if got != want {
			t.Errorf("weights are %.20s, without a crash %.20s", got, want)
		}
		if !maps.Equal(canaries, sung) {
			t.Errorf("published %v, without a crash %v", canaries, sung)
		}
	}
	stride := 1
	if testing.Short() {
		stride = 9
	}
	for at := 1; at <= steps; at += stride {
		t.Run("step "+names[at-1], func(t *testing.T) {
			t.Parallel()
			got, canaries := play(t, func(w *world, die func()) {
				var n atomic.Int64
				w.probe = func(string) bool {
					if n.Add(1) == int64(at) {
						die()
						return true
					}
					return false
				}
			})
			check(t, got, canaries)
		})
	}
	for at := 1; at <= calls; at += stride {
		t.Run("bucket", func(t *testing.T) {
			t.Parallel()
			got, canaries := play(t, func(w *world, die func()) {
				var n atomic.Int64
				w.own = &mortal{Bucket: w.own, die: func() bool {
					if n.Add(1) >= int64(at) {
						die()
						return true
					}
					return false
				}}
			})
			check(t, got, canaries)
		})
	}
	t.Logf("%d steps, %d calls of the bucket", steps, calls)
}

// mortal is a bucket whose user dies at a call.
type mortal struct {
	bucket.Bucket
	die func() bool
}

var errDead = errors.New("dead")

func (m *mortal) Put(ctx context.Context, key string, body io.ReaderAt, size int64, o bucket.PutOptions) (bucket.Info, error) {
	if m.die() {
		return bucket.Info{}, errDead
	}
	return m.Bucket.Put(ctx, key, body, size, o)
}

func (m *mortal) Delete(ctx context.Context, key string) error {
	if m.die() {
		return errDead
	}
	return m.Bucket.Delete(ctx, key)
}

// TestEngineTrouble lets the engine fail in the middle of an epoch. The weights that it has spoilt are never used.
func TestEngineTrouble(t *testing.T) {
	run := func(outer *testing.T, trouble func(call string, p *pupil) error, sing func(string) error) (w *world) {
		dir := outer.TempDir()
		synctest.Test(outer, func(t *testing.T) {
			w = newWorld(t)
			w.dir = dir
			defer w.end()
			w.trouble = trouble
			if inner := w.sing; sing != nil {
				w.sing = func(ctx context.Context, dir string) ([]byte, error) {
					if err := sing(dir); err != nil {
						return nil, err
					}
					return inner(ctx, dir)
				}
			}
			stop, _ := w.start()
			w.act(10)
			w.act(20)
			w.until(38)
			w.check(stop())
			w.seen = w.markers()
		})
		w.t = outer
		return w
	}
	want := run(t, nil, nil).weights()
	counting := func(call string, from, to int) func(string, *pupil) error {
		n := 0
		return func(c string, p *pupil) error {
			if c == call {
				if n++; n >= from && n < to {
					return errors.New("out of memory")
				}
			}
			return nil
		}
	}
	for _, c := range []struct {
		name    string
		trouble func(string, *pupil) error
	}{
		{"score", counting("score", 2, 3)},
		{"backward", counting("backward", 3, 5)},
		{"step", counting("step", 2, 3)},
		{"save", counting("save", 2, 4)},
		{"save state", counting("save state", 2, 3)},
		{"dies", func() func(string, *pupil) error {
			n := 0
			return func(call string, p *pupil) error {
				if n++; call == "step" && n < 20 {
					n, p.dead = 20, true
					return errors.New("signal: killed")
				}
				return nil
			}
		}()},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := run(t, c.trouble, nil)
			if got := w.weights(); got != want || len(w.log.of(status.Fault)) == 0 {
				t.Errorf("weights %.20s, want %.20s\n%s", got, want, w.log)
			}
		})
	}
	t.Run("canary", func(t *testing.T) {
		n := 0
		w := run(t, nil, func(string) error {
			if n++; n == 2 {
				return errors.New("no space left on device")
			}
			return nil
		})
		if got := w.weights(); got != want {
			t.Errorf("weights %.20s, want %.20s\n%s", got, want, w.log)
		}
	})
	t.Run("a whole window", func(t *testing.T) {
		w := run(t, counting("step", 1, 1+attempts), nil)
		if s := w.state(); s.Turn != 1 || s.Loop.Loaded != 20 || len(w.log.of(status.Fault)) != attempts {
			t.Errorf("state %+v\n%s", s, w.log)
		}
		if m := w.seen; len(m) != 2 || len(m[30]) != 1 {
			t.Errorf("markers %v", m)
		}
		if r := w.report(20); r == nil || r.Replayed != 8 {
			t.Errorf("the rollouts of a turn that came to nothing are in the buffer: %+v", r)
		}
	})
}

// TestNotFinite leaves a window out whose gradients are not finite.
func TestNotFinite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		stop, _ := w.start()
		w.notFinite = true
		w.act(10)
		w.until(25)
		before := w.weights()
		w.until(29)
		w.notFinite = false
		w.act(20)
		w.until(38)
		w.check(stop())
		if why := w.skipped(-1, 10); !strings.Contains(why, "not finite") || w.report(10) != nil {
			t.Errorf("skipped because of %q\n%s", why, w.log)
		}
		if r := w.report(20); r == nil || r.Replayed != 8 || w.weights() == before {
			t.Errorf("%+v", r)
		}
		if m := w.markers(); len(m) != 2 {
			t.Errorf("markers %v", m)
		}
	})
}

// TestPublisherTrouble lets the own bucket fail for more than a window. What is published then is the newest model.
func TestPublisherTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		var down atomic.Bool
		w.own = &bucket.Faulty{Bucket: w.own, Choose: func(c bucket.Call) bucket.Fault {
			if down.Load() && c.Op == "put" {
				return bucket.Fails
			}
			return bucket.Works
		}}
		stop, _ := w.start()
		w.until(5)
		down.Store(true)
		w.act(10)
		w.act(20)
		w.until(35)
		if s := w.state(); s.Turn != 2 || s.Published || s.Parent != 0 {
			t.Errorf("state %+v", s)
		}
		if m := w.markers(); len(m) != 1 {
			t.Errorf("markers %v", m)
		}
		down.Store(false)
		w.until(38)
		if m := w.markers(); len(m) != 2 || !slices.Equal(m[30], []int64{30}) {
			t.Errorf("markers %v", m)
		}
		w.isPublished(30)
		w.act(30)
		w.until(48)
		w.check(stop())
		w.isPublished(40)
		if m := w.markers(); len(m) != 3 {
			t.Errorf("markers %v", m)
		}
	})
}

// TestNoMarkerForThePast: a marker that is late by a window names the window that it appears in.
func TestNoMarkerForThePast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		var down atomic.Bool
		w.own = &bucket.Faulty{Bucket: w.own, Choose: func(c bucket.Call) bucket.Fault {
			if down.Load() && c.Op == "put" && strings.Contains(c.Key, "READY-") {
				return bucket.Fails
			}
			return bucket.Works
		}}
		stop, _ := w.start()
		w.until(5)
		down.Store(true)
		w.act(10)
		w.until(39)
		time.Sleep(blockTime / 2)
		down.Store(false)
		w.until(42)
		w.check(stop())
		if m := w.markers(); !slices.Equal(m[20], []int64{40}) {
			t.Errorf("markers %v\n%s", m, w.log)
		}
	})
}

// moody is a chain that falls silent.
type moody struct {
	*chain.Local
	fails, closes, silent atomic.Bool
	change                func(*chain.Metagraph)
}

func (m *moody) SubscribeHeads(ctx context.Context) (<-chan chain.BlockRef, error) {
	if m.fails.Load() {
		return nil, errors.New("connection refused")
	}
	in, err := m.Local.SubscribeHeads(ctx)
	if err != nil {
		return nil, err
	}
	out := make(chan chain.BlockRef)
	go func() {
		defer close(out)
		for h := range in {
			if m.closes.Load() {
				return
			}
			if m.silent.Load() {
				continue
			}
			select {
			case out <- h:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

func (m *moody) Metagraph(ctx context.Context) (chain.Metagraph, error) {
	if m.fails.Load() {
		return chain.Metagraph{}, errors.New("connection refused")
	}
	g, err := m.Local.Metagraph(ctx)
	if m.change != nil {
		g.Neurons = slices.Clone(g.Neurons)
		m.change(&g)
	}
	return g, err
}

// TestChainTrouble follows a chain that can't be reached at the start, closes its subscription, fails and falls silent. The trainer goes on as soon as it can.
func TestChainTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		m := &moody{Local: w.chain}
		m.fails.Store(true)
		w.heads = m
		stop, ended := w.start()
		w.until(4)
		m.fails.Store(false)
		w.act(10)
		w.until(23)
		m.closes.Store(true)
		w.until(25)
		m.closes.Store(false)
		m.fails.Store(true)
		w.until(28)
		m.fails.Store(false)
		w.act(20)
		w.until(33)
		m.silent.Store(true)
		w.until(38)
		m.silent.Store(false)
		w.act(40) // window 30 is lost with its silence
		w.until(58)
		select {
		case err := <-ended:
			t.Fatalf("ended with %v\n%s", err, w.log)
		default:
		}
		w.check(stop())
		if w.report(10) == nil || w.report(20) == nil || w.report(40) == nil {
			t.Errorf("not trained\n%s", w.log)
		}
		if f := w.log.of(status.Fault); len(f) < 3 || f[0].Hint == "" {
			t.Errorf("faults %v", f)
		}
	})
}

// TestRefused doesn't go on with another network's training, a damaged one, or beside another trainer.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		stop, _ := w.start()
		w.until(3)
		if err := w.trainer().Run(t.Context()); !errors.Is(err, node.ErrInUse) {
			t.Errorf("beside another: %v", err)
		}
		w.check(stop())
		w.rules.MinCompletionTokens++
		if err := w.trainer().Run(t.Context()); !errors.Is(err, ErrState) {
			t.Errorf("with other rules: %v", err)
		}
		w.rules.MinCompletionTokens--
		dir := w.turnDir()
		for _, name := range []string{replayName, stateName} {
			w.check(os.WriteFile(filepath.Join(dir, name), []byte("{"), 0o600))
			if err := w.trainer().Run(t.Context()); !errors.Is(err, ErrState) {
				t.Errorf("with a damaged %s: %v", name, err)
			}
		}
		w.check(os.WriteFile(filepath.Join(w.dir, "training", currentName), []byte("../../turn-7"), 0o600))
		if err := w.trainer().Run(t.Context()); !errors.Is(err, ErrState) {
			t.Errorf("with a turn elsewhere: %v", err)
		}
	})
}
