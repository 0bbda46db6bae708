package chain_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/bittensor/chain/rpc"
	"github.com/nanteos/nanteos/internal/subtensor"
)

func TestTimelockedWeightsAreRevealedByTheChain(t *testing.T) {
	t.Parallel()
	_, url := localChain(t, func(cfg *subtensor.Config, p *subtensor.Hyperparameters) { p.CommitReveal = true })
	c, ctx := dial(t, chain.Config{Network: url})
	// Rounds lie up to 6 s before the reveal block, and this chain has pulses only since it began.
	time.Sleep(6500 * time.Millisecond)
	w := must(c.SetWeights(ctx, key(1), chain.Weights{Netuid: 1, UIDs: []uint16{2, 3}, Values: []uint16{65535, 100}}))(t)
	if w.Method != chain.CommitTimelock || w.RevealRound == 0 || w.RevealBlock <= w.Number {
		t.Fatalf("outcome %+v", w)
	}
	_ = must(c.WaitBlock(ctx, w.RevealBlock-1))(t)
	before := must(c.AtNumber(ctx, w.RevealBlock-1))(t)
	if got := must(before.WeightsOf(ctx, 1, 0, 1))(t); len(got) != 0 {
		t.Fatalf("weights %v before the reveal block", got)
	}
	_ = must(c.WaitBlock(ctx, w.RevealBlock))(t)
	for n := w.RevealBlock; n < w.RevealBlock+30; n++ { // an epoch later if the commit missed its own
		_ = must(c.WaitBlock(ctx, n))(t)
		v := must(c.AtNumber(ctx, n))(t)
		if got := must(v.WeightsOf(ctx, 1, 0, 1))(t); len(got) == 2 && got[1] == (chain.Weight{UID: 3, Value: 100}) {
			return
		}
	}
	t.Fatal("the chain did not reveal the weights")
}

func TestHashCommitAndReveal(t *testing.T) {
	_, url := localChain(t, func(cfg *subtensor.Config, p *subtensor.Hyperparameters) { p.CommitReveal = true })
	c, ctx := dial(t, chain.Config{Network: url})
	w := must(c.CommitWeights(ctx, key(1), chain.Weights{Netuid: 1, UIDs: []uint16{2, 3}, Values: []uint16{65535, 100}}))(t)
	if _, err := c.RevealWeights(ctx, key(1), *w.Commitment); !errors.Is(err, chain.ErrReveal) {
		t.Fatal(err)
	}
	e := must(must(c.At(ctx, w.Block))(t).Epochs(ctx, 1))(t)
	first := must(e.FirstReveal())(t)
	_ = must(c.WaitBlock(ctx, first))(t)
	out := must(c.RevealWeights(ctx, key(1), *w.Commitment))(t)
	v := must(c.At(ctx, out.Block))(t)
	if got := must(v.WeightsOf(ctx, 1, 0, 1))(t); len(got) != 2 {
		t.Fatalf("weights %v", got)
	}
}

