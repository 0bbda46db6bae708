package datasets

import (
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	pq "github.com/parquet-go/parquet-go"

	"github.com/nanteos/nanteos/internal/hub"
	"github.com/nanteos/nanteos/task/dataset"
)

// endpoint is a Hugging Face endpoint with one dataset, which the tests change as they go.
type endpoint struct {
	*httptest.Server
	id string

	mu        sync.Mutex
	revisions map[string]string            // name of a revision to its commit
	commits   map[string]map[string][]byte // files by commit
	asked     []string                     // paths of files that were fetched
	broken    func(w http.ResponseWriter, name string) bool
}

func newEndpoint(t testing.TB, env string) *endpoint {
	t.Helper()
	spec, err := dataset.SpecOf(env)
	if err != nil {
		t.Fatal(err)
	}
	e := &endpoint{id: spec.Repository, revisions: map[string]string{}, commits: map[string]map[string][]byte{}}
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

// commit puts files at a revision and returns the commit's name.
func (e *endpoint) commit(revision string, files map[string][]byte) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := fmt.Sprintf("%040x", len(e.commits)+1)
	e.revisions[revision], e.revisions[c], e.commits[c] = c, c, files
	return c
}

// breaks sets what happens to transfers; it is called with the endpoint locked.
func (e *endpoint) breaks(f func(w http.ResponseWriter, name string) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.broken = f
}

func (e *endpoint) fetched() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := e.asked
	e.asked = nil
	return out
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, _ := url.PathUnescape(r.URL.EscapedPath())
	if name, ok := strings.CutPrefix(p, "/api/datasets/"+e.id+"/revision/"); ok {
		c, ok := e.revisions[name]
		if !ok {
			w.Header().Set("X-Error-Code", "RevisionNotFound")
			http.Error(w, "", http.StatusNotFound)
			return
		}
		fmt.Fprintf(w, `{"sha":%q,"siblings":[]}`, c)
		return
	}
	if c, ok := strings.CutPrefix(p, "/api/datasets/"+e.id+"/tree/"); ok {
		var all []any
		for name, b := range e.commits[c] {
			entry := map[string]any{"type": "file", "path": name, "size": len(b), "oid": fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(b), b)))}
			if strings.HasSuffix(name, ".parquet") {
				entry["lfs"] = map[string]any{"oid": fmt.Sprintf("%x", sha256.Sum256(b)), "size": len(b)}
			}
			all = append(all, entry)
		}
		_ = json.NewEncoder(w).Encode(all)
		return
	}
	rest, ok := strings.CutPrefix(p, "/datasets/"+e.id+"/resolve/")
	c, name, _ := strings.Cut(rest, "/")
	b, found := e.commits[c][name]
	if !ok || !found {
		http.NotFound(w, r)
		return
	}
	e.asked = append(e.asked, name)
	if e.broken != nil && e.broken(w, name) {
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
}

func (e *endpoint) client(t testing.TB) *hub.Client {
	t.Helper()
	c, err := hub.New(hub.Options{Endpoint: e.URL, Attempts: 2})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// parquetOf writes rows with their columns as pyarrow would: all optional, lists in three levels.
func parquetOf(t testing.TB, spec dataset.Spec, rows []dataset.Row) []byte {
	t.Helper()
	group := pq.Group{}
	for _, c := range spec.Columns {
		switch c.Kind {
		case dataset.Text:
			group[c.Name] = pq.Optional(pq.Encoded(pq.String(), &pq.Plain))
		case dataset.Int:
			group[c.Name] = pq.Optional(pq.Encoded(pq.Int(32), &pq.Plain))
		case dataset.Texts:
			group[c.Name] = pq.Optional(pq.List(pq.Optional(pq.Encoded(pq.String(), &pq.RLEDictionary))))
		}
	}
	var b bytes.Buffer
	schema := pq.NewSchema("rows", group)
	w := pq.NewGenericWriter[map[string]any](&b, schema, pq.Compression(&pq.Snappy), pq.DataPageVersion(1))
	for _, r := range rows {
		m := map[string]any{}
		for k, v := range r {
			if n, ok := v.(int64); ok {
				v = int32(n)
			}
			m[k] = v
		}
		if _, err := w.Write([]map[string]any{m}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func linesOf(t testing.TB, rows []dataset.Row) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	for _, r := range rows {
		if err := e.Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func zipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// sample is the sample of an environment with its spec and tables.
func sample(t testing.TB, env string) (dataset.Spec, *dataset.Set, map[string][]dataset.Row) {
	t.Helper()
	spec, err := dataset.SpecOf(env)
	if err != nil {
		t.Fatal(err)
	}
	set, err := dataset.Sample(env)
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string][]dataset.Row{}
	for _, table := range spec.Tables {
		tables[table.Name], _ = set.Table(table.Name)
	}
	return spec, set, tables
}

// write puts files into a folder and returns their names.
func write(t testing.TB, dir string, files map[string][]byte) (names []string) {
	t.Helper()
	for name, b := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}
