package checkpoint

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/vectortest"
)

func TestTidy(t *testing.T) {
	h := newHistory(t, 6)
	c := newCache(t, Limits{})
	for _, w := range []int64{30, 60, 90, 120, 150, 180} {
		if _, err := c.Fetch(t.Context(), h, w, trainerKey()); err != nil {
			t.Fatal(err)
		}
	}
	tidy := func(current int64, want ...string) {
		t.Helper()
		if err := c.Tidy(current); err != nil {
			t.Fatal(err)
		}
		if got := names(t, c.dir); !slices.Equal(got, want) {
			t.Errorf("the cache holds %v, want %v", got, want)
		}
	}
	tidy(180, "checkpoint-120", "checkpoint-150", "checkpoint-180", "checkpoint-30", "checkpoint-60", "checkpoint-90") // all are new
	old := func() {
		for _, name := range names(t, c.dir) {
			age(t, filepath.Join(c.dir, name), 2*settling)
		}
	}
	old()
	release := c.Hold(60)
	again := c.Hold(60)
	if _, err := c.Fetch(t.Context(), h, 90, trainerKey()); err != nil { // asked for just now
		t.Fatal(err)
	}
	tidy(150, "checkpoint-150", "checkpoint-180", "checkpoint-30", "checkpoint-60", "checkpoint-90")
	release()
	old()
	tidy(150, "checkpoint-150", "checkpoint-180", "checkpoint-30", "checkpoint-60")
	again()
	tidy(150, "checkpoint-150", "checkpoint-180", "checkpoint-30")
	if len(c.holds) > 0 {
		t.Errorf("%v are held", c.holds)
	}
	// The next patch goes on from what is left, and the chain can be built again.
	if err := c.Prune(30); err != nil {
		t.Fatal(err)
	}
	if _, report, err := c.FetchFrom(t.Context(), bucketsOf(h), 180, trainerKey()); err != nil || report.Base != 30 || report.Patches != 5 {
		t.Errorf("%+v, %v", report, err)
	}
}

// The reference's cleaning, by the labels that it keeps. Beside labels three rules differ here, all of them with advice: a folder whose name only begins like a
// checkpoint's is somebody else's; folders in the making are removed when their process is gone, those of patches, too (49); of a
// process that this one may not ask the folder stays (48).
func TestVectorsLocalCleanup(t *testing.T) {
	const file = "storage/retention.json"
	var v struct {
		Vectors []struct {
			Kind          string
			Current       int64
			Before, After []string
		}
	}
	raw := vectortest.Open(t, file)
	var all struct{ Vectors []json.RawMessage }
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	for _, text := range all.Vectors {
		var kind struct{ Kind string }
		if err := json.Unmarshal(text, &kind); err != nil {
			t.Fatal(err)
		}
		if kind.Kind != "local_cleanup" {
			continue
		}
		v.Vectors = append(v.Vectors, struct {
			Kind          string
			Current       int64
			Before, After []string
		}{})
		if err := json.Unmarshal(text, &v.Vectors[len(v.Vectors)-1]); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	dead, live := strconv.Itoa(cmd.Process.Pid), strconv.Itoa(os.Getpid())
	for _, c := range v.Vectors {
		cache := newCache(t, Limits{})
		real := strings.NewReplacer("DEADPID", dead, "LIVEPID", live).Replace
		for _, name := range c.Before {
			if err := os.Mkdir(filepath.Join(cache.dir, real(name)), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := cache.Prune(Retention{}.withDefaults().byAge(c.Current, 30, 10)...); err != nil {
			t.Fatal(err)
		}
		want := map[string]bool{}
		for _, name := range c.After {
			want[real(name)] = true
		}
		for _, name := range c.Before {
			name = real(name)
			_, err := os.Stat(filepath.Join(cache.dir, name))
			_, label := folderWindow(name)
			_, making := partialSuffix(name)
			if stays := err == nil; stays != want[name] && (label || making) {
				t.Errorf("at %d: %s stays: %v, in the reference %v", c.Current, name, stays, want[name])
			} else if !stays && !label && !making {
				t.Errorf("at %d: %s is removed, which is nobody's", c.Current, name)
			}
		}
	}
	vectortest.Count(t, file, len(v.Vectors))
}

// What the reference reads of folders of weights. Here an index must agree with its files in both directions, and be there unpacked, since no loader of models
// reads another; a folder without weights is an error.
func TestVectorsModelDirs(t *testing.T) {
	const file = "storage/model_dirs.json"
	var v struct {
		About   string
		Count   int
		Vectors []struct {
			Name  string
			Files map[string]string
			Error json.RawMessage
			State []json.RawMessage
		}
	}
	vectortest.Decode(t, file, &v)
	for _, c := range v.Vectors {
		dir := t.TempDir()
		for name, content := range c.Files {
			if err := os.WriteFile(filepath.Join(dir, name), unbase64(t, content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		w, err := openWeights(dir)
		_, single := c.Files["model.safetensors"]
		_, index := c.Files["model.safetensors.index.json"]
		switch {
		case err == nil && len(w.tensors) != len(c.State):
			t.Errorf("%s: %d tensors, want %d", c.Name, len(w.tensors), len(c.State))
		case err == nil && string(c.Error) != "null":
			t.Errorf("%s: accepted, the reference says %s", c.Name, c.Error)
		case err != nil && len(c.State) > 0 && single:
			t.Errorf("%s: %v", c.Name, err)
		case err != nil && len(c.State) > 0:
			t.Logf("%s: refused (index: %v): %v", c.Name, index, err)
		}
		if err == nil {
			w.Close()
		}
	}
	vectortest.Count(t, file, len(v.Vectors))
}
