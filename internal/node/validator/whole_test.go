package validator

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nanteos/nanteos/grail/score"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
)

// TestWholeWindows runs a validator through three windows of honest miners and cheaters.
func TestWholeWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		stop, _ := w.run(w.validator(w.dir))
		w.act(10)
		w.until(28)
		verdicts := map[int]status.Event{}
		for _, e := range w.log.of(status.Verdict) {
			if e.Window == 10 {
				verdicts[*e.UID] = e
			}
		}
		for uid, check := range map[int]string{honest: "", quick: "", zeros: "proof_valid", copier: "copycat", tardy: "upload_deadline"} {
			e, ok := verdicts[uid]
			if !ok {
				t.Errorf("UID %d got no verdict", uid)
				continue
			}
			if e.Check != check || e.Accepted == nil || *e.Accepted != (check == "") {
				t.Errorf("UID %d: check %q, accepted %v: %s; want %q", uid, e.Check, e.Accepted, e.Reason, check)
			}
			if check != "" && (e.Reason == "" || e.Hint == "" || e.Measured == nil || e.Limit == nil) {
				t.Errorf("UID %d isn't told reason, hint and figures: %+v", uid, e)
			}
		}
		if e := verdicts[zeros]; e.Row == nil || *e.Row != 0 {
			t.Errorf("the row with zero sketches is not named: %+v", e)
		}
		if len(verdicts) != 5 {
			t.Errorf("%d verdicts", len(verdicts))
		}
		w.wantFair()
		w.act(20)
		w.act(30)
		w.until(48)
		w.wantFair()
		if err := stop(); err != nil {
			t.Errorf("ended with %v", err)
		}

		l, err := ReadLedger(w.dir)
		w.check(err)
		if l.Score.LastWindow != 30 || l.Weights != nil || l.Trust != nil || l.Set == nil || l.Set.Window != 30 {
			t.Errorf("the ledger ends with window %d, owed %v %v, set %v\n%s", l.Score.LastWindow, l.Weights, l.Trust, l.Set, w.log)
		}
		windows, err := Reports(w.dir)
		w.check(err)
		if !slices.Contains(windows, 10) || !slices.Contains(windows, 30) {
			t.Errorf("reports of %v", windows)
		}
		rep, err := ReadReport(w.dir, 20)
		w.check(err)
		for _, m := range rep.Miners {
			if m.UID == zeros && m.Outcome != Excluded {
				t.Errorf("zeros is %s in the next window", m.Outcome)
			}
			if m.UID == honest && (m.Outcome != Accepted || m.Fetched == 0 || m.Metrics.EstimatedUnique != 2*size || len(m.Detail) == 0) {
				t.Errorf("honest: %+v", m)
			}
		}
		b, _, err := bucket.ReadAll(context.Background(), w.own, bucket.TrustKey(30), 1<<20)
		w.check(err)
		var list score.TrustList
		w.check(json.Unmarshal(b, &list))
		w.check(list.Validate(w.rules, 30, w.address(judge)))
		if want := []string{w.address(honest), w.address(quick)}; !slices.Equal(list.EligibleHotkeys, want) {
			t.Errorf("trusts %v, want %v", list.EligibleHotkeys, want)
		}
		if len(list.Files) != 2 { // those that passed, in the version that was judged
			t.Errorf("vouches for the files %v", list.Files)
		}
		for _, m := range []int{honest, quick} {
			info, err := w.buckets[m].Head(context.Background(), bucket.WindowKey(w.address(m), 30))
			w.check(err)
			if want := (score.TrustedFile{ETag: info.ETag, Size: info.Size}); list.Files[w.address(m)] != want {
				t.Errorf("vouches for %v of UID %d, want %v", list.Files[w.address(m)], m, want)
			}
		}
		if gaps := w.log.of(status.Skipped); len(gaps) != 0 {
			t.Errorf("skipped %v", gaps)
		}
	})
}

