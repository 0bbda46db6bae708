package metadata_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/bittensor/scale"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// typed parses a runtime with one API per type notation, and returns the type that the notation stands for.
func typed(t testing.TB, notation string) (*metadata.Runtime, metadata.TypeID) {
	t.Helper()
	rt, err := metadata.Parse(blobOf(func(b *blob) { b.prim(metadata.U8) }))
	if err != nil {
		t.Fatal(err)
	}
	if err := rt.DescribeAPI("A", "m", "() -> "+notation); err != nil {
		t.Fatal(err)
	}
	m, err := rt.Method("A", "m")
	if err != nil {
		t.Fatal(err)
	}
	return rt, m.Output
}

// TestTypedVectors holds values of named types against @polkadot/types.
func TestTypedVectors(t *testing.T) {
	const file = "chain/scale.json"
	var set struct {
		Source  string          `json:"source"`
		Compact json.RawMessage `json:"compact"` // see package scale
		Typed   []struct {
			Type  string `json:"type"`
			Value any    `json:"value"`
			Hex   string `json:"hex"`
		} `json:"typed"`
	}
	decodeJSON(t, file, &set)
	notation := strings.NewReplacer("AccountId", "[u8; 32]", "H256", "[u8; 32]", "Bytes", "Vec<u8>", "Text", "str")
	for _, c := range set.Typed {
		rt, id := typed(t, notation.Replace(c.Type))
		raw := unhex(t, c.Hex)
		value := c.Value
		if c.Type != "Text" {
			value = jsonValue(t, c.Value)
		}
		if got, err := rt.Encode(id, value); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%s %v: %x (%v), want %s", c.Type, c.Value, got, err, c.Hex)
		}
		v, err := rt.Decode(id, raw)
		if err != nil {
			t.Errorf("%s %s: %v", c.Type, c.Hex, err)
			continue
		}
		if again, err := rt.Encode(id, v); err != nil || !bytes.Equal(again, raw) {
			t.Errorf("%s %s: decoded as %v, which is %x (%v)", c.Type, c.Hex, v, again, err)
		}
	}
	vectortest.Count(t, file, len(set.Typed))
}

// jsonValue makes Go values of JSON ones without knowing the type.
func jsonValue(t testing.TB, v any) any {
	t.Helper()
	switch x := v.(type) {
	case json.Number:
		return number(t, string(x))
	case string:
		if !strings.HasPrefix(x, "0x") {
			return number(t, x)
		}
		return unhex(t, x)
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = jsonValue(t, x[i])
		}
		return out
	}
	return v
}

