package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func raw(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, SingleName)
	in := []Tensor{
		FromBF16("b", []int{2, 2}, []uint16{0x3f80, 0xc000, 0, 0x8000}),
		FromFloat32s("a", []int{3}, []float32{1, -2.5, float32(math.Inf(1))}),
		{Name: "ids", DType: I64, Shape: []int{2}, Data: make([]byte, 16)},
		{Name: "half", DType: F16, Shape: []int{1}, Data: []byte{0, 0x3c}},
		{Name: "empty", DType: F32, Shape: []int{0, 7}, Data: nil},
		{Name: `odd "name" <x>`, DType: U8, Shape: []int{}, Data: []byte{9}},
	}
	meta := map[string]string{"format": "pt", "a": "b"}
	if err := Write(path, in, meta); err != nil {
		t.Fatal(err)
	}
	first, _ := os.ReadFile(path)
	slices.Reverse(in)
	again, err := Encode(in, meta)
	if err != nil || !bytes.Equal(first, again) {
		t.Fatalf("bytes depend on the order of the tensors (%v)", err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Fatalf("temporary file left: %v", files)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if want := []string{"ids", "a", "empty", "b", "half", `odd "name" <x>`}; !slices.Equal(f.Names(), want) {
		t.Errorf("names %q, want %q", f.Names(), want)
	}
	if f.Metadata()["format"] != "pt" || len(f.Metadata()) != 2 {
		t.Errorf("metadata %v", f.Metadata())
	}
	for _, w := range in {
		g, err := f.Tensor(w.Name)
		if err != nil || !bytes.Equal(g.Data, w.Data) || !slices.Equal(g.Shape, w.Shape) || g.DType != w.DType || g.Len()*g.DType.Size() != len(w.Data) {
			t.Errorf("tensor %q came back as %+v (%v)", w.Name, g, err)
		}
	}
	a, _ := f.Tensor("a")
	if x, err := a.Float32s(); err != nil || !slices.Equal(x, []float32{1, -2.5, float32(math.Inf(1))}) {
		t.Errorf("a = %v (%v)", x, err)
	}
	b, _ := f.Tensor("b")
	if x, err := b.Float32s(); err != nil || !slices.Equal(x, []float32{1, -2, 0, float32(math.Copysign(0, -1))}) {
		t.Errorf("b = %v (%v)", x, err)
	}
	if x, err := b.BF16(); err != nil || !slices.Equal(x, []uint16{0x3f80, 0xc000, 0, 0x8000}) {
		t.Errorf("b = %x (%v)", x, err)
	}
	if _, err := a.BF16(); !errors.Is(err, ErrDType) {
		t.Errorf("F32 as bfloat16: %v", err)
	}
	ids, _ := f.Tensor("ids")
	if _, err := ids.Float32s(); !errors.Is(err, ErrDType) {
		t.Errorf("I64 as float32: %v", err)
	}
	if _, err := f.Tensor("none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("missing tensor: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := f.Tensor("a"); err == nil {
		t.Error("a closed file still gives tensors")
	}
}

// TestReferenceBytes holds the writer to the layout that the reference library gives for the same tensors.
func TestReferenceBytes(t *testing.T) {
	b, err := Encode([]Tensor{FromFloat32s("t", []int{2, 2}, make([]float32, 4))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	head := `{"t":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}`
	want := raw(head+strings.Repeat(" ", (8-len(head)%8)%8), 16)
	if !bytes.Equal(b, want) {
		t.Errorf("got  %q\nwant %q", b, want)
	}
	empty, err := Encode(nil, nil)
	if err != nil || !bytes.Equal(empty, raw("{}      ", 0)) {
		t.Errorf("empty file %q (%v)", empty, err)
	}
	withMeta, err := Encode(nil, map[string]string{"x": "y"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(withMeta); err != nil {
		t.Error(err)
	}
}

func TestRefused(t *testing.T) {
	const one = `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}`
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"empty":            {nil, "byte 0: file ends"},
		"short":            {[]byte{1, 2}, "byte 2: file ends"},
		"huge header":      {binary.LittleEndian.AppendUint64(nil, 1<<63), "longer than"},
		"header past end":  {binary.LittleEndian.AppendUint64(nil, 10), "reaches past"},
		"no brace":         {raw(` {}`, 0), "doesn't begin"},
		"not utf-8":        {raw("{\"\xff\":1}", 0), "UTF-8"},
		"not json":         {raw(`{"a"`, 0), "isn't JSON"},
		"trailing":         {raw(`{}{}`, 0), "goes on"},
		"array tensor":     {raw(`{"a":[]}`, 0), `tensor "a" isn't an object`},
		"duplicate name":   {raw(one+`,"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), `"a" twice`},
		"duplicate key":    {raw(`{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), `"dtype" twice`},
		"unknown key":      {raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}`, 4), `unknown key "x"`},
		"unknown dtype":    {raw(`{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,4]}}`, 4), `unknown dtype "F4"`},
		"no dtype":         {raw(`{"a":{"shape":[1],"data_offsets":[0,4]}}`, 4), `unknown dtype ""`},
		"no shape":         {raw(`{"a":{"dtype":"F32","data_offsets":[0,4]}}`, 4), "no shape"},
		"no offsets":       {raw(`{"a":{"dtype":"F32","shape":[1]}}`, 4), "data_offsets"},
		"three offsets":    {raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}`, 4), "more than 2"},
		"falling offsets":  {raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, 4), "rising"},
		"negative":         {raw(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, 4), "isn't a size"},
		"fraction":         {raw(`{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}`, 4), "isn't a size"},
		"exponent":         {raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4e0]}}`, 4), "isn't a size"},
		"string size":      {raw(`{"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}`, 4), "isn't a number"},
		"overflow":         {raw(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}`, 0), "overflows"},
		"overflow to zero": {raw(`{"a":{"dtype":"F32","shape":[4611686018427387904,4,0],"data_offsets":[0,0]}}`, 0), "overflows"},
		"wrong length":     {raw(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4), "needs 8 bytes but has 4"},
		"past the end":     {raw(one+`}`, 3), "past the end"},
		"behind":           {raw(one+`}`, 5), "1 bytes behind"},
		"gap":              {raw(one+`,"b":{"dtype":"U8","shape":[1],"data_offsets":[5,6]}}`, 6), `"b" begins at buffer byte 5`},
		"overlap":          {raw(one+`,"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}}`, 5), "overlaps"},
		"not at zero":      {raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2), "begins at"},
		"metadata number":  {raw(`{"__metadata__":{"a":1}}`, 0), `metadata "a" isn't a string`},
		"metadata twice":   {raw(`{"__metadata__":{"a":"1","a":"2"}}`, 0), `"a" twice`},
		"metadata list":    {raw(`{"__metadata__":[]}`, 0), "isn't an object"},
		"too many dims":    {raw(`{"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}}`, 1), "more than 16"},
	} {
		_, err := Parse(c.file)
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", name, err, c.says)
		}
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s opened: %v", name, err)
		}
	}
}

