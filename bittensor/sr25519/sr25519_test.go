package sr25519

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ChainSafe/go-schnorrkel"

	"github.com/nanteos/nanteos/internal/vectortest"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil {
		t.Fatalf("hex %q: %v", text, err)
	}
	return b
}

func TestVectors(t *testing.T) {
	const file = "chain/sr25519.json"
	var v struct {
		Source     string
		Signatures []struct {
			Signer              string
			PublicKey           string `json:"public_key"`
			Context             string
			Message             string
			Signature           string
			Valid               bool
			ValidWithBytesWraps bool `json:"valid_with_bytes_wrapping"`
			Note                string
		}
	}
	vectortest.Decode(t, file, &v)
	var batch Batch
	var want []bool
	for i, c := range v.Signatures {
		if c.Context != "substrate" {
			t.Fatalf("case %d: context %q is not covered", i, c.Context)
		}
		key, message := [32]byte(unhex(t, c.PublicKey)), unhex(t, c.Message)
		sig := [64]byte(unhex(t, c.Signature))
		if got := Verify(key, message, sig); got != c.Valid {
			t.Errorf("case %d (%s): Verify = %v, want %v", i, c.Note, got, c.Valid)
		}
		wrapped := c.Valid || c.ValidWithBytesWraps
		if got := VerifyWrapped(key, message, sig); got != wrapped {
			t.Errorf("case %d (%s): VerifyWrapped = %v, want %v", i, c.Note, got, wrapped)
		}
		batch.Add(key, message, sig)
		want = append(want, wrapped)
	}
	for i, got := range batch.Verify() {
		if got != want[i] {
			t.Errorf("case %d: batch says %v, want %v", i, got, want[i])
		}
	}
	vectortest.Count(t, file, len(v.Signatures))
}

func seeded(n byte) Keypair { return NewKeypair([32]byte{n, 1, 2, 3}) }

func TestSignVerify(t *testing.T) {
	k := seeded(7)
	for _, message := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("long "), 1000)} {
		sig, err := k.Sign(message)
		if err != nil {
			t.Fatal(err)
		}
		if !Verify(k.Public(), message, sig) || !VerifyWrapped(k.Public(), message, sig) {
			t.Errorf("own signature over %d bytes does not verify", len(message))
		}
		if Verify(k.Public(), append(bytes.Clone(message), 1), sig) || Verify(seeded(8).Public(), message, sig) {
			t.Error("signature verifies for another message or key")
		}
		again, _ := k.Sign(message)
		if again == sig {
			t.Error("two signatures are equal, so not randomised")
		}
		for _, bit := range []int{0, 255, 256, 500, 511} {
			bad := sig
			bad[bit/8] ^= 1 << (bit % 8)
			if VerifyWrapped(k.Public(), message, bad) {
				t.Errorf("signature with bit %d flipped verifies", bit)
			}
		}
		wrapped, _ := k.Sign(Wrap(message))
		if Verify(k.Public(), message, wrapped) || !VerifyWrapped(k.Public(), message, wrapped) {
			t.Error("wrapped signature: plain accepts it or wrapped refuses it")
		}
	}
}

func TestSignRandRepeats(t *testing.T) {
	k := seeded(1)
	one, err1 := k.SignRand(rand.NewChaCha8([32]byte{1}), []byte("m"))
	two, err2 := k.SignRand(rand.NewChaCha8([32]byte{1}), []byte("m"))
	if err1 != nil || err2 != nil || one != two {
		t.Errorf("same randomness, different signatures: %v %v", err1, err2)
	}
	if other, _ := k.SignRand(rand.NewChaCha8([32]byte{2}), []byte("m")); other == one {
		t.Error("other randomness, same signature")
	}
}

// TestSecondImplementation crosses keys and signatures with go-schnorrkel.
func TestSecondImplementation(t *testing.T) {
	for i := range byte(8) {
		mini := [32]byte{i, 9, 9}
		ours := NewKeypair(mini)
		m, err := schnorrkel.NewMiniSecretKeyFromRaw(mini)
		if err != nil {
			t.Fatal(err)
		}
		theirs := m.ExpandEd25519()
		pub, err := theirs.Public()
		if err != nil {
			t.Fatal(err)
		}
		if pub.Encode() != ours.Public() {
			t.Fatalf("mini secret %d: public key %x, second implementation %x", i, ours.Public(), pub.Encode())
		}
		message := []byte(fmt.Sprint("message ", i))
		sig, err := theirs.Sign(schnorrkel.NewSigningContext([]byte("substrate"), message))
		if err != nil {
			t.Fatal(err)
		}
		if !Verify(ours.Public(), message, sig.Encode()) {
			t.Error("we refuse a signature of the second implementation")
		}
		mine, err := ours.Sign(message)
		if err != nil {
			t.Fatal(err)
		}
		var s schnorrkel.Signature
		if err := s.Decode(mine); err != nil {
			t.Fatal(err)
		}
		if ok, err := pub.Verify(&s, schnorrkel.NewSigningContext([]byte("substrate"), message)); err != nil || !ok {
			t.Errorf("the second implementation refuses our signature: %v", err)
		}
	}
}

