package patch

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var versions = []Version{V2, V3, V31}

// randomState gives tensors of one kind in odd shapes, one of them longer than a range, some empty, perhaps a scalar.
func randomState(rng *rand.Rand, kind DType, scalar bool) []Tensor {
	shapes := [][]int{{5}, {3, 4}, {0}, {2, 0, 3}, {1, 1}, {7, 3, 2}, {1, 70000}, {66000, 1}, {300, 1001}, {2, 3, 4, 5}}
	if kind != BFloat16 && kind != Float32 && kind != Int64 {
		shapes[8] = []int{30, 101}
	}
	if scalar {
		shapes = append(shapes, []int{})
	}
	var out []Tensor
	for i, s := range shapes {
		n, _ := elements(s)
		t := Tensor{Name: fmt.Sprintf("m.%d.wé", (i*7)%11), DType: kind, Shape: s, Data: make([]byte, n*kind.Size())}
		for k := range n {
			randomNumber(rng, kind, t.Data[k*kind.Size():][:kind.Size()])
		}
		out = append(out, t)
	}
	return out
}

// randomNumber writes a number that float32 holds; of the kinds that travel, any bits.
func randomNumber(rng *rand.Rand, kind DType, b []byte) {
	switch {
	case kind.travels():
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
	case kind == Float64:
		binary.LittleEndian.PutUint64(b, math.Float64bits(float64(float32(rng.NormFloat64()))))
	case kind == Bool:
		b[0] = byte(rng.Uint32() & 1)
	default:
		lo, hi := kind.bounds()
		kind.put(b, float32(rng.Int64N(1<<24))-float32(1<<23))
		if lo == 0 || hi < 1<<24 {
			b[0] = byte(rng.Uint32())
		}
	}
}

func mutate(rng *rand.Rand, ts []Tensor, share float64) []Tensor {
	out := cloneAll(ts)
	for i := range out {
		size := out[i].DType.Size()
		for k := range len(out[i].Data) / size {
			if rng.Float64() < share {
				randomNumber(rng, out[i].DType, out[i].Data[k*size:][:size])
			}
		}
	}
	return out
}

func TestComputeApplyIsIdentity(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	for i, k := range kinds {
		if testing.Short() && i%3 != 0 || k.name == Float8E4 || k.name == Float8E5 {
			continue
		}
		for _, share := range []float64{0, 0.0005, 0.03, 1} {
			if share == 0.0005 && k.name != BFloat16 || share == 1 && k.size == 8 {
				continue
			}
			t.Run(fmt.Sprintf("%s/%g", k.name, share), func(t *testing.T) {
				base := randomState(rng, k.name, false)
				now := mutate(rng, base, share)
				for _, v := range versions {
					p, report, err := Compute(t.Context(), base, now, v, Options{})
					if err != nil {
						t.Fatal(err)
					}
					if !report.ForReference() || report.Changed != p.Positions() {
						t.Fatalf("%+v, %d positions", report, p.Positions())
					}
					var b bytes.Buffer
					if err := p.Encode(&b); err != nil {
						t.Fatal(err)
					}
					q, err := Decode(t.Context(), b.Bytes(), v, Options{})
					if err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(p.AppendPayload(nil), q.AppendPayload(nil)) || p.PayloadBytes() != q.PayloadBytes() {
						t.Fatal("decoding gives another patch")
					}
					want := mustHash(t, now)
					for _, x := range []*Patch{p, q} {
						if got := applied(t, base, x); got != want {
							t.Errorf("version %d: got hash %s, want %s", v, got, want)
						}
					}
					loose, err := Decode(t.Context(), b.Bytes(), v, Options{Quirks: true})
					if err != nil {
						t.Fatal(err)
					}
					entries := loose.Entries()
					again, err := Build(v, entries)
					if err != nil || !bytes.Equal(again.AppendPayload(nil), p.AppendPayload(nil)) {
						t.Errorf("version %d: building from entries gives another patch: %v", v, err)
					}
					got, err := ApplyReference(base, entries, ShapesOf(entries), "")
					if err != nil || mustHash(t, got) != want {
						if k.name != BFloat16 && k.name != Float16 && !k.name.travels() && err == nil {
							t.Errorf("version %d: the reference's way gives other weights", v)
						} else {
							t.Errorf("version %d: %v", v, err)
						}
					}
				}
			})
		}
	}
}