func TestUnalignedIsRead(t *testing.T) {
	f, err := Parse(raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}`, 5))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := f.Tensor("b")
	if x, err := b.Float32s(); err != nil || len(x) != 1 || x[0] != 0 {
		t.Errorf("unaligned tensor %v (%v)", x, err)
	}
}

func TestWriteRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w")
	for name, in := range map[string][]Tensor{
		"twice":    {FromFloat32s("a", []int{0}, nil), FromFloat32s("a", []int{0}, nil)},
		"reserved": {FromFloat32s("__metadata__", []int{0}, nil)},
		"length":   {FromFloat32s("a", []int{3}, []float32{1})},
		"negative": {FromFloat32s("a", []int{-1}, nil)},
		"dtype":    {{Name: "a", DType: "Q4", Shape: []int{0}}},
	} {
		if err := Write(path, in, nil); err == nil {
			t.Errorf("%s: written", name)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: a file was left", name)
		}
	}
	if err := Write(filepath.Join(path, "no", "folder"), nil, nil); err == nil {
		t.Error("written into a folder that isn't there")
	}
}

func TestHalf(t *testing.T) {
	for h, want := range map[uint16]float32{
		0: 0, 0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0400: 6.103515625e-05, 0x0001: 5.9604644775390625e-08, 0x83ff: -6.097555160522461e-05, 0x7c00: float32(math.Inf(1)), 0x3555: 0.333251953125,
	} {
		if got := halfToFloat(h); got != want {
			t.Errorf("half %04x = %g, want %g", h, got, want)
		}
	}
	if !math.Signbit(float64(halfToFloat(0x8000))) || !math.IsNaN(float64(halfToFloat(0x7e01))) {
		t.Error("negative zero or NaN lost")
	}
}

func FuzzParse(f *testing.F) {
	whole, _ := Encode([]Tensor{FromFloat32s("a", []int{2}, []float32{1, 2}), FromBF16("b", []int{1}, []uint16{3})}, map[string]string{"format": "pt"})
	f.Add(whole)
	f.Add(raw(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`, 0))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Parse(b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		total := 0
		var all []Tensor
		for _, n := range s.Names() {
			x, err := s.Tensor(n)
			if err != nil || x.Len()*x.DType.Size() != len(x.Data) {
				t.Fatalf("tensor %q of %v with %d bytes (%v)", n, x.Shape, len(x.Data), err)
			}
			total += len(x.Data)
			all = append(all, x)
			_, _ = x.Float32s()
		}
		if total+8 > len(b) {
			t.Fatal("tensors hold more bytes than the file")
		}
		again, err := Encode(all, s.Metadata())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(again); err != nil {
			t.Fatal(err)
		}
	})
}

