package safetensors

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Write puts the tensors into the file path, atomically: the bytes go to a temporary file in the same folder, are synced and then
// renamed, so that a reader sees the old file or the whole new one. The bytes depend on the tensors and the metadata
// only, not on their order: wider numbers first (which aligns every tensor), then by name, as the reference library does.
// Loaders built on PyTorch want metadata format=pt.
func Write(path string, tensors []Tensor, metadata map[string]string) (err error) {
	head, sorted, err := header(tensors, metadata)
	if err != nil {
		return fmt.Errorf("couldn't write weights %s: %w", path, err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("couldn't write weights: %w", err)
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
			err = fmt.Errorf("couldn't write weights %s: %w", path, err)
		}
	}()
	w := bufio.NewWriterSize(tmp, 1<<20)
	if err = emit(w, head, sorted); err != nil {
		return err
	}
	if err = w.Flush(); err != nil {
		return err
	}
	if err = tmp.Chmod(0o644); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// Encode gives the bytes that Write puts into a file.
func Encode(tensors []Tensor, metadata map[string]string) ([]byte, error) {
	head, sorted, err := header(tensors, metadata)
	if err != nil {
		return nil, fmt.Errorf("couldn't encode weights: %w", err)
	}
	var b bytes.Buffer
	if err := emit(&b, head, sorted); err != nil {
		return nil, fmt.Errorf("couldn't encode weights: %w", err)
	}
	return b.Bytes(), nil
}

func emit(w io.Writer, head []byte, sorted []Tensor) error {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], uint64(len(head)))
	if _, err := w.Write(n[:]); err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	for _, t := range sorted {
		if _, err := w.Write(t.Data); err != nil {
			return err
		}
	}
	return nil
}

// header checks the tensors, orders them and gives the padded JSON header.
func header(tensors []Tensor, metadata map[string]string) ([]byte, []Tensor, error) {
	sorted := slices.Clone(tensors)
	slices.SortStableFunc(sorted, func(a, b Tensor) int {
		if c := b.DType.rank() - a.DType.rank(); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	var h bytes.Buffer
	h.WriteByte('{')
	if len(metadata) > 0 {
		h.WriteString(`"__metadata__":{`)
		keys := make([]string, 0, len(metadata))
		for k := range metadata {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for i, k := range keys {
			if i > 0 {
				h.WriteByte(',')
			}
			h.Write(quote(k))
			h.WriteByte(':')
			h.Write(quote(metadata[k]))
		}
		h.WriteString("},")
	}
	seen := make(map[string]bool, len(sorted))
	offset := 0
	for _, t := range sorted {
		if t.Name == "__metadata__" || seen[t.Name] {
			return nil, nil, fmt.Errorf("tensor name %q is reserved or comes twice", t.Name)
		}
		seen[t.Name] = true
		shape := make([]int64, len(t.Shape))
		for i, d := range t.Shape {
			if d < 0 {
				return nil, nil, fmt.Errorf("tensor %q has the negative dimension %d", t.Name, d)
			}
			shape[i] = int64(d)
		}
		n, ok := product(shape, int64(t.DType.Size()))
		if !ok || t.DType.Size() == 0 || len(shape) > maxDims || n != int64(len(t.Data)) {
			return nil, nil, fmt.Errorf("tensor %q of %s%v holds %d bytes, not what its dtype and shape need", t.Name, t.DType, t.Shape, len(t.Data))
		}
		h.Write(quote(t.Name))
		h.WriteString(`:{"dtype":"` + string(t.DType) + `","shape":[`)
		for i, d := range t.Shape {
			if i > 0 {
				h.WriteByte(',')
			}
			h.WriteString(strconv.Itoa(d))
		}
		fmt.Fprintf(&h, `],"data_offsets":[%d,%d]},`, offset, offset+len(t.Data))
		offset += len(t.Data)
	}
	b := bytes.TrimSuffix(h.Bytes(), []byte{','})
	b = append(b, '}')
	for len(b)%8 != 0 {
		b = append(b, ' ')
	}
	if len(b) > maxHeader {
		return nil, nil, fmt.Errorf("header of %d bytes is longer than the %d that the format allows", len(b), maxHeader)
	}
	return b, sorted, nil
}

// quote gives s as a JSON string without the escapes that only HTML needs.
func quote(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

// syncFolder makes a rename durable. Systems that can't sync a folder keep the rename in their journal.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	_ = d.Sync()
	return nil
}