// TestReferenceAgrees holds that where numbers differ and none is NaN or zero, both computations find the same.
func TestReferenceAgrees(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 1))
	for _, kind := range []DType{BFloat16, Float32, Float64, Int64, Int8, Bool} {
		base := randomState(rng, kind, false)
		clean(base)
		now := mutate(rng, base, 0.01)
		clean(now)
		p, _, err := Compute(t.Context(), base, now, V31, Options{})
		if err != nil {
			t.Fatal(err)
		}
		entries, stats, err := ComputeReference(base, now, 0)
		if err != nil {
			t.Fatal(err)
		}
		q, err := Build(V31, entries)
		if err != nil || !bytes.Equal(p.AppendPayload(nil), q.AppendPayload(nil)) || stats.Changed != p.Positions() {
			t.Errorf("%s: the two differ: %v", kind, err)
		}
	}
}

// clean replaces NaN and zero of float kinds by one.
func clean(ts []Tensor) {
	for _, x := range ts {
		size := x.DType.Size()
		for i := 0; isFloat(x.DType) && i < len(x.Data); i += size {
			if v, _ := x.DType.number(x.Data[i:]); v != v || v == 0 {
				x.DType.put(x.Data[i:i+size], 1)
			}
		}
	}
}

func TestChain(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 1))
	base := randomState(rng, BFloat16, true) // the scalar never changes
	state := base
	var patches []*Patch
	for i := range 5 {
		next := mutate(rng, state, 0.002)
		copy(next[len(next)-1].Data, base[len(base)-1].Data)
		p, report, err := Compute(t.Context(), state, next, versions[i%3], Options{Workers: i})
		if err != nil || !report.Possible() || report.ForReference() {
			t.Fatalf("%v, %+v", err, report)
		}
		patches = append(patches, p)
		state = next
	}
	if got, want := applied(t, base, patches...), mustHash(t, state); got != want {
		t.Errorf("got hash %s, want %s", got, want)
	}
	if got := applied(t, base); got != mustHash(t, base) {
		t.Errorf("no patch changes the weights")
	}
	mixed := append(cloneAll(base), Tensor{"a.first", Float32, []int{2}, make([]byte, 8)}, Tensor{"b.int", Int64, []int{}, make([]byte, 8)})
	if got, want := applied(t, mixed, patches...), mustHash(t, append(cloneAll(state), mixed[len(base):]...)); got != want {
		t.Errorf("with other kinds beside: got hash %s, want %s", got, want)
	}
}

func TestSignsAndNaN(t *testing.T) {
	bits := func(v ...uint32) (b []byte) {
		for _, x := range v {
			b = binary.LittleEndian.AppendUint32(b, x)
		}
		return b
	}
	base := []Tensor{{"w", Float32, []int{5}, bits(0, 1<<31, 0x7fc00001, 0x7fc00001, 0x3f800000)}}
	now := []Tensor{{"w", Float32, []int{5}, bits(1<<31, 0, 0x7fc00001, 0x7fc00002, 0x3f800000)}}
	p, report, err := Compute(t.Context(), base, now, V31, Options{})
	if err != nil || report.SignOnly != 2 || report.Changed != 3 || !report.ForReference() {
		t.Fatalf("%v, %+v", err, report)
	}
	if got := applied(t, base, p); got != mustHash(t, now) {
		t.Error("other weights")
	}
	// The reference's own publisher leaves the zeros out, and its peers see another hash.
	entries, stats, err := ComputeReference(base, now, 0)
	if err != nil || stats.Changed != 2 { // both NaN
		t.Fatalf("%v, %+v", err, stats)
	}
	got, err := ApplyReference(base, entries, nil, "")
	if err != nil || mustHash(t, got) == mustHash(t, now) {
		t.Errorf("the reference has no quirk: %v", err)
	}
	for _, kind := range []DType{BFloat16, Float16, Float64} {
		size := kind.Size()
		zero, minus := make([]byte, size), make([]byte, size)
		minus[size-1] = 0x80
		_, report, err := Compute(t.Context(), []Tensor{{"w", kind, []int{1}, zero}}, []Tensor{{"w", kind, []int{1}, minus}}, V3, Options{})
		if err != nil || report.SignOnly != 1 || report.Changed != 1 {
			t.Errorf("%s: %v, %+v", kind, err, report)
		}
	}
}

