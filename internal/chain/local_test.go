package chain

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nanteos/nanteos/bittensor/sr25519"
)

func key(n int) Signer { return KeySigner(sr25519.NewKeypair([32]byte{byte(n), byte(n >> 8), 7})) }

const tao = 1_000_000_000

// genesis has two validators with 3000 and 1000 TAO and n miners without stake.
func genesis(miners int) Genesis {
	g := Genesis{Name: "test", Params: DefaultHyperparameters()}
	g.Params.Tempo = 10
	g.Params.WeightsRateLimit = 5
	g.Neurons = []GenesisNeuron{{Hotkey: key(0).Hotkey(), Stake: 3000 * tao}, {Hotkey: key(1).Hotkey(), Stake: 1000 * tao}}
	for i := range miners {
		g.Neurons = append(g.Neurons, GenesisNeuron{Hotkey: key(2 + i).Hotkey()})
	}
	return g
}

func open(t *testing.T, cfg LocalConfig) *Local {
	t.Helper()
	l, err := OpenLocal(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func head(t *testing.T, l *Local) BlockRef {
	t.Helper()
	h, err := l.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// inBlock runs calls side by side, makes a block when all of them wait, and returns their errors.
func inBlock(t *testing.T, l *Local, calls ...func(context.Context) error) []error {
	t.Helper()
	errs := make([]error, len(calls))
	var wg sync.WaitGroup
	for i, c := range calls {
		wg.Go(func() { errs[i] = c(t.Context()) })
	}
	synctest.Wait()
	if _, err := l.Produce(t.Context()); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	return errs
}

func commit(l *Local, s Signer, data string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := l.Commit(ctx, s, []byte(data))
		return err
	}
}

func weigh(l *Local, s Signer, uids, weights []uint16) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := l.SetWeights(ctx, s, uids, weights, 0)
		return err
	}
}

// bubble runs a test on a fake clock with a chain that makes blocks on demand.
func bubble(t *testing.T, g Genesis, f func(t *testing.T, l *Local)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, open(t, LocalConfig{Genesis: g})) })
}

func wantIs(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("error is %v, not %v", err, target)
	}
}

func TestBlocksKeepTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		l := open(t, LocalConfig{Genesis: genesis(1), BlockTime: 500 * time.Millisecond})
		heads, err := l.SubscribeHeads(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for n := range uint64(40) {
			h := <-heads
			if h.Number != n || !h.Time.Equal(begin.Add(time.Duration(n)*500*time.Millisecond)) {
				t.Fatalf("head %+v, %d-th", h, n)
			}
			if len(h.Hash) != 66 || !strings.HasPrefix(h.Hash, "0x") || strings.ToLower(h.Hash) != h.Hash || seen[h.Hash] {
				t.Fatalf("hash %q", h.Hash)
			}
			seen[h.Hash] = true
			if again, err := l.Block(t.Context(), n); err != nil || again != h {
				t.Fatalf("block %d: %+v %v", n, again, err)
			}
		}
		_, err = l.Block(t.Context(), 1000)
		wantIs(t, err, ErrNoBlock)
		wait := time.Now()
		if h, err := l.WaitBlock(t.Context(), 59); err != nil || h.Number != 59 || time.Since(wait) != 10*time.Second {
			t.Errorf("%+v %v after %s", h, err, time.Since(wait))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = l.WaitBlock(ctx, 1000)
		wantIs(t, err, context.DeadlineExceeded)
		// a slow reader gets the newest block, not a queue of old ones
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if h := <-heads; h != head(t, l) {
			t.Errorf("a slow reader got %+v, head is %+v", h, head(t, l))
		}
	})
}

func TestSubscriptionEnds(t *testing.T) {
	bubble(t, genesis(0), func(t *testing.T, l *Local) {
		ctx, cancel := context.WithCancel(t.Context())
		heads, err := l.SubscribeHeads(ctx)
		if err != nil {
			t.Fatal(err)
		}
		<-heads
		cancel()
		if _, ok := <-heads; ok {
			t.Error("a subscription outlived its context")
		}
	})
}

