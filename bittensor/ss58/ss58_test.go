package ss58

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/vectortest"
)

func account(t *testing.T, text string) [32]byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil || len(b) != 32 {
		t.Fatalf("account %q: %d bytes, %v", text, len(b), err)
	}
	return [32]byte(b)
}

func TestVectors(t *testing.T) {
	const file = "chain/ss58.json"
	var v struct {
		Source string
		Valid  []struct {
			PublicKey string `json:"public_key"`
			Prefix    uint16
			Address   string
		}
		Invalid []struct{ Address, Reason string }
	}
	vectortest.Decode(t, file, &v)
	n := 0
	for _, c := range v.Valid {
		n++
		key := account(t, c.PublicKey)
		if got, err := Encode(key, c.Prefix); err != nil || got != c.Address {
			t.Errorf("Encode(%s, %d) = %s, %v; want %s", c.PublicKey, c.Prefix, got, err, c.Address)
		}
		got, prefix, err := Decode(c.Address)
		if err != nil || got != key || prefix != c.Prefix {
			t.Errorf("Decode(%s) = %x, %d, %v; want %s, %d", c.Address, got, prefix, err, c.PublicKey, c.Prefix)
		}
	}
	for _, c := range v.Invalid {
		n++
		if _, _, err := Decode(c.Address); !errors.Is(err, ErrAddress) {
			t.Errorf("Decode(%q) = %v, want ErrAddress (%s)", c.Address, err, c.Reason)
		}
	}
	vectortest.Count(t, file, n)
}

func TestEveryPrefixRoundTrips(t *testing.T) {
	key := account(t, "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d")
	for prefix := uint16(0); prefix <= MaxPrefix; prefix++ {
		address, err := Encode(key, prefix)
		if prefix == 46 || prefix == 47 {
			if !errors.Is(err, ErrPrefix) {
				t.Errorf("Encode with reserved prefix %d: %v", prefix, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("Encode with prefix %d: %v", prefix, err)
		}
		if len(address) > longest {
			t.Fatalf("prefix %d: address of %d characters, the bound is %d", prefix, len(address), longest)
		}
		got, p, err := Decode(address)
		if err != nil || got != key || p != prefix {
			t.Fatalf("Decode(%s) = %x, %d, %v", address, got, p, err)
		}
	}
	if _, err := Encode(key, MaxPrefix+1); !errors.Is(err, ErrPrefix) {
		t.Errorf("Encode with prefix %d: %v", MaxPrefix+1, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	key := account(t, "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d")
	raw := func(prefix ...byte) string {
		b := append(bytes.Clone(prefix), key[:]...)
		sum := checksum(b)
		return encodeBase58(append(b, sum[:]...))
	}
	for _, c := range []struct {
		name, address string
		want          error
	}{
		{"reserved 46", raw(46), ErrPrefix},
		{"reserved 47", raw(47), ErrPrefix},
		{"first byte 128", raw(128), ErrAddress},
		{"leading space", " " + EncodeBittensor(key), ErrAddress},
		{"trailing newline", EncodeBittensor(key) + "\n", ErrAddress},
		{"not ASCII", "5Grwvaé", ErrAddress},
		{"one byte of a prefix", "2c", ErrAddress},
		{"33 bytes of account", raw(42, 1), ErrAddress},
		{"a megabyte", strings.Repeat("z", 1<<20), ErrAddress},
	} {
		if _, _, err := Decode(c.address); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	// Substrate reads 42 in two bytes as well; a user's input must have the usual form.
	odd := raw(42>>2|0x40, 42&3<<6)
	if got, prefix, err := Decode(odd); err != nil || got != key || prefix != 42 {
		t.Errorf("Decode of a two-byte 42 = %x, %d, %v", got, prefix, err)
	}
	if _, err := DecodeBittensor(odd); !errors.Is(err, ErrAddress) {
		t.Errorf("DecodeBittensor of a two-byte 42: %v", err)
	}
	if _, err := DecodeBittensor(raw(0)); !errors.Is(err, ErrPrefix) {
		t.Errorf("DecodeBittensor of prefix 0: %v", err)
	}
	if got, err := DecodeBittensor(EncodeBittensor(key)); err != nil || got != key {
		t.Errorf("DecodeBittensor = %x, %v", got, err)
	}
}

// TestBase58 compares with arithmetic of big numbers, also for lengths that no address has.
func TestBase58(t *testing.T) {
	for size := range 80 {
		for _, fill := range []byte{0, 1, 0x7f, 0xff} {
			for zeros := 0; zeros <= size; zeros += 3 {
				raw := bytes.Repeat([]byte{fill}, size)
				clear(raw[:zeros])
				want := ""
				for n := new(big.Int).SetBytes(raw); n.Sign() > 0; {
					digit := new(big.Int)
					n.DivMod(n, big.NewInt(58), digit)
					want = alphabet[digit.Int64():][:1] + want
				}
				for _, b := range raw {
					if b != 0 {
						break
					}
					want = "1" + want
				}
				got := encodeBase58(raw)
				if got != want {
					t.Fatalf("%x: %s, want %s", raw, got, want)
				}
				if back, bad := decodeBase58(got); bad >= 0 || !bytes.Equal(back, raw) {
					t.Fatalf("%s: %x, %d, want %x", got, back, bad, raw)
				}
			}
		}
	}
	for at := range 12 {
		text := []byte("zzzzzzzzzzzz")
		text[at] = '0'
		if _, bad := decodeBase58(string(text)); bad != at {
			t.Errorf("bad digit at %d was found at %d", at, bad)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")
	f.Add("VdvKmYJfD4VXA9fzz1SbmCo2eYHSzUFbaDCZSuaNKJAe8YNg6")
	f.Add("111111111111111111111111111111111HC1")
	f.Add("")
	f.Fuzz(func(t *testing.T, address string) {
		key, prefix, err := Decode(address)
		if err != nil {
			if !errors.Is(err, ErrAddress) && !errors.Is(err, ErrPrefix) {
				t.Fatalf("error without sentinel: %v", err)
			}
			return
		}
		again, err := Encode(key, prefix)
		if err != nil {
			t.Fatalf("decoded %q but couldn't encode: %v", address, err)
		}
		if k, p, err := Decode(again); err != nil || k != key || p != prefix {
			t.Fatalf("%q decodes to %x, %d, %v", again, k, p, err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	key := [32]byte{0xd4, 0x35, 0x93, 0xc7, 31: 0x7d}
	b.ReportAllocs()
	for b.Loop() {
		if EncodeBittensor(key) == "" {
			b.Fatal("empty")
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Decode("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"); err != nil {
			b.Fatal(err)
		}
	}
}
