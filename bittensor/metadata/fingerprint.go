package metadata

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/blake2b"
)

// Fingerprint is a hash of a type's shape: kinds, sizes, names of fields and variants with their indices, all the way down. Equal
// fingerprints mean that values are encoded alike, in whatever runtime and metadata version; wrappers, names of types and documentation
// play no part. Keep those of the calls and values that a program relies on, and compare them after a runtime upgrade.
type Fingerprint [32]byte

// Fingerprint returns the fingerprint of a type.
func (rt *Runtime) Fingerprint(id TypeID) (Fingerprint, error) {
	if rt.Type(id) == nil {
		return Fingerprint{}, fmt.Errorf("couldn't find type %d: %w", id, ErrUnknown)
	}
	return rt.fingerprint(Tuple, "", []Member{{Type: id}})
}

// CallFingerprint returns the fingerprint of a call: its indices, and names and types of its arguments. Errors: ErrUnknown.
func (rt *Runtime) CallFingerprint(pallet, call string) (Fingerprint, error) {
	p, err := rt.Pallet(pallet)
	if err != nil {
		return Fingerprint{}, err
	}
	v := p.call(call)
	if v == nil {
		return Fingerprint{}, fmt.Errorf("couldn't find call %s.%s: %w", pallet, call, ErrUnknown)
	}
	return rt.fingerprint(Enum, string([]byte{p.Index, v.Index}), v.Members)
}

// StorageFingerprint returns the fingerprint of a storage item: hashers, types of keys and value, modifier. Errors: ErrUnknown.
func (rt *Runtime) StorageFingerprint(pallet, item string) (Fingerprint, error) {
	s, err := rt.Item(pallet, item)
	if err != nil {
		return Fingerprint{}, err
	}
	head := []byte{byte(s.Modifier)}
	var members []Member
	for i, k := range s.Keys {
		head = append(head, byte(s.Hashers[i]))
		members = append(members, Member{Type: k})
	}
	return rt.fingerprint(Composite, string(head), append(members, Member{Type: s.Value}))
}

// APIFingerprint returns the fingerprint of a runtime API's method: names and types of its arguments, type of its result. Errors: ErrUnknown.
func (rt *Runtime) APIFingerprint(api, method string) (Fingerprint, error) {
	m, err := rt.Method(api, method)
	if err != nil {
		return Fingerprint{}, err
	}
	return rt.fingerprint(Sequence, "", append(append([]Member(nil), m.Inputs...), Member{Type: m.Output}))
}

func (rt *Runtime) fingerprint(kind Kind, head string, members []Member) (Fingerprint, error) {
	p := printer{rt: rt, open: map[TypeID]int{}, done: map[TypeID]Fingerprint{}}
	b := appendText([]byte{byte(kind)}, head)
	b, err := p.members(b, members, 0)
	return blake2b.Sum256(b), err
}

// printer takes fingerprints of the types of one runtime. A type within itself is printed as how many levels up it began.
type printer struct {
	rt   *Runtime
	open map[TypeID]int
	done map[TypeID]Fingerprint
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func (p *printer) members(b []byte, members []Member, depth int) ([]byte, error) {
	b = binary.AppendUvarint(b, uint64(len(members)))
	for _, m := range members {
		f, err := p.print(m.Type, depth)
		if err != nil {
			return nil, err
		}
		b = append(appendText(b, m.Name), f[:]...)
	}
	return b, nil
}

func (p *printer) print(id TypeID, depth int) (Fingerprint, error) {
	id, t := p.rt.core(id)
	if t == nil || depth > maxDepth {
		return Fingerprint{}, fmt.Errorf("couldn't take fingerprint of type %d: %w", id, ErrLimit)
	}
	if f, ok := p.done[id]; ok {
		return f, nil
	}
	if at, ok := p.open[id]; ok {
		return blake2b.Sum256(binary.AppendUvarint([]byte("up"), uint64(depth-at))), nil
	}
	p.open[id] = depth
	kind := t.Kind
	if kind == Tuple {
		kind = Composite
	}
	b := []byte{byte(kind)}
	var err error
	switch t.Kind {
	case Composite, Tuple:
		b, err = p.members(b, t.Members, depth+1)
	case Enum:
		b = binary.AppendUvarint(b, uint64(len(t.Variants)))
		for i := range t.Variants {
			v := &t.Variants[i]
			b = append(appendText(b, v.Name), v.Index)
			if b, err = p.members(b, v.Members, depth+1); err != nil {
				break
			}
		}
	case Primitive:
		b = append(b, byte(t.Prim))
	default:
		b = binary.AppendUvarint(b, uint64(t.Len))
		var f Fingerprint
		if f, err = p.print(t.Elem, depth+1); err == nil && t.Kind == BitVec {
			b = append(b, f[:]...)
			b = appendText(b, p.rt.types[t.order].Name())
		} else {
			b = append(b, f[:]...)
		}
	}
	delete(p.open, id)
	if err != nil {
		return Fingerprint{}, err
	}
	f := Fingerprint(blake2b.Sum256(b))
	p.done[id] = f
	return f, nil
}
