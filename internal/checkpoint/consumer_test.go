package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/grail/patch"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// scenario is what a bucket and a cache hold, and what the reference made of it.
type scenario struct {
	Name, Note  string
	Objects     map[string]string
	LocalBefore map[string]string `json:"local_before"`
	Call        struct {
		Op            string
		Window        int64
		TargetWindow  int64  `json:"target_window"`
		CurrentWindow *int64 `json:"current_window"`
		ModelLoaded   bool   `json:"model_loaded"`
	}
	ModelBefore string `json:"model_before_safetensors_b64"`
	Result      json.RawMessage
	Slept       json.RawMessage
	ObjectsRead json.RawMessage `json:"objects_read"`
	Lists       json.RawMessage
	LocalAfter  []string `json:"local_after"`

	objects map[string][]byte
}

// made is a checkpoint's folder in a result.
type made struct {
	Dir     string
	Files   []string
	Hash    string `json:"weights_hash"`
	Tensors []struct {
		Name, DType string
		Shape       []int
		B64         *string
		Nbytes      int64
		SHA256      *string
	}
	JSON          json.RawMessage `json:"metadata"`
	ManifestNames []string        `json:"manifest_names"`
}

// TestVectorsConsumer replays what the reference made of buckets and caches. Where the verdict is another one here, a rule that is read off the scenario
// must say so: better and stricter.
func TestVectorsConsumer(t *testing.T) {
	const file = "storage/checkpoint_consumer.json"
	var v struct {
		About   string
		Count   int
		Vectors []scenario
	}
	vectortest.Decode(t, file, &v)
	vectortest.Count(t, file, len(v.Vectors))
	for _, c := range v.Vectors {
		t.Run(c.Name, func(t *testing.T) {
			b := newBucket(t)
			c.objects = map[string][]byte{}
			for key, content := range c.Objects {
				c.objects[key] = unbase64(t, content)
				put(t, b, key, c.objects[key])
			}
			dir := t.TempDir()
			for name, content := range c.LocalBefore {
				path := filepath.Join(dir, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, unbase64(t, content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			switch c.Call.Op {
			case "get_checkpoint":
				var want *made
				decode(t, c.Result, &want)
				c.fetch(t, b, dir, c.Call.Window, want)
			case "metadata":
				c.metadata(t, b)
			case "load":
				c.load(t, b, dir)
			default:
				t.Fatalf("unknown call %q", c.Call.Op)
			}
		})
	}
}

func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// fetch gets one checkpoint and compares its folder.
func (c *scenario) fetch(t *testing.T, b bucket.Bucket, dir string, window int64, want *made) {
	cache, err := OpenCache(dir, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	cache.hasty = true
	better, stricter := c.better(t, dir, window), c.stricter(window, want)
	got, err := cache.Fetch(t.Context(), b, window, nil)
	for _, name := range names(t, dir) {
		if strings.HasSuffix(name, ".partial") {
			t.Errorf("%s is left", name)
		}
	}
	switch {
	case want != nil && err == nil && stricter != "":
		t.Fatalf("accepted, although %s", stricter)
	case want != nil && err == nil:
		c.compare(t, got, want.Hash)
		c.compareFiles(t, got, want)
		if after := names(t, dir); len(better) == 0 && !slices.Equal(after, c.LocalAfter) {
			t.Logf("cache holds %v, the reference's %v", after, c.LocalAfter)
		}
	case want != nil && stricter == "":
		t.Errorf("refused: %v; the reference has %s", err, want.Hash)
	case want != nil:
		t.Logf("refused, because %s: %v", stricter, err)
	case err == nil && len(better) == 0:
		t.Errorf("the reference refuses")
	case err == nil:
		t.Logf("accepted, because %s", better)
		c.compare(t, got, c.hashOf(window))
	default:
		if len(better) > 0 {
			t.Errorf("refused, although %s: %v", better, err)
		}
	}
	if err != nil {
		if now, openErr := cache.open(t.Context(), cache.folder(window), window, nil); openErr == nil {
			t.Errorf("refused, yet %s is there", now.Dir)
		}
	}
}

func (c *scenario) compare(t *testing.T, got Checkpoint, hash string) {
	t.Helper()
	w, err := openWeights(got.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if now, err := patch.Hash(t.Context(), w.tensors); err != nil || now != hash {
		t.Errorf("weights have the hash %s (%v), want %s", now, err, hash)
	}
}

func (c *scenario) compareFiles(t *testing.T, got Checkpoint, want *made) {
	t.Helper()
	if filepath.Base(got.Dir) != want.Dir {
		t.Errorf("folder %s, want %s", got.Dir, want.Dir)
	}
	var files []string
	for _, name := range names(t, got.Dir) {
		if name != signatureName && !hidden(name) { // kept here, to check it again
			files = append(files, name)
		}
	}
	wanted := slices.DeleteFunc(slices.Clone(want.Files), func(name string) bool {
		// Shards beside a new file are quirk 34.
		return slices.Contains(want.Files, "model.safetensors") && (strings.HasPrefix(name, "model-") || strings.HasSuffix(name, ".index.json"))
	})
	if !slices.Equal(files, wanted) {
		t.Errorf("files %v, want %v", files, wanted)
	}
	w, err := openWeights(got.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if len(w.tensors) != len(want.Tensors) {
		t.Fatalf("%d tensors, want %d", len(w.tensors), len(want.Tensors))
	}
	for _, x := range want.Tensors {
		i := slices.IndexFunc(w.tensors, func(p patch.Tensor) bool { return p.Name == x.Name })
		if i < 0 {
			t.Errorf("tensor %s is missing", x.Name)
			continue
		}
		have := w.tensors[i]
		sum := sha256.Sum256(have.Data)
		same := x.SHA256 != nil && hex.EncodeToString(sum[:]) == *x.SHA256 || x.B64 != nil && bytes.Equal(have.Data, unbase64(t, *x.B64))
		if !same || string(have.DType) != x.DType || !slices.Equal(have.Shape, x.Shape) && len(have.Shape)+len(x.Shape) > 0 {
			t.Errorf("tensor %s: %s%v differs from %s%v", x.Name, have.DType, have.Shape, x.DType, x.Shape)
		}
	}
	// What lies in the folder is what its metadata say, and all that the reference wrote is there.
	if len(want.JSON) > 0 && len(want.ManifestNames) > 0 {
		var fields, have map[string]any
		decode(t, want.JSON, &fields)
		text, err := os.ReadFile(filepath.Join(got.Dir, metadataName))
		if err != nil {
			t.Fatal(err)
		}
		decode(t, text, &have)
		for key, value := range fields {
			if fmt.Sprint(have[key]) != fmt.Sprint(value) {
				t.Errorf("metadata: %s is %v, want %v", key, have[key], value)
			}
		}
	}
}

// metadata compares what is known of a checkpoint: of a patch, if there is one.
func (c *scenario) metadata(t *testing.T, b bucket.Bucket) {
	var want *struct {
		Window       int64
		FileManifest map[string]string `json:"file_manifest"`
		Type         string            `json:"checkpoint_type"`
		Prev         *int64            `json:"prev_window"`
		Anchor       *int64            `json:"anchor_window"`
		Hash         string            `json:"weights_hash"`
		Env          string            `json:"env_id"`
		Missing      []string
	}
	decode(t, c.Result, &want)
	f := &fetch{from: newSources([]bucket.Bucket{b}), known: map[string]answer{}}
	m, err := f.metadata(t.Context(), Delta, c.Call.Window)
	if err != nil {
		m, err = f.metadata(t.Context(), Full, c.Call.Window)
	}
	if (err == nil) != (want != nil) {
		t.Fatalf("got %v, the reference %s", err, c.Result)
	}
	if want == nil {
		return
	}
	optional := func(n *int64) string {
		if n == nil {
			return "none"
		}
		return fmt.Sprint(*n)
	}
	if m.Window != want.Window || m.Type != want.Type || optional(m.PrevWindow) != optional(want.Prev) || optional(m.AnchorWindow) != optional(want.Anchor) ||
		m.WeightsHash != want.Hash || m.EnvID != want.Env || !slices.Equal(m.Missing(), want.Missing) && len(m.Missing())+len(want.Missing) > 0 {
		t.Errorf("got %+v, want %+v", m.Metadata, want)
	}
	for _, file := range m.Manifest {
		if want.FileManifest[file.Name] != hex.EncodeToString(file.SHA256[:]) {
			t.Errorf("manifest: %s differs", file.Name)
		}
	}
}

// load takes the checkpoint of a window into use. Where the reference changes a model in memory, a folder is made here, with the same weights.
func (c *scenario) load(t *testing.T, b bucket.Bucket, dir string) {
	var want struct {
		Success       bool
		Window        *int64
		Method        string
		Checkpoint    *made
		CachedFolder  *made  `json:"cached_dir_after_fast_path"`
		ModelHash     string `json:"model_hash_after"`
		Path          *string
		ModelWindowIs *int64 `json:"model_window_attr"`
	}
	decode(t, c.Result, &want)
	latest, err := Latest(t.Context(), b, c.Call.TargetWindow)
	if err != nil {
		if want.Success {
			t.Errorf("nothing is ready: %v", err)
		}
		return
	}
	if want.Success && latest.Window != *want.Window {
		t.Fatalf("checkpoint %d is chosen, want %d", latest.Window, *want.Window)
	}
	if c.Call.ModelLoaded && c.Call.CurrentWindow != nil && *c.Call.CurrentWindow == latest.Window {
		if want.Method != "none" {
			t.Errorf("nothing to do here, %s there", want.Method)
		}
		return
	}
	folder := want.Checkpoint
	if want.Method == "fast" {
		if folder = want.CachedFolder; folder == nil {
			cache, err := OpenCache(dir, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := cache.Fetch(t.Context(), b, latest.Window, nil)
			if err != nil {
				t.Fatal(err)
			}
			c.compare(t, got, want.ModelHash)
			return
		}
	}
	c.fetch(t, b, dir, latest.Window, folder)
}

// of is what the trainer's bucket says of a checkpoint.
func (c *scenario) of(form string, window int64) (m Metadata, ok bool) {
	key := bucket.FullKey(window, metadataName)
	if form == Delta {
		key = bucket.DeltaKey(window, metadataName)
	}
	text, ok := c.objects[key]
	if !ok {
		return m, false
	}
	m, err := ParseMetadata(text)
	return m, err == nil
}

func (c *scenario) isComplete(m Metadata) bool {
	for _, f := range m.Manifest {
		_, plain := c.objects[bucket.FullKey(m.Window, f.Name)]
		_, packed := c.objects[bucket.FullKey(m.Window, f.Name)+".gz"]
		if !plain && !packed {
			return false
		}
	}
	return true
}

// hashOf is the hash of the weights that the trainer's metadata state.
func (c *scenario) hashOf(window int64) string {
	for _, form := range []string{Delta, Full} {
		if m, ok := c.of(form, window); ok {
			return m.WeightsHash
		}
	}
	return ""
}

// better is why a checkpoint can be had that the reference can't get: defects of section 20 that are read off the scenario.
func (c *scenario) better(t *testing.T, dir string, window int64) (why []string) {
	target, isPatch := c.of(Delta, window)
	if full, ok := c.of(Full, window); ok {
		if isPatch && !c.isComplete(full) {
			why = append(why, "an unfinished FULL hides a finished DELTA (24)")
		}
		if text := c.objects[bucket.FullKey(window, metadataName)]; bytes.Contains(text, []byte(`"`+metadataName+`"`)) && c.isComplete(full) {
			why = append(why, "a second attempt lists the first one's metadata (45)")
		}
		return why
	}
	if !isPatch {
		return nil
	}
	for at, steps := target, 0; at.PrevWindow != nil && steps < 100; steps++ {
		prev := *at.PrevWindow
		if w, err := openWeights(filepath.Join(dir, fmt.Sprintf("checkpoint-%d", prev))); err == nil {
			if now, err := patch.Hash(t.Context(), w.tensors); err == nil && now != c.hashOf(prev) && c.hashOf(prev) != "" {
				why = append(why, "the cached predecessor has other weights, and a chain leads round it (29)")
			}
			w.Close()
		}
		full, isFull := c.of(Full, prev)
		next, isPatch := c.of(Delta, prev)
		if isFull && isPatch && c.isComplete(full) && next.PrevWindow != nil {
			if _, more := c.of(Delta, *next.PrevWindow); !more {
				if _, more := c.of(Full, *next.PrevWindow); !more {
					why = append(why, "a FULL on the way is passed by (30)")
				}
			}
		}
		if isFull && mixed(c.objects[bucket.FullKey(prev, "model.safetensors")]) {
			why = append(why, "tensors keep their own kinds of numbers (38)")
		}
		if !isPatch {
			break
		}
		at = next
	}
	return why
}

// mixed says whether a safetensors file has several kinds of numbers.
func mixed(file []byte) bool {
	kinds := 0
	for _, kind := range []string{"F64", "F32", "BF16", "F16"} {
		if bytes.Contains(file, []byte(`"dtype":"`+kind+`"`)) {
			kinds++
		}
	}
	return kinds > 1
}

// stricter is why a checkpoint is refused that the reference takes.
func (c *scenario) stricter(window int64, want *made) string {
	if want == nil || c.LocalBefore["checkpoint-"+fmt.Sprint(window)+"/"+metadataName] != "" {
		return "" // it was there
	}
	_, isPatch := c.of(Delta, window)
	full, isFull := c.of(Full, window)
	switch {
	case isPatch:
		return ""
	case !isFull, len(full.Manifest) == 0:
		return "nothing says what the files must be"
	case full.Window != window:
		return "the metadata speak of another checkpoint (25)"
	case full.WeightsHash != "" && full.WeightsHash != want.Hash:
		return "the weights have another hash than the metadata state (26)"
	}
	return ""
}

func unbase64(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func bucketsOf(b bucket.Bucket) []bucket.Bucket { return []bucket.Bucket{b} }
