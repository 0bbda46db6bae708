package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/json"
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

	"github.com/nanteos/nanteos/internal/datasets"
	"github.com/nanteos/nanteos/task/dataset"
)

// dataEndpoint is a small Hugging Face endpoint that has our own samples for the public datasets: that of GSM8K is good, that of HumanEval wants the token
// "sesame", that of MBPP gives other bytes than it says, that of KernelBench lacks a level, and that of MATH has a wrong column.
func dataEndpoint(t *testing.T) *httptest.Server {
	t.Helper()
	const commit = "0123456789abcdef0123456789abcdef01234567"
	repos := map[string]map[string]string{}
	envs := map[string]string{}
	for _, env := range dataset.Envs() {
		spec, err := dataset.SpecOf(env)
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]string{"README.md": "about"}
		for name, text := range sampleFiles(t, env) {
			files[name] = text
		}
		switch env {
		case "math":
			files["algebra/train.jsonl"] = `{"question":"?"}` + "\n"
		case "triton_kernel":
			delete(files, "default/level_4.jsonl")
		}
		repos[spec.Repository], envs[spec.Repository] = files, env
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, api := strings.CutPrefix(r.URL.Path, "/api")
		id, rest, _ := cutAt(strings.TrimPrefix(p, "/datasets/"), "/revision/", "/tree/", "/resolve/")
		files, ok := repos[id]
		name, atCommit := strings.CutPrefix(rest, commit+"/")
		switch text, found := files[name]; {
		case !ok:
			http.NotFound(w, r)
		case envs[id] == "humaneval" && r.Header.Get("Authorization") != "Bearer sesame":
			w.Header().Set("X-Error-Code", "GatedRepo")
			w.WriteHeader(http.StatusForbidden)
		case api && strings.Contains(p, "/revision/") && (rest == "main" || rest == commit):
			fmt.Fprintf(w, `{"sha":%q}`, commit)
		case api && strings.Contains(p, "/revision/"):
			w.Header().Set("X-Error-Code", "RevisionNotFound")
			http.NotFound(w, r)
		case api:
			var entries []string
			for n, b := range files {
				entries = append(entries, fmt.Sprintf(`{"type":"file","path":%q,"size":%d,"oid":"%x"}`, n, len(b), sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(b), b))))
			}
			fmt.Fprintf(w, "[%s]", strings.Join(entries, ","))
		case !atCommit || !found:
			http.NotFound(w, r)
		case envs[id] == "mbpp":
			fmt.Fprint(w, strings.ToUpper(text))
		default:
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(text))
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// sampleFiles writes a sample as JSON Lines, each table in the file TABLE.jsonl.
func sampleFiles(t *testing.T, env string) map[string]string {
	t.Helper()
	set, err := dataset.Sample(env)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for name := range set.Sizes() {
		rows, err := set.Table(name)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		for _, r := range rows {
			if err := e.Encode(r); err != nil {
				t.Fatal(err)
			}
		}
		files[name+".jsonl"] = b.String()
	}
	return files
}

// TestDataScripts runs the contract of the commands about datasets against a local endpoint.
func TestDataScripts(t *testing.T) {
	s := dataEndpoint(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/data",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HF_ENDPOINT", s.URL)
			e.Setenv("NANTEOS_DATA_DIR", filepath.Join(e.WorkDir, "store"))
			set, err := dataset.Sample("gsm8k")
			if err != nil {
				return err
			}
			e.Setenv("DIGEST", set.Digest)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "field": field, "samples": func(ts *testscript.TestScript, _ bool, args []string) {
			for name, text := range sampleFiles(t, args[0]) {
				name = ts.MkAbs(filepath.Join(args[0], strings.ReplaceAll(name, "/", "-")))
				ts.Check(writeNew(name, text))
			}
		}},
	})
}

func TestDataText(t *testing.T) {
	i := datasets.Info{Env: "gsm8k", Title: "GSM8K", Digest: "d", Source: "a/b@\x1b[2J", Revision: "main", Commit: "c", Licence: "MIT", Attribution: "us",
		Rows: map[string]int{"main/train": 3, "main/test": 1}, Deviations: []string{"table main/test has 1 rows"}, Added: time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC), Unchanged: true}
	got := dataShowText([]datasets.Info{i, {Digest: "e", Source: "import of x"}})
	for _, want := range []string{"GSM8K for gsm8k\n", "rows       4: main/test 1, main/train 3\n", "main, as it was on 2026-11-22\n", "warning    table main/test has 1 rows: problems differ", "also       e from import of x\n", "it was here already"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "\x1b") {
		t.Error("foreign text reaches the terminal")
	}
	i.Rows = map[string]int{"1": 1, "2": 1, "3": 1, "4": 1, "5": 1, "6": 1, "7": 1}
	if got := rowsText(i); got != "7 in 7 tables" {
		t.Error(got)
	}
}

// writeNew writes a file in a folder that needn't exist.
func writeNew(name, text string) error {
	return errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644))
}
