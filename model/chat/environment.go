package chat

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nikolalohinski/gonja/v2/builtins"
	"github.com/nikolalohinski/gonja/v2/exec"
)

// namespace is what the function of that name gives: the only value that a template may change.
type namespace map[string]any

// environment is everything a template can name.
func environment() *exec.Environment {
	return &exec.Environment{
		Context: exec.NewContext(map[string]any{
			"range":           rangeOf,
			"namespace":       newNamespace,
			"dict":            newDict,
			"raise_exception": raise,
			"strftime_now":    noClock,
		}),
		Filters:           filters,
		Tests:             builtins.Tests,
		ControlStructures: statements(),
		Methods:           methods(),
	}
}

func newNamespace(e *exec.Evaluator, args *exec.VarArgs) (namespace, error) {
	ns := namespace{}
	for name, v := range args.KwArgs {
		ns[name] = v.Interface()
	}
	if len(args.Args) > 0 {
		return nil, errors.New("namespace takes named arguments")
	}
	return ns, budgetOf(e.Environment.Context).fits(ns)
}

func newDict(_ *exec.Evaluator, args *exec.VarArgs) (*exec.Dict, error) {
	if len(args.Args) > 0 {
		return nil, errors.New("dict takes named arguments")
	}
	d := exec.NewDict()
	names := make([]string, 0, len(args.KwArgs))
	for name := range args.KwArgs {
		names = append(names, name)
	}
	slices.Sort(names) // gonja doesn't keep the order
	for _, name := range names {
		d.Pairs = append(d.Pairs, &exec.Pair{Key: exec.AsValue(name), Value: args.KwArgs[name]})
	}
	return d, nil
}

// rangeOf is Python's range as a list, since gonja's runs a goroutine that a break would leave behind.
func rangeOf(e *exec.Evaluator, args *exec.VarArgs) ([]any, error) {
	n := make([]int, len(args.Args))
	for i, a := range args.Args {
		if !a.IsInteger() {
			return nil, errors.New("range takes integers")
		}
		n[i] = a.Integer()
	}
	start, stop, step := 0, 0, 1
	switch len(n) {
	case 1:
		stop = n[0]
	case 2:
		start, stop = n[0], n[1]
	case 3:
		start, stop, step = n[0], n[1], n[2]
	default:
		return nil, errors.New("range takes one to three integers")
	}
	if step == 0 || max(start, stop, step) > math.MaxInt32 || min(start, stop, step) < math.MinInt32 {
		return nil, errors.New("range with a step of 0 or a bound beyond 32 bits")
	}
	var out []any
	for i := start; (step > 0 && i < stop) || (step < 0 && i > stop); i += step {
		if len(out) == maxRange {
			return nil, budgetOf(e.Environment.Context).fail(fmt.Errorf("range of more than %d: %w", maxRange, ErrLimit))
		}
		out = append(out, i)
	}
	return out, nil
}

func raise(e *exec.Evaluator, args *exec.VarArgs) (any, error) {
	return nil, budgetOf(e.Environment.Context).fail(fmt.Errorf("%s: %w", args.First().String(), ErrRaised))
}

// noClock refuses what would make a prompt depend on the day. Templates that want a date take it as a variable instead.
func noClock(e *exec.Evaluator, _ *exec.VarArgs) (any, error) {
	return nil, budgetOf(e.Environment.Context).fail(fmt.Errorf("strftime_now: %w", ErrUnsupported))
}

// filters are those of gonja that keep a value's size, and our own where Python's result is another.
var filters = newFilters()

func newFilters() *exec.FilterSet {
	m := map[string]exec.FilterFunction{
		"tojson": filterToJSON,
		"trim": func(_ *exec.Evaluator, in *exec.Value, args *exec.VarArgs) *exec.Value {
			return exec.AsValue(strip(in.String(), args, true, true))
		},
		"items": func(_ *exec.Evaluator, in *exec.Value, _ *exec.VarArgs) *exec.Value { return exec.AsValue(items(in)) },
		"replace": func(e *exec.Evaluator, in *exec.Value, args *exec.VarArgs) *exec.Value {
			out, err := replace(in.String(), args)
			if err != nil {
				return exec.AsValue(budgetOf(e.Environment.Context).fail(err))
			}
			return exec.AsValue(out)
		},
		"join": func(e *exec.Evaluator, in *exec.Value, args *exec.VarArgs) *exec.Value {
			if sep := args.First().String(); in.Len()*len(sep) > maxSize || args.KwArgs["d"] != nil {
				return exec.AsValue(budgetOf(e.Environment.Context).fail(fmt.Errorf("join with %d bytes between: %w", len(sep), ErrLimit)))
			}
			return builtin("join")(e, in, args)
		},
	}
	for _, name := range []string{"abs", "capitalize", "count", "d", "default", "first", "float", "int", "last", "length", "list", "lower", "map",
		"max", "min", "reject", "rejectattr", "reverse", "round", "safe", "select", "selectattr", "sort", "string", "sum", "title", "unique", "upper"} {
		m[name] = builtin(name)
	}
	return exec.NewFilterSet(m)
}

