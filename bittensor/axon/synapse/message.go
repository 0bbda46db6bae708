package synapse

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"

	"github.com/nanteos/nanteos/internal/cpython"
)

// DefaultTimeout is the timeout of a class that redeclares none, in seconds.
const DefaultTimeout = 12.0

// Envelope is what every synapse has besides the fields of its class.
type Envelope struct {
	Timeout    Float // seconds; of a class that redeclares it this is the same number
	TotalSize  Integer
	HeaderSize Integer
	Dendrite   *Terminal // the client's end; nil is null
	Axon       *Terminal // the server's end; nil is null
	BodyHash   Text      // as it arrived; senders put "" into the body and the hash into the headers
}

// NewEnvelope returns the envelope of a synapse that nobody sent yet.
func NewEnvelope() Envelope {
	return Envelope{Timeout: Some(DefaultTimeout), TotalSize: Int(0), HeaderSize: Int(0), Dendrite: new(Terminal), Axon: new(Terminal), BodyHash: Some("")}
}

// Layout says how JSON is written.
type Layout int

// The layouts: what clients send has a space after each comma and colon, what servers answer has none. Both write everything outside ASCII as
// \uXXXX.
const (
	Spaced Layout = iota
	Compact
)

// errType says that a function got another Go type than the one the class was made of.
var errType = errors.New("the value is no pointer to the type of the class")

func (t *Type) value(v any) (reflect.Value, error) {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() || p.Type().Elem() != t.goType {
		return reflect.Value{}, fmt.Errorf("%w: %T for %s", errType, v, t.name)
	}
	return p.Elem(), nil
}

// timeoutValue returns the timeout as the class declares it.
func (t *Type) timeoutValue(e *Envelope) cpython.Value {
	s, ok := e.Timeout.Get()
	switch {
	case !ok:
		return cpython.Value{}
	case t.integerTimeout && s == math.Trunc(s) && math.Abs(s) < 1<<62:
		return cpython.IntValue(int64(s))
	}
	return cpython.FloatValue(s)
}

// TimeoutText returns the timeout as it stands in headers and messages: 64 for an integer, 12.0 for a float, None.
func (t *Type) TimeoutText(e *Envelope) string { return pythonString(t.timeoutValue(e)) }

// object returns the whole synapse as a dict in the order of the wire.
func (t *Type) object(e *Envelope, v any) ([]cpython.Member, error) {
	s, err := t.value(v)
	if err != nil {
		return nil, err
	}
	members := make([]cpython.Member, 0, len(baseNames)+len(t.fields))
	members = append(members,
		cpython.Member{Key: "name", Value: cpython.StringValue(t.name)},
		cpython.Member{Key: "timeout", Value: t.timeoutValue(e)},
		cpython.Member{Key: "total_size", Value: e.TotalSize.python()},
		cpython.Member{Key: "header_size", Value: e.HeaderSize.python()},
		cpython.Member{Key: "dendrite", Value: e.Dendrite.object()},
		cpython.Member{Key: "axon", Value: e.Axon.object()},
		cpython.Member{Key: "computed_body_hash", Value: textValue(e.BodyHash)})
	for i := range t.fields {
		x, err := encodeReflect(s.Field(t.fields[i].index), 0)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.fields[i].name, err)
		}
		members = append(members, cpython.Member{Key: t.fields[i].name, Value: x})
	}
	return members, nil
}

// AppendJSON appends the body of a synapse; v points to the Go value.
func (t *Type) AppendJSON(dst []byte, e *Envelope, v any, layout Layout) ([]byte, error) {
	members, err := t.object(e, v)
	if err != nil {
		return dst, fmt.Errorf("couldn't encode synapse %s: %w", t.name, err)
	}
	if layout == Compact {
		return cpython.ObjectValue(members).AppendCompact(dst), nil
	}
	return cpython.ObjectValue(members).AppendDefault(dst), nil
}

// Fields are the names of the class's own fields that a body had.
type Fields []string

// ParseJSON reads a body into the Go value that v points to. Members that the class does not know are ignored, fields that are not there
// get their default. Nothing in the body is authenticated but what the body hash covers; the name is that of the class, whatever it says.
//
// The caller bounds the length of the text; what is read takes at most about 70 times that. Text that is no JSON gives an error that wraps
// ErrJSON, JSON that is no synapse of the class one that wraps ErrMessage. After an error v is in no defined state.
func (t *Type) ParseJSON(text []byte, v any) (Envelope, Fields, error) {
	e, fields, err := t.parseJSON(text, v)
	if err != nil {
		return Envelope{}, nil, fmt.Errorf("couldn't read synapse %s: %w", t.name, err)
	}
	return e, fields, nil
}

// ErrJSON is the sentinel of a body that is no JSON.
var ErrJSON = errors.New("no JSON")

