package checkpoint

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/grail/patch"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/vectortest"
	"github.com/nanteos/nanteos/model/safetensors"
)

// history is a bucket with a whole checkpoint 30 and patches 60, 90, …, and what the weights are in truth.
type history struct {
	*bucket.Dir
	root    string
	folders map[int64]string
	hashes  map[int64]string
}

func newHistory(t testing.TB, length int) *history {
	t.Helper()
	h := &history{root: t.TempDir(), folders: map[int64]string{}, hashes: map[int64]string{}}
	var err error
	if h.Dir, err = bucket.OpenDir(bucket.DirConfig{Root: h.root}); err != nil {
		t.Fatal(err)
	}
	p := newPublisher(t, h.Dir, t.TempDir(), func(c *PublisherConfig) { c.Interval = 1000 })
	for i := range length {
		window := int64(30 * (i + 1))
		h.folders[window] = modelFolder(t, i+1)
		h.hashes[window] = hashOf(t, h.folders[window])
		done, err := p.Publish(t.Context(), h.folders[window], policyOf(t, window))
		if err != nil {
			t.Fatal(err)
		}
		if want := Delta; i > 0 && done.Type != want {
			t.Fatalf("checkpoint %d is published as %s: %s", window, done.Type, done.Reason)
		}
		if err := p.Ready(t.Context(), window, window+30); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// check holds a fetched checkpoint to the truth.
func (h *history) check(t testing.TB, c Checkpoint) {
	t.Helper()
	if got := hashOf(t, c.Dir); got != h.hashes[c.Window] {
		t.Errorf("checkpoint %d has the weights %s, want %s", c.Window, got, h.hashes[c.Window])
	}
	for _, name := range []string{"config.json", "tokenizer.json", "canary.json"} {
		got, err := os.ReadFile(filepath.Join(c.Dir, name))
		want, _ := os.ReadFile(filepath.Join(h.folders[c.Window], name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("checkpoint %d: %s differs: %v", c.Window, name, err)
		}
	}
}

// checkCache says whether all that a cache offers is true.
func (h *history) checkCache(t testing.TB, c *Cache) {
	t.Helper()
	for _, name := range names(t, c.dir) {
		window, ok := folderWindow(name)
		if !ok {
			continue
		}
		if got, err := c.open(t.Context(), c.folder(window), window, trainerKey()); err != nil {
			t.Errorf("%s is there and not good: %v", name, err)
		} else {
			h.check(t, got)
		}
	}
}

// edit changes the metadata of a checkpoint and signs them again.
func (h *history) edit(t testing.TB, key string, signer Signer, change func(o map[string]any)) {
	t.Helper()
	text, _, err := bucket.ReadAll(t.Context(), h.Dir, key, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var o map[string]any
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatal(err)
	}
	change(o)
	if text, err = json.Marshal(o); err != nil {
		t.Fatal(err)
	}
	m, err := ParseMetadata(text)
	if err == nil {
		signature, err := signer.Sign(m.SignedText())
		if err != nil {
			t.Fatal(err)
		}
		put(t, h.Dir, strings.TrimSuffix(key, metadataName)+signatureName, []byte(hex.EncodeToString(signature[:])))
	}
	put(t, h.Dir, key, text)
}

func TestChain(t *testing.T) {
	h := newHistory(t, 5)
	c := newCache(t, Limits{})
	fetch := func(window, base int64, patches int) Checkpoint {
		t.Helper()
		got, report, err := c.FetchFrom(t.Context(), []bucket.Bucket{h}, window, trainerKey())
		if err != nil {
			t.Fatal(err)
		}
		h.check(t, got)
		if report.Base != base || report.Patches != patches || len(report.Tried) > 0 {
			t.Errorf("checkpoint %d came as %+v, want %d patches on %d", window, report, patches, base)
		}
		return got
	}
	got := fetch(90, 30, 2)
	m := got.Metadata
	if m.Type != Full || *m.PrevWindow != 60 || *m.AnchorWindow != 30 || m.WeightsHash != h.hashes[90] || m.EnvID != "sat" {
		t.Errorf("metadata are %s", m.JSON())
	}
	if _, err := m.Policy(); err != nil {
		t.Error(err)
	}
	if want := []string{"canary.json", "config.json", "model.safetensors", "tokenizer.json"}; !slices.EqualFunc(m.Manifest, want, func(f File, n string) bool { return f.Name == n }) {
		t.Errorf("manifest is %v", m.Manifest)
	}
	published, err := os.ReadFile(filepath.Join(h.folders[90], "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if made, err := os.ReadFile(filepath.Join(got.Dir, "model.safetensors")); err != nil || !bytes.Equal(made, published) {
		t.Errorf("the file of weights is another than the trainer's: %v", err)
	}
	if files, err := Files(got.Dir); err != nil || len(files) != 4 {
		t.Errorf("offered for publication: %v, %v", files, err)
	}
	fetch(150, 90, 2) // on what is there
	fetch(120, 90, 1)
	fetch(30, 30, 0)
	if got := names(t, c.dir); !slices.Equal(got, []string{"checkpoint-120", "checkpoint-150", "checkpoint-30", "checkpoint-90"}) {
		t.Errorf("cache holds %v", got)
	}
	if left := names(t, filepath.Join(c.dir, poolName)); len(left) > 0 {
		t.Errorf("fetched files are left: %v", left)
	}
	// Without the bucket, and for whom the trainer is somebody else.
	broken := &bucket.Faulty{Bucket: h, Choose: func(bucket.Call) bucket.Fault { return bucket.Fails }}
	if _, err := c.Fetch(t.Context(), broken, 150, trainerKey()); err != nil {
		t.Error(err)
	}
	if _, err := c.Fetch(t.Context(), broken, 150, nil); err != nil {
		t.Error(err)
	}
	stranger := sr25519.NewKeypair([32]byte{7}).Public()
	if _, err := c.Fetch(t.Context(), h, 150, &stranger); !errors.Is(err, ErrSignature) {
		t.Errorf("for a stranger: %v", err)
	}
	// One that was fetched when nobody knew the trainer is made again.
	c = newCache(t, Limits{})
	for _, trainer := range []*[32]byte{nil, trainerKey()} {
		if _, report, err := c.FetchFrom(t.Context(), []bucket.Bucket{h}, 90, trainer); err != nil || report.Cached {
			t.Errorf("%v, cached %v", err, report.Cached)
		}
	}
}

// Patches that don't fit in memory together are applied one after the other.
func TestChainInSeveralGoes(t *testing.T) {
	h := newHistory(t, 6)
	for _, bytes := range []int64{1 << 20, 900, 520} {
		c := newCache(t, Limits{PatchBytes: bytes})
		pieces := 0
		c.probe = func(step string) {
			if step == "piece" {
				pieces++
			}
		}
		got, err := c.Fetch(t.Context(), h, 180, trainerKey())
		if err != nil {
			t.Errorf("%d bytes of patches: %v", bytes, err)
			continue
		}
		h.check(t, got)
		if bytes < 600 && pieces < 4 || bytes > 1000 && pieces != 2 {
			t.Errorf("%d bytes of patches: %d pieces", bytes, pieces)
		}
	}
	if _, err := newCache(t, Limits{PatchBytes: 100}).Fetch(t.Context(), h, 180, trainerKey()); !errors.Is(err, ErrFiles) {
		t.Errorf("patches larger than allowed: %v", err)
	}
}

func TestDamagedReconstruction(t *testing.T) {
	h := newHistory(t, 3)
	for name, damage := range map[string]func(dir string) error{
		"weights": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "model.safetensors"), []byte("?"), 0o644)
		},
		"source gone":    func(dir string) error { return os.Remove(filepath.Join(dir, sourceName)) },
		"signature gone": func(dir string) error { return os.Remove(filepath.Join(dir, sourceSigName)) },
		"another policy": func(dir string) error {
			path := filepath.Join(dir, metadataName)
			text, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path, bytes.Replace(text, []byte(`"sat"`), []byte(`"gsm8k"`), 1), 0o644))
		},
		"other weights that the metadata agree with": func(dir string) error {
			w, err := os.ReadFile(filepath.Join(h.folders[60], "model.safetensors"))
			path := filepath.Join(dir, metadataName)
			text, err2 := os.ReadFile(path)
			m, err3 := ParseMetadata(text)
			if err := errors.Join(err, err2, err3); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, "model.safetensors"), w, 0o644); err != nil {
				return err
			}
			for _, f := range m.Manifest {
				if f.Name == "model.safetensors" {
					sum, err := hashFile(t.Context(), filepath.Join(dir, f.Name))
					if err != nil {
						return err
					}
					text = bytes.Replace(text, []byte(hex.EncodeToString(f.SHA256[:])), []byte(hex.EncodeToString(sum[:])), 1)
				}
			}
			return os.WriteFile(path, text, 0o644)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCache(t, Limits{})
			got, err := c.Fetch(t.Context(), h, 90, trainerKey())
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(got.Dir); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Fetch(t.Context(), newBucket(t), 90, trainerKey()); !errors.Is(err, ErrNone) {
				t.Errorf("without the bucket: %v", err)
			}
			if got, err = c.Fetch(t.Context(), h, 90, trainerKey()); err != nil {
				t.Fatal(err)
			}
			h.check(t, got)
		})
	}
}

