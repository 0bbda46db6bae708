package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrFile says that a file of variables can't be understood.
var ErrFile = errors.New("file of variables is unreadable")

// maxFile is the largest file that is read, in bytes.
const maxFile = 1 << 20

// Parse reads a file of variables as python-dotenv and shells write it:
//
//	# a comment
//	NAME=value            # a comment after a space
//	export NAME=value
//	NAME='as it is'
//	NAME="with \n, \t, \", \\ and \$"
//
// A later line wins over an earlier one. Nothing is substituted and values end with their line. Errors wrap ErrFile, name the line and never
// repeat it.
func Parse(text []byte) (map[string]string, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("%w: it is larger than %d bytes", ErrFile, maxFile)
	}
	vars := map[string]string{}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	for n, raw := range bytes.Split(text, []byte("\n")) {
		if !utf8.Valid(raw) || bytes.IndexByte(raw, 0) >= 0 {
			return nil, fmt.Errorf("%w: line %d is no text", ErrFile, n+1)
		}
		line := strings.TrimSpace(string(raw))
		if line == "" || line[0] == '#' {
			continue
		}
		name, rest, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if after, exported := strings.CutPrefix(name, "export"); exported && after != "" && strings.ContainsRune(" \t", rune(after[0])) {
			name = strings.TrimSpace(after)
		}
		if !ok || !isName(name) {
			return nil, fmt.Errorf("%w: line %d is not NAME=value", ErrFile, n+1)
		}
		value, err := parseValue(strings.TrimSpace(rest))
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrFile, n+1, err)
		}
		vars[name] = value
	}
	return vars, nil
}

// isName accepts what shells accept.
func isName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// parseValue reads a value without space around it.
func parseValue(s string) (string, error) {
	if s == "" || s[0] != '\'' && s[0] != '"' {
		for i := range len(s) {
			if s[i] == '#' && (i == 0 || s[i-1] == ' ' || s[i-1] == '\t') {
				return strings.TrimSpace(s[:i]), nil
			}
		}
		return s, nil
	}
	quote := s[0]
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote:
			if rest := strings.TrimSpace(s[i+1:]); rest != "" && rest[0] != '#' {
				return "", errors.New("something follows the closing quote")
			}
			return b.String(), nil
		case c == '\\' && quote == '"' && i+1 < len(s):
			i++
			b.WriteString(unescape(s[i]))
		default:
			b.WriteByte(c)
		}
	}
	return "", errors.New("the closing quote is missing")
}

// unescape is what a backslash and a character stand for; unknown pairs stay as they are.
func unescape(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case 'r':
		return "\r"
	case '"', '\\', '$', '\'':
		return string(c)
	}
	return `\` + string([]byte{c})
}
