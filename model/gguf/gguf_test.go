package gguf

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// must is for building files of the test's own.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sample is a file with every kind of metadata and three tensors.
func sample(t testing.TB) *Builder {
	b := &Builder{}
	for _, e := range []struct {
		key   string
		value any
	}{
		{"general.architecture", "test"}, {"yes", true}, {"no", false}, {"i32", int32(-5)}, {"u32", uint32(1 << 31)}, {"i64", int64(-1 << 40)}, {"u64", uint64(7)},
		{"f32", float32(0.5)}, {"f64", 0.25}, {"names", []string{"a", "", "Ġb"}}, {"counts", []int32{1, -2, 3}}, {"scores", []float32{1}}, {"none", []string{}},
	} {
		must(t, b.Set(e.key, e.value))
	}
	must(t, b.Add(FromFloat32s("a", []int{2, 3}, []float32{1, 2, 3, 4, 5, 6})))
	must(t, b.Add(FromBF16s("b", []int{5}, []uint16{0x3f80, 0, 0x8000, 0x7f80, 1})))
	must(t, b.Add(Tensor{Name: "c", Type: Q8_0, Shape: []int{1, 32}, Data: slices.Concat([]byte{0, 0x3c}, make([]byte, 32))}))
	return b
}

func TestParse(t *testing.T) {
	for _, align := range []int{0, 8, 64, 4096} {
		b := sample(t)
		b.Alignment = align
		path := filepath.Join(t.TempDir(), "m.gguf")
		must(t, os.WriteFile(path, b.Bytes(), 0o600))
		f, err := Open(path)
		if err != nil {
			t.Fatalf("alignment %d: %v", align, err)
		}
		if f.Version() != 3 || !slices.Equal(f.Names(), []string{"a", "b", "c"}) || !f.Has("a") || f.Has("x") {
			t.Errorf("alignment %d: version %d, tensors %q", align, f.Version(), f.Names())
		}
		a, err := f.Tensor("a")
		if err != nil || !slices.Equal(a.Shape, []int{2, 3}) || !slices.Equal(a.Float32s(), []float32{1, 2, 3, 4, 5, 6}) {
			t.Errorf("alignment %d: a is %v %v (%v)", align, a.Shape, a.Float32s(), err)
		}
		x, _ := f.Tensor("b")
		if bits, ok := x.BF16s(); !ok || bits[0] != 0x3f80 || x.Float32s()[0] != 1 {
			t.Errorf("alignment %d: b is %x", align, bits)
		}
		if _, ok := a.BF16s(); ok {
			t.Error("an F32 tensor gave BF16")
		}
		if _, err := f.Tensor("x"); !errors.Is(err, ErrNotFound) {
			t.Errorf("missing tensor: %v", err)
		}
		must(t, f.Close())
		must(t, f.Close())
		if _, err := f.Tensor("a"); err == nil {
			t.Error("a closed file still gives tensors")
		}
	}
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a folder was opened")
	}
	if _, err := Open(filepath.Join(t.TempDir(), "gone.gguf")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestValues(t *testing.T) {
	f, err := Parse(sample(t).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	get := func(key string) Value {
		v, ok := f.Value(key)
		if !ok {
			t.Fatalf("no %s among %q", key, f.Keys())
		}
		return v
	}
	for key, want := range map[string]int64{"i32": -5, "u32": 1 << 31, "i64": -1 << 40, "u64": 7} {
		if n, ok := get(key).Int(); !ok || n != want {
			t.Errorf("%s is %d, want %d", key, n, want)
		}
	}
	for key, want := range map[string]float64{"f32": 0.5, "f64": 0.25} {
		if x, ok := get(key).Float(); !ok || x != want {
			t.Errorf("%s is %g, want %g", key, x, want)
		}
	}
	yes, _ := get("yes").Bool()
	no, ok := get("no").Bool()
	if !yes || no || !ok {
		t.Errorf("yes is %t, no is %t", yes, no)
	}
	if s, ok := get("general.architecture").Text(); !ok || s != "test" {
		t.Errorf("text is %q", s)
	}
	if list, ok := get("names").Strings(); !ok || !slices.Equal(list, []string{"a", "", "Ġb"}) {
		t.Errorf("names are %q", list)
	}
	if list, ok := get("none").Strings(); !ok || len(list) != 0 {
		t.Errorf("none is %q", list)
	}
	if list, ok := get("counts").Ints(); !ok || !slices.Equal(list, []int64{1, -2, 3}) {
		t.Errorf("counts are %d", list)
	}
	// Asked for as something else, a value says no.
	for _, key := range f.Keys() {
		v := get(key)
		_, isInt := v.Int()
		_, isFloat := v.Float()
		_, isBool := v.Bool()
		_, isText := v.Text()
		_, isStrings := v.Strings()
		_, isInts := v.Ints()
		n := 0
		for _, is := range []bool{isInt, isFloat, isBool, isText, isStrings, isInts} {
			if is {
				n++
			}
		}
		if want := 1; n != want && key != "scores" || key == "scores" && n != 0 {
			t.Errorf("%s (%s) can be read in %d ways", key, v.Kind(), n)
		}
		if v.String() == "" {
			t.Errorf("%s has no words", key)
		}
	}
	if _, ok := f.Value("x"); ok {
		t.Error("a value that isn't there")
	}
	if err := new(Builder).Set("x", struct{}{}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a struct as metadata: %v", err)
	}
	if err := new(Builder).Add(Tensor{Name: "x", Type: Q8_0, Shape: []int{32}, Data: make([]byte, 33)}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a short tensor: %v", err)
	}
}

// TestWiden holds every type to what the gguf package of llama.cpp gives for the same blocks, with scales that are subnormal, the
// largest, negative and minus zero.
func TestWiden(t *testing.T) {
	text, err := os.ReadFile("testdata/widen.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		MadeWith string `json:"made_with"`
		Cases    []struct {
			Type, Blocks, Want string
		} `json:"cases"`
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	for _, c := range golden.Cases {
		blocks, err := hex.DecodeString(c.Blocks)
		must(t, err)
		want, err := hex.DecodeString(c.Want)
		must(t, err)
		x := Tensor{Name: c.Type, Shape: []int{len(want) / 4}, Data: blocks}
		for kind, name := range typeNames {
			if name == c.Type {
				x.Type = kind
			}
		}
		var got []byte
		for _, v := range x.Float32s() {
			got = binary.LittleEndian.AppendUint32(got, math.Float32bits(v))
		}
		for i := 0; i < len(want); i += 4 {
			if g, w := got[i:i+4], want[i:i+4]; !bytes.Equal(g, w) {
				t.Fatalf("%s: number %d is %x, want %x", c.Type, i/4, g, w)
			}
		}
		t.Logf("%s: %d numbers equal to those of %s", c.Type, len(want)/4, golden.MadeWith)
	}
}

// TestSpecialHalves covers what the recorded blocks leave out.
func TestSpecialHalves(t *testing.T) {
	for bits, want := range map[uint16]uint32{0x7c00: 0x7f800000, 0xfc00: 0xff800000, 0x7e01: 0x7fc02000, 0x0001: 0x33800000, 0x8001: 0xb3800000, 0x8000: 0x80000000} {
		if got := math.Float32bits(half(binary.LittleEndian.AppendUint16(nil, bits))); got != want {
			t.Errorf("half %04x widens to %08x, want %08x", bits, got, want)
		}
	}
}

// TestRefusals breaks one thing of a good file; the error says what and of which sort.
func TestRefusals(t *testing.T) {
	good := sample(t).Bytes()
	at := func(text string) int {
		i := bytes.Index(good, appendText(nil, text))
		if i < 0 {
			t.Fatalf("the file has no %q", text)
		}
		return i
	}
	a := at("a") // in the list of names
	for a+1 < len(good) && good[a+9] != 2 {
		a = a + 1 + bytes.Index(good[a+1:], appendText(nil, "a"))
	}
	tensorA, tensorB := a, a+9+4+16+4+8
	put := func(i int, width int, v uint64) func([]byte) []byte {
		return func(b []byte) []byte {
			copy(b[i:i+width], binary.LittleEndian.AppendUint64(nil, v))
			return b
		}
	}
	for _, c := range []struct {
		name   string
		change func([]byte) []byte
		says   string
		is     error
	}{
		{"empty", func([]byte) []byte { return nil }, "magic", ErrCorrupt},
		{"magic", put(0, 1, 'g'), `begins with "gGUF"`, ErrCorrupt},
		{"version 1", put(4, 4, 1), "version 1", ErrUnsupported},
		{"version 4", put(4, 4, 4), "version 4", ErrUnsupported},
		{"big-endian", put(4, 4, 3<<24), "big-endian", ErrUnsupported},
		{"tensors", put(8, 8, 1<<60), "tensors", ErrCorrupt},
		{"more tensors", put(8, 8, 4), "tensor name", ErrCorrupt},
		{"fewer tensors", put(8, 8, 2), "behind the last tensor", ErrCorrupt},
		{"keys", put(16, 8, 1<<60), "metadata entries", ErrCorrupt},
		{"key length", put(24, 8, 1<<62), "metadata key", ErrCorrupt},
		{"empty key", put(24, 8, 0), "metadata key of 0", ErrCorrupt},
		{"key not UTF-8", put(32, 1, 0xff), "UTF-8", ErrCorrupt},
		{"key twice", put(at("u32")+8, 1, 'i'), `"i32" twice`, ErrCorrupt},
		{"kind", put(at("yes")+11, 4, 13), "kind 13", ErrCorrupt},
		{"bool", put(at("yes")+15, 1, 2), "the bool 2", ErrCorrupt},
		{"text length", put(at("general.architecture")+32, 8, math.MaxUint64), "general.architecture", ErrCorrupt},
		{"list of lists", put(at("counts")+18, 4, 9), "list of lists", ErrUnsupported},
		{"list kind", put(at("counts")+18, 4, 99), "kind 99", ErrCorrupt},
		{"list length", put(at("counts")+22, 8, 1<<62), "elements", ErrCorrupt},
		{"long list", put(at("counts")+22, 8, uint64(len(good)/4)), "elements", ErrCorrupt},
		{"list element", put(at("names")+29, 8, 1<<63), "names", ErrCorrupt},
		{"no dimensions", put(tensorA+9, 4, 0), "0 dimensions", ErrCorrupt},
		{"five dimensions", put(tensorA+9, 4, 5), "5 dimensions", ErrCorrupt},
		{"dimension 0", put(tensorA+13, 8, 0), "dimension of 0", ErrCorrupt},
		{"dimension", put(tensorA+13, 8, 1<<62), "too large", ErrCorrupt},
		{"product", func(b []byte) []byte { return put(tensorA+21, 8, 1<<33)(put(tensorA+13, 8, 1<<32)(b)) }, "too large", ErrCorrupt},
		{"larger", put(tensorA+13, 8, 1<<20), "past the end", ErrCorrupt},
		{"type", put(tensorA+29, 4, 12), "type Q4_K", ErrUnsupported},
		{"unknown type", put(tensorA+29, 4, 200), "type 200", ErrUnsupported},
		{"blocks", put(tensorA+29, 4, 8), "not a multiple of 32", ErrCorrupt},
		{"offset", put(tensorA+33, 8, 32), "gap or overlaps", ErrCorrupt},
		{"name twice", put(tensorB+8, 1, 'a'), `"a" comes twice`, ErrCorrupt},
		{"cut", func(b []byte) []byte { return b[:len(b)-40] }, "past the end", ErrCorrupt},
		{"cut in header", func(b []byte) []byte { return b[:tensorB] }, "past the end", ErrCorrupt},
		{"longer", func(b []byte) []byte { return append(b, 0) }, "1 bytes behind", ErrCorrupt},
	} {
		_, err := Parse(c.change(bytes.Clone(good)))
		if err == nil || !strings.Contains(err.Error(), c.says) || !errors.Is(err, c.is) {
			t.Errorf("%s: got %v, want %q and %v", c.name, err, c.says, c.is)
		}
	}
	for _, align := range []uint32{0, 3, 1 << 30} {
		b := sample(t)
		must(t, b.Set("general.alignment", align))
		if _, err := Parse(b.Bytes()); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "general.alignment") {
			t.Errorf("alignment %d: %v", align, err)
		}
	}
	for n := range len(good) - 32 { // wherever it is cut
		if _, err := Parse(good[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were accepted", n, len(good))
		}
	}
}

// FuzzParse checks that what is accepted is consistent, and that nothing else than an error comes of the rest.
func FuzzParse(f *testing.F) {
	f.Add(sample(f).Bytes())
	f.Add(tokenizerFile(f, nil).Bytes())
	f.Add([]byte(Magic + "\x03\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := Parse(b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupported) {
				t.Fatalf("error of no sort: %v", err)
			}
			return
		}
		total := 0
		for _, name := range g.Names() {
			x, err := g.Tensor(name)
			if err != nil {
				t.Fatal(err)
			}
			total += len(x.Data)
			if len(x.Float32s()) != x.Len() {
				t.Fatalf("%s has %d numbers of %d", name, len(x.Float32s()), x.Len())
			}
		}
		if total > len(b) {
			t.Fatalf("tensors of %d bytes in a file of %d", total, len(b))
		}
		for _, key := range g.Keys() {
			v, _ := g.Value(key)
			_ = v.String()
			if list, ok := v.Strings(); ok && len(list) != v.Len() {
				t.Fatalf("%s: %d of %d", key, len(list), v.Len())
			}
			v.Ints()
		}
		if tok, err := g.Tokenizer(); err == nil {
			tok.Decode(tok.Encode("Hello 123\u00e9", true), false)
		} else if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrNotFound) {
			t.Fatalf("tokenizer error of no sort: %v", err)
		}
	})
}

