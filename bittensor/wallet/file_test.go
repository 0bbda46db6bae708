package wallet

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

func newWallet(t *testing.T, path, name, hotkey string) Wallet {
	t.Helper()
	w, err := New(path, name, hotkey)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestNames(t *testing.T) {
	for _, name := range []string{"a", "my-wallet", "my wallet", "x.y", "Ünïcode", "coldkey", strings.Repeat("a", longestName)} {
		if _, err := New("/w", name, name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"..", ".", ".hidden", "a/b", `a\b`, "/etc", "-rf", "~", "~root", " a", "a\x00", "a\nb", "\u202eevil", "c:d", "a\xff", strings.Repeat("a", longestName+1)} {
		if _, err := New("/w", name, ""); !errors.Is(err, ErrName) {
			t.Errorf("wallet %q: %v", name, err)
		}
		if _, err := New("/w", "", name); !errors.Is(err, ErrName) {
			t.Errorf("hotkey %q: %v", name, err)
		}
	}
	if _, err := New("/w", "", "apub.txt"); !errors.Is(err, ErrName) {
		t.Errorf("the name of a public part: %v", err)
	}
}

func TestPaths(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	w := newWallet(t, "", "", "")
	root := filepath.Join(home, ".bittensor", "wallets")
	for got, want := range map[string]string{
		w.Path():           root,
		w.Name():           "default",
		w.HotkeyName():     "default",
		w.ColdkeyFile():    filepath.Join(root, "default", "coldkey"),
		w.ColdkeypubFile(): filepath.Join(root, "default", "coldkeypub.txt"),
		w.HotkeyFile():     filepath.Join(root, "default", "hotkeys", "default"),
		w.HotkeypubFile():  filepath.Join(root, "default", "hotkeys", "defaultpub.txt"),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for in, want := range map[string]string{"~": home, "~/x": filepath.Join(home, "x"), "/a/../b": "/b"} {
		if got, err := Expand(in); err != nil || got != filepath.FromSlash(want) {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
	if got, _ := Expand("x"); !filepath.IsAbs(got) {
		t.Errorf("x stays %s", got)
	}
	if got, _ := Expand("~root/x"); !strings.Contains(got, "~root") {
		t.Errorf("~root became %s", got)
	}
}

func TestSaveAndOpen(t *testing.T) {
	w := newWallet(t, filepath.Join(t.TempDir(), "wallets"), "w", "h")
	cold, hot := testKey(t), must2(Generate(12))
	if err := w.SaveColdkey(t.Context(), cold, Secret{}, false); err != nil {
		t.Fatal(err)
	}
	if err := w.SaveHotkey(t.Context(), hot, Secret{}, false); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{w.ColdkeyFile(), w.ColdkeypubFile(), w.HotkeyFile(), w.HotkeypubFile()} {
		st, err := os.Stat(f)
		if err != nil || runtime.GOOS != "windows" && st.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", f, st.Mode(), err)
		}
	}
	for name, get := range map[string]func() (*Key, error){
		address:       func() (*Key, error) { return w.OpenColdkey(t.Context(), nil) },
		hot.Address(): func() (*Key, error) { return w.OpenHotkey(t.Context(), nil) },
	} {
		if k, err := get(); err != nil || k.Address() != name || !k.Private() {
			t.Errorf("%v, %v", k, err)
		}
	}
	if k, err := w.Coldkeypub(); err != nil || k.Address() != address || k.Private() {
		t.Errorf("%v, %v", k, err)
	}
	if k, err := w.HotkeyPublic(t.Context()); err != nil || k.Address() != hot.Address() || k.Private() {
		t.Errorf("%v, %v", k, err)
	}
	if err := os.Remove(w.HotkeypubFile()); err != nil {
		t.Fatal(err)
	}
	if k, err := w.HotkeyPublic(t.Context()); err != nil || k.Address() != hot.Address() || k.Private() {
		t.Errorf("without a public part: %v, %v", k, err)
	}

	// Nothing is overwritten without being told.
	for _, err := range []error{
		w.SaveColdkey(t.Context(), cold, Secret{}, false), w.SaveHotkey(t.Context(), cold, Secret{}, false), w.SaveColdkeypub(hot, false),
		Write(t.Context(), w.ColdkeyFile(), hot, Secret{}, false),
	} {
		if !errors.Is(err, ErrExists) || hintOf(err) == "" {
			t.Errorf("overwritten: %v", err)
		}
	}
	if err := w.SaveColdkeypub(cold, false); err != nil {
		t.Errorf("the same public part: %v", err)
	}
	// A public part that belongs to somebody else keeps a new secret from its place.
	watch := newWallet(t, w.Path(), "watch", "h")
	if err := watch.SaveColdkeypub(cold, false); err != nil {
		t.Fatal(err)
	}
	if err := watch.SaveColdkey(t.Context(), must2(Generate(12)), Secret{}, false); !errors.Is(err, ErrExists) {
		t.Errorf("a secret beside another's public part: %v", err)
	}
	if _, err := os.Stat(watch.ColdkeyFile()); err == nil {
		t.Error("it was written all the same")
	}
	if err := watch.SaveColdkey(t.Context(), cold, Secret{}, false); err != nil {
		t.Errorf("a secret beside its own public part: %v", err)
	}
	if err := w.SaveHotkey(t.Context(), cold, Secret{}, true); err != nil {
		t.Error(err)
	}
	if k, err := w.HotkeyPublic(t.Context()); err != nil || k.Address() != address {
		t.Errorf("after overwriting: %v, %v", k, err)
	}
	if err := w.SaveHotkey(t.Context(), cold.Public(), Secret{}, true); !errors.Is(err, ErrPublicOnly) {
		t.Errorf("a public key saved as a secret one: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(w.Path(), "*", ".new-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func must2(k *Key, err error) *Key {
	if err != nil {
		panic(err)
	}
	return k
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string, mode fs.FileMode) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	plain := string(must(testKey(t).Marshal()))
	for _, c := range []struct {
		name, file string
		want       error
		hint       string
	}{
		{"missing", filepath.Join(dir, "missing"), fs.ErrNotExist, ""},
		{"folder", dir, ErrFormat, ""},
		{"others read", file("others read", plain, 0o604), ErrExposed, "chmod 600 '" + dir + "/others read'"},
		{"group reads", file("group", plain, 0o640), ErrExposed, "chmod 600 " + dir + "/group"},
		{"others write", file("write", plain, 0o602), ErrExposed, "chmod 600"},
		{"encrypted and read by others", file("sealed", "$NACLxxx", 0o644), ErrExposed, "chmod 600"},
		{"encrypted", file("encrypted", "$NACLxxx", 0o600), ErrEncrypted, ""},
		{"public", file("public", string(testKey(t).MarshalPublic()), 0o600), ErrPublicOnly, ""},
		{"large", file("large", plain+strings.Repeat(" ", MaxFile), 0o600), ErrFormat, ""},
		{"empty", file("empty", "", 0o600), ErrFormat, ""},
		{"export", file("export", `{"encoded":"x"}`, 0o600), ErrUnsupported, "make the key file again"},
	} {
		if runtime.GOOS == "windows" && c.want == ErrExposed {
			continue
		}
		k, err := Open(t.Context(), c.file, nil)
		if !errors.Is(err, c.want) || k != nil || !strings.HasPrefix(hintOf(err), c.hint) {
			t.Errorf("%s: %v, %v (%q), want %v", c.name, k, err, hintOf(err), c.want)
		}
		if err == nil || !strings.Contains(err.Error(), filepath.Base(c.file)) || strings.Count(err.Error(), c.file) != 1 {
			t.Errorf("%s: the error does not name the file once: %v", c.name, err)
		}
	}
	asked := errors.New("asked")
	if _, err := Reencrypt(t.Context(), filepath.Join(dir, "empty"), nil, nil); !errors.Is(err, ErrFormat) {
		t.Errorf("an empty file is encrypted again: %v", err)
	}
	if _, err := Open(t.Context(), filepath.Join(dir, "encrypted"), func(context.Context, string) (Secret, error) { return Secret{}, asked }); !errors.Is(err, asked) {
		t.Errorf("the password's error is lost: %v", err)
	}
}

// TestPublicFilesMayBeShared reads a public part with the mode that others leave it in, and drops a secret that is in it.
func TestPublicFilesMayBeShared(t *testing.T) {
	file := filepath.Join(t.TempDir(), "coldkeypub.txt")
	if err := os.WriteFile(file, must(testKey(t).Marshal()), 0o644); err != nil {
		t.Fatal(err)
	}
	if k, err := ReadPublic(file); err != nil || k.Private() || k.Address() != address {
		t.Errorf("%v, %v", k, err)
	}
}

// TestWriteRace lets many write the same new file: one wins, and the file is whole.
func TestWriteRace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sub", "key")
	var group sync.WaitGroup
	var lock sync.Mutex
	won := 0
	for range 16 {
		group.Go(func() {
			err := Write(t.Context(), file, must2(Generate(12)), Secret{}, false)
			lock.Lock()
			defer lock.Unlock()
			if err == nil {
				won++
			} else if !errors.Is(err, ErrExists) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if _, err := Open(t.Context(), file, nil); err != nil || won != 1 {
		t.Errorf("%d won, %v", won, err)
	}
}

func TestWriteFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	k := testKey(t)
	if err := Write(t.Context(), filepath.Join(dir, "f", "key"), k, Secret{}, true); err == nil {
		t.Error("written below a file")
	}
	if err := os.MkdirAll(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(t.Context(), filepath.Join(dir, "folder"), k, Secret{}, true); err == nil || !strings.Contains(err.Error(), "folder of that name") {
		t.Errorf("written over a folder: %v", err)
	}
}

// TestReencrypt replaces the oldest kind of file; the password is wrong first.
func TestReencrypt(t *testing.T) {
	if testing.Short() {
		t.Skip("Argon2 takes 512 MiB and seconds")
	}
	file := filepath.Join(t.TempDir(), "coldkey")
	if err := os.WriteFile(file, []byte(phrase+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Reencrypt(t.Context(), file, nil, nil); err == nil {
		t.Error("encrypted without a password")
	}
	if how, err := Reencrypt(t.Context(), file, nil, passwordOf("one")); err != nil || how != Plain {
		t.Fatal(how, err)
	}
	content, err := os.ReadFile(file)
	if err != nil || EncryptionOf(content) != NaCl {
		t.Errorf("%v, %v", EncryptionOf(content), err)
	}
	if how, err := Reencrypt(t.Context(), file, nil, passwordOf("two")); !errors.Is(err, ErrEncrypted) || how != NaCl {
		t.Errorf("%v, %v", how, err)
	}
	k, err := Open(t.Context(), file, passwordOf("one"))
	if err != nil || k.Address() != address || string(k.Phrase().Reveal()) != phrase {
		t.Errorf("%v, %v", k, err)
	}
}

func TestList(t *testing.T) {
	root := t.TempDir()
	if list, err := List(t.Context(), root); err != nil || len(list) != 0 {
		t.Errorf("an empty folder: %v, %v", list, err)
	}
	if _, err := List(t.Context(), filepath.Join(root, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	put := func(name, content string, mode fs.FileMode) {
		p := filepath.Join(root, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(content), mode), os.Chmod(p, mode)); err != nil {
			t.Fatal(err)
		}
	}
	plain, pub := string(must(testKey(t).Marshal())), string(testKey(t).MarshalPublic())
	other := string(must2(ParseAddress(alice)).MarshalPublic())
	put("b/coldkeypub.txt", pub, 0o644)
	put("b/hotkeys/one", plain, 0o600)
	put("b/hotkeys/one-more", plain, 0o600)
	put("b/hotkeys/onepub.txt", pub, 0o600)
	put("b/hotkeys/sealed", "$NACL", 0o600)
	put("b/hotkeys/watchedpub.txt", other, 0o600)
	put("b/hotkeys/mixed", plain, 0o600)
	put("b/hotkeys/mixedpub.txt", other, 0o600)
	put("b/hotkeys/open", plain, 0o644)
	put("b/hotkeys/.new-1", "x", 0o600)
	put("a/coldkey", "$ANSIBLE_VAULT;1.1;AES256", 0o600)
	put("a/coldkeypub.txt", "nonsense", 0o600)
	put("empty/readme", "", 0o600)
	put("file", "", 0o600)
	put(".git/coldkeypub.txt", pub, 0o600)
	list, err := List(t.Context(), root)
	if err != nil || len(list) != 2 || list[0].Name != "a" || list[1].Name != "b" {
		t.Fatalf("%+v, %v", list, err)
	}
	if c := list[0].Coldkey; !c.Exists || c.Encryption != AnsibleVault || !c.Encryption.Legacy() || c.Public != nil || !errors.Is(c.Problem, ErrFormat) {
		t.Errorf("%+v", c)
	}
	if c := list[1].Coldkey; c.Exists || c.Public.Address() != address || c.Problem != nil {
		t.Errorf("%+v", c)
	}
	want := []struct {
		name    string
		exists  bool
		how     Encryption
		address string
		problem error
	}{
		{"mixed", true, Plain, alice, ErrMismatch},
		{"one", true, Plain, address, nil},
		{"one-more", true, Plain, address, nil},
		{"open", true, Plain, "", ErrExposed},
		{"sealed", true, NaCl, "", nil},
		{"watched", false, Plain, alice, nil},
	}
	if len(list[1].Hotkeys) != len(want) {
		t.Fatalf("%+v", list[1].Hotkeys)
	}
	for i, c := range want {
		h := list[1].Hotkeys[i]
		got := ""
		if h.Public != nil {
			got = h.Public.Address()
		}
		if h.Name != c.name || h.Exists != c.exists || h.Encryption != c.how || got != c.address || !errors.Is(h.Problem, c.problem) {
			t.Errorf("%+v, want %+v", h, c)
		}
	}
}

func TestPasswordVariable(t *testing.T) {
	name := PasswordVariable("/home/u/.bittensor/wallets/w/coldkey")
	if name != "BT_PW__HOME_U__BITTENSOR_WALLETS_W_COLDKEY" {
		t.Error(name)
	}
	long := strings.Repeat("pass wörd ", 20)
	if got, err := DecodePassword(name, EncodePassword(name, secret(long))+"\n"); err != nil || string(got.Reveal()) != long {
		t.Errorf("%v", err)
	}
	for _, value := range []string{"", "hunter2!", "===="} {
		if _, err := DecodePassword(name, value); err == nil || strings.Contains(err.Error(), "hunter2") || hintOf(err) == "" {
			t.Errorf("%q: %v", value, err)
		}
	}
	if _, err := DecodePassword("", "aGk="); err == nil {
		t.Error("a variable without a name")
	}
}

func TestMemory(t *testing.T) {
	dir := t.TempDir()
	file := func(text string) string {
		f, err := os.CreateTemp(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		_, _ = f.WriteString(text)
		return f.Name()
	}
	for text, want := range map[string]uint64{
		"MemTotal:  100 kB\nMemAvailable:  42 kB\n": 42 << 10, "MemAvailable: x kB": 0, "": 0, "MemAvailable: 99999999999999999999 kB": 0,
	} {
		if got := availableMemory(file(text)); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
	for text, want := range map[string]uint64{"max\n": 0, "1048576\n": 1 << 20} {
		if got := memoryLimit(file(text)); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
	if availableMemory(filepath.Join(dir, "missing")) != 0 || memoryLimit(filepath.Join(dir, "missing")) != 0 {
		t.Error("a missing file tells of memory")
	}
}

// TestDerivingOneByOne holds the place of the one who derives: others wait, at most as long as their context.
func TestDerivingOneByOne(t *testing.T) {
	deriving <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := derive(ctx, func() { t.Error("derived beside another") }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-deriving
	ctx, cancel = context.WithCancel(t.Context())
	if err := derive(ctx, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted on the way: %v", err)
	}
	ran := false
	if err := derive(t.Context(), func() { ran = true }); err != nil || !ran {
		t.Error(ran, err)
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{"/a/b-c.txt": "/a/b-c.txt", "/a b": "'/a b'", "/a'b": `'/a'\''b'`, "": "''", "/a\x1b": `"/a\x1b"`} {
		if got := quote(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
