package kerneleval

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxHeader bounds the JSON of a frame.
const maxHeader = 4 << 20

// errFrame says that bytes are no frame.
var errFrame = errors.New("bad frame")

// prefixSize is the lengths before a frame: 4 bytes for the header's, 8 for the payload's.
const prefixSize = 12

// readHeader reads the start of a frame. The payload, of the returned length, is still in r.
func readHeader(r io.Reader, header any) (payload int64, err error) {
	var prefix [prefixSize]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return 0, err
	}
	n, size := binary.BigEndian.Uint32(prefix[:]), binary.BigEndian.Uint64(prefix[4:])
	if n > maxHeader || size > 1<<50 {
		return 0, fmt.Errorf("%w: lengths %d and %d", errFrame, n, size)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return 0, err
	}
	if err := json.Unmarshal(text, header); err != nil {
		return 0, fmt.Errorf("%w: %v", errFrame, err)
	}
	return int64(size), nil
}

// writeHeader writes a frame up to its payload, of the given length, which the caller has to write.
func writeHeader(w io.Writer, header any, payload int64) error {
	text, err := json.Marshal(header)
	if err != nil {
		return fmt.Errorf("couldn't write a frame: %w", err)
	}
	if len(text) > maxHeader {
		return fmt.Errorf("%w: header of %d bytes", errFrame, len(text))
	}
	out := make([]byte, prefixSize, prefixSize+len(text))
	binary.BigEndian.PutUint32(out, uint32(len(text)))
	binary.BigEndian.PutUint64(out[4:], uint64(payload))
	_, err = w.Write(append(out, text...))
	return err
}

// relay copies n bytes. The two errors are kept apart, and the other side is never left in the middle of a frame by it: what can't be written
// any more is still read, what can't be read is written as zeros.
func relay(w io.Writer, r io.Reader, n int64) (readErr, writeErr error) {
	buf := make([]byte, min(n, 1<<20))
	for n > 0 {
		part := buf[:min(n, int64(len(buf)))]
		if readErr == nil {
			if _, readErr = io.ReadFull(r, part); readErr != nil {
				clear(buf)
			}
		}
		if writeErr == nil {
			_, writeErr = w.Write(part)
		}
		if readErr != nil && writeErr != nil {
			return readErr, writeErr
		}
		n -= int64(len(part))
	}
	return readErr, writeErr
}
