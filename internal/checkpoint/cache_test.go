package checkpoint

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/cpython"
)

func newBucket(t testing.TB) *bucket.Dir {
	t.Helper()
	b, err := bucket.OpenDir(bucket.DirConfig{Root: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t testing.TB, b bucket.Bucket, key string, content []byte) {
	t.Helper()
	if _, err := bucket.PutBytes(t.Context(), b, key, content, bucket.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, e := range entries {
		if e.Name() != poolName { // what a later attempt goes on with
			list = append(list, e.Name())
		}
	}
	return list
}

func newCache(t testing.TB, limits Limits) *Cache {
	t.Helper()
	c, err := OpenCache(t.TempDir(), limits)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var trainer = sr25519.NewKeypair([32]byte{1, 2, 3})

func trainerKey() *[32]byte {
	k := trainer.Public()
	return &k
}

func parse(t testing.TB, text string) cpython.Value {
	t.Helper()
	v, err := cpython.ParseJSON([]byte(text), cpython.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func policyOf(t testing.TB, window int64) Metadata {
	t.Helper()
	return Metadata{
		Window: window, ModelName: "async_trainer_snapshot", CreatedAt: 1700000000.5, GitCommit: "unknown",
		EnvID: "sat", EnvParams: parse(t, `{"split": "train"}`), ThinkingMode: "instructed",
		GenerationParams: parse(t, `{"max_tokens": 256, "temperature": 1.0, "top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0}`),
		TrainingConfig:   parse(t, `{"lr": 1e-06, "name": "größe"}`),
	}
}

// folder makes a model folder with files that nobody should publish.
func folder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"config.json": "{}", "model.safetensors": strings.Repeat("weights", 1000), "tokenizer.json": "tokens", "extra/notes.txt": "notes",
		"metadata.json": "an earlier attempt's", "manifest.sig": "an earlier attempt's", "FULL": "", ".cache/x": "hidden", "snapshot_metadata.json": "{}",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func publish(t testing.TB, b bucket.Bucket, window, ready int64) Metadata {
	t.Helper()
	dir := folder(t)
	files, err := Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Publish(t.Context(), b, dir, files, policyOf(t, window), trainer)
	if err != nil {
		t.Fatal(err)
	}
	if err := MarkReady(t.Context(), b, window, ready); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPublishAndFetch(t *testing.T) {
	b := newBucket(t)
	if _, err := Latest(t.Context(), b, 1000); !errors.Is(err, ErrNone) {
		t.Fatalf("latest of an empty bucket: %v", err)
	}
	published := publish(t, b, 300, 330)
	publish(t, b, 600, 660)
	for before, want := range map[int64]int64{331: 300, 660: 300, 661: 600, 5000: 600} {
		got, err := Latest(t.Context(), b, before)
		if err != nil || got.Window != want {
			t.Errorf("latest below %d: got %v, %v; want %d", before, got, err, want)
		}
	}
	if _, err := Latest(t.Context(), b, 330); !errors.Is(err, ErrNone) {
		t.Errorf("a marker of the window itself counts: %v", err)
	}
	c := newCache(t, Limits{})
	got, err := c.Fetch(t.Context(), b, 300, trainerKey())
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, f := range got.Metadata.Manifest {
		listed = append(listed, f.Name)
	}
	if want := []string{"config.json", "extra/notes.txt", "model.safetensors", "tokenizer.json"}; !slices.Equal(listed, want) {
		t.Errorf("manifest names %v, want %v", listed, want)
	}
	if !bytes.Equal(got.Metadata.JSON(), published.JSON()) {
		t.Error("metadata changed on the way")
	}
	if want := []string{"config.json", "extra", "manifest.sig", "metadata.json", "model.safetensors", "tokenizer.json"}; !slices.Equal(names(t, got.Dir), want) {
		t.Errorf("folder holds %v, want %v", names(t, got.Dir), want)
	}
	// Again, from the cache: the bucket is not asked.
	again, err := c.Fetch(t.Context(), &bucket.Faulty{Bucket: b, Choose: func(bucket.Call) bucket.Fault { return bucket.Fails }}, 300, trainerKey())
	if err != nil || again.Dir != got.Dir {
		t.Errorf("from the cache: %v, %v", again.Dir, err)
	}
	// A second process has a cache of its own over the same folder.
	other, err := OpenCache(c.dir, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Fetch(t.Context(), b, 300, trainerKey()); err != nil {
		t.Error(err)
	}
	if _, err := c.Fetch(t.Context(), b, -30, nil); !errors.Is(err, ErrNone) {
		t.Errorf("negative label: %v", err)
	}
	if _, err := c.Fetch(t.Context(), b, 900, nil); !errors.Is(err, ErrNone) {
		t.Errorf("label that is not there: %v", err)
	}
	if got := names(t, c.dir); !slices.Equal(got, []string{"checkpoint-300"}) {
		t.Errorf("cache holds %v", got)
	}
}

func TestPublishRefuses(t *testing.T) {
	b := newBucket(t)
	dir := folder(t)
	incomplete := policyOf(t, 30)
	incomplete.ThinkingMode = ""
	for _, c := range []struct {
		name  string
		m     Metadata
		files []string
		want  error
	}{
		{"without a policy", incomplete, []string{"config.json"}, ErrPolicy},
		{"negative label", policyOf(t, -30), []string{"config.json"}, ErrMetadata},
		{"name out of the folder", policyOf(t, 30), []string{"../secret"}, ErrFiles},
		{"earlier metadata", policyOf(t, 30), []string{"metadata.json"}, ErrFiles},
		{"folder", policyOf(t, 30), []string{"extra"}, ErrFiles},
		{"no such file", policyOf(t, 30), []string{"nothing"}, os.ErrNotExist},
	} {
		if _, err := Publish(t.Context(), b, dir, c.files, c.m, trainer); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	if all, err := bucket.ListAll(t.Context(), b, "", 10); err != nil || len(all) > 0 {
		t.Errorf("refused checkpoints left %v, %v", all, err)
	}
	if _, err := Files(t.TempDir()); !errors.Is(err, ErrFiles) {
		t.Errorf("empty folder: %v", err)
	}
}

// Every upload fails once, before or after it took effect; the second attempt publishes the same checkpoint.
func TestPublishAgain(t *testing.T) {
	for _, fault := range []bucket.Fault{bucket.Fails, bucket.FailsButPersists} {
		for failing := range 7 {
			t.Run(fmt.Sprintf("%v %d", fault, failing), func(t *testing.T) {
				b := newBucket(t)
				puts := 0
				faulty := &bucket.Faulty{Bucket: b, Choose: func(c bucket.Call) bucket.Fault {
					if c.Op != "put" {
						return bucket.Works
					}
					if puts++; puts == failing+1 {
						return fault
					}
					return bucket.Works
				}}
				dir := folder(t)
				files, err := Files(dir)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := Publish(t.Context(), faulty, dir, files, policyOf(t, 30), trainer); !errors.Is(err, bucket.ErrInjected) {
					t.Fatalf("got %v", err)
				}
				if _, err := Latest(t.Context(), b, 1000); !errors.Is(err, ErrNone) {
					t.Fatalf("half a checkpoint is ready: %v", err)
				}
				if _, err := Publish(t.Context(), b, dir, files, policyOf(t, 30), trainer); err != nil {
					t.Fatal(err)
				}
				if err := MarkReady(t.Context(), b, 30, 60); err != nil {
					t.Fatal(err)
				}
				if _, err := newCache(t, Limits{}).Fetch(t.Context(), b, 30, trainerKey()); err != nil {
					t.Error(err)
				}
			})
		}
	}
	b := newBucket(t)
	if err := MarkReady(t.Context(), &bucket.Faulty{Bucket: b, Choose: func(bucket.Call) bucket.Fault { return bucket.Fails }}, 30, 60); err == nil {
		t.Error("a marker that could not be written is reported as written")
	}
}

// Everything that a trainer, or somebody with its write key, could put into the bucket to harm a node.
func TestFetchRefuses(t *testing.T) {
	edit := func(change func(o map[string]any)) func(*testing.T, bucket.Bucket) {
		return func(t *testing.T, b bucket.Bucket) {
			text, _, err := bucket.ReadAll(t.Context(), b, bucket.FullKey(30, metadataName), 1<<20)
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
			if err == nil { // signed well, so that it is not the signature that is refused
				signature, _ := trainer.Sign(m.SignedText())
				put(t, b, bucket.FullKey(30, signatureName), []byte(hex.EncodeToString(signature[:])))
			}
			put(t, b, bucket.FullKey(30, metadataName), text)
		}
	}
	rename := func(name string) func(*testing.T, bucket.Bucket) {
		return edit(func(o map[string]any) {
			manifest := o["file_manifest"].(map[string]any)
			manifest[name] = manifest["config.json"]
		})
	}
	object := func(name string, content []byte) func(*testing.T, bucket.Bucket) {
		return func(t *testing.T, b bucket.Bucket) { put(t, b, bucket.FullKey(30, name), content) }
	}
	remove := func(name string) func(*testing.T, bucket.Bucket) {
		return func(t *testing.T, b bucket.Bucket) {
			if err := b.Delete(t.Context(), bucket.FullKey(30, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	bomb := func(t *testing.T, b bucket.Bucket) {
		remove("config.json")(t, b)
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		w.Write(make([]byte, 1<<22))
		w.Close()
		object("config.json.gz", packed.Bytes())(t, b)
	}
	other := sr25519.NewKeypair([32]byte{9})
	for _, c := range []struct {
		name  string
		spoil func(*testing.T, bucket.Bucket)
		want  error
	}{
		{"path upwards", rename("../../etc/passwd"), ErrMetadata},
		{"path upwards inside", rename("a/../../b"), ErrMetadata},
		{"absolute path", rename("/etc/passwd"), ErrMetadata},
		{"backslashes", rename(`..\..\x`), ErrMetadata},
		{"drive", rename("c:x"), ErrMetadata},
		{"unclean path", rename("a//b"), ErrMetadata},
		{"here", rename("."), ErrMetadata},
		{"empty name", rename(""), ErrMetadata},
		{"control character", rename("a\x00b"), ErrMetadata},
		{"hidden file", rename(".ssh/keys"), ErrMetadata},
		{"too deep", rename("a/b/c/d/e"), ErrMetadata},
		{"too long", rename(strings.Repeat("a", 300)), ErrMetadata},
		{"file and folder of one name", rename("config.json/x"), nil},
		{"hash missing", edit(func(o map[string]any) { o["file_manifest"].(map[string]any)["config.json"] = nil }), ErrMetadata},
		{"hash too short", edit(func(o map[string]any) { o["file_manifest"].(map[string]any)["config.json"] = "abcd" }), ErrMetadata},
		{"hash a number", edit(func(o map[string]any) { o["file_manifest"].(map[string]any)["config.json"] = 5 }), ErrMetadata},
		{"no files", edit(func(o map[string]any) { o["file_manifest"] = map[string]any{} }), ErrMetadata},
		{"no manifest", edit(func(o map[string]any) { delete(o, "file_manifest") }), ErrMetadata},
		{"manifest a list", edit(func(o map[string]any) { o["file_manifest"] = []any{"a"} }), ErrMetadata},
		{"too many files", edit(func(o map[string]any) {
			for i := range maxFiles {
				o["file_manifest"].(map[string]any)["f"+strconv.Itoa(i)] = strings.Repeat("0", 64)
			}
		}), ErrMetadata},
		{"another window", edit(func(o map[string]any) { o["window"] = 60 }), ErrMetadata},
		{"window too large", edit(func(o map[string]any) { o["window"] = 1e300 }), ErrMetadata},
		{"a patch in its place", edit(func(o map[string]any) { o["checkpoint_type"] = "DELTA" }), ErrMetadata},
		{"unknown type", edit(func(o map[string]any) { o["checkpoint_type"] = "HALF" }), ErrMetadata},
		{"metadata a list", object(metadataName, []byte("[]")), ErrMetadata},
		{"metadata no JSON", object(metadataName, []byte("{")), ErrMetadata},
		{"metadata deep", object(metadataName, []byte(strings.Repeat("[", 1<<20))), ErrMetadata},
		{"metadata huge", object(metadataName, make([]byte, maxMetadataBytes+1)), ErrFiles},
		{"file changed", object("config.json", []byte("{ }")), ErrFiles},
		{"file too large", object("model.safetensors", make([]byte, 1<<21)), ErrFiles},
		{"file unpacks to too much", bomb, ErrFiles},
		{"file missing", remove("config.json"), bucket.ErrNotFound},
		{"signature missing", remove(signatureName), ErrSignature},
		{"signature short", object(signatureName, []byte("abcd")), ErrSignature},
		{"signature of nothing", object(signatureName, []byte(strings.Repeat("1", 128))), ErrSignature},
		{"metadata changed after signing", object(metadataName, []byte(`{"window": 30, "file_manifest": {"config.json": "`+strings.Repeat("0", 64)+`"}}`)), ErrSignature},
		{"signed by another", func(t *testing.T, b bucket.Bucket) {
			text, _, _ := bucket.ReadAll(t.Context(), b, bucket.FullKey(30, metadataName), 1<<20)
			m, err := ParseMetadata(text)
			if err != nil {
				t.Fatal(err)
			}
			signature, _ := other.Sign(m.SignedText())
			object(signatureName, []byte(hex.EncodeToString(signature[:])))(t, b)
		}, ErrSignature},
		{"metadata missing", remove(metadataName), ErrNone},
		{"only a patch", func(t *testing.T, b bucket.Bucket) {
			remove(metadataName)(t, b)
			put(t, b, bucket.DeltaKey(30, metadataName), []byte("{}"))
		}, ErrMetadata},
		{"not ready", func(t *testing.T, b bucket.Bucket) {
			if err := b.Delete(t.Context(), bucket.ReadyKey(30, 60)); err != nil {
				t.Fatal(err)
			}
		}, ErrNone},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBucket(t)
			publish(t, b, 30, 60)
			c.spoil(t, b)
			cache := newCache(t, Limits{FileBytes: 1 << 20})
			got, err := cache.Fetch(t.Context(), b, 30, trainerKey())
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if got.Dir != "" || len(names(t, cache.dir)) != 0 {
				t.Errorf("a refused checkpoint left %v", names(t, cache.dir))
			}
			if up := names(t, filepath.Dir(cache.dir)); slices.Contains(up, "etc") {
				t.Errorf("something was written outside the cache: %v", up)
			}
		})
	}
}

func TestTotalLimit(t *testing.T) {
	b := newBucket(t)
	publish(t, b, 30, 60)
	if _, err := newCache(t, Limits{TotalBytes: 6000}).Fetch(t.Context(), b, 30, nil); !errors.Is(err, ErrFiles) {
		t.Errorf("got %v, want ErrFiles", err)
	}
}

// A trainer that is not known can't be checked; once it is, what the cache holds is checked again.
func TestCachedSignature(t *testing.T) {
	b := newBucket(t)
	publish(t, b, 30, 60)
	c := newCache(t, Limits{})
	got, err := c.Fetch(t.Context(), b, 30, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(got.Dir, signatureName)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Fetch(t.Context(), b, 30, trainerKey()); err != nil {
		t.Errorf("an unsigned copy was not replaced: %v", err)
	}
	stranger := sr25519.NewKeypair([32]byte{7}).Public()
	if _, err := c.Fetch(t.Context(), b, 30, &stranger); !errors.Is(err, ErrSignature) {
		t.Errorf("a stranger's checkpoint: %v", err)
	}
}

// A damaged copy in the cache is replaced; without a bucket it is not used.
func TestDamagedCache(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"file changed":     func(dir string) error { return os.WriteFile(filepath.Join(dir, "config.json"), []byte("?"), 0o644) },
		"file gone":        func(dir string) error { return os.Remove(filepath.Join(dir, "config.json")) },
		"metadata gone":    func(dir string) error { return os.Remove(filepath.Join(dir, metadataName)) },
		"metadata changed": func(dir string) error { return os.WriteFile(filepath.Join(dir, metadataName), []byte("{}"), 0o644) },
		"file a folder": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "config.json")), os.Mkdir(filepath.Join(dir, "config.json"), 0o755))
		},
		"all a file": func(dir string) error { return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o644)) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBucket(t)
			publish(t, b, 30, 60)
			c := newCache(t, Limits{})
			got, err := c.Fetch(t.Context(), b, 30, trainerKey())
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(got.Dir); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Fetch(t.Context(), newBucket(t), 30, trainerKey()); !errors.Is(err, ErrNone) {
				t.Errorf("without the bucket: %v", err)
			}
			if _, err := c.Fetch(t.Context(), b, 30, trainerKey()); err != nil {
				t.Error(err)
			}
			if got := names(t, c.dir); !slices.Equal(got, []string{"checkpoint-30"}) {
				t.Errorf("cache holds %v", got)
			}
		})
	}
}

// A download that breaks off is tried again, three times in all.
func TestInterruptedDownload(t *testing.T) {
	for broken := range 4 {
		for _, fault := range []bucket.Fault{bucket.Truncates, bucket.Fails} {
			t.Run(fmt.Sprintf("%v %d times", fault, broken), func(t *testing.T) {
				b := newBucket(t)
				publish(t, b, 30, 60)
				dir := t.TempDir()
				synctest.Test(t, func(t *testing.T) {
					tries := 0
					faulty := &bucket.Faulty{Bucket: b, Choose: func(c bucket.Call) bucket.Fault {
						if c.Op == "get" && strings.HasSuffix(c.Key, "model.safetensors") {
							if tries++; tries <= broken {
								return fault
							}
						}
						return bucket.Works
					}}
					c, err := OpenCache(dir, Limits{})
					if err != nil {
						t.Fatal(err)
					}
					_, err = c.Fetch(t.Context(), faulty, 30, trainerKey())
					if (err == nil) != (broken < fileAttempts) {
						t.Errorf("broken %d times: %v", broken, err)
					}
					if want := min(broken+1, fileAttempts); tries != want {
						t.Errorf("%d attempts, want %d", tries, want)
					}
					if err != nil && len(names(t, dir)) > 0 {
						t.Errorf("left %v", names(t, dir))
					}
				})
			})
		}
	}
}

func TestFetchContextEnds(t *testing.T) {
	b := newBucket(t)
	publish(t, b, 30, 60)
	c := newCache(t, Limits{})
	ctx, cancel := context.WithCancel(t.Context())
	faulty := &bucket.Faulty{Bucket: b, Choose: func(call bucket.Call) bucket.Fault {
		if call.Op == "get" && strings.HasSuffix(call.Key, "model.safetensors") {
			cancel()
		}
		return bucket.Works
	}}
	if _, err := c.Fetch(ctx, faulty, 30, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := names(t, c.dir); len(got) != 0 {
		t.Errorf("left %v", got)
	}
}

// Nodes of one process that want a checkpoint at the same time fetch it once; one that gives up does not disturb the others.
func TestFetchTogether(t *testing.T) {
	b := newBucket(t)
	publish(t, b, 30, 60)
	faulty := &bucket.Faulty{Bucket: b}
	c := newCache(t, Limits{})
	var wg sync.WaitGroup
	for i := range 9 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if i == 8 {
				cancel()
			}
			if _, err := c.Fetch(ctx, faulty, 30, trainerKey()); (err != nil) != (i == 8) {
				t.Errorf("node %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	gets := 0
	for _, call := range faulty.Calls() {
		if call.Op == "get" && strings.HasSuffix(call.Key, "model.safetensors") {
			gets++
		}
	}
	if gets != 1 {
		t.Errorf("the weights were fetched %d times", gets)
	}
	if len(c.locks) != 0 {
		t.Errorf("%d locks left", len(c.locks))
	}
}

// Two processes, here two caches over one folder, may fetch the same checkpoint at once.
func TestFetchBesides(t *testing.T) {
	b := newBucket(t)
	publish(t, b, 30, 60)
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			c, err := OpenCache(dir, Limits{})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := c.Fetch(t.Context(), b, 30, trainerKey()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := names(t, dir); !slices.Equal(got, []string{"checkpoint-30"}) {
		t.Errorf("cache holds %v", got)
	}
}

func TestPrune(t *testing.T) {
	b := newBucket(t)
	c := newCache(t, Limits{})
	for _, w := range []int64{30, 300, 3000} {
		publish(t, b, w, w+30)
		if _, err := c.Fetch(t.Context(), b, w, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, keep := range []string{"checkpoint-x", "checkpoint-030", "notes"} {
		if err := os.Mkdir(filepath.Join(c.dir, keep), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Prune(300); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, c.dir), []string{"checkpoint-030", "checkpoint-300", "checkpoint-x", "notes"}; !slices.Equal(got, want) {
		t.Errorf("cache holds %v, want %v", got, want)
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	own := os.Getpid()
	parent := os.Getppid()
	const dead = 1 << 30
	for _, c := range []struct {
		name string
		age  time.Duration
		stay bool
	}{
		{fmt.Sprintf("checkpoint-30.%d.0011aabb.partial", own), 0, true},
		{fmt.Sprintf("checkpoint-60.%d.0011aabb.partial", own), 2 * ownLeavings, false},
		{fmt.Sprintf("checkpoint-30.%d.0011aabb.partial", parent), 2 * ownLeavings, true},
		{fmt.Sprintf("checkpoint-60.%d.0011aabb.partial", parent), 2 * foreignLeavings, false},
		{fmt.Sprintf("checkpoint-30.%d.0011aabb.partial", dead), 0, false},
		{"checkpoint-30.x.0011aabb.partial", 2 * foreignLeavings, true},
		{"other-30.1.0011aabb.partial", 2 * foreignLeavings, true},
		{"checkpoint-30", 2 * foreignLeavings, true},
	} {
		path := filepath.Join(dir, c.name)
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		when := time.Now().Add(-c.age)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenCache(dir, Limits{}); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); (err == nil) != c.stay {
			t.Errorf("%s of age %v: stays %v, want %v", c.name, c.age, err == nil, c.stay)
		}
	}
}

func TestLatestFails(t *testing.T) {
	b := newBucket(t)
	publish(t, b, 30, 60)
	for _, fault := range []bucket.Fault{bucket.Fails, bucket.Truncates} {
		_, err := Latest(t.Context(), &bucket.Faulty{Bucket: b, Choose: func(bucket.Call) bucket.Fault { return fault }}, 1000)
		if err == nil || errors.Is(err, ErrNone) {
			t.Errorf("%v: a listing that failed says %v", fault, err)
		}
	}
}
