package timelock

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/nanteos/nanteos/internal/vectortest"
)

const vectors = "chain/timelock.json"

// hexBytes are bytes written as hex digits.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(b []byte) error {
	d, err := hex.DecodeString(string(b))
	*h = d
	return err
}

type chainVector struct {
	Hash      hexBytes `json:"chain_hash"`
	DST       string   `json:"dst"`
	Genesis   int64    `json:"genesis_time"`
	Period    int      `json:"period_s"`
	PublicKey hexBytes `json:"public_key"`
	Scheme    string   `json:"scheme"`
}

type pulseVector struct {
	Note       string   `json:"note"`
	Previous   hexBytes `json:"previous_signature"`
	Randomness hexBytes `json:"randomness"`
	Round      uint64   `json:"round"`
	Signature  hexBytes `json:"signature"`
	Valid      bool     `json:"valid"`
}

type tleVector struct {
	Name       string   `json:"name"`
	Ciphertext hexBytes `json:"ciphertext"`
	Plaintext  hexBytes `json:"plaintext"`
	Round      uint64   `json:"round"`
	Signature  hexBytes `json:"signature"`
	Verified   bool     `json:"runtime_verified"`

	U        hexBytes `json:"U"`
	V        hexBytes `json:"V"`
	W        hexBytes `json:"W"`
	Esk      hexBytes `json:"esk"`
	GTHash   hexBytes `json:"h2_gt_sha256"`
	Message  hexBytes `json:"identity_message_sha256"`
	Identity hexBytes `json:"identity_point_g1"`
	Nonce    hexBytes `json:"nonce"`
	R        hexBytes `json:"r_scalar_be"`
	Sigma    hexBytes `json:"sigma"`
}

type vectorFile struct {
	Default       chainVector   `json:"default_chain"`
	DefaultPulses []pulseVector `json:"default_chain_pulses"`
	OnChain       struct {
		Commit hexBytes `json:"commit"`
		Note   string   `json:"note"`
		Round  uint64   `json:"round"`
	} `json:"onchain_commit_structure"`
	Quicknet chainVector   `json:"quicknet"`
	Pulses   []pulseVector `json:"quicknet_pulses"`
	Source   string        `json:"source"`
	TLE      []tleVector   `json:"tle"`
	Payload  any           `json:"weights_payload"` // tested in package weights
}

func load(t *testing.T) (f vectorFile) {
	t.Helper()
	vectortest.Decode(t, vectors, &f)
	return f
}

func TestVectorsChains(t *testing.T) {
	f := load(t)
	for _, c := range []struct {
		got  Chain
		dst  string
		want chainVector
	}{{QuicknetChain(), dstG1, f.Quicknet}, {DefaultChain(), dstG2, f.Default}} {
		if !bytes.Equal(c.got.Hash[:], c.want.Hash) || c.dst != c.want.DST || c.got.Genesis.Unix() != c.want.Genesis ||
			int(c.got.Period.Seconds()) != c.want.Period || !bytes.Equal(c.got.PublicKey, c.want.PublicKey) || c.got.Scheme != c.want.Scheme {
			t.Errorf("pinned %+v, vectors %+v", c.got, c.want)
		}
	}
	if q := Quicknet(); !bytes.Equal(q[:], f.Quicknet.PublicKey) {
		t.Errorf("Quicknet is %x", q)
	}
}

func TestVectorsPulses(t *testing.T) {
	f := load(t)
	n := 0
	for _, set := range []struct {
		chain  Chain
		pulses []pulseVector
	}{{QuicknetChain(), f.Pulses}, {DefaultChain(), f.DefaultPulses}} {
		v, err := NewVerifier(set.chain)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range set.pulses {
			pulse := NewPulse(p.Round, p.Signature)
			pulse.Previous = p.Previous
			if len(p.Randomness) > 0 && p.Valid && !bytes.Equal(pulse.Randomness[:], p.Randomness) {
				t.Errorf("round %d: randomness %x, want %x", p.Round, pulse.Randomness, p.Randomness)
			}
			err := v.Verify(pulse)
			if (err == nil) != p.Valid {
				t.Errorf("round %d (%s): %v, want valid %v", p.Round, p.Note, err, p.Valid)
			}
			if err != nil && !errors.Is(err, ErrPulse) {
				t.Errorf("round %d (%s): %v is not ErrPulse", p.Round, p.Note, err)
			}
			n++
		}
	}
	vectortest.Count(t, vectors+" pulses", n)
}

