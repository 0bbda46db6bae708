// Package vectortest finds and decodes the golden vectors that the tests of nanteos hold themselves to.
//
// A golden vector is a recorded input and output of the Python reference. The tests read the folder that the environment variable
// NANTEOS_VECTORS names, by default testdata/vectors at the root of the module, so that another set of the same form can be
// run without touching the code. A field that the test's types do not know fails the test: what is not compared is not covered.
package vectortest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Env is the variable that names another folder of vectors.
const Env = "NANTEOS_VECTORS"

// Path returns the path of the vector file rel (slash-separated, such as "grail/parquet/window_long.parquet").
// It skips the test when the folder does not hold the file.
func Path(t testing.TB, rel string) string {
	t.Helper()
	p := filepath.Join(root(t), filepath.FromSlash(rel))
	if _, err := os.Stat(p); err != nil {
		missing(t, rel, err)
	}
	return p
}

// Open returns the content of the vector file rel, which may lie there plain or gzipped with the suffix .gz.
// It skips the test when the folder named by NANTEOS_VECTORS lacks the file and fails it when the module's own set does.
func Open(t testing.TB, rel string) []byte {
	t.Helper()
	p := filepath.Join(root(t), filepath.FromSlash(rel))
	b, err := os.ReadFile(p)
	if err == nil {
		return b
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("couldn't read vectors: %v", err)
	}
	z, err := os.ReadFile(p + ".gz")
	if err != nil {
		missing(t, rel, err)
	}
	r, err := gzip.NewReader(bytes.NewReader(z))
	if err != nil {
		t.Fatalf("couldn't unpack %s.gz: %v", rel, err)
	}
	b, err = io.ReadAll(r)
	if err != nil {
		t.Fatalf("couldn't unpack %s.gz: %v", rel, err)
	}
	return b
}

// Decode reads the vector file rel into v and fails the test on a field that v does not have.
func Decode(t testing.TB, rel string, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(Open(t, rel)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("couldn't decode vectors %s: %v", rel, err)
	}
}

// Count logs how many cases of the vector file rel were compared and fails the test when there were none.
func Count(t testing.TB, rel string, n int) {
	t.Helper()
	if n == 0 {
		t.Fatalf("vectors %s: no cases compared", rel)
	}
	t.Logf("vectors %s: %d cases", rel, n)
}

func missing(t testing.TB, rel string, err error) {
	t.Helper()
	if dir := os.Getenv(Env); dir != "" {
		t.Skipf("%s lacks %s (set %s to a folder that has it, or unset it)", dir, rel, Env)
	}
	t.Fatalf("couldn't find vectors %s: %v", rel, err)
}

func root(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv(Env); dir != "" {
		if !filepath.IsAbs(dir) {
			return filepath.Join(moduleRoot(t), dir)
		}
		return dir
	}
	return filepath.Join(moduleRoot(t), "testdata", "vectors")
}

// moduleRoot walks up from the test's folder to the one with go.mod.
func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatalf("couldn't find the module: %v", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("couldn't find go.mod above the test's folder")
		}
		dir = up
	}
}
