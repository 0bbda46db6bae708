package jinja

import "strings"

// attr is obj.name: a method or attribute of Python's first, then the item of that name.
func (r *run) attr(of any, name string) any {
	switch v := of.(type) {
	case undefined:
		fail(ErrRuntime, "attribute %s of %s", name, typeName(v))
	case bool, int, float64:
		fail(ErrUnsupported, "attribute %s of %s", name, typeName(v))
	case string:
		if m, ok := stringMethods[name]; ok {
			return function(func(r *run, a args) any { return m(r, v, a) })
		}
		if pythonStringMethods[name] {
			fail(ErrUnsupported, "method %s of a string", name)
		}
	case *dict:
		if m, ok := dictMethods[name]; ok {
			return function(func(r *run, a args) any { return m(r, v, a) })
		}
		if pythonDictMethods[name] {
			fail(ErrUnsupported, "method %s of a dictionary", name)
		}
		if x, ok := v.get(name); ok {
			return x
		}
	case *namespace:
		if x, ok := v.get(name); ok && !strings.HasPrefix(name, "_") {
			return x
		}
	case *loop:
		return v.attr(name)
	case *list:
		if name == "index" || name == "count" || name == "copy" {
			fail(ErrUnsupported, "method %s of a list", name)
		}
	}
	return undefined{name}
}

// item is obj[key]: the item, or for a string the attribute of that name.
func (r *run) item(of, key any) any {
	if n, ok := asInt(key); ok {
		switch v := of.(type) {
		case *list:
			if n < 0 {
				n += len(v.items)
			}
			if v.kind <= rangeKind && n >= 0 && n < len(v.items) {
				return v.items[n]
			}
			return undefined{"item"}
		case string:
			runes := r.runes(v)
			if n < 0 {
				n += len(runes)
			}
			if n >= 0 && n < len(runes) {
				return string(runes[n])
			}
			return undefined{"item"}
		}
	}
	if u, ok := of.(undefined); ok {
		fail(ErrRuntime, "item of %s", typeName(u))
	}
	name, ok := key.(string)
	if !ok {
		return undefined{"item"}
	}
	if d, ok := of.(*dict); ok {
		if v, ok := d.get(name); ok {
			return v
		}
	}
	return r.attr(of, name)
}

func (r *run) runes(s string) []rune {
	r.spend(4 * len(s))
	return []rune(s)
}

// slice is obj[start:stop:step].
func (r *run) slice(of any, part [3]any) any {
	var runes []rune
	n := 0
	l, isList := of.(*list)
	switch s, isString := of.(string); {
	case isString:
		runes = r.runes(s)
		n = len(runes)
	case isList && l.kind <= rangeKind:
		n = len(l.items)
	default:
		fail(ErrRuntime, "slice of %s", typeName(of))
	}
	bound := func(v any, otherwise, low, high int) int {
		if v == nil {
			return otherwise
		}
		i, ok := asInt(v)
		if !ok {
			fail(ErrRuntime, "slice bound that is %s", typeName(v))
		}
		if i < 0 {
			if i += n; i < low {
				return low
			}
		}
		return min(i, high)
	}
	step := 1
	if part[2] != nil {
		var ok bool
		if step, ok = asInt(part[2]); !ok || step == 0 {
			fail(ErrRuntime, "slice step that is %s", typeName(part[2]))
		}
	}
	step = max(-n-1, min(step, n+1))
	var start, stop int
	if step > 0 {
		start, stop = bound(part[0], 0, 0, n), bound(part[1], n, 0, n)
	} else {
		start, stop = bound(part[0], n-1, -1, n-1), bound(part[1], -1, -1, n-1)
	}
	var text []rune
	var items []any
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		r.spend(4)
		if runes != nil {
			text = append(text, runes[i])
		} else {
			items = append(items, l.items[i])
		}
	}
	if isList {
		r.spend(12 * len(items))
		return &list{items: items, kind: l.kind}
	}
	return string(text)
}
