package metadata_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/bittensor/scale"
)

// layout writes small blobs with everything that each version has, and lets one thing be wrong.
type layout struct {
	version   uint8
	modifier  uint8
	kind      uint8 // of the storage item: 0 plain, 1 map
	hashers   []byte
	note      uint8 // kind of deprecation
	sets      map[uint8][]uint64
	twice     bool // the pallet is there twice
	namesTwo  string
	indexTwo  uint8
	keyOfItem uint64
}

func newLayout(version uint8) layout {
	return layout{version: version, kind: 1, hashers: []byte{0, 1, 2, 3, 4, 5, 6}, keyOfItem: 3, note: 2, sets: map[uint8][]uint64{0: {1, 0}, 7: {0}}}
}

func docLines(w *scale.Writer, lines ...string) {
	w.Compact(uint64(len(lines)))
	for _, l := range lines {
		w.Text(l)
	}
}

func (l layout) deprecation(w *scale.Writer) {
	if l.version < 16 {
		return
	}
	w.U8(l.note)
	if l.note == 2 {
		w.Text("use another")
		w.Option(true)
		w.Text("2.0")
	}
}

func (l layout) bytes() []byte {
	w := scale.Writer("meta")
	w.U8(l.version)
	types := newBlob()
	types.prim(metadata.U8)                                   // 0
	types.prim(metadata.U16)                                  // 1
	types.enum("Call", nil, []uint64{1})                      // 2
	types.tuple(0, 1, 0, 1, 0, 1, 1)                          // 3
	types.array(64, 0)                                        // 4
	types.array(32, 0)                                        // 5
	types.tuple()                                             // 6
	types.types = append(types.types, func(w *scale.Writer) { // 7: the extrinsic of version 14
		w.Compact(7)
		w.Compact(0)
		w.Compact(3)
		w.Text("Address")
		w.Option(true)
		w.Compact(5)
		w.Text("Extra")
		w.Option(false)
		w.Text("Signature")
		w.Option(true)
		w.Compact(4)
		w.U8(uint8(metadata.Tuple))
		w.Compact(0)
		docLines(w)
	})
	w.Compact(uint64(len(types.types)))
	for _, t := range types.types {
		t(&w)
	}
	n := 1
	if l.twice {
		n = 2
	}
	w.Compact(uint64(n))
	for i := range n {
		name, index := "P", uint8(9)
		if i == 1 {
			name, index = l.namesTwo, l.indexTwo
		}
		l.pallet(&w, name, index)
	}
	extensions := func() {
		w.Compact(2)
		for _, name := range []string{"First", "Second"} {
			w.Text(name)
			w.Compact(6)
			w.Compact(6)
		}
	}
	switch l.version {
	case 14:
		w.Compact(7)
		w.U8(4)
		extensions()
		w.Compact(6)
		return w
	case 15:
		w.U8(4)
		w.Compact(5)
		w.Compact(2)
		w.Compact(4)
		w.Compact(6)
		extensions()
		w.Compact(6)
	default:
		w.Bytes([]byte{4, 5})
		w.Compact(5)
		w.Compact(2)
		w.Compact(4)
		w.Compact(uint64(len(l.sets)))
		for set, ids := range l.sets {
			w.U8(set)
			w.Compact(uint64(len(ids)))
			for _, id := range ids {
				w.Compact(id)
			}
		}
		extensions()
	}
	w.Compact(1) // APIs
	w.Text("Api")
	w.Compact(1)
	w.Text("ask")
	w.Compact(1)
	w.Text("what")
	w.Compact(1)
	w.Compact(0)
	docLines(&w, " Asks.")
	l.deprecation(&w)
	docLines(&w, " To be", " asked.")
	if l.version >= 16 {
		w.Compact(3)
		l.deprecation(&w)
	}
	w.Compact(2)
	w.Compact(2)
	w.Compact(2)
	w.Compact(1) // custom values
	w.Text("custom")
	w.Compact(0)
	w.Bytes([]byte{1})
	return w
}

