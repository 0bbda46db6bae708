package metadata

import (
	"fmt"
	"strings"
)

// Describe writes a type in a short notation of its own, which DescribeAPI reads: u16, Vec<u8>, [u8; 32], (u16, bool), Option<u32>,
// Compact<u64>, {netuid: u16, hotkey: [u8; 32]} for structs, enum{None, Raw(Vec<u8>)} for others. Wrappers are left out: NetUid is u16.
// What nests more than depth levels is written as its name.
func (rt *Runtime) Describe(id TypeID, depth int) string { return rt.describe(id, min(depth, 32)) }

func (rt *Runtime) describe(id TypeID, depth int) string {
	w := describer{rt: rt, left: 1 << 16}
	w.typ(id, depth)
	return w.String()
}

type describer struct {
	strings.Builder
	rt   *Runtime
	left int // bytes that may still be written: shared types make descriptions grow without end
}

func (w *describer) put(s string) {
	w.left -= len(s)
	w.WriteString(s)
}

func (w *describer) typ(id TypeID, depth int) {
	_, t := w.rt.core(id)
	switch {
	case t == nil:
		w.put("?")
		return
	case t.Kind == Primitive:
		w.put(t.Prim.String())
		return
	case (t.Kind == Tuple || t.Kind == Composite) && len(t.Members) == 0:
		w.put("()")
		return
	case depth <= 0 || w.left <= 0:
		if n := t.Name(); n != "" {
			w.put(n)
		} else {
			w.put("...")
		}
		return
	}
	switch t.Kind {
	case Composite, Tuple:
		w.members(t.Members, depth-1, "{", "}")
	case Enum:
		if t.isOption {
			w.put("Option<")
			w.typ(t.option, depth-1)
			w.put(">")
			return
		}
		w.put("enum{")
		next := 0
		for i := range t.Variants {
			v := &t.Variants[i]
			if i > 0 {
				w.put(", ")
			}
			w.put(v.Name)
			if int(v.Index) != next {
				w.put(fmt.Sprintf(" = %d", v.Index))
			}
			next = int(v.Index) + 1
			if len(v.Members) > 0 {
				w.members(v.Members, depth-1, "{", "}")
			}
		}
		w.put("}")
	case Sequence:
		w.put("Vec<")
		w.typ(t.Elem, depth-1)
		w.put(">")
	case Array:
		w.put("[")
		w.typ(t.Elem, depth-1)
		w.put(fmt.Sprintf("; %d]", t.Len))
	case Compact:
		w.put("Compact<")
		w.typ(t.Elem, depth-1)
		w.put(">")
	default:
		w.put("BitVec<")
		w.typ(t.Elem, depth-1)
		w.put(">")
	}
}

func (w *describer) members(members []Member, depth int, left, right string) {
	named := len(members) > 0 && members[0].Name != ""
	if !named {
		left, right = "(", ")"
	}
	w.put(left)
	for i, m := range members {
		if i > 0 {
			w.put(", ")
		}
		if named {
			w.put(m.Name + ": ")
		}
		w.typ(m.Type, depth)
	}
	w.put(right)
}
