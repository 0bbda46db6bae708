package cpython

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"unicode/utf8"
)

// ErrJSON says that bytes are not a JSON document that Python would read: json.loads raises there.
var ErrJSON = errors.New("invalid JSON")

// ErrJSONLimit says that a document exceeds the Limits it was read with. It says nothing about its validity.
var ErrJSONLimit = errors.New("JSON exceeds limits")

// Limits bounds what ParseJSON accepts. A zero field stands for its default.
type Limits struct {
	MaxBytes  int // length of the text; default 64 MiB
	MaxDepth  int // lists and dicts inside each other; default 500
	MaxValues int // values of all kinds together (a value takes 32 to 130 bytes); default 4 Mi
}

// MaxIntDigits is the number of digits from which on CPython refuses to convert text to an int (sys.int_info.default_max_str_digits).
const MaxIntDigits = 4300

func (l Limits) withDefaults() Limits {
	if l.MaxBytes <= 0 {
		l.MaxBytes = 64 << 20
	}
	if l.MaxDepth <= 0 {
		l.MaxDepth = 500
	}
	if l.MaxValues <= 0 {
		l.MaxValues = 4 << 20
	}
	return l
}

// ParseJSON reads one JSON document as json.loads(str) does: NaN, Infinity and -Infinity are numbers; a number is an int exactly when it has neither
// fraction nor exponent; of equal keys the last value wins at the place of the first; unpaired \ud800 escapes stay lone surrogates;
// raw control characters in strings are errors, and so is invalid UTF-8. Errors wrap ErrJSON or ErrJSONLimit. b is not retained.
func ParseJSON(b []byte, limits Limits) (Value, error) {
	limits = limits.withDefaults()
	if len(b) > limits.MaxBytes {
		return Value{}, fmt.Errorf("couldn't read JSON: %w: %d bytes, at most %d", ErrJSONLimit, len(b), limits.MaxBytes)
	}
	p := parser{text: b, limits: limits}
	p.space()
	v, err := p.value(0)
	if err == nil {
		p.space()
		if p.pos < len(b) {
			err = p.fail("extra data")
		}
	}
	if err != nil {
		return Value{}, fmt.Errorf("couldn't read JSON: %w", err)
	}
	return v, nil
}

type parser struct {
	text   []byte
	pos    int
	values int
	limits Limits
	keys   map[string]string // one copy of each key of the document
	buf    []byte
}

func (p *parser) fail(what string) error {
	return fmt.Errorf("%w: %s at byte %d", ErrJSON, what, p.pos)
}

func (p *parser) space() {
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// peek returns the byte at the position, 0 at the end (0 starts no token).
func (p *parser) peek() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

func (p *parser) word(w string) bool {
	if len(p.text)-p.pos < len(w) || string(p.text[p.pos:p.pos+len(w)]) != w {
		return false
	}
	p.pos += len(w)
	return true
}

func (p *parser) value(depth int) (Value, error) {
	if p.values++; p.values > p.limits.MaxValues {
		return Value{}, fmt.Errorf("%w: more than %d values", ErrJSONLimit, p.limits.MaxValues)
	}
	switch c := p.peek(); {
	case c == '"':
		s, err := p.str()
		if err != nil {
			return Value{}, err
		}
		return StringValue(string(s)), nil
	case c == '[' || c == '{':
		if depth >= p.limits.MaxDepth {
			return Value{}, fmt.Errorf("%w: nested deeper than %d", ErrJSONLimit, p.limits.MaxDepth)
		}
		p.pos++
		if c == '[' {
			return p.array(depth + 1)
		}
		return p.object(depth + 1)
	case c == 'n' && p.word("null"):
		return Value{}, nil
	case c == 't' && p.word("true"):
		return BoolValue(true), nil
	case c == 'f' && p.word("false"):
		return BoolValue(false), nil
	case c == 'N' && p.word("NaN"):
		return FloatValue(math.NaN()), nil
	case c == 'I' && p.word("Infinity"):
		return FloatValue(math.Inf(1)), nil
	case c == '-' && p.word("-Infinity"):
		return FloatValue(math.Inf(-1)), nil
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	return Value{}, p.fail("expecting value")
}

func (p *parser) array(depth int) (Value, error) {
	elements := []Value{}
	p.space()
	if p.peek() == ']' {
		p.pos++
		return ArrayValue(elements), nil
	}
	for {
		v, err := p.value(depth)
		if err != nil {
			return Value{}, err
		}
		elements = append(elements, v)
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
			p.space()
		case ']':
			p.pos++
			return ArrayValue(elements), nil
		default:
			return Value{}, p.fail("expecting ',' or ']'")
		}
	}
}

// indexFrom is the number of members from which on an object is searched through a map.
const indexFrom = 12

func (p *parser) object(depth int) (Value, error) {
	members := []Member{}
	var index map[string]int
	p.space()
	if p.peek() == '}' {
		p.pos++
		return ObjectValue(members), nil
	}
	for {
		if p.peek() != '"' {
			return Value{}, p.fail("expecting property name in double quotes")
		}
		raw, err := p.str()
		if err != nil {
			return Value{}, err
		}
		key := p.intern(raw)
		p.space()
		if p.peek() != ':' {
			return Value{}, p.fail("expecting ':'")
		}
		p.pos++
		p.space()
		v, err := p.value(depth)
		if err != nil {
			return Value{}, err
		}
		at := -1
		if index != nil {
			if i, ok := index[key]; ok {
				at = i
			}
		} else {
			for i := range members {
				if members[i].Key == key {
					at = i
				}
			}
		}
		if at >= 0 {
			members[at].Value = v
		} else {
			members = append(members, Member{key, v})
			if index != nil {
				index[key] = len(members) - 1
			} else if len(members) == indexFrom {
				index = make(map[string]int, 2*indexFrom)
				for i := range members {
					index[members[i].Key] = i
				}
			}
		}
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
			p.space()
		case '}':
			p.pos++
			return ObjectValue(members), nil
		default:
			return Value{}, p.fail("expecting ',' or '}'")
		}
	}
}

