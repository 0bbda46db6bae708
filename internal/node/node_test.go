package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/beacon"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/task"
)

var genesis = time.UnixMilli(1_700_000_000_000).UTC()

// line is a chain of 12 s blocks with head as its newest.
type line struct {
	head uint64
	err  error
}

func (l line) ref(n uint64) chain.BlockRef {
	return chain.BlockRef{Number: n, Hash: fmt.Sprintf("0x%064x", n), Time: genesis.Add(time.Duration(n) * 12 * time.Second)}
}

func (l line) Head(context.Context) (chain.BlockRef, error) { return l.ref(l.head), l.err }

func (l line) Block(_ context.Context, n uint64) (chain.BlockRef, error) {
	if l.err != nil {
		return chain.BlockRef{}, l.err
	}
	if n > l.head {
		return chain.BlockRef{}, chain.ErrNoBlock
	}
	return l.ref(n), nil
}

func local(t *testing.T, now time.Time) *beacon.Local {
	t.Helper()
	b, err := beacon.NewLocal(beacon.LocalConfig{Seed: []byte("node"), Genesis: genesis.Add(-time.Hour), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func rulesOf(base grail.Rules, b *beacon.Local) grail.Rules {
	base.BeaconChain, base.BeaconGenesisMillis, base.BeaconPeriodMillis = b.Info().Hash, b.Info().GenesisTime.UnixMilli(), b.Info().Period.Milliseconds()
	return base
}

func TestWindowInputs(t *testing.T) {
	ctx := context.Background()
	now := genesis.Add(61 * 12 * time.Second)
	b := local(t, now)
	l := line{head: 61}
	at := func(n uint64) string { // the round that was out at block n's time
		r, err := b.Round(ctx, uint64(beacon.RoundAt(b.Info(), l.ref(n).Time)))
		if err != nil {
			t.Fatal(err)
		}
		return r.Text()
	}
	newest, err := b.Latest(ctx)
	if err != nil {
		t.Fatal(err)
	}
	hardened, reference := rulesOf(grail.Hardened(), b), rulesOf(grail.Reference(), b)
	for _, test := range []struct {
		name              string
		rules             grail.Rules
		beacon            Beacon
		miner, challenge  string
		expected          string
		openErr, closeErr error
	}{
		{name: "hardened", rules: hardened, beacon: b, miner: grail.MixRandomness(l.ref(30).Hash, at(30)), challenge: grail.MixRandomness(l.ref(60).Hash, at(60)),
			expected: grail.MixRandomness(l.ref(30).Hash, at(30))},
		{name: "hardened, no beacon", rules: hardened, openErr: ErrBeaconChain, closeErr: ErrBeaconChain},
		{name: "hardened, beacon behind", rules: hardened, beacon: local(t, genesis), openErr: ErrNotYet, closeErr: ErrNotYet},
		{name: "reference", rules: reference, beacon: b, miner: grail.MixRandomness(l.ref(30).Hash, newest.Text()), challenge: grail.MixRandomness(l.ref(60).Hash, newest.Text())},
		{name: "reference, no beacon", rules: reference, miner: strings.TrimPrefix(l.ref(30).Hash, "0x"), challenge: grail.MixRandomness(l.ref(60).Hash, "")},
		{name: "reference, before the first round", rules: reference, beacon: local(t, genesis.Add(-2*time.Hour)), miner: strings.TrimPrefix(l.ref(30).Hash, "0x"),
			challenge: grail.MixRandomness(l.ref(60).Hash, "")},
	} {
		w, err := OpenWindow(ctx, test.rules, l, test.beacon, 30)
		if !errors.Is(err, test.openErr) || test.openErr == nil && (w.Randomness != test.miner || w.Hash != l.ref(30).Hash || w.ExpectedBeacon() != test.expected) {
			t.Errorf("%s: opened %+v, %v", test.name, w, err)
		}
		c, err := CloseWindow(ctx, test.rules, l, test.beacon, 30)
		if !errors.Is(err, test.closeErr) || test.closeErr == nil && (c.Challenge != test.challenge || !c.Deadline.Equal(l.ref(60).Time.Add(-4*time.Second))) {
			t.Errorf("%s: closed %+v, %v", test.name, c, err)
		}
	}
	before := hardened
	before.BeaconGenesisMillis = genesis.Add(time.Hour).UnixMilli() // all blocks are before the beacon
	if w, err := OpenWindow(ctx, before, l, nil, 30); err != nil || w.Round != 0 || w.Randomness != grail.MixRandomness(l.ref(30).Hash, "") {
		t.Errorf("before the beacon: %+v, %v", w, err)
	}
	for _, n := range []int64{-30, 62, 90} {
		if _, err := OpenWindow(ctx, hardened, l, b, n); !errors.Is(err, ErrNotYet) {
			t.Errorf("window %d: %v", n, err)
		}
	}
	if _, err := CloseWindow(ctx, hardened, l, b, 60); !errors.Is(err, ErrNotYet) {
		t.Errorf("a window in progress: %v", err)
	}
	if _, err := OpenWindow(ctx, hardened, line{err: errors.New("down")}, b, 30); err == nil || errors.Is(err, ErrNotYet) {
		t.Errorf("a chain that is down: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := OpenWindow(cancelled, reference, l, b, 30); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call falls back: %v", err)
	}
}

func TestCheckBeacon(t *testing.T) {
	b := local(t, genesis)
	if err := CheckBeacon(rulesOf(grail.Hardened(), b), b.Info()); err != nil {
		t.Error(err)
	}
	if err := CheckBeacon(grail.Reference(), beacon.Quicknet()); err != nil {
		t.Errorf("quicknet: %v", err)
	}
	for name, change := range map[string]func(*grail.Rules){
		"chain": func(r *grail.Rules) { r.BeaconChain = grail.Quicknet.Hash }, "genesis": func(r *grail.Rules) { r.BeaconGenesisMillis++ },
		"period": func(r *grail.Rules) { r.BeaconPeriodMillis = 1 },
	} {
		rules := rulesOf(grail.Hardened(), b)
		change(&rules)
		if err := CheckBeacon(rules, b.Info()); !errors.Is(err, ErrBeaconChain) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// letters is a tokenizer of bytes; 300 ends.
type letters struct{}

func (letters) Render(messages []task.Message, thinking bool) ([]int32, error) {
	ids := []int32{int32(len(messages))}
	for _, m := range messages {
		for _, c := range []byte(m.Content) {
			ids = append(ids, int32(c))
		}
	}
	return ids, nil
}

func (letters) Decode(ids []int32, keepSpecial bool) string {
	var b strings.Builder
	for _, id := range ids {
		if id == 300 {
			b.WriteString("<|end|>")
		} else {
			b.WriteByte(byte(id))
		}
	}
	return b.String()
}

type engineInfo struct{ Engine }

func (engineInfo) Info() Info { return Info{EOS: 300} }

func TestEvaluator(t *testing.T) {
	ctx := context.Background()
	m := &Model{Policy: Policy{Checkpoint: 5, EnvID: "sat"}, Engine: engineInfo{}, Text: letters{}}
	grade := func(rules grail.Rules, completion string) (strict, loose float64) {
		t.Helper()
		e, err := NewEvaluator(rules, m)
		if err != nil {
			t.Fatal(err)
		}
		var ids []int32
		for _, c := range []byte(completion) {
			ids = append(ids, int32(c))
		}
		ids = append(ids, 300)
		own, err := e.Grade(ctx, 7, ids)
		if err != nil {
			t.Fatal(err)
		}
		given, err := e.Evaluate(ctx, 7, ids)
		if err != nil {
			t.Fatal(err)
		}
		if len(own.Components) == 0 {
			t.Error("the grade has no components")
		}
		return own.Reward, given.Reward
	}
	const answer = "</end_working_out><SOLUTION>0 1 0 1</SOLUTION>"
	hard, given := grade(grail.Hardened(), answer)
	ref, same := grade(grail.Reference(), answer)
	if hard <= ref || given != same || ref != same {
		t.Errorf("rewards: hardened %v, as given %v, reference %v, as given %v", hard, given, ref, same)
	}
	e, err := NewEvaluator(grail.Hardened(), m)
	if err != nil {
		t.Fatal(err)
	}
	a, err := e.PromptTokens(ctx, 7)
	if err != nil || a[0] != 2 { // system and user
		t.Errorf("prompt of %d messages, %v", a[0], err)
	}
	if b, _ := e.PromptTokens(ctx, 8); len(b) == len(a) && fmt.Sprint(a) == fmt.Sprint(b) {
		t.Error("two seeds give one prompt")
	}
	if _, err := NewEvaluator(grail.Hardened(), &Model{Policy: Policy{EnvID: "chess"}, Engine: engineInfo{}, Text: letters{}}); !errors.Is(err, ErrPolicy) || !errors.Is(err, task.ErrUnknownEnvironment) {
		t.Errorf("an unknown environment: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := e.PromptTokens(cancelled, 7); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call: %v", err)
	}
}

// board is a register with commitments.
type board struct {
	hotkeys     []string
	commitments map[string][]byte
	errs        []error // of the next calls
	commits     int
}

func (b *board) fail() error {
	if len(b.errs) == 0 {
		return nil
	}
	err := b.errs[0]
	b.errs = b.errs[1:]
	return err
}

func (b *board) Metagraph(context.Context) (chain.Metagraph, error) {
	var m chain.Metagraph
	for i, h := range b.hotkeys {
		m.Neurons = append(m.Neurons, chain.Neuron{UID: uint16(i), Hotkey: h})
	}
	return m, b.fail()
}

func (b *board) Commitments(context.Context) (map[string][]byte, error) {
	return b.commitments, b.fail()
}

func (b *board) Commit(_ context.Context, s chain.Signer, data []byte) (chain.BlockRef, error) {
	if err := b.fail(); err != nil {
		return chain.BlockRef{}, err
	}
	b.commits++
	b.commitments[s.Hotkey()] = data
	return chain.BlockRef{}, nil
}

func TestPeers(t *testing.T) {
	ctx := context.Background()
	opened := 0
	r := &board{hotkeys: []string{"trainer", "a", "b"}, commitments: map[string][]byte{"a": []byte("bucket a"), "b": []byte("nonsense")}}
	p := NewPeers(r, func(c []byte) (Bucket, error) {
		opened++
		if string(c) == "nonsense" {
			return nil, bucket.ErrCommitment
		}
		return bucket.OpenDir(bucket.DirConfig{Root: t.TempDir()})
	})
	if _, _, err := p.ByUID(0); !errors.Is(err, ErrNoBucket) {
		t.Errorf("before the first refresh: %v", err)
	}
	refresh := func() error { return p.Refresh(ctx) }
	if err := refresh(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.ByUID(0); !errors.Is(err, ErrNoBucket) {
		t.Errorf("a trainer without bucket: %v", err)
	}
	first, err := p.Bucket("a")
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := p.Bucket("a"); again != first || opened != 1 {
		t.Errorf("bucket a was opened %d times", opened)
	}
	if _, err := p.Bucket("b"); !errors.Is(err, ErrNoBucket) || !errors.Is(err, bucket.ErrCommitment) {
		t.Errorf("nonsense: %v", err)
	}
	r.errs = []error{nil, errors.New("down")} // quirk 43
	if err := refresh(); err == nil {
		t.Error("a failed refresh was taken for one")
	}
	if again, err := p.Bucket("a"); err != nil || again != first {
		t.Errorf("after a failed refresh: %v", err)
	}
	r.commitments = map[string][]byte{"a": []byte("other bucket"), "trainer": []byte("late")} // quirk 14
	if err := refresh(); err != nil {
		t.Fatal(err)
	}
	if again, err := p.Bucket("a"); err != nil || again == first {
		t.Errorf("after a change: %v", err)
	}
	if _, hotkey, err := p.ByUID(0); err != nil || hotkey != "trainer" {
		t.Errorf("the late trainer: %s, %v", hotkey, err)
	}
	if _, err := p.Bucket("b"); !errors.Is(err, ErrNoBucket) {
		t.Errorf("a bucket that is gone: %v", err)
	}
	for _, uid := range []int{-1, 3} {
		if _, _, err := p.ByUID(uid); !errors.Is(err, ErrNoBucket) {
			t.Errorf("UID %d: %v", uid, err)
		}
	}
}

func TestOpenPeer(t *testing.T) {
	open := OpenPeer(bucket.Settings{Endpoint: "http://127.0.0.1:1", PathStyle: true})
	c, err := bucket.ReadCredentials{AccountID: "miner1", AccessKeyID: "key", SecretAccessKey: "secret"}.EncodeCommitment()
	if err != nil {
		t.Fatal(err)
	}
	b, err := open(c)
	if err != nil || b.Name() != "miner1" {
		t.Errorf("bucket %v, %v", b, err)
	}
	if _, err := open([]byte("hello")); !errors.Is(err, bucket.ErrCommitment) {
		t.Errorf("a greeting: %v", err)
	}
}

func TestJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		down := errors.New("down")
		r := &board{hotkeys: []string{"x", "me"}, commitments: map[string][]byte{}, errs: []error{down, down}}
		var told []error
		report := func(err error) { told = append(told, err) }
		if uid, err := UID(ctx, r, "me", report); err != nil || uid != 1 || len(told) != 2 { // quirk 13
			t.Errorf("UID %d, %v after %d reports", uid, err, len(told))
		}
		if _, err := UID(ctx, r, "stranger", report); !errors.Is(err, ErrNotRegistered) {
			t.Errorf("a stranger: %v", err)
		}
		r.errs = []error{down, nil, chain.ErrRateLimited}
		me := chain.NewSigner("me", nil)
		for range 2 { // the second time there is nothing to do
			if err := Announce(ctx, r, me, []byte("bucket"), report); err != nil {
				t.Error(err)
			}
		}
		if r.commits != 1 || string(r.commitments["me"]) != "bucket" {
			t.Errorf("%d commits of %q", r.commits, r.commitments["me"])
		}
		r.errs = []error{nil, chain.ErrNotRegistered}
		if err := Announce(ctx, r, me, []byte("other"), report); !errors.Is(err, chain.ErrNotRegistered) {
			t.Errorf("unregistered: %v", err)
		}
		short, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		r.errs = []error{down, down, down, down, down, down, down, down, down}
		if err := Announce(short, r, me, []byte("other"), report); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a chain that stays down: %v", err)
		}
	})
}

// feed is a chain that gives scripted subscriptions.
type feed struct {
	line
	subscribe func(ctx context.Context, n int) (<-chan chain.BlockRef, error)
	n         int
}

func (f *feed) SubscribeHeads(ctx context.Context) (<-chan chain.BlockRef, error) {
	f.n++
	return f.subscribe(ctx, f.n)
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		var faults []string
		f := &feed{subscribe: func(ctx context.Context, n int) (<-chan chain.BlockRef, error) {
			c := make(chan chain.BlockRef, 8)
			switch n {
			case 1: // refused
				return nil, errors.New("refused")
			case 2: // ends after three blocks
				for i := range uint64(3) {
					c <- chain.BlockRef{Number: i}
				}
				close(c)
			case 3: // falls silent
				c <- chain.BlockRef{Number: 7}
			default:
				c <- chain.BlockRef{Number: 9}
				go func() { <-ctx.Done(); close(c) }()
			}
			return c, nil
		}}
		heads := Follow(ctx, f, time.Minute, func(err error) { faults = append(faults, err.Error()) })
		time.Sleep(700 * time.Millisecond) // after the second start, before the third
		if b := <-heads; b.Number != 2 {
			t.Errorf("a slow reader gets block %d, want the newest", b.Number)
		}
		if b := <-heads; b.Number != 7 {
			t.Errorf("after the second start: block %d", b.Number)
		}
		start := time.Now()
		if b := <-heads; b.Number != 9 {
			t.Errorf("after the silence: block %d", b.Number)
		}
		if d := time.Since(start); d < 50*time.Second || d > 70*time.Second {
			t.Errorf("the silence took %s", d)
		}
		cancel()
		if _, open := <-heads; open {
			t.Error("still open after the end")
		}
		if len(faults) != 3 || !strings.Contains(faults[0], "refused") || !strings.Contains(faults[1], "ended") || !strings.Contains(faults[2], "no new block") {
			t.Errorf("faults %q", faults)
		}
	})
}