func builtin(name string) exec.FilterFunction {
	f, ok := builtins.Filters.Get(name)
	if !ok {
		panic("gonja has no filter " + name)
	}
	return f
}

// replace is str.replace(old, new, count) within maxSize beside the input.
func replace(s string, args *exec.VarArgs) (string, error) {
	if len(args.Args) < 2 || len(args.Args) > 3 || len(args.KwArgs) > 0 {
		return "", fmt.Errorf("replace takes two or three arguments: %w", ErrTemplate)
	}
	old, to := args.Args[0].String(), args.Args[1].String()
	n := strings.Count(s, old)
	if len(args.Args) == 3 && args.Args[2].Integer() >= 0 {
		n = min(n, args.Args[2].Integer())
	}
	if n*(len(to)-len(old)) > maxSize {
		return "", fmt.Errorf("replace that adds more than %d bytes: %w", maxSize, ErrLimit)
	}
	return strings.Replace(s, old, to, n), nil
}

// strip is str.strip, lstrip and rstrip; without characters it takes away what Python calls white space.
func strip(s string, args *exec.VarArgs, left, right bool) string {
	cut := cpython.IsSpace
	if chars := args.First(); !chars.IsNil() {
		set := chars.String()
		cut = func(r rune) bool { return strings.ContainsRune(set, r) }
	}
	if left {
		s = strings.TrimLeftFunc(s, cut)
	}
	if right {
		s = strings.TrimRightFunc(s, cut)
	}
	return s
}

// items lists the pairs of a dictionary in its own order.
func items(v *exec.Value) []any {
	out := []any{}
	if !v.IsDict() {
		return out
	}
	v.Iterate(func(_, _ int, key, value *exec.Value) bool {
		out = append(out, []any{key.Interface(), value.Interface()})
		return true
	}, func() {})
	return out
}

// methods are those that return something no larger than what they are given. None changes its receiver, as in Jinja's immutable sandbox.
func methods() exec.Methods {
	str := map[string]exec.Method[string]{
		"strip":  func(s string, _ *exec.Value, a *exec.VarArgs) (any, error) { return strip(s, a, true, true), nil },
		"lstrip": func(s string, _ *exec.Value, a *exec.VarArgs) (any, error) { return strip(s, a, true, false), nil },
		"rstrip": func(s string, _ *exec.Value, a *exec.VarArgs) (any, error) { return strip(s, a, false, true), nil },
		"replace": func(s string, _ *exec.Value, a *exec.VarArgs) (any, error) {
			return replace(s, a)
		},
	}
	for _, name := range []string{"capitalize", "count", "endswith", "find", "isalnum", "isalpha", "isdigit", "islower", "isspace", "isupper", "lower",
		"partition", "removeprefix", "removesuffix", "rfind", "rpartition", "rsplit", "split", "splitlines", "startswith", "title", "upper"} {
		m, ok := builtins.Methods.Str.Get(name)
		if !ok {
			panic("gonja has no method " + name)
		}
		str[name] = m
	}
	column := func(i int) exec.Method[map[string]any] {
		return func(_ map[string]any, self *exec.Value, _ *exec.VarArgs) (any, error) {
			out := []any{}
			for _, p := range items(self) {
				out = append(out, p.([]any)[i])
			}
			return out, nil
		}
	}
	return exec.Methods{
		Str: exec.NewMethodSet(str),
		Dict: exec.NewMethodSet(map[string]exec.Method[map[string]any]{
			"items":  func(_ map[string]any, self *exec.Value, _ *exec.VarArgs) (any, error) { return items(self), nil },
			"keys":   column(0),
			"values": column(1),
			"get": func(self map[string]any, _ *exec.Value, a *exec.VarArgs) (any, error) {
				if v, ok := self[a.First().String()]; ok {
					return v, nil
				}
				if len(a.Args) > 1 {
					return a.Args[1].Interface(), nil
				}
				return nil, nil
			},
		}),
		Bool:  exec.NewMethodSet(map[string]exec.Method[bool]{}),
		Int:   exec.NewMethodSet(map[string]exec.Method[int]{}),
		Float: exec.NewMethodSet(map[string]exec.Method[float64]{}),
		List:  exec.NewMethodSet(map[string]exec.Method[[]any]{}),
	}
}
