package metadata_test

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/nanteos/nanteos/bittensor/metadata"
)

// random makes a value of a type in its dynamic form. ok is false for types that it can't make one of.
func random(rt *metadata.Runtime, id metadata.TypeID, r *rand.Rand, depth int) (v any, ok bool) {
	t := rt.Type(id)
	if depth > 24 {
		return nil, false
	}
	switch t.Kind {
	case metadata.Composite, metadata.Tuple:
		switch {
		case len(t.Members) == 0:
			return nil, true
		case len(t.Members) == 1 && t.Members[0].Name == "":
			return random(rt, t.Members[0].Type, r, depth+1)
		}
		s, ok := randomFields(rt, t.Members, r, depth)
		if !ok || t.Members[0].Name != "" {
			return s, ok
		}
		list := make([]any, len(s))
		for i := range s {
			list[i] = s[i].Value
		}
		return list, true
	case metadata.Enum:
		if len(t.Variants) == 0 {
			return nil, false
		}
		def := &t.Variants[r.IntN(len(t.Variants))]
		if depth > 8 { // the way out of types that contain themselves
			for i := range t.Variants {
				if len(t.Variants[i].Members) < len(def.Members) {
					def = &t.Variants[i]
				}
			}
		}
		s, ok := randomFields(rt, def.Members, r, depth)
		if !ok {
			return nil, false
		}
		if t.Name() == "Option" {
			if def.Index == 0 {
				return nil, true
			}
			if nilable(rt, def.Members[0].Type) {
				return metadata.Some{Value: s[0].Value}, true
			}
			return s[0].Value, true
		}
		return metadata.Variant{Name: def.Name, Index: def.Index, Fields: s}, true
	case metadata.Sequence:
		return randomList(rt, t.Elem, r.IntN(4), false, r, depth)
	case metadata.Array:
		if t.Len > 1<<12 {
			return nil, false
		}
		return randomList(rt, t.Elem, int(t.Len), true, r, depth)
	case metadata.Primitive:
		return randomPrimitive(t.Prim, r), true
	case metadata.Compact:
		return randomCompact(rt, t.Elem, r)
	}
	return nil, false
}

// nilable is told by the notation: options and () may be nil.
func nilable(rt *metadata.Runtime, id metadata.TypeID) bool {
	d := rt.Describe(id, 1)
	return d == "()" || len(d) > 7 && d[:7] == "Option<"
}

func randomFields(rt *metadata.Runtime, members []metadata.Member, r *rand.Rand, depth int) (s metadata.Struct, ok bool) {
	for _, m := range members {
		v, ok := random(rt, m.Type, r, depth+1)
		if !ok {
			return nil, false
		}
		s = append(s, metadata.Field{Name: m.Name, Value: v})
	}
	return s, true
}

func randomList(rt *metadata.Runtime, elem metadata.TypeID, n int, array bool, r *rand.Rand, depth int) (any, bool) {
	if t := rt.Type(elem); t.Kind == metadata.Primitive && t.Prim == metadata.U8 {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if array && n == 32 {
			return [32]byte(b), true
		}
		return b, true
	}
	list := make([]any, n)
	for i := range list {
		v, ok := random(rt, elem, r, depth+1)
		if !ok {
			return nil, false
		}
		list[i] = v
	}
	return list, true
}

func randomBig(bits int, r *rand.Rand) *big.Int {
	v := new(big.Int)
	for range bits / 64 {
		v.Lsh(v, 64).Or(v, new(big.Int).SetUint64(r.Uint64()))
	}
	return v.Rsh(v, uint(r.IntN(bits+1)))
}

