package metadata_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// FuzzParse parses blobs and uses what parses: nothing may panic, hang, or allocate beyond the bound.
func FuzzParse(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("meta\x0e\x00"))
	f.Add(blobOf(func(b *blob) {
		u8 := b.prim(metadata.U8)
		b.items = []uint64{b.vec(u8), b.option(u8), b.structure(true, u8, u8), b.compact(u8), b.array(32, u8)}
		b.extensions = []extension{{"CheckNonce", b.compact(u8), b.tuple()}}
	}))
	f.Add(blobOf(func(b *blob) { b.items = []uint64{b.vec(0)} }))
	f.Add(blobOf(func(b *blob) { b.items = []uint64{b.structure(false, 0)} }))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var rt *metadata.Runtime
		var err error
		if n := allocated(func() { rt, err = metadata.Parse(raw) }); n > bound(len(raw)) {
			t.Fatalf("%d bytes allocated for %d", n, len(raw))
		}
		if err != nil {
			return
		}
		_ = rt.CanSign()
		n := allocated(func() {
			for id := range min(rt.Types(), 20) {
				_ = rt.Describe(metadata.TypeID(id), 8)
				_, _ = rt.Fingerprint(metadata.TypeID(id))
				_, _ = rt.Decode(metadata.TypeID(id), raw[:min(len(raw), 100)])
				var v any
				_ = rt.Unmarshal(metadata.TypeID(id), raw[:min(len(raw), 100)], &v)
			}
		})
		if n > 256<<20 {
			t.Fatalf("%d bytes allocated to use the types", n)
		}
		for i := range rt.Pallets {
			for _, s := range rt.Pallets[i].Storage {
				_, _ = rt.DecodeStorage(rt.Pallets[i].Name, s.Name, nil)
				_ = s.Docs()
			}
		}
	})
}

// FuzzDecode decodes bytes as every type of a real runtime. What decodes must encode again, and decode to the same.
func FuzzDecode(f *testing.F) {
	rt := runtime(f, v16)
	f.Add(uint32(0), make([]byte, 32))
	f.Add(uint32(100), []byte{4, 1, 2, 3, 4, 5, 6, 7, 8})
	for i := range rt.Pallets {
		for _, s := range rt.Pallets[i].Storage {
			if len(s.Default) > 0 {
				f.Add(uint32(s.Value), s.Default)
			}
		}
	}
	f.Fuzz(func(t *testing.T, id uint32, raw []byte) {
		typ := metadata.TypeID(id % uint32(rt.Types()))
		var v any
		var err error
		if n := allocated(func() { v, err = rt.Decode(typ, raw) }); n > bound(len(raw)) {
			t.Fatalf("%s: %d bytes allocated for %d", rt.Describe(typ, 3), n, len(raw))
		}
		if err != nil {
			return
		}
		again, err := rt.Encode(typ, v)
		if err != nil || len(again) > len(raw) {
			t.Fatalf("%s: %v encodes to %x (%v), from %x", rt.Describe(typ, 3), v, again, err, raw)
		}
		if back, err := rt.Decode(typ, again); err != nil || !reflect.DeepEqual(back, v) {
			t.Fatalf("%s: %v and %v (%v) from %x", rt.Describe(typ, 3), v, back, err, raw)
		}
		if taken, err := rt.Encode(typ, metadata.Raw(raw)); err != nil || !bytes.Equal(taken, raw) {
			t.Fatalf("%s: taken as it is: %x (%v) from %x", rt.Describe(typ, 3), taken, err, raw)
		}
	})
}

// FuzzMetagraph decodes answers into a Go struct: where the dynamic form decodes, so does this, unless a number doesn't fit.
func FuzzMetagraph(f *testing.F) {
	rt := runtime(f, v15)
	const api, method = "SubnetInfoRuntimeApi", "get_selective_mechagraph"
	f.Add([]byte{0})
	f.Add(append([]byte{1, 4}, make([]byte, 73)...))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m metagraph
		var err error
		if n := allocated(func() { err = rt.UnmarshalAPI(api, method, raw, &m) }); n > bound(len(raw)) {
			t.Fatalf("%d bytes allocated for %d", n, len(raw))
		}
		if _, dynamic := rt.DecodeAPI(api, method, raw); (dynamic == nil) && err != nil {
			t.Fatalf("dynamic form decodes, struct: %v", err)
		}
	})
}

