package jinja

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nanteos/nanteos/internal/cpython"
)

// Values are nil, bool, int, float64, string, *list, *dict, *namespace, *loop, function and undefined. Lists and dictionaries don't
// change once made (Jinja's immutable sandbox), so they may be shared; only a namespace is assigned to.

// undefined is a name or attribute that isn't there. It prints as nothing and fails when it is used as anything else.
type undefined struct{ name string }

// function is a global, a method bound to its object, or a macro.
type function func(r *run, a args) any

type listType uint8

const (
	listKind listType = iota
	tupleKind
	rangeKind
	viewKind      // of a dictionary: no index
	generatorKind // of map, select and their kin: no index, no length, read once
)

type list struct {
	items []any
	kind  listType
	read  bool
}

type dict struct {
	keys  []string
	index map[string]int
	vals  []any
}

func newDict() *dict { return &dict{index: map[string]int{}} }

func (d *dict) set(key string, v any) {
	if i, ok := d.index[key]; ok {
		d.vals[i] = v
		return
	}
	d.index[key] = len(d.keys)
	d.keys = append(d.keys, key)
	d.vals = append(d.vals, v)
}

func (d *dict) get(key string) (any, bool) {
	i, ok := d.index[key]
	if !ok {
		return nil, false
	}
	return d.vals[i], true
}

type namespace struct{ dict }

// FromGo says whether a value may be a variable: nil, bool, int, int64, float64, string, []any, map[string]any (whose keys are then
// sorted), Pairs and cpython.Value, nested at most 60 deep.
func FromGo(v any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(failure)
			if !ok {
				panic(r)
			}
			err = f.err
		}
	}()
	size := 0
	fromGo(v, &size, 0)
	return nil
}

// Pair is a member of an ordered dictionary.
type Pair struct {
	Key   string
	Value any
}

// Pairs is a dictionary that keeps its order.
type Pairs []Pair

func fromGo(v any, size *int, depth int) any {
	if depth > maxPrint {
		fail(ErrLimit, "variable of more than %d levels", maxPrint)
	}
	*size++
	switch v := v.(type) {
	case function: // of this package's own globals
		return v
	case nil, bool, int, float64:
		return v
	case int64:
		return int(v)
	case string:
		*size += len(v)
		return v
	case []any:
		l := &list{items: make([]any, len(v))}
		for i, e := range v {
			l.items[i] = fromGo(e, size, depth+1)
		}
		return l
	case Pairs:
		d := newDict()
		for _, p := range v {
			*size += len(p.Key)
			d.set(p.Key, fromGo(p.Value, size, depth+1))
		}
		return d
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		d := newDict()
		for _, k := range keys {
			*size += len(k)
			d.set(k, fromGo(v[k], size, depth+1))
		}
		return d
	case cpython.Value:
		return fromPython(v, size, depth)
	}
	fail(ErrUnsupported, "variable of type %T", v)
	return nil
}

func fromPython(v cpython.Value, size *int, depth int) any {
	switch v.Kind() {
	case cpython.Null:
		return nil
	case cpython.Bool:
		b, _ := v.Bool()
		return b
	case cpython.Int:
		n, ok := v.Int64()
		if !ok {
			fail(ErrUnsupported, "integer beyond 64 bits")
		}
		return int(n)
	case cpython.Float:
		f, _ := v.Float()
		return f
	case cpython.String:
		s, _ := v.Text()
		*size += len(s)
		return s
	case cpython.Array:
		l := &list{}
		for _, e := range v.Elements() {
			l.items = append(l.items, fromGo(e, size, depth+1))
		}
		return l
	}
	d := newDict()
	for _, m := range v.Members() {
		*size += len(m.Key)
		d.set(m.Key, fromGo(m.Value, size, depth+1))
	}
	return d
}

func typeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return "a truth value"
	case int, float64:
		return "a number"
	case string:
		return "a string"
	case *list:
		return "a list"
	case *dict:
		return "a dictionary"
	case *namespace:
		return "a namespace"
	case undefined:
		return strconv.Quote(v.name) + ", which is undefined,"
	}
	return fmt.Sprintf("a %T", v)
}

func truth(v any) bool {
	switch v := v.(type) {
	case nil, undefined:
		return false
	case bool:
		return v
	case int:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case *list:
		return len(v.items) > 0 || v.kind == generatorKind
	case *dict:
		return len(v.keys) > 0
	}
	return true
}

