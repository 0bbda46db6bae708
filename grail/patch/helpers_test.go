package patch

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"
	"sort"
	"testing"
)

func cloneAll(ts []Tensor) []Tensor {
	out := slices.Clone(ts)
	for i := range out {
		out[i].Data = bytes.Clone(out[i].Data)
		if out[i].Data == nil {
			out[i].Data = []byte{}
		}
	}
	return out
}

func mustHash(t testing.TB, ts []Tensor) string {
	t.Helper()
	h, err := Hash(t.Context(), ts)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// applied gives the hash of base with the patches, after it has been made in every way there is.
func applied(t testing.TB, base []Tensor, patches ...*Patch) string {
	t.Helper()
	before := cloneAll(base)
	dst := cloneAll(base)
	for i := range dst {
		clear(dst[i].Data)
	}
	r, err := Apply(t.Context(), dst, base, patches, Options{Hash: true})
	if err != nil {
		t.Fatal(err)
	}
	want := mustHash(t, dst)
	if r.Hash != want {
		t.Errorf("Apply gives hash %s of weights with %s", r.Hash, want)
	}
	streamed := make([]Tensor, len(base))
	for i := range base {
		streamed[i] = base[i]
		streamed[i].Data = []byte{}
	}
	last := 0
	s, err := Stream(t.Context(), base, patches, Options{Hash: true, Workers: 3}, func(i int, piece []byte) error {
		if i < last {
			t.Errorf("tensor %d after %d", i, last)
		}
		last = i
		streamed[i].Data = append(streamed[i].Data, piece...)
		return nil
	})
	if err != nil || s != r {
		t.Fatalf("Stream gives %+v, %v; Apply %+v", s, err, r)
	}
	for i := range dst {
		if !bytes.Equal(dst[i].Data, streamed[i].Data) {
			t.Errorf("Stream and Apply differ at %q", dst[i].Name)
		}
		if !bytes.Equal(base[i].Data, before[i].Data) {
			t.Errorf("the base's %q was changed", base[i].Name)
		}
	}
	in := cloneAll(base)
	for _, p := range patches {
		if _, err := Apply(t.Context(), in, in, []*Patch{p}, Options{Workers: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if got := mustHash(t, in); got != want {
		t.Errorf("in place gives hash %s, with a copy %s", got, want)
	}
	return want
}

// readSafetensors reads a small file that a test trusts.
func readSafetensors(t testing.TB, file []byte) []Tensor {
	t.Helper()
	n := binary.LittleEndian.Uint64(file)
	var head map[string]json.RawMessage
	if err := json.Unmarshal(file[8:8+n], &head); err != nil {
		t.Fatal(err)
	}
	type row struct {
		DType   string `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	rowsByName := map[string]row{}
	var names []string
	for name, raw := range head {
		if name == "__metadata__" {
			continue
		}
		var r row
		if err := json.Unmarshal(raw, &r); err != nil {
			t.Fatal(err)
		}
		rowsByName[name] = r
		names = append(names, name)
	}
	sort.Slice(names, func(a, b int) bool { return rowsByName[names[a]].Offsets[0] < rowsByName[names[b]].Offsets[0] })
	var out []Tensor
	for _, name := range names {
		r := rowsByName[name]
		kind, ok := FromSafetensors(r.DType)
		if !ok {
			t.Fatalf("kind %q", r.DType)
		}
		out = append(out, Tensor{name, kind, r.Shape, file[8+int(n)+r.Offsets[0] : 8+int(n)+r.Offsets[1]]})
	}
	return out
}
