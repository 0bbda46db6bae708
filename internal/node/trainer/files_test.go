package trainer

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/miner"
)

// TestFiles hands in files that are not as they should be, beside an honest one that is always learnt from.
func TestFiles(t *testing.T) {
	const window = 10
	key := func(w *world) string { return bucket.WindowKey(w.address(rogue), window) }
	resigned := func(change func(rows []grail.Row)) func(w *world) {
		return func(w *world) {
			rows := w.mine(rogue, window, 3)
			change(rows)
			w.check(miner.Sign(rows, w.keys[rogue]))
			w.upload(rogue, window, rows)
		}
	}
	for _, c := range []struct {
		name string
		// hand uploads in time; late happens after the window, vouched before the validators vouch.
		hand, late func(w *world)
		// groups of the rogue's are learnt from, refused of its rows are counted, why is the reason for leaving the file out.
		groups, refused int
		why             string
	}{
		{name: "as it should be", hand: resigned(func([]grail.Row) {}), groups: 3},
		{name: "missing", why: "there false"},
		{name: "late", late: resigned(func([]grail.Row) {}), why: "late true"},
		{name: "replaced after the deadline", hand: resigned(func([]grail.Row) {}), late: resigned(func([]grail.Row) {}), why: "late true"},
		{name: "too small", hand: func(w *world) { w.put(rogue, key(w), []byte("PAR1")) }, why: "a wrong size true"},
		{name: "corrupt", hand: func(w *world) { w.put(rogue, key(w), bytes.Repeat([]byte("PAR1"), 200)) }, why: "couldn't read the file"},
		{name: "cut off", hand: func(w *world) {
			w.upload(rogue, window, w.mine(rogue, window, 3))
			b, _, err := bucket.ReadAll(context.Background(), w.buckets[rogue], key(w), 1<<20)
			w.check(err)
			w.put(rogue, key(w), append(b[:len(b)/2:len(b)/2], b[len(b)-200:]...))
		}, why: "couldn't read the file"},
		{name: "another's problem", hand: resigned(func(rows []grail.Row) {
			for i := range rows[:size] {
				rows[i].Commit.Tokens[3]++
			}
		}), groups: 2, refused: size},
		{name: "one row with another's problem", hand: resigned(func(rows []grail.Row) { rows[1].Commit.Tokens[0]++ }), groups: 2, refused: 1},
		{name: "rows of another window", hand: resigned(func(rows []grail.Row) {
			for i := range rows {
				rows[i].WindowStart -= 10
			}
		}), refused: 3 * size},
		{name: "tokens that the model lacks", hand: resigned(func(rows []grail.Row) { c := rows[size+2].Commit.Tokens; c[len(c)-2] = 30_000 }), groups: 2, refused: 1},
		{name: "lengths that don't add up", hand: resigned(func(rows []grail.Row) { rows[0].Commit.Rollout.PromptLength = 1 << 30 }), groups: 2, refused: 1},
		{name: "negative lengths", hand: resigned(func(rows []grail.Row) { rows[0].Commit.Rollout.CompletionLength = -7 }), groups: 2, refused: 1},
		{name: "invented rewards", hand: resigned(func(rows []grail.Row) {
			for i := range rows {
				rows[i].Commit.Rollout.TotalReward, rows[i].Commit.Rollout.Success = 100-float64(i), true
			}
		}), groups: 3, refused: 3 * size},
		{name: "a group with a rollout missing", hand: func(w *world) { w.upload(rogue, window, w.mine(rogue, window, 3)[1:]) }, groups: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.end()
				stop, _ := w.start()
				w.until(window + 2)
				w.upload(honest, window, w.mine(honest, window, 3))
				if c.hand != nil {
					c.hand(w)
				}
				w.until(window + length)
				time.Sleep(blockTime / 4)
				if c.late != nil {
					time.Sleep(2 * time.Second) // the store's clock tells whole seconds
					c.late(w)
				}
				for _, v := range []int{chief, second, third} {
					w.vouch(v, window, c.late == nil, honest, rogue)
				}
				w.until(28)
				w.check(stop())
				r := w.report(window)
				if r == nil || r.Groups != 3+c.groups || r.Refused != c.refused {
					t.Errorf("%+v, want %d groups and %d refused rows\n%s", r, 3+c.groups, c.refused, w.log)
				}
				if why := w.skipped(rogue, window); c.why == "" && why != "" || !strings.Contains(why, c.why) {
					t.Errorf("left out because %q, want %q", why, c.why)
				}
			})
		})
	}
}

