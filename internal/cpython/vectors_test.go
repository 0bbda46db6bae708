package cpython

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strconv"
	"testing"

	"github.com/nanteos/nanteos/internal/vectortest"
)

// seeded makes the generator of a vector: kind is "int", "bytes" or "bytes_hex".
func seeded(t *testing.T, kind, seed string) *Rand {
	t.Helper()
	switch kind {
	case "int":
		n, ok := new(big.Int).SetString(seed, 10)
		if !ok {
			t.Fatalf("seed %q is no integer", seed)
		}
		if n.IsUint64() && *NewRandFromInt(n) != *NewRandFromUint64(n.Uint64()) {
			t.Errorf("seed %s: NewRandFromInt and NewRandFromUint64 differ", seed)
		}
		return NewRandFromInt(n)
	case "bytes", "bytes_hex":
		b, err := hex.DecodeString(seed)
		if err != nil {
			t.Fatalf("seed %q is no hex", seed)
		}
		return NewRandFromBytes(b)
	}
	t.Fatalf("unknown kind of seed %q", kind)
	return nil
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func shuffled(r *Rand, n int) []int {
	xs := upTo(n)
	r.Shuffle(n, func(i, j int) { xs[i], xs[j] = xs[j], xs[i] })
	return xs
}

func equal[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestVectorsPythonRandom(t *testing.T) {
	const file = "grail/python_random.json"
	var v struct {
		Primitive, Reference, Description string
		Count                             int
		Cases                             []struct {
			SeedKind  string   `json:"seed_kind"`
			Seed      string   `json:"seed"`
			Words     []uint64 `json:"getrandbits32"`
			Widths    []int    `json:"getrandbits_widths"`
			Values    []uint64 `json:"getrandbits_values"`
			BelowN    []int    `json:"randbelow_n"`
			Below     []int    `json:"randbelow_values"`
			Shuffle20 []int    `json:"shuffle_20"`
			Samples   []struct {
				N      int   `json:"n"`
				K      int   `json:"k"`
				Values []int `json:"values"`
			} `json:"samples"`
		}
	}
	vectortest.Decode(t, file, &v)
	for _, c := range v.Cases {
		fresh := func() *Rand { return seeded(t, c.SeedKind, c.Seed) }
		draw := func(n int, f func(r *Rand, i int) uint64) []uint64 {
			r, out := fresh(), make([]uint64, n)
			for i := range out {
				out[i] = f(r, i)
			}
			return out
		}
		equal(t, c.Seed+" words", draw(len(c.Words), func(r *Rand, _ int) uint64 { return r.GetRandBits(32) }), c.Words)
		equal(t, c.Seed+" bits", draw(len(c.Widths), func(r *Rand, i int) uint64 { return r.GetRandBits(c.Widths[i]) }), c.Values)
		r := fresh()
		for i, n := range c.BelowN {
			if got := r.Below(n); got != c.Below[i] {
				t.Errorf("%s below(%d): got %d, want %d", c.Seed, n, got, c.Below[i])
			}
		}
		equal(t, c.Seed+" shuffle", shuffled(fresh(), len(c.Shuffle20)), c.Shuffle20)
		for _, s := range c.Samples {
			equal(t, c.Seed+" sample", fresh().Sample(s.N, s.K), s.Values)
		}
	}
	vectortest.Count(t, file, len(v.Cases))
}

func TestVectorsRNG(t *testing.T) {
	const file = "environments/rng.json"
	var v struct {
		Meta  struct{ Description, Python string }
		Cases []struct {
			SeedKind   string               `json:"seed_kind"`
			Seed       string               `json:"seed"`
			Words      []uint32             `json:"genrand_u32"`
			Bits       [][2]json.RawMessage `json:"getrandbits"` // width, decimal text
			RandomHex  []string             `json:"random_hex"`
			Below      [][2]int             `json:"randbelow"`
			RandInt    [][3]int             `json:"randint"`
			Sample     [][3]json.RawMessage `json:"sample_range"` // sample(range(1, n+1), k): n, k, result
			Shuffle    []int                `json:"shuffle30"`
			Choice     [][2]int             `json:"choice"`
			ChoicesWts struct {
				Weights []float64 `json:"weights"`
				Out     []int     `json:"out"`
			} `json:"choices_weighted"`
		}
	}
	vectortest.Decode(t, file, &v)
	for _, c := range v.Cases {
		fresh := func() *Rand { return seeded(t, c.SeedKind, c.Seed) }
		r := fresh()
		for i, w := range c.Words {
			if got := r.Uint32(); got != w {
				t.Errorf("%s word %d: got %d, want %d", c.Seed, i, got, w)
			}
		}
		r, small := fresh(), fresh()
		for _, b := range c.Bits {
			width, want := decode[int](t, b[0]), decode[string](t, b[1])
			got := r.GetRandBitsBig(width)
			if got.String() != want {
				t.Errorf("%s getrandbits(%d): got %s, want %s", c.Seed, width, got, want)
			}
			if width > 64 {
				small.GetRandBitsBig(width)
			} else if n := small.GetRandBits(width); strconv.FormatUint(n, 10) != want {
				t.Errorf("%s GetRandBits(%d): got %d, want %s", c.Seed, width, n, want)
			}
		}
		r = fresh()
		for i, h := range c.RandomHex {
			if got := r.Float64(); got != parseHex(t, h) {
				t.Errorf("%s random %d: got %x, want %s", c.Seed, i, got, h)
			}
		}
		r = fresh()
		for _, b := range c.Below {
			if got := r.Below(b[0]); got != b[1] {
				t.Errorf("%s below(%d): got %d, want %d", c.Seed, b[0], got, b[1])
			}
		}
		r = fresh()
		for _, b := range c.RandInt {
			if got := r.RandInt(b[0], b[1]); got != b[2] {
				t.Errorf("%s randint(%d, %d): got %d, want %d", c.Seed, b[0], b[1], got, b[2])
			}
		}
		r = fresh()
		for _, s := range c.Sample {
			got := r.Sample(decode[int](t, s[0]), decode[int](t, s[1]))
			for i := range got {
				got[i]++
			}
			equal(t, c.Seed+" sample", got, decode[[]int](t, s[2]))
		}
		equal(t, c.Seed+" shuffle", shuffled(fresh(), len(c.Shuffle)), c.Shuffle)
		r = fresh()
		for _, b := range c.Choice {
			if got := r.Below(b[0]); got != b[1] {
				t.Errorf("%s choice of %d: got %d, want %d", c.Seed, b[0], got, b[1])
			}
		}
		equal(t, c.Seed+" choices", fresh().Choices(c.ChoicesWts.Weights, len(c.ChoicesWts.Out)), c.ChoicesWts.Out)
	}
	vectortest.Count(t, file, len(v.Cases))
}

func decode[T any](t *testing.T, raw json.RawMessage) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("couldn't decode %s: %v", raw, err)
	}
	return v
}

