package sr25519

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/oasisprotocol/curve25519-voi/curve/scalar"
	"github.com/oasisprotocol/curve25519-voi/primitives/merlin"
	"github.com/oasisprotocol/curve25519-voi/primitives/sr25519"
	"golang.org/x/crypto/blake2b"
)

// DevPhrase is the public mnemonic behind the well-known accounts of development chains: //Alice, //Bob and others. Never
// put value on them.
const DevPhrase = "bottom drive obey lake curtain smoke basket hold race lonely fit walk"

// ErrURI is the sentinel of text that is no secret URI. Errors that wrap it never repeat the text, which is a secret.
var ErrURI = errors.New("invalid secret URI")

// Bounds of a URI.
const (
	longestURI   = 4096
	mostJunction = 64
)

// FromURI makes the key pair of a secret URI as Substrate's tools read it:
//
//	secret//hard/soft///password
//
// The secret is a mnemonic, or 0x and the hex of a mini secret (32 bytes) or of a canonical secret (64 bytes), or nothing for
// DevPhrase. Any number of junctions follows: behind // derived hard, behind / soft. The password belongs to the mnemonic; with a hex secret it
// has no effect, in Substrate too. Errors wrap ErrURI, ErrMnemonic or ErrSecret.
func FromURI(uri []byte) (Keypair, error) {
	fail := func(format string, args ...any) (Keypair, error) {
		return Keypair{}, fmt.Errorf("couldn't read secret URI: %w: %s", ErrURI, fmt.Sprintf(format, args...))
	}
	if len(uri) > longestURI {
		return fail("%d bytes are more than %d", len(uri), longestURI)
	}
	if !utf8.Valid(uri) {
		return fail("it is not utf-8")
	}
	rest, password, _ := bytes.Cut(uri, []byte("///"))
	phrase, path := rest, []byte(nil)
	if i := bytes.IndexByte(rest, '/'); i >= 0 {
		phrase, path = rest[:i], rest[i:]
	}
	junctions, err := parsePath(path)
	if err != nil {
		return fail("%v", err)
	}
	k, err := fromPhrase(phrase, password)
	if err != nil {
		return Keypair{}, err
	}
	for _, j := range junctions {
		parent := k
		if j.hard {
			k, err = parent.DeriveHard(j.code)
		} else {
			k, err = parent.DeriveSoft(j.code)
		}
		parent.Wipe()
		if err != nil {
			return Keypair{}, err
		}
	}
	return k, nil
}

// fromPhrase makes the key pair of the first part of a URI.
func fromPhrase(phrase, password []byte) (Keypair, error) {
	if len(phrase) == 0 {
		phrase = []byte(DevPhrase)
	}
	digits, isHex := bytes.CutPrefix(phrase, []byte("0x"))
	if !isHex {
		return FromMnemonic(phrase, password)
	}
	var raw [SecretSize]byte
	defer clear(raw[:])
	if len(digits) != 2*MiniSecretSize && len(digits) != 2*SecretSize {
		return Keypair{}, fmt.Errorf("couldn't read secret URI: %w: %d hex digits, a seed has %d and a secret key %d", ErrURI, len(digits), 2*MiniSecretSize, 2*SecretSize)
	}
	n, err := hex.Decode(raw[:], digits)
	if err != nil {
		return Keypair{}, fmt.Errorf("couldn't read secret URI: %w: what follows 0x is not hex", ErrURI)
	}
	if n == MiniSecretSize {
		return NewKeypair([MiniSecretSize]byte(raw[:n])), nil
	}
	return FromSecret(raw)
}

// junction is one step of a derivation path.
type junction struct {
	code [32]byte
	hard bool
}