// TestUnjudged lets the model fail for a while, and then for good.
func TestUnjudged(t *testing.T) {
	for _, c := range []struct {
		name     string
		failures int
		want     Outcome
	}{{"passing", 2, Accepted}, {"lasting", 1 << 30, Unjudged}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.end()
				left := c.failures
				w.shelf.engine.fail = func() error {
					if left--; left >= 0 {
						return errors.New("out of memory")
					}
					return nil
				}
				stop, _ := w.run(w.validator(w.dir))
				w.until(12)
				w.upload(honest, 10, w.mine(honest, 10, 2))
				w.until(29)
				w.check(stop())
				rep, err := ReadReport(w.dir, 10)
				w.check(err)
				for _, m := range rep.Miners {
					if m.UID == honest && (m.Outcome != c.want || m.Metrics.HadFailure != 0) {
						t.Errorf("%s: %s, %+v\n%s", m.Outcome, m.Reason, m.Metrics, w.log)
					}
				}
				l, err := ReadLedger(w.dir)
				w.check(err)
				if n := l.Score.Failed.Counts()[w.address(honest)]; n != 0 {
					t.Errorf("the miner is blamed")
				}
			})
		})
	}
}

// TestUnknownEnvironment skips windows whose checkpoint this build can't judge (F9).
func TestUnknownEnvironment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		w.shelf.env = "chess"
		stop, _ := w.run(w.validator(w.dir))
		w.until(23)
		w.check(stop())
		l, err := ReadLedger(w.dir)
		w.check(err)
		if l.Score.LastWindow != 10 || l.Score.Processed != 2 || len(l.Score.Available.Rolls) != 0 || len(l.Gaps) != 1 || !strings.Contains(l.Gaps[0].Reason, "chess") {
			t.Errorf("the ledger has window %d, %d processed, histories %v, gaps %v", l.Score.LastWindow, l.Score.Processed, l.Score.Available.Rolls, l.Gaps)
		}
	})
}

// TestReplacedFile replaces a file after the deadline, between probe and download: it is late, and never judged in its new form.
func TestReplacedFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		inner := w.open
		w.open = func(c []byte) (bucket.Bucket, error) {
			b, err := inner(c)
			if err != nil || c[0] != honest {
				return b, err
			}
			return &swapping{Bucket: b, swap: func() { w.upload(honest, 10, w.mine(honest, 10, 3)) }}, nil
		}
		stop, _ := w.run(w.validator(w.dir))
		w.until(12)
		w.upload(honest, 10, w.mine(honest, 10, 2))
		w.until(25)
		w.check(stop())
		rep, err := ReadReport(w.dir, 10)
		w.check(err)
		for _, m := range rep.Miners {
			if m.UID == honest && m.Outcome != Late {
				t.Errorf("%s: %s", m.Outcome, m.Reason)
			}
		}
	})
}

// swapping replaces the object at the first read of a range.
type swapping struct {
	bucket.Bucket
	swap func()
	done bool
}

func (s *swapping) GetRange(ctx context.Context, key string, off, n int64, ifMatch string) ([]byte, error) {
	if !s.done {
		s.done = true
		s.swap()
	}
	return s.Bucket.GetRange(ctx, key, off, n, ifMatch)
}

// TestGzip judges a compressed file where the rules look for one, and takes a broken one for none.
func TestGzip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		w.rules.PreferGzip = true
		stop, _ := w.run(w.validator(w.dir))
		w.until(12)
		w.upload(honest, 10, w.mine(honest, 10, 2))
		ctx := context.Background()
		key := bucket.WindowKey(w.address(honest), 10)
		b, _, err := bucket.ReadAll(ctx, w.buckets[honest], key, 1<<20)
		w.check(err)
		var z bytes.Buffer
		packed := gzip.NewWriter(&z)
		_, err = packed.Write(b)
		w.check(err)
		w.check(packed.Close())
		_, err = bucket.PutBytes(ctx, w.buckets[honest], key+".gz", z.Bytes(), bucket.PutOptions{})
		w.check(err)
		w.check(w.buckets[honest].Delete(ctx, key))
		_, err = bucket.PutBytes(ctx, w.buckets[quick], bucket.WindowKey(w.address(quick), 10)+".gz", bytes.Repeat([]byte("broken"), 100), bucket.PutOptions{})
		w.check(err)
		w.until(26)
		w.check(stop())
		rep, err := ReadReport(w.dir, 10)
		w.check(err)
		want := map[int]Outcome{honest: Accepted, quick: NoFile}
		for _, m := range rep.Miners {
			if o, ok := want[m.UID]; ok && m.Outcome != o {
				t.Errorf("UID %d: %s: %s", m.UID, m.Outcome, m.Reason)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(w.dir, scratchDir, "*")); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

// TestStop ends a validator whose model hangs, within its grace.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		stop, _ := w.run(w.validator(w.dir))
		w.until(12)
		w.upload(honest, 10, w.mine(honest, 10, 1))
		began := time.Now()
		w.check(stop())
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("it took %s to stop", took)
		}
		if n := len(w.log.of(status.Start)) + len(w.log.of(status.Stop)); n != 2 {
			t.Errorf("%d events of start and stop", n)
		}
		// One validator at a time.
		lock, err := node.Lock(filepath.Join(w.dir, lockName))
		w.check(err)
		if err := w.validator(w.dir).Run(t.Context()); !errors.Is(err, node.ErrInUse) {
			t.Errorf("beside another validator: %v", err)
		}
		w.check(lock.Close())
		// Under other rules the folder is refused.
		w.rules.ScoreExponent++
		_, err = New(Config{Rules: w.rules, Dir: w.dir, Chain: w.chain, Signer: chain.KeySigner(w.keys[judge]), OpenBucket: w.open})
		if !errors.Is(err, ErrLedger) {
			t.Errorf("other rules: %v", err)
		}
	})
}

