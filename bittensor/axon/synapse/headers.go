package synapse

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// Prefixes of header names. Names are lower case on the wire: the SDK's client does not see others.
const (
	axonPrefix     = "bt_header_axon_"
	dendritePrefix = "bt_header_dendrite_"
	inputPrefix    = "bt_header_input_obj_"
)

// Header is one header of a synapse.
type Header struct {
	Name, Value string
}

// Headers returns the headers of a synapse in the order of the SDK: name, timeout, what is not None of both terminals, the fields that are
// required, the sizes, the body hash. The header size counts the bytes of these lines, the total size bodyBytes more; receivers
// read these numbers and use them for nothing.
//
// Values are as they are: who puts them into an HTTP message must see to it that none holds a line break.
func (t *Type) Headers(e *Envelope, v any, bodyBytes int) ([]Header, error) {
	s, err := t.value(v)
	if err != nil {
		return nil, fmt.Errorf("couldn't make headers: %w", err)
	}
	hash, err := t.BodyHash(e, v)
	if err != nil {
		return nil, fmt.Errorf("couldn't make headers: %w", err)
	}
	h := make([]Header, 0, 24)
	h = append(h, Header{"name", t.name}, Header{"timeout", t.TimeoutText(e)})
	h = e.Axon.appendHeaders(h, axonPrefix)
	h = e.Dendrite.appendHeaders(h, dendritePrefix)
	for i := range t.fields {
		f := &t.fields[i]
		if !f.required {
			continue
		}
		x, err := encodeReflect(s.Field(f.index), 0)
		if err != nil {
			return nil, fmt.Errorf("couldn't make headers of synapse %s: %s: %w", t.name, f.name, err)
		}
		if x.Kind() == cpython.Null {
			continue
		}
		h = append(h, Header{inputPrefix + f.name, base64.StdEncoding.EncodeToString(emptyOf(x).AppendDefault(nil))})
	}
	size := 0
	for _, line := range h {
		size += len(line.Name) + len(line.Value) + len(": \r\n")
	}
	return append(h, Header{"header_size", strconv.Itoa(size)}, Header{"total_size", strconv.Itoa(size + bodyBytes)},
		Header{"computed_body_hash", hash}), nil
}

func (t *Terminal) appendHeaders(h []Header, prefix string) []Header {
	if t == nil {
		return h
	}
	for i, x := range t.values() {
		if x.Kind() != cpython.Null {
			h = append(h, Header{prefix + terminalKeys[i], pythonString(x)})
		}
	}
	return h
}

// emptyOf returns what calling the value's type in Python gives: "", 0, 0.0, False, [], {}.
func emptyOf(v cpython.Value) cpython.Value {
	switch v.Kind() {
	case cpython.Bool:
		return cpython.BoolValue(false)
	case cpython.Int:
		return cpython.IntValue(0)
	case cpython.Float:
		return cpython.FloatValue(0)
	case cpython.Array:
		return cpython.ArrayValue(nil)
	case cpython.Object:
		return cpython.ObjectValue(nil)
	}
	return cpython.StringValue("")
}

// ErrAmbiguous is the sentinel of headers that give one value twice and differently. The SDK takes one of them silently, and a proxy in
// front perhaps another; it wraps ErrMessage.
var ErrAmbiguous = fmt.Errorf("%w: a header stands there twice with different values", ErrMessage)

// ParsedHeaders are the headers of a message before they are read into a class.
type ParsedHeaders struct {
	axon, dendrite, input, plain map[string]string
}

// SplitHeaders sorts headers into the parts of a synapse. Names may have any case. As in the SDK, what counts is that a name contains
// bt_header_axon_ or bt_header_dendrite_. Headers that are of no synapse are left out. Of several equal ones one is kept, different ones
// are ErrAmbiguous; only of bt_header_input_obj_ headers the first wins.
func SplitHeaders(headers map[string][]string) (ParsedHeaders, error) {
	p, err := splitHeaders(headers)
	if err != nil {
		return ParsedHeaders{}, fmt.Errorf("couldn't read headers: %w", err)
	}
	return p, nil
}

