package hub

import (
	"context"
	"flag"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestChild pulls for TestPullKilled, in a process that can be killed.
func TestChild(t *testing.T) {
	if flag.NArg() != 3 || flag.Arg(0) != "pull" {
		t.Skip("only TestPullKilled runs it")
	}
	c, err := New(Options{Endpoint: flag.Arg(1), Chunk: minChunk, Parallel: 2})
	if err != nil {
		t.Fatal(err)
	}
	c.saveEvery = 1
	if _, err := c.Pull(context.Background(), Request{Reference: testRef, Folder: flag.Arg(2)}); err != nil {
		t.Fatal(err)
	}
}

// TestPullKilled kills a pulling process at several points. The folder is never there by half, the lock is given back, and the last pull ends
// with the right files; of the weights it fetches only what a saved journal doesn't have.
func TestPullKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := newFake(t)
	folder := filepath.Join(t.TempDir(), "m")
	for _, at := range []int{1, 2, 3} {
		reached := make(chan struct{})
		f.forget()
		f.answerWith(func(_ http.ResponseWriter, r *http.Request, place string, n int) bool {
			if place != "cdn" || n < at {
				return false
			}
			if n == at {
				close(reached)
			}
			<-r.Context().Done()
			return true
		})
		cmd := exec.Command(self, "-test.run=^TestChild$", "--", "pull", f.home.URL, folder)
		// The test binary takes what follows -- as its arguments.
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-reached:
		case <-time.After(30 * time.Second):
			t.Error("the child never asked")
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait()
		absent(t, folder)
		if _, err := os.Stat(filepath.Join(stagingDir(folder), "lock")); err != nil {
			t.Errorf("killed at %d: nothing was begun: %v", at, err)
		}
	}
	f.answerWith(nil)
	f.forget()
	var kept []string
	if _, err := f.pull(f.client(nil), folder, func(q *Request) {
		q.Tell = func(e Event) {
			if e.Event == "kept" {
				kept = append(kept, e.File)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	f.check(folder, wantNames)
	// One of the small files may have been under way each time; two chunks of the weights were journalled.
	if len(kept) < 2 || slices.Contains(kept, "model.safetensors") {
		t.Errorf("kept %v", kept)
	}
	if sent, most := f.forget(), int64(len(f.files["model.safetensors"])-2*minChunk+3000); sent > most {
		t.Errorf("%d bytes were sent again, %d are missing at most", sent, most)
	}
}

// TestStagingLeftOver clears what a pull that was killed after its last rename has left.
func TestStagingLeftOver(t *testing.T) {
	f := newFake(t)
	folder := filepath.Join(t.TempDir(), "m")
	if _, err := f.pull(f.client(nil), folder, nil); err != nil {
		t.Fatal(err)
	}
	s, err := openStaging(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(s.files, "old.safetensors", []byte("old")); err != nil {
		t.Fatal(err)
	}
	s.close()
	if _, err := f.pull(f.client(nil), folder, nil); err != nil {
		t.Fatal(err)
	}
	f.check(folder, wantNames)
}

// TestSwap replaces folders with and without the system's help.
func TestSwap(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	write := func(folder, text string) {
		t.Helper()
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "x"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := func(text string) {
		t.Helper()
		if b, err := os.ReadFile(filepath.Join(to, "x")); err != nil || string(b) != text {
			t.Errorf("%q, %v, want %q", b, err, text)
		}
	}
	write(from, "one")
	if err := swap(from, to); err != nil {
		t.Fatal(err)
	}
	want("one")
	write(from, "two")
	if err := swap(from, to); err != nil {
		t.Fatal(err)
	}
	want("two")
	if err := swap(filepath.Join(dir, "nothing"), to); err == nil {
		t.Error("nothing became something")
	}
	want("two")
}