func TestTypesHaveNames(t *testing.T) {
	for kind := range formats {
		if strings.Trim(kind.String(), "0123456789") == "" {
			t.Errorf("type %d has no name", uint32(kind))
		}
	}
	if !reflect.DeepEqual([]string{Uint8.String(), Float64.String(), Kind(99).String()}, []string{"u8", "f64", "kind 99"}) {
		t.Error("kinds are named wrongly")
	}
}

// TestRows reads every type row by row from a mapping, forgets rows in between, and gets what reading at once gives.
func TestRows(t *testing.T) {
	b := &Builder{}
	const rows, width = 300, 64
	kinds := []Type{F32, F16, BF16, Q4_0, Q4_1, Q8_0}
	for i, kind := range kinds {
		data := make([]byte, rows*width/formats[kind].block*formats[kind].bytes)
		for j := range data {
			data[j] = byte(j * (2*i + 3) % 119)
		}
		must(t, b.Add(Tensor{Name: kind.String(), Type: kind, Shape: []int{rows, width}, Data: data}))
	}
	path := filepath.Join(t.TempDir(), "m.gguf")
	must(t, os.WriteFile(path, b.Bytes(), 0o600))
	f, err := Open(path)
	must(t, err)
	defer f.Close()
	for _, kind := range kinds {
		x, err := f.Tensor(kind.String())
		must(t, err)
		want := x.Float32s()
		got, patterns := make([]float32, width), make([]uint16, width)
		for r := range rows {
			x.Widen(got, r)
			if r%10 == 9 {
				x.Forget(r-9, 10)
			}
			for i, v := range got {
				if math.Float32bits(v) != math.Float32bits(want[r*width+i]) {
					t.Fatalf("%s: number %d of row %d is %g, want %g", kind, i, r, v, want[r*width+i])
				}
			}
			if kind == F16 || kind == BF16 {
				x.Patterns(patterns, r*width)
				if patterns[5] != binary.LittleEndian.Uint16(x.Data[2*(r*width+5):]) {
					t.Fatalf("%s: other patterns in row %d", kind, r)
				}
			}
		}
	}
}
