package hub

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hijack ends the connection without an answer.
func hijack(w http.ResponseWriter) {
	if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = c.Close()
	}
}

// TestPullThroughFaults meets each fault on some requests and still ends with the right files.
func TestPullThroughFaults(t *testing.T) {
	status := func(code int, header ...string) func(*fake, http.ResponseWriter, *http.Request) {
		return func(_ *fake, w http.ResponseWriter, _ *http.Request) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
		}
	}
	for _, c := range []struct {
		name  string
		fault func(*fake, http.ResponseWriter, *http.Request)
	}{
		{"500", status(500)},
		{"502", status(502)},
		{"503 retry after", status(503, "Retry-After", "0")},
		{"429", status(429)},
		{"429 retry after a date", status(429, "Retry-After", time.Now().UTC().Format(http.TimeFormat))},
		{"429 nonsense", status(429, "Retry-After", "soon")},
		{"408", status(408)},
		{"no answer", func(_ *fake, w http.ResponseWriter, _ *http.Request) { hijack(w) }},
		{"half an answer", func(f *fake, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("{"))
			panic(http.ErrAbortHandler)
		}},
		{"chunks that end early", func(f *fake, w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}},
		{"stalled before the answer", func(_ *fake, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		{"stalled in the answer", func(_ *fake, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("{"))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			// The first and third request for anything fail, wherever it is asked.
			f.before = func(w http.ResponseWriter, r *http.Request, _ string, n int) bool {
				if n == 1 || n == 3 {
					c.fault(f, w, r)
					return true
				}
				return false
			}
			folder := filepath.Join(t.TempDir(), "m")
			retries := 0
			_, err := f.pull(f.client(func(o *Options) { o.Stall = 150 * time.Millisecond }), folder, func(q *Request) {
				q.Tell = func(e Event) {
					if e.Event == "retry" {
						retries++
						secretless(t, e.Reason)
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			f.check(folder, wantNames)
			if retries == 0 {
				t.Error("nobody told of it")
			}
		})
	}
}

// TestPullThroughContentFaults meets faults that only the bytes of a file can have.
func TestPullThroughContentFaults(t *testing.T) {
	const name = "model.safetensors"
	span := func(r *http.Request) (from, to int) {
		_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to)
		return from, to + 1
	}
	for _, c := range []struct {
		name  string
		fault func(f *fake, w http.ResponseWriter, r *http.Request, n int) bool
	}{
		{"truncated", func(f *fake, w http.ResponseWriter, r *http.Request, n int) bool {
			if n > 4 {
				return false
			}
			from, to := span(r)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(f.files[name])))
			w.Header().Set("Content-Length", strconv.Itoa(to-from))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(f.files[name][from : from+1000*n])
			panic(http.ErrAbortHandler)
		}},
		{"wrong bytes once", func(f *fake, w http.ResponseWriter, r *http.Request, n int) bool {
			if n != 2 {
				return false
			}
			from, to := span(r)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(f.files[name])))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(make([]byte, to-from))
			return true
		}},
		{"ranges that go away", func(f *fake, w http.ResponseWriter, r *http.Request, n int) bool {
			if n < 3 {
				return false
			}
			r.Header.Del("Range")
			return false
		}},
		{"a compressed range", func(f *fake, w http.ResponseWriter, r *http.Request, n int) bool {
			if n != 1 {
				return false
			}
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = z.Write(f.files[name])
			_ = z.Close()
			from, to := span(r)
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(f.files[name])))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(b.Bytes())
			return true
		}},
		{"a compressed file that is cut", func(f *fake, w http.ResponseWriter, r *http.Request, n int) bool {
			if n > 3 {
				r.Header.Del("Range")
				return false
			}
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = z.Write(f.files[name])
			_ = z.Close()
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(b.Bytes()[:b.Len()/2])
			return true
		}},
		{"a signature that has run out", func(f *fake, w http.ResponseWriter, r *http.Request, n int) bool {
			if n%2 == 1 {
				return false
			}
			w.WriteHeader(http.StatusForbidden)
			return true
		}},
		{"another size once", func(f *fake, w http.ResponseWriter, r *http.Request, n int) bool {
			if n != 2 {
				return false
			}
			from, to := span(r)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, 12345678))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(f.files[name][from:to])
			return true
		}},
		{"less than asked for", func(f *fake, w http.ResponseWriter, r *http.Request, n int) bool {
			from, to := span(r)
			to = min(to, from+33_000)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/*", from, to-1))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(f.files[name][from:to])
			return true
		}},
		{"416 once", func(f *fake, w http.ResponseWriter, r *http.Request, n int) bool {
			if n == 3 {
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			}
			return n == 3
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.before = func(w http.ResponseWriter, r *http.Request, place string, n int) bool {
				return place == "cdn" && c.fault(f, w, r, n)
			}
			folder := filepath.Join(t.TempDir(), "m")
			var last Event
			_, err := f.pull(f.client(func(o *Options) { o.Attempts = 5 }), folder, func(q *Request) { q.Tell = func(e Event) { last = e } })
			if err != nil {
				t.Fatal(err)
			}
			f.check(folder, wantNames)
			if last.Done != last.Total {
				t.Errorf("the count ends at %d of %d", last.Done, last.Total)
			}
		})
	}
}

// TestPullFails meets what no retry helps against: the right error with a hint, no folder, and no secret in the text.
func TestPullFails(t *testing.T) {
	code := func(n int, header ...string) func(*fake) {
		return func(f *fake) {
			f.before = func(w http.ResponseWriter, _ *http.Request, _ string, _ int) bool {
				for i := 0; i+1 < len(header); i += 2 {
					w.Header().Set(header[i], header[i+1])
				}
				w.WriteHeader(n)
				return true
			}
		}
	}
	at := func(place, suffix string, answer func(w http.ResponseWriter, r *http.Request)) func(*fake) {
		return func(f *fake) {
			f.before = func(w http.ResponseWriter, r *http.Request, p string, _ int) bool {
				hit := p == place && strings.HasSuffix(r.URL.Path, suffix)
				if hit {
					answer(w, r)
				}
				return hit
			}
		}
	}
	text := func(s string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
	}
	tree := "/tree/" + testCommit
	entry := func(name string) string {
		return fmt.Sprintf(`[{"type":"file","path":%q,"size":2,"oid":%q},{"type":"file","path":"model.safetensors","size":1,"oid":%q}]`, name, strings.Repeat("0", 40), strings.Repeat("0", 40))
	}
	all := func(q *Request) { q.Include = []string{"*"} }
	for _, c := range []struct {
		name string
		set  func(*fake)
		req  func(*Request)
		opt  func(*Options)
		want error
		text string // of error or hint
	}{
		{name: "401", set: code(401), want: ErrDenied, text: "HF_TOKEN"},
		{name: "403", set: code(403), want: ErrDenied, text: "licence"},
		{name: "gated", set: code(403, "X-Error-Code", "GatedRepo"), want: ErrDenied, text: "accept the licence"},
		{name: "404", set: code(404), want: ErrNotFound, text: "spelling"},
		{name: "401 for an unknown model", set: code(401, "X-Error-Code", "RepoNotFound"), want: ErrNotFound, text: "spelling"},
		{name: "no revision", set: code(404, "X-Error-Code", "RevisionNotFound"), want: ErrNotFound, text: "main is the usual branch"},
		{name: "418", set: code(418), want: ErrProtocol},
		{name: "500 for ever", set: code(500), want: ErrOffline, text: "after 4 attempts"},
		{name: "429 for ever", set: code(429), want: ErrThrottled, text: "HF_TOKEN"},
		{name: "429 for an hour", set: code(429, "Retry-After", "3600"), want: ErrThrottled, text: "1h0m0s"},
		{name: "file denied", set: at("home", "tokenizer.json", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }), want: ErrDenied, text: "tokenizer.json"},
		{name: "file gone", set: at("home", "tokenizer.json", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }), want: ErrNotFound},
		{name: "no JSON", set: at("home", "/main", text("<html>")), want: ErrProtocol},
		{name: "no commit", set: at("home", "/main", text(`{"sha":"main"}`)), want: ErrProtocol},
		{name: "endless JSON", set: at("home", "/main", func(w http.ResponseWriter, _ *http.Request) {
			block := bytes.Repeat([]byte(" "), 1<<20)
			for range 64 {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}), want: ErrTooLarge},
		{name: "compressed endless JSON", set: at("home", "/main", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			block := bytes.Repeat([]byte(" "), 1<<20)
			for range 64 {
				if _, err := z.Write(block); err != nil {
					return
				}
			}
			_ = z.Close()
		}), want: ErrTooLarge},
		{name: "brotli", set: at("home", "/main", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Encoding", "br") }), want: ErrProtocol},
		{name: "endless pages", set: at("home", tree, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", `<?again>; rel="next"`)
			_, _ = io.WriteString(w, "[]")
		}), want: ErrTooLarge},
		{name: "a page elsewhere", set: at("home", tree, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", `<https://elsewhere.example/x>; rel="next"`)
			_, _ = io.WriteString(w, "[]")
		}), want: ErrProtocol},
		{name: "no weights", set: at("home", tree, text(`[{"type":"file","path":"config.json","size":2}]`)), want: ErrNoFiles},
		{name: "only pickles", set: func(f *fake) { delete(f.files, "model.safetensors") }, want: ErrNoFiles, text: "pickles"},
		{name: "only GGUF", set: func(f *fake) { delete(f.files, "model.safetensors"); f.files["x-Q8_0.gguf"] = []byte("x") }, want: ErrNoFiles, text: "--include x-Q8_0.gguf"},
		{name: "nothing matches", req: func(q *Request) { q.Include = []string{"*.onnx"} }, want: ErrNoFiles, text: "*.onnx"},
		{name: "traversal", set: at("home", tree, text(entry("../../etc/passwd"))), req: all, want: ErrUnsafeName},
		{name: "absolute", set: at("home", tree, text(entry("/etc/passwd"))), req: all, want: ErrUnsafeName},
		{name: "backslash", set: at("home", tree, text(entry(`..\\x`))), req: all, want: ErrUnsafeName},
		{name: "the record", set: at("home", tree, text(entry(manifestName))), req: all, want: ErrUnsafeName},
		{name: "overlong", set: at("home", tree, text(entry(strings.Repeat("x", 300)))), req: all, want: ErrUnsafeName},
		{name: "same name", set: at("home", tree, text(entry("Model.safetensors"))), req: all, want: ErrUnsafeName},
		{name: "file and folder", set: at("home", tree, text(entry("model.safetensors/x"))), req: all, want: ErrUnsafeName},
		{name: "too large", opt: func(o *Options) { o.MaxBytes = 100_000 }, want: ErrTooLarge, text: "--max-gib"},
		{name: "sizes that overflow", set: at("home", tree, text(strings.ReplaceAll(entry("config.json"), `"size":2`, `"size":9223372036854775807`))), want: ErrTooLarge},
		{name: "unknown size that is too large", set: func(f *fake) {
			f.noTree, f.noTags = true, true
			f.before = func(w http.ResponseWriter, r *http.Request, place string, _ int) bool {
				if place == "cdn" && r.Method == http.MethodHead {
					w.(http.Flusher).Flush()
					return true
				}
				if place == "cdn" {
					for range 10 {
						_, _ = w.Write(make([]byte, 1<<20))
					}
					return true
				}
				return false
			}
		}, opt: func(o *Options) { o.MaxBytes = 5 << 20 }, want: ErrTooLarge},
		{name: "wrong checksum", set: at("cdn", "", func(w http.ResponseWriter, r *http.Request) {
			from, to := 0, 0
			_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, minChunk*11/2))
			w.WriteHeader(206)
			_, _ = w.Write(make([]byte, to-from+1))
		}), want: ErrChecksum, text: "HF_ENDPOINT"},
		{name: "wrong checksum of a small file", set: at("home", "resolve/"+testCommit+"/config.json", text(`{"model_type":"qwenX"}`)), want: ErrChecksum},
		{name: "another file at the endpoint", set: func(f *fake) {
			f.before = func(w http.ResponseWriter, r *http.Request, place string, _ int) bool {
				if place == "home" && strings.HasSuffix(r.URL.Path, "model.safetensors") {
					w.Header().Set("X-Linked-Etag", `"`+strings.Repeat("a", 64)+`"`)
					w.Header().Set("Location", f.cdn.URL+"/store/model.safetensors")
					w.WriteHeader(302)
					return true
				}
				return false
			}
		}, want: ErrChecksum},
		{name: "another commit", set: func(f *fake) {
			f.before = func(w http.ResponseWriter, r *http.Request, place string, _ int) bool {
				if place == "home" && strings.Contains(r.URL.Path, "/resolve/") {
					w.Header().Set("X-Repo-Commit", otherCommit)
				}
				return false
			}
			f.noTags = true
		}, want: ErrProtocol},
		{name: "other bytes than asked for", set: at("cdn", "", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 5-10/360448")
			w.WriteHeader(206)
		}), want: ErrProtocol},
		{name: "redirects in a ring", set: at("home", ".safetensors", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }), want: ErrProtocol, text: "more than 8"},
		{name: "redirect to a file", set: at("home", ".safetensors", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(302)
		}), want: ErrProtocol},
		{name: "redirect to nowhere", set: at("home", ".safetensors", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(302) }), want: ErrProtocol},
		{name: "a shard is missing", set: func(f *fake) {
			delete(f.files, "model.safetensors")
			f.files["model-00001-of-00002.safetensors"] = []byte("one")
			f.files[indexName] = []byte(`{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}`)
		}, want: ErrNoFiles, text: "model-00002-of-00002.safetensors"},
		{name: "the index is none", set: func(f *fake) { f.files[indexName] = []byte("[]") }, want: ErrProtocol},
		{name: "stalled for ever", set: at("cdn", "", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(206)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}), opt: func(o *Options) { o.Stall = 50 * time.Millisecond }, want: ErrProtocol},
		{name: "stalled before the answer for ever", set: at("cdn", "", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), opt: func(o *Options) { o.Stall = 50 * time.Millisecond }, want: ErrStalled},
		{name: "more than the file has", set: func(f *fake) {
			f.before = func(w http.ResponseWriter, r *http.Request, place string, _ int) bool {
				if strings.HasSuffix(r.URL.Path, "/config.json") {
					_, _ = w.Write(make([]byte, 1000))
					return true
				}
				return false
			}
		}, want: ErrChecksum},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			if c.set != nil {
				c.set(f)
			}
			folder := filepath.Join(t.TempDir(), "m")
			_, err := f.pull(f.client(c.opt), folder, c.req)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			told := err.Error()
			if !strings.HasPrefix(told, "couldn't ") || strings.Contains(told, "\n") {
				t.Errorf("form: %q", told)
			}
			var h interface{ Hint() string }
			if errors.As(err, &h) {
				told += "\n" + h.Hint()
			}
			secretless(t, told)
			if !strings.Contains(told, c.text) {
				t.Errorf("%q lacks %q", told, c.text)
			}
			absent(t, folder)
			for _, s := range f.requests("cdn", "") {
				if s.authorization != "" {
					t.Error("the other host got the token")
				}
			}
			// No lock is left behind.
			f.answerWith(nil)
			if s, err := openStaging(folder); err != nil {
				t.Error(err)
			} else {
				_ = s.remove()
			}
		})
	}
}

// TestPullChanges changes a file that is known by its entity tag only, between two of its ranges.
func TestPullChanges(t *testing.T) {
	for _, c := range []struct {
		name  string
		times int
		want  error
	}{{"once", 1, nil}, {"always", 1 << 30, ErrChecksum}} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.noTree, f.noTags = true, true
			f.large = func(string) bool { return false }
			changes := 0
			f.before = func(w http.ResponseWriter, r *http.Request, _ string, n int) bool {
				if !strings.HasSuffix(r.URL.Path, ".safetensors") || r.Method != http.MethodGet {
					return false
				}
				f.mu.Lock()
				defer f.mu.Unlock()
				if n%3 == 2 && changes < c.times {
					changes++
					f.files["model.safetensors"] = weights(minChunk*11/2, uint64(100+changes))
				}
				w.Header().Set("Etag", fmt.Sprintf(`"v%d"`, changes))
				return false
			}
			folder := filepath.Join(t.TempDir(), "m")
			_, err := f.pull(f.client(func(o *Options) { o.Parallel = 1 }), folder, nil)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if c.want == nil {
				f.check(folder, wantNames)
			} else {
				absent(t, folder)
			}
		})
	}
}

// TestTokenStaysHome follows a redirect away and back: the token doesn't come back with it.
func TestTokenStaysHome(t *testing.T) {
	f := newFake(t)
	f.before = func(w http.ResponseWriter, r *http.Request, place string, n int) bool {
		if place == "cdn" {
			http.Redirect(w, r, f.home.URL+"/elsewhere/back-"+"config.json", http.StatusFound)
			return true
		}
		if strings.HasPrefix(r.URL.Path, "/elsewhere/back-") {
			f.content(w, r, "model.safetensors")
			return true
		}
		return false
	}
	folder := filepath.Join(t.TempDir(), "m")
	if _, err := f.pull(f.client(nil), folder, nil); err != nil {
		t.Fatal(err)
	}
	back := f.requests("home", "back-config.json")
	if len(back) == 0 {
		t.Fatal("nothing came back")
	}
	for _, s := range back {
		if s.authorization != "" {
			t.Error("a redirect from elsewhere got the token")
		}
	}
	b, err := os.ReadFile(filepath.Join(folder, manifestName))
	if err != nil {
		t.Fatal(err)
	}
	secretless(t, string(b))
}
