package weights

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

func TestInvalidWeights(t *testing.T) {
	bad := map[string][]float64{
		"negative":       {1, -1e-300},
		"NaN":            {math.NaN(), 1},
		"infinite":       {1, math.Inf(1)},
		"too few":        {1},
		"too many":       {1, 2, 3},
		"minus infinite": {1, math.Inf(-1)},
	}
	uids := []uint16{3, 4}
	for name, w := range bad {
		for _, s := range []Scheme{SDK10, SDK11, SDK11.WithLimit(30000)} {
			if _, _, err := Normalize(uids, w, s); !errors.Is(err, ErrWeights) {
				t.Errorf("%s, %s: %v", name, s, err)
			}
		}
		if _, _, err := (Rules{Neurons: 8, MaxWeight: 1}).Process(uids, w); !errors.Is(err, ErrWeights) {
			t.Errorf("%s: process: %v", name, err)
		}
	}
	if _, _, err := Normalize([]uint16{1}, []float64{1e39}, SDK10); !errors.Is(err, ErrWeights) {
		t.Errorf("beyond float32: %v", err)
	}
	if u, v, err := Normalize([]uint16{1}, []float64{1e39}, SDK11); err != nil || len(u) != 1 || v[0] != Max {
		t.Errorf("beyond float32 in float64: %v %v %v", u, v, err)
	}
	for _, w := range [][]float64{{math.NaN()}, {-1, 2}} {
		if _, err := Clip(w, 0.5); !errors.Is(err, ErrWeights) {
			t.Errorf("clip %v: %v", w, err)
		}
	}
	if _, err := Clip([]float64{math.MaxFloat64, math.MaxFloat64}, 0.9); !errors.Is(err, ErrWeights) {
		t.Errorf("sum beyond float64: %v", err)
	}
	if _, _, err := (Rules{Neurons: 2, MaxWeight: 1}).Process([]uint16{0, 1}, []float64{3e38, 3e38}); !errors.Is(err, ErrWeights) {
		t.Errorf("sum beyond float32: %v", err)
	}
	if _, err := Clip([]float64{1, 2}, math.NaN()); !errors.Is(err, ErrWeights) {
		t.Errorf("clip to NaN: %v", err)
	}
}

func TestNothing(t *testing.T) {
	for _, w := range [][]float64{{}, {0, 0}, {math.Copysign(0, -1), 0}} {
		uids := everyone(len(w))
		for _, s := range []Scheme{SDK10, SDK11, SDK11.WithLimit(1000)} {
			u, v, err := Normalize(uids, w, s)
			if err != nil || len(u) != 0 || len(v) != 0 || u == nil || v == nil {
				t.Errorf("%v, %s: %v %v %v", w, s, u, v, err)
			}
		}
		if _, err := Clip(w, 0.5); !errors.Is(err, ErrNothing) {
			t.Errorf("clip %v: %v", w, err)
		}
	}
}

// TestRounding covers what the two SDKs round differently and ties.
func TestRounding(t *testing.T) {
	for _, c := range []struct {
		name   string
		w      []float64
		scheme Scheme
		want   []uint16
	}{
		{"tie to even, up", []float64{Max, 1.5}, SDK11, []uint16{Max, 2}},
		{"tie to even, down", []float64{Max, 2.5}, SDK11, []uint16{Max, 2}},
		{"tie to zero", []float64{Max, 0.5}, SDK11, []uint16{Max}},
		{"above the tie", []float64{Max, 0.51}, SDK11, []uint16{Max, 1}},
		{"lost in float32", []float64{1 << 24, 1<<24 + 1}, SDK10, []uint16{Max, Max}},
		{"subnormal in float32", []float64{1e-45, 1e-46}, SDK10, []uint16{Max}},
		{"subnormal in float64", []float64{1e-45, 1e-46}, SDK11, []uint16{Max, 6554}},
		{"limit", []float64{3, 1, 1, 1}, SDK11.WithLimit(Max / 3), []uint16{Max, 43690, 43690, 43690}},
		{"limit of no use", []float64{3, 1}, SDK11.WithLimit(Max / 4), []uint16{Max, Max}},
		{"limit in SDK 10", []float64{3, 1, 1, 1}, SDK10.WithLimit(Max / 3), []uint16{Max, 21845, 21845, 21845}},
		{"full limit", []float64{4, 1}, SDK11.WithLimit(Max), []uint16{Max, 16384}},
	} {
		_, got, err := Normalize(everyone(len(c.w)), c.w, c.scheme)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v %v, want %v", c.name, got, err, c.want)
		}
	}
}

