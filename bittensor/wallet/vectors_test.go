package wallet

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/vectortest"
)

const vectorFile = "chain/keyfiles.json"

// keyfileVectors is the layout of the vectors.
type keyfileVectors struct {
	Source     string
	NaClSalt   string `json:"nacl_salt"`
	LegacySalt string `json:"legacy_salt_ascii"`
	Plain      []struct {
		Name, Content string
		Expect        struct {
			PublicKey string `json:"public_key"`
			Address   string `json:"ss58Address"`
		}
		HasPrivate  bool `json:"has_private"`
		ExpectError bool `json:"expect_error"`
	}
	Encrypted []struct {
		Name, Password string
		File           string `json:"file_base64"`
		DerivedKey     string `json:"derived_key"`
		Nonce          string
		FernetKey      string `json:"fernet_key"`
		Plaintext      string
		ExpectError    string `json:"expect_error"`
	}
	PasswordEnv []struct {
		Path     string `json:"keyfile_path"`
		Variable string `json:"env_var"`
		Password string
		Value    string `json:"env_value_base64"`
	} `json:"password_env"`
}

func secret(text string) Secret { return NewSecret([]byte(text)) }

func TestPlainVectors(t *testing.T) {
	var v keyfileVectors
	vectortest.Decode(t, vectorFile, &v)
	for _, c := range v.Plain {
		k, err := Parse([]byte(c.Content))
		if c.ExpectError {
			if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrMismatch) && !errors.Is(err, ErrUnsupported) {
				t.Errorf("%s: %v, want an error with a sentinel", c.Name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		public := k.PublicKey()
		if got := "0x" + hex.EncodeToString(public[:]); got != c.Expect.PublicKey || k.Address() != c.Expect.Address || k.Private() != c.HasPrivate {
			t.Errorf("%s: %s, %s, private %v", c.Name, got, k.Address(), k.Private())
		}
		// What we write of it, we read again.
		content := k.MarshalPublic()
		if k.Private() {
			if content, err = k.Marshal(); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
		again, err := Parse(content)
		if err != nil || again.PublicKey() != k.PublicKey() || again.Private() != k.Private() || !bytes.Equal(again.Phrase().Reveal(), k.Phrase().Reveal()) {
			t.Errorf("%s: written and read again: %v, %v", c.Name, again, err)
		}
	}
	for _, c := range v.PasswordEnv {
		name := PasswordVariable(c.Path)
		if value := EncodePassword(name, secret(c.Password)); name != c.Variable || value != c.Value {
			t.Errorf("%s: %s=%s, want %s=%s", c.Path, name, value, c.Variable, c.Value)
		}
		if password, err := DecodePassword(c.Variable, c.Value); err != nil || string(password.Reveal()) != c.Password {
			t.Errorf("%s: %v", c.Variable, err)
		}
	}
	vectortest.Count(t, vectorFile, len(v.Plain)+len(v.PasswordEnv))
}

// TestEncryptedVectors derives each $NACL key once, since that takes seconds.
func TestEncryptedVectors(t *testing.T) {
	if testing.Short() {
		t.Skip("Argon2 takes 512 MiB and seconds")
	}
	var v keyfileVectors
	vectortest.Decode(t, vectorFile, &v)
	if got := hex.EncodeToString(naclSalt); got != v.NaClSalt || fernetSalt != v.LegacySalt {
		t.Errorf("salts %s and %s, want %s and %s", got, fernetSalt, v.NaClSalt, v.LegacySalt)
	}
	keys := map[string]*[32]byte{}
	for _, c := range v.Encrypted {
		content, err := base64.StdEncoding.DecodeString(c.File)
		if err != nil {
			t.Fatal(err)
		}
		var plain []byte
		if EncryptionOf(content) == NaCl && len(content) > 100 {
			key := keys[c.Password]
			if key == nil {
				if key, err = naclKey(t.Context(), []byte(c.Password)); err != nil {
					t.Fatal(err)
				}
				keys[c.Password] = key
			}
			if got := hex.EncodeToString(key[:]); c.DerivedKey != "" && got != c.DerivedKey {
				t.Errorf("%s: derived key %s, want %s", c.Name, got, c.DerivedKey)
			}
			if nonce := hex.EncodeToString(content[5:29]); c.Nonce != "" && nonce != c.Nonce {
				t.Errorf("%s: nonce %s, want %s", c.Name, nonce, c.Nonce)
			}
			plain, err = openNaCl(content, key)
		} else {
			plain, err = Decrypt(t.Context(), content, secret(c.Password))
		}
		switch {
		case c.ExpectError == "too short":
			if !errors.Is(err, ErrFormat) {
				t.Errorf("%s: %v, want ErrFormat", c.Name, err)
			}
		case c.ExpectError != "":
			if !errors.Is(err, ErrPassword) {
				t.Errorf("%s: %v, want ErrPassword", c.Name, err)
			}
		case err != nil || string(plain) != c.Plaintext:
			t.Errorf("%s: %v", c.Name, err)
		default:
			if _, err := Parse(plain); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
		if c.FernetKey != "" {
			keys, err := base64.URLEncoding.DecodeString(c.FernetKey)
			token, err2 := base64.URLEncoding.DecodeString(string(content))
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			token[40] ^= 1
			if _, err := openFernetWith(token, keys); !errors.Is(err, ErrPassword) {
				t.Errorf("%s: a changed token gives %v", c.Name, err)
			}
		}
	}
	vectortest.Count(t, vectorFile, len(v.Encrypted))
}

// TestOpensItsOwn encrypts and opens with the key of the vectors, without the seconds of Argon2.
func TestOpensItsOwn(t *testing.T) {
	if testing.Short() {
		t.Skip("Argon2 takes 512 MiB and seconds")
	}
	password := secret("gehéim")
	sealed, err := Encrypt(t.Context(), []byte("text"), password)
	if err != nil || EncryptionOf(sealed) != NaCl || bytes.Contains(sealed, []byte("text")) {
		t.Fatalf("%q, %v", sealed, err)
	}
	plain, err := Decrypt(t.Context(), sealed, password)
	if err != nil || string(plain) != "text" {
		t.Errorf("%q, %v", plain, err)
	}
}

func TestDecryptRefuses(t *testing.T) {
	long := strings.Repeat("61", 200)
	for _, c := range []struct {
		name, content string
		want          error
	}{
		{"nacl of its tag", "$NACL", ErrFormat},
		{"nacl too short", "$NACL" + strings.Repeat("x", 39), ErrFormat},
		{"large", "$NACL" + strings.Repeat("x", MaxFile), ErrFormat},
		{"vault of its tag", "$ANSIBLE_VAULT", ErrFormat},
		{"vault 1.2", "$ANSIBLE_VAULT;1.2;AES256;me\n" + long, ErrFormat},
		{"vault of nothing", "$ANSIBLE_VAULT;1.1;AES256\n", ErrFormat},
		{"vault without parts", "$ANSIBLE_VAULT;1.1;AES256\n" + long, ErrFormat},
		{"vault of no hex", "$ANSIBLE_VAULT;1.1;AES256\nxx", ErrFormat},
		{"vault of no hex inside", "$ANSIBLE_VAULT;1.1;AES256\n" + hex.EncodeToString([]byte("x\ny\nz")), ErrFormat},
		{"vault of a short sum", "$ANSIBLE_VAULT;1.1;AES256\n" + hex.EncodeToString([]byte("00\n00\n00")), ErrFormat},
		{"vault of another sum", "$ANSIBLE_VAULT;1.1;AES256\n" + hex.EncodeToString([]byte("00\n"+strings.Repeat("00", 32)+"\n00")), ErrPassword},
		{"fernet of its tag", "gAAAAA", ErrFormat},
		{"fernet too short", "gAAAAABB", ErrFormat},
		{"fernet of odd size", base64.URLEncoding.EncodeToString(append([]byte{0x80, 0, 0, 0, 0}, make([]byte, 77)...)), ErrFormat},
		{"fernet of no base64", "gAAAAA!!", ErrFormat},
	} {
		if _, err := Decrypt(t.Context(), []byte(c.content), secret("p")); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if _, err := Parse([]byte(c.content)); !errors.Is(err, ErrEncrypted) && !errors.Is(err, ErrFormat) {
			t.Errorf("%s read as plain: %v", c.name, err)
		}
	}
	if plain, err := Decrypt(t.Context(), []byte("{}"), Secret{}); err != nil || string(plain) != "{}" {
		t.Errorf("plain content: %q, %v", plain, err)
	}
	if _, err := Encrypt(t.Context(), []byte("x"), Secret{}); err == nil {
		t.Error("an empty password encrypts")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Encrypt(ended, []byte("x"), secret("p")); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}
