package cpython

import (
	"compress/gzip"
	"io"
	"os"
	"testing"
)

// corpus reads what testdata/corpus.py recorded from CPython 3.12. It is read with ParseJSON, because it holds lone surrogates.
func corpus(t *testing.T) Value {
	t.Helper()
	f, err := os.Open("testdata/corpus.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	v, err := ParseJSON(b, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// entry is one case of the corpus; its accessors fail the test when the case has another form.
type entry struct {
	t *testing.T
	v Value
}

func (e entry) get(key string) Value {
	e.t.Helper()
	v, ok := e.v.Get(key)
	if !ok {
		e.t.Fatalf("no %s in %s", key, e.v)
	}
	return v
}

func (e entry) text(key string) string {
	e.t.Helper()
	s, ok := e.get(key).Text()
	if !ok {
		e.t.Fatalf("%s is no text in %s", key, e.v)
	}
	return s
}

func entries(t *testing.T, key string) []entry {
	t.Helper()
	list := entry{t, corpus(t)}.get(key).Elements()
	if len(list) == 0 {
		t.Fatalf("the corpus has no %s", key)
	}
	out := make([]entry, len(list))
	for i, v := range list {
		out[i] = entry{t, v}
	}
	return out
}

func TestCorpusDocuments(t *testing.T) {
	read, all := 0, entries(t, "documents")
	for _, e := range all {
		text, want := e.text("text"), e.get("layouts").Elements()
		v, err := ParseJSON([]byte(text), Limits{})
		if (err == nil) != (want != nil) {
			t.Errorf("%q: got %v, %v, CPython %v", text, v, err, want)
		}
		if err != nil || want == nil {
			continue
		}
		read++
		for i, got := range []string{string(v.AppendCompactSorted(nil)), string(v.AppendCompact(nil)), string(v.AppendDefault(nil))} {
			if w, _ := want[i].Text(); got != w {
				t.Errorf("%q in layout %d: got %s, want %s", text, i, got, w)
			}
		}
	}
	t.Logf("%d documents, %d of them valid", len(all), read)
}

func TestCorpusNumbers(t *testing.T) {
	all := entries(t, "numbers")
	for _, e := range all {
		text := e.text("text")
		n, err := ParseInt(text)
		if want, ok := e.get("int").Text(); ok != (err == nil) || ok && n.String() != want {
			t.Errorf("int(%q): got %v, %v, want %s", text, n, err, e.get("int"))
		}
		f, err := ParseFloat(text)
		if want, ok := e.get("float").Text(); ok != (err == nil) || ok && !sameFloat(f, parseHex(t, want)) {
			t.Errorf("float(%q): got %v, %v, want %s", text, f, err, e.get("float"))
		}
	}
	t.Logf("%d numbers", len(all))
}

func TestCorpusSums(t *testing.T) {
	all := entries(t, "sums")
	for _, e := range all {
		var xs []float64
		for _, x := range e.get("values").Elements() {
			s, _ := x.Text()
			xs = append(xs, parseHex(t, s))
		}
		if got, want := Sum(xs), parseHex(t, e.text("sum")); !sameFloat(got, want) {
			t.Errorf("sum of %v: got %x, want %x", xs, got, want)
		}
	}
	t.Logf("%d sums", len(all))
}

func TestCorpusTags(t *testing.T) {
	found, all := 0, entries(t, "tags")
	for _, e := range all {
		text, tag := e.text("text"), e.text("tag")
		want := [2]int{}
		for i, x := range e.get("span").Elements() {
			n, _ := x.Int64()
			want[i] = int(n)
		}
		start, end := IndexFold(text, tag)
		if start >= 0 {
			found++
			start, end = RuneCount(text[:start]), RuneCount(text[:end])
		}
		if [2]int{start, end} != want {
			t.Errorf("%q in %q: got %d, %d, want %v", tag, text, start, end, want)
		}
		if lower, _ := e.get("lower").Bool(); ContainsLower(text, tag) != lower {
			t.Errorf("%q in %q: lower-cased, CPython says %v", tag, text, lower)
		}
	}
	t.Logf("%d tags, %d of them found", len(all), found)
}
