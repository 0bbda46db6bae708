package scale_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/bittensor/scale"
	"github.com/nanteos/nanteos/internal/vectortest"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCompactVectors(t *testing.T) {
	const file = "chain/scale.json"
	var set struct {
		Source  string `json:"source"`
		Compact []struct {
			Value string `json:"value"`
			Hex   string `json:"hex"`
		} `json:"compact"`
		Typed []struct { // see package metadata, which knows types by name
			Type  string          `json:"type"`
			Value json.RawMessage `json:"value"`
			Hex   string          `json:"hex"`
		} `json:"typed"`
	}
	vectortest.Decode(t, file, &set)
	for _, c := range set.Compact {
		want, raw := new(big.Int), unhex(t, c.Hex)
		if _, ok := want.SetString(c.Value, 10); !ok {
			t.Fatalf("no number: %s", c.Value)
		}
		r := scale.NewReader(raw)
		r.Canonical = true
		if got := r.CompactBig(); got.Cmp(want) != 0 || r.End() != nil {
			t.Errorf("%s read as %s: %v", c.Hex, got, r.End())
		}
		var w scale.Writer
		if err := w.CompactBig(want); err != nil || !bytes.Equal(w, raw) {
			t.Errorf("%s written as %x (%v), want %s", c.Value, []byte(w), err, c.Hex)
		}
		r = scale.NewReader(raw)
		switch got := r.Compact(); {
		case want.IsUint64() && (got != want.Uint64() || r.End() != nil):
			t.Errorf("%s read as %d: %v", c.Hex, got, r.End())
		case want.IsUint64():
			if b := scale.AppendCompact(nil, got); !bytes.Equal(b, raw) || scale.CompactSize(got) != len(raw) {
				t.Errorf("%d written as %x of %d bytes, want %s", got, b, scale.CompactSize(got), c.Hex)
			}
		case !errors.Is(r.Err(), scale.ErrRange):
			t.Errorf("%s doesn't fit 64 bits: %v", c.Hex, r.Err())
		}
	}
	vectortest.Count(t, file, len(set.Compact))
}

// TestCompactEdges writes and reads the numbers at which the form changes, and in longer forms than they need.
func TestCompactEdges(t *testing.T) {
	for shift := range 64 {
		for _, v := range []uint64{1<<shift - 1, 1 << shift, 1<<shift + 1} {
			b := scale.AppendCompact(nil, v)
			if len(b) != scale.CompactSize(v) {
				t.Errorf("%d: %d bytes, foretold %d", v, len(b), scale.CompactSize(v))
			}
			for _, canonical := range []bool{false, true} {
				r := scale.NewReader(b)
				r.Canonical = canonical
				if got := r.Compact(); got != v || r.End() != nil {
					t.Errorf("%d read as %d: %v", v, got, r.End())
				}
				r = scale.NewReader(b)
				r.Canonical = canonical
				if got := r.CompactBig(); got.Uint64() != v || r.End() != nil {
					t.Errorf("%d read as %s: %v", v, got, r.End())
				}
			}
		}
	}
	for _, c := range []struct {
		raw   string
		value uint64
	}{
		{"0100", 0}, {"fd00", 63}, {"02000000", 0}, {"feff0000", 16383}, {"0300000000", 0}, {"03ffffff3f", 1<<30 - 1},
		{"07ffffffff00", 1<<32 - 1}, {"0b000000400000", 1 << 30}, {"13ffffffffffffff00", 1<<56 - 1}, {"17ffffffffffffffff00", 1<<64 - 1},
		{"ff" + "01" + strings.Repeat("00", 66), 1},
	} {
		for name, read := range map[string]func(r *scale.Reader) uint64{
			"Compact": (*scale.Reader).Compact, "CompactBig": func(r *scale.Reader) uint64 { return r.CompactBig().Uint64() },
		} {
			r := scale.NewReader(unhex(t, c.raw))
			if got := read(r); got != c.value || r.End() != nil {
				t.Errorf("%s %s: %d (%v), want %d", name, c.raw, got, r.End(), c.value)
			}
			r = scale.NewReader(unhex(t, c.raw))
			r.Canonical = true
			if read(r); !errors.Is(r.Err(), scale.ErrCanonical) {
				t.Errorf("%s %s is taken as canonical: %v", name, c.raw, r.Err())
			}
		}
	}
	r := scale.NewReader(unhex(t, "33"+strings.Repeat("ff", 16)))
	if r.Compact(); !errors.Is(r.Err(), scale.ErrRange) {
		t.Errorf("128 bits: %v", r.Err())
	}
	r = scale.NewReader([]byte{0xfd, 0xff})
	if r.CompactMax(16382); !errors.Is(r.Err(), scale.ErrRange) {
		t.Errorf("beyond a limit: %v", r.Err())
	}
}

