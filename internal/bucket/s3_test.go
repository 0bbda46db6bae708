package bucket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeStore is an S3 store without a network, whose answers a test spoils. It knows single uploads, downloads and HEAD.
type fakeStore struct {
	mu      sync.Mutex
	objects map[string]stored
	log     []string
	// spoil sees each request before (r == nil) and after the store has handled it, and may answer instead.
	spoil func(n int, req *http.Request, r *http.Response) (*http.Response, error)
}

type stored struct {
	body []byte
	sum  string
	time time.Time
}

func reply(status int, body string, header ...string) *http.Response {
	r := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), ProtoMajor: 1, ProtoMinor: 1}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func refuse(status int, code string) *http.Response {
	return reply(status, "<Error><Code>"+code+"</Code><Message>no</Message></Error>", "Content-Type", "application/xml")
}

func (f *fakeStore) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	f.mu.Lock()
	n := len(f.log)
	f.log = append(f.log, req.Method+" "+req.URL.Path)
	f.mu.Unlock()
	if f.spoil != nil {
		if r, err := f.spoil(n, req, nil); r != nil || err != nil {
			return r, err
		}
	}
	r := f.handle(req, body)
	if f.spoil != nil {
		return f.spoil(n, req, r)
	}
	return r, nil
}

func (f *fakeStore) handle(req *http.Request, body []byte) *http.Response {
	f.mu.Lock()
	defer f.mu.Unlock()
	if req.Header.Get("Authorization") == "" {
		return refuse(403, "AccessDenied")
	}
	o, ok := f.objects[req.URL.Path]
	switch req.Method {
	case http.MethodPut:
		if ok && req.Header.Get("If-None-Match") == "*" {
			return refuse(412, "PreconditionFailed")
		}
		sum := sha256.Sum256(body)
		if want := req.Header.Get("X-Amz-Content-Sha256"); want != hex.EncodeToString(sum[:]) {
			return refuse(400, "XAmzContentSHA256Mismatch")
		}
		f.objects[req.URL.Path] = stored{body, req.Header.Get("X-Amz-Meta-Nanteos-Sha256"), time.Now()}
		return reply(200, "", "ETag", `"e"`)
	case http.MethodDelete:
		delete(f.objects, req.URL.Path)
		return reply(204, "")
	}
	if !ok {
		return refuse(404, "NoSuchKey")
	}
	header := []string{"ETag", `"` + o.sum[:32] + `"`, "Last-Modified", o.time.UTC().Format(http.TimeFormat), "X-Amz-Meta-Nanteos-Sha256", o.sum}
	status, out := 200, o.body
	if rng, ok := strings.CutPrefix(req.Header.Get("Range"), "bytes="); ok {
		a, b, _ := strings.Cut(rng, "-")
		from, _ := strconv.Atoi(a)
		to, _ := strconv.Atoi(b)
		if from >= len(out) {
			return refuse(416, "InvalidRange")
		}
		out = out[from:min(to+1, len(out))]
		status = 206
		header = append(header, "Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, from+len(out)-1, len(o.body)))
	}
	if m := req.Header.Get("If-Match"); m != "" && strings.Trim(m, `"`) != o.sum[:32] {
		return refuse(412, "PreconditionFailed")
	}
	header = append(header, "Content-Length", strconv.Itoa(len(out)))
	r := reply(status, string(out), header...)
	if req.Method == http.MethodHead {
		r.Body = http.NoBody
	}
	return r
}

func (f *fakeStore) count(method string) (n int) {
	for _, l := range f.log {
		if strings.HasPrefix(l, method+" ") {
			n++
		}
	}
	return n
}

func newFake(t *testing.T) (*fakeStore, *S3) {
	t.Helper()
	f := &fakeStore{objects: map[string]stored{}}
	s, err := NewS3(S3Config{Endpoint: "https://store.test", Bucket: "bkt", AccessKeyID: "id", SecretAccessKey: "secret", PathStyle: true, Transport: f})
	if err != nil {
		t.Fatal(err)
	}
	s.random = func() float64 { return 0.5 }
	return f, s
}

// TestPutFaults crosses uploads with everything that can happen to their requests.
func TestPutFaults(t *testing.T) {
	broken := errors.New("connection reset")
	down := func() (*http.Response, error) { return nil, broken }
	busy := func() (*http.Response, error) { return refuse(503, "SlowDown"), nil }
	denied := func() (*http.Response, error) { return refuse(403, "AccessDenied"), nil }
	type answer = func() (*http.Response, error)
	// faults of the PUT requests in turn: before = the store never saw it, after = it was stored and the answer was lost
	for _, c := range []struct {
		name          string
		before, after []answer
		ifNoneMatch   bool
		want          error // nil: success
		stored        bool
		puts          int
		took          time.Duration
	}{
		{name: "works", stored: true, puts: 1},
		{name: "failed once", before: []answer{down}, stored: true, puts: 2, took: time.Second},
		{name: "failed twice", before: []answer{down, down}, stored: true, puts: 3, took: 3 * time.Second},
		{name: "failed thrice", before: []answer{down, down, down}, want: broken, puts: 3, took: 3 * time.Second},
		{name: "asked to slow down", before: []answer{busy, busy}, stored: true, puts: 3, took: 6 * time.Second},
		{name: "denied", before: []answer{denied}, want: ErrAccessDenied, puts: 1},
		{name: "persisted, answer lost", after: []answer{down}, stored: true, puts: 2, took: time.Second},
		{name: "persisted, all answers lost", after: []answer{down, down, down}, stored: true, puts: 3, took: 3 * time.Second},
		{name: "new: persisted, answer lost", after: []answer{down}, ifNoneMatch: true, stored: true, puts: 2, took: time.Second},
		{name: "new: persisted, all answers lost", after: []answer{down, down, down}, ifNoneMatch: true, stored: true, puts: 3, took: 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, s := newFake(t)
				put := -1
				f.spoil = func(_ int, req *http.Request, r *http.Response) (*http.Response, error) {
					if req.Method != http.MethodPut {
						return r, nil
					}
					if r == nil {
						put++
						if put < len(c.before) {
							return c.before[put]()
						}
						return nil, nil
					}
					if put < len(c.after) {
						return c.after[put]()
					}
					return r, nil
				}
				begin := time.Now()
				info, err := PutBytes(t.Context(), s, "k", []byte("body"), PutOptions{IfNoneMatch: c.ifNoneMatch})
				if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
					t.Errorf("error is %v, want %v", err, c.want)
				}
				if _, ok := f.objects["/bkt/k"]; ok != c.stored {
					t.Errorf("stored: %v", ok)
				}
				if err == nil && (info.Size != 4 || info.LastModified.IsZero()) {
					t.Errorf("info %+v", info)
				}
				if f.count("PUT") != c.puts {
					t.Errorf("%d uploads, want %d: %q", f.count("PUT"), c.puts, f.log)
				}
				// minio-go waits up to 200 ms after an attempt that failed, even after its last
				if took := time.Since(begin); took < c.took || took > c.took+time.Duration(c.puts)*200*time.Millisecond {
					t.Errorf("took %s, want %s", took, c.took)
				}
			})
		})
	}
}

