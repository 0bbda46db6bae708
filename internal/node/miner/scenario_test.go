package miner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
)

// scene runs a miner in a world of its own up to a block.
func scene(t *testing.T, until uint64, prepare, check func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		if prepare != nil {
			prepare(w)
		}
		_, kill := w.run(w.dir)
		w.until(until)
		if err := kill(); !errors.Is(err, context.Canceled) {
			t.Errorf("the miner ended with %v", err)
		}
		check(w)
	})
}

// skippedFor returns the reason why a window was skipped.
func (w *world) skippedFor(window int64) string {
	for _, e := range w.log.of(status.Skipped) {
		if e.Window == window {
			return e.Reason
		}
	}
	return ""
}

func TestLateMarker(t *testing.T) { // quirk 58
	scene(t, 21, func(w *world) {
		w.shelf.ready = append(w.shelf.ready, mark{9, 0, time.Now().Add(10*blockTime + 2*time.Second)}) // a second after window 10 began
	}, func(w *world) {
		for _, row := range w.file(10) {
			if row.CheckpointWindow != 0 {
				t.Fatalf("a row of window 10 is of checkpoint %d", row.CheckpointWindow)
			}
		}
		if groups := groupsOf(w.file(10)); len(groups) == 0 || groups[0] {
			t.Errorf("window 10 has groups %v\n%s", groups, w.log)
		}
	})
}

func TestTrainerAway(t *testing.T) { // quirks 14, 16 and 23
	scene(t, 31, func(w *world) {
		back := time.Now().Add(23 * blockTime)
		w.shelf.fail = func() error {
			if time.Now().Before(back) {
				return errors.New("no route to host")
			}
			return nil
		}
	}, func(w *world) {
		for _, window := range []int64{0, 10} {
			if rows := w.file(window); rows != nil || !strings.Contains(w.skippedFor(window), "no route") {
				t.Errorf("window %d: %d rows, skipped for %q", window, len(rows), w.skippedFor(window))
			}
		}
		if len(w.file(20)) == 0 {
			t.Errorf("window 20 was not handed in\n%s", w.log)
		}
	})
}

func TestTrainerAwayAtTheEnd(t *testing.T) {
	scene(t, 11, func(w *world) {
		gone := time.Now().Add(6 * blockTime)
		w.shelf.fail = func() error {
			if time.Now().After(gone) {
				return errors.New("no route to host")
			}
			return nil
		}
	}, func(w *world) {
		w.shelf.fail = nil
		if len(w.file(0)) == 0 { // the early second look is good enough
			t.Errorf("window 0 was not handed in\n%s", w.log)
		}
	})
}

func TestUnknownEnvironment(t *testing.T) {
	scene(t, 11, func(w *world) {
		w.shelf.broken = fmt.Errorf("%w: environment chess", node.ErrPolicy)
	}, func(w *world) {
		if r := w.skippedFor(0); !strings.Contains(r, "chess") {
			t.Errorf("skipped for %q", r)
		}
	})
}

func TestUnfitGroups(t *testing.T) {
	scene(t, 11, func(w *world) {
		w.shelf.engine = func(c int64) *hashEngine { return &hashEngine{checkpoint: c, short: map[int]bool{1: true}} }
	}, func(w *world) {
		groups := groupsOf(w.file(0))
		if !groups[0] || groups[1] || !groups[2] {
			t.Errorf("groups %v\n%s", groups, w.log)
		}
		dropped := w.log.of(status.Dropped)
		if len(dropped) != 1 || *dropped[0].Group != 1 || !strings.Contains(dropped[0].Reason, "tokens") {
			t.Errorf("dropped %+v", dropped)
		}
	})
}

func TestMachineFaults(t *testing.T) { // quirk 17
	scene(t, 11, func(w *world) {
		calls := 0
		w.shelf.engine = func(c int64) *hashEngine {
			return &hashEngine{checkpoint: c, fail: func() error {
				if calls++; calls == 2 {
					return errors.New("CUDA out of memory")
				}
				return nil
			}}
		}
	}, func(w *world) {
		groups := groupsOf(w.file(0))
		if !groups[0] || groups[1] || !groups[2] {
			t.Errorf("groups %v\n%s", groups, w.log)
		}
	})
}

func TestSlowModel(t *testing.T) { // quirk 21, and a first group that never ends
	scene(t, 31, func(w *world) {
		w.shelf.engine = func(c int64) *hashEngine { return &hashEngine{checkpoint: c, slow: 14 * time.Second} }
		w.plan.SafetyBlocks = 1
	}, func(w *world) {
		for _, window := range []int64{0, 10, 20} { // the first by trying, later ones by the rule for a window's first group
			if n := len(groupsOf(w.file(window))); n != 1 {
				t.Errorf("window %d has %d groups\n%s", window, n, w.log)
			}
		}
	})
	scene(t, 11, func(w *world) {
		w.shelf.engine = func(c int64) *hashEngine { return &hashEngine{checkpoint: c, slow: time.Hour} }
	}, func(w *world) {
		if r := w.skippedFor(0); !strings.Contains(r, "no group was kept") {
			t.Errorf("skipped for %q\n%s", r, w.log)
		}
	})
}

