package metadata

import (
	"fmt"
	"strings"

	"github.com/nanteos/nanteos/bittensor/scale"
)

// TypeID is a type's place in the registry of one Runtime. It means nothing in another: see Runtime.Fingerprint.
type TypeID uint32

// noType stands where the metadata names no type.
const noType = ^TypeID(0)

// Kind says of what sort a type is.
type Kind uint8

// The kinds, in the order of the metadata.
const (
	Composite Kind = iota // struct: Members, named or not
	Enum                  // Variants
	Sequence              // Vec<Elem>
	Array                 // [Elem; Len]
	Tuple                 // Members, without names
	Primitive             // Prim
	Compact               // compact form of Elem
	BitVec                // bits stored in Elem
)

// Prim is a primitive type.
type Prim uint8

// The primitives, in the order of the metadata.
const (
	Bool Prim = iota
	Char
	Str
	U8
	U16
	U32
	U64
	U128
	U256
	I8
	I16
	I32
	I64
	I128
	I256
)

var primNames = [...]string{"bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "u256", "i8", "i16", "i32", "i64", "i128", "i256"}

// primSizes are the bytes of each primitive; text takes at least one.
var primSizes = [...]int{1, 4, 1, 1, 2, 4, 8, 16, 32, 1, 2, 4, 8, 16, 32}

// String returns the name as Rust has it.
func (p Prim) String() string {
	if int(p) < len(primNames) {
		return primNames[p]
	}
	return "?"
}

// Type is an entry of the registry.
type Type struct {
	Kind Kind
	Prim Prim   // Primitive
	Len  uint32 // Array
	Elem TypeID // Sequence, Array, Compact, BitVec (how bits are stored)
	// order is the bit order of a BitVec, as a type with that name.
	order    TypeID
	Path     []string // modules and name, such as sp_core crypto AccountId32; empty for types without a name
	Params   []Param
	Members  []Member     // Composite, Tuple
	Variants []VariantDef // Enum

	least int32 // bytes that any value takes at least
	fixed int32 // bytes that every value takes, -1 if they differ
	// option is set for Option<T>: what it wraps.
	option   TypeID
	isOption bool
	nilable  bool // the dynamic form of a value may be nil
	// compact is the bytes of the number that a Compact holds, see Runtime.width.
	compact int8
}

// Param is a generic parameter of a type. Its Type is absent for those that leave no trace in the encoding.
type Param struct {
	Name  string
	Type  TypeID
	Given bool
}

// Member is a field of a struct, a variant or a tuple (there without name), or an argument of a call.
type Member struct {
	Name string
	Type TypeID
	// TypeName is the type as the source has it, often more telling than the type itself (NetUid, BalanceOf<T>).
	TypeName string
}

// VariantDef is a variant of an enum. Calls, events and errors of a pallet are variants too.
type VariantDef struct {
	Name    string
	Index   uint8
	Members []Member
	docs    docs
}

// Docs returns the documentation, lines joined by newlines.
func (v *VariantDef) Docs() string { return v.docs.String() }

// docs is documentation as it lies in the blob: a vector of texts, read only when asked for.
type docs string

func (d docs) String() string {
	r := scale.NewReader([]byte(d))
	n := r.Count(1)
	lines := make([]string, 0, n)
	for range n {
		lines = append(lines, strings.TrimSpace(r.Text()))
	}
	if r.Err() != nil {
		return ""
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// Name returns the last part of the type's path, empty for types without one.
func (t *Type) Name() string {
	if len(t.Path) == 0 {
		return ""
	}
	return t.Path[len(t.Path)-1]
}

// Variant returns the variant with an index, nil if there is none.
func (t *Type) Variant(index uint8) *VariantDef {
	if int(index) < len(t.Variants) && t.Variants[index].Index == index {
		return &t.Variants[index]
	}
	for i := range t.Variants {
		if t.Variants[i].Index == index {
			return &t.Variants[i]
		}
	}
	return nil
}

// VariantNamed returns the variant with a name, nil if there is none.
func (t *Type) VariantNamed(name string) *VariantDef {
	for i := range t.Variants {
		if t.Variants[i].Name == name {
			return &t.Variants[i]
		}
	}
	return nil
}

// wrapped returns what a type stands for that adds nothing to it: a struct of one unnamed field, a tuple of one.
func (t *Type) wrapped() (TypeID, bool) {
	if (t.Kind == Composite || t.Kind == Tuple) && len(t.Members) == 1 && t.Members[0].Name == "" {
		return t.Members[0].Type, true
	}
	return 0, false
}

// Type returns an entry of the registry, nil if there is none.
func (rt *Runtime) Type(id TypeID) *Type {
	if int64(id) >= int64(len(rt.types)) {
		return nil
	}
	return &rt.types[id]
}

// Types returns how many types the registry has; their ids are 0 to Types()-1.
func (rt *Runtime) Types() int { return len(rt.types) }

// maxWraps bounds how many wrappers of one another are followed.
const maxWraps = 64

// core follows wrappers to the type beneath. A type that wraps itself gives nil.
func (rt *Runtime) core(id TypeID) (TypeID, *Type) {
	for range maxWraps {
		t := rt.Type(id)
		if t == nil {
			return id, nil
		}
		inner, ok := t.wrapped()
		if !ok {
			return id, t
		}
		id = inner
	}
	return id, nil
}

// FindType returns the first type whose path ends in the given words, such as "AccountInfo" or "types", "Registration".
func (rt *Runtime) FindType(path ...string) (TypeID, error) {
next:
	for id := range rt.types {
		p := rt.types[id].Path
		if len(path) == 0 || len(p) < len(path) {
			continue
		}
		for i, w := range path {
			if p[len(p)-len(path)+i] != w {
				continue next
			}
		}
		return TypeID(id), nil
	}
	return noType, fmt.Errorf("couldn't find type %s: %w", strings.Join(path, "::"), ErrUnknown)
}
