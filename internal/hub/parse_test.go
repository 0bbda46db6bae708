package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
)

func TestParseReference(t *testing.T) {
	for _, c := range []struct {
		text string
		want Reference
	}{
		{"Qwen/Qwen3-0.6B", Reference{Org: "Qwen", Name: "Qwen3-0.6B", Revision: "main"}},
		{"a/b@v1.0", Reference{Org: "a", Name: "b", Revision: "v1.0"}},
		{"a/b@refs/pr/12", Reference{Org: "a", Name: "b", Revision: "refs/pr/12"}},
		{"a_b/c.d@" + testCommit, Reference{Org: "a_b", Name: "c.d", Revision: testCommit}},
	} {
		got, err := ParseReference(c.text)
		if err != nil || got != c.want || got.IsCommit() != (c.want.Revision == testCommit) {
			t.Errorf("%q: %v, %v", c.text, got, err)
		}
	}
	for _, text := range []string{"", "gpt2", "/", "a/", "/b", "a/b/c", "a/..", "../b", "a/b@", "a/b@../x", "a/b@/x", "a/b@x/", "a/b@x//y", "a/b@x y", "a b/c",
		"https://huggingface.co/a/b", "a/b\n", "a/b?x", "a/b#c", "a/%2e", "-a/b", "a/b@-x", "a--b/c", "a/b.git", strings.Repeat("a", 200) + "/b", "a/b@" + strings.Repeat("x", 300)} {
		if r, err := ParseReference(text); !errors.Is(err, ErrReference) {
			t.Errorf("%q: %v, %v", text, r, err)
		}
	}
}

func TestNew(t *testing.T) {
	for _, c := range []struct {
		endpoint string
		token    Token
		want     error
	}{
		{"", testToken, nil},
		{"https://mirror.example/hf/", testToken, nil},
		{"http://localhost:8080", testToken, nil},
		{"http://[::1]:8080", testToken, nil},
		{"http://mirror.example", "", nil},
		{"http://mirror.example", testToken, ErrEndpoint},
		{"huggingface.co", "", ErrEndpoint},
		{"ftp://huggingface.co", "", ErrEndpoint},
		{"https://me:hunter2@huggingface.co", "", ErrEndpoint},
		{"https://huggingface.co?x=hunter2", "", ErrEndpoint},
		{"https://hugging face.co", "", ErrEndpoint},
		{"https://", "", ErrEndpoint},
		{"", "hunter2\r\nX: y", ErrDenied},
		{"", Token(strings.Repeat("hunter2", 1000)), ErrDenied},
	} {
		_, err := New(Options{Endpoint: c.endpoint, Token: c.token})
		if !errors.Is(err, c.want) {
			t.Errorf("%q: %v, want %v", c.endpoint, err, c.want)
		}
		if err != nil {
			secretless(t, err.Error())
		}
	}
}

func TestTokenIsNeverTold(t *testing.T) {
	o := Options{Token: testToken}
	text, err := json.Marshal(o.Token)
	if err != nil {
		t.Fatal(err)
	}
	secretless(t, fmt.Sprintf("%v %+v %#v %s %q %v %s", o, o, o, o.Token, o.Token, o.Token.LogValue(), text))
	if x := fmt.Sprintf("%x %d", o.Token, o.Token); !strings.Contains(x, redacted) || strings.Contains(x, "6875") {
		t.Errorf("told as %s", x)
	}
}

