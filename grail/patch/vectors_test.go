package patch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/nanteos/nanteos/internal/vectortest"
)

// tensorVector is a tensor as the vectors write it: its bytes, or their length and SHA-256.
type tensorVector struct {
	Name   string `json:"name"`
	DType  DType  `json:"dtype"`
	Shape  []int  `json:"shape"`
	B64    []byte `json:"b64"`
	NBytes *int   `json:"nbytes"`
	SHA256 string `json:"sha256"`
}

func (v tensorVector) tensor() Tensor { return Tensor{v.Name, v.DType, v.Shape, v.B64} }

func (v tensorVector) matches(d DType, shape []int, data []byte) error {
	if d != v.DType || !slices.Equal(shape, v.Shape) {
		return fmt.Errorf("got %s%v, want %s%v", d, shape, v.DType, v.Shape)
	}
	if v.SHA256 != "" {
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != v.SHA256 || v.NBytes != nil && *v.NBytes != len(data) {
			return errors.New("other bytes")
		}
		return nil
	}
	if !bytes.Equal(data, v.B64) {
		return fmt.Errorf("got bytes %x, want %x", data, v.B64)
	}
	return nil
}

func tensors(vs []tensorVector) []Tensor {
	out := make([]Tensor, len(vs))
	for i, v := range vs {
		out[i] = v.tensor()
	}
	return out
}

// entryVector is a loose entry.
type entryVector struct {
	Name    string        `json:"name"`
	Shape   []int         `json:"shape"`
	Indices *tensorVector `json:"indices"`
	Values  *tensorVector `json:"values"`
}

func (v *tensorVector) array() *Array {
	if v == nil {
		return nil
	}
	return &Array{v.DType, v.Shape, v.B64}
}

func entriesOf(vs []entryVector) []Entry {
	out := make([]Entry, len(vs))
	for i, v := range vs {
		out[i] = Entry{v.Name, v.Shape, v.Indices.array(), v.Values.array()}
	}
	return out
}

func compareEntries(got []Entry, want []entryVector, shapes bool) error {
	if len(got) != len(want) {
		return fmt.Errorf("got %d entries, want %d", len(got), len(want))
	}
	for i, g := range got {
		w := want[i]
		if g.Name != w.Name || shapes && !slices.Equal(g.Shape, w.Shape) {
			return fmt.Errorf("entry %d: got %q %v, want %q %v", i, g.Name, g.Shape, w.Name, w.Shape)
		}
		if err := w.Indices.matches(g.Indices.DType, g.Indices.Shape, g.Indices.Data); err != nil {
			return fmt.Errorf("indices of %q: %w", g.Name, err)
		}
		if err := w.Values.matches(g.Values.DType, g.Values.Shape, g.Values.Data); err != nil {
			return fmt.Errorf("values of %q: %w", g.Name, err)
		}
	}
	return nil
}

func codec(t *testing.T, name string) Version {
	t.Helper()
	v, err := ParseFormat("sparse_codec_" + name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// undefined are the rules by which the strict decoder may refuse what the reference reads: section 9 calls them better.
var undefined = []Rule{RuleFrame, RuleBlocks, RuleCount, RuleRange, RuleOrder, RuleName, RuleDType}

func TestVectorsDecode(t *testing.T) {
	const file = "storage/codec_decode.json"
	var set struct {
		About   string `json:"about"`
		Count   int    `json:"count"`
		Vectors []struct {
			Name       string        `json:"name"`
			Decoder    string        `json:"decoder"`
			Compressed []byte        `json:"compressed_b64"`
			Error      *string       `json:"error"`
			Decoded    []entryVector `json:"decoded"`
		} `json:"vectors"`
	}
	vectortest.Decode(t, file, &set)
	for _, v := range set.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			version := codec(t, v.Decoder)
			p, err := Decode(t.Context(), v.Compressed, version, Options{Quirks: true})
			if (err != nil) != (v.Error != nil) {
				t.Fatalf("lenient: got %v, the reference %v", err, v.Error)
			}
			strictly, strictErr := Decode(t.Context(), v.Compressed, version, Options{})
			if err != nil {
				for _, e := range []error{err, strictErr} {
					var r *Refusal
					if !errors.As(e, &r) || !errors.Is(e, ErrPatch) || r.Rule == "" {
						t.Errorf("refusal without a rule: %v", e)
					}
				}
				return
			}
			if err := compareEntries(p.Entries(), v.Decoded, true); err != nil {
				t.Errorf("lenient: %v", err)
			}
			var r *Refusal
			switch {
			case errors.As(strictErr, &r):
				if !slices.Contains(undefined, r.Rule) {
					t.Errorf("strict: %v", strictErr)
				}
				t.Logf("strict: %v", strictErr)
			case strictErr != nil:
				t.Error(strictErr)
			default:
				if err := compareEntries(strictly.Entries(), v.Decoded, true); err != nil {
					t.Errorf("strict: %v", err)
				}
			}
		})
	}
	vectortest.Count(t, file, len(set.Vectors))
}

