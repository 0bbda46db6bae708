package wallet

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/bittensor/sr25519"
)

const (
	phrase  = "old leopard transfer rib spatial phone calm indicate online fire caution review"
	seed    = "da3cf5b1e9144931a0f0db65664aab662673b099415a7f8121b7245fb0be4143"
	private = "1f1995bdf3a17b60626a26cfe6f564b337d46056b7a1281b64c649d592ccda0a9cffd34d9fb01cae1fba61aeed184c817442a2186d5172416729a4b54dd4b84e"
	ed25519 = "f8c8a8ec9d0fdd031353337936af279bbda106b3ba0d45d920334eaa9664d6569cffd34d9fb01cae1fba61aeed184c817442a2186d5172416729a4b54dd4b84e"
	public  = "e4359ad3e2716c539a1d663ebd0a51bdc5c98a12e663bb4c4402db47828c9446"
	address = "5HDvhV6WDCjCKyrXqGQSDYqQAzkzabNhctmiDYEqgBC66BsX"
	alice   = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
)

func testKey(t testing.TB) *Key {
	t.Helper()
	k, err := FromPhrase(secret(phrase))
	if err != nil || k.Address() != address {
		t.Fatal(k, err)
	}
	return k
}

func TestParseAccepts(t *testing.T) {
	for _, c := range []struct {
		name, content string
		private       bool
	}{
		{"all nulls but one", `{"secretPhrase": null, "secretSeed": null, "privateKey": "0x` + private + `", "cryptoType": null, "ss58Address": null}`, true},
		{"empty text counts as absent", `{"secretPhrase": "", "secretSeed": "", "privateKey": "", "publicKey": "0x` + public + `"}`, false},
		{"address only", `{"ss58Address": "` + address + `"}`, false},
		{"account only", `{"accountId": "` + public + `"}`, false},
		{"unknown keys", `{"secretSeed": "` + seed + `", "accountType": "x", "signingScheme": {"a": [1]}, "hashedDescriptor": null}`, true},
		{"seed of raw bytes beside a private key", `{"secretSeed": "0x\u0012\u0012", "privateKey": "` + private + `", "ss58Address": "` + address + `"}`, true},
		{"escapes", `{"secretPhrase": "old\u0020leopard transfer rib spatial phone calm indicate online fire caution review"}`, true},
		{"white space and BOM", "\ufeff\n {\"secretSeed\": \"" + seed + "\"}\r\n", true},
		{"bare private key", private + "\n", true},
		{"bare seed with 0x", "0x" + seed, true},
		{"bare phrase with odd space", "  old leopard\ttransfer rib spatial phone calm\nindicate online fire caution review \n", true},
		{"crypto type as text", `{"cryptoType": "1", "secretSeed": "` + seed + `"}`, true},
	} {
		k, err := Parse([]byte(c.content))
		if err != nil || k.Address() != address || k.Private() != c.private {
			t.Errorf("%s: %v, %v", c.name, k, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		name, content string
		want          error
		text          string
	}{
		{"nothing", " \n", ErrFormat, "empty"},
		{"large", strings.Repeat("a", MaxFile+1), ErrFormat, "bytes"},
		{"no JSON", `{"secretPhrase": "` + phrase + `"`, ErrFormat, "JSON"},
		{"two objects", `{"secretSeed": "` + seed + `"}{}`, ErrFormat, "JSON"},
		{"deep", strings.Repeat(`{"a":`, 12000), ErrFormat, "JSON"},
		{"a list", `["` + phrase + `"]`, ErrFormat, "word 1"},
		{"empty object", `{}`, ErrFormat, "neither a key nor an address"},
		{"another address", `{"secretSeed": "` + seed + `", "ss58Address": "` + alice + `"}`, ErrMismatch, "ss58Address"},
		{"another account", `{"accountId": "` + strings.Repeat("12", 32) + `", "ss58Address": "` + alice + `"}`, ErrMismatch, "ss58Address"},
		{"another public key", `{"secretSeed": "` + seed + `", "publicKey": "0x` + strings.Repeat("12", 32) + `"}`, ErrMismatch, "publicKey"},
		{"another old address", `{"secretSeed": "` + seed + `", " ss58Address": "` + alice + `"}`, ErrMismatch, "ss58Address"},
		{"no address", `{"ss58Address": "hunter2"}`, ErrFormat, "invalid ss58 address"},
		{"another network", `{"ss58Address": "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5"}`, ErrFormat, "42"},
		{"number for a phrase", `{"secretPhrase": 7}`, ErrFormat, "secretPhrase is no text"},
		{"list for a seed", `{"secretSeed": ["a"]}`, ErrFormat, "secretSeed is no text"},
		{"object for a private key", `{"privateKey": {}}`, ErrFormat, "privateKey is no text"},
		{"number for an account", `{"accountId": 7}`, ErrFormat, "accountId is no text"},
		{"short account", `{"accountId": "0x12"}`, ErrFormat, "32 bytes"},
		{"short seed", `{"secretSeed": "0x1234"}`, ErrFormat, "secretSeed"},
		{"short private key", `{"privateKey": "0x1234"}`, ErrFormat, "privateKey"},
		{"polkadot.js's form of the private key", `{"privateKey": "` + ed25519 + `"}`, ErrFormat, "polkadot.js"},
		{"bad phrase", `{"secretPhrase": "hunter2 ` + phrase[4:] + `"}`, ErrFormat, "word 1 of 12"},
		{"bad phrase beside a good seed", `{"secretPhrase": "a b", "secretSeed": "` + seed + `"}`, ErrFormat, "2 words"},
		{"bare words", "hunter2 hunter3", ErrFormat, "2 words"},
		{"bare word", "hunter2", ErrFormat, "neither"},
		{"bare hex of 33 bytes", seed + "00", ErrFormat, "neither"},
		{"polkadot.js export", `{"encoded": "x"}`, ErrUnsupported, "polkadot.js"},
		{"hashed", `{"hashedDescriptor": {"a": 1}, "secretSeed": "` + seed + `"}`, ErrUnsupported, "hashed"},
		{"ed25519", `{"cryptoType": 0, "secretSeed": "` + seed + `"}`, ErrUnsupported, "ed25519"},
		{"ed25519 as text", `{"cryptoType": "0", "ss58Address": "` + address + `"}`, ErrUnsupported, "ed25519"},
		{"ML-DSA", `{"cryptoType": 3, "ss58Address": "` + address + `"}`, ErrUnsupported, "cryptoType"},
		{"no crypto type", `{"cryptoType": {"hunter2": 1}, "ss58Address": "` + address + `"}`, ErrUnsupported, "cryptoType"},
	} {
		k, err := Parse([]byte(c.content))
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || k != nil {
			t.Errorf("%s: %v, %v, want %v with %q", c.name, k, err, c.want, c.text)
		}
		for _, s := range []string{"hunter2", phrase[4:20], seed[:12], private[:12]} {
			if err != nil && strings.Contains(err.Error(), s) {
				t.Errorf("%s: the error repeats content: %v", c.name, err)
			}
		}
	}
}

func TestMarshal(t *testing.T) {
	content, err := testKey(t).Marshal()
	want := `{"accountId": "0x` + public + `", "publicKey": "0x` + public + `", "privateKey": "0x` + private + `", "secretPhrase": "` + phrase +
		`", "secretSeed": "0x` + seed + `", "ss58Address": "` + address + `"}`
	if err != nil || string(content) != want {
		t.Errorf("%s, %v", content, err)
	}
	if cap(content) != 1024 {
		t.Errorf("the buffer was copied: it has %d bytes", cap(content))
	}
	if got := string(testKey(t).MarshalPublic()); got != `{"accountId": "0x`+public+`", "publicKey": "0x`+public+`", "ss58Address": "`+address+`"}` {
		t.Error(got)
	}
	if _, err := testKey(t).Public().Marshal(); !errors.Is(err, ErrPublicOnly) {
		t.Errorf("a public key was written as a secret one: %v", err)
	}
	pair, _ := sr25519.FromURI([]byte("//Alice/soft"))
	derived, err := FromKeypair(pair).Marshal()
	if err != nil || bytes.Contains(derived, []byte("secretSeed")) {
		t.Errorf("%s, %v", derived, err)
	}
	if k, err := Parse(derived); err != nil || k.PublicKey() != pair.PublicKey() {
		t.Errorf("a derived key does not survive its file: %v", err)
	}
}

func TestKey(t *testing.T) {
	k := testKey(t)
	sig, err := k.Sign([]byte("m"))
	if err != nil || !sr25519.Verify(k.PublicKey(), []byte("m"), sig) {
		t.Errorf("signature: %v", err)
	}
	if _, err := k.Public().Sign(nil); !errors.Is(err, ErrPublicOnly) {
		t.Errorf("a public key signs: %v", err)
	}
	mini := [32]byte(must(hex.DecodeString(seed)))
	if s := FromSeed(&mini); s.Address() != address || mini != [32]byte{} {
		t.Errorf("%v, %x", s, mini)
	}
	if a, err := ParseAddress(address); err != nil || a.PublicKey() != k.PublicKey() || a.Private() {
		t.Errorf("%v, %v", a, err)
	}
	if _, err := ParseAddress("x"); err == nil {
		t.Error("x is an address")
	}
	words := k.Phrase()
	text := words.Reveal()
	k.Wipe()
	if k.Private() || !words.Empty() || !bytes.Equal(text, make([]byte, len(text))) || k.Address() != address {
		t.Errorf("after Wipe: %v, %q", k.Private(), text)
	}
	k.Wipe()
	for _, n := range []int{12, 24} {
		g, err := Generate(n)
		if err != nil || len(strings.Fields(string(g.Phrase().Reveal()))) != n {
			t.Errorf("%d words: %v", n, err)
		}
	}
	if _, err := Generate(13); !errors.Is(err, sr25519.ErrMnemonic) {
		t.Errorf("13 words: %v", err)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// TestNothingIsShown prints, encodes and logs keys and secrets in all ways.
func TestNothingIsShown(t *testing.T) {
	k, s := testKey(t), secret("hunter2")
	type holder struct {
		key *Key
		s   Secret
	}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("x", "key", k, "value", *k, "held", k.held, "secret", s, "holder", holder{k, s})
	}
	shown := log.String()
	for _, v := range []any{k, *k, k.held, s, &s, s.held, *s.held, holder{k, s}, &holder{k, s}, []Secret{s}, map[string]*Key{"a": k}, struct{ S Secret }{s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			shown += fmt.Sprintf(verb, v)
		}
		j, err := json.Marshal(v)
		if err != nil {
			t.Errorf("JSON of %T: %v", v, err)
		}
		shown += string(j)
	}
	for _, b := range [][]byte{[]byte("hunter2"), []byte(phrase[:12]), must(hex.DecodeString(seed[:16])), must(hex.DecodeString(private[:16]))} {
		for _, form := range []string{string(b), hex.EncodeToString(b), strings.Trim(fmt.Sprint(b), "[]")} {
			if strings.Contains(shown, form) {
				t.Errorf("%q is shown", form)
			}
		}
	}
	if !strings.Contains(shown, address) || !strings.Contains(shown, redacted) {
		t.Error("neither the address nor [secret] is shown")
	}
	s.Wipe()
	if !s.Empty() || !(Secret{}).Empty() {
		t.Error("a wiped secret is not empty")
	}
	Secret{}.Wipe()
}

// FuzzParse also checks that whatever is read can be written and read again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"secretPhrase": "` + phrase + `"}`, `{"secretSeed": "` + seed + `", "ss58Address": "` + address + `"}`, `{"privateKey": "` + private + `"}`,
		`{"publicKey": "` + public + `", "cryptoType": "1"}`, phrase, seed, "0x" + private, "{", `{"encoded":1}`, "$NACL", "gAAAAA", "\ufeff{}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		k, err := Parse(content)
		if err != nil {
			if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrMismatch) && !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrEncrypted) {
				t.Fatalf("error without sentinel: %v", err)
			}
			return
		}
		text := k.MarshalPublic()
		if k.Private() {
			if text, err = k.Marshal(); err != nil {
				t.Fatal(err)
			}
		}
		if again, err := Parse(text); err != nil || again.PublicKey() != k.PublicKey() || again.Private() != k.Private() {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

// FuzzDecrypt tries the formats that are opened without minutes of work.
func FuzzDecrypt(f *testing.F) {
	f.Add([]byte("$ANSIBLE_VAULT;1.1;AES256\n" + hex.EncodeToString([]byte("00\n"+strings.Repeat("00", 32)+"\n00"))))
	f.Add([]byte("gAAAAABB"))
	f.Add([]byte("$NACL0123"))
	key := new([32]byte)
	f.Fuzz(func(t *testing.T, content []byte) {
		switch EncryptionOf(content) {
		case NaCl:
			if len(content) >= len(naclTag)+nonceBytes+16 {
				if _, err := openNaCl(content, key); !errors.Is(err, ErrPassword) {
					t.Fatal(err)
				}
				return
			}
		case Fernet:
			if len(content) > 32 {
				return // ten million rounds
			}
		}
		if _, err := Decrypt(t.Context(), content, secret("x")); err != nil && !errors.Is(err, ErrPassword) && !errors.Is(err, ErrFormat) {
			t.Fatal(err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	content := []byte(`{"secretSeed": "` + seed + `", "ss58Address": "` + address + `"}`)
	for b.Loop() {
		if _, err := Parse(content); err != nil {
			b.Fatal(err)
		}
	}
}