func randomPrimitive(p metadata.Prim, r *rand.Rand) any {
	u := r.Uint64() >> r.IntN(64)
	switch p {
	case metadata.Bool:
		return u&1 == 1
	case metadata.Char:
		return rune(u % 0xd800)
	case metadata.Str:
		return string([]rune{rune(u % 0xd800), 'x'})
	case metadata.U8:
		return u & 0xff
	case metadata.U16:
		return u & 0xffff
	case metadata.U32:
		return u & 0xffffffff
	case metadata.U64:
		return u
	case metadata.U128:
		return randomBig(128, r)
	case metadata.U256:
		return randomBig(256, r)
	case metadata.I8:
		return int64(int8(u))
	case metadata.I16:
		return int64(int16(u))
	case metadata.I32:
		return int64(int32(u))
	case metadata.I64:
		return int64(u)
	case metadata.I128:
		return new(big.Int).Neg(randomBig(64, r))
	default:
		return new(big.Int).Neg(randomBig(192, r))
	}
}

func randomCompact(rt *metadata.Runtime, elem metadata.TypeID, r *rand.Rand) (any, bool) {
	t := rt.Type(elem)
	for len(t.Members) == 1 {
		t = rt.Type(t.Members[0].Type)
	}
	if t.Kind != metadata.Primitive {
		return nil, len(t.Members) == 0
	}
	return randomPrimitive(t.Prim, r), true
}

// TestRandomValues makes values of every type of every runtime. Each must encode, decode to itself, be passed over whole, and go
// through Unmarshal into any.
func TestRandomValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{v14, v15, v16} {
		rt := runtime(t, name)
		made, gaveUp := 0, 0
		for id := range metadata.TypeID(rt.Types()) {
			for range 3 {
				v, ok := random(rt, id, r, 0)
				if !ok {
					gaveUp++
					continue
				}
				raw, err := rt.Encode(id, v)
				if err != nil {
					t.Fatalf("%s: %s of %v: %v", name, rt.Describe(id, 4), v, err)
				}
				if back, err := rt.Decode(id, raw); err != nil || !equal(back, v) {
					t.Fatalf("%s: %s: %v from %x of %v (%v)", name, rt.Describe(id, 4), back, raw, v, err)
				}
				if same, err := rt.Encode(id, metadata.Raw(raw)); err != nil || !bytes.Equal(same, raw) {
					t.Fatalf("%s: %s: %x isn't passed over: %v", name, rt.Describe(id, 4), raw, err)
				}
				var into any
				if err := rt.Unmarshal(id, raw, &into); err != nil || !equal(into, v) {
					t.Fatalf("%s: %s: %v into any from %x (%v)", name, rt.Describe(id, 4), into, raw, err)
				}
				if len(raw) > 0 {
					if _, err := rt.Decode(id, raw[:len(raw)-1]); err == nil {
						t.Fatalf("%s: %s: %x without its last byte decodes", name, rt.Describe(id, 4), raw)
					}
				}
				made++
			}
		}
		if made < 4*gaveUp {
			t.Errorf("%s: %d values made, %d times given up", name, made, gaveUp)
		}
	}
}

// equal compares values, numbers of many bits by what they are.
func equal(a, b any) bool {
	switch x := a.(type) {
	case *big.Int:
		y, ok := b.(*big.Int)
		return ok && x.Cmp(y) == 0
	case []any:
		y, ok := b.([]any)
		for i := 0; ok && i < len(x) && len(x) == len(y); i++ {
			ok = equal(x[i], y[i])
		}
		return ok && len(x) == len(y)
	case metadata.Struct:
		y, ok := b.(metadata.Struct)
		for i := 0; ok && i < len(x) && len(x) == len(y); i++ {
			ok = x[i].Name == y[i].Name && equal(x[i].Value, y[i].Value)
		}
		return ok && len(x) == len(y)
	case metadata.Variant:
		y, ok := b.(metadata.Variant)
		return ok && x.Name == y.Name && x.Index == y.Index && equal(x.Fields, y.Fields)
	case metadata.Some:
		y, ok := b.(metadata.Some)
		return ok && equal(x.Value, y.Value)
	}
	return reflect.DeepEqual(a, b)
}
