package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/bittensor/wallet"
)

func TestReadLine(t *testing.T) {
	in := strings.NewReader("one\r\n\nthree ünï \nlast")
	for _, want := range []string{"one", "", "three ünï ", "last"} {
		if got, err := readLine(in); err != nil || string(got.Reveal()) != want {
			t.Errorf("%q, %v, want %q", got.Reveal(), err, want)
		}
	}
	if _, err := readLine(in); err == nil {
		t.Error("there is a line behind the end")
	}
	if _, err := readLine(strings.NewReader(strings.Repeat("x", longestAnswer+1))); err == nil || strings.Contains(err.Error(), "xx") {
		t.Errorf("a line without end: %v", err)
	}
	if got, err := readLine(strings.NewReader(strings.Repeat("x", longestAnswer))); err != nil || len(got.Reveal()) != longestAnswer {
		t.Errorf("the longest line: %v", err)
	}
}

// TestPasswordVariables takes passwords from btcli's variables before anybody is asked.
func TestPasswordVariables(t *testing.T) {
	file := filepath.Join(t.TempDir(), "coldkey")
	name := wallet.PasswordVariable(file)
	from := &asker{t: terminal{err: new(bytes.Buffer)}}
	if _, err := from.password(context.Background(), file); err == nil || !strings.Contains(hintOf(err), name) {
		t.Errorf("nobody to ask: %v", err)
	}
	t.Setenv(name, wallet.EncodePassword(name, wallet.NewSecret([]byte("hunter2"))))
	for what, get := range map[string]wallet.Passwords{"password": from.password, "new password": from.newPassword} {
		if got, err := get(context.Background(), file); err != nil || string(got.Reveal()) != "hunter2" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := from.anotherPassword(context.Background(), file); err == nil {
		t.Error("the old password is taken for another one")
	}
	t.Setenv(name, "hunter2!")
	for what, get := range map[string]wallet.Passwords{"password": from.password, "new password": from.newPassword} {
		if _, err := get(context.Background(), file); err == nil || strings.Contains(err.Error()+hintOf(err), "hunter2") {
			t.Errorf("%s of a bad variable: %v", what, err)
		}
	}
}

// TestPasswordsFromInput gives one line a password.
func TestPasswordsFromInput(t *testing.T) {
	in, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	_, _ = write.WriteString("one\ntwo\n\n")
	write.Close()
	from := &asker{t: terminal{in: in, err: new(bytes.Buffer)}}
	for _, want := range []string{"one", "two"} {
		if got, err := from.newPassword(context.Background(), "/w/coldkey"); err != nil || string(got.Reveal()) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := from.newPassword(context.Background(), "/w/coldkey"); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("an empty password: %v", err)
	}
	from.used = true
	if _, err := from.password(context.Background(), "/w/coldkey"); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("an input that was the message: %v", err)
	}
}

