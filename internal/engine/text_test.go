package engine_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/model/chat"
)

func TestText(t *testing.T) {
	dir := t.TempDir()
	writeTokenizer(t, dir, chat.Instructed, "<|im_end|>")
	text, err := engine.LoadText(dir)
	if err != nil {
		t.Fatal(err)
	}
	messages := []engine.Message{{Role: "system", Content: "be brief"}, {Role: "user", Content: "1+1?"}}
	want := "<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\n"
	for _, thinking := range []bool{false, true} {
		ids, err := text.Render(messages, thinking)
		if err != nil {
			t.Fatal(err)
		}
		if got := text.Decode(ids, true); got != want {
			t.Errorf("rendered %q, want %q", got, want)
		}
		if ids[0] != 256 {
			t.Errorf("first id is %d, want the special token 256", ids[0])
		}
	}
	ids := []int32{'4', 257}
	if got := text.Decode(ids, false); got != "4" {
		t.Errorf("without special tokens: %q", got)
	}
	if got := text.Decode(ids, true); got != "4<|im_end|>" {
		t.Errorf("with special tokens: %q", got)
	}
	if got := text.Decode([]int32{-5, 1 << 30, 'x'}, true); got != "x" {
		t.Errorf("ids outside the vocabulary gave %q", got)
	}
}

// A template sees enable_thinking only when the mode sets it.
func TestThinking(t *testing.T) {
	dir := t.TempDir()
	writeTokenizer(t, dir, "{% if enable_thinking is defined %}{% if enable_thinking %}on{% else %}off{% endif %}{% else %}absent{% endif %}", "<|im_end|>")
	text, err := engine.LoadText(dir)
	if err != nil {
		t.Fatal(err)
	}
	for thinking, want := range map[bool]string{true: "on", false: "absent"} {
		ids, err := text.Render([]engine.Message{{Role: "user"}}, thinking)
		if err != nil || text.Decode(ids, true) != want {
			t.Errorf("thinking %v: %q, %v; want %q", thinking, text.Decode(ids, true), err, want)
		}
	}
}

func TestNoTemplate(t *testing.T) {
	dir := t.TempDir()
	writeTokenizer(t, dir, "", "<|im_end|>")
	text, err := engine.LoadText(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := text.Render(nil, false); !errors.Is(err, engine.ErrNoTemplate) {
		t.Errorf("got %v, want ErrNoTemplate", err)
	}
}

func TestDigest(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	digest := func() [32]byte {
		t.Helper()
		d, err := engine.Digest(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if _, err := engine.Digest(t.Context(), dir); !errors.Is(err, engine.ErrModel) {
		t.Errorf("empty folder: %v", err)
	}
	write("config.json", "{}")
	write("model.safetensors", "weights")
	first := digest()
	for _, aside := range []string{"metadata.json", "manifest.sig", "FULL", "README.md", "snapshot_metadata.json"} {
		write(aside, "anything")
		if digest() != first {
			t.Errorf("%s changes the digest", aside)
		}
	}
	seen := map[[32]byte]string{first: "the first"}
	for _, change := range [][2]string{{"config.json", "{ }"}, {"model.safetensors", "Weights"}, {"chat_template.jinja", "x"}, {"tokenizer.json", "x"}} {
		write(change[0], change[1])
		if before, ok := seen[digest()]; ok {
			t.Errorf("changing %s gives the digest of %s", change[0], before)
		}
		seen[digest()] = change[0]
	}
}
