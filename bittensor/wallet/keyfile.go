package wallet

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
)

// MaxFile is the largest key file in bytes that is looked at. Real ones have 200 to 5000.
const MaxFile = 64 << 10

// Parse reads the content of a keyfile that is not encrypted: a JSON object, or as in the oldest files a bare phrase or the hex of a seed or secret key.
// Where several secrets are in it, the phrase counts, then the seed, then the private key; all that is stored about the account must
// belong to it. The content is not kept. Errors wrap ErrFormat, ErrUnsupported, ErrMismatch or ErrEncrypted and never repeat content.
func Parse(content []byte) (*Key, error) {
	if len(content) > MaxFile {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrFormat, len(content))
	}
	content = bytes.TrimSpace(bytes.TrimPrefix(content, []byte("\ufeff")))
	switch {
	case len(content) == 0:
		return nil, fmt.Errorf("%w: it is empty", ErrFormat)
	case EncryptionOf(content) != Plain:
		return nil, fmt.Errorf("%w with %v", ErrEncrypted, EncryptionOf(content))
	case content[0] == '{':
		return parseObject(content)
	}
	return parseBare(content)
}

// parseBare reads a file from before JSON.
func parseBare(content []byte) (*Key, error) {
	if len(bytes.Fields(content)) > 1 {
		k, err := FromPhrase(NewSecret(bytes.Clone(content)))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		return k, nil
	}
	raw, ok := unhex(content)
	defer clear(raw)
	switch {
	case ok && len(raw) == sr25519.MiniSecretSize:
		return fromMini(raw), nil
	case ok && len(raw) == sr25519.SecretSize:
		return fromSecret(raw)
	}
	return nil, fmt.Errorf("%w: it is neither JSON nor a phrase nor the hex of a seed", ErrFormat)
}

// fromSecret makes the key of a canonical secret.
func fromSecret(raw []byte) (*Key, error) {
	pair, err := sr25519.FromSecret([sr25519.SecretSize]byte(raw))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return FromKeypair(pair), nil
}

// fields are the values of a keyfile's object that are not null.
type fields map[string]json.RawMessage

// parseObject reads a JSON keyfile.
func parseObject(content []byte) (*Key, error) {
	var f fields
	err := json.Unmarshal(content, &f)
	defer f.wipe()
	if err != nil {
		return nil, fmt.Errorf("%w: it begins as JSON and is none", ErrFormat) // the decoder's error may quote what is secret
	}
	for name, v := range f {
		if string(v) == "null" {
			delete(f, name)
		}
	}
	if err := f.supported(); err != nil {
		return nil, err
	}
	k, err := f.secret()
	if err != nil {
		return nil, err
	}
	if err := f.account(&k); err != nil {
		if k != nil {
			k.Wipe()
		}
		return nil, err
	}
	return k, nil
}

func (f fields) wipe() {
	for _, v := range f {
		clear(v)
	}
}

// supported refuses kinds of files that must not be guessed at.
func (f fields) supported() error {
	if f["encoded"] != nil || f["encoding"] != nil {
		return hinted{fmt.Errorf("%w: it is an export of polkadot.js", ErrUnsupported), "make the key file again from the mnemonic"}
	}
	if f["hashedDescriptor"] != nil {
		return fmt.Errorf("%w: a hashed account, such as one of ML-DSA", ErrUnsupported)
	}
	switch kind := string(bytes.Trim(f["cryptoType"], `"`)); kind {
	case "", "1":
	case "0":
		return hinted{fmt.Errorf("%w: it is ed25519", ErrUnsupported), "miners, validators and their owners use sr25519; make another key"}
	default:
		return fmt.Errorf("%w: its cryptoType is not 1 (sr25519)", ErrUnsupported)
	}
	return nil
}

// secret makes the key of the first secret there is, nil where there is none.
func (f fields) secret() (*Key, error) {
	phrase, err := f.text("secretPhrase")
	defer clear(phrase)
	if err != nil {
		return nil, err
	}
	if len(phrase) > 0 {
		k, err := FromPhrase(NewSecret(bytes.Clone(phrase)))
		if err != nil {
			return nil, fmt.Errorf("%w: secretPhrase: %w", ErrFormat, err)
		}
		return k, nil
	}
	private, err := f.text("privateKey")
	defer clear(private)
	if err != nil {
		return nil, err
	}
	seed, err := f.text("secretSeed")
	defer clear(seed)
	if err != nil {
		return nil, err
	}
	if len(seed) > 0 {
		mini, ok := unhex(seed)
		defer clear(mini)
		if ok && len(mini) == sr25519.MiniSecretSize {
			return fromMini(mini), nil
		}
		// bittensor-wallet 4.1.1 writes the bytes of some seeds as they are instead of their hex, next to a private key that is right.
		if len(private) == 0 {
			return nil, fmt.Errorf("%w: secretSeed is not the hex of %d bytes", ErrFormat, sr25519.MiniSecretSize)
		}
	}
	if len(private) == 0 {
		return nil, nil
	}
	raw, ok := unhex(private)
	defer clear(raw)
	if !ok || len(raw) != sr25519.SecretSize {
		return nil, fmt.Errorf("%w: privateKey is not the hex of %d bytes", ErrFormat, sr25519.SecretSize)
	}
	return fromSecret(raw)
}