func TestBatch(t *testing.T) {
	var b Batch
	if got := b.Verify(); len(got) != 0 {
		t.Errorf("empty batch: %v", got)
	}
	k := seeded(3)
	message := func(i int) []byte { return fmt.Appendf(nil, "row %d", i) }
	for i := range 40 {
		sig, _ := k.Sign(message(i))
		b.Add(k.Public(), message(i), sig)
	}
	for i, ok := range b.Verify() {
		if !ok {
			t.Errorf("all valid, but %d fails", i)
		}
	}
	good, _ := k.Sign(message(0))
	wrapped, _ := k.Sign(Wrap(message(0)))
	b.Add(k.Public(), message(1), good)              // 40: another message
	b.Add(k.Public(), message(0), wrapped)           // 41: wrapped
	b.Add([32]byte{0xff, 0xff}, message(0), good)    // 42: no point
	b.Add(k.Public(), message(0), [64]byte{1, 2, 3}) // 43: no signature
	for i, ok := range b.Verify() {
		if want := i < 40 || i == 41; ok != want {
			t.Errorf("entry %d: %v, want %v", i, ok, want)
		}
	}
	if b.Len() != 44 {
		t.Errorf("Len = %d", b.Len())
	}
}

func TestSecretIsNeverShown(t *testing.T) {
	mini := [32]byte{0xde, 0xad, 0xbe, 0xef, 0x42, 0x99}
	k := NewKeypair(mini)
	raw, err := k.secret.pair.SecretKey().MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	public := k.Public()
	type holder struct{ key Keypair }
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("key", "key", k, "pointer", &k, "secret", k.secret, "holder", holder{k})
	}
	shown := []string{log.String()}
	for _, v := range []any{k, &k, k.secret, *k.secret, holder{k}, &holder{k}, []Keypair{k}, map[string]Keypair{"a": k}, struct{ K Keypair }{k}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p"} {
			shown = append(shown, fmt.Sprintf(verb, v))
		}
		j, err := json.Marshal(v)
		if err != nil {
			t.Errorf("JSON of %T: %v", v, err)
		}
		shown = append(shown, string(j))
	}
	decimal := func(b []byte) string { return strings.Trim(fmt.Sprint(b), "[]") }
	goSyntax := func(b []byte) string {
		return strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", b), "[]byte{"), "}")
	}
	for name, b := range map[string][]byte{"mini": mini[:6], "scalar": raw[:32], "nonce": raw[32:]} {
		for _, form := range []string{hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), string(b), decimal(b), goSyntax(b)} {
			for _, text := range shown {
				if strings.Contains(text, form) {
					t.Errorf("%s is shown in %q", name, text)
				}
			}
		}
	}
	if !strings.Contains(shown[1], hex.EncodeToString(public[:])) {
		t.Errorf("the public key is not shown: %q", shown[1])
	}
}

func TestWipe(t *testing.T) {
	k := seeded(5)
	alias := k
	key := k.secret.pair.SecretKey()
	before, _ := key.MarshalBinary()
	k.Wipe()
	after, _ := key.MarshalBinary()
	if bytes.Equal(before, after) || !bytes.Equal(after, make([]byte, 64)) {
		t.Errorf("secret after Wipe: %x", after)
	}
	if _, err := alias.Sign([]byte("m")); !errors.Is(err, ErrWiped) {
		t.Errorf("copy signs after Wipe: %v", err)
	}
	if k.Public() != seeded(5).Public() {
		t.Error("Wipe changed the public key")
	}
	k.Wipe()
	var zero Keypair
	zero.Wipe()
	if _, err := zero.Sign(nil); !errors.Is(err, ErrWiped) {
		t.Errorf("zero key pair signs: %v", err)
	}
}

func TestWipeClearsScalar(t *testing.T) {
	k := seeded(6)
	scalar := scalarOf(k.secret.pair.SecretKey())
	if scalar == nil {
		t.Fatal("the library keeps its scalar elsewhere; Wipe must learn where")
	}
	k.Wipe()
	b := make([]byte, 32)
	if err := scalar.ToBytes(b); err != nil || !bytes.Equal(b, make([]byte, 32)) {
		t.Errorf("scalar after Wipe: %x, %v", b, err)
	}
}

func TestGenerate(t *testing.T) {
	a, b := Generate(), Generate()
	if a.Public() == b.Public() || a.Public() == [32]byte{} {
		t.Error("generated keys are equal or empty")
	}
}

func FuzzVerify(f *testing.F) {
	k := seeded(9)
	sig, _ := k.Sign([]byte("m"))
	public := k.Public()
	f.Add(public[:], []byte("m"), sig[:])
	f.Add(make([]byte, 32), []byte{}, make([]byte, 64))
	f.Fuzz(func(t *testing.T, key, message, signature []byte) {
		var p [32]byte
		var s [64]byte
		copy(p[:], key)
		copy(s[:], signature)
		one := VerifyWrapped(p, message, s)
		var b Batch
		b.Add(p, message, s)
		if got := b.Verify(); got[0] != one {
			t.Errorf("batch %v, single %v", got[0], one)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	k, message := seeded(1), make([]byte, 32)
	for b.Loop() {
		if _, err := k.Sign(message); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	k, message := seeded(1), make([]byte, 32)
	sig, _ := k.Sign(message)
	for b.Loop() {
		if !VerifyWrapped(k.Public(), message, sig) {
			b.Fatal("refused")
		}
	}
}

// BenchmarkBatch reports the time of one signature in batches of 64.
func BenchmarkBatch(b *testing.B) {
	k := seeded(1)
	var batch Batch
	for i := range 64 {
		message := fmt.Appendf(nil, "row %d", i)
		sig, _ := k.Sign(message)
		batch.Add(k.Public(), message, sig)
	}
	rounds := 0
	for b.Loop() {
		rounds++
		for _, ok := range batch.Verify() {
			if !ok {
				b.Fatal("refused")
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rounds*64), "ns/signature")
}