// deniedBucket refuses writes.
type deniedBucket struct{ bucket.Bucket }

func (deniedBucket) Put(context.Context, string, io.ReaderAt, int64, bucket.PutOptions) (bucket.Info, error) {
	return bucket.Info{}, &bucket.Error{Op: "put", Hint: "check the write keys", Err: bucket.ErrAccessDenied}
}

func TestAccessDenied(t *testing.T) {
	scene(t, 11, func(w *world) {
		w.bucket = func(b bucket.Bucket) bucket.Bucket { return deniedBucket{b} }
	}, func(w *world) {
		skipped := w.log.of(status.Skipped)
		if len(skipped) != 1 || !strings.Contains(skipped[0].Reason, "denied") || skipped[0].Hint != "check the write keys" {
			t.Errorf("skipped %+v", skipped)
		}
		if n := len(w.log.of(status.Upload)); n != 0 {
			t.Errorf("%d uploads were reported (quirk 53)", n)
		}
	})
}

func TestForeignFile(t *testing.T) {
	scene(t, 11, func(w *world) {
		_, err := bucket.PutBytes(context.Background(), w.store.Bucket, bucket.WindowKey(w.address(), 0), []byte("another miner with this hotkey"), bucket.PutOptions{})
		w.check(err)
	}, func(w *world) {
		if r := w.skippedFor(0); !strings.Contains(r, "another file") {
			t.Errorf("skipped for %q\n%s", r, w.log)
		}
		body, _, err := bucket.ReadAll(context.Background(), w.store, bucket.WindowKey(w.address(), 0), 100)
		w.check(err)
		if string(body) != "another miner with this hotkey" {
			t.Error("the file was replaced")
		}
	})
}

func TestStopUploads(t *testing.T) { // quirk 19
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		m, kill := w.run(w.dir)
		w.until(4)
		m.Stop()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !m.state.Quit {
			t.Errorf("the miner still runs\n%s", w.log)
		}
		if err := kill(); err != nil {
			t.Errorf("the miner ended with %v", err)
		}
		w.until(11)
		if n := len(groupsOf(w.file(0))); n != 2 {
			t.Errorf("%d groups were uploaded\n%s", n, w.log)
		}
		if n := len(w.log.of(status.Stop)); n != 1 {
			t.Errorf("%d stops", n)
		}
	})
}

// blind is a chain that stops answering.
type blind struct {
	*chain.Local
	from, to time.Time
}

func (b blind) gone() error {
	if now := time.Now(); now.After(b.from) && now.Before(b.to) {
		return errors.New("connection refused")
	}
	return nil
}

func (b blind) SubscribeHeads(ctx context.Context) (<-chan chain.BlockRef, error) {
	if err := b.gone(); err != nil {
		return nil, err
	}
	in, err := b.Local.SubscribeHeads(ctx)
	if err != nil {
		return nil, err
	}
	out := make(chan chain.BlockRef)
	go func() {
		defer close(out)
		for ref := range in {
			if b.gone() != nil {
				return
			}
			select {
			case out <- ref:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

func TestChainAway(t *testing.T) { // quirk 17: the clock goes on, and what is made is uploaded in time
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		m := w.miner(w.dir)
		m.cfg.Heads = blind{w.chain, time.Now().Add(3 * blockTime), time.Now().Add(12 * blockTime)}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- m.Run(ctx) }()
		w.until(21)
		cancel()
		<-ended
		if n := len(groupsOf(w.file(0))); n < 2 {
			t.Errorf("window 0 has %d groups\n%s", n, w.log)
		}
		if len(w.file(10)) == 0 {
			t.Errorf("window 10 was not handed in\n%s", w.log)
		}
		if len(w.log.of(status.Fault)) == 0 {
			t.Error("the outage was not reported")
		}
	})
}

// cheat wraps a worker with a change to its rows, which are signed again.
type cheat struct {
	Worker
	change func(rows []grail.Row)
	key    sr25519.Keypair
}

func (c cheat) Group(ctx context.Context, w Window, index int64) ([]grail.Row, error) {
	rows, err := c.Worker.Group(ctx, w, index)
	if err != nil {
		return nil, err
	}
	c.change(rows)
	return rows, Sign(rows, c.key)
}

// TestPreflight holds that what a validator would refuse is dropped with the check's name, and handed in when preflight is off.
func TestPreflight(t *testing.T) {
	for check, change := range map[string]func([]grail.Row){
		verify.CheckReward: func(rows []grail.Row) {
			for i := range rows {
				rows[i].Commit.Rollout.TotalReward += 0.5
			}
		},
		verify.CheckPrompt:   func(rows []grail.Row) { rows[1].Commit.Tokens[3]++ },
		verify.CheckProof:    func(rows []grail.Row) { zero(&rows[2]) },
		"advantage_value":    func(rows []grail.Row) { rows[0].Commit.Rollout.Advantage++; rows[1].Commit.Rollout.Advantage-- },
		verify.CheckLogProbs: func(rows []grail.Row) { l := rows[3].Commit.Rollout.TokenLogprobs; l[len(l)-1] = -9 },
		verify.CheckSchema:   func(rows []grail.Row) { rows[0].Commit.Rollout.CompletionLength = 0 },
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			m := w.miner(w.dir)
			m.cfg.Worker = func(h *Honest) Worker { return cheat{h, change, w.hotkey} }
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- m.Run(ctx) }()
			w.until(3)
			cancel()
			<-ended
			dropped := w.log.of(status.Dropped)
			if len(dropped) == 0 || dropped[0].Check != check || dropped[0].Reason == "" || dropped[0].Hint == "" && check != "advantage_value" {
				t.Errorf("%s: dropped %+v\n%s", check, dropped, w.log)
			}
		})
	}
}

