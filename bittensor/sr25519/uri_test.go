package sr25519

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tyler-smith/go-bip39"

	"github.com/nanteos/nanteos/internal/vectortest"
)

func TestKeyVectors(t *testing.T) {
	const file = "chain/keys.json"
	var v struct {
		Source string
		URIs   []struct {
			URI                string
			PublicKey          string `json:"public_key"`
			SS58               string `json:"ss58_42"` // package ss58 has vectors of its own
			MiniSecretOfPhrase string `json:"mini_secret_of_phrase"`
		}
		Secrets []struct {
			MiniSecret string `json:"mini_secret"`
			PublicKey  string `json:"public_key"`
			Ed25519    string `json:"secret_ed25519_form"`
			Canonical  string `json:"secret_canonical_form"`
		}
	}
	vectortest.Decode(t, file, &v)
	for _, c := range v.URIs {
		k, err := FromURI([]byte(c.URI))
		if err != nil {
			t.Errorf("%s: %v", c.URI, err)
			continue
		}
		if want := [32]byte(unhex(t, c.PublicKey)); k.Public() != want {
			t.Errorf("%s: public key %x, want %x", c.URI, k.Public(), want)
		}
		if c.MiniSecretOfPhrase == "" {
			continue
		}
		phrase, _, _ := strings.Cut(c.URI, "/")
		_, password, _ := strings.Cut(c.URI, "///")
		mini, err := MiniSecret([]byte(phrase), []byte(password))
		if want := unhex(t, c.MiniSecretOfPhrase); err != nil || !bytes.Equal(mini[:], want) {
			t.Errorf("%s: mini secret %x, %v, want %x", c.URI, mini, err, want)
		}
	}
	for i, c := range v.Secrets {
		canonical, ed := [64]byte(unhex(t, c.Canonical)), [64]byte(unhex(t, c.Ed25519))
		one, err1 := FromSecret(canonical)
		two, err2 := FromSecretEd25519(ed)
		three := NewKeypair([32]byte(unhex(t, c.MiniSecret)))
		want := [32]byte(unhex(t, c.PublicKey))
		if err1 != nil || err2 != nil || one.Public() != want || two.Public() != want || three.Public() != want {
			t.Errorf("secret %d: %x, %x, %x, want %x (%v, %v)", i, one.Public(), two.Public(), three.Public(), want, err1, err2)
		}
		for _, k := range []Keypair{one, two, three} {
			if got, err := k.Secret(); err != nil || got != canonical {
				t.Errorf("secret %d: canonical form %x, %v", i, got, err)
			}
			if got, err := k.SecretEd25519(); err != nil || got != ed {
				t.Errorf("secret %d: Ed25519 form %x, %v", i, got, err)
			}
		}
		if _, err := FromSecret(ed); !errors.Is(err, ErrSecret) {
			t.Errorf("secret %d: the Ed25519 form passes as canonical: %v", i, err)
		}
		if _, err := FromSecretEd25519(canonical); !errors.Is(err, ErrSecret) {
			t.Errorf("secret %d: the canonical form passes as Ed25519: %v", i, err)
		}
	}
	vectortest.Count(t, file, len(v.URIs)+len(v.Secrets))
}

func TestURIRefuses(t *testing.T) {
	const phrase = DevPhrase
	for _, c := range []struct {
		name, uri string
		want      error
		text      string
	}{
		{"junction without a name", phrase + "//", ErrURI, "no name"},
		{"soft junction without a name", phrase + "/", ErrURI, "no name"},
		{"empty name in the middle", phrase + "/a///b/", nil, ""}, // that is a password
		{"short seed", "0x1234", ErrURI, "4 hex digits"},
		{"seed that is no hex", "0x" + strings.Repeat("g", 64), ErrURI, "not hex"},
		{"secret of no scalar", "0x" + strings.Repeat("f", 128), ErrSecret, "canonical"},
		{"zero secret", "0x" + strings.Repeat("0", 128), ErrSecret, "zero"},
		{"11 words", "bottom drive obey lake curtain smoke basket hold race lonely fit", ErrMnemonic, "11 words"},
		{"checksum", "bottom drive obey lake curtain smoke basket hold race lonely walk fit", ErrMnemonic, "checksum"},
		{"unknown word", "bottom drive obey lake hunter2 smoke basket hold race lonely fit walk", ErrMnemonic, "word 5 of 12"},
		{"upper case", "Bottom drive obey lake curtain smoke basket hold race lonely fit walk", ErrMnemonic, "word 1"},
		{"long", strings.Repeat("a", longestURI+1), ErrURI, "more than"},
		{"long phrase", strings.Repeat("a ", 1000), ErrMnemonic, "too long"},
		{"deep", strings.Repeat("//a", mostJunction+1), ErrURI, "junctions"},
		{"bytes", "//\xff", ErrURI, "utf-8"},
	} {
		_, err := FromURI([]byte(c.uri))
		if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %v with %q", c.name, err, c.want, c.text)
		}
		if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "bottom")) {
			t.Errorf("%s: the error repeats the secret: %v", c.name, err)
		}
	}
}