// account holds the stored account against the key, or makes a public key of it.
func (f fields) account(k **Key) error {
	agree := func(account [32]byte, name string) error {
		if *k == nil {
			*k = NewPublic(account)
		}
		if (*k).public != account {
			return hinted{fmt.Errorf("%w: %s is of another account than the rest", ErrMismatch, name), "get the key from a backup or its mnemonic"}
		}
		return nil
	}
	for _, name := range []string{"publicKey", "accountId"} {
		text, err := f.text(name)
		if err != nil {
			return err
		}
		if len(text) == 0 {
			continue
		}
		raw, ok := unhex(text)
		if !ok || len(raw) != 32 {
			return fmt.Errorf("%w: %s is not the hex of 32 bytes", ErrFormat, name)
		}
		if err := agree([32]byte(raw), name); err != nil {
			return err
		}
	}
	for _, name := range []string{"ss58Address", " ss58Address"} { // the latter in very old files
		text, err := f.text(name)
		if err != nil {
			return err
		}
		if len(text) == 0 {
			continue
		}
		account, err := ss58.DecodeBittensor(string(text))
		if err != nil {
			return fmt.Errorf("%w: ss58Address: %w", ErrFormat, err)
		}
		if err := agree(account, "ss58Address"); err != nil {
			return err
		}
	}
	if *k == nil {
		return fmt.Errorf("%w: it holds neither a key nor an address", ErrFormat)
	}
	return nil
}

// text returns a copy of a field's text, empty where there is no such field.
func (f fields) text(name string) ([]byte, error) {
	raw := f[name]
	if raw == nil {
		return nil, nil
	}
	if len(raw) < 2 || raw[0] != '"' {
		return nil, fmt.Errorf("%w: %s is no text", ErrFormat, name)
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return bytes.Clone(raw[1 : len(raw)-1]), nil
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return nil, fmt.Errorf("%w: %s is no text", ErrFormat, name)
	}
	return []byte(s), nil
}

// unhex decodes hex with or without 0x.
func unhex(text []byte) ([]byte, bool) {
	text = bytes.TrimPrefix(text, []byte("0x"))
	raw := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(raw, text); err != nil {
		clear(raw)
		return nil, false
	}
	return raw, len(raw) > 0
}

// Marshal writes the plain content of a secret keyfile, with every field that any reader wants. The caller clears it after use. It wraps
// ErrPublicOnly where there is no secret.
func (k *Key) Marshal() ([]byte, error) {
	if k.held == nil {
		return nil, fmt.Errorf("couldn't write key of %s: %w", k.Address(), ErrPublicOnly)
	}
	secret, err := k.held.pair.Secret()
	if err != nil {
		return nil, fmt.Errorf("couldn't write key of %s: %w", k.Address(), errors.Join(ErrPublicOnly, err))
	}
	defer clear(secret[:])
	b := make([]byte, 0, 1024) // enough for 24 words, so that nothing is copied about
	b = k.appendAccount(append(b, '{'))
	b = append(appendHex(append(b, `, "privateKey": "`...), secret[:]), '"')
	if !k.held.phrase.Empty() {
		b = append(append(append(b, `, "secretPhrase": "`...), k.held.phrase.Reveal()...), '"')
	}
	if !k.held.seed.Empty() {
		b = append(appendHex(append(b, `, "secretSeed": "`...), k.held.seed.Reveal()), '"')
	}
	return k.appendAddress(b), nil
}

// MarshalPublic writes the content of a public keyfile.
func (k *Key) MarshalPublic() []byte {
	return k.appendAddress(k.appendAccount([]byte{'{'}))
}

func (k *Key) appendAccount(b []byte) []byte {
	b = append(appendHex(append(b, `"accountId": "`...), k.public[:]), '"')
	return append(appendHex(append(b, `, "publicKey": "`...), k.public[:]), '"')
}

func (k *Key) appendAddress(b []byte) []byte {
	b = append(append(append(b, `, "ss58Address": "`...), k.Address()...), '"')
	return append(b, '}') // no cryptoType: absent is sr25519 to all, and a number there stops bittensor-wallet 2 and 3
}