// parseHex reads C99 hexadecimal floats as Python writes them: 0x1.8p+1, also inf and nan.
func parseHex(t *testing.T, s string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatalf("couldn't read the float %q: %v", s, err)
	}
	return f
}

func sameFloat(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b)
}

func TestVectorsCompensatedSums(t *testing.T) {
	const file = "environments/advantages.json"
	var v struct {
		Meta  struct{ Description, Python string }
		Cases []struct { // group advantages are compared in package grail
			Rewards, Advantages []float64
			AdvantagesHex       []string `json:"advantages_hex"`
		}
		CompensatedSums []struct {
			Values []float64 `json:"values"`
			SumHex string    `json:"sum_hex"`
		} `json:"compensated_sums"`
	}
	vectortest.Decode(t, file, &v)
	for i, c := range v.CompensatedSums {
		if got, want := Sum(c.Values), parseHex(t, c.SumHex); !sameFloat(got, want) {
			t.Errorf("sum %d of %v: got %x, want %x", i, c.Values, got, want)
		}
	}
	vectortest.Count(t, file, len(v.CompensatedSums))
}

func TestVectorsPythonCompat(t *testing.T) {
	const file = "validator/python_compat.json"
	var v struct {
		About string
		Cases []struct {
			SeedInt   *string `json:"seed_int"`
			SeedBytes *string `json:"seed_bytes_hex"`
			N         int     `json:"n"`
			K         int     `json:"k"`
			Sample    []int   `json:"expect_sample"`
			Shuffle   []int   `json:"expect_shuffle_first_32"`
		}
		FloatText []struct {
			Bits    *string `json:"bits_be_hex"`
			Special *string `json:"special"`
			JSON    string  `json:"expect_json"`
		} `json:"float_text"`
		StringText []struct {
			UTF8 string `json:"value_utf8_hex"`
			JSON string `json:"expect_json"`
		} `json:"string_text"`
	}
	vectortest.Decode(t, file, &v)
	for i, c := range v.Cases {
		fresh := func() *Rand {
			if c.SeedInt != nil {
				return seeded(t, "int", *c.SeedInt)
			}
			return seeded(t, "bytes", *c.SeedBytes)
		}
		equal(t, "sample of case "+strconv.Itoa(i), fresh().Sample(c.N, c.K), c.Sample)
		if c.Shuffle != nil {
			equal(t, "shuffle of case "+strconv.Itoa(i), shuffled(fresh(), c.N)[:min(32, c.N)], c.Shuffle)
		}
	}
	special := map[string]float64{"nan": math.NaN(), "+inf": math.Inf(1), "-inf": math.Inf(-1)}
	for _, c := range v.FloatText {
		f := 0.0
		if c.Special != nil {
			var ok bool
			if f, ok = special[*c.Special]; !ok {
				t.Fatalf("unknown special float %q", *c.Special)
			}
		} else {
			f = parseBits(t, *c.Bits)
		}
		checkFloat(t, f, c.JSON)
	}
	for _, c := range v.StringText {
		checkString(t, c.UTF8, c.JSON)
	}
	vectortest.Count(t, file, len(v.Cases)+len(v.FloatText)+len(v.StringText))
}