func (t *Type) parseJSON(text []byte, v any) (Envelope, Fields, error) {
	s, err := t.value(v)
	if err != nil {
		return Envelope{}, nil, err
	}
	body, err := cpython.ParseJSON(text, cpython.Limits{MaxBytes: len(text) + 1, MaxDepth: maxDepth})
	if errors.Is(err, cpython.ErrJSON) {
		return Envelope{}, nil, fmt.Errorf("%w: %w", ErrJSON, err)
	} else if err != nil {
		return Envelope{}, nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if body.Kind() != cpython.Object {
		return Envelope{}, nil, fmt.Errorf("%w: %w", ErrMessage, mismatch(body, "dict"))
	}
	e, err := t.readEnvelope(body.Get, s, NewEnvelope())
	if err != nil {
		return Envelope{}, nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	fields, err := decodeFields(body, s, t.fields)
	if err != nil {
		return Envelope{}, nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return e, fields, nil
}

// readEnvelope reads the base fields; what is absent stays as in initial.
func (t *Type) readEnvelope(get func(string) (cpython.Value, bool), s reflect.Value, initial Envelope) (Envelope, error) {
	e := initial
	for _, read := range []struct {
		name string
		into func(cpython.Value) error
	}{
		{"timeout", func(x cpython.Value) (err error) { e.Timeout, err = floatOf(x); return err }},
		{"total_size", func(x cpython.Value) (err error) { e.TotalSize, err = integerOf(x); return err }},
		{"header_size", func(x cpython.Value) (err error) { e.HeaderSize, err = integerOf(x); return err }},
		{"dendrite", func(x cpython.Value) (err error) { e.Dendrite, err = parseTerminal(x); return err }},
		{"axon", func(x cpython.Value) (err error) { e.Axon, err = parseTerminal(x); return err }},
		{"computed_body_hash", func(x cpython.Value) (err error) { e.BodyHash, err = optionalText(x); return err }},
	} {
		if x, ok := get(read.name); ok {
			if err := read.into(x); err != nil {
				return e, fmt.Errorf("%s: %w", read.name, err)
			}
		} else if read.name == "timeout" && t.timeout != nil {
			e.Timeout = Some(t.defaultTimeout())
		}
	}
	return e, t.storeTimeout(&e, s)
}

func (t *Type) defaultTimeout() float64 {
	if t.timeout != nil && t.timeout.initial != nil {
		f, err := t.timeout.initial.ToFloat()
		if err == nil {
			return f
		}
	}
	return DefaultTimeout
}

// storeTimeout puts the timeout into the field that redeclares it, where None and fractions of an integer are errors.
func (t *Type) storeTimeout(e *Envelope, s reflect.Value) error {
	if t.timeout == nil {
		return nil
	}
	if err := decodeReflect(floatValue(e.Timeout), s.Field(t.timeout.index)); err != nil {
		return fmt.Errorf("timeout: %w", err)
	}
	return nil
}

// SetTimeout sets the timeout in seconds in the envelope and in the field that redeclares it, if any. An integer timeout is rounded up.
func (t *Type) SetTimeout(e *Envelope, v any, seconds float64) error {
	s, err := t.value(v)
	if err != nil {
		return fmt.Errorf("couldn't set timeout: %w", err)
	}
	if t.integerTimeout {
		seconds = math.Ceil(seconds)
	}
	e.Timeout = Some(seconds)
	if err := t.storeTimeout(e, s); err != nil {
		return fmt.Errorf("couldn't set timeout of synapse %s to %s s: %w", t.name, strconv.FormatFloat(seconds, 'g', -1, 64), err)
	}
	return nil
}

// BodyHash returns the body hash of a synapse. It fails where a hashed text has no UTF-8 form.
func (t *Type) BodyHash(e *Envelope, v any) (string, error) {
	if len(t.hashed) == 0 {
		return EmptyBodyHash, nil
	}
	members, err := t.object(e, v)
	if err != nil {
		return "", fmt.Errorf("couldn't hash synapse %s: %w", t.name, err)
	}
	dict := cpython.ObjectValue(members)
	texts := make([]string, len(t.hashed))
	for i, name := range t.hashed {
		x, _ := dict.Get(name)
		texts[i] = pythonString(x)
	}
	sum, err := hashTexts(texts)
	if err != nil {
		return "", fmt.Errorf("couldn't hash synapse %s: %w", t.name, err)
	}
	return sum, nil
}

// CopyAnswers copies from one value to another what a reply may change: the fields marked answer that it had, or, in a class that marks
// none, every field, as the SDK does. It returns how many of the reply's fields it took.
func (t *Type) CopyAnswers(to, from any, present Fields) (taken int, err error) {
	dst, err := t.value(to)
	if err != nil {
		return 0, fmt.Errorf("couldn't copy answers: %w", err)
	}
	src, err := t.value(from)
	if err != nil {
		return 0, fmt.Errorf("couldn't copy answers: %w", err)
	}
	had := make(map[string]bool, len(present))
	for _, name := range present {
		had[name] = true
	}
	for i := range t.fields {
		f := &t.fields[i]
		if t.answers && (!f.answer || !had[f.name]) {
			continue
		}
		dst.Field(f.index).Set(src.Field(f.index))
		if had[f.name] {
			taken++
		}
	}
	return taken, nil
}

// HasAnswers reports whether the class marks the fields that a server fills.
func (t *Type) HasAnswers() bool { return t.answers }
