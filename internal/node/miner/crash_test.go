package miner

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/status"
)

// windowsOfRun are the windows that one run of the crash test goes through.
var windowsOfRun = []int64{0, 10}

// crashWorld has windows of two groups, which is enough for every turn that a window can take.
func crashWorld(t *testing.T) *world {
	w := newWorld(t)
	w.plan.MaxGroups = 2
	return w
}

// points runs a miner without a crash and lists the points at which it can die, in their order.
func points(t *testing.T) []string {
	var all []string
	synctest.Test(t, func(t *testing.T) {
		w := crashWorld(t)
		defer w.end()
		w.hook = func(point string) bool {
			all = append(all, point)
			return false
		}
		_, kill := w.run(w.dir)
		w.until(20)
		if err := kill(); !errors.Is(err, context.Canceled) {
			t.Errorf("the miner ended with %v", err)
		}
		for _, window := range windowsOfRun {
			if n := len(groupsOf(w.file(window))); n != 2 {
				t.Errorf("window %d has %d groups\n%s", window, n, w.log)
			}
		}
	})
	return all
}

// journalled reads what a data folder promises: the kept groups of each window.
func journalled(t *testing.T, w *world, dir string) map[int64][]GroupRecord {
	t.Helper()
	ctx := context.Background()
	j, err := OpenJournal(ctx, filepath.Join(dir, "miner.db"), w.address(), w.rules)
	w.check(err)
	defer j.Close()
	kept := map[int64][]GroupRecord{}
	for _, window := range windowsOfRun {
		all, err := j.Groups(ctx, window)
		w.check(err)
		for _, g := range all {
			if !g.Dropped {
				kept[window] = append(kept[window], g)
			}
		}
	}
	return kept
}

// crash kills a miner at its n-th point, as kill -9 does: what is on disk at that moment is all that the next one gets. It restarts after a
// pause and lets it finish. Windows 0 and 10 must be handed in once, in time, with every group that was journalled.
func crash(t *testing.T, n int, pause time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		w := crashWorld(t)
		defer w.end()
		var point, left string
		seen := 0
		w.hook = func(p string) bool {
			if seen++; seen != n+1 {
				return seen > n+1 // the dead do nothing
			}
			point, left = p, copyDir(t, w.dir)
			return true
		}
		m := w.miner(w.dir)
		if err := m.Run(context.Background()); !errors.Is(err, errKilled) {
			t.Fatalf("the miner ended with %v", err)
		}
		died, err := w.chain.Head(context.Background())
		w.check(err)
		if pause > 0 {
			time.Sleep(pause)
		}
		if !isDir(left, "miner.db") {
			t.Fatalf("%s: no journal yet", point)
		}
		promised := journalled(t, w, copyDir(t, left))
		w.hook = nil
		_, kill := w.run(left)
		w.until(20)
		_ = kill()
		for _, window := range windowsOfRun {
			rows := w.file(window)
			groups := groupsOf(rows)
			for _, g := range promised[window] {
				if !groups[g.Index] {
					t.Errorf("killed at %d, %s (block %d): group %d of window %d was journalled and is lost\n%s", n, point, died.Number, g.Index, window, w.log)
				}
			}
			if len(groups) == 0 {
				t.Errorf("killed at %d, %s (block %d): window %d was not handed in\n%s", n, point, died.Number, window, w.log)
			}
		}
		if late := w.log.of(status.Fault); len(late) > 0 && pause == 0 {
			t.Errorf("killed at %d, %s: faults\n%s", n, point, w.log)
		}
	})
}

func isDir(dir, name string) bool {
	matches, _ := filepath.Glob(filepath.Join(dir, name))
	return len(matches) > 0
}