func TestVectorsEncode(t *testing.T) {
	const file = "storage/codec_encode.json"
	var set struct {
		About   string `json:"about"`
		Count   int    `json:"count"`
		Vectors []struct {
			Name        string        `json:"name"`
			Codec       string        `json:"codec"`
			Entries     []entryVector `json:"entries"`
			EncodeError *string       `json:"encode_error"`
			PayloadLen  int           `json:"payload_len"`
			PayloadSHA  string        `json:"payload_sha256"`
			Payload     []byte        `json:"payload_b64"`
			Header      string        `json:"header_json"`
			Compressed  []byte        `json:"compressed_b64"`
			DecodeError *string       `json:"decode_error"`
			Decoded     []entryVector `json:"decoded"`
		} `json:"vectors"`
	}
	vectortest.Decode(t, file, &set)
	for _, v := range set.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			version := codec(t, v.Codec)
			entries := entriesOf(v.Entries)
			if slices.ContainsFunc(v.Entries, func(e entryVector) bool { return e.Indices != nil && e.Indices.SHA256 != "" }) {
				theirs, err := Decode(t.Context(), v.Compressed, version, Options{})
				if err != nil {
					t.Fatal(err)
				}
				entries = theirs.Entries() // the vector has only the digests of these
				if err := compareEntries(entries, v.Decoded, true); err != nil {
					t.Fatal(err)
				}
			}
			p, err := Build(version, entries)
			if (err != nil) != (v.EncodeError != nil) {
				t.Fatalf("got %v, the reference %v", err, v.EncodeError)
			}
			if err != nil {
				return
			}
			payload := p.AppendPayload(nil)
			if head := payload[4 : 4+u32(payload)]; string(head) != v.Header {
				t.Errorf("header\n got %s\nwant %s", head, v.Header)
			}
			if sum := sha256.Sum256(payload); hex.EncodeToString(sum[:]) != v.PayloadSHA || len(payload) != v.PayloadLen {
				t.Fatalf("payload of %d bytes differs from the one of %d", len(payload), v.PayloadLen)
			}
			if int64(len(payload)) != p.PayloadBytes() {
				t.Errorf("PayloadBytes is %d for %d", p.PayloadBytes(), len(payload))
			}
			var own bytes.Buffer
			if err := p.Encode(&own); err != nil {
				t.Fatal(err)
			}
			for what, blob := range map[string][]byte{"own": own.Bytes(), "theirs": v.Compressed} {
				var h zstd.Header
				if err := h.Decode(blob); err != nil || !h.HasFCS || h.FrameContentSize != uint64(len(payload)) || h.HasCheckSum {
					t.Errorf("%s: frame %+v, %v", what, h, err)
				}
				p, err := Decode(t.Context(), blob, version, Options{Quirks: true})
				if (err != nil) != (v.DecodeError != nil) {
					t.Fatalf("%s: got %v, the reference %v", what, err, v.DecodeError)
				}
				if err != nil {
					continue
				}
				if err := compareEntries(p.Entries(), v.Decoded, true); err != nil {
					t.Errorf("%s: %v", what, err)
				}
				p, err = Decode(t.Context(), blob, version, Options{})
				var r *Refusal
				if errors.As(err, &r) && (r.Rule == RuleOrder || r.Rule == RuleRange) {
					continue // repeated and negative positions
				}
				if err != nil {
					t.Fatalf("%s, strict: %v", what, err)
				}
				if again := p.AppendPayload(nil); !bytes.Equal(again, payload) {
					t.Errorf("%s: decoding and encoding changes the payload", what)
				}
			}
		})
	}
	vectortest.Count(t, file, len(set.Vectors))
}