// TestSameSeedSameHistory: two chains with the same start, clock and transactions have the same hashes, in whatever order the
// transactions arrive and although signatures are random.
func TestSameSeedSameHistory(t *testing.T) {
	history := func(reverse bool) (hashes []string) {
		synctest.Test(t, func(t *testing.T) {
			l := open(t, LocalConfig{Genesis: genesis(5)})
			for n := range 25 {
				time.Sleep(time.Second)
				calls := []func(context.Context) error{}
				for i := range 5 {
					calls = append(calls, commit(l, key(2+i), fmt.Sprint(n, i)))
				}
				if n%6 == 0 {
					calls = append(calls, weigh(l, key(0), []uint16{2, 3}, []uint16{5, uint16(n + 1)}))
				}
				if reverse {
					slices.Reverse(calls)
				}
				for _, err := range inBlock(t, l, calls...) {
					if err != nil {
						t.Error(err)
					}
				}
				hashes = append(hashes, head(t, l).Hash)
			}
		})
		return hashes
	}
	a, b := history(false), history(true)
	if !slices.Equal(a, b) {
		t.Errorf("histories part: %v\n%v", a, b)
	}
}

func TestCommitments(t *testing.T) {
	bubble(t, genesis(2), func(t *testing.T, l *Local) {
		full := strings.Repeat("x", MaxCommitment)
		errs := inBlock(t, l, commit(l, key(2), "first"), commit(l, key(3), full), commit(l, key(99), "stranger"))
		if errs[0] != nil || errs[1] != nil {
			t.Fatal(errs)
		}
		wantIs(t, errs[2], ErrNotRegistered)
		wantIs(t, commit(l, key(2), full+"x")(t.Context()), ErrTooLarge)
		c, err := l.Commitments(t.Context())
		if err != nil || len(c) != 2 || string(c[key(2).Hotkey()]) != "first" || string(c[key(3).Hotkey()]) != full {
			t.Errorf("%q %v", c, err)
		}
		c[key(2).Hotkey()][0] = 'F' // the caller's copy
		if errs := inBlock(t, l, commit(l, key(2), "second")); errs[0] != nil {
			t.Fatal(errs)
		}
		if c, _ := l.Commitments(t.Context()); string(c[key(2).Hotkey()]) != "second" {
			t.Errorf("%q", c)
		}
		// 3100 bytes an epoch, at least 100 each: 31 small ones
		for n, limited := 2, false; n < 40 && !limited; n++ {
			err := inBlock(t, l, commit(l, key(2), "x"), commit(l, key(2), "y"), commit(l, key(2), "z"), commit(l, key(2), "u"), commit(l, key(2), "v"))[4]
			if h := head(t, l).Number; h == 9 {
				wantIs(t, err, ErrRateLimited)
			} else if h == 10 { // a new epoch
				if err != nil {
					t.Error(err)
				}
				limited = true
			}
		}
	})
}

