package chain_test

import (
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nanteos/nanteos/bittensor/chain"
)

// TestNoncesLeaveNoGap: transactions that fail before they are sent give their nonces to others, so that none waits for ever.
func TestNoncesLeaveNoGap(t *testing.T) {
	alone(t, func(t *testing.T, w *world, n *simnode, c *chain.Client) {
		var asked atomic.Int64
		n.mu.Lock()
		n.hook = func(method string, params []json.RawMessage) (any, *simerror, bool) {
			if method == "author_submitAndWatchExtrinsic" {
				if asked.Add(1)%3 == 1 { // every third is refused for good
					return nil, &simerror{1010, "Invalid Transaction", "Custom error: 6"}, true
				}
			}
			return nil, nil, false
		}
		n.mu.Unlock()
		var wg sync.WaitGroup
		var mu sync.Mutex
		var used []uint64
		failed := 0
		for range 30 {
			wg.Go(func() {
				out, err := c.Submit(t.Context(), key(0), remark("x"), chain.SubmitOptions{})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					failed++
				} else {
					used = append(used, out.Nonce)
				}
			})
		}
		wg.Wait()
		slices.Sort(used)
		// The highest nonces may have been refused last, with nobody left to take them: the next transaction does.
		for i, x := range used {
			if x != uint64(i) {
				t.Fatalf("nonces %v have a gap", used)
			}
		}
		if len(used)+failed != 30 || failed < 5 {
			t.Errorf("%d sent, %d failed", len(used), failed)
		}
		n.mu.Lock()
		n.hook = nil
		n.mu.Unlock()
		out, err := c.Submit(t.Context(), key(0), remark("x"), chain.SubmitOptions{})
		if err != nil || out.Nonce != uint64(len(used)) {
			t.Errorf("%+v, %v", out, err)
		}
	})
}

// TestAccountsDoNotWaitForEachOther sends for many accounts at once.
func TestAccountsDoNotWaitForEachOther(t *testing.T) {
	alone(t, func(t *testing.T, w *world, n *simnode, c *chain.Client) {
		var wg sync.WaitGroup
		for i := range byte(20) {
			wg.Go(func() {
				out, err := c.Submit(t.Context(), key(i), remark("x"), chain.SubmitOptions{})
				if err != nil || out.Nonce != 0 {
					t.Errorf("%d: %+v, %v", i, out, err)
				}
			})
		}
		wg.Wait()
	})
}