func parseBits(t *testing.T, s string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		t.Fatalf("couldn't read the bits %q: %v", s, err)
	}
	return math.Float64frombits(n)
}

// checkFloat compares the text of f and reads it back.
func checkFloat(t *testing.T, f float64, want string) {
	t.Helper()
	if got := string(AppendFloat(nil, f)); got != want {
		t.Errorf("float %x: got %s, want %s", f, got, want)
	}
	v, err := ParseJSON([]byte(want), Limits{})
	if err != nil {
		t.Errorf("couldn't read %s back: %v", want, err)
	}
	if back, ok := v.Float(); !ok || !sameFloat(back, f) {
		t.Errorf("%s reads as %v, want %x", want, v, f)
	}
}

func checkString(t *testing.T, utf8Hex, want string) {
	t.Helper()
	b, err := hex.DecodeString(utf8Hex)
	if err != nil {
		t.Fatalf("couldn't read the bytes %q: %v", utf8Hex, err)
	}
	if got := string(AppendString(nil, string(b))); got != want {
		t.Errorf("string %q: got %s, want %s", b, got, want)
	}
	v, err := ParseJSON([]byte(want), Limits{})
	if err != nil {
		t.Errorf("couldn't read %s back: %v", want, err)
	}
	if s, ok := v.Text(); !ok || s != string(b) {
		t.Errorf("%s reads as %v, want %q", want, v, b)
	}
}

func TestVectorsJSONFloat(t *testing.T) {
	const file = "grail/python_json_float.json"
	var v struct {
		Primitive, Reference, Description string
		Count                             int
		Cases                             []struct {
			Bits string `json:"f64_bits"`
			JSON string `json:"json"`
		}
	}
	vectortest.Decode(t, file, &v)
	for _, c := range v.Cases {
		checkFloat(t, parseBits(t, c.Bits), c.JSON)
	}
	vectortest.Count(t, file, len(v.Cases))
}

func TestVectorsJSONString(t *testing.T) {
	const file = "grail/python_json_string.json"
	var v struct {
		Primitive, Reference, Description string
		Count                             int
		Cases                             []struct {
			UTF8 string `json:"utf8_hex"`
			JSON string `json:"json"`
		}
	}
	vectortest.Decode(t, file, &v)
	for _, c := range v.Cases {
		checkString(t, c.UTF8, c.JSON)
	}
	vectortest.Count(t, file, len(v.Cases))
}
