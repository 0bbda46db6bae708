package serve

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nanteos/nanteos/model"
)

// fakeBatch makes one token a second for every stream; a stream ends after its MaxTokens.
type fakeBatch struct {
	limit   int
	streams []*model.Stream
	left    map[*model.Stream]int
	panics  bool
	most    int // streams at a time
}

func (b *fakeBatch) Join(r model.BatchRequest) (*model.Stream, error) {
	if r.MaxTokens == 0 {
		return nil, errors.New("no tokens")
	}
	s := new(model.Stream)
	b.streams = append(b.streams, s)
	b.left[s] = r.MaxTokens
	return s, nil
}

func (b *fakeBatch) Leave(s *model.Stream) {
	b.streams = slices.DeleteFunc(b.streams, func(x *model.Stream) bool { return x == s })
}

func (b *fakeBatch) Step() []model.Token {
	if b.panics {
		panic("defect")
	}
	time.Sleep(time.Second)
	var out []model.Token
	for _, s := range b.streams[:min(b.limit, len(b.streams))] {
		t := model.Token{Stream: s, Candidate: model.Candidate{ID: 'x'}}
		if b.left[s]--; b.left[s] == 0 {
			t.Reason = model.FinishLength
		}
		out = append(out, t)
	}
	b.most = max(b.most, len(out))
	return out
}

func (b *fakeBatch) Idle() bool { return len(b.streams) == 0 }
func (b *fakeBatch) Load() model.BatchLoad {
	return model.BatchLoad{Running: min(b.limit, len(b.streams)), Waiting: max(0, len(b.streams)-b.limit)}
}

// fake runs a scheduler of two slots and a queue of three over a fake batch.
func fake(t *testing.T) (*scheduler, *fakeBatch) {
	b := &fakeBatch{limit: 2, left: map[*model.Stream]int{}}
	s := newScheduler(b, 2, 3)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	return s, b
}

func jobOf(tokens ...int) *job {
	_, tok := loaded()
	var list []*sequence
	for i, n := range tokens {
		list = append(list, &sequence{index: i, text: &textStream{tokens: tok}, request: model.BatchRequest{Sampling: model.Sampling{MaxTokens: n}}})
	}
	return newJob(list)
}

// drain takes a job's pieces until it ends.
func drainJob(ctx context.Context, j *job) (tokens int, err error) {
	for {
		pieces, done, err := j.take(ctx)
		for _, p := range pieces {
			tokens += len(p.ids)
		}
		if done || err != nil {
			return tokens, err
		}
	}
}

