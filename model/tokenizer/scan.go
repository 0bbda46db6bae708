package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// scanner walks a JSON value that encoding/json has already found well-formed. Vocabulary and merges are nine tenths of
// the file, and this reads them an order of magnitude faster than reflection does.
type scanner struct {
	b []byte
	i int
}

func (s *scanner) peek() byte {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return s.b[s.i]
		}
	}
	return 0
}

// take passes over c if it comes next.
func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.i++
	return true
}

func (s *scanner) fail(what string) error {
	return fmt.Errorf("byte %d of the section: expected %s: %w", s.i, what, ErrCorrupt)
}

func (s *scanner) text() (string, error) {
	if s.peek() != '"' {
		return "", s.fail("a string")
	}
	start := s.i
	for i := start + 1; i < len(s.b); i++ {
		switch s.b[i] {
		case '\\':
			i++
		case '"':
			s.i = i + 1
			raw := s.b[start:s.i]
			if bytes.IndexByte(raw, '\\') < 0 {
				return string(raw[1 : len(raw)-1]), nil
			}
			var v string
			if err := json.Unmarshal(raw, &v); err != nil {
				return "", s.fail("a string")
			}
			return v, nil
		}
	}
	return "", s.fail("a string")
}

func (s *scanner) integer() (int, error) {
	s.peek()
	start := s.i
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		s.i++
	}
	n, err := strconv.Atoi(string(s.b[start:s.i]))
	if c := s.peek(); err != nil || (c != ',' && c != '}' && c != ']' && c != 0) {
		return 0, s.fail("an id")
	}
	return n, nil
}

// list calls item for each element between open and shut.
func (s *scanner) list(open, shut byte, item func() error) error {
	if !s.take(open) {
		return s.fail(string(open))
	}
	if s.take(shut) {
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if s.take(shut) {
			return nil
		}
		if !s.take(',') {
			return s.fail("a comma")
		}
	}
}