func TestAddresses(t *testing.T) {
	c, err := New(Options{Endpoint: "https://h.example/hf"})
	if err != nil {
		t.Fatal(err)
	}
	ref := Reference{Org: "a", Name: "b", Revision: "refs/pr/1"}
	if got := c.fileAddress(ref, testCommit, "dir/a b%2f?#.json").String(); got != "https://h.example/hf/a/b/resolve/"+testCommit+"/dir/a%20b%252f%3F%23.json" {
		t.Error(got)
	}
	data := Reference{Org: "a", Name: "b", Dataset: true}
	if got := c.fileAddress(data, testCommit, "x/y.parquet").String(); got != "https://h.example/hf/datasets/a/b/resolve/"+testCommit+"/x/y.parquet" || data.api() != "api/datasets/a/b" {
		t.Errorf("a dataset's file is at %s", got)
	}
	if got := c.address("api/models/a/b/revision/refs%2Fpr%2F1").String(); got != "https://h.example/hf/api/models/a/b/revision/refs%2Fpr%2F1" {
		t.Error(got)
	}
	for text, want := range map[string]bool{"https://h.example/x": true, "https://H.example/x": true, "http://h.example/x": false, "https://h.example:8443/": false, "https://u@h.example/": false, "https://h.example.evil/": false} {
		u, err := c.base.Parse(text)
		if err != nil || c.isHome(u) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"config.json", "a/b/c", "ünïcode 文.json", "a..b", "...a"} {
		if err := checkName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", ".", "..", "/a", "a/", "a//b", "a/../b", "../a", "./a", `a\b`, "C:a", "a\x00", "a\nb", "a\x1b[2J", "a\u202eb", "a\xff", "a.", "a ", " a", "a/b./c", "con?", "a*",
		strings.Repeat("x", 201), strings.Repeat("x/", 300) + "x", strings.Repeat("x/", 9) + "x", manifestName, strings.ToUpper(manifestName)} {
		err := checkName(name)
		if !errors.Is(err, ErrUnsafeName) {
			t.Errorf("%q: %v", name, err)
		} else if strings.ContainsAny(err.Error(), "\x1b\n\x00") || len(err.Error()) > 500 {
			t.Errorf("%q is told as it is: %v", name, err)
		}
	}
}

func TestChoose(t *testing.T) {
	list := func(s string) []File {
		var out []File
		for n := range strings.FieldsSeq(s) {
			out = append(out, File{Path: n})
		}
		return out
	}
	for _, c := range []struct{ name, files, include, want string }{
		{"single", "a.txt config.json model.safetensors onnx/model.safetensors README.md", "", "config.json model.safetensors"},
		{"another copy", "config.json consolidated.safetensors model.safetensors", "", "config.json model.safetensors"},
		{"shards", "consolidated.safetensors model-00001-of-00002.safetensors model-00002-of-00002.safetensors model.safetensors model.safetensors.index.json", "",
			"model-00001-of-00002.safetensors model-00002-of-00002.safetensors model.safetensors.index.json"},
		{"odd names", "weights.safetensors x.safetensors", "", "weights.safetensors x.safetensors"},
		{"tokenizers", "tokenizer.json vocab.txt merges.txt vocab.json chat_template.jinja model.safetensors tokenizer.model", "", "tokenizer.json vocab.txt merges.txt vocab.json chat_template.jinja model.safetensors"},
		{"gguf", "a-Q4.gguf sub/a-Q8.gguf b.txt", "*.gguf", "a-Q4.gguf sub/a-Q8.gguf"},
		{"folder", "onnx/a onnx/b/c a", "onnx/*", "onnx/a"},
		{"two", "a.x b.y c.z", "*.x c.?", "a.x c.z"},
	} {
		got, err := choose(list(c.files), strings.Fields(c.include))
		if err != nil || !slices.Equal(got, list(c.want)) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
	for _, p := range []string{"[", ""} {
		if err := CheckPatterns([]string{p}); !errors.Is(err, path.ErrBadPattern) {
			t.Errorf("%q: %v", p, err)
		}
	}
}

func TestCheckContentRange(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
		err  error
	}{
		{"bytes 10-19/100", 20, nil}, {"bytes 10-14/100", 15, nil}, {"bytes 10-19/*", 20, nil}, {"bytes 10-19/99", 0, errChanged},
		{"bytes 9-19/100", 0, ErrProtocol}, {"bytes 10-20/100", 0, ErrProtocol}, {"bytes 10-9/100", 0, ErrProtocol}, {"", 0, ErrProtocol},
		{"bytes */100", 0, ErrProtocol}, {"lines 10-19/100", 0, ErrProtocol}, {"bytes 10-19", 0, ErrChecksum}, {"bytes 10-99999999999999999999/100", 0, ErrProtocol},
	} {
		got, err := checkContentRange(c.text, 10, 20, 100)
		if got != c.want || (c.err == nil) != (err == nil) || c.err != nil && !errors.Is(err, c.err) && !errors.Is(err, ErrProtocol) {
			t.Errorf("%q: %d, %v", c.text, got, err)
		}
	}
}