// parsePath reads /soft and //hard junctions.
func parsePath(path []byte) (list []junction, err error) {
	for len(path) > 0 {
		var j junction
		path = path[1:] // a slash
		path, j.hard = bytes.CutPrefix(path, []byte("/"))
		name := path
		if i := bytes.IndexByte(path, '/'); i >= 0 {
			name = path[:i]
		}
		path = path[len(name):]
		if len(name) == 0 {
			return nil, errors.New("a junction of the path has no name")
		}
		if len(list) == mostJunction {
			return nil, fmt.Errorf("the path has more than %d junctions", mostJunction)
		}
		j.code = ChainCode(string(name))
		list = append(list, j)
	}
	return list, nil
}

// ChainCode returns the chain code of a junction's name: a number that fits 64 bits little-endian, other text with its SCALE length in
// front, both padded with zeros, and the BLAKE2b-256 of what is longer than 32 bytes.
func ChainCode(name string) (code [32]byte) {
	digits := name
	if len(digits) > 1 && digits[0] == '+' { // Substrate's parser takes it
		digits = digits[1:]
	}
	if n, err := strconv.ParseUint(digits, 10, 64); err == nil {
		binary.LittleEndian.PutUint64(code[:], n)
		return code
	}
	var text []byte
	switch n := len(name); {
	case n < 1<<6:
		text = []byte{byte(n << 2)}
	case n < 1<<14:
		text = binary.LittleEndian.AppendUint16(nil, uint16(n<<2|1))
	default:
		text = binary.LittleEndian.AppendUint32(nil, uint32(n<<2|2))
	}
	text = append(text, name...)
	if len(text) > len(code) {
		return blake2b.Sum256(text)
	}
	copy(code[:], text)
	return code
}

// derivation starts the transcript of both kinds of derivation.
func derivation(code [32]byte) *merlin.Transcript {
	t := merlin.NewTranscript("SchnorrRistrettoHDKD")
	t.AppendMessage("sign-bytes", nil)
	t.AppendMessage("chain-code", code[:])
	return t
}

// DeriveHard derives a key pair that cannot be told to belong to k without the secret of k. Errors wrap ErrWiped.
func (k Keypair) DeriveHard(code [32]byte) (Keypair, error) {
	secret, err := k.Secret()
	if err != nil {
		return Keypair{}, err
	}
	defer clear(secret[:])
	t := derivation(code)
	t.AppendMessage("secret-key", secret[:32])
	var mini [MiniSecretSize]byte
	defer clear(mini[:])
	t.ExtractBytes(mini[:], "HDKD-hard")
	return NewKeypair(mini), nil
}

// DeriveSoft derives a key pair whose public key follows from that of k. Who knows the derived secret and the public key of k knows the secret
// of k: prefer DeriveHard. Errors wrap ErrWiped.
func (k Keypair) DeriveSoft(code [32]byte) (Keypair, error) {
	secret, err := k.Secret()
	if err != nil {
		return Keypair{}, err
	}
	defer clear(secret[:])
	t := derivation(code)
	t.AppendMessage("public-key", k.public[:])
	var wide [64]byte
	t.ExtractBytes(wide[:], "HDKD-scalar")
	// The nonce may be any secret that is the key's own: it guards signatures against bad randomness.
	t.AppendMessage("secret-key", secret[:])
	var out [SecretSize]byte
	defer clear(out[:])
	t.ExtractBytes(out[32:], "HDKD-nonce")

	parent, err := scalar.NewFromCanonicalBytes(secret[:32])
	if err != nil {
		return Keypair{}, fmt.Errorf("couldn't derive key: %w", ErrSecret)
	}
	step, err := scalar.NewFromBytesModOrderWide(wide[:])
	if err != nil {
		return Keypair{}, fmt.Errorf("couldn't derive key: %w", ErrSecret)
	}
	step.Add(step, parent)
	defer step.Zero()
	defer parent.Zero()
	if err := step.ToBytes(out[:32]); err != nil {
		return Keypair{}, fmt.Errorf("couldn't derive key: %w", ErrSecret)
	}
	key, err := sr25519.NewSecretKeyFromBytes(out[:])
	if err != nil {
		return Keypair{}, fmt.Errorf("couldn't derive key: %w", ErrSecret)
	}
	return fromKey(key)
}
