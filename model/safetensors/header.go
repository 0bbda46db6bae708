package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// maxHeader is the format's own limit on the JSON header.
const maxHeader = 100_000_000

// maxDims bounds the rank of a tensor; weights have at most five dimensions.
const maxDims = 16

func corrupt(at int64, format string, args ...any) error {
	return fmt.Errorf("byte %d: %s: %w", at, fmt.Sprintf(format, args...), ErrCorrupt)
}

// parse checks the header of b and slices the buffer into tensors.
func parse(b []byte) (*File, error) {
	if len(b) < 8 {
		return nil, corrupt(int64(len(b)), "file ends within the 8-byte header length")
	}
	n := binary.LittleEndian.Uint64(b)
	if n > maxHeader {
		return nil, corrupt(0, "header of %d bytes is longer than the %d that the format allows", n, maxHeader)
	}
	if n > uint64(len(b)-8) {
		return nil, corrupt(0, "header of %d bytes reaches past the end of the file of %d", n, len(b))
	}
	head, data := b[8:8+n], b[8+n:]
	if len(head) == 0 || head[0] != '{' {
		return nil, corrupt(8, "header doesn't begin with {")
	}
	if !utf8.Valid(head) {
		return nil, corrupt(8, "header isn't UTF-8")
	}
	h := headerReader{d: json.NewDecoder(bytes.NewReader(head))}
	h.d.UseNumber()
	entries, meta, err := h.read()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b entry) int {
		if c := compareInts(a.begin, b.begin); c != 0 {
			return c
		}
		return compareInts(a.end, b.end) // an empty tensor precedes the one that starts at the same byte
	})
	f := &File{buffer: b, meta: meta, tensors: make(map[string]Tensor, len(entries)), names: make([]string, 0, len(entries))}
	var next int64
	base := int64(8 + n)
	for _, e := range entries {
		if e.begin != next {
			return nil, corrupt(base+next, "tensor %q begins at buffer byte %d instead of %d, which leaves a gap or overlaps", e.Name, e.begin, next)
		}
		if e.end > int64(len(data)) {
			return nil, corrupt(base+e.begin, "tensor %q ends at buffer byte %d past the end of the buffer of %d", e.Name, e.end, len(data))
		}
		e.Data = data[e.begin:e.end:e.end]
		f.tensors[e.Name] = e.Tensor
		f.names = append(f.names, e.Name)
		next = e.end
	}
	if next != int64(len(data)) {
		return nil, corrupt(base+next, "%d bytes behind the last tensor", int64(len(data))-next)
	}
	return f, nil
}

func compareInts(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// entry is one tensor of the header with its range in the buffer.
type entry struct {
	Tensor
	begin, end int64
}

// headerReader walks the JSON by token, because a map would swallow a name that comes twice.
type headerReader struct{ d *json.Decoder }

func (h headerReader) at() int64 { return 8 + h.d.InputOffset() }

func (h headerReader) token() (json.Token, error) {
	t, err := h.d.Token()
	if err != nil {
		return nil, corrupt(h.at(), "header isn't JSON: %v", err)
	}
	return t, nil
}

// object calls member for each key; a key that comes twice is an error.
func (h headerReader) object(what string, member func(key string) error) error {
	t, err := h.token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return corrupt(h.at(), "%s isn't an object", what)
	}
	seen := map[string]bool{}
	for h.d.More() {
		t, err := h.token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return corrupt(h.at(), "%s has a key that isn't a string", what)
		}
		if seen[key] {
			return corrupt(h.at(), "%s has the name %q twice", what, key)
		}
		seen[key] = true
		if err := member(key); err != nil {
			return err
		}
	}
	_, err = h.token()
	return err
}

// ints reads an array of at most limit non-negative integers.
func (h headerReader) ints(what string, limit int) ([]int64, error) {
	t, err := h.token()
	if err != nil {
		return nil, err
	}
	if t != json.Delim('[') {
		return nil, corrupt(h.at(), "%s isn't an array", what)
	}
	out := []int64{}
	for h.d.More() {
		t, err := h.token()
		if err != nil {
			return nil, err
		}
		num, ok := t.(json.Number)
		if !ok {
			return nil, corrupt(h.at(), "%s holds something that isn't a number", what)
		}
		v, err := strconv.ParseUint(num.String(), 10, 63)
		if err != nil {
			return nil, corrupt(h.at(), "%s holds %s, which isn't a size", what, num)
		}
		if len(out) == limit {
			return nil, corrupt(h.at(), "%s has more than %d numbers", what, limit)
		}
		out = append(out, int64(v))
	}
	_, err = h.token()
	return out, err
}

func (h headerReader) text(what string) (string, error) {
	t, err := h.token()
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", corrupt(h.at(), "%s isn't a string", what)
	}
	return s, nil
}

func (h headerReader) read() ([]entry, map[string]string, error) {
	var entries []entry
	var meta map[string]string
	err := h.object("header", func(name string) error {
		if name == "__metadata__" {
			meta = map[string]string{}
			return h.object(name, func(key string) error {
				v, err := h.text("metadata " + strconv.Quote(key))
				meta[key] = v
				return err
			})
		}
		e, err := h.tensor(name)
		entries = append(entries, e)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if _, err := h.d.Token(); err != io.EOF { // only white space may pad the header
		return nil, nil, corrupt(h.at(), "header goes on behind its object")
	}
	return entries, meta, nil
}

func (h headerReader) tensor(name string) (entry, error) {
	e := entry{Tensor: Tensor{Name: name}}
	what := "tensor " + strconv.Quote(name)
	var shape, offsets []int64
	err := h.object(what, func(key string) (err error) {
		switch key {
		case "dtype":
			var s string
			s, err = h.text("dtype of " + what)
			e.DType = DType(s)
		case "shape":
			shape, err = h.ints("shape of "+what, maxDims)
		case "data_offsets":
			offsets, err = h.ints("data_offsets of "+what, 2)
		default:
			err = corrupt(h.at(), "%s has the unknown key %q", what, key)
		}
		return err
	})
	if err != nil {
		return e, err
	}
	size := int64(e.DType.Size())
	switch {
	case size == 0:
		return e, corrupt(h.at(), "%s has the unknown dtype %q", what, e.DType)
	case shape == nil:
		return e, corrupt(h.at(), "%s has no shape", what)
	case len(offsets) != 2 || offsets[0] > offsets[1]:
		return e, corrupt(h.at(), "%s has no two rising data_offsets", what)
	}
	bytes, ok := product(shape, size)
	if !ok {
		return e, corrupt(h.at(), "%s has a shape %v whose size overflows", what, shape)
	}
	e.begin, e.end = offsets[0], offsets[1]
	if e.end-e.begin != bytes {
		return e, corrupt(h.at(), "%s of %s%v needs %d bytes but has %d", what, e.DType, shape, bytes, e.end-e.begin)
	}
	e.Shape = make([]int, len(shape))
	for i, d := range shape {
		e.Shape[i] = int(d)
	}
	return e, nil
}

// product multiplies shape and size within int64 and int; any factor that overflows on the way is refused, even before a zero.
func product(shape []int64, size int64) (int64, bool) {
	n := size
	for _, d := range shape {
		if d > math.MaxInt || (d > 0 && n > math.MaxInt64/d) {
			return 0, false
		}
		n *= d
	}
	return n, n <= math.MaxInt
}
