package wallet

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"golang.org/x/crypto/pbkdf2"
)

// openVault opens an Ansible vault 1.1:
//
//	$ANSIBLE_VAULT;1.1;AES256
//	hex, in lines, of: hex(salt) \n hex(hmac) \n hex(ciphertext)
func openVault(ctx context.Context, content, password []byte) ([]byte, error) {
	bad := func(what string) ([]byte, error) { return nil, fmt.Errorf("%w: Ansible vault %s", ErrFormat, what) }
	header, body, ok := bytes.Cut(content, []byte("\n"))
	if !ok || string(bytes.TrimSpace(header)) != vaultTag+";1.1;AES256" {
		return bad("of another version than 1.1 with AES256")
	}
	inner, ok := unhex(bytes.Join(bytes.Fields(body), nil))
	if !ok {
		return bad("is no hex")
	}
	parts := bytes.Split(inner, []byte("\n"))
	if len(parts) != 3 {
		return bad("has no salt, HMAC and text")
	}
	var raw [3][]byte
	for i, p := range parts {
		raw[i] = make([]byte, hex.DecodedLen(len(p)))
		if _, err := hex.Decode(raw[i], p); err != nil {
			return bad("is no hex inside")
		}
	}
	salt, sum, text := raw[0], raw[1], raw[2]
	if len(sum) != sha256.Size {
		return bad("has an HMAC of the wrong size")
	}
	var keys []byte // AES key, HMAC key, counter
	if err := derive(ctx, func() { keys = pbkdf2.Key(password, salt, 10_000, 80, sha256.New) }); err != nil {
		return nil, err
	}
	defer clear(keys)
	mac := hmac.New(sha256.New, keys[32:64])
	mac.Write(text)
	if !hmac.Equal(mac.Sum(nil), sum) {
		return nil, ErrPassword
	}
	block, err := aes.NewCipher(keys[:32])
	if err != nil {
		return nil, err
	}
	cipher.NewCTR(block, keys[64:]).XORKeyStream(text, text)
	return unpad(text)
}

// fernetSalt is the fixed salt of the first btcli versions.
const fernetSalt = "Iguesscyborgslikemyselfhaveatendencytobeparanoidaboutourorigins"

// openFernet opens a Fernet token: base64 of version 0x80, time (8 bytes), IV (16), AES-128-CBC text, HMAC (32).
func openFernet(ctx context.Context, content, password []byte) ([]byte, error) {
	content = bytes.TrimSpace(content)
	token := make([]byte, base64.URLEncoding.DecodedLen(len(content)))
	n, err := base64.URLEncoding.Strict().Decode(token, content)
	token = token[:n]
	const head, tail = 1 + 8 + aes.BlockSize, sha256.Size
	if err != nil || n < head+aes.BlockSize+tail || token[0] != 0x80 || (n-head-tail)%aes.BlockSize != 0 {
		return nil, fmt.Errorf("%w: it begins as a Fernet token and is none", ErrFormat)
	}
	var keys []byte // HMAC key, AES key
	if err := derive(ctx, func() { keys = pbkdf2.Key(password, []byte(fernetSalt), 10_000_000, 32, sha256.New) }); err != nil {
		return nil, err
	}
	defer clear(keys)
	return openFernetWith(token, keys)
}

func openFernetWith(token, keys []byte) ([]byte, error) {
	const head, tail = 1 + 8 + aes.BlockSize, sha256.Size
	end := len(token) - tail
	mac := hmac.New(sha256.New, keys[:16])
	mac.Write(token[:end])
	if !hmac.Equal(mac.Sum(nil), token[end:]) {
		return nil, ErrPassword
	}
	block, err := aes.NewCipher(keys[16:])
	if err != nil {
		return nil, err
	}
	text := token[head:end]
	cipher.NewCBCDecrypter(block, token[head-aes.BlockSize:head]).CryptBlocks(text, text)
	return unpad(text)
}

// unpad takes PKCS#7 padding away. The text was authenticated before.
func unpad(text []byte) ([]byte, error) {
	if len(text) == 0 {
		return nil, ErrPassword
	}
	n := int(text[len(text)-1])
	if n == 0 || n > aes.BlockSize || n > len(text) {
		return nil, ErrPassword
	}
	return text[:len(text)-n], nil
}