func TestPutOfAnother(t *testing.T) {
	f, s := newFake(t)
	f.objects["/bkt/k"] = stored{body: []byte("theirs"), sum: strings.Repeat("f", 64)}
	_, err := PutBytes(t.Context(), s, "k", []byte("mine"), PutOptions{IfNoneMatch: true})
	wantIs(t, err, ErrExists)
	if string(f.objects["/bkt/k"].body) != "theirs" {
		t.Error("it was replaced")
	}
}

// TestRangeFaults: a range is whole and of the right version, or an error.
func TestRangeFaults(t *testing.T) {
	body := content(100)
	for _, c := range []struct {
		name  string
		spoil func(n int, r *http.Response) (*http.Response, error)
		want  error
		gets  int
	}{
		{"cut short once", func(n int, r *http.Response) (*http.Response, error) {
			if n == 0 {
				r.Body = io.NopCloser(bytes.NewReader(body[:7]))
			}
			return r, nil
		}, nil, 2},
		{"cut short always", func(_ int, r *http.Response) (*http.Response, error) {
			r.Body = io.NopCloser(bytes.NewReader(body[:7]))
			return r, nil
		}, ErrContent, 3},
		{"more than asked for", func(_ int, r *http.Response) (*http.Response, error) {
			r.Body = io.NopCloser(bytes.NewReader(append(body, body...)))
			return r, nil
		}, ErrContent, 3},
		{"range ignored", func(_ int, r *http.Response) (*http.Response, error) {
			r.Header.Del("Content-Range")
			return r, nil
		}, errors.ErrUnsupported, 3},
		{"other version", func(_ int, r *http.Response) (*http.Response, error) {
			r.Header.Set("ETag", `"other"`)
			return r, nil
		}, ErrChanged, 1},
		{"internal error once", func(n int, r *http.Response) (*http.Response, error) {
			if n == 0 {
				return refuse(500, "InternalError"), nil
			}
			return r, nil
		}, nil, 2},
		{"bad request", func(_ int, r *http.Response) (*http.Response, error) { return refuse(400, "InvalidRequest"), nil }, errors.ErrUnsupported, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, s := newFake(t)
				sum := strings.Repeat("a", 64)
				f.objects["/bkt/k"] = stored{body: body, sum: sum}
				f.spoil = func(n int, _ *http.Request, r *http.Response) (*http.Response, error) {
					if r == nil {
						return nil, nil
					}
					return c.spoil(n, r)
				}
				got, err := s.GetRange(t.Context(), "k", 10, 20, sum[:32])
				switch {
				case c.want == nil && (err != nil || !bytes.Equal(got, body[10:30])):
					t.Errorf("%d bytes, %v", len(got), err)
				case errors.Is(c.want, errors.ErrUnsupported) && err == nil: // any error
					t.Error("no error")
				case c.want != nil && !errors.Is(c.want, errors.ErrUnsupported):
					wantIs(t, err, c.want)
				}
				if f.count("GET") != c.gets {
					t.Errorf("%d requests, want %d", f.count("GET"), c.gets)
				}
			})
		})
	}
}

