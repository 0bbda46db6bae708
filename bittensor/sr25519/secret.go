package sr25519

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"reflect"

	"github.com/oasisprotocol/curve25519-voi/curve/scalar"
	"github.com/oasisprotocol/curve25519-voi/primitives/sr25519"
)

// secret holds the expanded key. It has the same guards as Keypair, for whoever prints what is behind the pointer.
type secret struct {
	pair *sr25519.KeyPair
}

// Wipe overwrites the secret in memory, for this key pair and all copies of it. Signing fails afterwards; the public key stays.
// What the runtime copied before, for instance while growing a stack, is out of reach.
func (k Keypair) Wipe() {
	if k.secret == nil || k.secret.pair == nil {
		return
	}
	key := k.secret.pair.SecretKey()
	if s := scalarOf(key); s != nil {
		s.Zero()
	}
	*key = sr25519.SecretKey{}
	k.secret.pair = nil
}

// scalarOf returns the scalar inside a secret key. It is in an unexported field of the library's type, and nothing of the library
// clears it. A test notices when the library keeps it elsewhere.
func scalarOf(key *sr25519.SecretKey) *scalar.Scalar {
	f := reflect.ValueOf(key).Elem().FieldByName("key")
	if f.Kind() != reflect.Pointer || f.Type() != reflect.TypeFor[*scalar.Scalar]() {
		return nil
	}
	return (*scalar.Scalar)(f.UnsafePointer())
}

// label is all that is ever shown of a key pair.
func (k Keypair) label() string { return "sr25519:" + hex.EncodeToString(k.public[:]) }

// String returns the public key in hex.
func (k Keypair) String() string { return k.label() }

// Format prints the public key in hex for every verb and flag.
func (k Keypair) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.label())) }

// MarshalText gives the public key in hex; so do JSON and all encoders that build on it.
func (k Keypair) MarshalText() ([]byte, error) { return []byte(k.label()), nil }

// LogValue gives the public key in hex to log/slog.
func (k Keypair) LogValue() slog.Value { return slog.StringValue(k.label()) }

func (*secret) String() string               { return "secret" }
func (*secret) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte("secret")) }
func (*secret) MarshalText() ([]byte, error) { return []byte("secret"), nil }
func (*secret) LogValue() slog.Value         { return slog.StringValue("secret") }