// asInt gives an integer or a truth value, which Python counts as one.
func asInt(v any) (int, bool) {
	switch v := v.(type) {
	case int:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

func asFloat(v any) (float64, bool) {
	if f, ok := v.(float64); ok {
		return f, true
	}
	n, ok := asInt(v)
	return float64(n), ok
}

// str is Python's str().
func (r *run) str(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case undefined:
		return ""
	}
	return r.repr(v, 0)
}

// repr is Python's repr().
func (r *run) repr(v any, depth int) string {
	if depth > maxPrint {
		fail(ErrLimit, "print of more than %d levels", maxPrint)
	}
	r.spend(1)
	switch v := v.(type) {
	case nil:
		return "None"
	case undefined:
		return "Undefined"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case int:
		return strconv.Itoa(v)
	case float64:
		switch {
		case math.IsNaN(v):
			return "nan"
		case math.IsInf(v, 1):
			return "inf"
		case math.IsInf(v, -1):
			return "-inf"
		}
		return string(cpython.AppendFloat(nil, v))
	case string:
		return r.made(reprString(v))
	case *list:
		parts := make([]string, len(v.items))
		for i, e := range v.items {
			parts[i] = r.repr(e, depth+1)
		}
		s := r.made(strings.Join(parts, ", "))
		switch {
		case v.kind == listKind:
			return "[" + s + "]"
		case v.kind == tupleKind && len(parts) == 1:
			return "(" + s + ",)"
		case v.kind == tupleKind:
			return "(" + s + ")"
		}
	case *dict:
		parts := make([]string, len(v.keys))
		for i, k := range v.keys {
			parts[i] = r.made(reprString(k)) + ": " + r.repr(v.vals[i], depth+1)
		}
		return "{" + r.made(strings.Join(parts, ", ")) + "}"
	}
	fail(ErrUnsupported, "print of %s", typeName(v))
	return ""
}

func reprString(s string) string {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	b := []byte{quote}
	for _, c := range s {
		switch {
		case c == rune(quote) || c == '\\':
			b = append(b, '\\', byte(c))
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case unicode.IsPrint(c):
			b = utf8.AppendRune(b, c)
		case c < 0x100:
			b = fmt.Appendf(b, `\x%02x`, c)
		case c < 0x10000:
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = fmt.Appendf(b, `\U%08x`, c)
		}
	}
	return string(append(b, quote))
}

// iterate gives the elements of a value; a generator has none the second time.
func (r *run) iterate(v any) []any {
	switch v := v.(type) {
	case undefined:
		return nil
	case *list:
		r.spend(len(v.items))
		if v.kind == generatorKind {
			if v.read {
				return nil
			}
			v.read = true
		}
		return v.items
	case string:
		out := make([]any, 0, len(v))
		r.spend(17 * len(v))
		for _, c := range v {
			out = append(out, string(c))
		}
		return out
	case *dict:
		r.spend(16 * len(v.keys))
		return stringList(v.keys)
	}
	fail(ErrRuntime, "iteration over %s", typeName(v))
	return nil
}

func stringList(keys []string) []any {
	out := make([]any, len(keys))
	for i, k := range keys {
		out[i] = k
	}
	return out
}

// length is Python's len().
func (r *run) length(v any) int {
	switch v := v.(type) {
	case undefined:
		return 0
	case string:
		r.spend(len(v) / 16)
		return utf8.RuneCountInString(v)
	case *list:
		if v.kind != generatorKind {
			return len(v.items)
		}
	case *dict:
		return len(v.keys)
	}
	fail(ErrRuntime, "length of %s", typeName(v))
	return 0
}

func (r *run) equal(a, b any, depth int) bool {
	if depth > maxPrint {
		fail(ErrLimit, "comparison of more than %d levels", maxPrint)
	}
	r.spend(1)
	if x, ok := asFloat(a); ok {
		y, ok := asFloat(b)
		m, okM := asInt(a)
		n, okN := asInt(b)
		if okM && okN {
			return m == n
		}
		return ok && x == y
	}
	switch a := a.(type) {
	case nil:
		return b == nil
	case undefined:
		_, ok := b.(undefined)
		return ok
	case string:
		s, ok := b.(string)
		return ok && a == s
	case *list:
		l, ok := b.(*list)
		if !ok || a.kind != l.kind || len(a.items) != len(l.items) {
			return false
		}
		if a.kind == viewKind || a.kind == generatorKind {
			return a == l
		}
		for i := range a.items {
			if !r.equal(a.items[i], l.items[i], depth+1) {
				return false
			}
		}
		return true
	case *dict:
		d, ok := b.(*dict)
		if !ok || len(a.keys) != len(d.keys) {
			return false
		}
		for i, k := range a.keys {
			v, ok := d.get(k)
			if !ok || !r.equal(a.vals[i], v, depth+1) {
				return false
			}
		}
		return true
	case *namespace:
		ns, ok := b.(*namespace)
		return ok && a == ns
	case *loop:
		l, ok := b.(*loop)
		return ok && a == l
	}
	return false
}

// order compares what Python orders: numbers, strings by code point, lists and tuples.
func (r *run) order(a, b any, depth int) int {
	r.spend(1)
	if x, ok := asFloat(a); ok {
		if y, ok := asFloat(b); ok {
			m, okM := asInt(a)
			n, okN := asInt(b)
			switch {
			case okM && okN && m < n, !(okM && okN) && x < y:
				return -1
			case okM && okN && m > n, !(okM && okN) && x > y:
				return 1
			case math.IsNaN(x) || math.IsNaN(y):
				return 2 // neither
			}
			return 0
		}
	}
	if s, ok := a.(string); ok {
		if t, ok := b.(string); ok {
			return strings.Compare(s, t)
		}
	}
	la, okA := a.(*list)
	lb, okB := b.(*list)
	if !okA || !okB || la.kind != lb.kind || la.kind > tupleKind || depth > maxPrint {
		fail(ErrRuntime, "order of %s and %s", typeName(a), typeName(b))
	}
	for i := range min(len(la.items), len(lb.items)) {
		if !r.equal(la.items[i], lb.items[i], depth+1) {
			return r.order(la.items[i], lb.items[i], depth+1)
		}
	}
	return cmp.Compare(len(la.items), len(lb.items))
}

func (r *run) contains(in, v any) bool {
	switch in := in.(type) {
	case string:
		s, ok := v.(string)
		if !ok {
			fail(ErrRuntime, "%s in a string", typeName(v))
		}
		r.spend((len(in) + len(s)) / 16)
		return strings.Contains(in, s)
	case *dict:
		s, ok := v.(string)
		if !ok {
			return false
		}
		_, ok = in.get(s)
		return ok
	}
	for _, e := range r.iterate(in) {
		if r.equal(e, v, 0) {
			return true
		}
	}
	return false
}

func (r *run) compare(op string, a, b any) bool {
	switch op {
	case "==":
		return r.equal(a, b, 0)
	case "!=":
		return !r.equal(a, b, 0)
	case "in":
		return r.contains(b, a)
	case "not in":
		return !r.contains(b, a)
	}
	c := r.order(a, b, 0)
	switch op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0 && c != 2
	}
	return c >= 0 && c != 2
}