func TestVectorsHash(t *testing.T) {
	const file = "storage/weights_hash.json"
	var set struct {
		About   string `json:"about"`
		Count   int    `json:"count"`
		Vectors []struct {
			Name   string         `json:"name"`
			State  []tensorVector `json:"state"`
			XXH3   string         `json:"xxh3_128"`
			XErr   *string        `json:"xxh3_error"`
			SHA256 string         `json:"sha256_old"`
			SErr   *string        `json:"sha256_error"`
		} `json:"vectors"`
	}
	vectortest.Decode(t, file, &set)
	n := 0
	for _, v := range set.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			state := tensors(v.State)
			for _, x := range v.State {
				if x.SHA256 != "" {
					t.Skip("the vector has no bytes")
				}
			}
			n++
			if can := ReferenceHashes(state); can != (v.XErr == nil) {
				t.Errorf("ReferenceHashes is %v, the reference %v", can, v.XErr)
			}
			if v.XErr != nil {
				return
			}
			if got, err := Hash(t.Context(), state); err != nil || got != v.XXH3 {
				t.Errorf("got %s, %v, want %s", got, err, v.XXH3)
			}
			if got, err := HashOld(t.Context(), state); err != nil || got != v.SHA256 {
				t.Errorf("got %s, %v, want %s", got, err, v.SHA256)
			}
			for _, want := range []string{v.XXH3, v.SHA256} {
				if err := Verify(t.Context(), state, want); err != nil {
					t.Error(err)
				}
			}
		})
	}
	vectortest.Count(t, file, n)
}

// number reads thresholds, which the vectors write as JSON numbers.
type statsVector struct {
	Total     int         `json:"total_params"`
	Changed   int         `json:"nonzero_params"`
	Sparsity  float64     `json:"sparsity_ratio"`
	Threshold json.Number `json:"threshold"`
}

func TestVectorsCompute(t *testing.T) {
	const file = "storage/delta_compute.json"
	var set struct {
		About   string `json:"about"`
		Count   int    `json:"count"`
		Vectors []struct {
			Name      string           `json:"name"`
			Base      []tensorVector   `json:"base"`
			Current   []tensorVector   `json:"current"`
			Threshold float64          `json:"threshold"`
			Error     *string          `json:"error"`
			Sparse    []entryVector    `json:"sparse"`
			Shapes    map[string][]int `json:"shapes"`
			Stats     statsVector      `json:"stats"`
		} `json:"vectors"`
	}
	vectortest.Decode(t, file, &set)
	for _, v := range set.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			base, current := tensors(v.Base), tensors(v.Current)
			entries, stats, err := ComputeReference(base, current, v.Threshold)
			if (err != nil) != (v.Error != nil) {
				t.Fatalf("got %v, the reference %v", err, v.Error)
			}
			p, report, strictErr := Compute(t.Context(), base, current, V31, Options{})
			if err != nil {
				if strictErr == nil {
					t.Error("strict: no error")
				}
				return
			}
			if err := compareEntries(entries, v.Sparse, false); err != nil {
				t.Error(err)
			}
			if shapes := ShapesOf(entries); fmt.Sprint(shapes) != fmt.Sprint(v.Shapes) {
				t.Errorf("got shapes %v, want %v", shapes, v.Shapes)
			}
			if stats.Total != v.Stats.Total || stats.Changed != v.Stats.Changed || stats.Sparsity() != v.Stats.Sparsity {
				t.Errorf("got %+v, want %+v", stats, v.Stats)
			}
			// What the strict form computes leads to the new weights, or it says why it can't.
			if strictErr != nil {
				if !errors.Is(strictErr, ErrFull) || report.Possible() {
					t.Errorf("strict: %v, %+v", strictErr, report)
				}
				t.Logf("strict: %v", strictErr)
				return
			}
			if want, got := mustHash(t, current), applied(t, base, p); got != want {
				t.Errorf("strict: got hash %s, want %s", got, want)
			}
		})
	}
	vectortest.Count(t, file, len(set.Vectors))
}

func TestVectorsApply(t *testing.T) {
	const file = "storage/delta_apply.json"
	var set struct {
		About   string `json:"about"`
		Count   int    `json:"count"`
		Vectors []struct {
			Name        string           `json:"name"`
			Base        []tensorVector   `json:"base"`
			Sparse      []entryVector    `json:"sparse"`
			Shapes      map[string][]int `json:"shapes"`
			Target      *DType           `json:"target_dtype"`
			Order       []string         `json:"base_order"`
			Error       *string          `json:"error"`
			Result      []tensorVector   `json:"result"`
			Overwritten bool             `json:"base_overwritten"`
		} `json:"vectors"`
	}
	vectortest.Decode(t, file, &set)
	for _, v := range set.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			base, entries := tensors(v.Base), entriesOf(v.Sparse)
			var target DType
			if v.Target != nil {
				target = *v.Target
			}
			before := cloneAll(base)
			got, err := ApplyReference(base, entries, v.Shapes, target)
			if (err != nil) != (v.Error != nil) {
				t.Fatalf("got %v, the reference %v", err, v.Error)
			}
			for i := range base {
				if !bytes.Equal(base[i].Data, before[i].Data) {
					t.Errorf("the base's %q was changed", base[i].Name)
				}
			}
			for i := range entries {
				entries[i].Shape = v.Shapes[entries[i].Name]
			}
			strictly, strictErr := strictApply(t, base, entries)
			if err != nil {
				if whole := slices.ContainsFunc(v.Sparse, func(e entryVector) bool { return e.Values != nil && e.Indices.Shape[0] != 1 }); whole && strictErr == nil {
					t.Error("strict: no error")
				}
				return
			}
			if len(got) != len(v.Result) {
				t.Fatalf("got %d tensors, want %d", len(got), len(v.Result))
			}
			for i, x := range got {
				if err := v.Result[i].matches(x.DType, x.Shape, x.Data); err != nil || x.Name != v.Result[i].Name {
					t.Errorf("%q: %v", x.Name, err)
				}
			}
			if strictErr != nil {
				t.Logf("strict: %v", strictErr)
				return
			}
			mixed := target != ""
			for i := range base {
				mixed = mixed || base[i].DType != base[0].DType
			}
			for i := range strictly {
				if !mixed && !bytes.Equal(strictly[i].Data, got[i].Data) {
					t.Errorf("strict: %q differs", got[i].Name)
				}
			}
		})
	}
	vectortest.Count(t, file, len(set.Vectors))
}

