package chain_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/bittensor/chain/rpc"
)

// simulate runs f in a bubble with a world of two nodes and an archive, one block every 12 s, and a client of the two nodes.
func simulate(t *testing.T, f func(t *testing.T, w *world, a, b *simnode, c *chain.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		a, b, arch := w.node("a"), w.node("b"), w.node("archive")
		arch.archive = true
		for range 300 {
			w.step(0)
		}
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-time.After(12 * time.Second):
					w.step(0)
				case <-ctx.Done():
					return
				}
			}
		}()
		c, err := chain.Dial(ctx, chain.Config{Endpoints: []string{a.url(), b.url()}, Archive: []string{arch.url()}, Genesis: w.genesis.Hash,
			Socket: rpc.Options{Dial: w.dialer()}})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		f(t, w, a, b, c)
		cancel()
		<-stopped
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if _, err := c.Best(context.Background()); err == nil {
			t.Error("a closed client answers")
		}
		time.Sleep(time.Minute) // the nodes end what they are at
	})
}

func TestSlowEndpointIsHedged(t *testing.T) {
	simulate(t, func(t *testing.T, w *world, a, b *simnode, c *chain.Client) {
		first := c.Health()[0].Endpoint
		slow := a
		if first == b.url() {
			slow = b
		}
		slow.set(mood{slow: 1000})
		for range 10 {
			begin := time.Now()
			if _, err := c.Header(t.Context(), chain.Hash{}); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("took %s with a quick endpoint at hand", took)
			}
		}
	})
}

func TestDeadEndpointCostsLittle(t *testing.T) {
	simulate(t, func(t *testing.T, w *world, a, b *simnode, c *chain.Client) {
		a.set(mood{mute: true})
		time.Sleep(2 * time.Minute) // pings find out
		for range 5 {
			begin := time.Now()
			if _, err := c.Header(t.Context(), chain.Hash{}); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begin); took > 300*time.Millisecond {
				t.Errorf("took %s", took)
			}
		}
		h := c.Health()
		if h[0].Endpoint != b.url() || h[0].P95 == 0 || h[1].Socket.Connected || h[1].LastError == nil {
			t.Errorf("health %+v", h)
		}
	})
}

func TestAllEndpointsDownIsNamed(t *testing.T) {
	simulate(t, func(t *testing.T, w *world, a, b *simnode, c *chain.Client) {
		a.set(mood{down: true})
		b.set(mood{down: true})
		time.Sleep(time.Minute)
		begin := time.Now()
		_, err := c.Header(context.Background(), chain.Hash{})
		if took := time.Since(begin); took > 31*time.Second {
			t.Errorf("took %s", took)
		}
		if err == nil || !strings.Contains(err.Error(), a.url()) || !strings.Contains(err.Error(), b.url()) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		a.set(mood{})
		time.Sleep(time.Minute)
		if _, err := c.Best(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestPrunedStateIsReadFromAnArchive(t *testing.T) {
	simulate(t, func(t *testing.T, w *world, a, b *simnode, c *chain.Client) {
		v, err := c.AtNumber(t.Context(), 50)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Timestamp(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, h := range c.Health() {
			if h.Archive && h.Socket.Calls > 0 {
				return
			}
		}
		t.Error("no archive was asked")
	})
}

func TestPrunedStateWithoutArchive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		a := w.node("a")
		for range 300 {
			w.step(0)
		}
		c, err := chain.Dial(t.Context(), chain.Config{Network: a.url(), Socket: rpc.Options{Dial: w.dialer()}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close(); time.Sleep(time.Minute) }()
		begin := time.Now()
		_, err = c.AtNumber(t.Context(), 10)
		var e *chain.EndpointError
		if !errors.Is(err, chain.ErrPruned) || !errors.As(err, &e) || e.Endpoint != a.url() || time.Since(begin) > 5*time.Second {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
	})
}

func TestTimestampOfPrunedBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		a := w.node("a")
		for range 300 {
			w.step(0)
			time.Sleep(time.Second)
		}
		c, err := chain.Dial(t.Context(), chain.Config{Network: a.url(), Socket: rpc.Options{Dial: w.dialer()}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close(); time.Sleep(time.Minute) }()
		for _, n := range []uint64{10, 290} {
			hash, err := c.BlockHash(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Timestamp(t.Context(), hash)
			if want := w.at(n).when; err != nil || !got.Equal(want.Truncate(time.Millisecond)) {
				t.Errorf("block %d: %s, %v, want %s", n, got, err, want)
			}
		}
	})
}

// TestNodeWithoutSubscriptions: such a node is asked instead.
func TestNodeWithoutSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		a := w.node("a")
		a.deaf = true
		w.step(0)
		c, err := chain.Dial(t.Context(), chain.Config{Network: a.url(), Socket: rpc.Options{Dial: w.dialer()}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close(); time.Sleep(time.Minute) }()
		go func() {
			for range 20 {
				time.Sleep(12 * time.Second)
				w.step(0)
			}
		}()
		out, err := c.Submit(t.Context(), key(0), chain.Call{Pallet: "System", Name: "remark", Args: []any{[]byte("x")}}, chain.SubmitOptions{Finalized: true})
		if err != nil || !out.Finalized {
			t.Errorf("%+v, %v", out, err)
		}
		if _, err := c.WaitBlock(t.Context(), 15); err != nil {
			t.Error(err)
		}
		time.Sleep(5 * time.Minute)
	})
}

func TestStandingChainKeepsItsSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		a := w.node("a")
		w.step(0)
		c, err := chain.Dial(t.Context(), chain.Config{Network: a.url(), Socket: rpc.Options{Dial: w.dialer()}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close(); time.Sleep(time.Minute) }()
		time.Sleep(time.Hour) // no block
		if h := c.Health()[0]; h.Socket.Dials != 1 || !h.Socket.Connected {
			t.Errorf("%+v", h)
		}
		_, err = c.WaitBlock(context.Background(), 5)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), a.url()) {
			t.Error(err)
		}
	})
}

func TestManyCallsAreBusyNotQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		a := w.node("a")
		w.step(0)
		c, err := chain.Dial(t.Context(), chain.Config{Network: a.url(), Socket: rpc.Options{Dial: w.dialer(), MaxInFlight: 16}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close(); time.Sleep(time.Minute) }()
		a.set(mood{mute: true})
		errs := make(chan error, 200)
		for range 200 {
			go func() { _, err := c.Call(context.Background(), "chain_getFinalizedHead"); errs <- err }()
		}
		busy := 0
		for range 200 {
			if errors.Is(<-errs, rpc.ErrBusy) {
				busy++
			}
		}
		if busy < 100 {
			t.Errorf("%d of 200 calls were told to come later", busy)
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	for _, cfg := range []chain.Config{{Network: "mainnet"}, {Network: "http://x"}, {Endpoints: []string{"x"}}, {Network: "local", EraPeriod: 5}, {Network: "local", EraPeriod: 1 << 20}} {
		if c, err := chain.Dial(t.Context(), cfg); err == nil {
			_ = c.Close()
			t.Errorf("%+v accepted", cfg)
		}
	}
}

// TestIdleClientIsSmall holds the client to its budget of memory: 50 MiB resident, of which the Go runtime and this test have a part.
func TestIdleClientIsSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		a := w.node("a")
		w.step(0)
		heap := func() uint64 {
			runtime.GC()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := heap()
		c, err := chain.Dial(t.Context(), chain.Config{Network: a.url(), Socket: rpc.Options{Dial: w.dialer()}})
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			w.step(0)
			time.Sleep(12 * time.Second)
		}
		after := heap()
		t.Logf("the client's heap: %.1f MiB", float64(after-min(before, after))/(1<<20))
		if after > before+15<<20 {
			t.Errorf("%d bytes", after-before)
		}
		_ = c.Close()
		time.Sleep(time.Minute)
	})
}

func TestNonceOfFailedTransactionsIsUsedAgain(t *testing.T) {
	simulate(t, func(t *testing.T, w *world, a, b *simnode, c *chain.Client) {
		call := chain.Call{Pallet: "System", Name: "remark", Args: []any{[]byte("x")}}
		for i := range 3 {
			if _, err := c.Submit(t.Context(), key(0), chain.Call{Pallet: "System", Name: "no_such_call"}, chain.SubmitOptions{}); !errors.Is(err, chain.ErrUnsupported) {
				t.Error(err)
			}
			out, err := c.Submit(t.Context(), key(0), call, chain.SubmitOptions{})
			if err != nil || out.Nonce != uint64(i) || out.Attempts != 1 {
				t.Errorf("%+v, %v", out, err)
			}
		}
		out, err := c.Submit(t.Context(), key(0), call, chain.SubmitOptions{Finalized: true})
		if err != nil || !out.Finalized || len(out.Events) != 1 {
			t.Errorf("%+v, %v", out, err)
		}
	})
}

// TestOutdatedTransactionIsSignedAgain: the pool loses a transaction without a word, its era passes, and a fresh version with the same nonce goes in.
func TestOutdatedTransactionIsSignedAgain(t *testing.T) {
	simulate(t, func(t *testing.T, w *world, a, b *simnode, c *chain.Client) {
		go func() {
			for range 200 {
				time.Sleep(time.Second)
				w.mu.Lock()
				w.pool = nil
				w.mu.Unlock()
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		time.Sleep(6 * time.Second)
		out, err := c.Submit(ctx, key(0), chain.Call{Pallet: "System", Name: "remark", Args: []any{[]byte("x")}}, chain.SubmitOptions{Period: 8})
		if err != nil || out.Nonce != 0 {
			t.Fatalf("%+v, %v", out, err)
		}
		if out.Attempts < 2 {
			t.Errorf("signed %d times", out.Attempts)
		}
		time.Sleep(5 * time.Minute)
		w.mu.Lock()
		defer w.mu.Unlock()
		if got := w.best.nonces[key(0).Public()]; got != 1 {
			t.Errorf("%d transactions included", got)
		}
	})
}

func ExampleClient_Best() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client, err := chain.Dial(ctx, chain.Config{Network: "finney"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = client.Close() }()

	now, err := client.Best(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	graph, err := now.Metagraph(ctx, 81)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range graph.Neurons {
		if n.ValidatorPermit {
			fmt.Println(n.UID, n.Stake, n.Axon.Address)
		}
	}
}

func ExampleClient_SetWeights() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	client, err := chain.Dial(ctx, chain.Config{Network: "test"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = client.Close() }()

	var hotkey chain.Signer // such as a wallet's
	out, err := client.SetWeights(ctx, hotkey, chain.Weights{Netuid: 81, UIDs: []uint16{3, 7}, Scores: []float64{0.9, 0.1}})
	switch {
	case errors.Is(err, chain.ErrRateLimited):
		fmt.Println("later")
	case errors.Is(err, chain.ErrPending):
		fmt.Println("look again before doing it twice:", err)
	case err != nil:
		fmt.Println(err)
	default:
		fmt.Println(out.Method, "in block", out.Number)
	}
}