// FuzzStorageKey reads keys of maps back; what is read makes the same key again.
func FuzzStorageKey(f *testing.F) {
	rt := runtime(f, v16)
	type item struct{ pallet, name string }
	var items []item
	for i := range rt.Pallets {
		for _, s := range rt.Pallets[i].Storage {
			if len(s.Keys) > 0 {
				items = append(items, item{rt.Pallets[i].Name, s.Name})
			}
		}
	}
	for i := range 50 {
		f.Add(uint16(i), make([]byte, 48))
	}
	f.Fuzz(func(t *testing.T, which uint16, tail []byte) {
		it := items[int(which)%len(items)]
		prefix, err := rt.StorageKey(it.pallet, it.name)
		if err != nil {
			t.Fatal(err)
		}
		key := append(prefix, tail...)
		var keys []any
		if n := allocated(func() { keys, err = rt.DecodeStorageKey(it.pallet, it.name, key) }); n > bound(len(tail)) {
			t.Fatalf("%d bytes allocated for %d", n, len(tail))
		}
		if err != nil {
			return
		}
		for _, k := range keys {
			if k == nil {
				return
			}
		}
		if again, err := rt.StorageKey(it.pallet, it.name, keys...); err != nil || len(again) > len(key) {
			t.Fatalf("%v: key %x (%v), was %x", it, again, err, key)
		}
	})
}

// FuzzExtrinsic takes extrinsics apart.
func FuzzExtrinsic(f *testing.F) {
	rt := runtime(f, v16)
	var set struct {
		Source string       `json:"source"`
		Items  []signedCase `json:"items"`
	}
	vectortest.Decode(f, "chain/extrinsics.json", &set)
	for _, c := range set.Items {
		f.Add(unhex(f, c.Extrinsic))
	}
	f.Add([]byte{0x28, 5, 2, 0, 0x0b, 6, 0x9f, 0xf4, 0x8e, 0x9f, 1})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var x *metadata.DecodedExtrinsic
		var err error
		if n := allocated(func() { x, err = rt.DecodeExtrinsic(raw) }); n > bound(len(raw)) {
			t.Fatalf("%d bytes allocated for %d", n, len(raw))
		}
		if err != nil || !x.Signed || x.Scheme != "Sr25519" {
			return
		}
		if a, ok := x.Address.(metadata.Variant); !ok || a.Name != "Id" {
			return
		}
		mode, _ := x.Extra.Get("CheckMetadataHash").(metadata.Struct)
		tx := metadata.Transaction{Call: x.CallBytes, Era: x.Era, Nonce: x.Nonce, Tip: x.Tip}
		if v, ok := mode.Get("mode").(metadata.Variant); ok && v.Name == "Enabled" {
			tx.MetadataHash = new([32]byte)
		}
		again, err := rt.Assemble(tx, x.Signer, x.Signature)
		if err != nil || len(again) > len(raw) || len(again) == len(raw) && !bytes.Equal(again, raw) {
			t.Fatalf("assembled again %x (%v), was %x", again, err, raw)
		}
	})
}

// FuzzEvents decodes events.
func FuzzEvents(f *testing.F) {
	rt := runtime(f, v16)
	f.Add(unhex(f, localnet(f).Events.Raw))
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var events []metadata.Event
		if n := allocated(func() { events, _ = rt.DecodeEvents(raw) }); n > bound(len(raw)) {
			t.Fatalf("%d bytes allocated for %d", n, len(raw))
		}
		for _, e := range events {
			_, _ = rt.Outcome(events, e.Extrinsic)
		}
	})
}

// FuzzSignature reads signatures of APIs. What is read is described and read to the same again.
func FuzzSignature(f *testing.F) {
	f.Add("(a: u8, b: Vec<[u8; 32]>) -> Option<{x: Compact<u64>, y: (bool, str)}>")
	f.Add("() -> enum{A, B = 7(u8), C{x: BitVec<u8>}}")
	rt, err := metadata.Parse(blobOf(func(b *blob) { b.prim(metadata.U8) }))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1000 || rt.DescribeAPI("A", "m", text) != nil {
			return
		}
		m, err := rt.Method("A", "m")
		if err != nil {
			t.Fatal(err)
		}
		before, output := rt.Describe(m.Output, 32), m.Output
		if len(before) > 5000 || bytes.ContainsAny([]byte(before), "?") || bytes.Contains([]byte(before), []byte("...")) {
			return
		}
		if err := rt.DescribeAPI("A", "again", "() -> "+before); err != nil {
			t.Fatalf("%q is described as %q: %v", text, before, err)
		}
		again, err := rt.Method("A", "again")
		if err != nil {
			t.Fatal(err)
		}
		if after := rt.Describe(again.Output, 32); after != before {
			t.Fatalf("%q, then %q", before, after)
		}
		_, _ = rt.Decode(output, []byte{1, 2, 3, 4})
	})
}
