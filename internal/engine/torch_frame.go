package engine

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// The bounds of a frame of python/torch_train.py. The header has three numbers a sequence, the payload the tokens and at most two values of 8 bytes a token.
const (
	torchPrefix  = 12 // lengths: 4 bytes of the header's, 8 of the payload's
	torchHeader  = 4 << 20
	torchPayload = 1 << 32
)

// errTorchFrame says that bytes are no frame.
var errTorchFrame = errors.New("bad frame")

// readTorch reads a frame whose payload has at most so many bytes.
func readTorch(r io.Reader, header any, most uint64) (payload []byte, err error) {
	var prefix [torchPrefix]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, err
	}
	n, size := binary.BigEndian.Uint32(prefix[:]), binary.BigEndian.Uint64(prefix[4:])
	if n > torchHeader || size > most {
		return nil, fmt.Errorf("%w: %d and %d bytes", errTorchFrame, n, size)
	}
	text, err := readBytes(r, uint64(n))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, header); err != nil {
		return nil, fmt.Errorf("%w: %v", errTorchFrame, err)
	}
	return readBytes(r, size)
}

// readBytes reads n bytes, making room as they come: a length alone takes no memory.
func readBytes(r io.Reader, n uint64) ([]byte, error) {
	const step = 1 << 20
	out := make([]byte, 0, min(n, step))
	for uint64(len(out)) < n {
		at := len(out)
		out = append(out, make([]byte, min(n-uint64(at), uint64(max(at, step))))...)
		if _, err := io.ReadFull(r, out[at:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return out, nil
}

// encodeTorch makes the start of a frame, up to its payload.
func encodeTorch(header any, payload int) ([]byte, error) {
	text, err := json.Marshal(header)
	if err != nil {
		return nil, err
	}
	if len(text) > torchHeader || uint64(payload) > torchPayload {
		return nil, fmt.Errorf("%w: %d and %d bytes", errTorchFrame, len(text), payload)
	}
	out := make([]byte, torchPrefix, torchPrefix+len(text))
	binary.BigEndian.PutUint32(out, uint32(len(text)))
	binary.BigEndian.PutUint64(out[4:], uint64(payload))
	return append(out, text...), nil
}

func appendFloats(b []byte, xs []float64) []byte {
	for _, x := range xs {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

// floats reads what appendFloats wrote, n of them.
func floats(b []byte, n int) ([]float64, error) {
	if len(b) != 8*n {
		return nil, fmt.Errorf("%w: %d bytes, want %d numbers", errTorchFrame, len(b), n)
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return out, nil
}
