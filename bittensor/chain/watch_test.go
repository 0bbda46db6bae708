package chain_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/chain"
)

// TestWatchedTransactions crosses what a node may say of a transaction with what the client makes of it. submit puts it into the pool; a status
// is told as it stands; "in" waits until a block has it and "gone" names a block that doesn't exist.
func TestWatchedTransactions(t *testing.T) {
	const blockTime = 12 * time.Second
	type told = func(w *world, send func(string), submit func() *simerror)
	in := func(w *world) string { // the hash of the block that has the account's first transaction
		for range 100 {
			time.Sleep(time.Second)
			w.mu.Lock()
			for b := w.best; b != nil && b.Number > 0; b = b.parent {
				if len(b.xts) > 1 {
					h := b.Hash.String()
					w.mu.Unlock()
					return h
				}
			}
			w.mu.Unlock()
		}
		return "0x" + zeros64()
	}
	const other = `"0x1100000000000000000000000000000000000000000000000000000000000000"`
	tests := []struct {
		name string
		told told
		opts chain.SubmitOptions
		most time.Duration // simulated
		err  error         // nil: it is included
	}{
		{"as it should be", func(w *world, send func(string), submit func() *simerror) {
			submit()
			send(`"future"`)
			send(`"ready"`)
			send(`{"broadcast":["12D3KooW"]}`)
			send(`{"inBlock":"` + in(w) + `"}`)
		}, chain.SubmitOptions{}, 2 * blockTime, nil},
		{"says nothing", func(_ *world, _ func(string), submit func() *simerror) { submit() }, chain.SubmitOptions{}, 6 * blockTime, nil},
		{"says nothing, until final", func(_ *world, _ func(string), submit func() *simerror) { submit() }, chain.SubmitOptions{Finalized: true}, 9 * blockTime, nil},
		{"nonsense before the truth", func(w *world, send func(string), submit func() *simerror) {
			for _, s := range []string{`null`, `5`, `{}`, `{"inBlock":5}`, `{"inBlock":null}`, `{"a":1,"b":2}`, `"unheard of"`, `[]`} {
				send(s)
			}
			submit()
			send(`{"inBlock":"` + in(w) + `"}`)
		}, chain.SubmitOptions{}, 2 * blockTime, nil},
		{"names a block that doesn't exist", func(_ *world, send func(string), submit func() *simerror) {
			submit()
			send(`{"inBlock":` + other + `}`)
		}, chain.SubmitOptions{}, 6 * blockTime, nil},
		{"names a block without it", func(w *world, send func(string), submit func() *simerror) {
			submit()
			send(`{"inBlock":"` + w.genesisHash() + `"}`)
		}, chain.SubmitOptions{}, 6 * blockTime, nil},
		{"final at once", func(w *world, send func(string), submit func() *simerror) {
			submit()
			send(`{"finalized":"` + in(w) + `"}`)
		}, chain.SubmitOptions{Finalized: true}, 2 * blockTime, nil},
		{"in a block, then silence", func(w *world, send func(string), submit func() *simerror) {
			submit()
			send(`{"inBlock":"` + in(w) + `"}`)
		}, chain.SubmitOptions{Finalized: true}, 9 * blockTime, nil},
		{"retracted and silence", func(w *world, send func(string), submit func() *simerror) {
			submit()
			h := in(w)
			send(`{"inBlock":"` + h + `"}`)
			send(`{"retracted":"` + h + `"}`)
		}, chain.SubmitOptions{Finalized: true}, 9 * blockTime, nil},
		{"finality times out", func(w *world, send func(string), submit func() *simerror) {
			submit()
			h := in(w)
			send(`{"inBlock":"` + h + `"}`)
			send(`{"finalityTimeout":"` + h + `"}`)
		}, chain.SubmitOptions{Finalized: true}, 9 * blockTime, chain.ErrPending},
		{"dropped, but another node has it", func(_ *world, send func(string), submit func() *simerror) {
			submit()
			send(`"dropped"`)
		}, chain.SubmitOptions{}, 6 * blockTime, nil},
		{"invalid, never in the pool", func(_ *world, send func(string), submit func() *simerror) { send(`"invalid"`) }, chain.SubmitOptions{}, 12 * blockTime, chain.ErrLost},
		{"usurped by nobody", func(_ *world, send func(string), submit func() *simerror) {
			submit()
			send(`{"usurped":` + other + `}`)
		}, chain.SubmitOptions{}, 6 * blockTime, nil},
		{"never put into the pool, and silence", func(*world, func(string), func() *simerror) {}, chain.SubmitOptions{}, 60 * blockTime, chain.ErrOutdated},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			alone(t, func(t *testing.T, w *world, n *simnode, c *chain.Client) {
				n.mu.Lock()
				n.statuses = func(send func(string), submit func() *simerror) { test.told(w, send, submit) }
				n.mu.Unlock()
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
				defer cancel()
				begin := time.Now()
				out, err := c.Submit(ctx, key(0), remark("x"), test.opts)
				if took := time.Since(begin); took > test.most {
					t.Errorf("took %s, want at most %s", took, test.most)
				}
				if test.err != nil {
					if !errors.Is(err, test.err) {
						t.Errorf("got %v, want %v", err, test.err)
					}
				} else if err != nil || out.Nonce != 0 || out.Finalized != test.opts.Finalized {
					t.Errorf("%+v, %v", out, err)
				}
				time.Sleep(20 * blockTime)
				w.mu.Lock()
				defer w.mu.Unlock()
				if got := w.best.nonces[key(0).Public()]; got > 1 {
					t.Errorf("%d transactions were included", got)
				}
			})
		})
	}
}

