package grail

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/vectortest"
)

const r0 = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

func TestPRFVectors(t *testing.T) {
	for i, c := range decode[struct {
		LabelHex  string   `json:"label_hex"`
		PartsHex  []string `json:"parts_hex"`
		OutBytes  int      `json:"out_bytes"`
		OutLen    *int     `json:"out_len"`
		OutSHA256 string   `json:"out_sha256"`
		OutHex    *string  `json:"out_hex"`
		Error     bool
		Note      string
	}](t, "grail/prf.json") {
		var parts [][]byte
		for _, p := range c.PartsHex {
			parts = append(parts, unhex(t, p))
		}
		out, err := PRF(string(unhex(t, c.LabelHex)), c.OutBytes, parts...)
		if wantError(t, i, c.Note, err, c.Error) {
			continue
		}
		if c.OutLen != nil {
			compare(t, i, "length", len(out), *c.OutLen)
		}
		if c.OutHex != nil {
			compare(t, i, "bytes", hex.EncodeToString(out), *c.OutHex)
		}
		if c.OutSHA256 != "" {
			h := sha256.Sum256(out)
			compare(t, i, "hash", hex.EncodeToString(h[:]), c.OutSHA256)
		}
	}
}

func TestPRFRefusesLengths(t *testing.T) {
	for _, n := range []int{-1, 65537, math.MaxInt} {
		if _, err := PRF("open", n); !errors.Is(err, ErrPRF) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	got, err := PRF("open", 16)
	if err != nil || hex.EncodeToString(got) != "42ce54321a21098c0bf46cea817fd4d3" {
		t.Errorf("no parts: %x, %v", got, err)
	}
}

func TestCoefficientVectors(t *testing.T) {
	for i, c := range decode[struct {
		RandomnessHex string `json:"randomness_hex"`
		TopK          int
		Coefficients  []int32
		Error         bool
		Note          string
	}](t, "grail/r_vec.json") {
		got, err := coefficients(c.RandomnessHex, c.TopK)
		if wantError(t, i, c.Note, err, c.Error) {
			if c.Error && !errors.Is(err, ErrHex) {
				t.Errorf("case %d: %v is not ErrHex", i, err)
			}
			continue
		}
		compareLists(t, i, c.Note, got, c.Coefficients)
		if c.TopK == TopK {
			whole, err := NewCoefficients(c.RandomnessHex)
			if err != nil {
				t.Errorf("case %d: %v", i, err)
			}
			compareLists(t, i, c.Note, whole[:], c.Coefficients)
		}
	}
}

func TestLegacyVectors(t *testing.T) {
	for i, c := range decode[struct {
		RandomnessHex string `json:"randomness_hex"`
		DModel        int    `json:"d_model"`
		First, Last   []int32
		SHA256        string `json:"sha256_be_i32"`
		Error         bool
		Note          string
	}](t, "grail/r_vec_legacy.json") {
		got, err := LegacyVector(c.RandomnessHex, c.DModel)
		if wantError(t, i, c.Note, err, c.Error) {
			continue
		}
		compareLists(t, i, "first", got[:len(c.First)], c.First)
		compareLists(t, i, "last", got[len(got)-len(c.Last):], c.Last)
		var b []byte
		for _, v := range got {
			b = binary.BigEndian.AppendUint32(b, uint32(v))
		}
		h := sha256.Sum256(b)
		compare(t, i, "hash", hex.EncodeToString(h[:]), c.SHA256)
	}
	for i, c := range decode[struct {
		Hidden string `json:"hidden_f32_b64"`
		R      []int32
		Result int64
		Note   string
	}](t, "grail/dot_mod_q_legacy.json") {
		if d := SketchDistance(LegacyDot(floats(t, c.Hidden), c.R), c.Result); d > 8 {
			t.Errorf("case %d: %d units away", i, d)
		}
	}
	for _, h := range []float32{float32(math.NaN()), float32(math.Inf(1)), 3e38} {
		if got := LegacyDot([]float32{h}, []int32{127}); got != 0 {
			t.Errorf("LegacyDot of %v is %d", h, got)
		}
	}
}

func TestBucketVectors(t *testing.T) {
	for i, c := range decode[struct {
		DType, Bits string
		Value       real
		Bucket      int32
		Note        string
	}](t, "grail/log_bucket.json") {
		bits := binary.BigEndian.Uint32(append(make([]byte, 4-len(c.Bits)/2), unhex(t, c.Bits)...))
		var x float32
		switch c.DType {
		case "float32":
			x = math.Float32frombits(bits)
		case "bfloat16":
			x = math.Float32frombits(bits << 16)
		case "float16":
			x = half(uint16(bits))
		default:
			t.Fatalf("case %d: type %q is not covered", i, c.DType)
		}
		if !sameFloat(float64(x), float64(c.Value)) {
			t.Fatalf("case %d: bits %s are %v, want %v", i, c.Bits, x, c.Value)
		}
		compare(t, i, c.Bits, Bucket(x), c.Bucket)
	}
}

// half widens an f16.
func half(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, int(h>>10&31), uint32(h&1023)
	switch exp {
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	case 0:
		return float32(math.Copysign(math.Ldexp(float64(frac), -24), float64(math.Float32frombits(sign|0x3f800000))))
	}
	return math.Float32frombits(sign | uint32(exp-15+127)<<23 | frac<<13)
}

// bucketByLogarithm is the definition of section 3.4.
func bucketByLogarithm(x float64) int32 {
	switch {
	case math.IsNaN(x):
		return 0
	case math.Abs(x) < 1e-6:
		return 0
	}
	b := int32(7)
	if !math.IsInf(x, 0) {
		b = int32(min(7, math.Trunc(math.Log2(math.Abs(x)+1)*0.8)))
	}
	if x < 0 {
		return -b
	}
	return b
}

// TestBucketThresholds compares the table with the definition: at every value around the thresholds, and at random ones.
func TestBucketThresholds(t *testing.T) {
	check := func(bits uint32) {
		x := math.Float32frombits(bits)
		if got, want := Bucket(x), bucketByLogarithm(float64(x)); got != want {
			t.Fatalf("Bucket(%v) = %d, by logarithm %d", x, got, want)
		}
	}
	for _, threshold := range []float64{1e-6, bucket1, bucket2, bucket3, bucket4, bucket5, bucket6, bucket7} {
		middle := math.Float32bits(float32(threshold))
		for d := range uint32(2000) {
			check(middle - 1000 + d)
			check(middle - 1000 + d | 1<<31)
		}
	}
	for h := range uint32(1 << 16) { // every bf16
		check(h << 16)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 200000 {
		check(r.Uint32())
	}
}

func TestSketchVectors(t *testing.T) {
	const file = "grail/sketch.json"
	for i, c := range decode[struct {
		Kind          string
		Dim           int
		Positions     int
		DType         string
		Hidden        string  `json:"hidden_f32le_b64"`
		RandomnessHex string  `json:"randomness_hex"`
		RVec          []int32 `json:"r_vec"`
		Lowest        []int64 `json:"sketches_lowest_index_ties"`
		Batch         []int64 `json:"sketches_reference_cpu_batch"`
		Scalar        []int64 `json:"sketches_reference_cpu_scalar"`
		Tie           []bool  `json:"tie_at_topk_boundary"`
		Debug         []struct {
			Position         int
			Indices, Buckets []int
		}
		Note string
	}](t, file) {
		hidden := floats(t, c.Hidden)
		r, err := NewCoefficients(c.RandomnessHex)
		if err != nil {
			t.Fatal(err)
		}
		compareLists(t, i, "coefficients", r[:], c.RVec)
		got := make([]int64, c.Positions)
		if err := Sketches(got, hidden, c.Dim, r); err != nil {
			t.Fatalf("case %d: %v", i, err)
		}
		compareLists(t, i, c.Kind, got, c.Lowest)
		for p, tie := range c.Tie {
			row := hidden[p*c.Dim : (p+1)*c.Dim]
			one, err := Sketch(row, r)
			if err != nil || one != got[p] {
				t.Errorf("case %d position %d: alone %d, %v; in batch %d", i, p, one, err, got[p])
			}
			if !tie && (one != c.Batch[p] || one != c.Scalar[p]) {
				t.Errorf("case %d position %d: %d, want %d and %d", i, p, one, c.Batch[p], c.Scalar[p])
			}
		}
		for _, d := range c.Debug {
			row := hidden[d.Position*c.Dim : (d.Position+1)*c.Dim]
			top := topIndices(row)
			if !c.Tie[d.Position] {
				compareLists(t, i, "indices", top[:], d.Indices)
				for k, j := range top {
					compare(t, i, "bucket", int(Bucket(row[j])), d.Buckets[k])
				}
			}
		}
	}
}

func TestTopIndices(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		h := make([]float32, 16+r.IntN(60))
		for j := range h {
			switch r.IntN(8) {
			case 0:
				h[j] = float32(math.NaN())
			case 1:
				h[j] = float32(math.Inf(r.IntN(2)*2 - 1))
			default:
				h[j] = float32(r.IntN(9) - 4) // many ties
			}
		}
		var want []int // 16 times the first of the largest
		taken := make([]bool, len(h))
		for range TopK {
			best := -1
			for j := range h {
				if !taken[j] && (best < 0 || magnitude(h[j]) > magnitude(h[best])) {
					best = j
				}
			}
			taken[best] = true
		}
		for j, ok := range taken {
			if ok {
				want = append(want, j)
			}
		}
		top := topIndices(h)
		for k := range want {
			if top[k] != want[k] {
				t.Fatalf("%v: %v, want %v", h, top, want)
			}
		}
	}
}

func TestSketchRefusesDimensions(t *testing.T) {
	var r Coefficients
	if _, err := Sketch(make([]float32, 15), r); !errors.Is(err, ErrDimension) {
		t.Errorf("15 dimensions: %v", err)
	}
	for _, c := range []struct{ positions, values, dim int }{{1, 15, 15}, {2, 32, 32}, {1, 33, 16}, {0, 0, 0}, {1, 0, 16}} {
		if err := Sketches(make([]int64, c.positions), make([]float32, c.values), c.dim, r); !errors.Is(err, ErrDimension) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestSketchExample(t *testing.T) {
	h := make([]float32, 24)
	for i := range h {
		h[i] = (float32(i) - 20) * 1.5
		if i%3 == 0 {
			h[i] = -0.25 * float32(i)
		}
	}
	r, err := NewCoefficients(r0)
	if err != nil || r != (Coefficients{72, -118, 56, -108, 119, -28, -51, -108, 39, -120, 41, -68, -91, 13, -4, -44}) {
		t.Fatalf("coefficients %v, %v", r, err)
	}
	if got, err := Sketch(h, r); err != nil || got != 797 {
		t.Errorf("sketch %d, %v", got, err)
	}
}

func TestToleranceVectors(t *testing.T) {
	const file = "grail/adaptive_tolerance.json"
	var v struct {
		header
		Table [][2]int64 `json:"table_rle_positions_0_to_16383"`
		Cases []struct {
			Position  int
			Tolerance int64
			Error     bool
		}
	}
	vectortest.Decode(t, file, &v)
	rules := Reference()
	p := 0
	for _, run := range v.Table {
		for range run[1] {
			if got, err := rules.SketchTolerance(p); err != nil || got != run[0] {
				t.Fatalf("position %d: %d, %v; want %d", p, got, err, run[0])
			}
			p++
		}
	}
	for i, c := range v.Cases {
		got, err := rules.SketchTolerance(c.Position)
		if !wantError(t, i, "", err, c.Error) {
			compare(t, i, "", got, c.Tolerance)
		}
	}
	vectortest.Count(t, file, len(v.Cases)+p)
}

func TestVerifyCommitmentVectors(t *testing.T) {
	const file = "grail/verify_commitment.json"
	var v struct {
		header
		Hidden []struct {
			ID            int
			Hidden        string `json:"hidden_f32le_b64"`
			Dim           int
			RandomnessHex string `json:"randomness_hex"`
		}
		Cases []struct {
			Hidden     int
			Position   int
			Miner      *string `json:"miner_sketch_json"`
			Own        int64   `json:"own_sketch"`
			Valid      bool
			SketchDiff string `json:"sketch_diff"`
			Tolerance  int64
			Error      bool
			Note       string
		}
	}
	vectortest.Decode(t, file, &v)
	own := map[int]int64{}
	for _, h := range v.Hidden {
		r, err := NewCoefficients(h.RandomnessHex)
		if err != nil {
			t.Fatal(err)
		}
		hidden := floats(t, h.Hidden)
		if own[h.ID], err = Sketch(hidden[:h.Dim], r); err != nil {
			t.Fatal(err)
		}
	}
	tolerant := Hardened()
	tolerant.Proof = ProofTolerance
	for i, c := range v.Cases {
		compare(t, i, "own sketch", own[c.Hidden], c.Own)
		entry := `{}`
		if c.Miner != nil {
			entry = `{"sketch": ` + *c.Miner + `}`
		}
		miner, err := ParseCommitments([]byte("[" + strings.Repeat("{\"sketch\":0},", c.Position) + entry + "]"))
		if err != nil {
			t.Fatalf("case %d: %v", i, err)
		}
		got, err := Reference().CompareSketch(c.Position, c.Own, miner)
		strict, strictErr := tolerant.CompareSketch(c.Position, c.Own, miner)
		equal, equalErr := Hardened().CompareSketch(c.Position, c.Own, miner)
		if (err == nil) != (strictErr == nil) || (err == nil) != (equalErr == nil) {
			t.Errorf("case %d (%s): errors %v, %v, %v", i, c.Note, err, strictErr, equalErr)
		}
		if wantError(t, i, c.Note, err, c.Error) {
			if c.Error && !errors.Is(err, ErrSketch) {
				t.Errorf("case %d: %v is not ErrSketch", i, err)
			}
			continue
		}
		compare(t, i, c.Note, got.OK, c.Valid)
		compare(t, i, "tolerance", got.Tolerance, c.Tolerance)
		number, err := miner.Number(c.Position)
		if err != nil {
			t.Fatal(err)
		}
		d, err := referenceDistance(c.Own, number)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.NewReplacer("Infinity", "inf", "NaN", "nan").Replace(d.String())
		compare(t, i, "distance", text, c.SketchDiff)
		m, integer := miner.Sketch(c.Position)
		inRange := integer && m >= 0 && m < Q
		compare(t, i, "out of range", got.OutOfRange, !inRange)
		compare(t, i, "strict", strict.OK, c.Valid && inRange)
		compare(t, i, "equality", equal.OK, inRange && m == c.Own)
	}
	vectortest.Count(t, file, len(v.Cases))
}

func TestTokenHashVectors(t *testing.T) {
	for i, c := range decode[struct {
		Tokens []int64
		SHA256 string
		Note   string
	}](t, "grail/hash_tokens.json") {
		h := HashTokens(c.Tokens)
		compare(t, i, c.Note, hex.EncodeToString(h[:]), c.SHA256)
		narrow := make([]int32, len(c.Tokens))
		for k, v := range c.Tokens {
			narrow[k] = int32(v)
		}
		compare(t, i, "32 bits", HashTokens(narrow), h)
	}
}

func TestCleanHex(t *testing.T) {
	for _, c := range []struct {
		text string
		want []byte
		ok   bool
	}{
		{"", nil, true},
		{"0x", nil, true},
		{"abc", []byte{0x0a, 0xbc}, true},
		{"\u00a0 0xAB \n", []byte{0xab}, true},
		{"ab cd", []byte{0, 0, 0}, false}, // five characters: odd, so 0ab cd
		{"ab  cd", []byte{0xab, 0xcd}, true},
		{"a0xb", []byte{0xab}, true},
		{"00xx12", []byte{0x12}, false}, // the second 0x appears only after the first is gone
		{"0X0x12", []byte{0x12}, true},
		{"gg", nil, false},
		{"ä", nil, false},
		{"abcdé", nil, false},
	} {
		got, err := CleanHex(c.text)
		if (err == nil) != c.ok || (c.ok && !bytes.Equal(got, c.want)) {
			t.Errorf("CleanHex(%q) = %x, %v; want %x, %v", c.text, got, err, c.want, c.ok)
		}
		if err != nil && !errors.Is(err, ErrHex) {
			t.Errorf("CleanHex(%q): %v is not ErrHex", c.text, err)
		}
	}
}

func FuzzCleanHex(f *testing.F) {
	for _, s := range []string{"", "0x", "abc", " 0xAB ", "ab cd", "0X12", "zz", r0, "\x1c12", "1\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := CleanHex(text)
		if err != nil {
			if !errors.Is(err, ErrHex) {
				t.Fatalf("error without sentinel: %v", err)
			}
			return
		}
		again, err := CleanHex(hex.EncodeToString(b))
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%q gives %x, which gives %x, %v", text, b, again, err)
		}
		if _, err := ParseSignature(text); err == nil && len(b) != 64 {
			t.Fatalf("%q is a signature of %d bytes", text, len(b))
		}
	})
}

func TestCommitmentsVectors(t *testing.T) {
	for i, c := range decode[struct {
		JSON        string `json:"commitments_json"`
		Canonical   string
		SHA256      string
		ParquetForm string `json:"parquet_form"`
		Note        string
	}](t, "grail/hash_commitments.json") {
		for _, text := range []string{c.JSON, c.ParquetForm} {
			parsed, err := ParseCommitments([]byte(text))
			if err != nil {
				t.Fatalf("case %d: %v", i, err)
			}
			compare(t, i, c.Note, string(parsed.AppendCompactSorted(nil)), c.Canonical)
			compare(t, i, c.Note, string(parsed.AppendDefault(nil)), c.ParquetForm)
			h := parsed.Hash()
			compare(t, i, c.Note, hex.EncodeToString(h[:]), c.SHA256)
			if !parsed.Equal(CommitmentsOf(parsed.Value())) || parsed.Value().Len() != parsed.Len() {
				t.Errorf("case %d: differs from its own value", i)
			}
			if sketches, ok := parseRegular([]byte(text)); ok {
				if !parsed.Regular() || !NewCommitments(sketches).Equal(parsed) {
					t.Errorf("case %d: fast and general reading differ", i)
				}
			}
		}
	}
}

// Odd JSON holds many times its text, and is counted so.
func TestOddJSONIsCounted(t *testing.T) {
	zeros := strings.Repeat("0,", 99_999) + "0"
	c, err := ParseCommitments([]byte(`[{"sketch":1,"x":[` + zeros + `]}]`))
	if err != nil || c.MemoryBytes() < 3_200_000 {
		t.Errorf("commitments count %d bytes, %v", c.MemoryBytes(), err)
	}
	b, err := ParseBeacon([]byte(`{"randomness":"ab","x":[` + zeros + `]}`))
	if err != nil || b.MemoryBytes() < 3_200_000 {
		t.Errorf("the beacon counts %d bytes, %v", b.MemoryBytes(), err)
	}
	if _, err := ParseCommitments([]byte("[" + strings.Repeat("0,", 1<<20) + "0]")); !errors.Is(err, ErrJSON) {
		t.Errorf("a million values: %v", err)
	}
	regular := NewCommitments(make([]int64, 100))
	if regular.MemoryBytes() != 800 {
		t.Errorf("100 sketches count %d bytes", regular.MemoryBytes())
	}
}

func TestCommitmentsOddForms(t *testing.T) {
	for _, c := range []struct {
		text    string
		regular bool
		objects bool
		length  int
	}{
		{`[]`, true, true, 0},
		{` [ { "sketch" : -0 } , {"sketch":9223372036854775807}] `, true, true, 2},
		{`[{"sketch":1,"sketch":2}]`, true, true, 1},
		{`[{"sketch":9223372036854775808}]`, false, true, 1},
		{`[{"sketch":1.0}]`, false, true, 1},
		{`[{}]`, false, true, 1},
		{`[1]`, false, false, 1},
		{`null`, false, false, 0},
		{`{"sketch":1}`, false, false, 0},
		{`"text"`, false, false, 0},
	} {
		got, err := ParseCommitments([]byte(c.text))
		if err != nil || got.Regular() != c.regular || got.Objects() != c.objects || got.Len() != c.length {
			t.Errorf("%s: regular %v, objects %v, length %d, %v", c.text, got.Regular(), got.Objects(), got.Len(), err)
		}
		if least := int64(len(got.AppendCompactSorted(nil))) / 20; got.MemoryBytes() < least {
			t.Errorf("%s: %d bytes of memory for %d of text", c.text, got.MemoryBytes(), len(c.text))
		}
		if _, ok := got.Sketch(c.length); ok {
			t.Errorf("%s: a sketch beyond the end", c.text)
		}
		if _, err := got.Number(-1); !errors.Is(err, ErrSketch) {
			t.Errorf("%s: number before the start: %v", c.text, err)
		}
	}
	for _, text := range []string{``, `[`, `[{"sketch":1}`, `[{"sketch":01}]`, `[{"sketch":1}] x`, `[{"sketch":1},]`, "[{\"sketch\":1}]\x00", strings.Repeat("[", 100000)} {
		if _, err := ParseCommitments([]byte(text)); !errors.Is(err, ErrJSON) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

func TestBindingVectors(t *testing.T) {
	for i, c := range decode[struct {
		Tokens            []int64
		RandomnessHex     string  `json:"randomness_hex"`
		ModelName         *string `json:"model_name"`
		LayerIndex        int64   `json:"layer_index"`
		Commitments       json.RawMessage
		TokensSHA256      string `json:"tokens_sha256"`
		CommitmentsSHA256 string `json:"commitments_sha256"`
		Digest            string
		Error             bool
		Note              string
	}](t, "grail/commit_binding.json") {
		commitments, err := ParseCommitments(c.Commitments)
		if err != nil {
			t.Fatal(err)
		}
		tokens, hash := HashTokens(c.Tokens), commitments.Hash()
		compare(t, i, "tokens", hex.EncodeToString(tokens[:]), c.TokensSHA256)
		compare(t, i, "commitments", hex.EncodeToString(hash[:]), c.CommitmentsSHA256)
		name := ""
		if c.ModelName != nil {
			name = *c.ModelName
		}
		digest, err := bind(tokens, c.RandomnessHex, name, c.LayerIndex, hash)
		if !wantError(t, i, c.Note, err, c.Error) {
			compare(t, i, c.Note, hex.EncodeToString(digest[:]), c.Digest)
		}
	}
}
