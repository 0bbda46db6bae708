package checkpoint

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/cpython"
)

func TestParseMetadata(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	good := `{"window": 300, "file_manifest": {"b.json": "` + sum + `", "a/c.bin": "` + strings.ToUpper(sum) + `"}, "created_at": 17, "model_name": "m",
		"parent_window": 270, "prev_window": null, "unknown": [1, {"x": NaN}], "env_id": "sat", "thinking_mode": "native", "generation_params": {}}`
	m, err := ParseMetadata([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if m.Window != 300 || m.ParentWindow != 270 || m.ModelName != "m" || m.CreatedAt != 17 || m.Type != Full || m.PrevWindow != nil || m.EnvID != "sat" {
		t.Errorf("got %+v", m)
	}
	if len(m.Manifest) != 2 || m.Manifest[0].Name != "b.json" || m.Manifest[1].Name != "a/c.bin" || m.Manifest[0].SHA256 != m.Manifest[1].SHA256 {
		t.Errorf("manifest is %v", m.Manifest)
	}
	if got := string(m.SignedText()); !strings.Contains(got, `"unknown":[1,{"x":NaN}],"window":300`) {
		t.Errorf("signed text leaves out what it does not know: %s", got)
	}
	for name, text := range map[string]string{
		"nothing": "", "null": "null", "list": "[]", "number": "5", "trailing": "{} {}",
		"window text": `{"window": "300"}`, "window fraction": `{"window": 1.5}`, "window huge": `{"window": 9223372036854775808}`, "window bool": `{"window": true}`,
		"model name": `{"model_name": 5}`, "type": `{"checkpoint_type": "full"}`, "env id": `{"env_id": ["sat"]}`, "created": `{"created_at": "now"}`,
		"created bool": `{"created_at": true}`, "params": `{"generation_params": [1]}`, "env params": `{"env_params": "x"}`, "prev": `{"prev_window": "x"}`,
	} {
		if _, err := ParseMetadata([]byte(text)); !errors.Is(err, ErrMetadata) {
			t.Errorf("%s: got %v, want ErrMetadata", name, err)
		}
	}
}

func TestIndentedText(t *testing.T) {
	for in, want := range map[string]string{
		`{}`: "{}", `[]`: "[]", `"é\u0001\n\"\\\u007f/"`: "\"é\\u0001\\n\\\"\\\\\x7f/\"", `1.0`: "1.0", `1e16`: "1e+16", `[1,[],{"a":{}}]`: "[\n  1,\n  [],\n  {\n    \"a\": {}\n  }\n]",
		`{"b": null, "a": [true]}`: "{\n  \"b\": null,\n  \"a\": [\n    true\n  ]\n}",
	} {
		if got := string(appendIndented(nil, parse(t, in), 0)); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func TestConfigHashIgnoresOrder(t *testing.T) {
	a, b := parse(t, `{"a": 1, "b": [{"d": 2, "c": 3}]}`), parse(t, `{"b": [{"c": 3, "d": 2}], "a": 1}`)
	if configHash(a) != configHash(b) || configHash(a) == configHash(parse(t, `{"a": 1}`)) {
		t.Error("the hash of a configuration depends on the order of its members, or on nothing")
	}
}

// A text that is accepted names files inside their folder only, and writing it out and reading it again changes nothing.
func FuzzParseMetadata(f *testing.F) {
	f.Add([]byte(`{"window": 300, "file_manifest": {"a/b.json": "` + strings.Repeat("0", 64) + `"}}`))
	f.Add([]byte(`{"file_manifest": {"../x": "` + strings.Repeat("0", 64) + `"}}`))
	f.Add([]byte(`{"window": 1, "env_id": "sat", "thinking_mode": "native", "generation_params": {"max_tokens": 1}, "created_at": -0.0, "x": "\ud800"}`))
	f.Add([]byte(`{"window": NaN}`))
	root := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseMetadata(text)
		if err != nil {
			if !errors.Is(err, ErrMetadata) {
				t.Fatalf("error %v is no ErrMetadata", err)
			}
			return
		}
		for _, file := range m.Manifest {
			rel, err := filepath.Rel(root, filepath.Join(root, filepath.FromSlash(file.Name)))
			if err != nil || rel == "." || rel == ".." || strings.HasPrefix(rel, ".."+string(os.PathSeparator)) {
				t.Fatalf("%q leads out of its folder", file.Name)
			}
		}
		m.Missing()
		again, err := ParseMetadata(m.JSON())
		if err != nil && !bytes.Contains(m.JSON(), []byte("\xed")) { // a lone surrogate has no UTF-8
			t.Fatalf("couldn't read what was written: %v", err)
		}
		if err == nil && !bytes.Equal(again.SignedText(), m.SignedText()) {
			t.Fatal("the signed text changes when metadata are written and read")
		}
		m.object = cpython.Value{}
		if _, err := ParseMetadata(m.JSON()); err != nil && !bytes.Contains(m.JSON(), []byte("\xed")) {
			t.Fatalf("couldn't read what was made of the fields: %v", err)
		}
	})
}
