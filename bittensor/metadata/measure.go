package metadata

// sizeCap is where sizes stop being told apart: more than any input has.
const sizeCap = 1 << 30

// measureDepth bounds how deep types are followed to measure them; beyond it the answer is the one that is always true.
const measureDepth = 200

// measure works out, for every type, between which sizes its values lie, which types are options, whose
// dynamic form may be nil, and what is within compact ones.
func (rt *Runtime) measure() {
	for i := range rt.types {
		t := &rt.types[i]
		if t.Kind == Enum && len(t.Path) == 1 && t.Path[0] == "Option" && len(t.Variants) == 2 &&
			t.Variants[0].Index == 0 && len(t.Variants[0].Members) == 0 && t.Variants[1].Index == 1 && len(t.Variants[1].Members) == 1 {
			t.isOption, t.option = true, t.Variants[1].Members[0].Type
		}
	}
	m := measurer{rt: rt, state: make([]uint8, len(rt.types))}
	for i := range rt.types {
		m.size(TypeID(i), 0)
	}
	for i := range rt.types {
		_, core := rt.core(TypeID(i))
		if rt.types[i].Kind == Compact {
			rt.types[i].compact = int8(rt.width(rt.types[i].Elem))
		}
		rt.types[i].nilable = core == nil || core.isOption || (core.Kind == Composite || core.Kind == Tuple) && len(core.Members) == 0
	}
}

type measurer struct {
	rt    *Runtime
	state []uint8 // 0 not seen, 1 being measured, 2 measured
}

// size returns the least bytes that a value takes, and the bytes that every value takes or -1.
func (m *measurer) size(id TypeID, depth int) (least, fixed int) {
	t := &m.rt.types[id]
	switch {
	case m.state[id] == 2:
		return int(t.least), int(t.fixed)
	case m.state[id] == 1 || depth > measureDepth:
		return 0, -1
	}
	m.state[id] = 1
	switch t.Kind {
	case Composite, Tuple:
		least, fixed = m.sum(t.Members, depth)
	case Enum:
		least, fixed = sizeCap, -2
		for i := range t.Variants {
			l, f := m.sum(t.Variants[i].Members, depth)
			least = min(least, l)
			if fixed == -2 {
				fixed = f
			} else if fixed != f {
				fixed = -1
			}
		}
		if fixed == -2 { // an enum without variants has no values
			least, fixed = 0, -1
		}
		least++
		if fixed >= 0 {
			fixed++
		}
	case Array:
		least, fixed = m.size(t.Elem, depth+1)
		least = clamp(uint64(least) * uint64(t.Len))
		if fixed >= 0 {
			fixed = clamp(uint64(fixed) * uint64(t.Len))
		}
	case Primitive:
		least = primSizes[t.Prim]
		fixed = least
		if t.Prim == Str {
			fixed = -1
		}
	case Compact:
		if m.rt.emptyCore(t.Elem) {
			break
		}
		least, fixed = 1, -1
	default:
		least, fixed = 1, -1
	}
	if fixed >= sizeCap {
		fixed = -1
	}
	t.least, t.fixed = int32(least), int32(fixed)
	m.state[id] = 2
	return least, fixed
}

func (m *measurer) sum(members []Member, depth int) (least, fixed int) {
	for i := range members {
		l, f := m.size(members[i].Type, depth+1)
		least = clamp(uint64(least) + uint64(l))
		if fixed >= 0 && f >= 0 {
			fixed = clamp(uint64(fixed) + uint64(f))
		} else {
			fixed = -1
		}
	}
	return least, fixed
}

// emptyCore reports whether a type is (), wrapped or not.
func (rt *Runtime) emptyCore(id TypeID) bool {
	_, t := rt.core(id)
	return t != nil && (t.Kind == Tuple || t.Kind == Composite) && len(t.Members) == 0
}

func clamp(n uint64) int { return int(min(n, sizeCap)) }
