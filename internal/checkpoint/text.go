package checkpoint

import (
	"sort"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// appendIndented appends json.dumps(v, indent=2, ensure_ascii=False).
func appendIndented(dst []byte, v cpython.Value, depth int) []byte {
	line := func() {
		dst = append(dst, '\n')
		dst = append(dst, strings.Repeat("  ", depth+1)...)
	}
	end := func(bracket byte) []byte {
		dst = append(dst, '\n')
		dst = append(dst, strings.Repeat("  ", depth)...)
		return append(dst, bracket)
	}
	switch {
	case v.Kind() == cpython.Object && v.Len() > 0:
		dst = append(dst, '{')
		for i, m := range v.Members() {
			if i > 0 {
				dst = append(dst, ',')
			}
			line()
			dst = appendUnescaped(dst, m.Key)
			dst = append(dst, ": "...)
			dst = appendIndented(dst, m.Value, depth+1)
		}
		return end('}')
	case v.Kind() == cpython.Array && v.Len() > 0:
		dst = append(dst, '[')
		for i, e := range v.Elements() {
			if i > 0 {
				dst = append(dst, ',')
			}
			line()
			dst = appendIndented(dst, e, depth+1)
		}
		return end(']')
	case v.Kind() == cpython.String:
		s, _ := v.Text()
		return appendUnescaped(dst, s)
	default:
		return v.AppendCompact(dst)
	}
}

// appendUnescaped appends a JSON string that escapes what must be and nothing else.
func appendUnescaped(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' {
			dst = append(dst, s[start:i]...)
			quoted := cpython.AppendString(nil, s[i:i+1])
			dst = append(dst, quoted[1:len(quoted)-1]...)
			start = i + 1
		}
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// sortedKeys returns v with the keys of all its objects ascending.
func sortedKeys(v cpython.Value) cpython.Value {
	switch v.Kind() {
	case cpython.Object:
		members := make([]cpython.Member, 0, v.Len())
		for _, m := range v.Members() {
			members = append(members, cpython.Member{Key: m.Key, Value: sortedKeys(m.Value)})
		}
		sort.SliceStable(members, func(i, j int) bool { return members[i].Key < members[j].Key })
		return cpython.ObjectValue(members)
	case cpython.Array:
		elements := make([]cpython.Value, 0, v.Len())
		for _, e := range v.Elements() {
			elements = append(elements, sortedKeys(e))
		}
		return cpython.ArrayValue(elements)
	}
	return v
}
