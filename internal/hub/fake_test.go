package hub

import (
	"compress/gzip"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	testCommit  = "0123456789abcdef0123456789abcdef01234567"
	otherCommit = "fedcba9876543210fedcba9876543210fedcba98"
	testToken   = "hf_hunter2secret"
	testID      = "org/name"
	minChunk    = 64 << 10
)

var testRef = Reference{Org: "org", Name: "name", Revision: "main"}

// fake is a Hugging Face endpoint of one model, with a second host for its large files, as the real one has.
type fake struct {
	t         *testing.T
	home, cdn *httptest.Server
	commit    string
	files     map[string][]byte
	// large are files that are stored on the second host; small ones come from the endpoint.
	large func(name string) bool

	noTree, noRanges, noTags, zip, relative bool
	pageSize                                int
	// before may answer a request itself; it returns true if it did. n counts the requests of the same place and path, from 1.
	before func(w http.ResponseWriter, r *http.Request, place string, n int) bool

	mu   sync.Mutex
	seen []seen
	sent int64 // bytes of files
}

// seen is a request.
type seen struct{ place, method, path, authorization, span string }

// weights are bytes without any pattern.
func weights(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// newFake serves a small model: 5.5 chunks of weights, a configuration and a tokenizer.
func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{t: t, commit: testCommit, files: map[string][]byte{
		"config.json":            []byte(`{"model_type":"qwen3"}`),
		"tokenizer.json":         weights(3000, 7),
		"generation_config.json": nil,
		"model.safetensors":      weights(minChunk*11/2, 1),
		"README.md":              []byte("not fetched"),
		"pytorch_model.bin":      []byte("not fetched"),
	}, large: func(name string) bool {
		return strings.HasSuffix(name, ".safetensors") || strings.HasSuffix(name, ".gguf")
	}}
	f.home = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.serve(w, r, "home") }))
	f.cdn = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.serve(w, r, "cdn") }))
	t.Cleanup(f.home.Close)
	t.Cleanup(f.cdn.Close)
	return f
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request, place string) {
	s := seen{place, r.Method, r.URL.EscapedPath(), r.Header.Get("Authorization"), r.Header.Get("Range")}
	f.mu.Lock()
	f.seen = append(f.seen, s)
	before := f.before
	n := 0
	for _, o := range f.seen {
		if o.place == s.place && o.path == s.path && o.method == s.method {
			n++
		}
	}
	f.mu.Unlock()
	if before != nil && before(w, r, place, n) {
		return
	}
	p := r.URL.EscapedPath()
	switch {
	case place == "cdn":
		f.content(w, r, strings.TrimPrefix(r.URL.Path, "/store/"))
	case strings.HasPrefix(p, "/api/models/"+testID+"/revision/"):
		f.info(w)
	case strings.HasPrefix(p, "/api/models/"+testID+"/tree/"+f.commit) && !f.noTree:
		f.tree(w, r)
	case strings.HasPrefix(p, "/"+testID+"/resolve/"+f.commit+"/"):
		f.resolve(w, r, strings.TrimPrefix(r.URL.Path, "/"+testID+"/resolve/"+f.commit+"/"))
	case strings.HasPrefix(p, "/elsewhere/"):
		f.resolve(w, r, strings.TrimPrefix(r.URL.Path, "/elsewhere/"))
	default:
		http.NotFound(w, r)
	}
}

func (f *fake) names() []string { return slices.Sorted(maps.Keys(f.files)) }

func (f *fake) info(w http.ResponseWriter) {
	type sibling struct {
		Name string `json:"rfilename"`
	}
	m := map[string]any{"id": testID, "sha": f.commit, "gated": false}
	var all []sibling
	for _, n := range f.names() {
		all = append(all, sibling{n})
	}
	m["siblings"] = all
	_ = json.NewEncoder(w).Encode(m)
}