func (w *world) genesisHash() string { return w.genesis.Hash.String() }

// TestSocketLostWhileWatching: the transaction is found in the blocks.
func TestSocketLostWhileWatching(t *testing.T) {
	alone(t, func(t *testing.T, w *world, n *simnode, c *chain.Client) {
		n.mu.Lock()
		n.statuses = func(send func(string), submit func() *simerror) {
			submit()
			n.mu.Lock()
			defer n.mu.Unlock()
			for s := range n.socks {
				s.drop()
			}
		}
		n.mu.Unlock()
		out, err := c.Submit(t.Context(), key(0), remark("x"), chain.SubmitOptions{})
		if err != nil || out.Attempts != 1 {
			t.Errorf("%+v, %v", out, err)
		}
	})
}

// TestDeadlineWhileWatching: the error says until when it may still happen.
func TestDeadlineWhileWatching(t *testing.T) {
	alone(t, func(t *testing.T, w *world, n *simnode, c *chain.Client) {
		n.mu.Lock()
		n.statuses = func(func(string), func() *simerror) {}
		n.mu.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		begin := time.Now()
		_, err := c.Submit(ctx, key(0), remark("x"), chain.SubmitOptions{})
		var p *chain.PendingError
		if !errors.As(err, &p) || p.Until == 0 || p.Hash.IsZero() || p.Outcome != nil || time.Since(begin) > 21*time.Second {
			t.Fatalf("after %s: %v", time.Since(begin), err)
		}
		if !strings.Contains(err.Error(), n.url()) || !strings.Contains(err.Error(), p.Hash.String()) {
			t.Errorf("the error names neither endpoint nor transaction: %v", err)
		}
		// The same account goes on: the pool never had the first.
		n.mu.Lock()
		n.statuses = nil
		n.mu.Unlock()
		if out, err := c.Submit(t.Context(), key(0), remark("y"), chain.SubmitOptions{}); err != nil || out.Nonce != 0 {
			t.Errorf("%+v, %v", out, err)
		}
	})
}

// TestHeadsAfterALongSilence: a stream that was cut off goes on where it was, as far back as it reaches, and says what it skipped.
func TestHeadsAfterALongSilence(t *testing.T) {
	for _, silence := range []time.Duration{20 * time.Minute, 5 * time.Hour} {
		alone(t, func(t *testing.T, w *world, n *simnode, c *chain.Client) {
			ctx, cancel := context.WithCancel(t.Context())
			s := c.Heads(ctx)
			prev := <-s.C
			for range 3 {
				h := <-s.C
				if h.Parent != prev.Hash || h.Reorg != 0 || h.Skipped != 0 {
					t.Errorf("%+v after %d", h, prev.Number)
				}
				prev = h
			}
			n.set(mood{down: true})
			n.mu.Lock()
			for sock := range n.socks {
				sock.drop()
			}
			n.mu.Unlock()
			time.Sleep(silence)
			n.set(mood{})
			skipped := uint64(0)
			w.mu.Lock()
			target := w.best.Number
			w.mu.Unlock()
			for prev.Number < target {
				h := <-s.C
				if h.Number != prev.Number+1+h.Skipped || h.Skipped == 0 && h.Parent != prev.Hash || h.Reorg != 0 {
					t.Errorf("%d (skipped %d, reorg %d) after %d", h.Number, h.Skipped, h.Reorg, prev.Number)
				}
				skipped += h.Skipped
				prev = h
			}
			if long := silence > time.Hour; long != (skipped > 0) {
				t.Errorf("%d blocks skipped after %s", skipped, silence)
			}
			cancel()
			for range s.C {
			}
			if !errors.Is(s.Err(), context.Canceled) {
				t.Error(s.Err())
			}
		})
	}
}

// TestSlowReaderOfHeads: nobody waits for it, and it misses nothing.
func TestSlowReaderOfHeads(t *testing.T) {
	alone(t, func(t *testing.T, w *world, n *simnode, c *chain.Client) {
		ctx, cancel := context.WithCancel(t.Context())
		s := c.Heads(ctx)
		time.Sleep(30 * time.Minute) // 150 blocks
		if _, err := c.Best(t.Context()); err != nil {
			t.Error(err)
		}
		prev := <-s.C
		for range 140 {
			h := <-s.C
			if h.Parent != prev.Hash || h.Skipped != 0 {
				t.Errorf("%d after %d", h.Number, prev.Number)
			}
			prev = h
		}
		cancel()
		for range s.C {
		}
	})
}

func TestReorganisationsAreTold(t *testing.T) {
	alone(t, func(t *testing.T, w *world, n *simnode, c *chain.Client) {
		ctx, cancel := context.WithCancel(t.Context())
		s := c.Heads(ctx)
		chainOf := []chain.Head{<-s.C}
		go func() {
			for range 20 {
				time.Sleep(31 * time.Second)
				w.step(2)
			}
		}()
		reorgs := 0
		for range 100 {
			h := <-s.C
			if h.Reorg > 0 {
				reorgs++
				if h.Reorg >= len(chainOf) {
					t.Fatalf("%d heads replaced of %d", h.Reorg, len(chainOf))
				}
				chainOf = chainOf[:len(chainOf)-h.Reorg]
			}
			if last := chainOf[len(chainOf)-1]; h.Parent != last.Hash {
				t.Errorf("head %d doesn't follow %d", h.Number, last.Number)
			}
			chainOf = append(chainOf, h)
		}
		if reorgs < 10 {
			t.Errorf("%d reorganisations", reorgs)
		}
		cancel()
		for range s.C {
		}
		time.Sleep(15 * time.Minute)
	})
}
