package bucket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestServerRights goes through what each pair of keys may do in its own bucket and in another's.
func TestServerRights(t *testing.T) {
	ctx := t.Context()
	own, name, keys := newServed(t)
	other, otherName, otherKeys := newServed(t)
	mustPut(t, ctx, own, "grail/x", []byte("mine"))
	mustPut(t, ctx, other, "grail/x", []byte("theirs"))
	wrong := keys.Read
	wrong.SecretAccessKey = "0000"
	for _, c := range []struct {
		name        string
		bucket      string
		keys        Keys
		read, write bool
	}{
		{"own write key", name, keys.Write, true, true},
		{"own read key", name, keys.Read, true, false},
		{"peer's read key", otherName, otherKeys.Read, true, false},
		{"write key in another bucket", otherName, keys.Write, false, false},
		{"read key in another bucket", otherName, keys.Read, false, false},
		{"wrong secret", name, wrong, false, false},
		{"unknown key", name, newKeys(), false, false},
		{"no key", name, Keys{}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := served.server.Bucket(c.bucket, c.keys)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			allowed := func(op string, want bool, err error) {
				t.Helper()
				if want && err != nil || !want && !errors.Is(err, ErrAccessDenied) {
					t.Errorf("%s: allowed should be %v, error is %v", op, want, err)
				}
			}
			_, _, err = ReadAll(ctx, b, "grail/x", 100)
			allowed("get", c.read, err)
			_, err = b.GetRange(ctx, "grail/x", 0, 1, "")
			allowed("range", c.read, err)
			_, err = b.Head(ctx, "grail/x")
			allowed("head", c.read, err)
			_, err = ListAll(ctx, b, "", 10)
			allowed("list", c.read, err)
			_, err = PutBytes(ctx, b, "grail/y", []byte("z"), PutOptions{})
			allowed("put", c.write, err)
			allowed("delete", c.write, b.Delete(ctx, "grail/y"))
			if c.keys.AccessKeyID != "" {
				allowed("set policy", false, translate(b.core.PutBucketPolicy(ctx, c.bucket, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::`+c.bucket+`"}]}`)))
			}
		})
	}
	t.Run("a denial says what to do", func(t *testing.T) {
		b, err := served.server.Bucket(name, keys.Read)
		if err != nil {
			t.Fatal(err)
		}
		_, err = PutBytes(ctx, b, "grail/y", []byte("z"), PutOptions{})
		if err == nil || !strings.Contains(err.Error(), "writing needs the write pair") || !strings.HasPrefix(err.Error(), "couldn't put "+name+"/grail/y") {
			t.Errorf("error is %v", err)
		}
		if strings.Contains(err.Error(), string(keys.Read.SecretAccessKey)) {
			t.Error("the error shows the secret")
		}
	})
	t.Run("a request without signature gets nothing", func(t *testing.T) {
		resp, err := http.Get(served.server.Endpoint() + "/" + name + "/grail/x")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusForbidden || bytes.Contains(body, []byte("mine")) {
			t.Errorf("status %d, body %q", resp.StatusCode, body)
		}
	})
}

// TestServerKeepsTheWorkingDirectory: versitygw changes it; relative paths of the rest of the process must not suffer.
func TestServerKeepsTheWorkingDirectory(t *testing.T) {
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	b, _, _ := newServed(t)
	if after, _ := os.Getwd(); after != before {
		t.Fatalf("working directory is %s, was %s", after, before)
	}
	t.Chdir(t.TempDir()) // and the server must not depend on it
	mustPut(t, t.Context(), b, "a/b", []byte("x"))
	if got, _, err := ReadAll(t.Context(), b, "a/b", 10); err != nil || string(got) != "x" {
		t.Errorf("%q %v", got, err)
	}
	if entries, err := os.ReadDir("."); err != nil || len(entries) != 0 {
		t.Errorf("the server wrote into the working directory: %v %v", entries, err)
	}
}

// TestServerRestart: objects stay, keys are given anew, one server runs at a time, and what was there keeps its version and time.
func TestServerRestart(t *testing.T) {
	served.Lock()
	defer served.Unlock()
	if served.server != nil { // this test needs the process's only place
		if err := served.server.Close(); err != nil {
			t.Fatal(err)
		}
		os.RemoveAll(served.dir)
		served.server = nil
	}
	ctx, dir := t.Context(), filepath.Join(t.TempDir(), "store")
	name, keys := strings.Repeat("a", 32), NewBucketKeys()
	var first Info
	for run := range 3 {
		s, err := StartServer(ctx, ServerConfig{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := StartServer(ctx, ServerConfig{Dir: dir}); !errors.Is(err, ErrRunning) {
			t.Errorf("second server: %v", err)
		}
		old, err := s.Bucket(name, keys.Write)
		if err != nil {
			t.Fatal(err)
		}
		if run == 2 {
			keys = NewBucketKeys()
		}
		if err := s.CreateBucket(ctx, name, keys); err != nil {
			t.Fatal(err)
		}
		b, err := s.Bucket(name, keys.Write)
		if err != nil {
			t.Fatal(err)
		}
		if run == 0 {
			first = mustPut(t, ctx, b, "k", []byte("kept"))
		}
		if info, err := b.Head(ctx, "k"); err != nil || info != first {
			t.Errorf("run %d: %+v %v, was %+v", run, info, err, first)
		}
		if _, err := old.Head(ctx, "k"); run == 2 && !errors.Is(err, ErrAccessDenied) {
			t.Errorf("replaced keys still open the bucket: %v", err)
		}
		begin := time.Now()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil { // harmless
			t.Error(err)
		}
		if took := time.Since(begin); took > 4*time.Second {
			t.Errorf("closing took %s", took)
		}
		bounded, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		if _, err := b.Head(bounded, "k"); err == nil {
			t.Error("a closed server answers")
		}
		cancel()
		b.Close()
		old.Close()
	}
}

func TestServerRefuses(t *testing.T) {
	b, name, keys := newServed(t)
	keys.Read = keys.Write
	if err := served.server.CreateBucket(t.Context(), name, keys); err == nil {
		t.Error("one pair for reading and writing was accepted")
	}
	if err := served.server.CreateBucket(t.Context(), "UPPER/../x", NewBucketKeys()); err == nil {
		t.Error("a bad bucket name was accepted")
	}
	absent, err := served.server.Bucket(strings.Repeat("e", 32), keys.Write)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err = absent.Get(t.Context(), "k"); !errors.Is(err, ErrNoBucket) && !errors.Is(err, ErrAccessDenied) {
		t.Errorf("absent bucket: %v", err)
	}
	_ = b
}

// TestMultipart uploads more than 50 MiB, in parts.
func TestMultipart(t *testing.T) {
	if testing.Short() {
		t.Skip("60 MiB")
	}
	b, _, _ := newServed(t)
	body := content(60 << 20)
	info := mustPut(t, t.Context(), b, "big", body)
	if info.Size != int64(len(body)) || !strings.HasSuffix(info.ETag, "-2") {
		t.Errorf("%+v is not an object of two parts", info)
	}
	got, _, err := ReadAll(t.Context(), b, "big", 100<<20)
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("content differs: %d bytes, %v", len(got), err)
	}
	part, err := b.GetRange(t.Context(), "big", 50<<20-5, 10, info.ETag)
	if err != nil || !bytes.Equal(part, body[50<<20-5:50<<20+5]) {
		t.Errorf("range over the seam: %v", err)
	}
	_, err = PutBytes(t.Context(), b, "big", body[1:], PutOptions{IfNoneMatch: true})
	wantIs(t, err, ErrExists)
}