// TestInventedRewards: what miners claim to have earned changes nothing.
func TestInventedRewards(t *testing.T) {
	var weights []string
	for _, lie := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			stop, _ := w.start()
			w.until(12)
			rows := w.mine(rogue, 10, 4)
			for i := range rows {
				if lie {
					rows[i].Commit.Rollout.TotalReward = -rows[i].Commit.Rollout.TotalReward
				}
			}
			w.check(miner.Sign(rows, w.keys[rogue]))
			w.upload(rogue, 10, rows)
			w.until(20)
			w.vouch(chief, 10, true, rogue)
			w.vouch(second, 10, true, rogue)
			w.until(28)
			w.check(stop())
			weights = append(weights, w.weights())
		})
	}
	if weights[0] != weights[1] || !strings.HasSuffix(weights[0], " 2") {
		t.Errorf("weights %q", weights)
	}
}

// TestSwapped takes no other version than the one that most stake has judged, and none that changes while it is read.
func TestSwapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		inner := w.open
		w.open = func(c []byte) (bucket.Bucket, error) {
			b, err := inner(c)
			if err != nil || c[0] != quick {
				return b, err
			}
			return &swapping{Bucket: b, swap: func() { w.upload(quick, 10, w.mine(quick, 10, 3)) }}, nil
		}
		stop, _ := w.start()
		w.until(12)
		for _, m := range []int{honest, quick, rogue} {
			w.upload(m, 10, w.mine(m, 10, 2))
		}
		w.vouch(third, 10, true, honest, quick, rogue) // of the first version
		w.upload(rogue, 10, w.mine(rogue, 10, 3))
		w.vouch(chief, 10, true, honest, quick, rogue)
		w.upload(rogue, 10, w.mine(rogue, 10, 2)) // back to the first one, in time
		w.until(20)
		w.vouch(second, 10, false, honest, quick, rogue)
		w.until(28)
		w.check(stop())
		if r := w.report(10); r == nil || r.Miners != 1 || r.Groups != 2 {
			t.Errorf("%+v\n%s", r, w.log)
		}
		for _, m := range []int{quick, rogue} {
			if why := w.skipped(m, 10); !strings.Contains(why, "not the one that validators judged") {
				t.Errorf("UID %d is left out because of %q", m, why)
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

// forge uploads a file whose proofs are none.
func (w *world) forge(who int, window int64) {
	w.t.Helper()
	rows := w.mine(who, window, 3)
	for i := range rows {
		rows[i].Commit.Commitments = grail.NewCommitments(make([]int64, len(rows[i].Commit.Tokens)))
	}
	w.check(miner.Sign(rows, w.keys[who]))
	w.upload(who, window, rows)
}

// TestOwnValidation: where no list vouches for the files themselves, they are judged here. Forged proofs are not learnt from.
func TestOwnValidation(t *testing.T) {
	for _, c := range []struct {
		name  string
		vouch func(w *world)
		// by is the block of window 20 by which it is trained.
		by int64
	}{
		{"older lists", func(w *world) {
			for _, v := range []int{chief, second} {
				w.vouch(v, 0, false, honest, rogue)
			}
		}, 8},
		{"less than half of the stake", func(w *world) { w.vouch(third, 10, true, honest, rogue) }, 8},
		{"nobody judged it", func(w *world) {
			w.vouch(chief, 10, false, honest, rogue)
			w.vouch(second, 10, true, honest)
			w.vouch(third, 10, false, honest, rogue)
		}, 2},
		{"by incentive", func(w *world) {
			w.settings.MinTrusted = 2
			w.heads = &moody{Local: w.chain, change: func(m *chain.Metagraph) {
				m.Neurons[honest].Incentive, m.Neurons[rogue].Incentive, m.Neurons[quick].Incentive = 0.3, 0.6, 0.1
			}}
		}, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.end()
				now := c.name == "older lists" || c.name == "by incentive"
				if now {
					c.vouch(w)
				}
				stop, _ := w.start()
				w.until(12)
				w.upload(honest, 10, w.mine(honest, 10, 3))
				w.upload(quick, 10, w.mine(quick, 10, 3))
				w.forge(rogue, 10)
				w.until(20)
				if !now {
					c.vouch(w)
				}
				w.until(20 + c.by)
				time.Sleep(blockTime / 2)
				w.check(stop())
				r := w.report(10)
				if r == nil || r.Miners != 1 || r.Groups != 3 {
					t.Errorf("%+v\n%s", r, w.log)
				}
				if why := w.skipped(rogue, 10); !strings.Contains(why, "sketches disagree") {
					t.Errorf("left out because of %q", why)
				}
			})
		})
	}
}

