package metadata

import (
	"fmt"
	"unicode/utf8"

	"github.com/nanteos/nanteos/bittensor/scale"
)

// magic is "meta", the first four bytes of every blob.
const magic = 0x6174656d

// Unwrap takes the answer of the runtime call Metadata_metadata_at_version (an optional vector of bytes) apart and returns the blob
// within. An answer that says that the runtime doesn't have the version is ErrVersion. A blob that isn't wrapped (state_getMetadata) is
// returned as it is.
func Unwrap(answer []byte) ([]byte, error) {
	r := scale.NewReader(answer)
	if len(answer) >= 4 && r.U32() == magic {
		return answer, nil
	}
	r = scale.NewReader(answer)
	if !r.Option() && r.Err() == nil {
		return nil, fmt.Errorf("couldn't get metadata from the runtime: it has no such version: %w", ErrVersion)
	}
	blob := r.Bytes()
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("couldn't unwrap metadata: %w: %w", ErrMetadata, err)
	}
	return blob, nil
}

// Parse reads a metadata blob of version 14, 15 or 16, bare or as Metadata_metadata_at_version answers it (see Unwrap). The blob isn't
// kept. Errors: ErrVersion, ErrMetadata; what is allocated is bounded by a multiple of the blob's size.
func Parse(blob []byte) (*Runtime, error) {
	blob, err := Unwrap(blob)
	if err != nil {
		return nil, err
	}
	p := &parser{r: scale.NewReader(blob), blob: blob, text: string(blob), rt: &Runtime{}}
	p.rt.pallets = map[string]*Pallet{}
	p.r.U32()
	v := p.r.U8()
	if p.r.Err() == nil && (v < 14 || v > 16) {
		return nil, fmt.Errorf("couldn't parse metadata version %d: %w", v, ErrVersion)
	}
	p.rt.Version = v
	p.registry()
	p.pallets()
	p.extrinsic()
	if v == 15 {
		p.ref() // the runtime's own type
	}
	if v >= 15 {
		p.apis()
		for range 3 {
			p.ref() // enums over all pallets' calls, events and errors
		}
		p.custom()
	} else {
		p.ref()
	}
	if err := p.r.End(); err != nil {
		return nil, fmt.Errorf("couldn't parse metadata version %d: %w: %w", v, ErrMetadata, err)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("couldn't parse metadata version %d: %w: %w", v, ErrMetadata, err)
	}
	return p.rt, nil
}

// parser reads a blob from front to back. Names are parts of one copy of the blob, and the many small slices are cut from slabs: a
// blob has some ten thousand of both.
type parser struct {
	r    *scale.Reader
	blob []byte
	text string
	rt   *Runtime
	// high is the greatest type id referred to outside of the registry's own checks.
	high     TypeID
	members  []Member
	variants []VariantDef
	words    []string
	params   []Param
}

// slab cuts n items from a slab that is renewed as needed.
func slab[T any](s *[]T, n, chunk int) []T {
	if n == 0 {
		return nil
	}
	if n > chunk {
		return make([]T, n)
	}
	if cap(*s)-len(*s) < n {
		*s = make([]T, 0, chunk)
	}
	from := len(*s)
	*s = (*s)[:from+n]
	return (*s)[from : from+n : from+n]
}

// name reads a text as a part of the blob's copy.
func (p *parser) name() string {
	n := len(p.r.Bytes())
	end := p.r.Offset()
	if p.r.Err() != nil {
		return ""
	}
	s := p.text[end-n : end]
	if !utf8.ValidString(s) {
		p.r.Fail(fmt.Errorf("couldn't read name at byte %d: %w", end-n, scale.ErrInvalid))
	}
	return s
}

// raw reads a vector of bytes as a part of the parser's own copy.
func (p *parser) raw() []byte { return append([]byte(nil), p.r.Bytes()...) }

func (p *parser) optionalName() string {
	if p.r.Option() {
		return p.name()
	}
	return ""
}

// ref reads a type's id.
func (p *parser) ref() TypeID {
	id := TypeID(p.r.CompactMax(1<<31 - 1))
	p.high = max(p.high, id)
	return id
}

func (p *parser) optionalRef() TypeID {
	if p.r.Option() {
		return p.ref()
	}
	return noType
}

// docs skips documentation and remembers where it lies.
func (p *parser) docs() docs {
	start := p.r.Offset()
	n := p.r.Count(1)
	if n == 0 {
		return "\x00"
	}
	for i := 0; i < n && p.r.Err() == nil; i++ {
		p.r.Bytes()
	}
	if p.r.Err() != nil {
		return ""
	}
	return docs(p.text[start:p.r.Offset()])
}

// registry reads all types: id, path, parameters, definition, docs.
func (p *parser) registry() {
	n := p.r.Count(6)
	types := make([]Type, n)
	for i := range types {
		if id := p.ref(); p.r.Err() == nil && int(id) != i {
			p.r.Fail(fmt.Errorf("couldn't number type %d: it calls itself %d", i, id))
		}
		t := &types[i]
		t.Path = slab(&p.words, p.r.Count(1), 256)
		for j := range t.Path {
			t.Path[j] = p.name()
		}
		t.Params = slab(&p.params, p.r.Count(2), 256)
		for j := range t.Params {
			t.Params[j].Name = p.name()
			if t.Params[j].Given = p.r.Option(); t.Params[j].Given {
				t.Params[j].Type = p.ref()
			}
		}
		p.definition(t)
		p.docs()
		if p.r.Err() != nil {
			return
		}
	}
	p.rt.types = types
	if n > 0 && p.high >= TypeID(n) {
		p.r.Fail(fmt.Errorf("couldn't find type %d of %d", p.high, n))
	}
}

func (p *parser) definition(t *Type) {
	kind := p.r.U8()
	t.Kind = Kind(kind)
	switch t.Kind {
	case Composite:
		t.Members = p.fields()
	case Enum:
		t.Variants = slab(&p.variants, p.r.Count(4), 256)
		for i := range t.Variants {
			v := &t.Variants[i]
			v.Name = p.name()
			v.Members = p.fields()
			v.Index = p.r.U8()
			v.docs = p.docs()
		}
		if len(t.Variants) > 256 {
			p.r.Fail(fmt.Errorf("couldn't tell %d variants apart by one byte", len(t.Variants)))
		}
	case Sequence, Compact:
		t.Elem = p.ref()
	case Array:
		t.Len = p.r.U32()
		t.Elem = p.ref()
	case Tuple:
		t.Members = slab(&p.members, p.r.Count(1), 512)
		for i := range t.Members {
			t.Members[i].Type = p.ref()
		}
	case Primitive:
		t.Prim = Prim(p.r.U8())
		if t.Prim > I256 {
			p.r.Fail(fmt.Errorf("couldn't read primitive type %d", t.Prim))
		}
	case BitVec:
		t.Elem = p.ref()
		t.order = p.ref()
	default:
		p.r.Fail(fmt.Errorf("couldn't read type definition of kind %d", kind))
	}
}

func (p *parser) fields() []Member {
	fields := slab(&p.members, p.r.Count(4), 512)
	for i := range fields {
		fields[i].Name = p.optionalName()
		fields[i].Type = p.ref()
		fields[i].TypeName = p.optionalName()
		p.docs()
	}
	return fields
}