func TestScheduler(t *testing.T) {
	loaded() // outside the bubble
	t.Run("time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, b := fake(t)
			start := time.Now()
			a, c, d := jobOf(3), jobOf(5), jobOf(1, 1)
			for _, j := range []*job{a, c, d} {
				if p := s.submit(j); p != nil {
					t.Fatal(p)
				}
			}
			for i, x := range []struct {
				j      *job
				tokens int
				after  time.Duration
			}{{a, 3, 3 * time.Second}, {c, 5, 5 * time.Second}, {d, 2, 5 * time.Second}} {
				n, err := drainJob(t.Context(), x.j)
				if took := time.Since(start); n != x.tokens || err != nil || took != x.after {
					t.Errorf("job %d: %d tokens, %v after %v, want %d after %v", i, n, err, took, x.tokens, x.after)
				}
				s.leave(x.j)
			}
			synctest.Wait()
			if _, open, _, _ := s.state(); open != 0 || b.most != 2 || len(s.jobs)+len(s.streams)+len(s.joined) != 0 {
				t.Errorf("%d open, %d at a time, %d jobs left", open, b.most, len(s.jobs))
			}
		})
	})
	t.Run("full", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, _ := fake(t)
			long := jobOf(10, 10, 10, 10, 10)
			if p := s.submit(long); p != nil {
				t.Fatal(p)
			}
			p := s.submit(jobOf(1))
			if p == nil || p.status != 503 || p.retry < time.Second || p.retry > time.Minute {
				t.Errorf("a full server said %+v", p)
			}
			if p := s.submit(jobOf(1, 1, 1, 1, 1, 1)); p == nil || p.status != 400 {
				t.Errorf("a job that never fits: %+v", p)
			}
			if n, err := drainJob(t.Context(), long); n != 50 || err != nil {
				t.Errorf("%d tokens, %v", n, err)
			}
			s.leave(long)
			synctest.Wait()
			// Sequences took 10 to 30 seconds: the next who is refused is told so.
			if p := s.submit(jobOf(10, 10, 10, 10, 10)); p != nil {
				t.Fatal(p)
			}
			if p := s.submit(jobOf(1)); p == nil || p.retry < 5*time.Second {
				t.Errorf("a slow server said %+v", p)
			}
		})
	})
	t.Run("leaves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, b := fake(t)
			a, c := jobOf(1000, 1000), jobOf(3)
			for _, j := range []*job{a, c} {
				if p := s.submit(j); p != nil {
					t.Fatal(p)
				}
			}
			time.Sleep(10500 * time.Millisecond)
			s.leave(a)
			s.leave(a)
			start := time.Now()
			if n, err := drainJob(t.Context(), c); n != 3 || err != nil || time.Since(start) != 3500*time.Millisecond {
				t.Errorf("%d tokens, %v after %v: the one that left still held its place", n, err, time.Since(start))
			}
			s.leave(c)
			synctest.Wait()
			if _, open, _, _ := s.state(); open != 0 || len(b.streams) != 0 {
				t.Errorf("%d open, %d streams", open, len(b.streams))
			}
			// Who leaves before it has joined.
			d := jobOf(1000)
			if p := s.submit(d); p != nil {
				t.Fatal(p)
			}
			s.leave(d)
			synctest.Wait()
			if _, open, _, _ := s.state(); open != 0 || len(b.streams) != 0 {
				t.Errorf("%d open, %d streams", open, len(b.streams))
			}
		})
	})
	t.Run("deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, _ := fake(t)
			j := jobOf(100)
			if p := s.submit(j); p != nil {
				t.Fatal(p)
			}
			ctx, cancel := context.WithTimeoutCause(t.Context(), 10500*time.Millisecond, errTimeout)
			defer cancel()
			if n, err := drainJob(ctx, j); n != 10 || !errors.Is(err, errTimeout) {
				t.Errorf("%d tokens, %v", n, err)
			}
			s.leave(j)
		})
	})
	t.Run("ending", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, _ := fake(t)
			j := jobOf(100)
			if p := s.submit(j); p != nil {
				t.Fatal(p)
			}
			time.Sleep(1500 * time.Millisecond)
			s.drain()
			if p := s.submit(jobOf(1)); p != errEnding {
				t.Errorf("a server that ends said %v", p)
			}
			s.fail(errEnding)
			if _, err := drainJob(t.Context(), j); !errors.Is(err, errEnding) {
				t.Errorf("got %v", err)
			}
			time.Sleep(time.Second)
			if _, open, _, _ := s.state(); open != 0 {
				t.Errorf("%d open", open)
			}
		})
	})
	t.Run("refused by the batch", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, _ := fake(t)
			j := jobOf(2, 0)
			if p := s.submit(j); p != nil {
				t.Fatal(p)
			}
			var p *problem
			if _, err := drainJob(t.Context(), j); !errors.As(err, &p) || p.status != 400 {
				t.Errorf("got %v", err)
			}
			s.leave(j)
			synctest.Wait()
			if _, open, _, _ := s.state(); open != 0 {
				t.Errorf("%d open", open)
			}
		})
	})
	t.Run("defect", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, b := fake(t)
			trace := ""
			s.broken = func(text string) { trace = text }
			b.panics = true
			j := jobOf(2)
			if p := s.submit(j); p != nil {
				t.Fatal(p)
			}
			if _, err := drainJob(t.Context(), j); !errors.Is(err, errInternal) {
				t.Errorf("got %v", err)
			}
			synctest.Wait()
			if p := s.submit(jobOf(1)); p != errInternal || trace == "" {
				t.Errorf("a broken server said %v and logged %q", p, trace)
			}
		})
	})
}
