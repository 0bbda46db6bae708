package checkpoint

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nanteos/nanteos/internal/bucket"
)

// objects are the keys of a bucket.
func objects(t testing.TB, b bucket.Bucket) []string {
	t.Helper()
	infos, err := bucket.ListAll(t.Context(), b, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, info := range infos {
		keys = append(keys, info.Key)
	}
	return keys
}

// hasty is a cache that waits neither between attempts nor for the disk.
func hasty(t testing.TB, limits Limits) *Cache {
	c := newCache(t, limits)
	c.pause, c.hasty = time.Millisecond, true
	return c
}

// trial fetches a checkpoint while something is wrong. What comes of it, if anything, is the truth; and when nothing is wrong any more, it comes.
func (h *history) trial(t *testing.T, what string, b bucket.Bucket, window int64, end func()) {
	t.Helper()
	c := hasty(t, Limits{})
	got, err := c.Fetch(t.Context(), b, window, trainerKey())
	if err == nil {
		h.check(t, got)
	}
	h.checkCache(t, c)
	if end != nil {
		end()
	}
	if got, err = c.Fetch(t.Context(), h, window, trainerKey()); err != nil {
		t.Errorf("after %s: %v", what, err)
		return
	}
	h.check(t, got)
	h.checkCache(t, c)
}

// Every object is cut off and changed, at many places.
func TestBrokenObjects(t *testing.T) {
	t.Parallel()
	h := newHistory(t, 3)
	places := 3
	if testing.Short() {
		places = 1
	}
	for _, key := range objects(t, h) {
		if strings.Contains(key, "READY") {
			continue
		}
		good, _, err := bucket.ReadAll(t.Context(), h, key, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		spoil := func(what string, content []byte) {
			put(t, h.Dir, key, content)
			h.trial(t, what+" "+key, h, 90, func() { put(t, h.Dir, key, good) })
		}
		for i := range places {
			if at := len(good) * i / places; at < len(good) {
				spoil(fmt.Sprintf("byte %d changed of", at), append(append(slices.Clone(good[:at]), good[at]^(1<<(i%8))), good[at+1:]...))
				if i < 2 {
					spoil(fmt.Sprintf("%d bytes of", at), good[:at])
				}
			}
		}
		spoil("more than", append(slices.Clone(good), 0))
		if err := h.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		h.trial(t, "without "+key, h, 90, func() { put(t, h.Dir, key, good) })
	}
}

// READY arrives before one of the objects that it speaks for, and the other way round.
func TestMarkerBeforeData(t *testing.T) {
	h := newHistory(t, 3)
	ready := bucket.ReadyKey(90, 120)
	c := hasty(t, Limits{})
	if err := h.Delete(t.Context(), ready); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Fetch(t.Context(), h, 90, trainerKey()); !errors.Is(err, ErrNone) {
		t.Errorf("without a marker: %v", err)
	}
	var held [][]byte
	keys := slices.DeleteFunc(objects(t, h), func(key string) bool { return !strings.Contains(key, "checkpoint-90/") })
	for _, key := range keys {
		content, _, err := bucket.ReadAll(t.Context(), h, key, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, content)
		if err := h.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	put(t, h.Dir, ready, nil)
	for i, key := range keys {
		if _, err := c.Fetch(t.Context(), h, 90, trainerKey()); err == nil && !slices.ContainsFunc(keys[i:], func(k string) bool { return strings.HasSuffix(k, "/"+Delta) }) {
			t.Errorf("complete before %s", key)
		}
		put(t, h.Dir, key, held[i])
	}
	got, err := c.Fetch(t.Context(), h, 90, trainerKey())
	if err != nil {
		t.Fatal(err)
	}
	h.check(t, got)
}

// Each call of a fetch fails in turn, in every manner, and then all calls from it on, as when the store answers 503 or 429 to everything.
func TestFailingCalls(t *testing.T) {
	t.Parallel()
	h := newHistory(t, 3)
	count := &bucket.Faulty{Bucket: h}
	if _, err := newCache(t, Limits{}).Fetch(t.Context(), count, 90, trainerKey()); err != nil {
		t.Fatal(err)
	}
	calls := len(count.Calls())
	if testing.Short() {
		calls = 4
	}
	for n := range calls {
		for _, fault := range []bucket.Fault{bucket.Fails, bucket.FailsButPersists, bucket.Truncates} {
			h.trial(t, fmt.Sprintf("%v at call %d", fault, n), &bucket.Faulty{Bucket: h, Choose: func(c bucket.Call) bucket.Fault {
				if c.N == n {
					return fault
				}
				return bucket.Works
			}}, 90, nil)
			if fault != bucket.Fails {
				continue
			}
			h.trial(t, fmt.Sprintf("%v from call %d on", fault, n), &bucket.Faulty{Bucket: h, Choose: func(c bucket.Call) bucket.Fault {
				if c.N >= n {
					return fault
				}
				return bucket.Works
			}}, 90, nil)
		}
	}
}

// stale lists objects as they were: some that are new are missing, some that were deleted are there.
type stale struct {
	bucket.Bucket
	missing string
	gone    []string
}

func (s stale) List(ctx context.Context, prefix string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		for _, key := range s.gone {
			if strings.HasPrefix(key, prefix) && !yield(bucket.Info{Key: key}, nil) {
				return
			}
		}
		for info, err := range s.Bucket.List(ctx, prefix) {
			if err == nil && strings.Contains(info.Key, s.missing) {
				continue
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

func TestStaleLists(t *testing.T) {
	t.Parallel()
	h := newHistory(t, 3)
	files, err := Files(h.folders[90])
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range objects(t, h) {
		h.trial(t, "a list without "+key, stale{h, key, nil}, 90, nil)
	}
	h.trial(t, "an empty list", stale{h, "", nil}, 90, nil)
	// A whole checkpoint of which the list has nothing yet is found all the same, if nothing else is there.
	if got, err := hasty(t, Limits{}).Fetch(t.Context(), stale{h, "/FULL/", nil}, 30, trainerKey()); err != nil {
		t.Errorf("files that the list lacks: %v", err)
	} else {
		h.check(t, got)
	}
	// One that was deleted and is listed still is passed by.
	if _, err := Publish(t.Context(), h, h.folders[90], files, policyOf(t, 90), trainer); err != nil {
		t.Fatal(err)
	}
	var gone []string
	for _, key := range objects(t, h) {
		if strings.Contains(key, "-90/FULL/") && !strings.HasSuffix(key, ".json") {
			if err := h.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			gone = append(gone, key)
		}
	}
	got, report, err := hasty(t, Limits{}).FetchFrom(t.Context(), []bucket.Bucket{stale{h, "nothing", gone}}, 90, trainerKey())
	if err != nil || report.Patches != 2 || len(report.Tried) == 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	h.check(t, got)
	if _, err := hasty(t, Limits{}).Fetch(t.Context(), stale{h, "nothing", []string{bucket.ReadyKey(900, 930)}}, 900, trainerKey()); !errors.Is(err, ErrNone) {
		t.Errorf("a checkpoint that is only listed: %v", err)
	}
}

// fullDisk lets so many bytes be written in all.
func fullDisk(c *Cache, room int64) {
	var written atomic.Int64
	c.full = func(path string, r io.Reader) io.Reader {
		return readerFunc(func(p []byte) (int, error) {
			n, err := r.Read(p)
			if written.Add(int64(n)) > room {
				return 0, &fs.PathError{Op: "write", Path: path, Err: syscall.ENOSPC}
			}
			return n, err
		})
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestFullDisk(t *testing.T) {
	t.Parallel()
	h := newHistory(t, 3)
	room, reused := int64(0), int64(0)
	for {
		c := hasty(t, Limits{})
		fullDisk(c, room)
		got, err := c.Fetch(t.Context(), h, 90, trainerKey())
		if err == nil {
			h.check(t, got)
			break
		}
		if !errors.Is(err, ErrSpace) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), c.dir) {
			t.Fatalf("with room for %d bytes: %v", room, err)
		}
		h.checkCache(t, c)
		if _, err := os.Stat(c.folder(90)); err == nil {
			t.Fatalf("with room for %d bytes half a checkpoint is there", room)
		}
		for _, dir := range []string{c.dir, filepath.Join(c.dir, poolName)} {
			if left := names(t, dir); slices.ContainsFunc(left, func(name string) bool { return strings.HasSuffix(name, ".partial") }) {
				t.Errorf("half files take the little room there is: %v", left)
			}
		}
		c.full = nil
		got, report, err := c.FetchFrom(t.Context(), []bucket.Bucket{h}, 90, trainerKey())
		if err != nil {
			t.Fatalf("when there is room again: %v", err)
		}
		h.check(t, got)
		reused = max(reused, report.Reused)
		room += 211
	}
	if room < 2000 || reused == 0 {
		t.Errorf("the disk was never full: %d bytes, %d used again", room, reused)
	}
}

// What was fetched before a fetch broke off is not fetched again, but looked at again.
func TestResume(t *testing.T) {
	h := newHistory(t, 3)
	c := hasty(t, Limits{})
	gets := 0
	faulty := &bucket.Faulty{Bucket: h, Choose: func(call bucket.Call) bucket.Fault {
		if call.Op == "get" && strings.HasSuffix(call.Key, "model.safetensors") {
			return bucket.Fails
		}
		return bucket.Works
	}}
	if _, err := c.Fetch(t.Context(), faulty, 90, trainerKey()); !errors.Is(err, bucket.ErrInjected) {
		t.Fatal(err)
	}
	pool := filepath.Join(c.dir, poolName)
	kept := names(t, pool)
	if len(kept) < 7 { // all but the weights: 3 of each patch, of which canaries may be the same, and 3 of the whole one
		t.Fatalf("%d files are kept", len(kept))
	}
	if err := os.WriteFile(filepath.Join(pool, kept[0]), []byte("rotten"), 0o644); err != nil {
		t.Fatal(err)
	}
	faulty.Choose = func(call bucket.Call) bucket.Fault {
		if call.Op == "get" && !strings.HasSuffix(call.Key, metadataName) && !strings.HasSuffix(call.Key, signatureName) {
			gets++
		}
		return bucket.Works
	}
	got, report, err := c.FetchFrom(t.Context(), []bucket.Bucket{faulty}, 90, trainerKey())
	if err != nil {
		t.Fatal(err)
	}
	h.check(t, got)
	// The weights and the rotten one; delta_metadata.json doesn't end in what is excluded.
	if report.Reused == 0 || gets > 4 {
		t.Errorf("%d files were fetched, %d bytes used again", gets, report.Reused)
	}
	if left := names(t, pool); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// The pool is bounded in age and size.
func TestPoolIsBounded(t *testing.T) {
	c := newCache(t, Limits{TotalBytes: 100})
	pool := filepath.Join(c.dir, poolName)
	if err := os.Mkdir(pool, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, old := range map[string]time.Duration{"a": 3, "b": 2, "c": 1, "d": 48, "e.1073741824.00.partial": 0, fmt.Sprintf("f.%d.00.partial", os.Getpid()): 0} {
		path := filepath.Join(pool, name)
		if err := os.WriteFile(path, make([]byte, 45), 0o644); err != nil {
			t.Fatal(err)
		}
		age(t, path, old*time.Hour)
	}
	if err := c.makeRoom(); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, pool), []string{"b", "c", fmt.Sprintf("f.%d.00.partial", os.Getpid())}; !slices.Equal(got, want) {
		t.Errorf("the pool holds %v, want %v", got, want)
	}
}

// TestChildFetch fetches for TestFetchKilled, in a process that dies at a step.
func TestChildFetch(t *testing.T) {
	if flag.NArg() != 4 || flag.Arg(0) != "fetch" {
		t.Skip("only TestFetchKilled runs it")
	}
	at, err := strconv.Atoi(flag.Arg(3))
	if err != nil {
		t.Fatal(err)
	}
	b, err := bucket.OpenDir(bucket.DirConfig{Root: flag.Arg(1)})
	if err != nil {
		t.Fatal(err)
	}
	c, err := OpenCache(flag.Arg(2), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var steps atomic.Int64
	c.probe = func(string) {
		if steps.Add(1) == int64(at) {
			p, _ := os.FindProcess(os.Getpid())
			_ = p.Kill()
			select {}
		}
	}
	if _, err := c.Fetch(context.Background(), b, 90, trainerKey()); err != nil {
		t.Fatal(err)
	}
}

// TestFetchKilled kills a fetching process at every step. What the cache offers then is true, and the next process ends the work, with what the first one
// fetched.
func TestFetchKilled(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts processes")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := newHistory(t, 3)
	reused := int64(0)
	for at := 1; ; at++ {
		dir := t.TempDir()
		out, err := exec.Command(self, "-test.run=^TestChildFetch$", "--", "fetch", h.root, dir, strconv.Itoa(at)).CombinedOutput()
		var exit *exec.ExitError
		if err != nil && (!errors.As(err, &exit) || exit.ExitCode() == 1) {
			t.Fatalf("the child failed: %v\n%s", err, out)
		}
		c, openErr := OpenCache(dir, Limits{})
		if openErr != nil {
			t.Fatal(openErr)
		}
		if left := names(t, dir); slices.ContainsFunc(left, func(name string) bool { return strings.HasSuffix(name, ".partial") }) {
			t.Errorf("killed at %d: %v is left", at, left)
		}
		h.checkCache(t, c)
		got, report, fetchErr := c.FetchFrom(t.Context(), []bucket.Bucket{h}, 90, trainerKey())
		if fetchErr != nil {
			t.Fatalf("killed at %d: %v", at, fetchErr)
		}
		h.check(t, got)
		reused = max(reused, report.Reused)
		if err == nil {
			if at < 15 {
				t.Errorf("there were only %d steps", at)
			}
			break
		}
	}
	if reused == 0 {
		t.Error("nothing was used again")
	}
}