// What a trainer, or somebody with its write key, could publish to harm a node.
func TestChainRefuses(t *testing.T) {
	patchOf := bucket.DeltaKey(90, metadataName)
	other := sr25519.NewKeypair([32]byte{9})
	edit := func(key string, change func(o map[string]any)) func(*testing.T, *history) {
		return func(t *testing.T, h *history) { h.edit(t, key, trainer, change) }
	}
	set := func(key, member string, value any) func(*testing.T, *history) {
		return edit(key, func(o map[string]any) { o[member] = value })
	}
	file := func(window int64, name string, content []byte) func(*testing.T, *history) {
		return func(t *testing.T, h *history) { // with the right hash in the manifest
			path := filepath.Join(t.TempDir(), "x")
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
			sum, err := hashFile(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			put(t, h.Dir, bucket.DeltaKey(window, name), content)
			edit(bucket.DeltaKey(window, metadataName), func(o map[string]any) {
				o["file_manifest"].(map[string]any)[name] = hex.EncodeToString(sum[:])
			})(t, h)
		}
	}
	foreign := func(window int64, tensors ...patch.Tensor) func(*testing.T, *history) {
		return func(t *testing.T, h *history) {
			before := slices.Clone(tensors)
			for i := range before {
				before[i].Data = make([]byte, len(before[i].Data))
			}
			p, _, err := patch.Compute(t.Context(), before, tensors, patch.V31, patch.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := p.Encode(&b); err != nil {
				t.Fatal(err)
			}
			file(window, patchName, b.Bytes())(t, h)
		}
	}
	for _, c := range []struct {
		name  string
		spoil func(*testing.T, *history)
		want  error
	}{
		{"no base", set(patchOf, "prev_window", nil), ErrMetadata},
		{"its own base", set(patchOf, "prev_window", 90), ErrMetadata},
		{"a later base", set(patchOf, "prev_window", 120), ErrMetadata},
		{"a negative base", set(patchOf, "prev_window", -30), ErrMetadata},
		{"a circle", set(bucket.DeltaKey(60, metadataName), "prev_window", 90), ErrMetadata},
		{"a base that isn't there", set(patchOf, "prev_window", 45), ErrNone},
		{"another window", set(patchOf, "window", 60), ErrMetadata},
		{"another window in the middle", set(bucket.DeltaKey(60, metadataName), "window", 90), ErrMetadata},
		{"a whole one in its place", set(patchOf, "checkpoint_type", "FULL"), ErrMetadata},
		{"another hash of the weights", set(patchOf, "weights_hash", strings.Repeat("0", 32)), patch.ErrHash},
		{"another old hash", set(patchOf, "weights_hash", strings.Repeat("0", 64)), patch.ErrHash},
		{"a hash that is none", set(patchOf, "weights_hash", "x"), ErrFiles},
		{"no manifest", set(patchOf, "file_manifest", map[string]any{}), ErrMetadata},
		{"no data", edit(patchOf, func(o map[string]any) { delete(o["file_manifest"].(map[string]any), patchName) }), ErrMetadata},
		{"no format", edit(patchOf, func(o map[string]any) { delete(o["file_manifest"].(map[string]any), patchMetaName) }), ErrMetadata},
		{"path upwards", edit(patchOf, func(o map[string]any) { o["file_manifest"].(map[string]any)["../x"] = strings.Repeat("0", 64) }), ErrMetadata},
		{"signed by another", func(t *testing.T, h *history) { h.edit(t, patchOf, other, func(map[string]any) {}) }, ErrSignature},
		{"middle signed by another", func(t *testing.T, h *history) {
			h.edit(t, bucket.DeltaKey(60, metadataName), other, func(map[string]any) {})
		}, ErrSignature},
		{"base signed by another", func(t *testing.T, h *history) {
			h.edit(t, bucket.FullKey(30, metadataName), other, func(map[string]any) {})
		}, ErrSignature},
		{"unknown format", file(90, patchMetaName, []byte(`{"format": "sparse_codec_v9", "prev_window": 60}`)), patch.ErrPatch},
		{"format a list", file(90, patchMetaName, []byte(`[]`)), patch.ErrPatch},
		{"format no JSON", file(90, patchMetaName, []byte(`{`)), ErrFiles},
		{"format of another version", file(90, patchMetaName, []byte(`{"format": "sparse_codec_v2", "prev_window": 60}`)), patch.ErrPatch},
		{"metadata of different bases", file(90, patchMetaName, []byte(`{"format": "sparse_codec_v3.1", "prev_window": 30}`)), ErrFiles},
		{"an empty patch file", file(90, patchName, nil), patch.ErrPatch},
		{"a patch file of noise", file(90, patchName, []byte("noise")), patch.ErrPatch},
		{"a tensor that the base lacks", foreign(90, patch.Tensor{Name: "x", DType: patch.BFloat16, Shape: []int{1}, Data: []byte{1, 2}}), patch.ErrMismatch},
		{"a tensor of another shape", foreign(60, patch.Tensor{Name: "model.norm.weight", DType: patch.BFloat16, Shape: []int{1}, Data: []byte{1, 2}}), patch.ErrMismatch},
		{"other values", foreign(60, patch.Tensor{Name: "model.norm.weight", DType: patch.BFloat16, Shape: []int{30}, Data: bytes.Repeat([]byte{1}, 60)}), patch.ErrHash},
		{"whole one not ready", func(t *testing.T, h *history) {
			if err := h.Delete(t.Context(), bucket.ReadyKey(30, 60)); err != nil {
				t.Fatal(err)
			}
		}, ErrNone},
		{"base with another hash", set(bucket.FullKey(30, metadataName), "weights_hash", strings.Repeat("0", 32)), ErrFiles},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHistory(t, 3)
			c.spoil(t, h)
			cache := hasty(t, Limits{})
			got, err := cache.Fetch(t.Context(), h, 90, trainerKey())
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if got.Dir != "" || slices.Contains(names(t, cache.dir), "checkpoint-90") {
				t.Errorf("a refused checkpoint left %v", names(t, cache.dir))
			}
			if up := names(t, filepath.Dir(cache.dir)); slices.Contains(up, "x") {
				t.Errorf("something was written outside the cache: %v", up)
			}
			if _, err := os.Stat(filepath.Join(cache.dir, "x")); err == nil {
				t.Error("a file lies beside the checkpoints")
			}
		})
	}
}