func TestSchemeNames(t *testing.T) {
	for s, want := range map[Scheme]string{SDK10: "SDK 10", SDK11: "SDK 11", SDK11.WithLimit(5): "SDK 11 with limit 5", SDK11.WithLimit(Max): "SDK 11"} {
		if s.String() != want {
			t.Errorf("%q, want %q", s, want)
		}
	}
}

// TestClipKeepsLimit: what is clipped passes the chain's own check, in both arithmetics.
func TestClipKeepsLimit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n := 2 + r.IntN(60)
		w := make([]float64, n)
		for i := range w {
			w[i] = math.Pow(r.Float64(), float64(1+r.IntN(9)))
		}
		limit := (1 + r.Float64()*3) / float64(n)
		clipped, err := Clip(w, limit)
		if err != nil {
			t.Fatal(err)
		}
		var total, top float64
		for i, v := range clipped {
			total, top = total+v, max(top, v)
			for k := range i { // the order is kept
				if w[k] < w[i] && clipped[k] > clipped[i]+1e-12 {
					t.Fatalf("order lost: %v -> %v", w, clipped)
				}
			}
		}
		if math.Abs(total-1) > 1e-9 || top > limit+1e-9 && limit*float64(n) > 1 {
			t.Errorf("limit %v of %d: largest %v, sum %v", limit, n, top, total)
		}
		if limit > 1 {
			continue
		}
		l := Limits{Neurons: uint16(n), MaxWeight: uint16(limit * Max)}
		uids, values, err := Normalize(everyone(n), w, SDK11.WithLimit(l.MaxWeight))
		if err != nil {
			t.Fatal(err)
		}
		// Rounding to 16 bits may bring the largest share above the limit by a rounding.
		l.MaxWeight += uint16(2 + n/2)
		if err := l.Check(uids, values); err != nil && float64(l.MaxWeight)/Max*float64(len(uids)) > 1 {
			t.Errorf("clipped to %d: %v", l.MaxWeight, err)
		}
	}
}