func TestObstacles(t *testing.T) {
	f32 := func(name string, shape []int, v ...float32) Tensor {
		x := Tensor{name, Float32, shape, nil}
		for _, f := range v {
			x.Data = binary.LittleEndian.AppendUint32(x.Data, math.Float32bits(f))
		}
		return x
	}
	one, two := f32("w", []int{2}, 1, 2), f32("w", []int{2}, 1, 3)
	wide := Tensor{"d", Float64, []int{1}, []byte{1, 2, 3, 4, 5, 6, 7, 8}}
	big := Tensor{"i", Int64, []int{1}, []byte{1, 0, 0, 0, 1, 0, 0, 0}}
	for _, test := range []struct {
		name      string
		base, now []Tensor
		want      []Kind
		o         Options
	}{
		{"none", []Tensor{one}, []Tensor{two}, nil, Options{}},
		{"scalar", []Tensor{f32("s", nil, 1), one}, []Tensor{f32("s", nil, 2), one}, []Kind{Unhashed, Scalar}, Options{}},
		{"scalar that stays", []Tensor{f32("s", nil, 1), one}, []Tensor{f32("s", nil, 1), two}, []Kind{Unhashed}, Options{}},
		{"mixed", []Tensor{one, {"b", BFloat16, []int{1}, []byte{1, 2}}}, []Tensor{two, {"b", BFloat16, []int{1}, []byte{1, 2}}}, []Kind{Mixed}, Options{}},
		{"missing", []Tensor{one, f32("x", []int{1}, 1)}, []Tensor{two}, []Kind{Missing}, Options{}},
		{"added", []Tensor{one}, []Tensor{two, f32("x", []int{1}, 1)}, []Kind{Added}, Options{}},
		{"reshaped", []Tensor{one}, []Tensor{f32("w", []int{1, 2}, 1, 2)}, []Kind{Reshaped}, Options{}},
		{"retyped", []Tensor{one}, []Tensor{{"w", Int32, []int{2}, make([]byte, 8)}}, []Kind{Retyped}, Options{}},
		{"lossy double", []Tensor{{"d", Float64, []int{1}, make([]byte, 8)}}, []Tensor{wide}, []Kind{Lossy}, Options{}},
		{"lossy integer", []Tensor{{"i", Int64, []int{1}, make([]byte, 8)}}, []Tensor{big}, []Kind{Lossy}, Options{}},
		{"lossy float8", []Tensor{{"f", Float8E4, []int{1}, []byte{1}}}, []Tensor{{"f", Float8E4, []int{1}, []byte{2}}}, []Kind{Lossy}, Options{}},
		{"dense", []Tensor{one}, []Tensor{two}, []Kind{Dense}, Options{MaxPayload: 3}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, v := range versions {
				p, report, err := Compute(t.Context(), test.base, test.now, v, test.o)
				var got []Kind
				stops := false
				for _, o := range report.Obstacles {
					got = append(got, o.Kind)
					stops = stops || o.Kind.Everybody()
					if o.Detail == "" || o.Tensor == "" {
						t.Errorf("obstacle without words: %+v", o)
					}
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("got %v, want %v", got, test.want)
				}
				if stops != errors.Is(err, ErrFull) || stops != (p == nil) || stops == report.Possible() || report.ForReference() != (len(got) == 0) {
					t.Errorf("patch %v, error %v, report %+v", p, err, report)
				}
				if p != nil && applied(t, test.base, p) != mustHash(t, test.now) {
					t.Error("other weights")
				}
			}
		})
	}
}