func TestURIForms(t *testing.T) {
	key := func(uri string) [32]byte {
		t.Helper()
		k, err := FromURI([]byte(uri))
		if err != nil {
			t.Fatalf("%s: %v", uri, err)
		}
		return k.Public()
	}
	for _, c := range []struct{ one, two string }{
		{"", DevPhrase},
		{"//Alice", DevPhrase + "//Alice"},
		{"//Alice", "  bottom drive obey lake curtain\tsmoke basket hold race lonely fit walk\n//Alice"},
		{"//7", "//007"},
		{"//7", "//+7"},
		{"0x" + strings.Repeat("12", 32), "0x" + strings.Repeat("12", 32) + "///ignored"},
	} {
		if key(c.one) != key(c.two) {
			t.Errorf("%q and %q differ", c.one, c.two)
		}
	}
	for _, c := range []struct{ one, two string }{
		{"//Alice", "/Alice"}, {"//Alice", "//alice"}, {"//7", "//x7"}, {"///a", "///b"}, {"//18446744073709551616", "//0"},
		{"//a/b", "/a//b"}, {"///a/b", "///a"},
	} {
		if key(c.one) == key(c.two) {
			t.Errorf("%q and %q are equal", c.one, c.two)
		}
	}
	// Keys of every derivation sign.
	for _, uri := range []string{"//Alice", "/Alice", "//Alice/a/b//c", "///pw"} {
		k, err := FromURI([]byte(uri))
		if err != nil {
			t.Fatal(err)
		}
		sig, err := k.Sign([]byte("m"))
		if err != nil || !Verify(k.PublicKey(), []byte("m"), sig) {
			t.Errorf("%s signs badly: %v", uri, err)
		}
		secret, err := k.Secret()
		if again, err2 := FromSecret(secret); err != nil || err2 != nil || again.Public() != k.Public() {
			t.Errorf("%s does not survive its secret: %v, %v", uri, err, err2)
		}
	}
}

func TestMnemonic(t *testing.T) {
	seen := map[string]bool{}
	for words := range 30 {
		phrase, err := NewMnemonic(words)
		if !lengthAllowed(words) {
			if !errors.Is(err, ErrMnemonic) {
				t.Errorf("%d words: %v", words, err)
			}
			continue
		}
		if err != nil || len(strings.Fields(string(phrase))) != words || seen[string(phrase)] {
			t.Fatalf("%d words: %q, %v", words, phrase, err)
		}
		seen[string(phrase)] = true
		entropy, err := entropyOf(phrase)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := bip39.EntropyFromMnemonic(string(phrase))
		if err != nil || !bytes.Equal(entropy, theirs) {
			t.Errorf("%d words: entropy %x, second implementation %x, %v", words, entropy, theirs, err)
		}
		again, err := bip39.NewMnemonic(entropy)
		if err != nil || again != string(phrase) {
			t.Errorf("%d words: second implementation writes other words (%v)", words, err)
		}
		if _, err := FromMnemonic(phrase, nil); err != nil {
			t.Error(err)
		}
	}
}

func TestWipedKeysDeriveNothing(t *testing.T) {
	k := seeded(3)
	k.Wipe()
	_, err1 := k.DeriveHard([32]byte{})
	_, err2 := k.DeriveSoft([32]byte{})
	_, err3 := k.Secret()
	_, err4 := k.SecretEd25519()
	for _, err := range []error{err1, err2, err3, err4} {
		if !errors.Is(err, ErrWiped) {
			t.Errorf("got %v", err)
		}
	}
	soft, err := seeded(3).DeriveSoft([32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := soft.SecretEd25519(); err != nil && !errors.Is(err, ErrSecret) {
		t.Error(err)
	}
}

func FuzzFromURI(f *testing.F) {
	for _, s := range []string{"//Alice", DevPhrase + "//a/b///c", "0x" + strings.Repeat("12", 32) + "/1", "///", "////", "0x", "//\xff", DevPhrase + "//"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, uri []byte) {
		k, err := FromURI(uri)
		if err != nil {
			if !errors.Is(err, ErrURI) && !errors.Is(err, ErrMnemonic) && !errors.Is(err, ErrSecret) {
				t.Fatalf("error without sentinel: %v", err)
			}
			return
		}
		if k.Public() == [32]byte{} {
			t.Fatal("no public key")
		}
	})
}

func ExampleFromURI() {
	alice, err := FromURI([]byte("//Alice"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(alice)
	// Output: sr25519:d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
}

func ExampleKeypair_Sign() {
	bob, _ := FromURI([]byte("//Bob"))
	defer bob.Wipe()
	signature, err := bob.Sign([]byte("hello"))
	fmt.Println(err, Verify(bob.PublicKey(), []byte("hello"), signature))
	// Output: <nil> true
}

func BenchmarkFromMnemonic(b *testing.B) {
	for b.Loop() {
		if _, err := FromMnemonic([]byte(DevPhrase), nil); err != nil {
			b.Fatal(err)
		}
	}
}
