package timelock

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"
)

// lock makes a chain of one's own, a message locked to its round 77 and the signature of that round.
func lock(t testing.TB, message []byte) (s *Secret, ciphertext, signature []byte) {
	t.Helper()
	s, err := NewSecret([]byte("test"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Encrypt(rand.Reader, message, 77, s.Public())
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Pulse(77)
	if err != nil {
		t.Fatal(err)
	}
	return s, c, p.Signature
}

func TestRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 15, 16, 17, 4400, MaxPlaintext} {
		message := bytes.Repeat([]byte{0xa5}, n)
		_, c, sig := lock(t, message)
		if len(c) != n+Overhead {
			t.Errorf("%d bytes become %d", n, len(c))
		}
		if err := Check(c); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
		got, err := Decrypt(c, sig)
		if err != nil || !bytes.Equal(got, message) {
			t.Errorf("%d bytes: opened to %d, %v", n, len(got), err)
		}
	}
}

func TestEncryptIsRandom(t *testing.T) {
	_, a, _ := lock(t, []byte("same"))
	_, b, _ := lock(t, []byte("same"))
	if bytes.Equal(a, b) || bytes.Equal(a[:96], b[:96]) {
		t.Error("one message locked twice gives the same bytes")
	}
}

func TestEncryptRefuses(t *testing.T) {
	key := Quicknet()
	infinity := PublicKey{0: 0xc0}
	for _, c := range []struct {
		name  string
		rand  io.Reader
		text  []byte
		round uint64
		key   PublicKey
		want  error
	}{
		{"too long", rand.Reader, make([]byte, MaxPlaintext+1), 1, key, ErrTooLong},
		{"round 0", rand.Reader, nil, 0, key, nil},
		{"zero key", rand.Reader, nil, 1, PublicKey{}, ErrChain},
		{"key at infinity", rand.Reader, nil, 1, infinity, ErrChain},
		{"too little randomness", bytes.NewReader(make([]byte, 75)), nil, 1, key, io.ErrUnexpectedEOF},
		{"broken randomness", iotest.ErrReader(errors.New("gone")), nil, 1, key, nil},
	} {
		got, err := Encrypt(c.rand, c.text, c.round, c.key)
		if err == nil || got != nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestWrongKeys: neither another round nor another chain opens a message.
func TestWrongKeys(t *testing.T) {
	s, c, sig := lock(t, []byte("wait"))
	other, err := NewSecret([]byte("other"))
	if err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func() (Pulse, error){
		"round before":  func() (Pulse, error) { return s.Pulse(76) },
		"round after":   func() (Pulse, error) { return s.Pulse(78) },
		"another chain": func() (Pulse, error) { return other.Pulse(77) },
	} {
		p, err := make()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decrypt(c, p.Signature); !errors.Is(err, ErrLocked) || got != nil {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	infinity := append([]byte{0xc0}, make([]byte, 47)...)
	offCurve := append([]byte{0x80}, make([]byte, 46)...)
	for name, bad := range map[string][]byte{
		"none": nil, "short": sig[:47], "long": append(bytes.Clone(sig), 0), "G2": c[:96], "infinity": infinity, "off the curve": append(offCurve, 5), "zeros": make([]byte, 48),
	} {
		if got, err := Decrypt(c, bad); !errors.Is(err, ErrPulse) || got != nil {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
}

// TestTampering: a change of any byte is noticed.
func TestTampering(t *testing.T) {
	_, c, sig := lock(t, []byte("0123456789"))
	for i := range c {
		if testing.Short() && i%7 != 0 {
			continue
		}
		bad := bytes.Clone(c)
		bad[i] ^= 1
		if got, err := Decrypt(bad, sig); !errors.Is(err, ErrLocked) && !errors.Is(err, ErrCiphertext) || got != nil {
			t.Errorf("byte %d: %q %v", i, got, err)
		}
	}
	for _, n := range []int{0, 1, 95, 96, Overhead - 1, len(c) - 1, len(c) + 1} {
		bad := append(bytes.Clone(c), 0)[:n]
		if _, err := Decrypt(bad, sig); !errors.Is(err, ErrCiphertext) {
			t.Errorf("%d bytes: %v", n, err)
		}
		if err := Check(bad); !errors.Is(err, ErrCiphertext) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := Decrypt(make([]byte, MaxPlaintext+Overhead+1), sig); !errors.Is(err, ErrCiphertext) {
		t.Errorf("too long: %v", err)
	}
}

// TestPointU replaces U by points that are none of the subgroup's, with everything else in form.
func TestPointU(t *testing.T) {
	_, c, sig := lock(t, []byte("x"))
	for name, u := range map[string][]byte{
		"infinity":          append([]byte{0xc0}, make([]byte, 95)...),
		"infinity, sloppy":  append([]byte{0xe0}, make([]byte, 95)...),
		"no compression":    append([]byte{0x05}, c[1:96]...),
		"x above the prime": append(bytes.Repeat([]byte{0xff}, 48), make([]byte, 48)...),
		"off the subgroup":  offSubgroup(t),
	} {
		bad := append(bytes.Clone(u), c[96:]...)
		if _, err := Decrypt(bad, sig); !errors.Is(err, ErrCiphertext) {
			t.Errorf("%s: %v", name, err)
		}
	}
	negated := bytes.Clone(c)
	negated[0] ^= 0x20 // −U, a good point that does not follow from the key inside
	if _, err := Decrypt(negated, sig); !errors.Is(err, ErrLocked) {
		t.Errorf("negated U: %v", err)
	}
}

// offSubgroup is a compressed point on G2's curve that is not in the subgroup: nearly all of the curve's points are not.
func offSubgroup(t *testing.T) []byte {
	t.Helper()
	for x := byte(1); x < 200; x++ {
		b := append([]byte{0x80}, make([]byte, 95)...)
		b[95] = x
		_, err := parseG2(b)
		if err != nil && strings.Contains(err.Error(), "subgroup") {
			return b
		}
	}
	t.Fatal("found no point off the subgroup")
	return nil
}

// TestSDKCiphertexts opens what the Python SDK locked.
func TestSDKCiphertexts(t *testing.T) {
	b, err := os.ReadFile("testdata/sdk.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		SDK       string
		Round     uint64
		Signature hexBytes
		Cases     []struct{ Plaintext, Envelope hexBytes }
	}
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	for i, c := range f.Cases {
		e, err := ParseEnvelope(c.Envelope)
		if err != nil || e.Round != f.Round {
			t.Fatalf("case %d: round %d, %v", i, e.Round, err)
		}
		if !bytes.Equal(e.Bytes(), c.Envelope) {
			t.Errorf("case %d: envelope changes", i)
		}
		got, err := Decrypt(e.Ciphertext, f.Signature)
		if err != nil || !bytes.Equal(got, c.Plaintext) {
			t.Errorf("case %d: %x %v, want %x", i, got, err, c.Plaintext)
		}
	}
}

// TestInterop locks and opens messages together with the Python SDK, in the environment that NANTEOS_PYTHON names.
func TestInterop(t *testing.T) {
	python := os.Getenv("NANTEOS_PYTHON")
	if python == "" {
		t.Skip("set NANTEOS_PYTHON to the bin/python of an environment with bittensor-drand==2.0.0")
	}
	if err := exec.Command(python, "-c", "import bittensor_drand").Run(); err != nil {
		t.Skipf("%s has no bittensor_drand: pip install bittensor-drand==2.0.0", python)
	}
	sdk := func(args ...string) []string {
		t.Helper()
		out, err := exec.Command(python, append([]string{"testdata/sdk.py"}, args...)...).Output()
		if err != nil {
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				t.Logf("%s", exit.Stderr)
			}
			t.Fatal(err)
		}
		return strings.Split(strings.TrimRight(string(out), "\n"), "\n")
	}
	f := load(t)
	var pulse pulseVector
	for _, p := range f.Pulses {
		if p.Valid {
			pulse = p
		}
	}
	messages := []string{"68656c6c6f", "00", hex.EncodeToString(bytes.Repeat([]byte{7}, 4000))}
	var ours []string
	for _, m := range messages {
		plain, _ := hex.DecodeString(m)
		c, err := Encrypt(rand.Reader, plain, pulse.Round, Quicknet())
		if err != nil {
			t.Fatal(err)
		}
		ours = append(ours, hex.EncodeToString(Envelope{Ciphertext: c, Round: pulse.Round}.Bytes()))
	}
	for i, got := range sdk(append([]string{"decrypt", hex.EncodeToString(pulse.Signature)}, ours...)...) {
		if got != messages[i] {
			t.Errorf("message %d: the SDK opens ours to %.80s", i, got)
		}
	}
	round := new(strings.Builder)
	json.NewEncoder(round).Encode(pulse.Round)
	for i, line := range sdk(append([]string{"encrypt", strings.TrimSpace(round.String())}, messages...)...) {
		raw, err := hex.DecodeString(line)
		if err != nil {
			t.Fatal(err)
		}
		e, err := ParseEnvelope(raw)
		if err != nil || e.Round != pulse.Round {
			t.Fatalf("message %d: %+v %v", i, e.Round, err)
		}
		got, err := Decrypt(e.Ciphertext, pulse.Signature)
		if err != nil || hex.EncodeToString(got) != messages[i] {
			t.Errorf("message %d: we open the SDK's to %.80x, %v", i, got, err)
		}
	}
}

func TestEnvelope(t *testing.T) {
	for _, n := range []int{0, 63, 64, 16383, 16384, 100000} {
		e := Envelope{Ciphertext: bytes.Repeat([]byte{1}, n), Round: 1 << 40}
		got, err := ParseEnvelope(e.Bytes())
		if err != nil || got.Round != e.Round || !bytes.Equal(got.Ciphertext, e.Ciphertext) {
			t.Errorf("%d bytes: %v", n, err)
		}
		for _, bad := range [][]byte{e.Bytes()[:n], append(e.Bytes(), 0), e.Bytes()[1:]} {
			if _, err := ParseEnvelope(bad); !errors.Is(err, ErrCiphertext) {
				t.Errorf("%d bytes: broken envelope accepted: %v", n, err)
			}
		}
	}
	for name, bad := range map[string][]byte{
		"longer form of 1":    append([]byte{1<<2 | 1, 0, 9}, make([]byte, 8)...),
		"longer form of 64":   append([]byte{0x02, 1, 0, 0}, make([]byte, 72)...),
		"big mode":            append([]byte{3, 0, 0, 0, 0}, make([]byte, 8)...),
		"length beyond input": binary.LittleEndian.AppendUint32(nil, 1<<29|2),
		"nothing":             nil,
		"half a length":       {1},
		"a third of a length": {2, 0},
	} {
		if _, err := ParseEnvelope(bad); !errors.Is(err, ErrCiphertext) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestText(t *testing.T) {
	for _, s := range []string{"", "hello from Go tl", strings.Repeat("é", 50)} {
		if got, ok := ParseText(Text(s)); !ok || got != s {
			t.Errorf("%q becomes %q, %v", s, got, ok)
		}
	}
	if b := Text("hello from Go tl"); b[0] != 16<<2 {
		t.Errorf("%x", b)
	}
	for _, bad := range [][]byte{nil, {4}, {4, 'a', 'b'}} {
		if s, ok := ParseText(bad); ok {
			t.Errorf("%x becomes %q", bad, s)
		}
	}
}

func FuzzDecrypt(f *testing.F) {
	_, c, sig := lock(f, []byte("seed"))
	f.Add(c, sig)
	f.Add(c[:200], sig)
	f.Add([]byte{}, []byte{})
	if b, err := os.ReadFile("testdata/sdk.json"); err == nil {
		f.Add(b, sig)
	}
	f.Fuzz(func(t *testing.T, ciphertext, signature []byte) {
		plain, err := Decrypt(ciphertext, signature)
		if err == nil && len(plain)+Overhead != len(ciphertext) {
			t.Fatalf("%d bytes from %d", len(plain), len(ciphertext))
		}
		if err != nil && !errors.Is(err, ErrCiphertext) && !errors.Is(err, ErrPulse) && !errors.Is(err, ErrLocked) {
			t.Fatalf("error of no kind: %v", err)
		}
		if e, err := ParseEnvelope(ciphertext); err == nil && !bytes.Equal(e.Bytes(), ciphertext) {
			t.Fatalf("envelope %x becomes %x", ciphertext, e.Bytes())
		}
	})
}

func BenchmarkEncrypt(b *testing.B) {
	message := make([]byte, 4400)
	for b.Loop() {
		if _, err := Encrypt(rand.Reader, message, 1000, Quicknet()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecrypt(b *testing.B) {
	_, c, sig := lock(b, make([]byte, 4400))
	for b.Loop() {
		if _, err := Decrypt(c, sig); err != nil {
			b.Fatal(err)
		}
	}
}
