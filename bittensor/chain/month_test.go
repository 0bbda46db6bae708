package chain_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/bittensor/chain/rpc"
)

// TestMonth lives through a month of a bad network in simulated time: sockets dropped, answers halved, late, missing, oversize, for others, nodes that
// stall, lag, go down or are of another chain, reorganisations, pruned state and a runtime upgrade. Every call must end in its time, with the
// right result or an error that names an endpoint; no transaction may be included twice; heads must be a chain.
func TestMonth(t *testing.T) {
	length := 30 * 24 * time.Hour
	if testing.Short() {
		length = 24 * time.Hour
	}
	synctest.Test(t, func(t *testing.T) { live(t, length, 60*time.Second) })
}

type tally struct {
	mu      sync.Mutex
	ok, bad map[string]int
	slowest map[string]time.Duration
}

func live(t *testing.T, length, blockTime time.Duration) {
	w := newWorld(t, 42)
	a, b, lagging, arch, wrong := w.node("a"), w.node("b"), w.node("c"), w.node("archive"), w.node("wrong")
	arch.archive, wrong.wrong, lagging.lag = true, true, 7
	for range 20 {
		w.step(0)
	}
	end := time.Now().Add(length)
	ctx, cancel := context.WithDeadline(t.Context(), end)
	defer cancel()
	c, err := chain.Dial(ctx, chain.Config{
		Endpoints: []string{a.url(), wrong.url(), lagging.url(), b.url()}, Archive: []string{arch.url()}, Genesis: w.genesis.Hash, EraPeriod: 16,
		Socket: rpc.Options{Dial: w.dialer(), MaxFrame: 1 << 20},
	})
	if err != nil {
		t.Fatal(err)
	}
	tl := &tally{ok: map[string]int{}, bad: map[string]int{}, slowest: map[string]time.Duration{}}
	// check runs one call and looks at how it ends.
	check := func(name string, most time.Duration, f func(ctx context.Context) error) bool {
		begin := time.Now()
		err := f(context.Background())
		took := time.Since(begin)
		tl.mu.Lock()
		defer tl.mu.Unlock()
		tl.slowest[name] = max(tl.slowest[name], took)
		if took > most {
			t.Errorf("%s took %s", name, took)
		}
		if err == nil {
			tl.ok[name]++
			return true
		}
		tl.bad[name]++
		if tl.bad[name] <= 4 {
			t.Logf("%s after %s: %v", name, took, err)
		}
		var e *chain.EndpointError
		if !errors.As(err, &e) && !strings.Contains(err.Error(), a.url()) {
			t.Errorf("%s: the error names no endpoint: %v", name, err)
		}
		return false
	}
	var wg sync.WaitGroup
	every := func(d time.Duration, f func(n int)) {
		wg.Go(func() {
			for n := 0; time.Now().Before(end); n++ {
				f(n)
				select {
				case <-time.After(d):
				case <-ctx.Done():
				}
			}
		})
	}

	// The chain and the weather.
	rng := rand.New(rand.NewPCG(7, 7))
	every(blockTime, func(n int) {
		reorg := 0
		if n > 10 && rng.IntN(50) == 0 {
			reorg = 1 + rng.IntN(2)
		}
		if n == int(length/blockTime/2) {
			w.mu.Lock()
			w.current = 1
			w.mu.Unlock()
		}
		w.step(reorg)
	})
	weather := rand.New(rand.NewPCG(8, 8))
	every(7*time.Minute, func(int) {
		for _, n := range []*simnode{a, b, lagging, arch} {
			var m mood
			switch weather.IntN(8) {
			case 0:
				m = mood{drop: 200, half: 50}
			case 1:
				m = mood{stall: 200, slow: 300}
			case 2:
				m = mood{garbage: 100, oversize: 30, foreign: 100}
			case 3:
				m = mood{down: true}
			case 4:
				m = mood{mute: true}
			case 5:
				m = mood{internal: 300}
			}
			n.set(m)
		}
	})

	// The work.
	every(4*time.Minute, func(int) {
		check("read", 61*time.Second, func(ctx context.Context) error {
			v, err := c.Best(ctx)
			if err != nil {
				return err
			}
			_, err = v.Timestamp(ctx)
			return err
		})
	})
	every(time.Hour, func(int) {
		var old *chain.View
		check("old block", 61*time.Second, func(ctx context.Context) error {
			v, err := c.Best(ctx)
			if err != nil {
				return err
			}
			old, err = c.AtNumber(ctx, v.Header.Number-min(v.Header.Number-1, 270))
			return err
		})
		if old != nil {
			check("pruned state", 31*time.Second, func(ctx context.Context) error { _, err := old.Balance(ctx, key(1).Public()); return err })
		}
	})
	done := map[string]bool{}
	var dmu sync.Mutex
	for i := range byte(2) {
		every(25*time.Minute, func(n int) {
			for part := range 2 { // two at once
				text := fmt.Sprintf("%d-%d-%d", i, n, part)
				wg.Go(func() {
					if check("write", 5*time.Minute+31*time.Second, func(ctx context.Context) error { _, err := c.CommitBytes(ctx, key(i), 1, []byte(text)); return err }) {
						dmu.Lock()
						done[text] = true
						dmu.Unlock()
					}
				})
			}
		})
	}
	every(2*time.Hour, func(int) {
		check("wait", 20*time.Minute, func(ctx context.Context) error {
			v, err := c.Best(ctx)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
			defer cancel()
			_, err = c.WaitBlock(ctx, v.Header.Number+3)
			return err
		})
	})
	stream := c.Heads(ctx)
	wg.Go(func() {
		var last chain.Head
		heads, reorgs := 0, 0
		for h := range stream.C {
			heads++
			if h.Reorg > 0 {
				reorgs++
			}
			if heads > 1 && h.Reorg == 0 && h.Skipped == 0 && h.Parent != last.Hash {
				t.Errorf("head %d doesn't follow head %d", h.Number, last.Number)
			}
			last = h
		}
		t.Logf("%d heads, %d reorganisations, %v", heads, reorgs, stream.Err())
		if want := int(length / blockTime); heads < want*95/100 {
			t.Errorf("%d heads of about %d", heads, want)
		}
	})
	wg.Wait()
	health := c.Health()
	_ = c.Close()
	time.Sleep(time.Minute) // the nodes end what they are at

	w.mu.Lock()
	defer w.mu.Unlock()
	for text, n := range w.texts {
		if n > 1 {
			t.Errorf("%q was included %d times", text, n)
		}
	}
	lost := 0
	for text := range done {
		if w.texts[text] != 1 {
			lost++ // in a block that was replaced, where the era ended before it came back
		}
	}
	if lost > len(done)/100 {
		t.Errorf("%d of %d transactions that were reported included are not", lost, len(done))
	}
	for name, most := range tl.slowest {
		t.Logf("%-12s %6d ended well, %5d with an error, slowest %s", name, tl.ok[name], tl.bad[name], most.Round(time.Millisecond))
		if tl.ok[name] < tl.bad[name] {
			t.Errorf("%s: %d failed of %d", name, tl.bad[name], tl.ok[name]+tl.bad[name])
		}
	}
	for _, h := range health {
		t.Logf("%s: %d dials, %d calls, %d failures, %d malformed", h.Endpoint, h.Socket.Dials, h.Socket.Calls, h.Socket.Failures, h.Socket.Malformed)
	}
}