func (f *fake) tree(w http.ResponseWriter, r *http.Request) {
	names := f.names()
	from, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
	to := len(names)
	if f.pageSize > 0 && from+f.pageSize < to {
		to = from + f.pageSize
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?recursive=true&cursor=%d>; rel="next"`, f.home.URL, r.URL.Path, to))
	}
	entries := []map[string]any{{"type": "directory", "path": "onnx", "oid": strings.Repeat("0", 40), "size": 0}}
	for _, n := range names[from:to] {
		b := f.files[n]
		e := map[string]any{"type": "file", "path": n, "size": len(b), "oid": blobSum(b)}
		if f.large(n) {
			e["lfs"] = map[string]any{"oid": fmt.Sprintf("%x", sha256.Sum256(b)), "size": len(b), "pointerSize": 130}
		}
		entries = append(entries, e)
	}
	_ = json.NewEncoder(w).Encode(entries)
}

func blobSum(b []byte) string {
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", len(b))
	h.Write(b)
	return fmt.Sprintf("%x", h.Sum(nil))
}

// resolve gives a small file, and redirects for a large one.
func (f *fake) resolve(w http.ResponseWriter, r *http.Request, name string) {
	b, ok := f.files[name]
	if !ok {
		w.Header().Set("X-Error-Code", "EntryNotFound")
		http.NotFound(w, r)
		return
	}
	if !f.noTags {
		w.Header().Set("X-Repo-Commit", f.commit)
	}
	if f.relative && strings.Contains(r.URL.Path, "/resolve/") {
		http.Redirect(w, r, "/elsewhere/"+name, http.StatusTemporaryRedirect)
		return
	}
	if !f.large(name) {
		if !f.noTags {
			w.Header().Set("Etag", `"`+blobSum(b)+`"`)
		}
		f.content(w, r, name)
		return
	}
	if !f.noTags {
		w.Header().Set("X-Linked-Etag", fmt.Sprintf(`"%x"`, sha256.Sum256(b)))
		w.Header().Set("X-Linked-Size", strconv.Itoa(len(b)))
	}
	w.Header().Set("Location", f.cdn.URL+"/store/"+name+"?X-Amz-Signature=signed-hunter2")
	w.WriteHeader(http.StatusFound)
}

// content gives the bytes of a file, or a range of them.
func (f *fake) content(w http.ResponseWriter, r *http.Request, name string) {
	b := f.files[name]
	count := func(n int) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.sent += int64(n)
	}
	if f.zip && r.Method != http.MethodHead {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		n, _ := z.Write(b)
		_ = z.Close()
		count(n)
		return
	}
	status, from, to := http.StatusOK, 0, len(b)
	if s := r.Header.Get("Range"); s != "" && !f.noRanges {
		_, _ = fmt.Sscanf(s, "bytes=%d-%d", &from, &to)
		to = min(to+1, len(b))
		status = http.StatusPartialContent
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(b)))
	}
	w.Header().Set("Content-Length", strconv.Itoa(to-from))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		n, _ := w.Write(b[from:to])
		count(n)
	}
}

// answerWith sets before while requests may be under way.
func (f *fake) answerWith(before func(w http.ResponseWriter, r *http.Request, place string, n int) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before = before
}

// requests are those of a place whose path has a suffix.
func (f *fake) requests(place, suffix string) []seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []seen
	for _, s := range f.seen {
		if s.place == place && strings.HasSuffix(s.path, suffix) {
			out = append(out, s)
		}
	}
	return out
}

// forget clears the record and returns how many bytes of files were sent.
func (f *fake) forget() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.sent
	f.seen, f.sent = nil, 0
	return n
}

// client asks the fake, without long pauses.
func (f *fake) client(change func(*Options)) *Client {
	f.t.Helper()
	opt := Options{Endpoint: f.home.URL, Token: testToken, Chunk: minChunk, Parallel: 4, Stall: 5 * time.Second, Attempts: 4}
	if change != nil {
		change(&opt)
	}
	c, err := New(opt)
	if err != nil {
		f.t.Fatal(err)
	}
	c.pause = func(int) time.Duration { return time.Millisecond }
	if tr, ok := c.opt.Transport.(*http.Transport); ok {
		f.t.Cleanup(tr.CloseIdleConnections)
	}
	return c
}

// pull pulls into a folder of the test.
func (f *fake) pull(c *Client, folder string, change func(*Request)) (Result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	q := Request{Reference: testRef, Folder: folder}
	if change != nil {
		change(&q)
	}
	return c.Pull(ctx, q)
}

// wantNames are what the engine needs of the model.
var wantNames = []string{"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"}

// check holds a folder to the fake's files and sees that nothing else is left.
func (f *fake) check(folder string, names []string) {
	f.t.Helper()
	var got []string
	err := filepath.WalkDir(folder, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(folder, p)
			got = append(got, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	want := append([]string{manifestName}, names...)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		f.t.Fatalf("the folder has %q, want %q", got, want)
	}
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(folder, n))
		if err != nil || string(b) != string(f.files[n]) {
			f.t.Errorf("%s differs: %d bytes of %d, %v", n, len(b), len(f.files[n]), err)
		}
	}
	if _, err := os.Stat(stagingDir(folder)); !os.IsNotExist(err) {
		f.t.Errorf("the staging folder is left: %v", err)
	}
}

// absent sees that a folder doesn't exist.
func absent(t *testing.T, folder string) {
	t.Helper()
	if _, err := os.Lstat(folder); !os.IsNotExist(err) {
		t.Errorf("%s exists: %v", folder, err)
	}
}

// secretless sees that text holds neither token nor signature.
func secretless(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(text, "hunter2") {
		t.Errorf("a secret is told: %s", text)
	}
}
