package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"github.com/nanteos/nanteos/grail/patch"
)

// weightsHeader is what precedes the numbers in a safetensors file that has the tensors in this order.
func weightsHeader(tensors []patch.Tensor) ([]byte, error) {
	var h bytes.Buffer
	h.WriteString(`{"__metadata__":{"format":"pt"}`)
	offset := 0
	for _, t := range tensors {
		shape, err := json.Marshal(t.Shape)
		if err != nil {
			return nil, err
		}
		if t.Shape == nil {
			shape = []byte("[]")
		}
		fmt.Fprintf(&h, `,%s:{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}`, quoted(t.Name), t.DType.Safetensors(), shape, offset, offset+len(t.Data))
		offset += len(t.Data)
	}
	h.WriteByte('}')
	for h.Len()%8 != 0 {
		h.WriteByte(' ')
	}
	return append(binary.LittleEndian.AppendUint64(nil, uint64(h.Len())), h.Bytes()...), nil
}

// quoted gives s as a JSON string without the escapes that only HTML needs.
func quoted(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a text can always be encoded
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

// pipe joins what makes a file to what writes it, and lets the reader wait until the other side has ended.
type pipe struct {
	*io.PipeWriter
	done chan struct{}
}

func newPipe() (*io.PipeReader, pipe) {
	r, w := io.Pipe()
	return r, pipe{w, make(chan struct{})}
}

// CloseWithError ends the writing side.
func (p pipe) CloseWithError(err error) {
	_ = p.PipeWriter.CloseWithError(err)
	close(p.done)
}

func (p pipe) wait() { <-p.done }