func (l layout) pallet(w *scale.Writer, name string, index uint8) {
	w.Text(name)
	w.Option(true)
	w.Text("Prefix")
	w.Compact(1)
	w.Text("Item")
	w.U8(l.modifier)
	w.U8(l.kind)
	if l.kind == 1 {
		w.Bytes(l.hashers)
		w.Compact(l.keyOfItem)
	}
	w.Compact(1)
	w.Bytes([]byte{5, 0})
	docLines(w, " An item.", "", " Of two lines. ")
	l.deprecation(w)
	for range 2 { // calls, events
		w.Option(true)
		w.Compact(2)
		if l.version >= 16 {
			w.Compact(2)
			w.Raw(0, 1)
			w.Raw(1, l.note)
			if l.note == 2 {
				w.Text("use another")
				w.Option(false)
			}
		}
	}
	w.Compact(1)
	w.Text("Constant")
	w.Compact(1)
	w.Bytes([]byte{7, 0})
	docLines(w, " Fixed.")
	l.deprecation(w)
	w.Option(false)
	if l.version >= 16 {
		w.Compact(1)
		w.Text("Associated")
		w.Compact(1)
		docLines(w)
		w.Compact(1)
		w.Raw(make([]byte, 32)...)
		w.Text("view")
		w.Compact(0)
		w.Compact(1)
		docLines(w, "Looks.")
		l.deprecation(w)
	}
	w.U8(index)
	if l.version >= 15 {
		docLines(w, "A pallet.")
		l.deprecation(w)
	}
}

// TestLayouts reads all that each version has.
func TestLayouts(t *testing.T) {
	for _, version := range []uint8{14, 15, 16} {
		l := newLayout(version)
		l.modifier = 1
		rt, err := metadata.Parse(l.bytes())
		if err != nil {
			t.Fatalf("version %d: %v", version, err)
		}
		s, err := rt.Item("P", "Item")
		if err != nil || s.Docs() != "An item.\n\nOf two lines." || len(s.Keys) != 7 || s.Modifier != metadata.Default {
			t.Errorf("version %d: %+v (%v)", version, s, err)
		}
		if v, err := rt.DecodeStorage("P", "Item", nil); err != nil || v != uint64(5) {
			t.Errorf("version %d: the default is %v (%v)", version, v, err)
		}
		if v, err := rt.Constant("P", "Constant"); err != nil || v != uint64(7) || rt.Pallets[0].Constants[0].Docs() != "Fixed." {
			t.Errorf("version %d: the constant is %v (%v)", version, v, err)
		}
		var names []string
		for _, x := range rt.Extrinsic.Extensions {
			names = append(names, x.Name)
		}
		want := "First Second"
		if version == 16 {
			want = "Second First" // the order of set 0
		}
		if strings.Join(names, " ") != want {
			t.Errorf("version %d: extensions %v, want %s", version, names, want)
		}
		// Address and signature are bare bytes here: nothing stands before them.
		raw, err := rt.Assemble(metadata.Transaction{Call: []byte{9, 0}}, [32]byte{1}, [64]byte{2})
		if err != nil || len(raw) != 2+1+32+64+2 {
			t.Fatalf("version %d: %x (%v)", version, raw, err)
		}
		if x, err := rt.DecodeExtrinsic(raw); err != nil || x.Signer != [32]byte{1} || x.Signature != [64]byte{2} || x.Call.Name != "V0" {
			t.Errorf("version %d: %+v (%v)", version, x, err)
		}
		if call, err := rt.Call("P", "V1", 3); err != nil || !bytes.Equal(call, []byte{9, 1, 3, 0}) {
			t.Errorf("version %d: call %x (%v)", version, call, err)
		}
		if version == 14 {
			continue
		}
		m, err := rt.Method("Api", "ask")
		if err != nil || m.Docs() != "Asks." || rt.APIs[0].Docs() != "To be\nasked." {
			t.Errorf("version %d: %+v (%v)", version, m, err)
		}
		if function, args, err := rt.APICall("Api", "ask", 2); err != nil || function != "Api_ask" || !bytes.Equal(args, []byte{2, 0}) {
			t.Errorf("version %d: %s %x (%v)", version, function, args, err)
		}
		if version == 16 {
			if v := rt.Pallets[0].ViewFunctions; len(v) != 1 || v[0].Name != "view" || v[0].Docs() != "Looks." {
				t.Errorf("view functions %+v", v)
			}
		}
	}
}