// silent is a body that gives some bytes and then nothing until it is closed.
type silent struct {
	ctx  context.Context
	give []byte
}

func (s *silent) Read(p []byte) (int, error) {
	if len(s.give) > 0 {
		n := copy(p, s.give)
		s.give = s.give[n:]
		return n, nil
	}
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}
func (s *silent) Close() error { return nil }

// TestSilence: no store can hold a caller for ever, whichever part of the answer it withholds.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := newFake(t)
		f.objects["/bkt/k"] = stored{body: content(100), sum: strings.Repeat("a", 64)}
		f.spoil = func(_ int, req *http.Request, r *http.Response) (*http.Response, error) {
			if r != nil && req.Method == http.MethodGet {
				r.Body = &silent{ctx: req.Context(), give: content(100)[:40]}
			}
			return r, nil
		}
		begin := time.Now()
		_, _, err := ReadAll(t.Context(), s, "k", 1000)
		wantIs(t, err, ErrContent)
		wantIs(t, err, context.DeadlineExceeded)
		if took := time.Since(begin); took != s.cfg.ReadTimeout {
			t.Errorf("a silent body held the caller %s", took)
		}
		f.spoil = func(_ int, req *http.Request, _ *http.Response) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		}
		begin = time.Now()
		_, err = s.Head(t.Context(), "k")
		wantIs(t, err, context.DeadlineExceeded)
		if took, most := time.Since(begin), 3*s.cfg.ReadTimeout+3*time.Second; took < most-time.Second || took > most+time.Second {
			t.Errorf("a silent store held the caller %s, not %s", took, most)
		}
		var e *Error
		if !errors.As(err, &e) || e.Attempts != 3 || e.Hint == "" {
			t.Errorf("%#v", e)
		}
		// the caller's own deadline comes first
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begin = time.Now()
		_, err = s.Head(ctx, "k")
		wantIs(t, err, context.DeadlineExceeded)
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("the call outlived its context: %s", took)
		}
	})
}

func TestBodyCutShort(t *testing.T) {
	f, s := newFake(t)
	f.objects["/bkt/k"] = stored{body: content(100), sum: strings.Repeat("a", 64)}
	f.spoil = func(_ int, _ *http.Request, r *http.Response) (*http.Response, error) {
		if r != nil {
			r.Body = io.NopCloser(bytes.NewReader(content(100)[:99]))
		}
		return r, nil
	}
	_, _, err := ReadAll(t.Context(), s, "k", 1000)
	wantIs(t, err, ErrContent)
}

func TestNewS3Refuses(t *testing.T) {
	for _, c := range []S3Config{
		{Endpoint: "", Bucket: "b"}, {Endpoint: "ftp://x", Bucket: "b"}, {Endpoint: "https://x/path", Bucket: "b"},
		{Endpoint: "https://user:pw@x", Bucket: "b"}, {Endpoint: "https://x?y=z", Bucket: "b"}, {Endpoint: "https://x"},
	} {
		if _, err := NewS3(c); err == nil {
			t.Errorf("%+v was accepted", c)
		} else if strings.Contains(err.Error(), "pw@") {
			t.Errorf("the error shows a password: %v", err)
		}
	}
}

func TestBackoffStaysInBounds(t *testing.T) {
	for range 1000 {
		a, throttled := rand.IntN(40), rand.IntN(2) == 0
		if d := backoff(a, throttled, rand.Float64()); d < 100*time.Millisecond || d > 75*time.Second {
			t.Errorf("attempt %d: %s", a, d)
		}
	}
}
