package grader

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// errFrame says that the other side doesn't speak the protocol: a server that is broken, never a job's doing.
var errFrame = errors.New("bad frame")

// writeFrame writes the JSON of a value after its length.
func writeFrame(w io.Writer, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("couldn't encode frame: %w", err)
	}
	if len(body) > maxRequest {
		return fmt.Errorf("couldn't send frame: %w: %d bytes are more than %d", errFrame, len(body), maxRequest)
	}
	frame := make([]byte, 4, 4+len(body))
	binary.BigEndian.PutUint32(frame, uint32(len(body)))
	if _, err := w.Write(append(frame, body...)); err != nil {
		return fmt.Errorf("couldn't send frame: %w", err)
	}
	return nil
}

// readFrame returns the body of the next frame, which has at most limit bytes. Memory is taken as bytes arrive, not as the length claims.
func readFrame(r io.Reader, limit int) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("couldn't read frame: %w", err)
	}
	size := int64(binary.BigEndian.Uint32(head[:]))
	if size > int64(limit) {
		return nil, fmt.Errorf("couldn't read frame: %w: %d bytes are more than %d", errFrame, size, limit)
	}
	body, err := io.ReadAll(io.LimitReader(r, size))
	if err == nil && int64(len(body)) < size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read frame of %d bytes: %w", size, err)
	}
	return body, nil
}

// decodeStrict decodes one JSON value that is all of data and has no field that v lacks.
func decodeStrict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("%w: more than one value", errFrame)
	}
	return nil
}

// The frames of python/grader.py.
type (
	hello struct {
		Filter  string   `json:"filter"`
		Memory  int64    `json:"memory"`
		Files   int      `json:"files"`
		Result  int      `json:"result"`
		Preload bool     `json:"preload"`
		Lock    bool     `json:"lock"`
		Path    []string `json:"path"`
	}
	ready struct {
		Version string   `json:"version"`
		Ops     []string `json:"ops"`
	}
	request struct {
		ID      uint64          `json:"id"`
		Op      string          `json:"op"`
		Seconds float64         `json:"seconds"`
		Job     json.RawMessage `json:"job"`
	}
	answer struct {
		ID      uint64 `json:"id"`
		Outcome string `json:"outcome"`
		Detail  string `json:"detail"`
	}
)
