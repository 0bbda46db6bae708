package grader

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestFrames(t *testing.T) {
	var b bytes.Buffer
	if err := writeFrame(&b, ready{Version: "3.12.1", Ops: []string{"check"}}); err != nil {
		t.Fatal(err)
	}
	body, err := readFrame(&b, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var r ready
	if err := decodeStrict(body, &r); err != nil || r.Version != "3.12.1" || len(r.Ops) != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
	if _, err := readFrame(&b, 1000); !errors.Is(err, io.EOF) {
		t.Errorf("end of stream: %v", err)
	}
	if err := writeFrame(&b, func() {}); err == nil {
		t.Error("a function was encoded")
	}
	if err := writeFrame(&b, strings.Repeat("x", maxRequest)); !errors.Is(err, errFrame) {
		t.Errorf("a frame that is too large: %v", err)
	}
}

func TestReadFrameRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want error
	}{
		"nothing":     {"", io.EOF},
		"half a head": {"\x00\x00", io.ErrUnexpectedEOF},
		"too large":   {"\xff\xff\xff\xff", errFrame},
		"cut off":     {"\x00\x00\x00\x05{}", io.ErrUnexpectedEOF},
		"no body":     {"\x00\x00\x00\x05", io.ErrUnexpectedEOF},
	} {
		if _, err := readFrame(strings.NewReader(c.in), 1<<20); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, in := range []string{"", "{", `{"version":1}`, `{"other":1}`, `{} {}`, `{}x`} {
		var r ready
		if err := decodeStrict([]byte(in), &r); err == nil {
			t.Errorf("%q was decoded", in)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x02{}rest"))
	f.Add([]byte("\x00\x00\x00\x31{\"id\":1,\"outcome\":\"died\",\"detail\":\"status 9\"}\x00\x00\x00\x00"))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		const limit = 1 << 12
		r := bytes.NewReader(in)
		body, err := readFrame(r, limit)
		if err != nil {
			return
		}
		if n := binary.BigEndian.Uint32(in); len(body) != int(n) || len(body) > limit || !bytes.Equal(body, in[4:4+n]) || r.Len() != len(in)-4-int(n) {
			t.Errorf("read %d bytes of a frame of %d", len(body), n)
		}
		var a answer
		_ = decodeStrict(body, &a) // must not panic
	})
}
