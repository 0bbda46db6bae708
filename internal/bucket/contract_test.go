package bucket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// harness makes an empty bucket of one driver.
type harness func(t *testing.T) Bucket

func drivers() map[string]harness {
	return map[string]harness{
		"dir": func(t *testing.T) Bucket {
			d, err := OpenDir(DirConfig{Root: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			return d
		},
		"s3": func(t *testing.T) Bucket {
			b, _, _ := newServed(t)
			return b
		},
		"faulty without faults": func(t *testing.T) Bucket {
			d, err := OpenDir(DirConfig{Root: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			return &Faulty{Bucket: d}
		},
	}
}

// served is the one embedded server that the tests of this package share.
var served struct {
	sync.Mutex
	server *Server
	dir    string
	names  int
}

func testServer(t *testing.T) *Server {
	t.Helper()
	if served.server == nil {
		dir, err := os.MkdirTemp("", "bucket-test")
		if err != nil {
			t.Fatal(err)
		}
		s, err := StartServer(t.Context(), ServerConfig{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		served.server, served.dir = s, dir
	}
	return served.server
}

func TestMain(m *testing.M) {
	code := m.Run()
	if served.server != nil {
		if err := served.server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		os.RemoveAll(served.dir)
	}
	os.Exit(code)
}

// newServed makes a fresh bucket on the shared server.
func newServed(t *testing.T) (*S3, string, BucketKeys) {
	t.Helper()
	served.Lock()
	defer served.Unlock()
	s := testServer(t)
	served.names++
	name, keys := fmt.Sprintf("%032x", served.names), NewBucketKeys()
	if err := s.CreateBucket(t.Context(), name, keys); err != nil {
		t.Fatal(err)
	}
	b, err := s.Bucket(name, keys.Write)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b, name, keys
}

// TestContract holds every driver to the same promises.
func TestContract(t *testing.T) {
	for name, make := range drivers() {
		t.Run(name, func(t *testing.T) {
			for _, c := range contract {
				t.Run(c.name, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					c.run(t, ctx, make(t))
				})
			}
		})
	}
}

var contract = []struct {
	name string
	run  func(*testing.T, context.Context, Bucket)
}{
	{"what is put can be got", contractRoundTrip},
	{"absence is ErrNotFound", contractAbsent},
	{"ranges", contractRanges},
	{"a range is of one version", contractVersions},
	{"if none match", contractIfNoneMatch},
	{"content is checked", contractContent},
	{"lists ascend and end where the caller wants", contractList},
	{"delete", contractDelete},
	{"delete prefix wants a slash", contractDeletePrefix},
	{"bad keys are refused", contractKeys},
	{"a context ends a call", contractContext},
	{"last write wins under load", contractRace},
	{"whole reads are bounded", contractBounds},
	{"time stamps", contractTime},
}

func content(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)})
	_, _ = r.Read(b)
	return b
}

func mustPut(t *testing.T, ctx context.Context, b Bucket, key string, body []byte) Info {
	t.Helper()
	info, err := PutBytes(ctx, b, key, body, PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func contractRoundTrip(t *testing.T, ctx context.Context, b Bucket) {
	for _, key := range []string{"a", "grail/windows/5Fabc-window-120.parquet", "x/y z/ü+&%?#=.bin", "grail/checkpoints/checkpoint-30/READY-60"} {
		for _, n := range []int{0, 1, 4096, 1 << 20} {
			want := content(n)
			put := mustPut(t, ctx, b, key, want)
			got, info, err := ReadAll(ctx, b, key, 1<<21)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s with %d bytes: content differs", key, n)
			}
			head, err := b.Head(ctx, key)
			if err != nil || head != info {
				t.Errorf("%s: head %+v, get %+v, error %v", key, head, info, err)
			}
			if put != head {
				t.Errorf("%s: put %+v, head %+v", key, put, head)
			}
			if info.Key != key || info.Size != int64(n) || info.ETag == "" || strings.Contains(info.ETag, `"`) {
				t.Errorf("%s with %d bytes: info %+v", key, n, info)
			}
		}
	}
}

func contractAbsent(t *testing.T, ctx context.Context, b Bucket) {
	mustPut(t, ctx, b, "folder/object", []byte("x"))
	for _, key := range []string{"nothing", "folder", "folder/other", "folder/object/below"} {
		_, err := b.Head(ctx, key)
		wantIs(t, err, ErrNotFound)
		_, _, err = b.Get(ctx, key)
		wantIs(t, err, ErrNotFound)
		_, err = b.GetRange(ctx, key, 0, 1, "")
		wantIs(t, err, ErrNotFound)
		var e *Error
		if !errors.As(err, &e) || e.Key != key || e.Bucket != b.Name() || e.Op == "" {
			t.Errorf("%s: error lacks what and where: %#v", key, err)
		}
	}
}

func wantIs(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("error is %v, not %v", err, target)
	}
}

func contractRanges(t *testing.T, ctx context.Context, b Bucket) {
	want := content(10000)
	info := mustPut(t, ctx, b, "k", want)
	for _, r := range [][2]int64{{0, 1}, {0, 10000}, {9999, 1}, {17, 4096}, {9990, 100}, {0, 1 << 40}} {
		got, err := b.GetRange(ctx, "k", r[0], r[1], info.ETag)
		if err != nil {
			t.Fatalf("range %v: %v", r, err)
		}
		if !bytes.Equal(got, want[r[0]:min(r[0]+r[1], 10000)]) {
			t.Errorf("range %v: %d bytes differ", r, len(got))
		}
	}
	if got, err := b.GetRange(ctx, "k", 5, 0, ""); err != nil || len(got) != 0 {
		t.Errorf("empty range: %d bytes, %v", len(got), err)
	}
	for _, r := range [][2]int64{{10000, 1}, {20000, 5}, {-1, 3}, {3, -1}} {
		_, err := b.GetRange(ctx, "k", r[0], r[1], "")
		wantIs(t, err, ErrRange)
	}
	at := NewReaderAt(ctx, b, info)
	if got, err := io.ReadAll(io.NewSectionReader(at, 0, at.Size())); err != nil || !bytes.Equal(got, want) {
		t.Errorf("reader at: %d bytes, %v", len(got), err)
	}
	if at.Fetched() != 10000 {
		t.Errorf("reader at fetched %d bytes", at.Fetched())
	}
	if n, err := at.ReadAt(make([]byte, 10), 9995); n != 5 || !errors.Is(err, io.EOF) {
		t.Errorf("read over the end: %d, %v", n, err)
	}
}

func contractVersions(t *testing.T, ctx context.Context, b Bucket) {
	old := mustPut(t, ctx, b, "k", []byte("first version"))
	at := NewReaderAt(ctx, b, old)
	p := make([]byte, 5)
	if _, err := at.ReadAt(p, 0); err != nil || string(p) != "first" {
		t.Fatalf("%q %v", p, err)
	}
	body, info, err := b.Get(ctx, "k")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	mustPut(t, ctx, b, "k", []byte("other version"))
	_, err = at.ReadAt(p, 6)
	wantIs(t, err, ErrChanged)
	_, err = b.GetRange(ctx, "k", 0, 0, old.ETag)
	wantIs(t, err, ErrChanged)
	if rest, err := io.ReadAll(body); err != nil || info.ETag != old.ETag || string(rest) != "first version" {
		t.Errorf("an open body changed: %q %v", rest, err)
	}
}

func contractIfNoneMatch(t *testing.T, ctx context.Context, b Bucket) {
	if _, err := PutBytes(ctx, b, "k", []byte("one"), PutOptions{IfNoneMatch: true}); err != nil {
		t.Fatal(err)
	}
	_, err := PutBytes(ctx, b, "k", []byte("two"), PutOptions{IfNoneMatch: true})
	wantIs(t, err, ErrExists)
	if got, _, err := ReadAll(ctx, b, "k", 10); err != nil || string(got) != "one" {
		t.Errorf("%q %v", got, err)
	}
	// of many writers exactly one gets in
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 8 {
		wg.Go(func() {
			_, err := PutBytes(ctx, b, "race", fmt.Appendf(nil, "writer %d", i), PutOptions{IfNoneMatch: true})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !errors.Is(err, ErrExists) {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("%d writers got in", won)
	}
}

func contractContent(t *testing.T, ctx context.Context, b Bucket) {
	sum := sha256.Sum256([]byte("body"))
	if _, err := PutBytes(ctx, b, "k", []byte("body"), PutOptions{ContentSHA256: sum[:]}); err != nil {
		t.Fatal(err)
	}
	_, err := PutBytes(ctx, b, "k", []byte("bodi"), PutOptions{ContentSHA256: sum[:]})
	wantIs(t, err, ErrContent)
	_, err = b.Put(ctx, "k", strings.NewReader("short"), 10, PutOptions{})
	wantIs(t, err, ErrContent)
	if got, _, err := ReadAll(ctx, b, "k", 10); err != nil || string(got) != "body" {
		t.Errorf("%q %v", got, err)
	}
}

func contractList(t *testing.T, ctx context.Context, b Bucket) {
	keys := []string{"a/1", "a/10", "a/2", "a/b/c", "a-b", "a.c/x", "ab", "b", "grail/checkpoint-60/x", "grail/checkpoint-600/x"}
	for _, k := range slices.Backward(keys) {
		mustPut(t, ctx, b, k, []byte(k))
	}
	for _, prefix := range []string{"", "a", "a/", "a/1", "grail/checkpoint-60", "grail/checkpoint-60/", "zzz", "b"} {
		var want []string
		for _, k := range keys {
			if strings.HasPrefix(k, prefix) {
				want = append(want, k)
			}
		}
		slices.Sort(want)
		all, err := ListAll(ctx, b, prefix, 100)
		if err != nil {
			t.Fatalf("%q: %v", prefix, err)
		}
		var got []string
		for _, info := range all {
			got = append(got, info.Key)
			head, err := b.Head(ctx, info.Key)
			if err != nil || head.Size != info.Size || head.ETag != info.ETag || !head.LastModified.Equal(info.LastModified) {
				t.Errorf("list gives %+v, head %+v, %v", info, head, err)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("prefix %q: got %q, want %q", prefix, got, want)
		}
	}
	_, err := ListAll(ctx, b, "a", 3)
	wantIs(t, err, ErrTooLarge)
	for range b.List(ctx, "") {
		break
	}
	for _, err := range b.List(ctx, "../x") {
		wantIs(t, err, ErrKey)
	}
}

func contractDelete(t *testing.T, ctx context.Context, b Bucket) {
	mustPut(t, ctx, b, "d/e/k", []byte("x"))
	for range 2 { // the second time there is nothing to delete
		if err := b.Delete(ctx, "d/e/k"); err != nil {
			t.Fatal(err)
		}
	}
	_, err := b.Head(ctx, "d/e/k")
	wantIs(t, err, ErrNotFound)
	mustPut(t, ctx, b, "d/e", []byte("the folder is gone too"))
}

func contractDeletePrefix(t *testing.T, ctx context.Context, b Bucket) {
	for _, k := range []string{"c/checkpoint-60/a", "c/checkpoint-60/b/c", "c/checkpoint-600/a"} {
		mustPut(t, ctx, b, k, nil)
	}
	for _, p := range []string{"c/checkpoint-60", "", "/"} {
		_, err := DeletePrefix(ctx, b, p)
		wantIs(t, err, ErrKey)
	}
	if n, err := DeletePrefix(ctx, b, "c/checkpoint-60/"); n != 2 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	all, err := ListAll(ctx, b, "", 10)
	if err != nil || len(all) != 1 || all[0].Key != "c/checkpoint-600/a" {
		t.Errorf("%v %v", all, err)
	}
}

func contractKeys(t *testing.T, ctx context.Context, b Bucket) {
	for _, key := range badKeys {
		_, err := PutBytes(ctx, b, key, nil, PutOptions{})
		wantIs(t, err, ErrKey)
		_, err = b.Head(ctx, key)
		wantIs(t, err, ErrKey)
		_, _, err = b.Get(ctx, key)
		wantIs(t, err, ErrKey)
		_, err = b.GetRange(ctx, key, 0, 1, "")
		wantIs(t, err, ErrKey)
		wantIs(t, b.Delete(ctx, key), ErrKey)
	}
}

var badKeys = []string{"", "/", "/etc/passwd", "a//b", "a/", "..", "../x", "a/../../x", "a/./b", "a\\b", "a\x00b", "a\nb", "\xff",
	strings.Repeat("k", 1025), strings.Repeat("k", 256), ".nanteos-bucket/tmp/x"}

func contractContext(t *testing.T, ctx context.Context, b Bucket) {
	mustPut(t, ctx, b, "k", content(100))
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err := PutBytes(ended, b, "k", content(5), PutOptions{})
	wantIs(t, err, context.Canceled)
	_, err = b.Head(ended, "k")
	wantIs(t, err, context.Canceled)
	_, _, err = b.Get(ended, "k")
	wantIs(t, err, context.Canceled)
	_, err = b.GetRange(ended, "k", 0, 5, "")
	wantIs(t, err, context.Canceled)
	wantIs(t, b.Delete(ended, "k"), context.Canceled)
	for _, err := range b.List(ended, "") {
		wantIs(t, err, context.Canceled)
	}
	if info, err := b.Head(ctx, "k"); err != nil || info.Size != 100 {
		t.Errorf("%+v %v", info, err)
	}
}

func contractRace(t *testing.T, ctx context.Context, b Bucket) {
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for range 5 {
				mustPut(t, ctx, b, "k", bytes.Repeat([]byte{byte('a' + w)}, 3000+w))
			}
		})
	}
	for range 4 {
		wg.Go(func() {
			for range 10 {
				got, _, err := ReadAll(ctx, b, "k", 1<<20)
				if errors.Is(err, ErrNotFound) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if w := int(got[0] - 'a'); len(got) != 3000+w || len(bytes.Trim(got, string(got[:1]))) != 0 {
					t.Errorf("a reader saw a mixture: %d bytes of writer %d", len(got), w)
				}
			}
		})
	}
	wg.Wait()
}

func contractBounds(t *testing.T, ctx context.Context, b Bucket) {
	mustPut(t, ctx, b, "k", content(1000))
	_, _, err := ReadAll(ctx, b, "k", 999)
	wantIs(t, err, ErrTooLarge)
	if got, _, err := ReadAll(ctx, b, "k", 1000); err != nil || len(got) != 1000 {
		t.Errorf("%d %v", len(got), err)
	}
}

func contractTime(t *testing.T, ctx context.Context, b Bucket) {
	before := time.Now().Add(-2 * time.Second)
	info := mustPut(t, ctx, b, "k", nil)
	if info.LastModified.Before(before) || info.LastModified.After(time.Now().Add(time.Second)) || info.LastModified.Nanosecond() != 0 ||
		info.LastModified.Location() != time.UTC {
		t.Errorf("time stamp %s", info.LastModified)
	}
}
