package patch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// seeds are payloads of each version, whole and damaged.
func seeds(f *testing.F) map[Version][][]byte {
	f.Helper()
	out := map[Version][][]byte{}
	index := []byte{0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0}
	for _, v := range versions {
		p, err := Build(v, []Entry{
			{"w", []int{3, 4}, &Array{Int32, []int{2, 3}, index}, &Array{BFloat16, []int{3}, []byte{1, 2, 3, 4, 5, 6}}},
			{"a.é", []int{400}, &Array{Int32, []int{6}, []byte{0, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 44, 1, 0, 0, 45, 1, 0, 0, 143, 1, 0, 0}}, &Array{Float32, []int{6}, make([]byte, 24)}},
		})
		if err != nil {
			f.Fatal(err)
		}
		payload := p.AppendPayload(nil)
		out[v] = [][]byte{payload, payload[:len(payload)-3], append(bytes.Clone(payload), 1, 2, 3)}
		for _, text := range []string{`{"version":31,"tensors":null}`, `{"version":2.0}`,
			`{"version":3,"tensors":[{"name":"w","shape":[9,9],"value_dtype":"x","indices_offset":-4,"rows_size":8,"cols_size":8,"values_offset":0,"values_size":4}]}`,
			`{"version":2,"tensors":[{"name":"w","shape":[1e3],"value_dtype":"float16","indices_offset":0,"indices_size":99999999999999999999,"values_offset":true,"values_size":4}]}`} {
			out[v] = append(out[v], append(binary.LittleEndian.AppendUint32(nil, uint32(len(text))), text+"0123456789abcdef"...))
		}
	}
	return out
}

// FuzzDecodePayload holds that neither decoder panics, that what the strict one takes the lenient one reads alike, that it survives encoding, and that both
// ways of applying agree on it.
func FuzzDecodePayload(f *testing.F) {
	for v, all := range seeds(f) {
		for _, payload := range all {
			f.Add(int(v), payload)
		}
	}
	f.Fuzz(func(t *testing.T, v int, payload []byte) {
		version := versions[uint(v)%3]
		if v == 2 || v == 3 || v == 31 {
			version = Version(v)
		}
		lenient, looseErr := DecodePayload(t.Context(), payload, version, Options{Quirks: true})
		strictly, err := DecodePayload(t.Context(), payload, version, Options{Workers: 1})
		for _, e := range []error{looseErr, err} {
			var r *Refusal
			if e != nil && (!errors.As(e, &r) || !errors.Is(e, ErrPatch) || r.Rule == "" || r.Detail == "") {
				t.Fatalf("refusal without a rule: %v", e)
			}
		}
		if looseErr == nil {
			checkLoose(t, lenient)
		}
		if err != nil {
			return
		}
		if looseErr != nil {
			t.Fatalf("strict reads what lenient refuses: %v", looseErr)
		}
		canonical := strictly.AppendPayload(nil)
		if !bytes.Equal(canonical, lenient.AppendPayload(nil)) {
			t.Fatal("the two read differently")
		}
		again, err := DecodePayload(t.Context(), canonical, version, Options{})
		if err != nil || !bytes.Equal(again.AppendPayload(nil), canonical) {
			t.Fatalf("not read again: %v", err)
		}
		compareApplied(t, strictly)
	})
}

// checkLoose takes a patch that the lenient decoder read through everything that must bear it.
func checkLoose(t *testing.T, p *Patch) {
	t.Helper()
	entries := p.Entries()
	state := zeros(entries)
	if state == nil {
		return
	}
	_, _ = ApplyReference(state, entries, ShapesOf(entries), "")
	if _, err := Apply(t.Context(), state, state, []*Patch{p}, Options{Workers: 1}); err != nil && !errors.Is(err, ErrPatch) && !errors.Is(err, ErrMismatch) && !errors.Is(err, ErrTensors) {
		t.Fatal(err)
	}
	_, _ = Build(p.Version, entries)
}

// zeros gives weights for the entries, or nil where they would be large.
func zeros(entries []Entry) (out []Tensor) {
	total := 0
	for _, e := range entries {
		n, ok := elements(e.Shape)
		if !ok || n > 1<<16 || total+n > 1<<16 {
			return nil
		}
		total += n
		out = append(out, Tensor{e.Name, e.Values.DType, e.Shape, make([]byte, n*e.Values.DType.Size())})
	}
	return out
}

func compareApplied(t *testing.T, p *Patch) {
	t.Helper()
	entries := p.Entries()
	state := zeros(entries)
	for _, x := range state {
		if x.DType != state[0].DType {
			return // QUIRK 38
		}
	}
	if len(state) == 0 {
		return
	}
	want, err := ApplyReference(state, entries, ShapesOf(entries), "")
	if err != nil {
		t.Fatalf("the reference's way refuses what the strict decoder took: %v", err)
	}
	r, err := Apply(t.Context(), state, state, []*Patch{p}, Options{Hash: true})
	if err != nil {
		t.Fatal(err)
	}
	if h, err := Hash(t.Context(), want); err != nil || h != r.Hash {
		t.Fatalf("hash %s, the reference's way %s, %v", r.Hash, h, err)
	}
}

// FuzzDecode holds that foreign frames neither panic nor take memory beyond the limit.
func FuzzDecode(f *testing.F) {
	for v, all := range seeds(f) {
		for _, payload := range all {
			var b bytes.Buffer
			if err := pack(&b, int64(len(payload)), func(emit func([]byte) error) error { return emit(payload) }); err != nil {
				f.Fatal(err)
			}
			f.Add(int(v), b.Bytes())
			f.Add(int(v), append(b.Bytes(), 0))
		}
	}
	f.Add(31, []byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 0, 0})
	f.Fuzz(func(t *testing.T, v int, data []byte) {
		for _, quirks := range []bool{false, true} {
			p, err := Decode(t.Context(), data, Version(v), Options{Quirks: quirks, MaxPayload: 1 << 20})
			if err != nil {
				if !errors.Is(err, ErrPatch) {
					t.Fatal(err)
				}
				continue
			}
			if p.PayloadBytes() > 1<<20 {
				t.Fatal("the limit doesn't hold")
			}
			var b bytes.Buffer
			if err := p.Encode(&b); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzHeader holds that the header's reader and writer agree.
func FuzzHeader(f *testing.F) {
	for _, all := range seeds(f) {
		for _, payload := range all {
			f.Add(payload[4:min(len(payload), 4+int(u32(payload)))])
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		payload := append(binary.LittleEndian.AppendUint32(nil, uint32(len(text))), text...)
		for _, v := range versions {
			entries, base, err := readHeader(payload, v)
			if err != nil {
				var r *Refusal
				if !errors.As(err, &r) {
					t.Fatalf("refusal without a rule: %v", err)
				}
				continue
			}
			if base != len(payload) || len(entries) > maxValues {
				t.Fatalf("data begin at %d of %d", base, len(payload))
			}
			var changes []Change
			for _, e := range entries {
				changes = append(changes, Change{Name: e.name, Shape: e.shape, DType: BFloat16, rows: block{width: 1}, cols: block{width: 2}})
			}
			head, _ := appendHeader(make([]byte, 4), v, changes)
			binary.LittleEndian.PutUint32(head, uint32(len(head)-4))
			back, _, err := readHeader(head, v)
			if err != nil || len(back) != len(entries) {
				t.Fatalf("not read again: %v", err)
			}
			for i := range back {
				if back[i].name != entries[i].name {
					t.Fatalf("%q becomes %q", entries[i].name, back[i].name)
				}
			}
		}
	})
}