// TestCrash kills a validator before and after every effect of its first two windows with miners and starts it again on the same folder.
// Weights and histories must be those of a run without a crash.
func TestCrash(t *testing.T) {
	play := func(t *testing.T, at int, pause time.Duration) (*Ledger, int) {
		var l *Ledger
		seen := 0
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			died := ""
			w.probe = func(e Effect, done bool) bool {
				switch e.(type) {
				case Wake, Emit, Cancel: // they leave nothing behind
					return false
				}
				if seen++; seen != at {
					return false
				}
				died = effectName(e, done)
				return true
			}
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			live := func() { ended <- w.validator(w.dir).Run(ctx) }
			go live()
			played := make(chan struct{})
			go func() {
				defer close(played)
				w.act(10)
				w.act(20)
				w.until(38)
			}()
			select {
			case err := <-ended:
				if !errors.Is(err, errKilled) {
					t.Fatalf("ended with %v", err)
				}
				time.Sleep(pause)
				go live()
				<-played
			case <-played:
			}
			cancel()
			if err := <-ended; errors.Is(err, errKilled) { // in the very last moment
				ctx, cancel = context.WithCancel(context.Background())
				go live()
				time.Sleep(blockTime)
				cancel()
				w.check(<-ended)
			} else {
				w.check(err)
			}
			if got := w.weights(); !maps.Equal(got, fair) {
				t.Errorf("killed at %d, %s: weights on chain are %v, want %v\n%s", at, died, got, fair, w.log)
			}
			var err error
			l, err = ReadLedger(w.dir)
			w.check(err)
			if _, err := w.own.Head(context.Background(), bucket.TrustKey(20)); err != nil {
				t.Errorf("killed at %d, %s: no trust list: %v", at, died, err)
			}
		})
		return l, seen
	}
	want, points := play(t, -1, 0)
	if points < 40 {
		t.Fatalf("only %d points", points)
	}
	for at := 1; at <= points; at++ {
		t.Run(strconv.Itoa(at), func(t *testing.T) {
			t.Parallel()
			got, _ := play(t, at, 300*time.Millisecond)
			for _, pair := range []struct {
				what string
				a, b any
			}{
				{"processed", got.Score.Processed, want.Score.Processed}, {"last window", got.Score.LastWindow, want.Score.LastWindow},
				{"availability", got.Score.Available, want.Score.Available}, {"selection", got.Score.Selected, want.Score.Selected},
				{"failures", got.Score.Failed, want.Score.Failed}, {"metrics", got.Score.Metrics, want.Score.Metrics}, {"copies", got.Score.Copies, want.Score.Copies},
				{"interval", got.Score.WeightInterval, want.Score.WeightInterval}, {"gaps", got.Gaps, want.Gaps},
			} {
				a, _ := json.Marshal(pair.a)
				b, _ := json.Marshal(pair.b)
				if string(a) != string(b) {
					t.Errorf("killed at point %d: %s is %s, without a crash %s", at, pair.what, a, b)
				}
			}
		})
	}
	t.Logf("%d points", points)
}