// TestRoundTrip writes one of everything and reads it back.
func TestRoundTrip(t *testing.T) {
	huge, _ := new(big.Int).SetString("340282366920938463463374607431768211455", 10)
	var w scale.Writer
	w.U8(1)
	w.U16(2)
	w.U32(3)
	w.U64(4)
	w.Bool(true)
	w.Bool(false)
	w.Option(true)
	w.Compact(1 << 40)
	w.Raw(9, 8)
	w.Bytes([]byte("bytes"))
	w.Text("τ alpha")
	w.U16s([]uint16{1, 65535})
	for _, err := range []error{w.Int(huge, 16, false), w.Int(big.NewInt(-1), 16, true), w.Int(big.NewInt(-7), 32, true), w.CompactBig(huge)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	w.Raw(0xff, 0xfe, 0xff, 0xfd, 0xff, 0xff, 0xff)
	w.Raw(bytes.Repeat([]byte{0xfc}, 8)...)
	w.Raw(bytes.Repeat([]byte{7}, 32)...)
	w.Compact(1)
	w.Raw(bytes.Repeat([]byte{6}, 32)...)
	w.Raw(0xaa)

	r := scale.NewReader(w)
	check := func(what string, ok bool) {
		t.Helper()
		if !ok || r.Err() != nil {
			t.Fatalf("%s at byte %d: %v", what, r.Offset(), r.Err())
		}
	}
	check("u8", r.U8() == 1)
	check("u16", r.U16() == 2)
	check("u32", r.U32() == 3)
	check("u64", r.U64() == 4)
	check("bools", r.Bool() && !r.Bool())
	check("option", r.Option())
	check("compact", r.Compact() == 1<<40)
	check("raw", bytes.Equal(r.Take(2), []byte{9, 8}))
	check("bytes", string(r.Bytes()) == "bytes")
	check("text", r.Text() == "τ alpha")
	check("u16s", slices.Equal(r.U16s(), []uint16{1, 65535}))
	check("u128", r.U128().Cmp(huge) == 0)
	check("i128", r.Int(16).Int64() == -1)
	check("i256", r.Int(32).Int64() == -7)
	check("compact u128", r.CompactBig().Cmp(huge) == 0)
	check("i8", r.I8() == -1)
	check("i16", r.I16() == -2)
	check("i32", r.I32() == -3)
	check("i64", r.I64() == -0x303030303030304)
	check("hash", r.Hash() == [32]byte(bytes.Repeat([]byte{7}, 32)))
	check("hashes", slices.Equal(r.Hashes(), [][32]byte{[32]byte(bytes.Repeat([]byte{6}, 32))}))
	if err := r.End(); !errors.Is(err, scale.ErrTrailing) {
		t.Errorf("a byte remains: %v", err)
	}
	check("rest", len(r.Rest()) == 1 && r.Len() == 0)
	if err := r.End(); err != nil {
		t.Error(err)
	}
}

// TestErrors reads what isn't there.
func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		raw  []byte
		read func(r *scale.Reader)
		want error
	}{
		"u8":              {nil, func(r *scale.Reader) { r.U8() }, scale.ErrShort},
		"u16":             {[]byte{1}, func(r *scale.Reader) { r.U16() }, scale.ErrShort},
		"u32":             {[]byte{1, 2, 3}, func(r *scale.Reader) { r.U32() }, scale.ErrShort},
		"u64":             {make([]byte, 7), func(r *scale.Reader) { r.U64() }, scale.ErrShort},
		"u128":            {make([]byte, 15), func(r *scale.Reader) { r.U128() }, scale.ErrShort},
		"i256":            {make([]byte, 31), func(r *scale.Reader) { r.Int(32) }, scale.ErrShort},
		"u512":            {make([]byte, 64), func(r *scale.Reader) { r.Uint(64) }, scale.ErrRange},
		"negative take":   {make([]byte, 64), func(r *scale.Reader) { r.Take(-1) }, scale.ErrShort},
		"bool":            {[]byte{2}, func(r *scale.Reader) { r.Bool() }, scale.ErrInvalid},
		"no bool":         {nil, func(r *scale.Reader) { r.Bool() }, scale.ErrShort},
		"option":          {[]byte{2}, func(r *scale.Reader) { r.Option() }, scale.ErrInvalid},
		"no option":       {nil, func(r *scale.Reader) { r.Option() }, scale.ErrShort},
		"compact":         {nil, func(r *scale.Reader) { r.Compact() }, scale.ErrShort},
		"compact of 2":    {[]byte{1}, func(r *scale.Reader) { r.Compact() }, scale.ErrShort},
		"compact of 4":    {[]byte{2, 0, 0}, func(r *scale.Reader) { r.Compact() }, scale.ErrShort},
		"compact of many": {[]byte{0xff, 0, 0}, func(r *scale.Reader) { r.Compact() }, scale.ErrShort},
		"big compact":     {[]byte{0xff, 0, 0}, func(r *scale.Reader) { r.CompactBig() }, scale.ErrShort},
		"no big compact":  {nil, func(r *scale.Reader) { r.CompactBig() }, scale.ErrShort},
		"bytes":           {[]byte{8, 1}, func(r *scale.Reader) { r.Bytes() }, scale.ErrShort},
		"text":            {[]byte{8, 0xc3, 0x28}, func(r *scale.Reader) { _ = r.Text() }, scale.ErrInvalid},
		"hash":            {make([]byte, 31), func(r *scale.Reader) { r.Hash() }, scale.ErrShort},
		"u16s":            {[]byte{8, 1, 0, 2}, func(r *scale.Reader) { r.U16s() }, scale.ErrShort},
		"u16s, huge":      {scale.AppendCompact(nil, 1<<32-1), func(r *scale.Reader) { r.U16s() }, scale.ErrShort},
		"hashes, huge":    {scale.AppendCompact(nil, 1<<32-1), func(r *scale.Reader) { r.Hashes() }, scale.ErrShort},
		"count, huge":     {scale.AppendCompact(nil, 1<<63), func(r *scale.Reader) { r.Count(0) }, scale.ErrRange},
		"count overflows": {scale.AppendCompact(nil, 1<<32-1), func(r *scale.Reader) { r.Count(1 << 62) }, scale.ErrShort},
	} {
		r := scale.NewReader(c.raw)
		c.read(r)
		if !errors.Is(r.Err(), c.want) || !errors.Is(r.End(), c.want) {
			t.Errorf("%s: %v, want %v", name, r.Err(), c.want)
		}
		// The first error sticks, and everything after it is zero.
		if r.Len() != 0 || r.U8() != 0 || r.U16() != 0 || r.U32() != 0 || r.U64() != 0 || r.Compact() != 0 || r.Bool() || r.Option() ||
			r.U128().Sign() != 0 || r.CompactBig().Sign() != 0 || r.Take(0) != nil || r.Count(0) != 0 || r.Text() != "" || r.U16s() != nil ||
			r.Hashes() != nil || r.Hash() != [32]byte{} {
			t.Errorf("%s: something was read after the error", name)
		}
		r.Fail(errors.New("later"))
		if !errors.Is(r.Err(), c.want) {
			t.Errorf("%s: the first error is gone: %v", name, r.Err())
		}
	}
	mine := errors.New("mine")
	r := scale.NewReader([]byte{1})
	r.Fail(mine)
	if !errors.Is(r.End(), mine) {
		t.Error(r.End())
	}
	var w scale.Writer
	for what, err := range map[string]error{
		"256 in u8":    w.Int(big.NewInt(256), 1, false),
		"-1 in u8":     w.Int(big.NewInt(-1), 1, false),
		"128 in i8":    w.Int(big.NewInt(128), 1, true),
		"-129 in i8":   w.Int(big.NewInt(-129), 1, true),
		"u512":         w.Int(big.NewInt(1), 64, false),
		"-1 compact":   w.CompactBig(big.NewInt(-1)),
		"huge compact": w.CompactBig(new(big.Int).Lsh(big.NewInt(1), 8*67)),
	} {
		if !errors.Is(err, scale.ErrRange) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(w) != 0 {
		t.Errorf("%x written by failures", []byte(w))
	}
}

