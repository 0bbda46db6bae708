package subtensor

import (
	"fmt"
	"slices"
)

// layout is what the node wants to know of a metadata blob: indices by name, and where in the blob they and some constants lie, so
// that a changed runtime can be made by writing over single bytes. Versions 14 and 15 are understood.
type layout struct {
	blob      []byte
	pallets   map[string]*palletLayout
	types     map[uint64][]variantLayout
	outer     [][]variantLayout // the enums RuntimeCall, RuntimeEvent and RuntimeError
	constants map[string]span   // "Pallet.Name"
}

// palletLayout is a pallet. The types are ids of its enums, 0 for none. count and end say where the number of its storage items stands
// and where the last one ends.
type palletLayout struct {
	count                span
	end                  int
	items                map[string]storageLayout
	index                byte
	indexAt              int
	calls, events, fails uint64
}

// variantLayout is one case of an enum.
type variantLayout struct {
	name    string
	index   byte
	indexAt int
}

// span is where some bytes lie.
type span struct{ from, to int }

// storageLayout is a storage item: its hashers (2 Blake2_128Concat, 5 Twox64Concat, 6 Identity), and where it and its body after the
// name lie.
type storageLayout struct {
	hashers []byte
	body    span
}

func (l *layout) variant(typ uint64, name string) (byte, bool) {
	for _, v := range l.types[typ] {
		if v.name == name {
			return v.index, true
		}
	}
	return 0, false
}

// parseLayout walks over a blob that begins with "meta".
func parseLayout(blob []byte) (*layout, error) {
	l := &layout{blob: blob, pallets: map[string]*palletLayout{}, types: map[uint64][]variantLayout{}, constants: map[string]span{}}
	r := &reader{b: blob}
	if string(r.take(4)) != "meta" {
		return nil, fmt.Errorf("couldn't read metadata: it does not begin with meta")
	}
	version := r.u8()
	if version != 14 && version != 15 {
		return nil, fmt.Errorf("couldn't read metadata: version %d is none of 14 and 15", version)
	}
	for range r.count(6) {
		l.readType(r)
	}
	for range r.count(7) {
		l.readPallet(r, version)
	}
	if r.err != nil {
		return nil, fmt.Errorf("couldn't read metadata: %w at byte %d", r.err, r.at)
	}
	return l, nil
}

func skipTexts(r *reader) {
	for range r.count(1) {
		r.bytes()
	}
}

func skipField(r *reader) {
	if r.bool() {
		r.bytes()
	}
	r.compact()
	if r.bool() {
		r.bytes()
	}
	skipTexts(r)
}

func (l *layout) readType(r *reader) {
	id := r.compact()
	var name string
	for range r.count(1) {
		name = r.text()
	}
	for range r.count(2) {
		r.bytes()
		if r.bool() {
			r.compact()
		}
	}
	switch kind := r.u8(); kind {
	case 0: // struct
		for range r.count(4) {
			skipField(r)
		}
	case 1: // enum
		variants := make([]variantLayout, 0, r.count(4))
		for range cap(variants) {
			v := variantLayout{name: r.text()}
			for range r.count(4) {
				skipField(r)
			}
			v.indexAt = r.at
			v.index = r.u8()
			skipTexts(r)
			variants = append(variants, v)
		}
		l.types[id] = variants
		if name == "RuntimeCall" || name == "RuntimeEvent" || name == "RuntimeError" {
			l.outer = append(l.outer, variants)
		}
	case 2, 6: // sequence, compact
		r.compact()
	case 3: // array
		r.u32()
		r.compact()
	case 4: // tuple
		for range r.count(1) {
			r.compact()
		}
	case 5: // primitive
		r.u8()
	case 7: // bits
		r.compact()
		r.compact()
	default:
		r.fail(errScale)
	}
	skipTexts(r)
}

func (l *layout) readPallet(r *reader, version uint8) {
	p := &palletLayout{items: map[string]storageLayout{}}
	name := r.text()
	if r.bool() { // storage
		r.bytes()
		p.count.from = r.at
		n := r.count(4)
		p.count.to = r.at
		for range n {
			item := r.text()
			it := storageLayout{body: span{from: r.at}}
			r.u8()
			if r.u8() == 0 {
				r.compact()
			} else {
				it.hashers = r.bytes()
				r.compact()
				r.compact()
			}
			r.bytes()
			skipTexts(r)
			it.body.to = r.at
			p.items[item] = it
		}
		p.end = r.at
	}
	optional := func() uint64 {
		if r.bool() {
			return r.compact()
		}
		return 0
	}
	p.calls, p.events = optional(), optional()
	for range r.count(4) {
		constant := name + "." + r.text()
		r.compact()
		value := r.bytes()
		l.constants[constant] = span{r.at - len(value), r.at}
		skipTexts(r)
	}
	p.fails = optional()
	p.indexAt = r.at
	p.index = r.u8()
	if version >= 15 {
		skipTexts(r)
	}
	l.pallets[name] = p
}

// shuffled returns a blob in which the variants of a pallet's calls, events and errors have moved on by the given number of places and
// in which, for an odd number, the two pallets have changed their indices.
func (l *layout) shuffled(places int, first, second string) []byte {
	b := slices.Clone(l.blob)
	a, c := l.pallets[first], l.pallets[second]
	for _, p := range []*palletLayout{a, c} {
		for _, typ := range []uint64{p.calls, p.events, p.fails} {
			vs := l.types[typ]
			for i, v := range vs {
				b[v.indexAt] = vs[(i+places)%len(vs)].index
			}
		}
	}
	if places%2 == 0 {
		return b
	}
	b[a.indexAt], b[c.indexAt] = c.index, a.index
	for _, enum := range l.outer {
		for _, v := range enum {
			switch v.name {
			case first:
				b[v.indexAt] = c.index
			case second:
				b[v.indexAt] = a.index
			}
		}
	}
	return b
}

// extended returns a blob in which a pallet has more storage items, each of the type of one that it has.
func (l *layout) extended(pallet, like string, names ...string) ([]byte, error) {
	p := l.pallets[pallet]
	if p == nil || p.items[like].body.to == 0 {
		return nil, fmt.Errorf("couldn't find the storage item %s.%s in the metadata", pallet, like)
	}
	w := &writer{}
	w.raw(l.blob[:p.count.from])
	w.compact(uint64(len(p.items) + len(names)))
	w.raw(l.blob[p.count.to:p.end])
	for _, name := range names {
		w.bytes([]byte(name))
		w.raw(l.blob[p.items[like].body.from:p.items[like].body.to])
	}
	w.raw(l.blob[p.end:])
	return w.b, nil
}
