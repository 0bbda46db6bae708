package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPull(t *testing.T) {
	for _, c := range []struct {
		name   string
		set    func(*fake)
		opt    func(*Options)
		verify bool
	}{
		{"plain", nil, nil, true},
		{"one worker", nil, func(o *Options) { o.Parallel = 1 }, true},
		{"one chunk", nil, func(o *Options) { o.Chunk = 1 << 30 }, true},
		{"pages", func(f *fake) { f.pageSize = 1 }, nil, true},
		{"redirects at home", func(f *fake) { f.relative = true }, nil, true},
		{"no tree", func(f *fake) { f.noTree = true }, nil, true},
		{"no ranges", func(f *fake) { f.noRanges = true }, nil, true},
		{"gzip", func(f *fake) { f.zip = true }, nil, true},
		{"no token", nil, func(o *Options) { o.Token = "" }, true},
		{"small host only", func(f *fake) { f.large = func(string) bool { return false } }, nil, true},
		{"no checksums", func(f *fake) { f.noTree, f.noTags = true, true }, nil, false},
		{"no checksums, gzip", func(f *fake) { f.noTree, f.noTags, f.zip = true, true, true }, nil, false},
		{"folders", func(f *fake) {
			f.files["1_Pooling/config.json"] = []byte("{}")
			f.files["onnx/model.onnx"] = []byte("no")
		}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			if c.set != nil {
				c.set(f)
			}
			want := slices.Clone(wantNames)
			if f.files["1_Pooling/config.json"] != nil {
				want = append(want, "1_Pooling/config.json")
			}
			folder := filepath.Join(t.TempDir(), "deep", "model")
			res, err := f.pull(f.client(c.opt), folder, nil)
			if err != nil {
				t.Fatal(err)
			}
			f.check(folder, want)
			if res.Commit != testCommit || res.Unchanged || len(res.Files) != len(want) {
				t.Errorf("result %+v", res)
			}
			if c.verify != (len(res.Unverified) == 0) {
				t.Errorf("unverified: %q", res.Unverified)
			}
			for _, s := range f.seen {
				wanted := s.place == "home" && (c.opt == nil || f.client(c.opt).opt.Token != "")
				if (s.authorization == "Bearer "+testToken) != wanted || s.place == "cdn" && s.authorization != "" {
					t.Errorf("%s got authorization %q", s.place, s.authorization)
				}
			}
			f.forget()
			again, err := f.pull(f.client(c.opt), folder, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !again.Unchanged || f.forget() != 0 {
				t.Errorf("the second pull fetched something: %+v", again)
			}
			f.check(folder, want)
		})
	}
}

// TestPullEvents holds the events to their order and the counts to the sizes.
func TestPullEvents(t *testing.T) {
	f := newFake(t)
	folder := filepath.Join(t.TempDir(), "m")
	var kinds []string
	var last Event
	_, err := f.pull(f.client(nil), folder, func(q *Request) {
		q.Tell = func(e Event) { kinds, last = append(kinds, e.Event), e }
	})
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, n := range wantNames {
		total += int64(len(f.files[n]))
	}
	if kinds[0] != "resolved" || last.Event != "done" || last.Done != total || last.Total != total || last.Files != 4 || last.Folder != folder || last.Commit != testCommit {
		t.Errorf("events %v, last %+v, want %d bytes", kinds, last, total)
	}
	if n := len(slices.DeleteFunc(slices.Clone(kinds), func(s string) bool { return s != "verified" })); n != 4 {
		t.Errorf("%d files were verified: %v", n, kinds)
	}
}

// TestPullDamaged repairs what was changed in the folder, and fetches nothing else.
func TestPullDamaged(t *testing.T) {
	f := newFake(t)
	folder := filepath.Join(t.TempDir(), "m")
	if _, err := f.pull(f.client(nil), folder, nil); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(folder, "tokenizer.json")
	change := func(keepTime bool) {
		t.Helper()
		st, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := os.ReadFile(name)
		b[100] ^= 1
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
		when := st.ModTime()
		if !keepTime {
			when = when.Add(time.Second)
		}
		if err := os.Chtimes(name, when, when); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name     string
		do       func()
		thorough bool
		repaired bool
	}{
		{"changed", func() { change(false) }, false, true},
		{"touched", func() { now := time.Now(); _ = os.Chtimes(name, now, now) }, false, false},
		{"changed with the time kept", func() { change(true) }, true, true},
		{"gone", func() { os.Remove(name) }, false, true},
		{"cut", func() { _ = os.Truncate(name, 10) }, false, true},
		{"a link", func() { os.Remove(name); _ = os.Symlink("config.json", name) }, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.do()
			f.forget()
			res, err := f.pull(f.client(nil), folder, func(q *Request) { q.Thorough = c.thorough })
			if err != nil {
				t.Fatal(err)
			}
			f.check(folder, wantNames)
			want := int64(0)
			if c.repaired {
				want = 3000
			}
			if got := f.forget(); got != want || res.Fetched != want || res.Unchanged == c.repaired {
				t.Errorf("%d bytes were sent, want %d: %+v", got, want, res)
			}
		})
	}
}