// TestBucketsOutOfReach: a miner whose bucket fails is left out, and the others are learnt from; a validator whose bucket fails is waited for until it is late.
func TestBucketsOutOfReach(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			inner := w.open
			w.open = func(c []byte) (bucket.Bucket, error) {
				b, err := inner(c)
				if err != nil || c[0] != quick && c[0] != chief {
					return b, err
				}
				return &bucket.Faulty{Bucket: b, Delay: time.Hour, Choose: func(bucket.Call) bucket.Fault {
					if hangs {
						return bucket.IsSlow
					}
					return bucket.Fails
				}}, nil
			}
			stop, _ := w.start()
			w.act(10)
			w.until(24)
			if w.report(10) != nil {
				t.Error("trained without half of the stake")
			}
			w.until(44) // reading from what hangs takes its time
			w.check(stop())
			if r := w.report(10); r == nil || r.Miners != 1 || r.Groups != 3 {
				t.Errorf("%+v\n%s", r, w.log)
			}
			if why := w.skipped(quick, 10); !strings.Contains(why, "injected") && !hangs || hangs && !strings.Contains(why, "deadline") {
				t.Errorf("left out because of %q", why)
			}
		})
	}
}

// TestNothingToLearn passes windows over without a change of the model.
func TestNothingToLearn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		stop, _ := w.start()
		w.until(5)
		before := w.weights()
		w.until(12)
		w.upload(honest, 10, w.mine(honest, 10, 2)[:size-1])
		w.until(20)
		w.vouch(chief, 10, true, honest)
		w.vouch(second, 10, true, honest)
		w.until(22)
		w.shelf.none.Store(true)
		w.act(20)
		w.until(32)
		w.shelf.none.Store(false)
		w.until(38) // of window 30 there is nothing at all
		w.until(49)
		w.check(stop())
		for window, want := range map[int64]string{10: "no group of this window", 20: "no checkpoint is ready", 30: "no group of this window"} {
			why := w.skipped(-1, window)
			if !strings.Contains(why, want) {
				t.Errorf("window %d skipped because of %q\n%s", window, why, w.log)
			}
		}
		if w.weights() != before || len(w.markers()) != 1 {
			t.Errorf("the model has changed, markers %v", w.markers())
		}
	})
}