func TestWeights(t *testing.T) {
	bubble(t, genesis(3), func(t *testing.T, l *Local) {
		many := make([]uint16, 6)
		for _, c := range []struct {
			name          string
			signer        Signer
			uids, weights []uint16
			want          error
		}{
			{"lengths", key(0), []uint16{1, 2}, []uint16{1}, ErrBadWeights},
			{"too many", key(0), many, many, ErrBadWeights},
			{"unknown UID", key(0), []uint16{9}, []uint16{1}, ErrBadWeights},
			{"twice", key(0), []uint16{2, 2}, []uint16{1, 1}, ErrBadWeights},
			{"zero", key(0), []uint16{2}, []uint16{0}, ErrBadWeights},
			{"none", key(0), nil, nil, ErrBadWeights},
			{"no stake", key(2), []uint16{3}, []uint16{1}, ErrNoPermit},
			{"stranger", key(50), []uint16{3}, []uint16{1}, ErrNotRegistered},
			{"good", key(0), []uint16{4, 2, 3}, []uint16{50, 100, 0}, nil},
			{"too soon", key(0), []uint16{2}, []uint16{1}, ErrRateLimited},
			{"another's turn", key(1), []uint16{3}, []uint16{12345}, nil},
		} {
			if err := inBlock(t, l, weigh(l, c.signer, c.uids, c.weights))[0]; !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("%s: %v, want %v", c.name, err, c.want)
			}
		}
		m, err := l.Metagraph(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n, _ := m.Neuron(key(0).Hotkey())
		if want := []Weight{{2, 65535}, {3, 0}, {4, 32767}}; !slices.Equal(n.Weights, want) || n.LastUpdate == 0 {
			t.Errorf("%+v", n)
		}
		// the epoch: validator 0 has 3/4 of the stake, so what it gives counts; what only validator 1 gives does not
		for head(t, l).Number < 20 {
			if _, err := l.Produce(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if m, err = l.Metagraph(t.Context()); err != nil || m.LastEpoch != 20 {
			t.Fatalf("%+v %v", m, err)
		}
		sum := 0.0
		for _, n := range m.Neurons {
			sum += n.Incentive
		}
		if got := m.Neurons[2].Incentive; got < 0.66 || got > 0.67 || m.Neurons[3].Incentive != 0 || sum < 0.999 || sum > 1 {
			t.Errorf("incentives %+v", m.Neurons)
		}
		if m.Neurons[0].Dividends < 0.99 || m.Neurons[1].Dividends != 0 || !m.Neurons[0].ValidatorPermit || m.Neurons[2].ValidatorPermit {
			t.Errorf("validators %+v", m.Neurons[:2])
		}
	})
}

func TestWeightsVersionAndLimits(t *testing.T) {
	g := genesis(3)
	g.Params.WeightsVersion, g.Params.MaxWeightsLimit, g.Params.MinAllowedWeights = 7, 40000, 2
	bubble(t, g, func(t *testing.T, l *Local) {
		set := func(version uint64, uids, weights []uint16) error {
			return inBlock(t, l, func(ctx context.Context) error {
				_, err := l.SetWeights(ctx, key(0), uids, weights, version)
				return err
			})[0]
		}
		wantIs(t, set(6, []uint16{2, 3}, []uint16{1, 1}), ErrVersionKey)
		wantIs(t, set(7, []uint16{2}, []uint16{1}), ErrBadWeights)
		wantIs(t, set(7, []uint16{2, 3}, []uint16{9, 1}), ErrBadWeights)
		if err := set(7, []uint16{2, 3}, []uint16{1, 1}); err != nil {
			t.Error(err)
		}
	})
}

func TestRegistration(t *testing.T) {
	g := genesis(1)
	g.Params.MaxUIDs, g.Params.ImmunityPeriod = 4, 3
	bubble(t, g, func(t *testing.T, l *Local) {
		register := func(n int) error {
			return inBlock(t, l, func(ctx context.Context) error {
				_, err := l.Register(ctx, key(n), key(77).Hotkey())
				return err
			})[0]
		}
		wantIs(t, register(2), ErrAlreadyRegistered)
		if err := register(10); err != nil {
			t.Fatal(err)
		}
		if err := inBlock(t, l, commit(l, key(2), "mine"), weigh(l, key(0), []uint16{2, 3}, []uint16{1, 1})); err[0] != nil || err[1] != nil {
			t.Fatal(err)
		}
		if err := register(11); err != nil { // replaces UID 2, which is no longer immune
			t.Fatal(err)
		}
		m, _ := l.Metagraph(t.Context())
		if n := m.Neurons[2]; n.Hotkey != key(11).Hotkey() || n.Coldkey != key(77).Hotkey() || n.RegisteredAt != 4 {
			t.Errorf("%+v", n)
		}
		if _, ok := m.UID(key(2).Hotkey()); ok {
			t.Error("the replaced neuron is still there")
		}
		if c, _ := l.Commitments(t.Context()); len(c) != 0 {
			t.Errorf("its commitment is still there: %q", c)
		}
		if n := m.Neurons[0]; !slices.Equal(n.Weights, []Weight{{3, 65535}}) {
			t.Errorf("weights for the replaced neuron go to the new one: %+v", n.Weights)
		}
		for _, n := range []int{12, 13} {
			if err := register(n); n == 13 {
				wantIs(t, err, ErrFull)
			} else if err != nil {
				t.Error(err)
			}
		}
	})
}

func TestTransactionsAreChecked(t *testing.T) {
	bubble(t, genesis(2), func(t *testing.T, l *Local) {
		signed := func(change func(*Extrinsic), genesis string) Extrinsic {
			x := Extrinsic{Hotkey: key(2).Hotkey(), Nonce: 0, Expiry: 10, Call: CommitCall{Data: []byte("x")}}
			if change != nil {
				change(&x)
			}
			p, err := x.Payload(genesis)
			if err != nil {
				t.Fatal(err)
			}
			if x.Signature, err = key(2).Sign(p); err != nil {
				t.Fatal(err)
			}
			return x
		}
		submit := func(x Extrinsic) error {
			_, err := l.Submit(t.Context(), x)
			return err
		}
		here := l.GenesisHash()
		other := signed(nil, hashText([32]byte{1}))
		wantIs(t, submit(other), ErrBadSignature)
		for name, tamper := range map[string]func(*Extrinsic){
			"call":      func(x *Extrinsic) { x.Call = CommitCall{Data: []byte("y")} },
			"nonce":     func(x *Extrinsic) { x.Nonce++ },
			"expiry":    func(x *Extrinsic) { x.Expiry++ },
			"hotkey":    func(x *Extrinsic) { x.Hotkey = key(3).Hotkey() },
			"no ss58":   func(x *Extrinsic) { x.Hotkey = "me" },
			"signature": func(x *Extrinsic) { x.Signature = make([]byte, 64) },
			"short":     func(x *Extrinsic) { x.Signature = x.Signature[:63] },
		} {
			x := signed(nil, here)
			tamper(&x)
			if err := submit(x); !errors.Is(err, ErrBadSignature) {
				t.Errorf("%s: %v", name, err)
			}
		}
		wantIs(t, submit(signed(func(x *Extrinsic) { x.Nonce = 1 }, here)), ErrNonce)
		wantIs(t, submit(signed(func(x *Extrinsic) { x.Expiry = 0 }, here)), ErrExpired)
		good := signed(nil, here)
		if err := inBlock(t, l, func(context.Context) error { return submit(good) })[0]; err != nil {
			t.Fatal(err)
		}
		wantIs(t, submit(good), ErrNonce) // no replay
		if err := submit(Extrinsic{Hotkey: key(2).Hotkey()}); err == nil {
			t.Error("a transaction without call was accepted")
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, LocalConfig{Genesis: genesis(1), Queue: 3})
		calls := make([]func(context.Context) error, 5)
		for i := range calls {
			calls[i] = commit(l, key(2), fmt.Sprint(i))
		}
		busy := 0
		for _, err := range inBlock(t, l, calls...) {
			if errors.Is(err, ErrBusy) {
				busy++
			} else if err != nil {
				t.Error(err)
			}
		}
		if busy != 2 {
			t.Errorf("%d were refused", busy)
		}
		if n, err := l.NextNonce(t.Context(), key(2).Hotkey()); err != nil || n != 3 {
			t.Errorf("nonce %d %v", n, err)
		}
	})
}

func TestNobodyWaitsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, LocalConfig{Genesis: genesis(1), CallTimeout: 3 * time.Second}) // no block comes by itself
		begin := time.Now()
		err := commit(l, key(2), "x")(context.Background())
		wantIs(t, err, ErrUnknownOutcome)
		wantIs(t, err, context.DeadlineExceeded)
		_, err = l.WaitBlock(context.Background(), 5)
		wantIs(t, err, context.DeadlineExceeded)
		if took := time.Since(begin); took != 6*time.Second {
			t.Errorf("took %s", took)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for name, f := range map[string]func() error{
			"head":       func() error { _, err := l.Head(ended); return err },
			"block":      func() error { _, err := l.Block(ended, 0); return err },
			"metagraph":  func() error { _, err := l.Metagraph(ended); return err },
			"parameters": func() error { _, err := l.Hyperparameters(ended); return err },
			"board":      func() error { _, err := l.Commitments(ended); return err },
			"commit":     func() error { return commit(l, key(2), "x")(ended) },
			"subscribe":  func() error { _, err := l.SubscribeHeads(ended); return err },
		} {
			if err := f(); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, LocalConfig{Genesis: genesis(1)})
		heads, err := l.SubscribeHeads(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		<-heads
		waiting := make(chan error, 2)
		go func() { waiting <- commit(l, key(2), "x")(t.Context()) }()
		go func() {
			_, err := l.WaitBlock(t.Context(), 9)
			waiting <- err
		}()
		synctest.Wait()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		wantIs(t, <-waiting, ErrClosed)
		wantIs(t, <-waiting, ErrClosed)
		if _, ok := <-heads; ok {
			t.Error("a subscription outlived the chain")
		}
		_, err = l.Head(t.Context())
		wantIs(t, err, ErrClosed)
		wantIs(t, commit(l, key(2), "x")(t.Context()), ErrClosed)
		_, err = l.Produce(t.Context())
		wantIs(t, err, ErrClosed)
	})
}