func zero(row *grail.Row) {
	row.Commit.Commitments = grail.NewCommitments(make([]int64, len(row.Commit.Tokens)))
}

func TestWithoutReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		ctx := context.Background()
		model, err := w.shelf.Load(ctx, -30)
		w.check(err)
		for _, temperature := range []float64{0.7, 1} {
			model.Policy.Params.Temperature = temperature
			evaluator, err := node.NewEvaluator(w.rules, model)
			w.check(err)
			opened, err := node.OpenWindow(ctx, w.rules, w.chain, w.beacon, 0)
			w.check(err)
			win := Window{Window: opened, Block: 1, Checkpoint: -30}
			h := &Honest{Rules: w.rules, Hotkey: w.hotkey, Model: model, Evaluator: evaluator, Secret: []byte("s")}
			rows, err := h.Group(ctx, win, 3)
			w.check(err)
			p := Preflight{Rules: w.rules, Miner: w.address(), Model: model, Evaluator: evaluator}
			for _, replay := range []bool{true, false} {
				w.check(p.Group(ctx, win, rows, replay))
			}
			again, err := h.Group(ctx, win, 3)
			w.check(err)
			if got, want := again[5%testSize].Commit.Tokens, rows[5%testSize].Commit.Tokens; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Error("the same group gives other tokens")
			}
			rows[1].Commit.Tokens[2]++
			var unfit *Unfit
			if err := p.Group(ctx, win, rows, false); !errors.As(err, &unfit) || unfit.Check != verify.CheckPrompt {
				t.Errorf("an edited prompt gives %v", err)
			}
			if err := p.Group(ctx, win, rows[:3], false); !errors.As(err, &unfit) {
				t.Errorf("a short group gives %v", err)
			}
		}
	})
}

func TestReferenceRules(t *testing.T) {
	for _, away := range []bool{false, true} { // quirk 22: without a beacon the block hash is used
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			base := w.rules
			w.rules = grail.Reference()
			w.rules.WindowLength, w.rules.GroupSize, w.rules.BlockSeconds, w.rules.DeadlineSlackSeconds, w.rules.CheckAllRows = base.WindowLength, base.GroupSize, base.BlockSeconds, -1, 100
			w.rules.Proof = grail.ProofEquality
			m := w.miner(w.dir)
			if away {
				m.cfg.Beacon = nil
			}
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- m.Run(ctx) }()
			w.until(11)
			cancel()
			<-ended
			rows := w.file(0)
			if len(rows) == 0 {
				t.Fatalf("window 0 was not handed in\n%s", w.log)
			}
			if rows[0].UseDrand == away || strings.HasPrefix(rows[0].Randomness, "0x") {
				t.Errorf("use_drand is %v, randomness %s", rows[0].UseDrand, rows[0].Randomness)
			}
		})
	}
}

func TestSeedsAreSecret(t *testing.T) {
	seen := map[uint64]bool{}
	for _, secret := range []string{"a", "b"} {
		for group := range int64(4) {
			for rollout := range 16 {
				seen[RolloutSeed([]byte(secret), "0xaa", group, rollout)] = true
			}
		}
	}
	if len(seen) != 2*4*16 {
		t.Errorf("%d different seeds", len(seen))
	}
}