// strictApply takes loose entries through a published patch.
func strictApply(t *testing.T, base []Tensor, entries []Entry) ([]Tensor, error) {
	p, err := Build(V3, entries)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := p.Encode(&b); err != nil {
		return nil, err
	}
	if p, err = Decode(t.Context(), b.Bytes(), V3, Options{}); err != nil {
		return nil, err
	}
	out := cloneAll(base)
	_, err = Apply(t.Context(), out, out, []*Patch{p}, Options{})
	return out, err
}

func TestVectorsChains(t *testing.T) {
	const file = "storage/delta_chains.json"
	var set struct {
		About   string `json:"about"`
		Count   int    `json:"count"`
		Vectors []struct {
			Name       string         `json:"name"`
			Anchor     []byte         `json:"anchor_safetensors_b64"`
			AnchorHash string         `json:"anchor_hash"`
			Final      []tensorVector `json:"final"`
			Steps      []struct {
				Format string      `json:"format"`
				Blob   []byte      `json:"delta_sparse_bin_zst_b64"`
				Stats  statsVector `json:"stats"`
				Hash   string      `json:"weights_hash"`
			} `json:"steps"`
		} `json:"vectors"`
	}
	vectortest.Decode(t, file, &set)
	for _, v := range set.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			base := readSafetensors(t, v.Anchor)
			if got := mustHash(t, base); got != v.AnchorHash {
				t.Fatalf("anchor: got hash %s, want %s", got, v.AnchorHash)
			}
			state, loose := cloneAll(base), cloneAll(base)
			var patches []*Patch
			for i, s := range v.Steps {
				version, err := ParseFormat(s.Format)
				if err != nil {
					t.Fatal(err)
				}
				p, err := Decode(t.Context(), s.Blob, version, Options{})
				if err != nil {
					t.Fatal(err)
				}
				if p.Positions() != s.Stats.Changed {
					t.Errorf("step %d: %d positions, want %d", i, p.Positions(), s.Stats.Changed)
				}
				patches = append(patches, p)
				before := cloneAll(state)
				r, err := Apply(t.Context(), state, state, []*Patch{p}, Options{Hash: true}) // in place, step by step
				if err != nil || r.Hash != s.Hash {
					t.Fatalf("step %d: got hash %s, %v, want %s", i, r.Hash, err, s.Hash)
				}
				back, report, err := Compute(t.Context(), before, state, version, Options{})
				if err != nil || report.Total != s.Stats.Total || report.Sparsity() != s.Stats.Sparsity {
					t.Errorf("step %d: %v, %+v, want %+v", i, err, report, s.Stats)
				} else if !bytes.Equal(back.AppendPayload(nil), p.AppendPayload(nil)) {
					t.Errorf("step %d: computing gives another payload", i)
				}
				if loose, err = ApplyReference(loose, p.Entries(), ShapesOf(p.Entries()), ""); err != nil || mustHash(t, loose) != s.Hash {
					t.Errorf("step %d: reference: %v", i, err)
				}
			}
			want := v.Steps[len(v.Steps)-1].Hash
			if got := applied(t, base, patches...); got != want {
				t.Errorf("the chain at once: got hash %s, want %s", got, want)
			}
			for _, f := range v.Final {
				i := slices.IndexFunc(state, func(x Tensor) bool { return x.Name == f.Name })
				if i < 0 {
					t.Fatalf("no tensor %q", f.Name)
				}
				if err := f.matches(state[i].DType, state[i].Shape, state[i].Data); err != nil {
					t.Errorf("%q: %v", f.Name, err)
				}
			}
		})
	}
	vectortest.Count(t, file, len(set.Vectors))
}
