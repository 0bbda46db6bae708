package synapse

import (
	"crypto/sha3"
	"encoding/hex"
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nanteos/nanteos/internal/cpython"
)

// EmptyBodyHash is the body hash of a class without hashed fields.
const EmptyBodyHash = "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"

// errSurrogate says that a text cannot be hashed: Python raises there as well, because UTF-8 has no form for it.
var errSurrogate = errors.New("a lone surrogate has no UTF-8 form")

// hashTexts returns the body hash over texts: H(H(t1) ‖ H(t2) ‖ ...), H being lower-case hex of SHA3-256.
func hashTexts(texts []string) (string, error) {
	if len(texts) == 0 {
		return EmptyBodyHash, nil
	}
	joined := make([]byte, 0, 64*len(texts))
	for _, t := range texts {
		if !utf8.ValidString(t) {
			return "", errSurrogate
		}
		sum := sha3.Sum256([]byte(t))
		joined = hex.AppendEncode(joined, sum[:])
	}
	sum := sha3.Sum256(joined)
	return hex.EncodeToString(sum[:]), nil
}

// pythonString returns str(v).
func pythonString(v cpython.Value) string {
	if s, ok := v.Text(); ok {
		return s
	}
	return string(appendRepr(nil, v))
}

// appendRepr appends repr(v).
func appendRepr(dst []byte, v cpython.Value) []byte {
	switch v.Kind() {
	case cpython.Bool:
		if v.Truth() {
			return append(dst, "True"...)
		}
		return append(dst, "False"...)
	case cpython.Int:
		n, _ := v.BigInt()
		return n.Append(dst, 10)
	case cpython.Float:
		f, _ := v.Float()
		return appendFloat(dst, f)
	case cpython.String:
		return appendQuoted(dst, textOf(v))
	case cpython.Array:
		dst = append(dst, '[')
		for i, e := range v.Elements() {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = appendRepr(dst, e)
		}
		return append(dst, ']')
	case cpython.Object:
		dst = append(dst, '{')
		for i, m := range v.Members() {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = append(appendQuoted(dst, m.Key), ": "...)
			dst = appendRepr(dst, m.Value)
		}
		return append(dst, '}')
	}
	return append(dst, "None"...)
}

// appendFloat appends repr(f), which differs from JSON only where JSON has no number.
func appendFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "nan"...)
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	}
	return cpython.AppendFloat(dst, f)
}

// appendQuoted appends repr of a str: single quotes unless it holds such and no double ones; what str.isprintable denies is escaped.
func appendQuoted(dst []byte, s string) []byte {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	dst = append(dst, quote)
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			r, n = surrogate(s)
		}
		switch {
		case r == rune(quote) || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case unicode.IsPrint(r):
			dst = append(dst, s[:n]...)
		case r < 0x100:
			dst = appendHex(append(dst, `\x`...), r, 2)
		case r < 0x10000:
			dst = appendHex(append(dst, `\u`...), r, 4)
		default:
			dst = appendHex(append(dst, `\U`...), r, 8)
		}
		s = s[n:]
	}
	return append(dst, quote)
}

func appendHex(dst []byte, r rune, digits int) []byte {
	text := strconv.FormatInt(int64(r), 16)
	for range digits - len(text) {
		dst = append(dst, '0')
	}
	return append(dst, text...)
}

// surrogate decodes a lone surrogate in the generalised UTF-8 of package cpython; other bad bytes count as U+FFFD.
func surrogate(s string) (rune, int) {
	if len(s) >= 3 && s[0] == 0xed && s[1] >= 0xa0 && s[1] <= 0xbf && s[2] >= 0x80 && s[2] <= 0xbf {
		return 0xd000 | rune(s[1]&0x3f)<<6 | rune(s[2]&0x3f), 3
	}
	return utf8.RuneError, 1
}