func TestRuntimeUpgradeInMidRun(t *testing.T) {
	node, url := localChain(t, nil)
	c, ctx := dial(t, chain.Config{Network: url})
	spec := must(c.Best(ctx))(t).Runtime.Spec
	var wg sync.WaitGroup
	for i := range byte(3) {
		wg.Go(func() {
			for n := range 5 {
				if _, err := c.CommitBytes(ctx, key(i), 1, fmt.Appendf(nil, "%d of %d", n, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 3 {
		time.Sleep(150 * time.Millisecond)
		node.Upgrade()
	}
	wg.Wait()
	_ = must(c.WaitBlock(ctx, must(c.Best(ctx))(t).Header.Number+2))(t)
	v := must(c.Best(ctx))(t)
	if v.Runtime.Spec <= spec {
		t.Fatalf("spec %d after the upgrade, %d before", v.Runtime.Spec, spec)
	}
	all := must(v.Commitments(ctx, 1))(t)
	for i := range byte(3) {
		com := all[key(i).Public()]
		if raw, _ := com.Raw(); string(raw) != fmt.Sprintf("4 of %d", i) {
			t.Errorf("commitment of %d is %q", i, raw)
		}
	}
}

func TestManyTransactionsOfOneAccount(t *testing.T) {
	_, url := localChain(t, nil)
	c, ctx := dial(t, chain.Config{Network: url})
	var wg sync.WaitGroup
	var mu sync.Mutex
	nonces := map[uint64]bool{}
	for i := range 20 {
		wg.Go(func() {
			out, err := c.CommitBytes(ctx, key(0), 1, fmt.Appendf(nil, "%d", i))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			nonces[out.Nonce] = true
			mu.Unlock()
		})
	}
	wg.Wait()
	if len(nonces) != 20 {
		t.Errorf("%d nonces for 20 transactions", len(nonces))
	}
}

func TestAnotherProgramWithTheSameKey(t *testing.T) {
	_, url := localChain(t, nil)
	a, ctx := dial(t, chain.Config{Network: url})
	b, _ := dial(t, chain.Config{Network: url})
	var wg sync.WaitGroup
	for i := range 6 {
		for _, c := range []*chain.Client{a, b} {
			wg.Go(func() {
				if _, err := c.CommitBytes(ctx, key(0), 1, fmt.Appendf(nil, "%d", i)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
}

// TestFaultsOfOneNode crosses faults with a read and a write: both end with the right result.
func TestFaultsOfOneNode(t *testing.T) {
	tests := []struct {
		name  string
		rules []subtensor.Rule
		tx    subtensor.Tx
	}{
		{"dropped answers", []subtensor.Rule{{Method: "state_getStorage", Drop: true}, {Method: "author_submitAndWatchExtrinsic", Drop: true}}, subtensor.Tx{}},
		{"half frames", []subtensor.Rule{{Method: "state_getStorage", HalfFrame: 20}, {Method: "author_submitAndWatchExtrinsic", HalfFrame: 10}}, subtensor.Tx{}},
		{"garbage", []subtensor.Rule{{Method: "state_queryStorageAt", Garbage: []byte(`{"jsonrpc":"2.0",`)}, {Method: "chain_getHeader", Garbage: []byte("x")}}, subtensor.Tx{}},
		{"slow answers", []subtensor.Rule{{Delay: 300 * time.Millisecond, Times: 5}}, subtensor.Tx{}},
		{"oversize", []subtensor.Rule{{Method: "state_getStorage", Oversize: 3 << 20}}, subtensor.Tx{}},
		{"unknown method watch", []subtensor.Rule{{Method: "author_submitAndWatchExtrinsic", Code: -32601, Message: "Method not found"}}, subtensor.Tx{}},
		{"no batches", []subtensor.Rule{{Method: "state_queryStorageAt", Code: -32601, Message: "Method not found", Times: -1}}, subtensor.Tx{}},
		{"stale", []subtensor.Rule{{Method: "author_submitAndWatchExtrinsic", Code: 1010, Message: "Invalid Transaction", Data: "Transaction is outdated"}}, subtensor.Tx{}},
		{"priority", []subtensor.Rule{{Method: "author_submitAndWatchExtrinsic", Code: 1014, Message: "Priority is too low"}}, subtensor.Tx{}},
		{"ancient", []subtensor.Rule{{Method: "author_submitAndWatchExtrinsic", Code: 1010, Message: "Invalid Transaction", Data: "Transaction has an ancient birth block"}}, subtensor.Tx{}},
		{"banned", []subtensor.Rule{{Method: "author_submitAndWatchExtrinsic", Code: 1012, Message: "Transaction is temporarily banned"}}, subtensor.Tx{}},
		{"invalid", nil, subtensor.Tx{End: "invalid"}},
		{"dropped by the pool", nil, subtensor.Tx{End: "dropped"}},
		{"usurped", nil, subtensor.Tx{End: "usurped"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel() // mostly waiting
			node, url := localChain(t, nil)
			c, ctx := dial(t, chain.Config{Network: url, Timeout: 5 * time.Second, EraPeriod: 16, Socket: rpc.Options{MaxFrame: 2 << 20}})
			for _, r := range test.rules {
				node.Faults().Add(r)
			}
			if test.tx != (subtensor.Tx{}) {
				node.Faults().Transactions(test.tx)
			}
			out, err := c.CommitBytes(ctx, key(0), 1, []byte(test.name))
			if err != nil {
				t.Fatal(err)
			}
			v := must(c.At(ctx, out.Block))(t)
			com := must(v.Commitment(ctx, 1, key(0).Public()))(t)
			if raw, _ := com.Raw(); string(raw) != test.name {
				t.Fatalf("committed %q", raw)
			}
			if b := must(v.Balance(ctx, key(0).Public()))(t); b.Nonce != 1 {
				t.Errorf("the account sent %d transactions, want 1", b.Nonce)
			}
		})
	}
}

func TestDispatchErrorsAreNamed(t *testing.T) {
	node, url := localChain(t, nil)
	c, ctx := dial(t, chain.Config{Network: url})
	for name, want := range map[string]error{
		"SettingWeightsTooFast": chain.ErrRateLimited, "NeuronNoValidatorPermit": chain.ErrNoPermit, "CommitRevealEnabled": chain.ErrCommitRevealEnabled,
	} {
		node.Faults().Transactions(subtensor.Tx{Pallet: "SubtensorModule", Error: name})
		out, err := c.CommitBytes(ctx, key(0), 1, []byte("x"))
		var d *chain.DispatchError
		if !errors.As(err, &d) || d.Name != name || !errors.Is(err, want) || out == nil || out.Number == 0 {
			t.Errorf("%s: %v, %+v", name, err, out)
		}
	}
}

func TestPoolErrorsEndAtOnce(t *testing.T) {
	node, url := localChain(t, nil)
	c, ctx := dial(t, chain.Config{Network: url})
	for _, test := range []struct {
		message string
		data    any
		want    error
	}{
		{"Invalid Transaction", "Custom error: 6", chain.ErrRateLimited},
		{`{"invalid":{"custom":10}}`, nil, chain.ErrNotRegistered},
		{"Invalid Transaction", "Inability to pay some fees (e.g. account balance too low)", chain.ErrBalance},
		{"Invalid Transaction", "Transaction has a bad signature", chain.ErrSignature},
	} {
		node.Faults().Add(subtensor.Rule{Method: "author_submitAndWatchExtrinsic", Code: 1010, Message: test.message, Data: test.data})
		_, err := c.CommitBytes(ctx, key(0), 1, []byte("x"))
		var p *chain.PoolError
		if !errors.Is(err, test.want) || !errors.As(err, &p) {
			t.Errorf("%s %v: %v", test.message, test.data, err)
		}
	}
	if _, err := c.CommitBytes(ctx, key(0), 1, []byte("x")); err != nil { // the nonce was given back
		t.Error(err)
	}
}

func TestReorganisedTransaction(t *testing.T) {
	node, url := localChain(t, func(cfg *subtensor.Config, _ *subtensor.Hyperparameters) { cfg.BlockTime, cfg.FinalityLag = 0, 4 })
	c, ctx := dial(t, chain.Config{Network: url})
	produce := func() {
		if _, err := node.Produce(ctx); err != nil {
			t.Error(err)
		}
	}
	for range 6 {
		produce()
	}
	heads := c.Heads(ctx)
	first := <-heads.C
	done := make(chan struct{})
	var out *chain.Outcome
	var err error
	go func() {
		defer close(done)
		out, err = c.Submit(ctx, key(100), chain.Call{Pallet: "System", Name: "remark", Args: []any{[]byte("hello")}}, chain.SubmitOptions{Finalized: true})
	}()
	time.Sleep(300 * time.Millisecond)
	produce()
	produce()
	time.Sleep(100 * time.Millisecond)
	if _, err := node.Reorg(ctx, 2); err != nil {
		t.Fatal(err)
	}
	for range 6 {
		time.Sleep(50 * time.Millisecond)
		produce()
	}
	<-done
	if err != nil || !out.Finalized {
		t.Fatalf("%+v, %v", out, err)
	}
	prev, reorgs := first, 0
	for prev.Number < 13 {
		h := <-heads.C
		if h.Reorg > 0 {
			reorgs++
		} else if h.Parent != prev.Hash {
			t.Errorf("head %d doesn't follow %d", h.Number, prev.Number)
		}
		prev = h
	}
	if reorgs != 1 {
		t.Errorf("%d reorganisations seen, want 1", reorgs)
	}
}

func TestFeeAndDryRun(t *testing.T) {
	_, url := localChain(t, nil)
	c, ctx := dial(t, chain.Config{Network: url})
	v := must(c.Best(ctx))(t)
	register := chain.Call{Pallet: "SubtensorModule", Name: "burned_register", Args: []any{uint16(1), key(9).Public()}}
	fee := must(v.Fee(ctx, key(100).Public(), register))(t)
	if fee.Class != "Normal" {
		t.Errorf("fee %+v", fee)
	}
	applied, err := v.DryRun(ctx, key(100), register)
	t.Logf("dry run: applied %v, %v", applied, err)
	if err != nil {
		t.Error(err)
	}
	if _, err := v.DryRun(ctx, key(3), register); err == nil {
		t.Error("a dry run without balance passed")
	}
}

func TestPendingAtTheDeadline(t *testing.T) {
	_, url := localChain(t, func(cfg *subtensor.Config, _ *subtensor.Hyperparameters) { cfg.BlockTime = 0 })
	c, ctx := dial(t, chain.Config{Network: url})
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	begin := time.Now()
	_, err := c.CommitBytes(short, key(0), 1, []byte("x"))
	var p *chain.PendingError
	if !errors.As(err, &p) || !errors.Is(err, chain.ErrPending) || !errors.Is(err, context.DeadlineExceeded) || p.Until == 0 || time.Since(begin) > 2*time.Second {
		t.Fatalf("%v after %s", err, time.Since(begin))
	}
}

func TestWrongGenesisIsRefused(t *testing.T) {
	_, good := localChain(t, nil)
	node, other := localChain(t, func(cfg *subtensor.Config, _ *subtensor.Hyperparameters) { cfg.Genesis.Name = "another" })
	c, ctx := dial(t, chain.Config{Network: good})
	genesis := c.Genesis()
	both, _ := dial(t, chain.Config{Endpoints: []string{other, good}, Genesis: genesis})
	for range 5 {
		if m := must(must(both.Best(ctx))(t).Metagraph(ctx, 1))(t); len(m.Neurons) != 5 {
			t.Fatal(m)
		}
	}
	refused := false
	for _, h := range both.Health() {
		refused = refused || h.Endpoint == other && errors.Is(h.LastError, chain.ErrGenesis)
	}
	if !refused {
		t.Errorf("health doesn't name the wrong chain %s: %+v", node.GenesisHash(), both.Health())
	}
	begin := time.Now()
	_, err := chain.Dial(ctx, chain.Config{Network: other, Genesis: genesis})
	var e *chain.EndpointError
	if !errors.Is(err, chain.ErrGenesis) || !errors.As(err, &e) || e.Endpoint != other || time.Since(begin) > 10*time.Second {
		t.Fatalf("%v after %s", err, time.Since(begin))
	}
}