// TestPullNewCommit moves a branch: what is equal stays, what is new comes, what is gone goes.
func TestPullNewCommit(t *testing.T) {
	f := newFake(t)
	f.files["merges.txt"] = []byte("gone later")
	folder := filepath.Join(t.TempDir(), "m")
	if _, err := f.pull(f.client(nil), folder, nil); err != nil {
		t.Fatal(err)
	}
	delete(f.files, "merges.txt")
	f.files["config.json"] = []byte(`{"model_type":"llama"}`)
	f.commit = otherCommit
	f.forget()
	res, err := f.pull(f.client(nil), folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.check(folder, wantNames)
	if got := f.forget(); got != int64(len(f.files["config.json"])) || res.Commit != otherCommit {
		t.Errorf("%d bytes were sent: %+v", got, res)
	}
	// Somebody's own file is never lost.
	own := filepath.Join(folder, "notes.txt")
	if err := os.WriteFile(own, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if res, err := f.pull(f.client(nil), folder, nil); err != nil || !res.Unchanged {
		t.Errorf("a file beside disturbs: %+v, %v", res, err)
	}
	f.files["config.json"] = []byte("{}")
	f.commit = testCommit
	_, err = f.pull(f.client(nil), folder, nil)
	if !errors.Is(err, ErrFolder) || !strings.Contains(err.Error(), "notes.txt") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(own); err != nil {
		t.Error(err)
	}
}

// TestPullInclude fetches other files, and keeps those that are there.
func TestPullInclude(t *testing.T) {
	f := newFake(t)
	f.files["name-Q8_0.gguf"] = weights(minChunk+5, 3)
	f.files["name-F16.gguf"] = weights(1000, 4)
	folder := filepath.Join(t.TempDir(), "m")
	if _, err := f.pull(f.client(nil), folder, func(q *Request) { q.Include = []string{"*Q8_0.gguf"} }); err != nil {
		t.Fatal(err)
	}
	f.check(folder, []string{"name-Q8_0.gguf"})
	f.forget()
	if _, err := f.pull(f.client(nil), folder, nil); err != nil {
		t.Fatal(err)
	}
	f.check(folder, append([]string{"name-Q8_0.gguf"}, wantNames...))
	if len(f.requests("cdn", "gguf")) != 0 {
		t.Error("the kept file was fetched again")
	}
}

// TestPullCommit needs no network for a commit that is here.
func TestPullCommit(t *testing.T) {
	f := newFake(t)
	folder := filepath.Join(t.TempDir(), "m")
	exact := func(q *Request) { q.Reference.Revision = testCommit }
	if _, err := f.pull(f.client(nil), folder, exact); err != nil {
		t.Fatal(err)
	}
	c := f.client(nil)
	f.home.Close()
	res, err := f.pull(c, folder, exact)
	if err != nil || !res.Unchanged {
		t.Errorf("%+v, %v", res, err)
	}
	_, err = f.pull(c, folder, nil)
	var h interface{ Hint() string }
	if !errors.Is(err, ErrOffline) || !errors.As(err, &h) || !strings.Contains(h.Hint(), "HF_ENDPOINT") {
		t.Errorf("offline: %v", err)
	}
}

// TestPullResume stops a pull at many points and sees that the next one goes on: altogether little more than the file is sent.
func TestPullResume(t *testing.T) {
	f := newFake(t)
	size := len(f.files["model.safetensors"])
	folder := filepath.Join(t.TempDir(), "m")
	stops := 0
	for round := 0; ; round++ {
		ctx, cancel := context.WithCancel(context.Background())
		// Every transfer is cut after 40 kB, and the round at its third.
		cuts := 0
		f.answerWith(func(w http.ResponseWriter, r *http.Request, place string, _ int) bool {
			if place != "cdn" || cuts < 0 {
				return false
			}
			if cuts++; cuts == 3 {
				cuts = -1
				cancel()
				<-r.Context().Done()
				return true
			}
			from, to := 0, 0
			_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to)
			to = min(to+1, from+40_000)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, size))
			w.WriteHeader(http.StatusPartialContent)
			n, _ := w.Write(f.files["model.safetensors"][from:to])
			f.mu.Lock()
			f.sent += int64(n)
			f.mu.Unlock()
			return true
		})
		_, err := f.client(func(o *Options) { o.Parallel = 1 }).Pull(ctx, Request{Reference: testRef, Folder: folder})
		cancel()
		if err == nil {
			break
		}
		var h interface{ Hint() string }
		if !errors.Is(err, context.Canceled) || !errors.As(err, &h) || !strings.Contains(h.Hint(), "goes on") {
			t.Fatalf("round %d: %v", round, err)
		}
		absent(t, folder)
		if stops++; stops > 50 {
			t.Fatal("it never ends")
		}
	}
	f.check(folder, wantNames)
	if sent := f.forget(); stops < 3 || sent > int64(size)+4000 {
		t.Errorf("%d stops, %d bytes sent for %d", stops, sent, size)
	}
}