// TestAliases: what Take and Bytes give is part of the input, and can't grow into it.
func TestAliases(t *testing.T) {
	raw := []byte{8, 1, 2, 3}
	b := scale.NewReader(raw).Bytes()
	if _ = append(b, 9); raw[3] != 3 {
		t.Error("appending to what was read changes the input")
	}
}

// FuzzReader reads foreign bytes in an order that they choose themselves: no panic, no allocation beyond the input, and compact numbers come back
// the same.
func FuzzReader(f *testing.F) {
	f.Add([]byte{0, 1, 2}, []byte{0xfc, 1, 1, 0xff})
	f.Add([]byte{9, 10, 11, 12, 13}, bytes.Repeat([]byte{0xff}, 80))
	f.Fuzz(func(t *testing.T, ops, raw []byte) {
		r := scale.NewReader(raw)
		for _, op := range ops {
			before, canonical := r.Offset(), op&0x80 != 0
			r.Canonical = canonical
			switch op & 0x7f % 14 {
			case 0:
				r.U8()
			case 1:
				r.U16()
			case 2:
				r.U32()
			case 3:
				r.U64()
			case 4:
				r.U128()
			case 5:
				r.Int(32)
			case 6:
				r.Bool()
			case 7:
				r.Option()
			case 8:
				v := r.Compact()
				if r.Err() == nil && canonical && !bytes.Equal(scale.AppendCompact(nil, v), raw[before:r.Offset()]) {
					t.Fatalf("%x read as canonical %d", raw[before:r.Offset()], v)
				}
			case 9:
				v := r.CompactBig()
				var w scale.Writer
				if err := w.CompactBig(v); err != nil {
					t.Fatal(err)
				}
				if r.Err() == nil && canonical && !bytes.Equal(w, raw[before:r.Offset()]) {
					t.Fatalf("%x read as canonical %s", raw[before:r.Offset()], v)
				}
			case 10:
				if n := r.Count(4); n*4 > r.Len() && r.Err() == nil {
					t.Fatalf("%d items in %d bytes", n, r.Len())
				}
			case 11:
				if len(r.Bytes()) > len(raw) || len(r.Text()) > len(raw) {
					t.Fatal("more than there is")
				}
			case 12:
				if 2*len(r.U16s()) > len(raw) {
					t.Fatal("more than there is")
				}
			case 13:
				if 32*len(r.Hashes()) > len(raw) {
					t.Fatal("more than there is")
				}
			}
			if r.Offset() < before || r.Offset() > len(raw) {
				t.Fatalf("from byte %d to %d of %d", before, r.Offset(), len(raw))
			}
		}
	})
}
