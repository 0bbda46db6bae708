package grail

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"testing"

	"github.com/nanteos/nanteos/internal/vectortest"
)

// header is what every vector file of the protocol starts with.
type header struct {
	Primitive   string
	Reference   string
	Description string
	Count       int
}

// real is a float that the vectors write as text when it is not finite.
type real float64

func (r *real) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		f, err := strconv.ParseFloat(s, 64)
		*r = real(f)
		return err
	}
	return json.Unmarshal(b, (*float64)(r))
}

func reals(in []real) []float64 {
	out := make([]float64, len(in))
	for i, v := range in {
		out[i] = float64(v)
	}
	return out
}

// sameFloat compares bits but for NaN, which are all the same.
func sameFloat(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || (math.IsNaN(a) && math.IsNaN(b))
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatalf("hex %q: %v", text, err)
	}
	return b
}

// floats decodes base64 of little-endian f32.
func floats(t testing.TB, text string) []float32 {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b)%4 != 0 {
		t.Fatalf("base64 floats: %d bytes, %v", len(b), err)
	}
	out := make([]float32, len(b)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

// wantError reports a case whose error is not as the vectors say, and tells whether the case ends here.
func wantError(t *testing.T, i int, note string, err error, want bool) bool {
	t.Helper()
	if (err != nil) != want {
		t.Errorf("case %d (%s): error %v, want one: %v", i, note, err, want)
	}
	return err != nil || want
}

func short(v any) string {
	s := fmt.Sprint(v)
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}

func compare[T comparable](t *testing.T, i int, note string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("case %d (%s): %s, want %s", i, note, short(got), short(want))
	}
}

func compareLists[T comparable](t *testing.T, i int, note string, got, want []T) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("case %d (%s): %d values, want %d", i, note, len(got), len(want))
		return
	}
	for k := range got {
		if got[k] != want[k] {
			t.Errorf("case %d (%s): value %d is %v, want %v", i, note, k, got[k], want[k])
			return
		}
	}
}

// decode reads a vector file strictly and logs the number of its cases.
func decode[C any](t *testing.T, file string) []C {
	t.Helper()
	var v struct {
		header
		Cases []C
	}
	vectortest.Decode(t, file, &v)
	vectortest.Count(t, file, len(v.Cases))
	return v.Cases
}