// TestQuirks takes the reference's manner: one validator's list, late files, claimed rewards, and groups of the same number thrown together.
func TestQuirks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		w.settings.Quirks, w.settings.GRPO.Quirks = true, true
		stop, _ := w.start()
		w.until(12)
		w.upload(honest, 10, w.mine(honest, 10, 2))
		w.until(20)
		time.Sleep(3 * time.Second)
		rows := w.mine(quick, 10, 5)
		for i := range rows {
			rows[i].Commit.Rollout.TotalReward = float64(i % size)
		}
		w.upload(quick, 10, rows)
		w.vouch(chief, 10, false, honest, quick)
		w.until(28)
		w.check(stop())
		r := w.report(10)
		if r == nil || r.Miners != 2 || r.Groups != 3 || r.Dropped["size"] != 2 || r.Refused != 0 || r.Metrics.RewardMean != 1.5 {
			t.Errorf("%+v\n%s", r, w.log)
		}
	})
}

// TestLists combines validators' lists.
func TestLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		m, err := w.chain.Metagraph(t.Context())
		w.check(err)
		read := func(failing ...int) ReadList {
			return func(ctx context.Context, hotkey string, window int64) ([]byte, error) {
				i := slices.IndexFunc(m.Neurons, func(n chain.Neuron) bool { return n.Hotkey == hotkey })
				if slices.Contains(failing, i) {
					return nil, errors.New("503")
				}
				if i == third && window == 40 {
					return nil, node.ErrNoBucket
				}
				text, _, err := bucket.ReadAll(ctx, w.buckets[i], bucket.TrustKey(window), maxList)
				return text, err
			}
		}
		// window 10: two against one; 20: half against half; 30: only the smallest; 40: one has no bucket; 50: nonsense and a forged list
		w.vouch(chief, 10, false, rogue)
		w.vouch(second, 10, false, honest, quick)
		w.vouch(third, 10, false, honest)
		w.vouch(chief, 20, false, rogue, quick)
		w.vouch(second, 20, false, honest, quick)
		w.vouch(third, 20, false, honest, quick)
		w.vouch(third, 30, false, rogue)
		w.vouch(chief, 40, false, honest)
		w.put(chief, bucket.TrustKey(50), []byte("{"))
		text, _, err := bucket.ReadAll(t.Context(), w.buckets[second], bucket.TrustKey(20), maxList)
		w.check(err)
		w.put(second, bucket.TrustKey(50), text) // of another window
		w.vouch(third, 50, false, honest)
		s := w.settings
		for _, c := range []struct {
			name    string
			window  int64
			late    bool
			failing []int
			want    []int // nil for none
			verify  bool
			failed  bool
		}{
			{"chief with exactly half", 10, false, nil, []int{}, false, false},
			{"half against half", 20, false, nil, []int{quick}, false, false},
			{"only the smallest yet", 30, false, nil, nil, false, false},
			{"only the smallest, late", 30, true, nil, []int{rogue}, true, false},
			{"chief can't be read", 20, false, []int{chief}, nil, false, true},
			{"chief can't be read, late", 20, true, []int{chief}, []int{honest, quick}, true, false},
			{"third can't be read", 20, false, []int{third}, []int{rogue, quick}, false, false},
			{"one without a bucket", 40, false, nil, []int{honest}, false, false},
			{"lists that are none", 50, false, nil, []int{honest}, false, false},
			{"older lists", 70, true, nil, []int{honest}, true, false},
			{"too old", 110, true, nil, nil, false, false},
			{"nobody can be read", 20, true, []int{chief, second, third}, nil, false, false},
		} {
			got, err := s.Lists(t.Context(), w.rules, m, read(c.failing...), c.window, c.late)
			if (err != nil) != c.failed {
				t.Errorf("%s: error %v", c.name, err)
			}
			var keys, want []string
			if got != nil {
				keys = got.Hotkeys
			}
			for _, k := range c.want {
				want = append(want, w.address(k))
			}
			slices.Sort(want)
			if !slices.Equal(keys, want) || got != nil && got.Verify != c.verify {
				t.Errorf("%s: %+v, want %v", c.name, got, want)
			}
		}
	})
}
