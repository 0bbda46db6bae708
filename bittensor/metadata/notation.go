package metadata

import (
	"fmt"
	"strconv"
	"strings"
)

// DescribeAPI tells a Runtime of a method that its metadata doesn't list, as is so for all of version 14. The signature has the arguments and the
// result in the notation of Runtime.Describe:
//
//	err := rt.DescribeAPI("AccountNonceApi", "account_nonce", "(account: [u8; 32]) -> u32")
//
// A method that was known is replaced. It is the one thing that changes a Runtime: do it before others use it. The nodes of Bittensor have served
// version 15, which lists all, since 2023; see DescribeKnownAPIs for where there is no other way. Errors: ErrType.
func (rt *Runtime) DescribeAPI(api, method, signature string) error {
	before := len(rt.types)
	m, err := rt.readSignature(method, signature)
	if err != nil {
		rt.types = rt.types[:before]
		return err
	}
	rt.measure()
	if old, err := rt.Method(api, method); err == nil {
		*old = m
		return nil
	}
	for i := range rt.APIs {
		if rt.APIs[i].Name == api {
			rt.APIs[i].Methods = append(rt.APIs[i].Methods, m)
			return nil
		}
	}
	rt.APIs = append(rt.APIs, API{Name: api, Methods: []Method{m}})
	return nil
}

func (rt *Runtime) readSignature(method, signature string) (Method, error) {
	before := len(rt.types)
	n := &notation{rt: rt, text: signature}
	if n.at = strings.Index(signature, "("); n.at < 0 || strings.TrimSpace(signature[:n.at]) != "" {
		n.at = 0
		return Method{}, n.wrong("arguments in parentheses")
	}
	inputs, err := n.members(")")
	if err != nil {
		return Method{}, err
	}
	if !n.take("->") {
		return Method{}, n.wrong("->")
	}
	output, err := n.typ(0)
	if err != nil {
		return Method{}, err
	}
	if n.space(); n.at != len(n.text) {
		return Method{}, n.wrong("the end")
	}
	for i := before; i < len(rt.types); i++ {
		if t := &rt.types[i]; t.Kind == Compact && rt.width(t.Elem) < 0 {
			return Method{}, fmt.Errorf("couldn't read signature: %s has no compact form: %w", rt.describe(t.Elem, 3), ErrType)
		}
	}
	return Method{Name: method, Inputs: inputs, Output: output, docs: "\x00"}, nil
}

// notation reads types in the notation of Describe and adds them to the registry.
type notation struct {
	rt   *Runtime
	text string
	at   int
}

func (n *notation) wrong(want string) error {
	rest := n.text[min(n.at, len(n.text)):]
	if len(rest) > 20 {
		rest = rest[:20] + "..."
	}
	return fmt.Errorf("couldn't read signature at %q: want %s: %w", rest, want, ErrType)
}

func (n *notation) space() {
	for n.at < len(n.text) && (n.text[n.at] == ' ' || n.text[n.at] == '\n' || n.text[n.at] == '\t') {
		n.at++
	}
}

// take passes over a mark if it is next.
func (n *notation) take(mark string) bool {
	n.space()
	if strings.HasPrefix(n.text[n.at:], mark) {
		n.at += len(mark)
		return true
	}
	return false
}

func (n *notation) word() string {
	n.space()
	start := n.at
	for n.at < len(n.text) {
		c := n.text[n.at]
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			break
		}
		n.at++
	}
	return n.text[start:n.at]
}

func (n *notation) add(t Type) TypeID {
	n.rt.types = append(n.rt.types, t)
	return TypeID(len(n.rt.types) - 1)
}

// notationDepth bounds how deep a notation may nest.
const notationDepth = 64

