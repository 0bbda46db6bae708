package metadata_test

import (
	goruntime "runtime"
	"testing"

	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/bittensor/scale"
)

// blob builds metadata of version 15 with types and storage items of one's choice, right or wrong.
type blob struct {
	types []func(w *scale.Writer)
	// items are plain storage values of pallet P, named A, B, C by their types.
	items      []uint64
	extensions []extension
	versions   uint8
	// calls is the type of the pallet's calls, if it isn't negative.
	calls int
}

type extension struct {
	name            string
	extra, implicit uint64
}

func newBlob() *blob { return &blob{versions: 4, calls: -1} }

// add adds a type and returns its id. Without a path it is unnamed.
func (b *blob) add(kind metadata.Kind, path string, body func(w *scale.Writer)) uint64 {
	id := uint64(len(b.types))
	b.types = append(b.types, func(w *scale.Writer) {
		w.Compact(id)
		if path == "" {
			w.Compact(0)
		} else {
			w.Compact(1)
			w.Text(path)
		}
		w.Compact(0) // parameters
		w.U8(uint8(kind))
		body(w)
		w.Compact(0) // docs
	})
	return id
}

func (b *blob) prim(p metadata.Prim) uint64 {
	return b.add(metadata.Primitive, "", func(w *scale.Writer) { w.U8(uint8(p)) })
}

func (b *blob) vec(elem uint64) uint64 {
	return b.add(metadata.Sequence, "", func(w *scale.Writer) { w.Compact(elem) })
}

func (b *blob) compact(elem uint64) uint64 {
	return b.add(metadata.Compact, "", func(w *scale.Writer) { w.Compact(elem) })
}

func (b *blob) array(n uint32, elem uint64) uint64 {
	return b.add(metadata.Array, "", func(w *scale.Writer) { w.U32(n); w.Compact(elem) })
}

func (b *blob) tuple(elems ...uint64) uint64 {
	return b.add(metadata.Tuple, "", func(w *scale.Writer) {
		w.Compact(uint64(len(elems)))
		for _, e := range elems {
			w.Compact(e)
		}
	})
}

// fields writes fields named a, b, c, or without names.
func fields(w *scale.Writer, named bool, types []uint64) {
	w.Compact(uint64(len(types)))
	for i, t := range types {
		w.Option(named)
		if named {
			w.Text(string(rune('a' + i%26)))
		}
		w.Compact(t)
		w.Option(false)
		w.Compact(0)
	}
}

func (b *blob) structure(named bool, types ...uint64) uint64 {
	return b.add(metadata.Composite, "", func(w *scale.Writer) { fields(w, named, types) })
}

// enum adds an enum whose variants V0, V1... have the given fields.
func (b *blob) enum(path string, variants ...[]uint64) uint64 {
	return b.add(metadata.Enum, path, func(w *scale.Writer) {
		w.Compact(uint64(len(variants)))
		for i, v := range variants {
			w.Text("V" + string(rune('0'+i%10)))
			fields(w, false, v)
			w.U8(uint8(i))
			w.Compact(0)
		}
	})
}

func (b *blob) option(of uint64) uint64 { return b.enum("Option", nil, []uint64{of}) }

func (b *blob) bytes() []byte {
	w := scale.Writer("meta\x0f")
	w.Compact(uint64(len(b.types)))
	for _, t := range b.types {
		t(&w)
	}
	w.Compact(1)
	w.Text("P")
	w.Option(true)
	w.Text("P")
	w.Compact(uint64(len(b.items)))
	for i, id := range b.items {
		w.Text(string(rune('A' + i)))
		w.U8(0) // optional
		w.U8(0) // plain
		w.Compact(id)
		w.Bytes(nil)
		w.Compact(0)
	}
	w.Option(b.calls >= 0)
	if b.calls >= 0 {
		w.Compact(uint64(b.calls))
	}
	w.Option(false) // events
	w.Compact(0)    // constants
	w.Option(false) // errors
	w.U8(0)
	w.Compact(0)
	w.U8(b.versions)
	w.Compact(0) // address, call, signature, extra
	w.Compact(0)
	w.Compact(0)
	w.Compact(0)
	w.Compact(uint64(len(b.extensions)))
	for _, x := range b.extensions {
		w.Text(x.name)
		w.Compact(x.extra)
		w.Compact(x.implicit)
	}
	w.Raw(0, 0, 0, 0, 0, 0) // own type, APIs, outer enums, custom
	return w
}

func (b *blob) parse(t testing.TB) *metadata.Runtime {
	t.Helper()
	rt, err := metadata.Parse(b.bytes())
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after goruntime.MemStats
	goruntime.ReadMemStats(&before)
	f()
	goruntime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// bound is what decoding n bytes may allocate: a fixed sum for small things, and a multiple of the input.
func bound(n int) uint64 { return 1<<20 + 800*uint64(n) }