func (r *run) arithmetic(op string, a, b any) any {
	m, okM := asInt(a)
	n, okN := asInt(b)
	if okM && okN {
		return intArithmetic(op, m, n)
	}
	x, okX := asFloat(a)
	y, okY := asFloat(b)
	if okX && okY {
		return floatArithmetic(op, x, y)
	}
	switch l := a.(type) {
	case string:
		if s, ok := b.(string); ok && op == "+" {
			r.spend(len(l) + len(s))
			return l + s
		}
		if okN && op == "*" {
			return r.repeat(l, n)
		}
		if op == "%" {
			fail(ErrUnsupported, "string formatting with %%")
		}
	case *list:
		if k, ok := b.(*list); ok && op == "+" && l.kind == k.kind && l.kind <= tupleKind {
			r.spend(16 * (len(l.items) + len(k.items)))
			return &list{items: slices.Concat(l.items, k.items), kind: l.kind}
		}
		if okN && op == "*" && l.kind <= tupleKind {
			fail(ErrUnsupported, "multiplication of a list")
		}
	}
	if s, ok := b.(string); ok && okM && op == "*" {
		return r.repeat(s, m)
	}
	fail(ErrRuntime, "operator %s between %s and %s", op, typeName(a), typeName(b))
	return nil
}

func (r *run) repeat(s string, n int) string {
	if n <= 0 || s == "" {
		return ""
	}
	if n > math.MaxInt32 || len(s) > math.MaxInt32 {
		fail(ErrLimit, "string repeated %d times", n)
	}
	r.spend(n * len(s))
	return strings.Repeat(s, n)
}

func intArithmetic(op string, m, n int) any {
	overflow := false
	var out int
	switch op {
	case "+":
		out = m + n
		overflow = (out > m) != (n > 0) && n != 0
	case "-":
		out = m - n
		overflow = (out < m) != (n > 0) && n != 0
	case "*":
		hi, lo := bits.Mul64(uint64(max(m, -m)), uint64(max(n, -n)))
		overflow = hi != 0 || lo > math.MaxInt || m == math.MinInt || n == math.MinInt
		out = m * n
	case "/":
		if n == 0 {
			fail(ErrRuntime, "division by zero")
		}
		if max(m, -m) > 1<<53 || max(n, -n) > 1<<53 {
			fail(ErrUnsupported, "division of integers beyond 53 bits")
		}
		return float64(m) / float64(n)
	case "//", "%":
		if n == 0 {
			fail(ErrRuntime, "division by zero")
		}
		if m == math.MinInt && n == -1 {
			overflow = true
			break
		}
		q, rest := m/n, m%n
		if rest != 0 && (rest < 0) != (n < 0) {
			q, rest = q-1, rest+n
		}
		if out = rest; op == "//" {
			out = q
		}
	}
	if overflow {
		fail(ErrUnsupported, "integer beyond 64 bits")
	}
	return out
}

func floatArithmetic(op string, x, y float64) any {
	if y == 0 && (op == "/" || op == "//" || op == "%") {
		fail(ErrRuntime, "division by zero")
	}
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	case "/":
		return x / y
	}
	rest := math.Mod(x, y)
	if rest != 0 && (rest < 0) != (y < 0) {
		rest += y
	} else if rest == 0 {
		rest = math.Copysign(0, y)
	}
	if op == "%" {
		return rest
	}
	q := (x - rest) / y
	if q == 0 {
		return math.Copysign(0, x/y)
	}
	if f := math.Floor(q); q-f > 0.5 {
		return f + 1
	} else {
		return f
	}
}
