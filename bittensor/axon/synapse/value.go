package synapse

import (
	"encoding/json"
	"fmt"

	"github.com/nanteos/nanteos/internal/cpython"
)

// Value is any JSON value as Python holds it: members keep their order, 1 and 1.0 differ, integers have any size. The zero Value is null.
// Values are immutable.
type Value struct {
	v cpython.Value
}

// ParseValue reads one JSON value, NaN and infinities included, of at most 4 MiB.
func ParseValue(text []byte) (Value, error) {
	v, err := cpython.ParseJSON(text, cpython.Limits{MaxBytes: 4 << 20, MaxDepth: maxDepth})
	if err != nil {
		return Value{}, fmt.Errorf("couldn't read value: %w", err)
	}
	return Value{v}, nil
}

// ValueOf makes a Value of anything that a field of a synapse may hold. Members of maps come in ascending order of their keys.
func ValueOf(x any) (Value, error) {
	v, err := encodeAny(x)
	if err != nil {
		return Value{}, fmt.Errorf("couldn't make value: %w", err)
	}
	return Value{v}, nil
}

// IsNull reports whether the value is null.
func (v Value) IsNull() bool { return v.v.Kind() == cpython.Null }

// Text returns the text of a string; ok is false for other kinds.
func (v Value) Text() (text string, ok bool) { return v.v.Text() }

// Get returns a member of an object; ok is false when there is none.
func (v Value) Get(key string) (member Value, ok bool) {
	m, ok := v.v.Get(key)
	return Value{m}, ok
}

// Decode stores the value in the variable that target points to, by the rules for fields of a synapse.
func (v Value) Decode(target any) error {
	if err := decodeInto(v.v, target); err != nil {
		return fmt.Errorf("couldn't decode value: %w", err)
	}
	return nil
}

// String returns the value as JSON in Python's default layout.
func (v Value) String() string { return v.v.String() }

// MarshalJSON gives the value to encoding/json, which refuses NaN and infinities.
func (v Value) MarshalJSON() ([]byte, error) {
	b := v.v.AppendCompact(nil)
	if !json.Valid(b) {
		return nil, fmt.Errorf("couldn't encode value: it holds NaN or an infinity, which JSON lacks")
	}
	return b, nil
}

// UnmarshalJSON reads a value from encoding/json.
func (v *Value) UnmarshalJSON(text []byte) error {
	parsed, err := ParseValue(text)
	if err == nil {
		*v = parsed
	}
	return err
}

// PythonString returns what Python's str() gives for a value: strings as they are, True, False, None, [1, 2.0], {'a': "it's"}.
func PythonString(x any) (string, error) {
	v, err := encodeAny(x)
	if err != nil {
		return "", fmt.Errorf("couldn't write value as Python does: %w", err)
	}
	return pythonString(v), nil
}

// BodyHash returns the body hash over values: lower-case hex of SHA3-256 over the joined hex digests of their Python texts.
func BodyHash(values ...any) (string, error) {
	texts := make([]string, len(values))
	for i, x := range values {
		v, err := encodeAny(x)
		if err != nil {
			return "", fmt.Errorf("couldn't hash value %d: %w", i, err)
		}
		texts[i] = pythonString(v)
	}
	sum, err := hashTexts(texts)
	if err != nil {
		return "", fmt.Errorf("couldn't hash: %w", err)
	}
	return sum, nil
}