// TestWalletJSON holds the fields of --json to the list in testdata and to the document.
func TestWalletJSON(t *testing.T) {
	dir := t.TempDir()
	paths := map[string]bool{}
	run := func(args ...string) map[string]any {
		t.Helper()
		out, err := nanteos(t, append([]string{"wallet"}, append(args, "--wallet.path", dir, "--json")...)...)
		var v map[string]any
		if err2 := json.Unmarshal([]byte(out), &v); err2 != nil {
			t.Fatalf("%v: %v, %v\n%s", args, err, err2, out)
		}
		walkJSON(v, args[0], paths)
		return v
	}
	made := run("new-coldkey", "--no-use-password")
	run("new-hotkey")
	run("regen", "coldkeypub", "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY", "--wallet.name", "watch")
	if err := os.WriteFile(filepath.Join(dir, "watch", "coldkey"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "default", "hotkeys", "bad"), []byte(`{"encoded":""}`), 0o600); err != nil {
		t.Fatal(err)
	}
	run("list")
	shown := run("show")
	signed := run("sign", "hello", "--key", "coldkey")
	if signed["address"] != made["address"] || shown["coldkey"].(map[string]any)["address"] != made["address"] {
		t.Errorf("made %v, shown %v, signed by %v", made["address"], shown["coldkey"], signed["address"])
	}
	if v := run("verify", "hello", signed["signature"].(string), "--key", "coldkey"); v["valid"] != true || v["wrapped"] != false {
		t.Errorf("%v", v)
	}
	if v := run("verify", "hello", signed["signature"].(string)); v["valid"] != false {
		t.Errorf("the hotkey's: %v", v)
	}
	got := strings.Join(slices.Sorted(maps.Keys(paths)), "\n") + "\n"
	const name = "testdata/wallet-json-fields.txt"
	if os.Getenv("NANTEOS_RECORD") != "" {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil || got != string(want) {
		t.Errorf("the fields have changed (%v); NANTEOS_RECORD=1 writes %s\ngot:\n%s", err, name, got)
	}
	doc, err := os.ReadFile("../../docs/wallets.md")
	if err != nil {
		t.Fatal(err)
	}
	for path := range paths {
		field, _, _ := strings.Cut(path[strings.LastIndex(path, ".")+1:], " ")
		if !strings.Contains(string(doc), "`"+field+"`") {
			t.Errorf("docs/wallets.md doesn't tell of `%s` (%s)", field, path)
		}
	}
}

// TestWalletDocument holds docs/wallets.md to the flags.
func TestWalletDocument(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository, "docs", "wallets.md"))
	if err != nil {
		t.Fatal(err)
	}
	group, _, err := newRoot(terminal{}).Find([]string{"wallet"})
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range group.Commands() {
		if !strings.Contains(string(text), "wallet "+cmd.Name()) {
			t.Errorf("docs/wallets.md doesn't show %s", cmd.Name())
		}
		for _, name := range flagNames(cmd) {
			if name != "help" && name != "use-password" && name != "address" && !strings.Contains(string(text), "--"+name) {
				t.Errorf("docs/wallets.md doesn't tell of --%s of %s", name, cmd.Name())
			}
		}
	}
}

// TestMessageBytes fixes what a message stands for.
func TestMessageBytes(t *testing.T) {
	for text, want := range map[string]string{"": "", "a": "a", "0x": "", "0x61": "a", "0X61": "0X61", "x0": "x0", " 0x61": " 0x61", "ü": "ü"} {
		if got, err := messageBytes(terminal{}, text); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"0xz", "0x6", "-"} {
		if _, err := messageBytes(terminal{program: "nanteos"}, text); err == nil {
			t.Errorf("%q passed", text)
		}
	}
}

// TestMend names the command that mends.
func TestMend(t *testing.T) {
	w, err := wallet.New(t.TempDir(), "my wallet", "h")
	if err != nil {
		t.Fatal(err)
	}
	p := keyPlace{t: terminal{program: "nanteos"}}
	for _, c := range []struct {
		err  error
		kind keyKind
		want string
	}{
		{nil, hotkey, ""},
		{errors.New("x"), hotkey, ""},
		{os.ErrNotExist, hotkey, "nanteos wallet new-hotkey --wallet.name 'my wallet' --wallet.hotkey h --wallet.path " + w.Path() + " makes one"},
		{os.ErrNotExist, coldkey, "nanteos wallet new-coldkey --wallet.name 'my wallet' --wallet.path " + w.Path() + " makes one"},
		{wallet.ErrPassword, coldkey, "try again"},
		{wallet.ErrFormat, hotkey, "nanteos wallet regen hotkey --wallet.name 'my wallet'"},
	} {
		err := p.mend(c.err, w, c.kind)
		if (err == nil) != (c.err == nil) || err != nil && !strings.HasPrefix(hintOf(err), c.want) {
			t.Errorf("%v: %q, want %q", c.err, hintOf(err), c.want)
		}
	}
}