// TestPullDamagedPart goes on with a part that somebody has changed: the checksum finds it, and the file is fetched anew.
func TestPullDamagedPart(t *testing.T) {
	f := newFake(t)
	folder := filepath.Join(t.TempDir(), "m")
	f.before = func(w http.ResponseWriter, r *http.Request, place string, n int) bool {
		if place == "cdn" && n > 2 {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
		return false
	}
	one := func(o *Options) { o.Parallel = 1 }
	if _, err := f.pull(f.client(one), folder, nil); !errors.Is(err, ErrOffline) {
		t.Fatalf("got %v", err)
	}
	absent(t, folder)
	f.answerWith(nil)
	for _, c := range []func(name string) error{
		func(name string) error {
			b, err := os.ReadFile(name)
			if err == nil {
				b[5] ^= 1
				err = os.WriteFile(name, b, 0o644)
			}
			return err
		},
	} {
		if err := c(filepath.Join(stagingDir(folder), "parts", partName("model.safetensors"))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.pull(f.client(one), folder, nil); err != nil {
		t.Fatal(err)
	}
	f.check(folder, wantNames)
}

// TestPullBusy lets one of two pulls into a folder.
func TestPullBusy(t *testing.T) {
	f := newFake(t)
	folder := filepath.Join(t.TempDir(), "m")
	reached, release := make(chan struct{}), make(chan struct{})
	f.before = func(_ http.ResponseWriter, _ *http.Request, place string, n int) bool {
		if place == "cdn" && n == 1 {
			close(reached)
			<-release
		}
		return false
	}
	done := make(chan error)
	go func() {
		_, err := f.pull(f.client(nil), folder, nil)
		done <- err
	}()
	<-reached
	_, err := f.pull(f.client(nil), folder, nil)
	close(release)
	var h interface{ Hint() string }
	if !errors.Is(err, ErrBusy) || !errors.As(err, &h) {
		t.Errorf("the second: %v", err)
	}
	if err := <-done; err != nil {
		t.Errorf("the first: %v", err)
	}
	f.check(folder, wantNames)
}

// TestPullFolders refuses folders that are somebody's.
func TestPullFolders(t *testing.T) {
	f := newFake(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	used := filepath.Join(dir, "used")
	other := filepath.Join(dir, "other")
	record := filepath.Join(dir, "record")
	empty := filepath.Join(dir, "empty")
	for _, d := range []string{used, other, record, empty} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		file: "x", filepath.Join(used, "x"): "x",
		filepath.Join(other, manifestName):  `{"format":1,"model":"a/b","revision":"main","commit":"","endpoint":"","files":[]}`,
		filepath.Join(record, manifestName): `{"format":1,"model":"org/name","files":[{"path":"../../x","size":1,"sum":"sha256:00","modified":1}]}`,
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{file, used, other, "", "/"} {
		if _, err := f.pull(f.client(nil), d, nil); !errors.Is(err, ErrFolder) {
			t.Errorf("%q: %v", d, err)
		}
	}
	if _, err := f.pull(f.client(nil), record, nil); !errors.Is(err, ErrUnsafeName) {
		t.Errorf("record: %v", err)
	}
	if len(f.seen) != 0 {
		t.Error("the endpoint was asked")
	}
	if _, err := f.pull(f.client(nil), empty, nil); err != nil {
		t.Errorf("empty: %v", err)
	}
	f.check(empty, wantNames)
	// A link to a folder stays a link.
	link := filepath.Join(dir, "link")
	if err := os.Symlink(empty, link); err != nil {
		t.Skip(err)
	}
	f.files["config.json"] = []byte("{}")
	f.commit = otherCommit
	if _, err := f.pull(f.client(nil), link, nil); err != nil {
		t.Errorf("link: %v", err)
	}
	f.check(empty, wantNames)
}

// TestPullSpace looks before it fetches.
func TestPullSpace(t *testing.T) {
	f := newFake(t)
	folder := filepath.Join(t.TempDir(), "m")
	c := f.client(nil)
	c.free = func(string) (uint64, bool) { return spareBytes + 1000, true }
	_, err := f.pull(c, folder, nil)
	var h interface{ Hint() string }
	if !errors.Is(err, ErrSpace) || !errors.As(err, &h) || f.forget() != 0 {
		t.Errorf("got %v", err)
	}
	absent(t, folder)
	c.free = func(string) (uint64, bool) { return 0, false }
	if _, err := f.pull(c, folder, nil); err != nil {
		t.Errorf("unknown space: %v", err)
	}
	if n, ok := freeBytes(t.TempDir()); ok && n == 0 {
		t.Error("no byte is free")
	}
}