func (p *parser) intern(raw []byte) string {
	if s, ok := p.keys[string(raw)]; ok {
		return s
	}
	s := string(raw)
	if p.keys == nil {
		p.keys = make(map[string]string)
	}
	p.keys[s] = s
	return s
}

func (p *parser) digits() int {
	start := p.pos
	for p.pos < len(p.text) && p.text[p.pos] >= '0' && p.text[p.pos] <= '9' {
		p.pos++
	}
	return p.pos - start
}

func (p *parser) number() (Value, error) {
	start := p.pos
	if p.peek() == '-' {
		p.pos++
	}
	first := p.peek()
	n := p.digits()
	if n == 0 {
		return Value{}, p.fail("expecting digits")
	}
	if first == '0' && n > 1 {
		return Value{}, p.fail("number with a leading zero")
	}
	isFloat := false
	if p.peek() == '.' {
		isFloat = true
		p.pos++
		if p.digits() == 0 {
			return Value{}, p.fail("expecting digits after the point")
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		isFloat = true
		p.pos++
		if c := p.peek(); c == '+' || c == '-' {
			p.pos++
		}
		if p.digits() == 0 {
			return Value{}, p.fail("expecting digits of the exponent")
		}
	}
	text := string(p.text[start:p.pos])
	if isFloat {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) { // out of range is an infinity or zero, as in Python
			return Value{}, p.fail("invalid number")
		}
		return FloatValue(f), nil
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return IntValue(i), nil
	}
	if n > MaxIntDigits {
		return Value{}, p.fail(fmt.Sprintf("integer of %d digits, Python converts at most %d,", n, MaxIntDigits))
	}
	i, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return Value{}, p.fail("invalid integer")
	}
	return BigValue(i), nil
}

// str reads a string at the opening quote. The result is valid until the next call.
func (p *parser) str() ([]byte, error) {
	p.pos++
	start := p.pos
	p.buf = p.buf[:0]
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; {
		case c == '"':
			s := p.text[start:p.pos]
			if len(p.buf) > 0 {
				p.buf = append(p.buf, s...)
				s = p.buf
			}
			p.pos++
			return s, nil
		case c == '\\':
			p.buf = append(p.buf, p.text[start:p.pos]...)
			if err := p.escape(); err != nil {
				return nil, err
			}
			start = p.pos
		case c < 0x20:
			return nil, p.fail("control character in a string")
		case c < utf8.RuneSelf:
			p.pos++
		default:
			r, n := utf8.DecodeRune(p.text[p.pos:])
			if r == utf8.RuneError && n == 1 {
				return nil, p.fail("invalid UTF-8")
			}
			p.pos += n
		}
	}
	return nil, p.fail("unterminated string")
}

func (p *parser) escape() error {
	p.pos++
	c := p.peek()
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		r, ok := p.hex4(p.pos + 1)
		if !ok {
			return p.fail("invalid \\uXXXX escape")
		}
		p.pos += 5
		if r >= 0xd800 && r < 0xdc00 && p.peek() == '\\' && p.pos+1 < len(p.text) && p.text[p.pos+1] == 'u' {
			low, ok := p.hex4(p.pos + 2)
			if !ok {
				return p.fail("invalid \\uXXXX escape")
			}
			if low >= 0xdc00 && low < 0xe000 {
				r = 0x10000 + (r-0xd800)<<10 + (low - 0xdc00)
				p.pos += 6
			}
		}
		p.buf = appendRune(p.buf, r)
		return nil
	default:
		return p.fail("invalid escape")
	}
	p.pos++
	p.buf = append(p.buf, c)
	return nil
}

func (p *parser) hex4(at int) (rune, bool) {
	if at+4 > len(p.text) {
		return 0, false
	}
	var r rune
	for _, c := range p.text[at : at+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
