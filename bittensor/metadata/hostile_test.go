package metadata_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/bittensor/scale"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// count is a compact number.
func count(n uint64) []byte { return scale.AppendCompact(nil, n) }

// TestBombs decodes small inputs of types that promise much. Every one must fail, soon, within the bound of memory.
func TestBombs(t *testing.T) {
	type bomb struct {
		name string
		make func(b *blob) uint64
		raw  []byte
		want error
	}
	deep := func(unit []byte, n int) []byte { return bytes.Repeat(unit, n) }
	for _, c := range []bomb{
		{"vector of nothing", func(b *blob) uint64 { return b.vec(b.tuple()) }, count(1 << 30), metadata.ErrLimit},
		{"vector of empty structs", func(b *blob) uint64 { return b.vec(b.structure(true)) }, count(1<<32 - 1), metadata.ErrLimit},
		{"vector of vectors of nothing", func(b *blob) uint64 { return b.vec(b.vec(b.tuple())) },
			append(count(100), deep(count(1<<30), 100)...), metadata.ErrLimit},
		{"count beyond the input", func(b *blob) uint64 { return b.vec(b.prim(metadata.U8)) }, append(count(1<<30), 1), scale.ErrShort},
		{"count beyond all numbers", func(b *blob) uint64 { return b.vec(b.tuple()) }, count(1 << 40), scale.ErrRange},
		{"wide items beyond the input", func(b *blob) uint64 { return b.vec(b.array(1<<31, b.prim(metadata.U64))) }, append(count(1), 1), scale.ErrShort},
		{"array of nothing", func(b *blob) uint64 { return b.array(1<<32-1, b.tuple()) }, nil, metadata.ErrLimit},
		{"array of arrays", func(b *blob) uint64 { return b.array(1<<31, b.array(1<<31, b.prim(metadata.U8))) }, make([]byte, 64), scale.ErrShort},
		{"vector within itself", func(b *blob) uint64 { return b.vec(0) }, deep(count(1), 1<<16), metadata.ErrLimit},
		{"vector within itself, each promising all that remains", func(b *blob) uint64 { return b.vec(0) }, deep(count(60000), 1<<16), metadata.ErrLimit},
		{"option within itself", func(b *blob) uint64 { return b.option(0) }, deep([]byte{1}, 1<<16), metadata.ErrLimit},
		{"struct of one field that is itself", func(b *blob) uint64 { return b.structure(false, 0) }, nil, metadata.ErrLimit},
		{"struct with itself and nothing else", func(b *blob) uint64 { return b.structure(true, 0, 0) }, nil, metadata.ErrLimit},
		{"tuple of one that is itself", func(b *blob) uint64 { return b.tuple(0) }, nil, metadata.ErrLimit},
		{"two that are each other", func(b *blob) uint64 { b.structure(true, 1, 1); return b.structure(true, 0, 0) }, nil, metadata.ErrLimit},
		{"enum with itself", func(b *blob) uint64 { return b.enum("", []uint64{0, 0}) }, deep([]byte{0}, 1<<16), metadata.ErrLimit},
		{"enum of no variants", func(b *blob) uint64 { return b.enum("") }, []byte{0}, scale.ErrInvalid},
		{"unknown variant", func(b *blob) uint64 { return b.enum("", nil, nil) }, []byte{2}, scale.ErrInvalid},
		{"nothing doubled sixty times", func(b *blob) uint64 {
			id := b.structure(true)
			for range 60 {
				id = b.structure(true, id, id)
			}
			return id
		}, nil, metadata.ErrLimit},
		{"array of nothing doubled", func(b *blob) uint64 {
			id := b.tuple()
			for range 20 {
				id = b.array(1<<20, b.structure(true, id, id))
			}
			return id
		}, nil, metadata.ErrLimit},
		{"many wide empty structs", func(b *blob) uint64 {
			b.tuple()
			return b.vec(b.structure(true, make([]uint64, 20000)...))
		}, count(1 << 20), metadata.ErrLimit},
		{"compact of a vector", func(b *blob) uint64 { return b.compact(b.vec(b.prim(metadata.U8))) }, []byte{0}, metadata.ErrType},
		{"compact of itself", func(b *blob) uint64 { return b.compact(0) }, []byte{0}, metadata.ErrType},
		{"compact beyond its type", func(b *blob) uint64 { return b.compact(b.prim(metadata.U8)) }, count(256), scale.ErrRange},
		{"compact of u128 beyond it", func(b *blob) uint64 { return b.compact(b.prim(metadata.U128)) }, append([]byte{0x37}, deep([]byte{9}, 17)...), scale.ErrRange},
		{"bits without end", func(b *blob) uint64 {
			u8, order := b.prim(metadata.U8), b.tuple()
			return b.add(metadata.BitVec, "", func(w *scale.Writer) { w.Compact(u8); w.Compact(order) })
		}, append(count(1<<31), 1), scale.ErrShort},
		{"bits stored in nothing", func(b *blob) uint64 {
			unit := b.tuple()
			return b.add(metadata.BitVec, "", func(w *scale.Writer) { w.Compact(unit); w.Compact(unit) })
		}, count(8), metadata.ErrType},
		{"bytes that remain", func(b *blob) uint64 { return b.prim(metadata.U8) }, []byte{1, 2}, scale.ErrTrailing},
		{"bool that is none", func(b *blob) uint64 { return b.prim(metadata.Bool) }, []byte{2}, scale.ErrInvalid},
		{"char that is none", func(b *blob) uint64 { return b.prim(metadata.Char) }, []byte{0, 0xd8, 0, 0}, scale.ErrInvalid},
		{"text that is none", func(b *blob) uint64 { return b.prim(metadata.Str) }, []byte{4, 0xff}, scale.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBlob()
			id := metadata.TypeID(c.make(b))
			rt := b.parse(t)
			start := time.Now()
			for how, decode := range map[string]func() error{
				"dynamic":  func() error { _, err := rt.Decode(id, c.raw); return err },
				"into any": func() error { var v any; return rt.Unmarshal(id, c.raw, &v) },
			} {
				var err error
				if n := allocated(func() { err = decode() }); n > bound(len(c.raw)) {
					t.Errorf("%s: %d bytes allocated for %d", how, n, len(c.raw))
				}
				if !errors.Is(err, c.want) {
					t.Errorf("%s: %v, want %v", how, err, c.want)
				}
			}
			// What merely looks at the type must end, too.
			if n := allocated(func() {
				_ = rt.Describe(id, 1000)
				_, _ = rt.Fingerprint(id)
			}); n > 64<<20 {
				t.Errorf("%d bytes allocated to look at the type", n)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

// TestBombsIntoGo does the same with Go types as targets, where a plan is made first.
func TestBombsIntoGo(t *testing.T) {
	type node struct{ A, B []node }
	type list struct{ Next *list }
	type loop []loop
	for _, c := range []struct {
		name string
		make func(b *blob) uint64
		raw  []byte
		out  any
		want error
	}{
		{"vector of nothing", func(b *blob) uint64 { return b.vec(b.tuple()) }, count(1 << 30), new([]struct{}), metadata.ErrLimit},
		{"array of nothing", func(b *blob) uint64 { return b.array(1<<30, b.tuple()) }, nil, new([]struct{}), metadata.ErrLimit},
		{"vector within itself", func(b *blob) uint64 { return b.vec(0) }, bytes.Repeat(count(1), 1<<16), new(loop), metadata.ErrLimit},
		{"tree without end", func(b *blob) uint64 { b.structure(true, 1, 1); b.vec(0); return 0 }, bytes.Repeat(count(1), 1<<16), new(node), metadata.ErrLimit},
		{"skipped", func(b *blob) uint64 { b.structure(true, 1); b.vec(0); return 0 }, bytes.Repeat(count(1), 1<<16), new(struct{}), metadata.ErrLimit},
		{"option within itself", func(b *blob) uint64 { return b.option(0) }, bytes.Repeat([]byte{1}, 1<<16), new(uint64), metadata.ErrLimit},
		{"struct that is itself", func(b *blob) uint64 { return b.structure(false, 0) }, nil, new(list), metadata.ErrType},
		{"long list", func(b *blob) uint64 {
			b.add(metadata.Composite, "", func(w *scale.Writer) {
				w.Compact(1)
				w.Option(true)
				w.Text("next")
				w.Compact(1)
				w.Option(false)
				w.Compact(0)
			})
			b.option(0)
			return 0
		}, bytes.Repeat([]byte{1}, 1<<16), new(list), metadata.ErrLimit},
		{"numbers beyond the input", func(b *blob) uint64 { return b.vec(b.compact(b.prim(metadata.U64))) }, count(1 << 29), new([]uint64), scale.ErrShort},
		{"accounts beyond the input", func(b *blob) uint64 { return b.vec(b.array(32, b.prim(metadata.U8))) }, count(1 << 29), new([][32]byte), scale.ErrShort},
		{"flags beyond the input", func(b *blob) uint64 { return b.vec(b.prim(metadata.Bool)) }, count(1 << 29), new([]bool), scale.ErrShort},
		{"flag that is none", func(b *blob) uint64 { return b.vec(b.prim(metadata.Bool)) }, []byte{4, 2}, new([]bool), scale.ErrInvalid},
		{"number beyond the Go type", func(b *blob) uint64 { return b.prim(metadata.U16) }, []byte{0, 1}, new(uint8), scale.ErrRange},
		{"column beyond the Go type", func(b *blob) uint64 { return b.vec(b.compact(b.prim(metadata.U64))) }, []byte{4, 1, 4}, new([]uint8), scale.ErrRange},
		{"negative into unsigned", func(b *blob) uint64 { return b.prim(metadata.I8) }, []byte{255}, new(uint64), scale.ErrRange},
		{"u64 into int64", func(b *blob) uint64 { return b.prim(metadata.U64) }, bytes.Repeat([]byte{255}, 8), new(int64), scale.ErrRange},
		{"u128 into uint64", func(b *blob) uint64 { return b.prim(metadata.U128) }, bytes.Repeat([]byte{255}, 16), new(uint64), scale.ErrRange},
		{"bytes into number", func(b *blob) uint64 { return b.vec(b.prim(metadata.U8)) }, []byte{0}, new(uint64), metadata.ErrType},
		{"number into text", func(b *blob) uint64 { return b.prim(metadata.U8) }, []byte{0}, new(string), metadata.ErrType},
		{"array of another length", func(b *blob) uint64 { return b.array(3, b.prim(metadata.U8)) }, make([]byte, 3), new([4]byte), metadata.ErrType},
		{"enum with fields into text", func(b *blob) uint64 { return b.enum("", []uint64{0}) }, []byte{0}, new(string), metadata.ErrType},
		{"field that isn't there", func(b *blob) uint64 { return b.structure(true, b.prim(metadata.U8)) }, []byte{0}, new(struct{ B uint8 }), metadata.ErrType},
		{"tuple of another length", func(b *blob) uint64 { u := b.prim(metadata.U8); return b.tuple(u, u) }, []byte{0, 0}, new(struct{ A uint8 }), metadata.ErrType},
		{"wrong tag", func(b *blob) uint64 { return b.structure(true, b.prim(metadata.U8)) }, []byte{0}, new(struct {
			A uint8 `scale:"a,always"`
		}), metadata.ErrType},
		{"no pointer", func(b *blob) uint64 { return b.prim(metadata.U8) }, []byte{0}, uint8(0), metadata.ErrType},
		{"nil", func(b *blob) uint64 { return b.prim(metadata.U8) }, []byte{0}, nil, metadata.ErrType},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBlob()
			id := metadata.TypeID(c.make(b))
			rt := b.parse(t)
			var err error
			if n := allocated(func() { err = rt.Unmarshal(id, c.raw, c.out) }); n > bound(len(c.raw)) {
				t.Errorf("%d bytes allocated for %d", n, len(c.raw))
			}
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// TestChain: a registry in which each type wraps the next, a hundred thousand deep.
func TestChain(t *testing.T) {
	for name, link := range map[string]func(b *blob, next uint64){
		"wrapped": func(b *blob, next uint64) { b.structure(false, next) },
		"named":   func(b *blob, next uint64) { b.structure(true, next, next) },
		"vectors": func(b *blob, next uint64) { b.vec(next) },
		"options": func(b *blob, next uint64) { b.option(next) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBlob()
			const n = 100_000
			for i := range uint64(n) {
				link(b, i+1)
			}
			b.prim(metadata.U8)
			raw := b.bytes()
			var rt *metadata.Runtime
			var err error
			if n := allocated(func() { rt, err = metadata.Parse(raw) }); n > bound(len(raw)) {
				t.Errorf("%d bytes allocated for %d", n, len(raw))
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := rt.Decode(0, bytes.Repeat([]byte{4}, 1000)); err == nil {
				t.Error("decoded")
			}
			if _, err := rt.Fingerprint(0); !errors.Is(err, metadata.ErrLimit) {
				t.Errorf("fingerprint: %v", err)
			}
			_ = rt.Describe(0, 1<<30)
		})
	}
}

// TestBrokenBlobs parses what is no metadata.
func TestBrokenBlobs(t *testing.T) {
	good := newBlob()
	good.prim(metadata.U8)
	if _, err := metadata.Parse(good.bytes()); err != nil {
		t.Fatal(err)
	}
	raw := good.bytes()
	huge := append([]byte("meta\x0f"), count(1<<30)...)
	for name, c := range map[string]struct {
		raw  []byte
		want error
	}{
		"nothing":              {nil, metadata.ErrMetadata},
		"other magic":          {[]byte("atem\x0f\x00"), metadata.ErrMetadata},
		"version 13":           {[]byte("meta\x0d"), metadata.ErrVersion},
		"version 17":           {[]byte("meta\x11"), metadata.ErrVersion},
		"no version":           {[]byte("meta"), metadata.ErrMetadata},
		"None":                 {[]byte{0}, metadata.ErrVersion},
		"wrapped nothing":      {[]byte{1, 0}, metadata.ErrMetadata},
		"types without end":    {huge, metadata.ErrMetadata},
		"bytes that remain":    {append(bytes.Clone(raw), 0), metadata.ErrMetadata},
		"type out of range":    {blobOf(func(b *blob) { b.vec(7) }), metadata.ErrMetadata},
		"item out of range":    {blobOf(func(b *blob) { b.prim(metadata.U8); b.items = []uint64{1} }), metadata.ErrMetadata},
		"type of no kind":      {blobOf(func(b *blob) { b.add(8, "", func(*scale.Writer) {}) }), metadata.ErrMetadata},
		"primitive of none":    {blobOf(func(b *blob) { b.prim(15) }), metadata.ErrMetadata},
		"many variants":        {blobOf(func(b *blob) { b.enum("", make([][]uint64, 257)...) }), metadata.ErrMetadata},
		"calls no enum":        {blobOf(func(b *blob) { b.prim(metadata.U8); b.calls = 0 }), metadata.ErrMetadata},
		"name that is no text": {blobOf(func(b *blob) { b.add(metadata.Tuple, "\xff", func(w *scale.Writer) { w.Compact(0) }) }), metadata.ErrMetadata},
	} {
		var err error
		if n := allocated(func() { _, err = metadata.Parse(c.raw) }); n > bound(len(c.raw)) {
			t.Errorf("%s: %d bytes allocated for %d", name, n, len(c.raw))
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for i := range raw {
		if _, err := metadata.Parse(raw[:i]); err == nil {
			t.Errorf("the first %d bytes of %d parse", i, len(raw))
		}
	}
	if _, err := metadata.Parse(append(append([]byte{1}, count(uint64(len(raw)))...), raw...)); err != nil {
		t.Errorf("wrapped: %v", err)
	}
}

func blobOf(fill func(b *blob)) []byte {
	b := newBlob()
	fill(b)
	return b.bytes()
}

// TestTruncatedRuntimes cuts real blobs short and flips bytes of them.
func TestTruncatedRuntimes(t *testing.T) {
	for _, name := range []string{v14, v15, v16} {
		raw := vectortest.Open(t, "chain/metadata/"+name+".scale")
		for i := 1; i < len(raw); i += len(raw)/40 + 1 {
			if _, err := metadata.Parse(raw[:i]); err == nil {
				t.Errorf("%s: the first %d bytes parse", name, i)
			}
			broken := bytes.Clone(raw)
			broken[i] ^= 0x41
			var err error
			if n := allocated(func() { _, err = metadata.Parse(broken) }); n > bound(len(raw)) {
				t.Errorf("%s: byte %d changed: %d bytes allocated (%v)", name, i, n, err)
			}
		}
	}
}

// TestExtensions refuses to sign for what it doesn't know, and only for that.
func TestExtensions(t *testing.T) {
	for _, c := range []struct {
		name string
		fill func(b *blob, unit, u32, hash uint64)
		want error
	}{
		{"none", func(*blob, uint64, uint64, uint64) {}, nil},
		{"unknown, empty", func(b *blob, unit, _, _ uint64) {
			b.extensions = []extension{{"Frobnicate", b.structure(true, unit, unit), unit}}
		}, nil},
		{"unknown with extra", func(b *blob, unit, u32, _ uint64) { b.extensions = []extension{{"Frobnicate", u32, unit}} }, metadata.ErrUnknownExtension},
		{"unknown with implicit", func(b *blob, unit, u32, _ uint64) { b.extensions = []extension{{"Frobnicate", unit, u32}} }, metadata.ErrUnknownExtension},
		{"unknown with an option", func(b *blob, unit, u32, _ uint64) { b.extensions = []extension{{"Frobnicate", b.option(u32), unit}} }, metadata.ErrUnknownExtension},
		{"unknown within itself", func(b *blob, unit, _, _ uint64) {
			b.extensions = []extension{{"Frobnicate", b.structure(true, uint64(len(b.types)), unit), unit}}
		}, metadata.ErrUnknownExtension},
		{"known", func(b *blob, unit, u32, hash uint64) {
			b.extensions = []extension{{"CheckSpecVersion", unit, u32}, {"CheckGenesis", unit, hash}, {"CheckNonce", b.compact(u32), unit}}
		}, nil},
		{"known of another shape", func(b *blob, unit, u32, hash uint64) { b.extensions = []extension{{"CheckGenesis", unit, u32}} }, metadata.ErrUnknownExtension},
		{"nonce that is no number", func(b *blob, unit, u32, hash uint64) { b.extensions = []extension{{"CheckNonce", hash, unit}} }, metadata.ErrUnknownExtension},
		{"era that is none", func(b *blob, unit, u32, hash uint64) { b.extensions = []extension{{"CheckMortality", u32, hash}} }, metadata.ErrUnknownExtension},
		{"mode that is none", func(b *blob, unit, u32, hash uint64) {
			b.extensions = []extension{{"CheckMetadataHash", u32, b.option(hash)}}
		}, metadata.ErrUnknownExtension},
		{"format 5 only", func(b *blob, _, _, _ uint64) { b.versions = 5 }, metadata.ErrUnknownExtension},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBlob()
			// Type 0 serves as address and as signature: an enum with both variants.
			b.add(metadata.Enum, "", func(w *scale.Writer) {
				w.Compact(2)
				w.Text("Id")
				fields(w, false, []uint64{3})
				w.U8(0)
				w.Compact(0)
				w.Text("Sr25519")
				fields(w, false, []uint64{4})
				w.U8(1)
				w.Compact(0)
			})
			u32, u8 := b.prim(metadata.U32), b.prim(metadata.U8)
			hash := b.array(32, u8)
			b.array(64, u8)
			c.fill(b, b.tuple(), u32, hash)
			rt := b.parse(t)
			if err := rt.CanSign(); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			raw, err := rt.Assemble(metadata.Transaction{Call: []byte{1, 2}}, [32]byte{9}, [64]byte{8})
			if c.want != nil {
				if !errors.Is(err, c.want) {
					t.Errorf("assembled: %v", err)
				}
				if _, err := rt.Payload(metadata.Transaction{}); !errors.Is(err, c.want) {
					t.Errorf("payload: %v", err)
				}
				if strings.Contains(c.name, "unknown") && !strings.Contains(rt.CanSign().Error(), "Frobnicate") {
					t.Errorf("the extension isn't named: %v", rt.CanSign())
				}
				return
			}
			if _, err := rt.Payload(metadata.Transaction{MetadataHash: new([32]byte)}); !errors.Is(err, metadata.ErrType) {
				t.Errorf("a metadata hash without a place: %v", err)
			}
			if err != nil || !bytes.Equal(raw[:5], []byte{raw[0], raw[1], 0x84, 0, 9}) {
				t.Errorf("assembled %x: %v", raw, err)
			}
		})
	}
	if _, err := runtime(t, v16).Payload(metadata.Transaction{Nonce: 1 << 32}); !errors.Is(err, metadata.ErrType) {
		t.Errorf("nonce of 33 bits: %v", err)
	}
}

// TestEveryDefault decodes and encodes every default and constant of every runtime.
func TestEveryDefault(t *testing.T) {
	n := 0
	check := func(rt *metadata.Runtime, what string, id metadata.TypeID, raw []byte) {
		v, err := rt.Decode(id, raw)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		if again, err := rt.Encode(id, v); err != nil || !bytes.Equal(again, raw) {
			t.Errorf("%s: %v encodes to %x (%v), want %x", what, v, again, err, raw)
		}
		var into any
		if err := rt.Unmarshal(id, raw, &into); err != nil || !reflect.DeepEqual(into, v) {
			t.Errorf("%s: into any %v (%v), want %v", what, into, err, v)
		}
		n++
	}
	for _, name := range []string{v14, v15, v16} {
		rt := runtime(t, name)
		for i := range rt.Pallets {
			p := &rt.Pallets[i]
			for _, s := range p.Storage {
				if s.Modifier == metadata.Default {
					check(rt, p.Name+"."+s.Name, s.Value, s.Default)
				}
			}
			for _, c := range p.Constants {
				check(rt, p.Name+"."+c.Name, c.Type, c.Value)
			}
		}
	}
	if n < 500 {
		t.Errorf("only %d values", n)
	}
}
