package main

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nanteos/nanteos/internal/config"
	"github.com/nanteos/nanteos/internal/hub"
)

// endpoint is a small Hugging Face endpoint: org/good has a model, org/gated wants the token "sesame", org/wrong gives other bytes than it says, and
// nothing else exists.
func endpoint(t *testing.T) *httptest.Server {
	t.Helper()
	const commit = "0123456789abcdef0123456789abcdef01234567"
	files := map[string]string{"config.json": `{"model_type":"qwen3"}`, "tokenizer.json": "{}", "model.safetensors": strings.Repeat("weights ", 1000), "name-Q8_0.gguf": "GGUF"}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, rest := "", ""
		if p, ok := strings.CutPrefix(r.URL.Path, "/api/models/"); ok {
			id, rest, _ = cutAt(p, "/revision/", "/tree/")
		} else {
			id, rest, _ = cutAt(r.URL.Path[1:], "/resolve/")
		}
		if id == "org/gated" && r.Header.Get("Authorization") != "Bearer sesame" {
			w.Header().Set("X-Error-Code", "GatedRepo")
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if id != "org/good" && id != "org/gated" && id != "org/wrong" {
			w.Header().Set("X-Error-Code", "RepoNotFound")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		name, found := strings.CutPrefix(rest, commit+"/")
		switch text, ok := files[name]; {
		case strings.Contains(r.URL.Path, "/revision/"):
			fmt.Fprintf(w, `{"id":%q,"sha":%q,"siblings":[]}`, id, commit)
		case strings.Contains(r.URL.Path, "/tree/"):
			var entries []string
			for n, b := range files {
				entries = append(entries, fmt.Sprintf(`{"type":"file","path":%q,"size":%d,"oid":"%x"}`, n, len(b), sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(b), b))))
			}
			fmt.Fprintf(w, "[%s]", strings.Join(entries, ","))
		case !found || !ok:
			http.NotFound(w, r)
		case id == "org/wrong":
			fmt.Fprint(w, strings.ToUpper(text))
		default:
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(text))
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// cutAt cuts at the first separator that the text has.
func cutAt(s string, separators ...string) (before, after string, found bool) {
	for _, sep := range separators {
		if before, after, found = strings.Cut(s, sep); found {
			return before, after, true
		}
	}
	return s, "", false
}

// TestPullScripts runs the contract of model pull against a local endpoint.
func TestPullScripts(t *testing.T) {
	s := endpoint(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/pull",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HF_ENDPOINT", s.URL)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "plain": plain},
	})
}

func TestHubToken(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("hf_file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		env  config.Config
		want hub.Token
	}{
		{"nothing", config.Config{}, ""},
		{"variable", config.Config{HFToken: "hf_variable", HFHome: dir}, "hf_variable"},
		{"file", config.Config{HFHome: dir}, "hf_file"},
		{"file for the usual address", config.Config{HFHome: dir, HFEndpoint: hub.DefaultEndpoint + "/"}, "hf_file"},
		{"file is not for mirrors", config.Config{HFHome: dir, HFEndpoint: "https://mirror.example"}, ""},
		{"variable is", config.Config{HFToken: "hf_variable", HFEndpoint: "https://mirror.example"}, "hf_variable"},
		{"no file", config.Config{HFHome: filepath.Join(dir, "none")}, ""},
	} {
		if got, err := hubToken(c.env); err != nil || string(got) != string(c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := hubToken(config.Config{HFHome: filepath.Join(dir, "token")}); err == nil {
		t.Error("a file as HF_HOME is accepted")
	}
}

// TestPullView holds what a terminal and what a file gets, with a clock of its own.
func TestPullView(t *testing.T) {
	events := []hub.Event{
		{Event: "resolved", Model: "a/b", Commit: "0123456789abcdef", Files: 2, Total: 4_000_000_000},
		{Event: "kept", File: "config.json", Size: 999, Done: 999, Total: 4_000_000_000},
		{Event: "progress", Done: 1_000_000_000, Total: 4_000_000_000},
		{Event: "retry", File: "x\x1b[2J", Reason: "unreachable", WaitMS: 1234},
		{Event: "progress", Done: 2_000_000_000, Total: 4_000_000_000},
		{Event: "progress", Done: 4_000_000_000, Total: 4_000_000_000},
		{Event: "verified", File: "model.safetensors", Size: 4_000_000_000},
		{Event: "done", Folder: "b", Files: 2, Done: 4_000_000_000, Unverified: []string{"config.json"}},
	}
	show := func(t terminal, asJSON bool) (*pullView, func()) {
		v := newPullView(t, asJSON)
		now := time.Unix(0, 0)
		v.now = func() time.Time { return now }
		return v, func() {
			for _, e := range events {
				v.tell(e)
				now = now.Add(10 * time.Second)
			}
		}
	}
	var plainText, live bytes.Buffer
	v, run := show(terminal{out: &plainText}, false)
	run()
	if err := v.end(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"a/b at commit 0123456789ab: 2 files, 4.0 GB\n", "have config.json, 999 B\n", " 25 %  1.0 GB of 4.0 GB, 50.0 MB/s, 1m0s left\n",
		`trying x\x1b[2J again in 1.2s: unreachable`, "100 %  4.0 GB, checking\n", "got model.safetensors, 4.0 GB\n", "the model is in b: 2 files, 4.0 GB\n", "note: the endpoint has no checksum for config.json\n",
	} {
		if !strings.Contains(plainText.String(), want) {
			t.Errorf("no %q in\n%s", want, plainText.String())
		}
	}
	if strings.ContainsAny(plainText.String(), "\r\x1b") {
		t.Errorf("a file gets control characters: %q", plainText.String())
	}
	v, run = show(terminal{out: &live, live: true}, false)
	run()
	if err := v.end(); err != nil {
		t.Fatal(err)
	}
	if s := live.String(); !strings.Contains(s, "\r["+strings.Repeat("#", 15)+strings.Repeat(".", 15)+"]  50 %") || !strings.HasSuffix(s, "config.json\n") {
		t.Errorf("the bar: %q", s)
	}
	v, run = show(terminal{out: failing{}}, true)
	run()
	if err := v.end(); !errors.Is(err, errFull) {
		t.Errorf("a failed write: %v", err)
	}
}

var errFull = errors.New("full")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 1_503_300_328: "1.5 GB", 2_000_000_000_000: "2.0 TB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestFitted(t *testing.T) {
	none := terminal{out: &bytes.Buffer{}} // 100 columns
	for _, c := range []struct{ in, out int }{{0, 0}, {99, 99}, {100, 99}, {300, 99}} {
		if got := len(fitted(none, strings.Repeat("x", c.in))); got != c.out {
			t.Errorf("%d columns of %d", got, c.in)
		}
	}
}

func TestUnsigned(t *testing.T) {
	for v, want := range map[float64]string{-1e-9: "0.000", -0.0004: "0.000", 0.0004: "0.000", -0.002: "-0.002", 0.5: "0.500"} {
		if got := fmt.Sprintf("%.3f", unsigned(v)); got != want {
			t.Errorf("%g is shown as %s", v, got)
		}
	}
}