func (n *notation) typ(depth int) (TypeID, error) {
	if depth > notationDepth {
		return 0, fmt.Errorf("couldn't read signature: %w", ErrLimit)
	}
	n.space()
	switch rest := n.text[n.at:]; {
	case strings.HasPrefix(rest, "("):
		m, err := n.list(depth, ")")
		return n.add(Type{Kind: Tuple, Members: m}), err
	case strings.HasPrefix(rest, "{"):
		m, err := n.list(depth, "}")
		return n.add(Type{Kind: Composite, Members: m}), err
	case n.take("["):
		elem, err := n.typ(depth + 1)
		if err != nil {
			return 0, err
		}
		if !n.take(";") {
			return 0, n.wrong("; and a length")
		}
		size, err := strconv.ParseUint(n.word(), 10, 32)
		if err != nil || !n.take("]") {
			return 0, n.wrong("a length and ]")
		}
		return n.add(Type{Kind: Array, Len: uint32(size), Elem: elem}), nil
	}
	name := n.word()
	for p, prim := range primNames {
		if prim == name {
			return n.add(Type{Kind: Primitive, Prim: Prim(p)}), nil
		}
	}
	switch name {
	case "enum":
		return n.enum(depth)
	case "Vec", "Option", "Compact", "BitVec":
	default:
		n.at -= len(name)
		return 0, n.wrong("a type")
	}
	if !n.take("<") {
		return 0, n.wrong("<")
	}
	elem, err := n.typ(depth + 1)
	if err != nil {
		return 0, err
	}
	if !n.take(">") {
		return 0, n.wrong(">")
	}
	switch name {
	case "Vec":
		return n.add(Type{Kind: Sequence, Elem: elem}), nil
	case "Compact":
		return n.add(Type{Kind: Compact, Elem: elem}), nil
	case "BitVec":
		return n.add(Type{Kind: BitVec, Elem: elem, order: elem}), nil
	}
	return n.add(Type{Kind: Enum, Path: []string{"Option"}, Variants: []VariantDef{
		{Name: "None", docs: "\x00"}, {Name: "Some", Index: 1, Members: []Member{{Type: elem}}, docs: "\x00"}}}), nil
}

// members reads the arguments of a method, which all have names.
func (n *notation) members(end string) ([]Member, error) {
	m, err := n.list(0, end)
	if err != nil {
		return nil, err
	}
	for i := range m {
		if m[i].Name == "" {
			return nil, fmt.Errorf("couldn't read signature: argument %d has no name: %w", i, ErrType)
		}
	}
	return m, nil
}

// list reads fields, with or without names, up to the mark at their end.
func (n *notation) list(depth int, end string) ([]Member, error) {
	n.space()
	n.at++ // the bracket
	var out []Member
	for !n.take(end) {
		if len(out) > 0 && !n.take(",") {
			return nil, n.wrong(", or " + end)
		}
		var m Member
		start := n.at
		if m.Name = n.word(); m.Name == "" || !n.take(":") {
			m.Name, n.at = "", start
		}
		var err error
		if m.Type, err = n.typ(depth + 1); err != nil {
			return nil, err
		}
		if len(out) > 0 && (m.Name == "") != (out[0].Name == "") {
			return nil, n.wrong("names for all fields or for none")
		}
		out = append(out, m)
	}
	return out, nil
}

func (n *notation) enum(depth int) (TypeID, error) {
	if !n.take("{") {
		return 0, n.wrong("{")
	}
	var out []VariantDef
	next := uint64(0)
	for !n.take("}") {
		if len(out) > 0 && !n.take(",") {
			return 0, n.wrong(", or }")
		}
		v := VariantDef{Name: n.word(), docs: "\x00"}
		if v.Name == "" {
			return 0, n.wrong("a variant")
		}
		if n.take("=") {
			var err error
			if next, err = strconv.ParseUint(n.word(), 10, 8); err != nil {
				return 0, n.wrong("an index up to 255")
			}
		}
		if next > 255 {
			return 0, n.wrong("at most 256 variants")
		}
		v.Index = uint8(next)
		next++
		n.space()
		for _, pair := range []string{"()", "{}"} {
			if strings.HasPrefix(n.text[n.at:], pair[:1]) {
				var err error
				if v.Members, err = n.list(depth+1, pair[1:]); err != nil {
					return 0, err
				}
				break
			}
		}
		out = append(out, v)
	}
	return n.add(Type{Kind: Enum, Variants: out}), nil
}