// TestReferenceFile reads a file that the reference library wrote (safetensors 0.8 from NumPy) and writes the same bytes.
func TestReferenceFile(t *testing.T) {
	const path = "testdata/reference.safetensors"
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []Tensor
	for _, n := range f.Names() {
		x, err := f.Tensor(n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
	}
	half, err := f.Tensor("b")
	if err != nil {
		t.Fatal(err)
	}
	if x, err := half.Float32s(); err != nil || !slices.Equal(x, []float32{0, 1, 2, 3}) {
		t.Errorf("b = %v (%v)", x, err)
	}
	slices.Reverse(all)
	got, err := Encode(all, f.Metadata())
	if err != nil {
		t.Fatal(err)
	}
	if want, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("wrote %q, the reference %q (%v)", got, want, err)
	}
}

// TestRanges reads tensors of mapped files in pieces, forgets pages in between, and gets what reading at once gives.
func TestRanges(t *testing.T) {
	x := make([]float32, 9000)
	half := make([]uint16, len(x))
	for i := range x {
		x[i], half[i] = float32(i)-4000.5, uint16(i*7)
	}
	f16 := FromBF16("c", []int{9, 1000}, half)
	f16.DType = F16
	path := filepath.Join(t.TempDir(), SingleName)
	if err := Write(path, []Tensor{FromFloat32s("a", []int{9000}, x), FromBF16("b", []int{9, 1000}, half), f16, {Name: "d", DType: I32, Shape: []int{1}, Data: make([]byte, 4)}}, nil); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, name := range []string{"a", "b", "c"} {
		v, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := v.Float32s()
		if err != nil {
			t.Fatal(err)
		}
		for at, n := 0, 1; at < len(want); at, n = at+n, min(2*n, len(want)-at-n) {
			got := make([]float32, n)
			if err := v.Widen(got, at); err != nil {
				t.Fatal(err)
			}
			v.Forget(at, n)
			for i := range got {
				if math.Float32bits(got[i]) != math.Float32bits(want[at+i]) {
					t.Fatalf("%s: number %d is %g, want %g", name, at+i, got[i], want[at+i])
				}
			}
			patterns := make([]uint16, n)
			if err := v.Patterns(patterns, at); (err != nil) != (name == "a") {
				t.Fatalf("%s: patterns: %v", name, err)
			} else if err == nil && !slices.Equal(patterns, half[at:at+n]) {
				t.Fatalf("%s: other patterns from number %d on", name, at)
			}
		}
		v.Forget(0, 0)
		v.Forget(0, len(want))
		if again, err := v.Float32s(); err != nil || len(again) != len(want) || math.Float32bits(again[77]) != math.Float32bits(want[77]) {
			t.Errorf("%s: forgotten numbers can't be read again: %v", name, err)
		}
	}
	v, err := f.Tensor("d")
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Widen(make([]float32, 1), 0); !errors.Is(err, ErrDType) {
		t.Errorf("whole numbers as float32: %v", err)
	}
	memory := FromFloat32s("m", []int{2}, []float32{1, 2})
	memory.Forget(0, 2) // not a mapping: must stay
	if got, err := memory.Float32s(); err != nil || got[1] != 2 {
		t.Errorf("numbers in memory were forgotten: %v %v", got, err)
	}
}