// TestKillEverywhere kills the miner before and after every effect and every write of the journal of two windows.
func TestKillEverywhere(t *testing.T) {
	all := points(t)
	kinds := map[string]bool{}
	for _, p := range all {
		kinds[p] = true
	}
	for _, want := range []string{"Find", "Load", "Open", "Group", "Package", "Upload", "Confirm", "journal state", "journal group", "Clean"} {
		if !kinds["before "+want] || !kinds["after "+want] {
			t.Errorf("the run has no %s", want)
		}
	}
	t.Logf("%d points", len(all))
	step := 1
	if testing.Short() {
		step = 7
	}
	for n := 0; n < len(all); n += step {
		crash(t, n, 0)
	}
	for n := 0; n < len(all); n += 9 { // down for longer than a block
		crash(t, n, 2500*time.Millisecond)
	}
}

// TestKillTwice dies at a point and again soon after the restart.
func TestKillTwice(t *testing.T) {
	all := points(t)
	for n := 3; n < len(all); n += 23 {
		for again := range 4 {
			synctest.Test(t, func(t *testing.T) {
				w := crashWorld(t)
				defer w.end()
				dir := w.dir
				for _, at := range []int{n, 2 * again} {
					seen, left := 0, ""
					w.hook = func(string) bool {
						if seen++; seen != at+1 {
							return seen > at+1
						}
						left = copyDir(t, dir)
						return true
					}
					if err := w.miner(dir).Run(context.Background()); !errors.Is(err, errKilled) {
						t.Fatalf("the miner ended with %v", err)
					}
					dir = left
				}
				promised := journalled(t, w, copyDir(t, dir))
				w.hook = nil
				_, kill := w.run(dir)
				w.until(20)
				_ = kill()
				for _, window := range windowsOfRun {
					groups := groupsOf(w.file(window))
					for _, g := range promised[window] {
						if !groups[g.Index] {
							t.Errorf("killed at %d and %d: group %d of window %d is lost", n, 2*again, g.Index, window)
						}
					}
					if len(groups) == 0 {
						t.Errorf("killed at %d and %d: window %d was not handed in\n%s", n, 2*again, window, w.log)
					}
				}
			})
		}
	}
}

// TestUploadFaults crosses what can go wrong with an upload with a crash after the put and one before the answer is asked for.
func TestUploadFaults(t *testing.T) {
	for _, kill := range []string{"", "before Upload", "after Upload", "before Confirm", "after Confirm"} {
		for _, put := range [][]bucket.Fault{
			nil, {bucket.Fails}, {bucket.FailsButPersists}, {bucket.IsSlow}, {bucket.Fails, bucket.FailsButPersists}, {bucket.Fails, bucket.Fails, bucket.Fails},
		} {
			for _, head := range [][]bucket.Fault{nil, {bucket.Fails}, {bucket.Fails, bucket.Fails}} {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					defer w.end()
					w.plan.SafetyBlocks = 4
					plans := map[string]func(bucket.Call) bucket.Fault{"put": bucket.Plan("put", put...), "head": bucket.Plan("head", head...)}
					w.bucket = func(b bucket.Bucket) bucket.Bucket {
						return &bucket.Faulty{Bucket: b, Delay: 1500 * time.Millisecond, Choose: func(c bucket.Call) bucket.Fault {
							if p := plans[c.Op]; p != nil {
								return p(c)
							}
							return bucket.Works
						}}
					}
					dir := w.dir
					if kill != "" {
						dead, left := false, ""
						w.hook = func(p string) bool {
							if !dead && p == kill {
								dead, left = true, copyDir(t, w.dir)
							}
							return dead
						}
						if err := w.miner(dir).Run(context.Background()); !errors.Is(err, errKilled) {
							t.Fatalf("the miner ended with %v", err)
						}
						dir, w.hook = left, nil
					}
					_, end := w.run(dir)
					w.until(11)
					_ = end()
					if rows := w.file(0); len(rows) == 0 {
						t.Errorf("kill %q, put %v, head %v: window 0 was not handed in\n%s", kill, put, head, w.log)
					}
				})
			}
		}
	}
}
