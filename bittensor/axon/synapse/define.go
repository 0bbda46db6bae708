package synapse

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// ErrDefinition is the sentinel of a Go type that cannot be a synapse. It is a mistake in the program, found when the Type is made.
var ErrDefinition = errors.New("no synapse can be made of this type")

// maxDepth bounds how deep lists and dicts of a message lie in each other.
const maxDepth = 64

// baseNames are the fields that every synapse has, in the order of the wire.
var baseNames = []string{"name", "timeout", "total_size", "header_size", "dendrite", "axon", "computed_body_hash"}

// Type is the class of a synapse: its name and fields. It is immutable and safe for use by several goroutines.
type Type struct {
	name           string
	goType         reflect.Type
	fields         []field // in the order of declaration, without a redeclared timeout
	timeout        *field  // the redeclared timeout, or nil
	integerTimeout bool
	hashed         []string // what the body hash covers, in its order
	answers        bool     // some field is marked answer
}

// field is one field of a class.
type field struct {
	name                   string
	index                  int
	required, hash, answer bool
	initial                *cpython.Value // of the default tag
}

// TypeOf makes the class of the Go type T, a struct tagged as the package comment says. The class is named as the Go type is; a method
// SynapseName() string gives another name. Errors wrap ErrDefinition and say which field is wrong.
func TypeOf[T any]() (*Type, error) {
	var zero T
	goType := reflect.TypeFor[T]()
	name := goType.Name()
	if n, ok := any(zero).(interface{ SynapseName() string }); ok {
		name = n.SynapseName()
	}
	t, err := define(goType, name)
	if err != nil {
		return nil, fmt.Errorf("couldn't define synapse %s: %w", goType, err)
	}
	if h, ok := any(zero).(interface{ HashFields() []string }); ok {
		t.hashed = slices.Clone(h.HashFields())
		if err := t.checkHashed(); err != nil {
			return nil, fmt.Errorf("couldn't define synapse %s: %w", goType, err)
		}
	}
	return t, nil
}

// MustTypeOf is TypeOf for package variables: it panics where TypeOf fails.
func MustTypeOf[T any]() *Type {
	t, err := TypeOf[T]()
	if err != nil {
		panic(err)
	}
	return t
}

// Name returns the name of the class, which is its route.
func (t *Type) Name() string { return t.name }

// HashFields returns the names of the fields that the body hash covers, in its order.
func (t *Type) HashFields() []string { return slices.Clone(t.hashed) }

// Fields returns the names of the class's own fields in the order of the wire.
func (t *Type) Fields() []string {
	names := make([]string, len(t.fields))
	for i, f := range t.fields {
		names[i] = f.name
	}
	return names
}

// IntegerTimeout reports whether the class redeclares its timeout as an integer.
func (t *Type) IntegerTimeout() bool { return t.integerTimeout }

// New returns a pointer to a new value of the Go type with the defaults of its tags.
func (t *Type) New() any {
	v := reflect.New(t.goType)
	t.setDefaults(v.Elem())
	return v.Interface()
}

func (t *Type) setDefaults(v reflect.Value) {
	for i := range t.fields {
		if f := &t.fields[i]; f.initial != nil {
			_ = decodeReflect(*f.initial, v.Field(f.index)) // tried when the type was defined
		}
	}
}

func define(goType reflect.Type, name string) (*Type, error) {
	if goType.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%w: it is no struct", ErrDefinition)
	}
	if !isName(name) {
		return nil, fmt.Errorf("%w: %q is no class name, use letters, digits and underscores", ErrDefinition, name)
	}
	t := &Type{name: name, goType: goType}
	all, err := fieldsOf(goType, 0)
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		switch {
		case f.name == "timeout":
			if err := t.redeclareTimeout(f); err != nil {
				return nil, err
			}
		case slices.Contains(baseNames, f.name):
			return nil, fmt.Errorf("%w: field %s has the name of a base field", ErrDefinition, f.name)
		default:
			t.fields = append(t.fields, f)
			t.answers = t.answers || f.answer
		}
	}
	if t.timeout != nil && t.timeout.hash {
		t.hashed = append(t.hashed, "timeout")
	}
	for _, f := range t.fields {
		if f.hash {
			t.hashed = append(t.hashed, f.name)
		}
	}
	return t, nil
}

func (t *Type) redeclareTimeout(f field) error {
	switch t.goType.Field(f.index).Type.Kind() {
	case reflect.Int, reflect.Int64:
		t.integerTimeout = true
	case reflect.Float64:
	default:
		return fmt.Errorf("%w: timeout must be int, int64 or float64", ErrDefinition)
	}
	t.timeout = &f
	return nil
}

func (t *Type) checkHashed() error {
	for i, name := range t.hashed {
		known := slices.Contains(baseNames, name) || slices.ContainsFunc(t.fields, func(f field) bool { return f.name == name })
		if !known || name == "dendrite" || name == "axon" || slices.Contains(t.hashed[:i], name) {
			return fmt.Errorf("%w: HashFields names %q, which is no field to hash once", ErrDefinition, name)
		}
	}
	return nil
}

// fieldsOf reads the tags of a struct.
func fieldsOf(goType reflect.Type, depth int) ([]field, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: it contains itself", ErrDefinition)
	}
	var fields []field
	for i := range goType.NumField() {
		sf := goType.Field(i)
		tag, tagged := sf.Tag.Lookup("synapse")
		if !tagged {
			continue
		}
		f := field{index: i, name: sf.Name}
		parts := strings.Split(tag, ",")
		if parts[0] != "" {
			f.name = parts[0]
		}
		for _, option := range parts[1:] {
			switch option {
			case "required":
				f.required = true
			case "hash":
				f.hash = true
			case "answer":
				f.answer = true
			default:
				return nil, fmt.Errorf("%w: field %s has the unknown option %q", ErrDefinition, f.name, option)
			}
		}
		if !sf.IsExported() || !isName(f.name) {
			return nil, fmt.Errorf("%w: field %s must be exported, its name letters, digits and underscores", ErrDefinition, f.name)
		}
		if slices.ContainsFunc(fields, func(other field) bool { return other.name == f.name }) {
			return nil, fmt.Errorf("%w: field %s stands there twice", ErrDefinition, f.name)
		}
		if err := checkKind(sf.Type, depth); err != nil {
			return nil, fmt.Errorf("field %s: %w", f.name, err)
		}
		if text, ok := sf.Tag.Lookup("default"); ok {
			v, err := cpython.ParseJSON([]byte(text), cpython.Limits{})
			if err == nil {
				err = decodeReflect(v, reflect.New(sf.Type).Elem())
			}
			if err != nil || f.required {
				return nil, fmt.Errorf("%w: the default of %s does not fit it (it is JSON, and no field with one is required)", ErrDefinition, f.name)
			}
			f.initial = &v
		}
		fields = append(fields, f)
	}
	return fields, nil
}

func isName(s string) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 128
}
