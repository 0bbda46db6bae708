package logicnet

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/nanteos/nanteos/internal/cpython"
)

var _ Rand = (*cpython.Rand)(nil)

func logicMiners(limits ...float64) []Miner {
	var all []Miner
	for uid, l := range limits {
		all = append(all, Miner{UID: uid, Category: Category, RateLimit: l})
	}
	return all
}

func TestBatch(t *testing.T) {
	for _, r := range []Rules{Reference(), Hardened()} {
		for _, active := range []int{0, 1, 2, 3, 5, 7, 8, 9, 64} {
			q := r.NewQueue(logicMiners(make([]float64, active)...))
			rng := NewRand([32]byte{byte(active)})
			for range 50 {
				parts := q.Batch(rng)
				var sizes []int
				seen := map[int]int{}
				for _, p := range parts {
					sizes = append(sizes, len(p))
					for _, s := range p {
						seen[s.UID]++
						if s.UID < 0 || s.UID >= active {
							t.Fatalf("uid %d of %d", s.UID, active)
						}
					}
				}
				if want := wantSizes(r, active); !slices.Equal(sizes, want) {
					t.Fatalf("%d active: parts of %v, want %v", active, sizes, want)
				}
				for uid, n := range seen {
					if r.DistinctInBatch && n > 1 {
						t.Fatalf("%d active: uid %d stands %d times in a batch", active, uid, n)
					}
				}
			}
		}
	}
}

func wantSizes(r Rules, active int) []int {
	switch {
	case active == 0:
		return nil
	case r.DistinctInBatch:
		return []int{min(active, r.BatchSize)}
	}
	var sizes []int
	for left := r.BatchSize; left > 0; left -= min(left, active) {
		sizes = append(sizes, min(left, active, r.BatchSize))
	}
	return sizes
}

// TestBatchChances draws often: miners in proportion to their places, slots scored half of the time, and under the reference's rules the
// same miner more than once.
func TestBatchChances(t *testing.T) {
	const rounds = 20000
	for _, r := range []Rules{Reference(), Hardened()} {
		r.BatchSize = 2
		q := r.NewQueue(logicMiners(80, 40, 2)) // 63, 31 and 1 places
		if q.Len() != 95 {
			t.Fatalf("%d places", q.Len())
		}
		rng := NewRand([32]byte{7})
		first := map[int]float64{}
		twice, scored, slots := 0, 0.0, 0.0
		for range rounds {
			part := q.Batch(rng)[0]
			first[part[0].UID]++
			if part[0].UID == part[1].UID {
				twice++
			}
			for _, s := range part {
				slots++
				if s.Score {
					scored++
				}
			}
		}
		for uid, places := range []float64{63, 31, 1} {
			if got, want := first[uid]/rounds, places/95; math.Abs(got-want) > 0.015 {
				t.Errorf("uid %d is drawn first with %v, want %v", uid, got, want)
			}
		}
		if math.Abs(scored/slots-0.5) > 0.01 {
			t.Errorf("%v of the slots are scored", scored/slots)
		}
		if r.DistinctInBatch != (twice == 0) {
			t.Errorf("the same miner twice in %d batches (distinct %t)", twice, r.DistinctInBatch)
		}
	}
}

// The same seed gives the same batches, whatever the randomness is.
func TestBatchRepeats(t *testing.T) {
	q := Hardened().NewQueue(logicMiners(80, 40, 2, 17, 33, 80, 80, 5, 6, 7))
	for range 3 {
		a, b := NewRand([32]byte{1, 2}), NewRand([32]byte{1, 2})
		if !reflect.DeepEqual(q.Batch(a), q.Batch(b)) || !slices.Equal(q.Order(a, 4), q.Order(b, 4)) {
			t.Error("two batches from one seed differ")
		}
		x, y := cpython.NewRandFromUint64(5), cpython.NewRandFromUint64(5)
		if !reflect.DeepEqual(q.Batch(x), q.Batch(y)) {
			t.Error("two batches from one seed differ")
		}
	}
}

func TestQueueLeavesOut(t *testing.T) {
	miners := logicMiners(80, 80, 80, 80)
	miners[1].Category = ""
	miners[2].Category = "Other"
	miners[3].Silent = 100
	if q := Reference().NewQueue(miners); q.Active() != 3 {
		t.Errorf("reference: %d active", q.Active())
	}
	if q := Hardened().NewQueue(miners); q.Active() != 1 || q.Len() != 63 {
		t.Errorf("hardened: %d active, %d places", q.Active(), q.Len())
	}
}

func TestQueueShares(t *testing.T) {
	for _, c := range []struct {
		limit                        float64
		synthetic, proxy, proxyAsWas int
	}{{80, 63, 17, 63}, {2, 1, 1, 1}, {0, 1, 1, 1}, {1, 1, 1, 1}, {33, 25, 8, 25}} {
		if s, p := Hardened().NewQueue(logicMiners(c.limit)).Places(0); s != c.synthetic || p != c.proxy {
			t.Errorf("limit %v: %d and %d places, want %d and %d", c.limit, s, p, c.synthetic, c.proxy)
		}
		if _, p := Reference().NewQueue(logicMiners(c.limit)).Places(0); p != c.proxyAsWas {
			t.Errorf("limit %v: %d places in the reference, want %d", c.limit, p, c.proxyAsWas)
		}
	}
}

// Numbers that are none take nobody else's places and no memory.
func TestQueueHostile(t *testing.T) {
	miners := logicMiners(80, math.NaN(), math.Inf(1), -math.MaxFloat64, math.MaxFloat64)
	for _, r := range []Rules{Reference(), Hardened()} {
		q := r.NewQueue(miners)
		if s, _ := q.Places(0); s != 63 || q.Len() > 4*maxPlaces {
			t.Errorf("%d places of %d", s, q.Len())
		}
		rng := NewRand([32]byte{})
		for range 20 {
			q.Batch(rng)
			q.Order(rng, 3)
		}
	}
}

func TestOrder(t *testing.T) {
	q := Hardened().NewQueue(logicMiners(80, 40, 2, 17))
	rng := NewRand([32]byte{3})
	for _, n := range []int{-1, 0, 1, 3, 4, 100} {
		got := q.Order(rng, n)
		if len(got) != min(max(n, 0), 4) {
			t.Errorf("%d of %d", len(got), n)
		}
		slices.Sort(got)
		if len(slices.Compact(got)) != len(got) {
			t.Errorf("%v has a miner twice", got)
		}
	}
	if got := (Queue{}).Order(rng, 3); len(got) != 0 {
		t.Errorf("%v from nobody", got)
	}
}

func TestRandBelow(t *testing.T) {
	rng := NewRand([32]byte{9})
	for _, n := range []int{math.MinInt64, -1, 0, 1} {
		if got := rng.Below(n); got != 0 {
			t.Errorf("below %d: %d", n, got)
		}
	}
	seen := map[int]bool{}
	for range 200 {
		seen[rng.Below(5)] = true
		if f := rng.Float64(); f < 0 || f >= 1 {
			t.Errorf("%v", f)
		}
	}
	if len(seen) != 5 {
		t.Errorf("%v", seen)
	}
}