// TestForms decodes each kind of type to the form that the package comment promises, and encodes that.
func TestForms(t *testing.T) {
	account := [32]byte(bytes.Repeat([]byte{5}, 32))
	for _, c := range []struct {
		notation, raw string
		want          any
	}{
		{"bool", "01", true},
		{"char", "c4030000", 'τ'},
		{"str", "08cf84", "τ"},
		{"u8", "ff", uint64(255)},
		{"u64", "ffffffffffffffff", uint64(1<<64 - 1)},
		{"i8", "ff", int64(-1)},
		{"i64", "feffffffffffffff", int64(-2)},
		{"u128", "01000000000000000000000000000000", big.NewInt(1)},
		{"i128", "ffffffffffffffffffffffffffffffff", big.NewInt(-1)},
		{"u256", "02" + strings.Repeat("00", 31), big.NewInt(2)},
		{"Compact<u32>", "04", uint64(1)},
		{"Compact<u128>", "04", big.NewInt(1)},
		{"Compact<()>", "", nil},
		{"Vec<u8>", "080102", []byte{1, 2}},
		{"[u8; 2]", "0102", []byte{1, 2}},
		{"[u8; 32]", strings.Repeat("05", 32), account},
		{"Vec<u16>", "0401", nil}, // too short: see below
		{"Vec<u16>", "040100", []any{uint64(1)}},
		{"[u16; 2]", "01000200", []any{uint64(1), uint64(2)}},
		{"(u8, bool)", "0701", []any{uint64(7), true}},
		{"()", "", nil},
		{"(u8)", "07", uint64(7)},
		{"{a: u8, b: bool}", "0701", metadata.Struct{{Name: "a", Value: uint64(7)}, {Name: "b", Value: true}}},
		{"Option<u8>", "00", nil},
		{"Option<u8>", "0107", uint64(7)},
		{"Option<Option<u8>>", "00", nil},
		{"Option<Option<u8>>", "0100", metadata.Some{}},
		{"Option<Option<u8>>", "010107", metadata.Some{Value: uint64(7)}},
		{"Option<()>", "01", metadata.Some{}},
		{"enum{No, Yes = 7(u8), Both{a: u8, b: u8}}", "00", metadata.Variant{Name: "No"}},
		{"enum{No, Yes = 7(u8), Both{a: u8, b: u8}}", "0709", metadata.Variant{Name: "Yes", Index: 7, Fields: metadata.Struct{{Value: uint64(9)}}}},
		{"enum{No, Yes = 7(u8), Both{a: u8, b: u8}}", "080102", metadata.Variant{Name: "Both", Index: 8,
			Fields: metadata.Struct{{Name: "a", Value: uint64(1)}, {Name: "b", Value: uint64(2)}}}},
		{"BitVec<u8>", "0c05", metadata.Bits{Len: 3, Data: []byte{5}}},
	} {
		rt, id := typed(t, c.notation)
		raw := unhex(t, c.raw)
		v, err := rt.Decode(id, raw)
		if c.notation == "Vec<u16>" && len(raw) == 2 {
			if !errors.Is(err, scale.ErrShort) {
				t.Errorf("%s %s: %v", c.notation, c.raw, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(v, c.want) {
			t.Errorf("%s %s: %#v (%v), want %#v", c.notation, c.raw, v, err, c.want)
		}
		if got, err := rt.Encode(id, c.want); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%s %v: %x (%v), want %s", c.notation, c.want, got, err, c.raw)
		}
	}
	v := metadata.Variant{Name: "Both", Fields: metadata.Struct{{Name: "a", Value: 1}, {Value: 2}}}
	if v.String() != "Both(a: 1, 2)" || v.Get("a") != 1 || v.Value() != nil || (metadata.Variant{Name: "No"}).String() != "No" {
		t.Errorf("written as %s", v)
	}
}

// TestEncodeForms encodes the many Go values that one type takes.
func TestEncodeForms(t *testing.T) {
	type netuid uint16
	type pair struct {
		Kind  uint8
		Count *big.Int `scale:"amount"`
		inner int
	}
	one := uint8(1)
	for _, c := range []struct {
		notation string
		values   []any
		want     string
	}{
		{"u16", []any{1, int8(1), uint64(1), netuid(1), big.NewInt(1), *big.NewInt(1), &one}, "0100"},
		{"Compact<u16>", []any{1, netuid(1), big.NewInt(1)}, "04"},
		{"i16", []any{-1, int64(-1), big.NewInt(-1)}, "ffff"},
		{"u128", []any{uint8(3), big.NewInt(3)}, "03" + strings.Repeat("00", 15)},
		{"Vec<u8>", []any{[]byte{1, 2}, [2]byte{1, 2}, "\x01\x02", []any{1, 2}, []int{1, 2}}, "080102"},
		{"[u8; 2]", []any{[]byte{1, 2}, [2]byte{1, 2}, "\x01\x02", []uint16{1, 2}}, "0102"},
		{"Vec<u16>", []any{[]uint16{1}, []int{1}, []any{uint8(1)}, [1]uint64{1}}, "040100"},
		{"Vec<bool>", []any{[]bool{true, false}}, "080100"},
		{"Option<u8>", []any{1, &one, uint64(1), metadata.Some{Value: 1}}, "0101"},
		{"Option<u8>", []any{nil, (*uint8)(nil), any(nil)}, "00"},
		{"{kind: u8, amount: u16}", []any{
			pair{Kind: 1, Count: big.NewInt(2), inner: 3}, &pair{Kind: 1, Count: big.NewInt(2)}, map[string]any{"amount": 2, "kind": 1},
			map[string]int{"amount": 2, "kind": 1}, metadata.Struct{{Name: "amount", Value: 2}, {Name: "kind", Value: 1}},
		}, "010200"},
		{"(u8, u16)", []any{[]any{1, 2}, []int{1, 2}, [2]int{1, 2}, pair{Kind: 1, Count: big.NewInt(2)}, metadata.Struct{{Value: 1}, {Value: 2}}}, "010200"},
		{"()", []any{nil, struct{}{}, []any{}}, ""},
		{"enum{No, Yes}", []any{"Yes", metadata.Variant{Name: "Yes"}}, "01"},
		{"enum{A(u8, u8), B{x: u8, y: u8}}", []any{
			metadata.Variant{Name: "B", Fields: metadata.Struct{{Name: "y", Value: 2}, {Name: "x", Value: 1}}},
			metadata.Variant{Name: "B", Fields: metadata.Struct{{Value: 1}, {Value: 2}}}, metadata.Raw{1, 1, 2},
		}, "010102"},
		{"str", []any{"a"}, "0461"},
		{"char", []any{'a', 97}, "61000000"},
	} {
		rt, id := typed(t, c.notation)
		for _, v := range c.values {
			if got, err := rt.Encode(id, v); err != nil || !bytes.Equal(got, unhex(t, c.want)) {
				t.Errorf("%s of %T %v: %x (%v), want %s", c.notation, v, v, got, err, c.want)
			}
		}
	}
}

func TestEncodeErrors(t *testing.T) {
	for notation, values := range map[string][]any{
		"u8":                       {256, -1, nil, "1", 1.5, big.NewInt(256), []byte{1}, (*big.Int)(nil), true},
		"i8":                       {128, -129, uint64(1 << 63)},
		"u64":                      {-1, new(big.Int).Lsh(big.NewInt(1), 64)},
		"char":                     {0x110000, -1},
		"bool":                     {1, nil, "true"},
		"str":                      {1, []byte("a"), nil},
		"Compact<u8>":              {256, -1, nil, "1", big.NewInt(256), big.NewInt(-1)},
		"Vec<u8>":                  {1, nil, []int{256}, []string{"a"}},
		"Vec<u16>":                 {"text", []int{1 << 16}, map[string]int{}},
		"[u8; 2]":                  {[]byte{1}, [3]byte{}, "abc", nil},
		"{a: u8, b: u8}":           {nil, []any{1, 2}, map[string]any{"a": 1}, map[string]any{"a": 1, "c": 2}, struct{ A uint8 }{}, 7, metadata.Struct{}},
		"(u8, u8)":                 {nil, []any{1}, struct{ A uint8 }{}, 7, map[string]any{"a": 1, "b": 2}},
		"()":                       {1, []any{1}, struct{ A int }{}},
		"enum{No, Yes(u8)}":        {nil, 1, "Yes", metadata.Variant{Name: "No", Fields: metadata.Struct{{Value: 1}}}, metadata.Raw{2}, metadata.Raw{0, 0}},
		"Option<u8>":               {256, metadata.Some{Value: "x"}, []byte{}},
		"BitVec<u8>":               {nil, 1, metadata.Bits{Len: 9, Data: []byte{1}}, metadata.Bits{Len: -1}},
		"enum{A{x: u8, y: u8}}":    {metadata.Variant{Name: "A", Fields: metadata.Struct{{Name: "x", Value: 1}, {Name: "z", Value: 1}}}},
		"Vec<{a: u8, b: [u8; 1]}>": {[]any{map[string]any{"a": 1, "b": []byte{1, 2}}}},
	} {
		rt, id := typed(t, notation)
		for _, v := range values {
			if got, err := rt.Encode(id, v); !errors.Is(err, metadata.ErrType) {
				t.Errorf("%s of %T %v: %x (%v)", notation, v, v, got, err)
			}
		}
	}
	rt, id := typed(t, "enum{A}")
	if _, err := rt.Encode(id, "B"); !errors.Is(err, metadata.ErrUnknown) {
		t.Errorf("an unknown variant: %v", err)
	}
	if _, err := rt.Encode(1<<31, 1); !errors.Is(err, metadata.ErrUnknown) {
		t.Errorf("an unknown type: %v", err)
	}
	if _, err := rt.Decode(1<<31, nil); !errors.Is(err, metadata.ErrUnknown) {
		t.Errorf("an unknown type: %v", err)
	}
	var v any
	if err := rt.Unmarshal(1<<31, nil, &v); !errors.Is(err, metadata.ErrUnknown) {
		t.Errorf("an unknown type: %v", err)
	}
}

// TestUnmarshalForms decodes into the Go types that one type goes into.
func TestUnmarshalForms(t *testing.T) {
	type named uint16
	type color string
	type two struct{ A, B uint8 }
	type tagged struct {
		Kind    uint8    `scale:"type"`
		Ignored int      `scale:"-"`
		Later   *big.Int `scale:"later,optional"`
		hidden  int
	}
	seven := uint8(7)
	for _, c := range []struct {
		notation, raw string
		want          any // pointers to what comes out
	}{
		{"u16", "0700", new(uint16)}, {"u16", "0700", new(int)}, {"u16", "0700", new(uint8)}, {"u16", "0700", new(named)},
		{"Compact<u64>", "1c", new(uint64)}, {"i64", "0700000000000000", new(int8)}, {"u128", "07" + strings.Repeat("00", 15), new(uint64)},
		{"i128", "07" + strings.Repeat("00", 15), new(int64)}, {"char", "07000000", new(rune)},
		{"i16", "0700", new(int32)}, {"i32", "07000000", new(int32)}, {"u32", "07000000", new(uint32)}, {"Compact<u128>", "1c", new(uint32)},
	} {
		rt, id := typed(t, c.notation)
		if err := rt.Unmarshal(id, unhex(t, c.raw), c.want); err != nil {
			t.Errorf("%s into %T: %v", c.notation, c.want, err)
			continue
		}
		v := reflect.ValueOf(c.want).Elem()
		if v.CanInt() && v.Int() != 7 || v.CanUint() && v.Uint() != 7 {
			t.Errorf("%s into %T: %v", c.notation, c.want, v)
		}
	}
	for _, c := range []struct {
		notation, raw string
		want          any
	}{
		{"u128", "07" + strings.Repeat("00", 15), *big.NewInt(7)},
		{"u128", "07" + strings.Repeat("00", 15), big.NewInt(7)},
		{"u8", "07", big.NewInt(7)},
		{"i8", "f9", big.NewInt(-7)},
		{"Option<u128>", "00", (*big.Int)(nil)},
		{"Option<u8>", "0107", &seven},
		{"Option<u8>", "00", (*uint8)(nil)},
		{"Option<u8>", "0107", seven},
		{"Option<u8>", "00", uint8(0)},
		{"u8", "07", &seven},
		{"bool", "01", true},
		{"str", "0861 62", "ab"},
		{"Vec<u8>", "086162", "ab"},
		{"[u8; 2]", "6162", "ab"},
		{"Vec<Compact<u8>>", "08" + "8501" + "8901", "ab"},
		{"Vec<u8>", "086162", []byte("ab")},
		{"[u8; 2]", "6162", [2]byte{'a', 'b'}},
		{"[u16; 2]", "01000200", [2]uint16{1, 2}},
		{"[u16; 2]", "01000200", []uint16{1, 2}},
		{"Vec<u16>", "080100 0200", []named{1, 2}},
		{"Vec<u16>", "0801000200", []uint64{1, 2}},
		{"Vec<u32>", "0401000000", []uint32{1}},
		{"Vec<u64>", "040100000000000000", []uint64{1}},
		{"Vec<Compact<u16>>", "080408", []uint8{1, 2}},
		{"Vec<Compact<u16>>", "080408", []uint16{1, 2}},
		{"Vec<Compact<u16>>", "080408", []uint32{1, 2}},
		{"Vec<Compact<u128>>", "080408", []uint64{1, 2}},
		{"Vec<bool>", "080100", []bool{true, false}},
		{"Vec<[u8; 2]>", "0401 02", [][2]byte{{1, 2}}},
		{"Vec<(u8, u8)>", "0801020304", []two{{1, 2}, {3, 4}}},
		{"Vec<{b: u8, a: u8}>", "040102", []two{{2, 1}}},
		{"Vec<()>", "0c", make([]struct{}, 3)},
		{"{type: u8, more: Vec<(u8, str)>}", "0704050461", tagged{Kind: 7}},
		{"{type: u8, later: u16}", "070900", tagged{Kind: 7, Later: big.NewInt(9)}},
		{"{skipped: enum{A, B(Vec<u8>), C{x: Compact<u32>, y: Option<str>}}, a: u8, b: u8}", "0204010461" + "0102", two{1, 2}},
		{"{skipped: [Vec<u8>; 2], a: u8, b: u8}", "0400 0401" + "0102", two{1, 2}},
		{"{skipped: BitVec<u8>, a: u8, b: u8}", "0c05" + "0102", two{1, 2}},
		{"enum{Red, Green}", "01", color("Green")},
		{"enum{Red, Green}", "01", uint8(1)},
		{"enum{Red, Green(u8)}", "0107", metadata.Variant{Name: "Green", Index: 1, Fields: metadata.Struct{{Value: uint64(7)}}}},
		{"{a: u8, b: u8}", "0102", metadata.Struct{{Name: "a", Value: uint64(1)}, {Name: "b", Value: uint64(2)}}},
		{"Vec<Option<u8>>", "0c0001070108", []*uint8{nil, &seven, func() *uint8 { x := uint8(8); return &x }()}},
	} {
		rt, id := typed(t, c.notation)
		raw := unhex(t, strings.ReplaceAll(c.raw, " ", ""))
		out := reflect.New(reflect.TypeOf(c.want))
		if err := rt.Unmarshal(id, raw, out.Interface()); err != nil || !reflect.DeepEqual(out.Elem().Interface(), c.want) {
			t.Errorf("%s into %T: %v (%v), want %v", c.notation, c.want, out.Elem(), err, c.want)
		}
	}
	// A value used before is overwritten whole.
	rt, id := typed(t, "{type: u8}")
	old := tagged{Kind: 1, Later: big.NewInt(1), hidden: 2}
	if err := rt.Unmarshal(id, []byte{7}, &old); err != nil || old.Later != nil || old.Kind != 7 {
		t.Errorf("what was there before stays: %+v (%v)", old, err)
	}
}

// TestConcurrentUse: plans and signing are worked out by whoever comes first. Run with -race.
func TestConcurrentUse(t *testing.T) {
	rt := fresh(t, v15)
	_, _, raw := openMetagraph(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var m metagraph
			if err := rt.UnmarshalAPI("SubnetInfoRuntimeApi", "get_selective_mechagraph", raw, &m); err != nil || len(m.Hotkeys) != int(m.NumUids) {
				t.Errorf("%d hotkeys: %v", len(m.Hotkeys), err)
			}
			if err := rt.CanSign(); err != nil {
				t.Error(err)
			}
			if _, err := rt.StorageKey("SubtensorModule", "Uids", 1, [32]byte{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