func TestProcess(t *testing.T) {
	r := Rules{Neurons: 4, MinAllowed: 3, MaxWeight: 1}
	// Fewer positive weights than allowed: they belong to their uids, and to their positions in the reference.
	_, byUID, err := r.Process([]uint16{3, 0}, []float64{1, 0})
	if err != nil || byUID[3] < 0.9 {
		t.Errorf("by uid: %v %v", byUID, err)
	}
	r.ByPosition = true
	_, byPosition, err := r.Process([]uint16{3, 0}, []float64{1, 0})
	if err != nil || byPosition[0] < 0.9 {
		t.Errorf("by position: %v %v", byPosition, err)
	}
	r.ByPosition = false
	if _, _, err := r.Process([]uint16{4}, []float64{1}); !errors.Is(err, ErrWeights) {
		t.Errorf("uid beyond the subnet: %v", err)
	}
	for _, bad := range []Rules{{Neurons: -1}, {Neurons: 1 << 17}, {MinAllowed: -1}, {MaxWeight: math.NaN()}, {MaxWeight: -1}} {
		if _, _, err := bad.Process(nil, nil); !errors.Is(err, ErrWeights) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if uids, out, err := (Rules{Neurons: 3, MaxWeight: 1}).Process(nil, nil); err != nil || len(uids) != 3 || out[2] != 1.0/3 {
		t.Errorf("nothing: %v %v %v", uids, out, err)
	}
	if uids, out, err := (Rules{}).Process(nil, nil); err != nil || len(uids) != 0 || len(out) != 0 {
		t.Errorf("empty subnet: %v %v %v", uids, out, err)
	}
}

func TestUpscale(t *testing.T) {
	for _, c := range []struct{ in, want []uint16 }{
		{nil, []uint16{}},
		{[]uint16{0, 0}, []uint16{0, 0}},
		{[]uint16{1}, []uint16{Max}},
		{[]uint16{Max, 1, 2}, []uint16{Max, 1, 2}},
		{[]uint16{32768, 16384}, []uint16{Max, 32768}},
		{[]uint16{32769, 1}, []uint16{Max, 2}},
		{[]uint16{3, 2, 1}, []uint16{Max, 43690, 21845}},
	} {
		if got := Upscale(c.in); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v becomes %v, want %v", c.in, got, c.want)
		}
	}
	// Upscaling what is upscaled changes nothing, and the largest is always Max.
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		in := []uint16{uint16(r.Uint32()), uint16(r.Uint32()), uint16(r.Uint32() % 50), 1}
		once := Upscale(in)
		if twice := Upscale(once); !reflect.DeepEqual(once, twice) || max(once[0], once[1], once[2], once[3]) != Max {
			t.Fatalf("%v -> %v -> %v", in, once, twice)
		}
		for i, v := range in {
			exact := float64(v) * Max / float64(max(in[0], in[1], in[2], in[3]))
			if math.Abs(float64(once[i])-exact) > 0.5001 {
				t.Fatalf("%v -> %v", in, once)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	l := Limits{Neurons: 5, MinAllowed: 2, MaxWeight: Max / 2, Own: 4}
	for _, c := range []struct {
		name   string
		uids   []uint16
		values []uint16
		good   bool
	}{
		{"good", []uint16{0, 1}, []uint16{9, 9}, false}, // one half is above 32767/65535
		{"three", []uint16{0, 1, 2}, []uint16{9, 9, 9}, true},
		{"share", []uint16{0, 1, 2}, []uint16{9, 2, 2}, false},
		{"lengths", []uint16{0, 1, 2}, []uint16{9, 2}, false},
		{"twice", []uint16{0, 1, 0}, []uint16{9, 9, 9}, false},
		{"unknown", []uint16{0, 1, 5}, []uint16{9, 9, 9}, false},
		{"too many", []uint16{0, 1, 2, 3, 4, 5}, []uint16{9, 9, 9, 9, 9, 9}, false},
		{"too few", []uint16{0}, []uint16{9}, false},
		{"own", []uint16{4}, []uint16{9}, true},
		{"none", nil, nil, false},
	} {
		err := l.Check(c.uids, c.values)
		if (err == nil) != c.good || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	l.MaxWeight = Max
	if err := l.Check([]uint16{0, 1}, []uint16{9, 0}); err != nil {
		t.Errorf("no limit: %v", err)
	}
	l.Neurons = 1
	if err := l.Check([]uint16{0}, []uint16{9}); err != nil {
		t.Errorf("fewer neurons than MinAllowed: %v", err)
	}
}

// slowFirstReveal is the schedule block by block, as the chain runs it.
func slowFirstReveal(e Epochs, budget int) (uint64, bool) {
	target := e.at(e.Head+1) + e.RevealPeriod
	for range budget {
		b := e.Head + 1
		if e.at(b) == target {
			return b, true
		}
		e.Head = b
		e.SinceStep++
		if e.PendingAt > 0 && b >= e.PendingAt || e.SinceStep > maxIdle || b >= e.LastEpoch && b-e.LastEpoch >= uint64(e.Tempo) {
			e.LastEpoch, e.PendingAt, e.SinceStep = b, 0, 0
			e.Index++
		}
	}
	return 0, false
}

func TestFirstRevealStepByStep(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 1500 {
		e := Epochs{Stateful: true, Head: 1000 + r.Uint64N(100000), Tempo: uint16(1 + r.IntN(400)), RevealPeriod: r.Uint64N(5), Index: r.Uint64N(9)}
		switch r.IntN(4) {
		case 0:
			e.Tempo = uint16(50000 + r.IntN(15536))
		case 1:
			e.PendingAt = e.Head - 50 + r.Uint64N(300)
		}
		e.LastEpoch = e.Head - r.Uint64N(500) + r.Uint64N(40)
		e.SinceStep = r.Uint64N(500)
		if r.IntN(5) == 0 {
			e.SinceStep = maxIdle - 3 + r.Uint64N(8)
		}
		want, ok := slowFirstReveal(e, 6*66000)
		got, err := e.FirstReveal()
		if ok != (err == nil) || got != want {
			t.Fatalf("case %d: %+v: %d %v, step by step %d %v", i, e, got, err, want, ok)
		}
	}
}

func TestFirstRevealBounds(t *testing.T) {
	for _, e := range []Epochs{
		{Stateful: true, Tempo: 0, RevealPeriod: 1},
		{Stateful: true, Tempo: 1, RevealPeriod: maxPeriods + 1},
		{Stateful: true, Tempo: 1, Head: math.MaxUint64},
		{Tempo: 1, RevealPeriod: math.MaxUint64},
	} {
		if got, err := e.FirstReveal(); !errors.Is(err, ErrSchedule) {
			t.Errorf("%+v: %d %v", e, got, err)
		}
	}
	// Any state ends at once with a block after the head or an error.
	r := rand.New(rand.NewPCG(7, 8))
	huge := func() uint64 { return r.Uint64() >> r.IntN(64) }
	for range 3000 {
		e := Epochs{Stateful: r.IntN(4) > 0, Head: huge(), Tempo: uint16(huge()), RevealPeriod: r.Uint64N(maxPeriods), LastEpoch: huge(), PendingAt: huge(), Index: huge(), SinceStep: huge(), NetUID: uint16(huge())}
		got, err := e.FirstReveal()
		if err == nil && e.Stateful && got <= e.Head {
			t.Fatalf("%+v: block %d", e, got)
		}
	}
	if got, err := (Epochs{NetUID: 81, Tempo: 360}).FirstReveal(); err != nil || got != 0 {
		t.Errorf("period 0 at genesis: %d %v", got, err)
	}
}

func TestRevealRound(t *testing.T) {
	e := Epochs{Head: 100, NetUID: 81, Tempo: 360, RevealPeriod: 1}
	now := time.Unix(quicknetGenesis+30, 0)
	round, first, err := RevealRound(e, now, 12*time.Second)
	if want := uint64(30+(279+3-100)*12) / 3; err != nil || first != 279 || round != want {
		t.Errorf("round %d, block %d, %v; want %d, 279", round, first, err, want)
	}
	round, _, err = RevealRoundOf(e, now, 250*time.Millisecond, now.Add(-time.Minute), time.Second)
	if want := uint64(60 + (279+3-100)/4); err != nil || round != want {
		t.Errorf("own beacon: round %d, %v; want %d", round, err, want)
	}
	if round, _, err = RevealRound(e, time.Unix(0, 0), 12*time.Second); err != nil || round != 1 {
		t.Errorf("before genesis: round %d, %v", round, err)
	}
	for _, bad := range []struct {
		first  uint64
		block  time.Duration
		period time.Duration
	}{{1, 0, 1}, {1, 1, 0}, {1, -1, 1}, {math.MaxUint64, 1, 1}, {math.MaxInt64, time.Hour, time.Second}} {
		if got, err := RoundAfter(bad.first, 0, now, bad.block, now, bad.period); !errors.Is(err, ErrSchedule) {
			t.Errorf("%+v: %d %v", bad, got, err)
		}
	}
	if _, _, err := RevealRound(Epochs{Stateful: true}, now, time.Second); !errors.Is(err, ErrSchedule) {
		t.Errorf("tempo 0: %v", err)
	}
}

func TestStorageIndex(t *testing.T) {
	if got := StorageIndex(1, 1); got != 4097 {
		t.Errorf("mechanism 1 of netuid 1: %d", got)
	}
	if got := StorageIndex(81, 0); got != 81 {
		t.Errorf("mechanism 0 of netuid 81: %d", got)
	}
}

// TestPayloadLength: a full subnet's commit fits the chain's limit with the timelock's overhead of 244 bytes.
func TestPayloadLength(t *testing.T) {
	all := everyone(1024)
	if n := len(Payload([32]byte{}, all, all, 1)) + 244; n > MaxCommit || n < 4*1024 {
		t.Errorf("commit of 1024 weights has %d bytes", n)
	}
}

func FuzzNormalize(f *testing.F) {
	f.Add(1.0, 0.5, 0.0, uint16(30000))
	f.Add(math.MaxFloat64, math.SmallestNonzeroFloat64, 1e-320, uint16(1))
	f.Add(math.MaxFloat64, math.MaxFloat64, 0.0, uint16(40000))
	f.Add(3e38, 3e38, 0.0, uint16(40000))
	f.Add(math.Inf(1), math.NaN(), -1.0, uint16(0))
	f.Fuzz(func(t *testing.T, a, b, c float64, limit uint16) {
		w := []float64{a, b, c}
		for _, s := range []Scheme{SDK10, SDK11, SDK11.WithLimit(limit)} {
			uids, values, err := Normalize([]uint16{7, 8, 9}, w, s)
			if err != nil {
				continue
			}
			top := uint16(0)
			for _, v := range values {
				top = max(top, v)
				if v == 0 {
					t.Fatalf("%v, %s: zero kept: %v", w, s, values)
				}
			}
			if len(uids) != len(values) || len(values) > 0 && top != Max {
				t.Fatalf("%v, %s: %v %v", w, s, uids, values)
			}
		}
		if uids, out, err := (Rules{Neurons: 16, MinAllowed: int(limit % 5), MaxWeight: float64(limit) / Max, ExcludeQuantile: limit}).Process([]uint16{7, 8, 9}, w); err == nil {
			for _, v := range out {
				if !(v >= 0 && v <= 1) {
					t.Fatalf("%v: %v %v", w, uids, out)
				}
			}
		}
	})
}