// TestManyAtOnce is for the race detector.
func TestManyAtOnce(t *testing.T) {
	l := open(t, LocalConfig{Path: filepath.Join(t.TempDir(), "chain.db"), Genesis: genesis(8), BlockTime: 2 * time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 5 {
				if _, err := l.Commit(ctx, key(2+i), fmt.Append(nil, n)); err != nil && !errors.Is(err, ErrRateLimited) {
					t.Error(err)
				}
				m, err := l.Metagraph(ctx)
				if err != nil {
					t.Error(err)
				}
				if _, err := l.Block(ctx, m.Block.Number/2); err != nil {
					t.Error(err)
				}
				if _, err := l.WaitBlock(ctx, m.Block.Number+2); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() { // two at once for one hotkey: both get in
		errs := make(chan error, 2)
		for i := range 2 {
			go func() {
				_, err := l.Commit(ctx, key(0), fmt.Append(nil, i))
				errs <- err
			}()
		}
		for range 2 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
}

func TestRefusesBadConfigurations(t *testing.T) {
	twice := genesis(1)
	twice.Neurons = append(twice.Neurons, twice.Neurons[0])
	crowded := genesis(4)
	crowded.Params.MaxUIDs = 3
	noTempo := genesis(1)
	noTempo.Params.Tempo = 0
	for name, cfg := range map[string]LocalConfig{
		"block time": {Genesis: genesis(1), BlockTime: time.Microsecond},
		"negative":   {Genesis: genesis(1), BlockTime: -1},
		"hotkey":     {Genesis: Genesis{Neurons: []GenesisNeuron{{Hotkey: "x"}}}},
		"coldkey":    {Genesis: Genesis{Neurons: []GenesisNeuron{{Hotkey: key(0).Hotkey(), Coldkey: "x"}}}},
		"twice":      {Genesis: twice},
		"crowded":    {Genesis: crowded},
		"tempo":      {Genesis: noTempo},
		"folder":     {Genesis: genesis(1), Path: filepath.Join(t.TempDir(), "absent", "chain.db")},
	} {
		if l, err := OpenLocal(t.Context(), cfg); err == nil {
			l.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}