// A patch without a hash of its weights is worth less than all of the checkpoint, if that is there, and better than nothing.
func TestPatchWithoutHash(t *testing.T) {
	h := newHistory(t, 3)
	h.edit(t, bucket.DeltaKey(90, metadataName), trainer, func(o map[string]any) { o["weights_hash"] = nil })
	c := newCache(t, Limits{})
	if _, err := c.Fetch(t.Context(), h, 60, trainerKey()); err != nil {
		t.Fatal(err)
	}
	got, report, err := c.FetchFrom(t.Context(), []bucket.Bucket{h}, 90, trainerKey())
	if err != nil || report.Base != 60 || report.Patches != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	h.check(t, got)
	if err := c.Prune(60); err != nil {
		t.Fatal(err)
	}
	files, err := Files(h.folders[90])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Publish(t.Context(), h, h.folders[90], files, policyOf(t, 90), trainer); err != nil {
		t.Fatal(err)
	}
	if _, report, err = c.FetchFrom(t.Context(), []bucket.Bucket{h}, 90, trainerKey()); err != nil || report.Base != 90 || report.Patches != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// The recorded chains, each step published and fetched.
func TestVectorsDeltaChains(t *testing.T) {
	const file = "storage/delta_chains.json"
	var v struct {
		About   string
		Count   int
		Vectors []struct {
			Name   string
			Anchor string `json:"anchor_safetensors_b64"`
			Hash   string `json:"anchor_hash"`
			Steps  []struct {
				Format string
				Blob   string `json:"delta_sparse_bin_zst_b64"`
				Hash   string `json:"weights_hash"`
			}
			Final json.RawMessage
		}
	}
	if err := json.Unmarshal(vectortest.Open(t, file), &v); err != nil {
		t.Fatal(err)
	}
	steps := 0
	for _, chain := range v.Vectors {
		b := newBucket(t)
		publish := func(window int64, key func(int64, string) string, m Metadata, files map[string][]byte) {
			m.Window = window
			dir := t.TempDir()
			for name, content := range files {
				if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
					t.Fatal(err)
				}
				sum, err := hashFile(t.Context(), filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				m.Manifest = append(m.Manifest, File{name, sum})
				put(t, b, key(window, name), content)
			}
			put(t, b, key(window, metadataName), m.JSON())
			put(t, b, bucket.ReadyKey(window, window), nil)
		}
		m := policyOf(t, 0)
		m.Type, m.WeightsHash = Full, chain.Hash
		publish(0, bucket.FullKey, m, map[string][]byte{"model.safetensors": unbase64(t, chain.Anchor), "config.json": []byte("{}")})
		for i, s := range chain.Steps {
			steps++
			prev, anchor := int64(30*i), int64(0)
			m := policyOf(t, 0)
			m.Type, m.WeightsHash, m.PrevWindow, m.AnchorWindow = Delta, s.Hash, &prev, &anchor
			publish(prev+30, bucket.DeltaKey, m, map[string][]byte{patchName: unbase64(t, s.Blob), patchMetaName: []byte(`{"format": "` + s.Format + `"}`)})
		}
		c := newCache(t, Limits{})
		for i := len(chain.Steps); i >= 0; i -= 2 { // at once, and from what is there
			window := int64(30 * i)
			got, err := c.Fetch(t.Context(), b, window, nil)
			if err != nil {
				t.Errorf("%s, checkpoint %d: %v", chain.Name, window, err)
				continue
			}
			want := chain.Hash
			if i > 0 {
				want = chain.Steps[i-1].Hash
			}
			if now := hashOf(t, got.Dir); now != want {
				t.Errorf("%s, checkpoint %d: weights %s, want %s", chain.Name, window, now, want)
			}
		}
	}
	vectortest.Count(t, file, steps)
}

// A patch names the tensors of the file, where tied ones lie once, and the file of weights that is made has the order and the header of any other.
func TestWeightsHeader(t *testing.T) {
	tensors := []safetensors.Tensor{
		safetensors.FromBF16("b", []int{2, 1}, []uint16{1, 2}), safetensors.FromFloat32s("z<&>\"", []int{1}, []float32{1}),
		safetensors.FromBF16("a", nil, []uint16{3}), safetensors.FromBF16("empty", []int{0, 4}, nil),
	}
	want, err := safetensors.Encode(tensors, map[string]string{"format": "pt"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "model.safetensors"), want, 0o644); err != nil {
		t.Fatal(err)
	}
	w, err := openWeights(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	f := &fetch{c: newCache(t, Limits{})}
	path := filepath.Join(t.TempDir(), "made")
	hash, _, err := f.stream(t.Context(), w, nil, path)
	if err != nil {
		t.Fatal(err)
	}
	if now, err := patch.Hash(t.Context(), w.tensors); err != nil || now != hash {
		t.Errorf("hash on the way is %s, want %s (%v)", hash, now, err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("made\n%q, want\n%q (%v)", got, want, err)
	}
}

// Time passes between fetches.
func age(t testing.TB, path string, by time.Duration) {
	t.Helper()
	when := time.Now().Add(-by)
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
}

// Whatever a bucket says of a patch is read or refused.
func FuzzParsePatchMeta(f *testing.F) {
	for _, text := range []string{`{"format": "sparse_codec_v3.1", "prev_window": 30}`, `{"format": "sparse_codec_v2"}`, `[]`, `{"format": 3}`, `{`, `{"prev_window": 1e9}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		version, err := parsePatchMeta(text, 30)
		if err == nil && version.Format() == "" {
			t.Errorf("accepted without a format: %q", text)
		}
	})
}
