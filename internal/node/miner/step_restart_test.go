package miner

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nanteos/nanteos/internal/chain"
)

func TestRestart(t *testing.T) {
	t.Run("seen", func(t *testing.T) {
		c := newScript(t, Plan{})
		c.block(10)
		only[Find](t, c.restart())
	})
	t.Run("generating", func(t *testing.T) {
		c := generating(t, Plan{})
		c.grouped(time.Second, nil, "")
		inputs := *c.s.Work.Inputs
		only[Find](t, c.restart(GroupRecord{Index: 0, Checkpoint: -30, Rollouts: 4}, GroupRecord{Index: 1, Checkpoint: -30, Rollouts: 4}))
		only[Load](t, c.found(-30, nil))
		g := only[Group](t, c.loaded(nil))
		if g.Index != 2 || g.Window != inputs || len(c.s.Work.kept()) != 2 {
			t.Errorf("goes on with %+v and %d groups", g, len(c.s.Work.kept()))
		}
	})
	t.Run("little time", func(t *testing.T) {
		c := generating(t, Plan{})
		c.grouped(time.Second, nil, "")
		c.now = epoch.Add(17 * blockTime)
		only[Find](t, c.restart())
		only[Package](t, c.found(-30, nil)) // without the model
	})
	t.Run("packaged", func(t *testing.T) {
		c := generating(t, Plan{MaxGroups: 1})
		c.grouped(time.Second, nil, "")
		c.found(-30, nil)
		s := c.s
		c.wrote(nil)
		file := c.s.Work.File
		c.s.Work.Phase, c.s.Work.Attempts = Packaged, 0 // as it is between outbox and intent
		only[Find](t, c.restart())
		up := only[Upload](t, c.found(-30, nil))
		if up.File != *file {
			t.Errorf("uploads %+v", up.File)
		}
		c.s = s
		c.wrote(nil)
		c.s.Work.Phase = Packaged
		c.restart()
		only[Load](t, c.found(0, nil)) // the checkpoint changed while the miner was down
		if c.s.Work.File != nil || c.s.Work.Phase != Generating {
			t.Errorf("work is %+v", c.s.Work)
		}
	})
	t.Run("uploading", func(t *testing.T) {
		c := uploading(t)
		only[Confirm](t, c.restart())
		c.confirmed(true, true, nil)
		c.want(Uploaded, "")
	})
	t.Run("uploading, not arrived", func(t *testing.T) {
		c := uploading(t)
		only[Confirm](t, c.restart())
		only[Upload](t, c.confirmed(false, false, nil))
	})
	t.Run("window over", func(t *testing.T) {
		c := generating(t, Plan{})
		c.grouped(time.Second, nil, "")
		c.now = epoch.Add(25 * blockTime)
		f := only[Find](t, c.restart())
		if f.Window != 20 || c.s.Finished.Phase != Skipped {
			t.Errorf("finds for window %d, finished %+v", f.Window, c.s.Finished)
		}
	})
}

// TestAnyOrder plays random answers, failures, crashes and blocks and holds Step to its promises.
func TestAnyOrder(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 9))
		c := newScript(t, Plan{SafetyBlocks: 1, MaxGroups: r.IntN(4)})
		block := uint64(r.IntN(25))
		sums, present := map[int64]string{}, map[int64]string{}
		var fail *Failure
		for range 600 {
			fail = nil
			if r.IntN(4) == 0 {
				fail = &Failure{Kind: []FailureKind{Passing, NoCheckpoint, Unusable, Refusal, Exists, Cut}[r.IntN(6)], Reason: "bad luck"}
			}
			var effects []Effect
			pause := time.Duration(r.IntN(2500)) * time.Millisecond
			w := c.s.Work
			switch p := c.s.Pending; {
			case r.IntN(40) == 0 && w != nil:
				effects = c.restart()
				block = max(block, uint64(c.s.Clock.Head))
			case p == nil || r.IntN(3) == 0:
				block++
				c.now = maxTime(c.now, epoch.Add(time.Duration(block)*blockTime))
				effects = c.play(Head{Now: c.now, Block: chain.BlockRef{Number: block, Time: epoch.Add(time.Duration(block) * blockTime)}})
			case w == nil:
				t.Fatalf("seed %d: %+v is pending without work", seed, p)
			case p.Op == OpFind:
				effects = c.found(int64(r.IntN(2))*30-30, fail)
			case p.Op == OpLoad:
				effects = c.loaded(fail)
			case p.Op == OpOpen:
				effects = c.opened(fail)
			case p.Op == OpGroup:
				effects = c.grouped(pause, fail, []string{"", "", "short"}[r.IntN(3)])
			case p.Op == OpPackage:
				effects = c.wrote(fail)
			case p.Op == OpUpload:
				if fail == nil || r.IntN(3) == 0 {
					if present[w.Window] == "" {
						present[w.Window] = w.File.SHA256
					}
				}
				effects = c.put(pause, fail)
			case p.Op == OpConfirm:
				effects = c.confirmed(present[w.Window] != "", present[w.Window] == w.File.SHA256, fail)
			case p.Op == OpWait:
				effects = c.woke()
			}
			asked := 0
			for _, e := range effects {
				switch e := e.(type) {
				case Cancel, Settle, Quit:
				case Upload:
					asked++
					window := c.s.Work.Window
					if c.s.Work.Phase != Uploading {
						t.Fatalf("seed %d: upload in phase %s", seed, c.s.Work.Phase)
					}
					if old := sums[window]; old != "" && old != e.File.SHA256 {
						t.Fatalf("seed %d: two files for window %d", seed, window)
					}
					sums[window] = e.File.SHA256
					if c.s.Clock.left(c.rules, window, c.now) <= 0 {
						t.Fatalf("seed %d: upload after the deadline", seed)
					}
				default:
					asked++
				}
			}
			if asked > 1 {
				t.Fatalf("seed %d: %d effects at once: %+v", seed, asked, effects)
			}
			if f := c.s.Finished; f != nil && f.Phase == Uploaded && present[f.Window] != f.File.SHA256 {
				t.Fatalf("seed %d: window %d is called uploaded and is not", seed, f.Window)
			}
		}
		if c.s.Last < 10 {
			t.Errorf("seed %d: after 600 events the last window is %d", seed, c.s.Last)
		}
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
