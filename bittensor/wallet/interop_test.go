package wallet

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/bittensor/sr25519"
)

// pythonEnv names a Python that has bittensor-wallet: python3 -m venv v && v/bin/pip install bittensor-wallet==4.1.1
const pythonEnv = "NANTEOS_PYTHON"

// python is the Python wallet, driven by testdata/btwallet.py.
type python struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

func startPython(t *testing.T) *python {
	t.Helper()
	program := os.Getenv(pythonEnv)
	if program == "" {
		program = "python3"
	}
	if err := exec.Command(program, "-c", "import bittensor_wallet").Run(); err != nil {
		t.Skipf("no bittensor-wallet in %s (%v): pip install bittensor-wallet==4.1.1 in a venv and set %s", program, err, pythonEnv)
	}
	cmd := exec.Command(program, filepath.Join("testdata", "btwallet.py"))
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	var chatter strings.Builder
	cmd.Stderr = &chatter
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("python: %v\n%s", err, chatter.String())
		}
	})
	return &python{t, in, bufio.NewScanner(out)}
}

// do runs a command and decodes the answer. It fails the test on an error.
func (p *python) do(command map[string]any, answer any) {
	p.t.Helper()
	if err := json.NewEncoder(p.in).Encode(command); err != nil {
		p.t.Fatal(err)
	}
	if !p.out.Scan() {
		p.t.Fatalf("python ended: %v", p.out.Err())
	}
	var got struct {
		OK    json.RawMessage
		Error string
	}
	if err := json.Unmarshal(p.out.Bytes(), &got); err != nil {
		p.t.Fatal(err)
	}
	if got.Error != "" {
		p.t.Fatalf("python says to %v: %s", command["do"], got.Error)
	}
	if answer != nil {
		if err := json.Unmarshal(got.OK, answer); err != nil {
			p.t.Fatal(err)
		}
	}
}

func passwordOf(text string) Passwords {
	return func(context.Context, string) (Secret, error) { return secret(text), nil }
}

// TestPythonReadsOurs writes wallets, plain and encrypted, and has Python read, sign and verify with them.
func TestPythonReadsOurs(t *testing.T) {
	p := startPython(t)
	var version string
	p.do(map[string]any{"do": "version"}, &version)
	t.Logf("bittensor-wallet %s", version)
	derived, err := sr25519.FromURI([]byte("//Alice"))
	if err != nil {
		t.Fatal(err)
	}
	mini := [32]byte{1, 2, 3, 0xff}
	for _, c := range []struct {
		name, password string
		cold           *Key
	}{
		{"plain", "", must2(Generate(24))},
		{"encrypted", "gehéim ✓", must2(Generate(12))},
		{"seed", "", FromSeed(&mini)},
		{"derived", "", FromKeypair(derived)},
	} {
		if c.password != "" && testing.Short() {
			continue
		}
		w := newWallet(t, t.TempDir(), c.name, "hot")
		hot := must2(Generate(12))
		if err := w.SaveColdkey(t.Context(), c.cold, secret(c.password), false); err != nil {
			t.Fatal(err)
		}
		if err := w.SaveHotkey(t.Context(), hot, Secret{}, false); err != nil {
			t.Fatal(err)
		}
		const message = "a message"
		var got struct {
			Coldkey, Coldkeypub, Hotkey string
			Cold                        string `json:"cold_signature"`
			Hot                         string `json:"hot_signature"`
			Variable                    string
		}
		p.do(map[string]any{"do": "read", "name": c.name, "hotkey": "hot", "path": w.Path(), "password": c.password, "message": message}, &got)
		if got.Coldkey != c.cold.Address() || got.Coldkeypub != c.cold.Address() || got.Hotkey != hot.Address() {
			t.Errorf("%s: %+v, want %v and %v", c.name, got, c.cold, hot)
		}
		if want := PasswordVariable(w.ColdkeyFile()); got.Variable != want {
			t.Errorf("%s: variable %s, ours %s", c.name, got.Variable, want)
		}
		for k, s := range map[*Key]string{c.cold: got.Cold, hot: got.Hot} {
			if raw := must(hex.DecodeString(s)); len(raw) != 64 || !sr25519.Verify(k.PublicKey(), []byte(message), [64]byte(raw)) {
				t.Errorf("%s: we refuse Python's signature", c.name)
			}
			sig, err := k.Sign([]byte(message))
			if err != nil {
				t.Fatal(err)
			}
			wrapped, _ := k.Sign(sr25519.Wrap([]byte(message)))
			for _, s := range [][64]byte{sig, wrapped} {
				valid := false
				p.do(map[string]any{"do": "verify", "address": k.Address(), "message": message, "signature": hex.EncodeToString(s[:])}, &valid)
				if !valid {
					t.Errorf("%s: Python refuses our signature", c.name)
				}
			}
		}
	}
}

// TestWeReadPython has Python write wallets.
func TestWeReadPython(t *testing.T) {
	p := startPython(t)
	for _, password := range []string{"", "pass wörd"} {
		if password != "" && testing.Short() {
			continue
		}
		dir := t.TempDir()
		p.do(map[string]any{"do": "create", "name": "theirs", "hotkey": "h", "path": dir, "password": password}, nil)
		w := newWallet(t, dir, "theirs", "h")
		cold, err := w.OpenColdkey(t.Context(), passwordOf(password))
		if err != nil {
			t.Fatal(err)
		}
		pub, err := w.Coldkeypub()
		if err != nil || pub.PublicKey() != cold.PublicKey() || cold.Phrase().Empty() {
			t.Errorf("%v, %v: %v", pub, cold, err)
		}
		hot, err := w.OpenHotkey(t.Context(), nil)
		if err != nil || !hot.Private() {
			t.Errorf("%v, %v", hot, err)
		}
		list, err := List(t.Context(), dir)
		if err != nil || len(list) != 1 || list[0].Coldkey.Problem != nil || len(list[0].Hotkeys) != 1 || list[0].Hotkeys[0].Problem != nil ||
			list[0].Coldkey.Encryption == Plain != (password == "") {
			t.Errorf("%+v, %v", list, err)
		}
	}
	dir := t.TempDir()
	w := newWallet(t, dir, "w", "h")
	p.do(map[string]any{"do": "uri", "uri": "//Alice", "path": dir}, nil)
	if k, err := w.OpenColdkey(t.Context(), nil); err != nil || k.Address() != alice {
		t.Errorf("//Alice: %v, %v", k, err)
	}
	// Seeds of which bittensor-wallet 4.1.1 writes the raw bytes, and such of which it writes the hex.
	for _, seed := range []string{strings.Repeat("12", 32), seed} {
		p.do(map[string]any{"do": "regenerate", "seed": "0x" + seed, "path": dir}, nil)
		mini := [32]byte(must(hex.DecodeString(seed)))
		if k, err := w.OpenHotkey(t.Context(), nil); err != nil || k.Address() != FromSeed(&mini).Address() {
			t.Errorf("seed %s: %v, %v", seed, k, err)
		}
	}
}