func splitHeaders(headers map[string][]string) (ParsedHeaders, error) {
	p := ParsedHeaders{make(map[string]string, 10), make(map[string]string, 10), nil, make(map[string]string, 5)}
	for name, values := range headers {
		if len(values) == 0 {
			continue
		}
		name = strings.ToLower(name)
		into, key := p.plain, name
		if k, ok := after(name, axonPrefix); ok {
			into, key = p.axon, k
		} else if k, ok := after(name, dendritePrefix); ok {
			into, key = p.dendrite, k
		} else if k, ok := after(name, inputPrefix); ok {
			if p.input == nil {
				p.input = make(map[string]string)
			}
			p.input[k] = values[0]
			continue
		} else if !plainHeader(name) {
			continue
		}
		for _, value := range values {
			if old, ok := into[key]; ok && old != value {
				return ParsedHeaders{}, ErrAmbiguous
			}
			into[key] = value
		}
	}
	return p, nil
}

// after returns what stands behind a prefix anywhere in a name, up to a second one, as Python's name.split(prefix)[1].
func after(name, prefix string) (string, bool) {
	_, rest, ok := strings.Cut(name, prefix)
	rest, _, _ = strings.Cut(rest, prefix)
	return rest, ok
}

func plainHeader(name string) bool {
	switch name {
	case "timeout", "name", "header_size", "total_size", "computed_body_hash":
		return true
	}
	return false
}

// Terminals reads both terminals and the timeout, without a class: what a client needs of a reply. Numbers that cannot be read
// are errors that wrap ErrMessage.
func (p ParsedHeaders) Terminals() (axon, dendrite Terminal, err error) {
	axon, dendrite, err = p.terminals()
	if err != nil {
		return Terminal{}, Terminal{}, fmt.Errorf("couldn't read headers: %w", err)
	}
	return axon, dendrite, nil
}

func (p ParsedHeaders) terminals() (axon, dendrite Terminal, err error) {
	for _, part := range []struct {
		from map[string]string
		into *Terminal
	}{{p.axon, &axon}, {p.dendrite, &dendrite}} {
		for _, key := range terminalKeys {
			if value, ok := part.from[key]; ok {
				if err := part.into.set(key, cpython.StringValue(value)); err != nil {
					return Terminal{}, Terminal{}, fmt.Errorf("%w: %w", ErrMessage, err)
				}
			}
		}
	}
	return axon, dendrite, nil
}

// ParseHeaders builds the synapse that the headers describe: the envelope, and in the value that v points to the defaults of the class and
// what bt_header_input_obj_ headers say. This header object is what a server decides by before it reads the body. Errors
// wrap ErrMessage.
func (t *Type) ParseHeaders(headers map[string][]string, v any) (Envelope, error) {
	e, err := t.parseHeaders(headers, v)
	if err != nil {
		return Envelope{}, fmt.Errorf("couldn't read headers of synapse %s: %w", t.name, err)
	}
	return e, nil
}

func (t *Type) parseHeaders(headers map[string][]string, v any) (Envelope, error) {
	s, err := t.value(v)
	if err != nil {
		return Envelope{}, err
	}
	p, err := splitHeaders(headers)
	if err != nil {
		return Envelope{}, err
	}
	axon, dendrite, err := p.terminals()
	if err != nil {
		return Envelope{}, err
	}
	get := func(name string) (cpython.Value, bool) {
		if name == "axon" || name == "dendrite" {
			return cpython.Value{}, false
		}
		value, ok := p.plain[name]
		if !ok {
			return cpython.Value{}, true // None, not the default
		}
		return cpython.StringValue(value), true
	}
	e, err := t.readEnvelope(get, s, Envelope{Axon: &axon, Dendrite: &dendrite})
	if err != nil {
		return Envelope{}, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return e, t.readInputs(p.input, s)
}

// readInputs reads the base64 JSON of required fields; what cannot be decoded counts as absent.
func (t *Type) readInputs(inputs map[string]string, s reflect.Value) error {
	var members []cpython.Member
	for i := range t.fields {
		encoded, ok := inputs[t.fields[i].name]
		if !ok {
			continue
		}
		text, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			continue
		}
		x, err := cpython.ParseJSON(text, cpython.Limits{MaxBytes: len(text) + 1, MaxDepth: maxDepth})
		if err != nil {
			continue
		}
		members = append(members, cpython.Member{Key: t.fields[i].name, Value: x})
	}
	if _, err := decodeFields(cpython.ObjectValue(members), s, t.fields); err != nil {
		return fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return nil
}