func TestVectorsDecrypt(t *testing.T) {
	f := load(t)
	for _, c := range f.TLE {
		t.Run(c.Name, func(t *testing.T) {
			if err := Check(c.Ciphertext); err != nil {
				t.Error(err)
			}
			got, err := Decrypt(c.Ciphertext, c.Signature)
			if err != nil || !bytes.Equal(got, c.Plaintext) {
				t.Fatalf("opened to %x, %v; want %x", got, err, c.Plaintext)
			}
			if len(c.Ciphertext) != len(c.Plaintext)+Overhead {
				t.Errorf("overhead of %d bytes, want %d", len(c.Ciphertext)-len(c.Plaintext), Overhead)
			}
		})
	}
	vectortest.Count(t, vectors+" ciphertexts", len(f.TLE))
}

// TestVectorsEncrypt makes the ciphertexts again from the random values they were made with, and compares what lies between.
func TestVectorsEncrypt(t *testing.T) {
	n := 0
	for _, c := range load(t).TLE {
		if c.Esk == nil {
			continue // made with unknown random values
		}
		n++
		t.Run(c.Name, func(t *testing.T) {
			drawn := append(append(append([]byte(nil), c.Esk...), c.Sigma...), c.Nonce...)
			got, err := Encrypt(bytes.NewReader(drawn), c.Plaintext, c.Round, Quicknet())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, c.Ciphertext) {
				t.Errorf("ciphertext\n%x, want\n%x", got, c.Ciphertext)
			}
			p, err := split(got)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(p.u, c.U) || !bytes.Equal(p.v, c.V) || !bytes.Equal(p.w, c.W) {
				t.Errorf("U %x\nV %x\nW %x", p.u, p.v, p.w)
			}
			if r := exponent(c.Sigma, c.Esk).FillBytes(make([]byte, 32)); !bytes.Equal(r, c.R) {
				t.Errorf("r %x, want %x", r, c.R)
			}
			id, err := identity(c.Round)
			if err != nil {
				t.Fatal(err)
			}
			if b := id.Bytes(); !bytes.Equal(b[:], c.Identity) {
				t.Errorf("identity %x, want %x", b, c.Identity)
			}
			if m := sha256.Sum256([]byte{0, 0, 0, 0, byte(c.Round >> 24), byte(c.Round >> 16), byte(c.Round >> 8), byte(c.Round)}); c.Round>>32 == 0 &&
				!bytes.Equal(m[:], c.Message) {
				t.Errorf("message %x, want %x", m, c.Message)
			}
			mask := make([]byte, 0, 32)
			if mask = appendXOR(mask, p.v, c.Sigma); !bytes.Equal(mask, c.GTHash) {
				t.Errorf("hash of GT %x, want %x", mask, c.GTHash)
			}
		})
	}
	vectortest.Count(t, vectors+" with known randomness", n)
}

// TestVectorsOnChain takes a commit of finney apart whose round's signature is not known.
func TestVectorsOnChain(t *testing.T) {
	c := load(t).OnChain
	if err := Check(c.Commit); err != nil {
		t.Error(err)
	}
	p, err := sample(t)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decrypt(c.Commit, p); !errors.Is(err, ErrLocked) {
		t.Errorf("signature of another round: %v", err)
	}
	vectortest.Count(t, vectors+" commits of the chain", 1)
}

// sample is the signature of some valid quicknet round.
func sample(t *testing.T) ([]byte, error) {
	for _, p := range load(t).Pulses {
		if p.Valid {
			return p.Signature, nil
		}
	}
	return nil, errors.New("vectors hold no valid quicknet pulse")
}
