package logicnet

import (
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var noon = time.Unix(1_800_000_000, 0)

func TestQuotas(t *testing.T) {
	strict := Hardened()
	strict.EverybodyWhenNone = false
	nan, inf := math.NaN(), math.Inf(1)
	for name, c := range map[string]struct {
		rules  Rules
		stakes []float64
		volume float64
		want   map[int]float64
	}{
		"by stake":            {Hardened(), []float64{30000, 10000, 9999}, 100, map[int]float64{0: 75, 1: 25}},
		"at most 80":          {Hardened(), []float64{30000, 10000}, 512, map[int]float64{0: 80, 1: 80}},
		"at least 2":          {Hardened(), []float64{30000, 10000}, 1, map[int]float64{0: 2, 1: 2}},
		"no volume":           {Hardened(), []float64{30000}, 0, map[int]float64{0: 2}},
		"negative volume":     {Reference(), []float64{30000}, -50, map[int]float64{0: 2}},
		"volume NaN":          {Reference(), []float64{30000}, nan, map[int]float64{0: 2}},
		"endless volume":      {Reference(), []float64{30000}, inf, map[int]float64{0: 80}},
		"beyond float32":      {Reference(), []float64{30000}, 1e308, map[int]float64{0: 80}},
		"nobody eligible":     {Hardened(), []float64{1, 2}, 100, map[int]float64{0: 50, 1: 50}},
		"nobody, and none":    {strict, []float64{1, 2}, 100, map[int]float64{}},
		"nobody there":        {Hardened(), nil, 100, map[int]float64{}},
		"stakes without size": {Hardened(), []float64{nan, inf, -inf, -1, 20000}, 60, map[int]float64{4: 60}},
	} {
		got := c.rules.Quotas(c.stakes, c.volume)
		if len(got) != len(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		for uid, want := range c.want {
			if got[uid] != want {
				t.Errorf("%s: %v, want %v", name, got, c.want)
			}
		}
	}
	if got := Hardened().quotaOf([]float64{20000}, -1, 512); got != 2 {
		t.Errorf("who is not on the subnet reckons with %v", got)
	}
}

func TestPairwise(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 9, 127, 128, 129, 1000} {
		var w []float64
		for i := range n {
			w = append(w, float64(i+1))
		}
		if got := pairwise(w); got != float64(n*(n+1)/2) {
			t.Errorf("sum to %d is %v", n, got)
		}
	}
}

func TestLimiter(t *testing.T) {
	l := NewLimiter[string](time.Minute)
	type step struct {
		caller  string
		quota   float64
		after   time.Duration
		blocked bool
		count   int
	}
	for i, s := range []step{
		{"a", 2, 0, false, 1},
		{"a", 2, time.Second, false, 2},
		{"b", 2, time.Second, false, 1},
		{"a", 2, 2 * time.Second, true, 3},
		{"a", 4, 3 * time.Second, false, 4},              // the quota is today's
		{"a", 4, time.Minute, true, 5},                   // exactly an interval is not over
		{"a", 4, time.Minute + 1, false, 1},              // one nanosecond more is
		{"a", 0, time.Minute + time.Second, true, 2},     // no quota
		{"a", 2.5, time.Minute + 2*time.Second, true, 3}, // a fraction is no request
		{"c", math.NaN(), 0, false, 1},
	} {
		if blocked, count := l.Count(s.caller, s.quota, noon.Add(s.after)); blocked != s.blocked || count != s.count {
			t.Errorf("step %d: blocked %t, count %d, want %t and %d", i, blocked, count, s.blocked, s.count)
		}
	}
	if l.Forget(noon.Add(62*time.Second), nil); l.Len() != 1 {
		t.Errorf("%d windows after those that are over went, want that of a", l.Len())
	}
	if l.Forget(noon.Add(62*time.Second), func(k string) bool { return k != "a" }); l.Len() != 0 {
		t.Errorf("%d windows after a went", l.Len())
	}
}

func testGate(t *testing.T, rules Rules, volume float64, stakes ...float64) *Gate {
	t.Helper()
	g, err := NewGate(rules, volume)
	if err != nil {
		t.Fatal(err)
	}
	if stakes != nil {
		g.Update(neurons(stakes), noon)
	}
	return g
}

func neurons(stakes []float64) []Neuron {
	var all []Neuron
	for i, h := range hotkeys(len(stakes)) {
		all = append(all, Neuron{Hotkey: h, Stake: stakes[i]})
	}
	return all
}

// TestGateOrder asks in the reference's order: hotkey, stake, limit.
func TestGateOrder(t *testing.T) {
	for _, r := range []Rules{Reference(), Hardened()} {
		g := testGate(t, r, 4, 20000, 5, 20000)
		keys := hotkeys(4)
		for i, want := range []struct {
			key Hotkey
			v   Verdict
		}{
			{keys[3], Verdict{Refused: true, Reason: "Unrecognized hotkey", UID: -1}},
			{keys[1], Verdict{Refused: true, Reason: "Not enough stake", UID: 1}},
			{keys[0], Verdict{Reason: "All passed!", UID: 0, Count: 1, Quota: 2}},
			{keys[0], Verdict{Reason: "All passed!", UID: 0, Count: 2, Quota: 2}},
			{keys[0], Verdict{Refused: true, Reason: "Limit exceeded", UID: 0, Count: 3, Quota: 2}},
			{keys[2], Verdict{Reason: "All passed!", UID: 2, Count: 1, Quota: 2}},
		} {
			if got := g.Admit(want.key, true, noon); got != want.v {
				t.Errorf("request %d: %+v, want %+v", i, got, want.v)
			}
		}
		if got := g.Admit(keys[0], true, noon.Add(601*time.Second)); got.Refused || got.Count != 1 {
			t.Errorf("after the interval: %+v", got)
		}
		if q, ok := g.Quota(keys[0]); q != 2 || !ok {
			t.Errorf("quota %v, %t", q, ok)
		}
		if _, ok := g.Quota(keys[1]); ok {
			t.Error("who has no stake has a quota")
		}
	}
}

// TestGateUnsigned is the attack of section 3.2: unsigned requests in a validator's name. They burn its quota in the reference and cost it
// nothing under hardened rules.
func TestGateUnsigned(t *testing.T) {
	key := hotkeys(1)[0]
	for _, c := range []struct {
		rules Rules
		burnt bool
	}{{Reference(), true}, {Hardened(), false}} {
		g := testGate(t, c.rules, 512, 20000)
		for range 1000 {
			if v := g.Admit(key, false, noon); !c.burnt && (!v.Refused || v.Count != 0 || v.Reason != ReasonUnverified) {
				t.Fatalf("unsigned: %+v", v)
			}
		}
		if v := g.Admit(key, true, noon); v.Refused != c.burnt {
			t.Errorf("the validator itself: %+v, want refused %t", v, c.burnt)
		}
	}
}

func TestGateNotReady(t *testing.T) {
	key := hotkeys(1)[0]
	if v := testGate(t, Reference(), 50).Admit(key, true, noon); v.Refused {
		t.Errorf("reference: %+v", v)
	}
	if v := testGate(t, Hardened(), 50).Admit(key, true, noon); !v.Refused || v.Reason != ReasonNotReady {
		t.Errorf("hardened: %+v", v)
	}
	empty := testGate(t, Reference(), 50)
	empty.Update(nil, noon)
	if v := empty.Admit(key, true, noon); !v.Refused {
		t.Errorf("a metagraph without neurons admits: %+v", v)
	}
}

func TestGateUpdate(t *testing.T) {
	g := testGate(t, Hardened(), 4, 20000, 20000)
	keys := hotkeys(2)
	for range 3 {
		g.Admit(keys[0], true, noon)
		g.Admit(keys[1], true, noon)
	}
	g.Update(neurons([]float64{20000}), noon.Add(time.Second)) // uid 1 left
	if v := g.Admit(keys[1], true, noon.Add(time.Second)); v.Reason != ReasonStranger {
		t.Errorf("who left: %+v", v)
	}
	if v := g.Admit(keys[0], true, noon.Add(time.Second)); v.Count != 4 {
		t.Errorf("who stayed has its count forgotten: %+v", v)
	}
	twice := neurons([]float64{20000, 1})
	twice[1].Hotkey = twice[0].Hotkey
	g.Update(twice, noon.Add(time.Second))
	if v := g.Admit(keys[0], true, noon.Add(time.Second)); v.UID != 0 {
		t.Errorf("of two neurons with one hotkey: %+v", v)
	}
}

func TestGateRefusesBadRules(t *testing.T) {
	r := Hardened()
	r.LimitSeconds = 0
	if _, err := NewGate(r, 50); !errors.Is(err, ErrRules) {
		t.Error(err)
	}
}

// TestGateConcurrent admits exactly the quota however many ask at once.
func TestGateConcurrent(t *testing.T) {
	g := testGate(t, Hardened(), 40, 20000, 20000)
	var admitted atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				if !g.Admit(hotkeys(1)[0], true, noon).Refused {
					admitted.Add(1)
				}
				if i == 0 {
					g.Update(neurons([]float64{20000, 20000}), noon)
				}
				g.Quota(hotkeys(1)[0])
			}
		})
	}
	wg.Wait()
	if n := admitted.Load(); n != 20 {
		t.Errorf("%d admitted, quota is 20", n)
	}
}