// TestLargePositions holds the limits of 32 bits without tensors of that size.
func TestLargePositions(t *testing.T) {
	for _, test := range []struct {
		version Version
		cols    int
		from    int
		large   bool
	}{
		{V2, 1 << 16, 1<<31 - 2, false}, {V2, 1 << 16, 1<<31 - 1, true},
		{V3, 1 << 16, 1 << 40, false}, {V31, 1 << 16, 1 << 47, true}, {V3, 1 << 32, 5, true},
	} {
		var report Report
		m := merger{version: test.version, report: &report, limit: 1 << 30}
		m.begin(&Tensor{Name: "w", DType: BFloat16, Shape: []int{1 << 40, test.cols}})
		m.take(&difference{at: []uint32{0, 1}, values: make([]byte, 4), lossy: -1}, test.from)
		c, _ := m.end()
		if large := len(report.Obstacles) == 1 && report.Obstacles[0].Kind == Large; large != test.large || large == (c.Count > 0) {
			t.Errorf("%+v: %+v, %d positions", test, report, c.Count)
		}
	}
}

func TestApplyRefusesBeforeWriting(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 1))
	base := randomState(rng, BFloat16, false)
	now := mutate(rng, base, 0.01)
	good, _, err := Compute(t.Context(), base, now, V31, Options{})
	if err != nil {
		t.Fatal(err)
	}
	entry := func(name string, shape []int, kind DType, at ...int32) *Patch {
		index := make([]byte, 0, 4*len(at))
		for _, i := range at {
			index = binary.LittleEndian.AppendUint32(index, uint32(i))
		}
		p, err := Build(V2, []Entry{{name, shape, &Array{Int32, []int{len(at)}, index}, &Array{kind, []int{len(at)}, make([]byte, len(at)*kind.Size())}}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, test := range []struct {
		name string
		p    *Patch
		want error
		rule Rule
	}{
		{"unknown tensor", entry("zz", []int{2}, BFloat16, 0), ErrMismatch, RuleUnknown},
		{"other shape", entry(base[1].Name, []int{4, 3}, BFloat16, 0), ErrMismatch, RuleUnknown},
		{"other kind", entry(base[1].Name, []int{3, 4}, Float32, 0), ErrMismatch, RuleUnknown},
		{"outside", entry(base[1].Name, []int{3, 4}, BFloat16, 1, 12), ErrPatch, RuleRange},
		{"negative", entry(base[1].Name, []int{3, 4}, BFloat16, -1, 2), ErrPatch, RuleRange},
		{"twice", entry(base[1].Name, []int{3, 4}, BFloat16, 5, 5), ErrPatch, RuleOrder},
		{"no name", entry("", []int{3, 4}, BFloat16, 5), ErrPatch, RuleName},
	} {
		t.Run(test.name, func(t *testing.T) {
			state := cloneAll(base)
			_, err := Apply(t.Context(), state, state, []*Patch{good, test.p}, Options{})
			var r *Refusal
			if !errors.Is(err, test.want) || !errors.As(err, &r) || r.Rule != test.rule {
				t.Errorf("got %v", err)
			}
			for i := range base {
				if !bytes.Equal(base[i].Data, state[i].Data) {
					t.Fatalf("%q was written", base[i].Name)
				}
			}
			if _, err := Stream(t.Context(), base, []*Patch{good, test.p}, Options{}, func(int, []byte) error { t.Error("a piece"); return nil }); !errors.Is(err, test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := Apply(t.Context(), base[1:], base, nil, Options{}); !errors.Is(err, ErrTensors) {
		t.Errorf("got %v", err)
	}
	if _, err := Apply(t.Context(), append(cloneAll(base[:1]), cloneAll(base[:len(base)-1])...), base, nil, Options{}); !errors.Is(err, ErrTensors) {
		t.Errorf("got %v", err)
	}
	twice := append(cloneAll(base), base[0])
	if _, err := Apply(t.Context(), twice, twice, nil, Options{}); !errors.Is(err, ErrTensors) {
		t.Errorf("got %v", err)
	}
	short := cloneAll(base)
	short[1].Data = short[1].Data[1:]
	if _, err := Hash(t.Context(), short); !errors.Is(err, ErrTensors) {
		t.Errorf("got %v", err)
	}
}

func TestConversions(t *testing.T) {
	// an int8 tensor takes only values that are int8
	base := []Tensor{{"q", Int8, []int{4}, []byte{1, 2, 3, 4}}}
	for value, ok := range map[float32]bool{-128: true, 127: true, 128: false, 0.5: false, float32(math.NaN()): false, float32(math.Copysign(0, -1)): false} {
		p, err := Build(V31, []Entry{{"q", []int{4}, &Array{Int32, []int{1}, []byte{2, 0, 0, 0}}, &Array{Float32, []int{1}, binary.LittleEndian.AppendUint32(nil, math.Float32bits(value))}}})
		if err != nil {
			t.Fatal(err)
		}
		state := cloneAll(base)
		_, err = Apply(t.Context(), state, state, []*Patch{p}, Options{})
		if (err == nil) != ok || ok && int8(state[0].Data[2]) != int8(value) || !ok && state[0].Data[2] != 3 {
			t.Errorf("%v: %v, %v", value, err, state[0].Data)
		}
	}
	for h := range 1 << 16 {
		x := halfToFloat(uint16(h))
		if back := floatToHalf(x); back != uint16(h) && !(x != x && back&0x7e00 == 0x7e00) {
			t.Fatalf("%04x becomes %v and %04x", h, x, back)
		}
	}
	for _, test := range []struct {
		x    float32
		half uint16
	}{{65519, 0x7bff}, {65520, 0x7c00}, {-1e9, 0xfc00}, {1 + 1.0/2048, 0x3c00}, {1 + 3.0/2048, 0x3c02}, {1.0 / (1 << 25), 0}, {1.5 / (1 << 24), 2}, {2047.5 / (1 << 25), 0x400}} {
		if got := floatToHalf(test.x); got != test.half {
			t.Errorf("%v: got %04x, want %04x", test.x, got, test.half)
		}
	}
}

func TestCancelled(t *testing.T) {
	base := randomState(rand.New(rand.NewPCG(11, 1)), BFloat16, false)
	now := mutate(rand.New(rand.NewPCG(12, 1)), base, 0.01)
	p, _, err := Compute(t.Context(), base, now, V31, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, workers := range []int{1, 4} {
		o := Options{Workers: workers}
		if _, _, err := Compute(ctx, base, now, V31, o); !errors.Is(err, context.Canceled) {
			t.Errorf("Compute: %v", err)
		}
		if _, err := Apply(ctx, cloneAll(base), base, []*Patch{p}, o); !errors.Is(err, context.Canceled) {
			t.Errorf("Apply: %v", err)
		}
		stop := errors.New("stop")
		if _, err := Stream(t.Context(), base, []*Patch{p}, o, func(int, []byte) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("Stream: %v", err)
		}
	}
	if _, err := Hash(ctx, base); !errors.Is(err, context.Canceled) {
		t.Errorf("Hash: %v", err)
	}
	if err := Verify(t.Context(), base, "00"); !errors.Is(err, ErrHash) {
		t.Errorf("Verify: %v", err)
	}
	if err := Verify(t.Context(), base, mustHash(t, now)); !errors.Is(err, ErrHash) {
		t.Errorf("Verify: %v", err)
	}
}