func TestCheckRedirect(t *testing.T) {
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"https://a/x", "https://b/y", true}, {"http://a/x", "https://b/y", true}, {"http://a/x", "http://b/y", true},
		{"https://a/x", "http://b/y", false}, {"https://a/x", "https://u:p@b/y", false}, {"https://a/x", "ftp://b/y", false}, {"https://a/x", "https:///y", false},
	} {
		r, _ := http.NewRequest(http.MethodGet, c.from, nil)
		to, err := http.NewRequest(http.MethodGet, c.to, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := checkRedirect(r.URL, to.URL) == nil; got != c.ok {
			t.Errorf("%s to %s: %v", c.from, c.to, got)
		}
	}
}

func TestNextPage(t *testing.T) {
	for text, want := range map[string]string{
		`<https://h/x?a=1,2>; rel="next"`:                        "", // a comma within an address isn't used by any endpoint
		`<https://h/x>; rel="next"`:                              "https://h/x",
		`<https://h/p>; rel="prev", <https://h/n>; rel = "next"`: "https://h/n",
		`<https://h/x>; rel="last"`:                              "",
		`https://h/x; rel="next"`:                                "",
		`<`:                                                      "",
	} {
		got, _ := nextPage(http.Header{"Link": {text}})
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestJournal(t *testing.T) {
	f := File{Path: "a", Size: 3*minChunk + 1, SHA256: strings.Repeat("a", 64)}
	good := newJournal(f, minChunk)
	if len(good.Done) != 4 || !good.valid(f) {
		t.Fatalf("%+v", good)
	}
	for name, change := range map[string]func(*journal){
		"path":     func(j *journal) { j.Path = "b" },
		"identity": func(j *journal) { j.Identity = "" },
		"size":     func(j *journal) { j.Size++ },
		"chunk":    func(j *journal) { j.Chunk = 1 },
		"zero":     func(j *journal) { j.Chunk = 0 },
		"count":    func(j *journal) { j.Done = j.Done[1:] },
		"negative": func(j *journal) { j.Done[0] = -1 },
		"too much": func(j *journal) { j.Done[3] = 2 },
	} {
		j := good
		j.Done = slices.Clone(good.Done)
		if change(&j); j.valid(f) {
			t.Errorf("%s: accepted", name)
		}
	}
	good.Done[0], good.Done[2] = 5, 7
	if good.arrived() != 12 || good.extent() != 2*minChunk+7 {
		t.Errorf("%d, %d", good.arrived(), good.extent())
	}
}

func FuzzModelInfo(f *testing.F) {
	f.Add([]byte(infoText))
	f.Add([]byte(`{"sha":"x","siblings":[{"rfilename":"../a"}]}`))
	f.Add([]byte(`[[[`))
	f.Fuzz(func(t *testing.T, b []byte) {
		commit, names, err := parseModelInfo(b)
		if err != nil {
			if !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrTooLarge) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%q", err)
			}
			return
		}
		if !commitText.MatchString(commit) || len(names) > maxListed {
			t.Fatalf("%q, %d names", commit, len(names))
		}
	})
}

func FuzzTree(f *testing.F) {
	f.Add([]byte(`[{"type":"file","path":"a","size":1,"oid":"x","lfs":{"oid":"y","size":2}}]`))
	f.Add([]byte(`[{"type":"file","path":"model.safetensors","size":-9,"oid":"0123456789abcdef0123456789abcdef01234567"}]`))
	f.Add([]byte(`{"error":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		files, err := parseTree(b)
		if err != nil {
			if !errors.Is(err, ErrProtocol) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%q", err)
			}
			return
		}
		for _, f := range files {
			if f.Size < -1 || f.SHA256 != "" && !sha256Text.MatchString(f.SHA256) || f.Blob != "" && !sha1Text.MatchString(f.Blob) {
				t.Fatalf("%+v", f)
			}
		}
		chosen, err := choose(files, nil)
		if err != nil && !errors.Is(err, ErrNoFiles) {
			t.Fatal(err)
		}
		for _, f := range chosen {
			_ = checkName(f.Path)
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"format":1,"model":"a/b","revision":"main","commit":"","endpoint":"","files":[{"path":"x","size":1,"sum":"sha256:00","modified":1}]}`))
	f.Add([]byte(`{"format":1,"files":[{"path":"../x","sum":"blob:0"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseManifest(b)
		if err != nil {
			if !errors.Is(err, ErrFolder) && !errors.Is(err, ErrUnsafeName) {
				t.Fatal(err)
			}
			return
		}
		for _, s := range m.Files {
			if err := checkName(s.Path); err != nil {
				t.Fatal(err)
			}
		}
	})
}