// TestBrokenLayouts: one thing is wrong in an otherwise good blob, and every cut of a good one fails.
func TestBrokenLayouts(t *testing.T) {
	for name, change := range map[string]func(l *layout){
		"modifier":                func(l *layout) { l.modifier = 2 },
		"kind of item":            func(l *layout) { l.kind = 2 },
		"hasher":                  func(l *layout) { l.hashers = []byte{0, 1, 2, 3, 4, 5, 7} },
		"too few hashers":         func(l *layout) { l.hashers = []byte{0, 1} },
		"no hashers":              func(l *layout) { l.hashers = nil },
		"hashers without a tuple": func(l *layout) { l.keyOfItem = 1 },
		"deprecation":             func(l *layout) { l.note = 3 },
		"set beyond the list":     func(l *layout) { l.sets = map[uint8][]uint64{0: {2}} },
		"name twice":              func(l *layout) { l.twice, l.namesTwo, l.indexTwo = true, "P", 10 },
		"index twice":             func(l *layout) { l.twice, l.namesTwo, l.indexTwo = true, "Q", 9 },
	} {
		l := newLayout(16)
		change(&l)
		if _, err := metadata.Parse(l.bytes()); !errors.Is(err, metadata.ErrMetadata) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(l *layout){
		"no sets at all":            func(l *layout) { l.sets = nil },
		"plain item":                func(l *layout) { l.kind = 0 },
		"two pallets":               func(l *layout) { l.twice, l.namesTwo, l.indexTwo = true, "Q", 10 },
		"no notes":                  func(l *layout) { l.note = 0 },
		"one key, which is a tuple": func(l *layout) { l.hashers = []byte{6} },
	} {
		l := newLayout(16)
		change(&l)
		if _, err := metadata.Parse(l.bytes()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A runtime whose format 4 is gone can still be read, but nothing is signed for it.
	l := newLayout(16)
	l.sets = map[uint8][]uint64{3: {0}}
	rt, err := metadata.Parse(l.bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := rt.CanSign(); !errors.Is(err, metadata.ErrUnknownExtension) {
		t.Errorf("without set 0: %v", err)
	}
	signed := append(append([]byte{0x8d, 1, 0x84}, make([]byte, 96)...), 9, 0)
	if _, err := rt.DecodeExtrinsic(signed); !errors.Is(err, metadata.ErrUnknown) {
		t.Errorf("without set 0, decoded: %v", err)
	}
	for _, version := range []uint8{14, 15, 16} {
		raw := newLayout(version).bytes()
		for i := range raw {
			if _, err := metadata.Parse(raw[:i]); err == nil {
				t.Errorf("version %d: the first %d bytes of %d parse", version, i, len(raw))
			}
			for _, x := range []byte{1, 0x40, 0xff} { // whatever comes of it, no panic
				broken := bytes.Clone(raw)
				broken[i] ^= x
				if rt, err := metadata.Parse(broken); err == nil {
					_ = rt.CanSign()
					_, _ = rt.StorageKey("P", "Item", 1, 2, 3, 4, 5, 6, 7)
					_, _ = rt.DecodeStorage("P", "Item", nil)
				}
			}
		}
	}
}

// TestOpaqueKeys: hashers that keep nothing of a key.
func TestOpaqueKeys(t *testing.T) {
	rt, err := metadata.Parse(newLayout(15).bytes())
	if err != nil {
		t.Fatal(err)
	}
	key, err := rt.StorageKey("P", "Item", 1, 2, 3, 4, 5, 6, 7)
	if err != nil || len(key) != 32+16+32+16+1+16+32+8+2+2 {
		t.Fatalf("key of %d bytes: %v", len(key), err)
	}
	keys, err := rt.DecodeStorageKey("P", "Item", key)
	if err != nil || len(keys) != 7 {
		t.Fatalf("%v: %v", keys, err)
	}
	for i, want := range []any{nil, nil, uint64(3), nil, nil, uint64(6), uint64(7)} {
		if keys[i] != want {
			t.Errorf("key %d is %v, want %v", i, keys[i], want)
		}
	}
	var last uint16
	if err := rt.UnmarshalStorageKey("P", "Item", key, nil, nil, nil, nil, nil, nil, &last); err != nil || last != 7 {
		t.Errorf("the last key is %d: %v", last, err)
	}
	if err := rt.UnmarshalStorageKey("P", "Item", key, &last, nil, nil, nil, nil, nil, nil); !errors.Is(err, metadata.ErrType) {
		t.Errorf("a key that isn't kept: %v", err)
	}
	if err := rt.UnmarshalStorageKey("P", "Nothing", key); !errors.Is(err, metadata.ErrUnknown) {
		t.Error(err)
	}
	if _, err := rt.DecodeStorageKey("P", "Nothing", key); !errors.Is(err, metadata.ErrUnknown) {
		t.Error(err)
	}
}
