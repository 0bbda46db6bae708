package sr25519

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"sync"

	"github.com/tyler-smith/go-bip39/wordlists"
	"golang.org/x/crypto/pbkdf2"
)

// ErrMnemonic is the sentinel of a phrase that is no mnemonic. Errors that wrap it name places, never words.
var ErrMnemonic = errors.New("invalid mnemonic")

// longestMnemonic is far above 24 words of 8 letters; longer text is refused before it is looked at.
const longestMnemonic = 1024

// englishWords gives the index of each of the 2048 words.
var englishWords = sync.OnceValue(func() map[string]int {
	index := make(map[string]int, len(wordlists.English))
	for i, w := range wordlists.English {
		index[w] = i
	}
	return index
})

// NewMnemonic makes a phrase of 12, 15, 18, 21 or 24 words from the system's random generator. The caller clears it after use.
func NewMnemonic(words int) ([]byte, error) {
	if !lengthAllowed(words) {
		return nil, fmt.Errorf("couldn't make mnemonic: %w: %d words, allowed are 12, 15, 18, 21 and 24", ErrMnemonic, words)
	}
	entropy := make([]byte, words/3*4)
	defer clear(entropy)
	_, _ = rand.Read(entropy) // never fails
	return mnemonicOf(entropy), nil
}

// mnemonicOf writes entropy and its checksum as words of 11 bits.
func mnemonicOf(entropy []byte) []byte {
	sum := sha256.Sum256(entropy)
	bits := append(bytes.Clone(entropy), sum[0])
	defer clear(bits)
	phrase := make([]byte, 0, len(entropy)*3/4*9)
	for i := range len(entropy) * 3 / 4 {
		index := 0
		for bit := i * 11; bit < i*11+11; bit++ {
			index = index<<1 | int(bits[bit/8]>>(7-bit%8)&1)
		}
		if i > 0 {
			phrase = append(phrase, ' ')
		}
		phrase = append(phrase, wordlists.English[index]...)
	}
	return phrase
}

// MiniSecret returns the mini secret of an English BIP39 phrase of 12 to 24 lower-case words between white space, with a password that
// may be empty. It is Substrate's way, other than that of Bitcoin and Ethereum: PBKDF2 starts from the entropy behind the words, not from the
// words. Errors wrap ErrMnemonic.
func MiniSecret(phrase, password []byte) (mini [MiniSecretSize]byte, err error) {
	entropy, err := entropyOf(phrase)
	if err != nil {
		return mini, fmt.Errorf("couldn't read mnemonic: %w", err)
	}
	defer clear(entropy)
	salt := append([]byte("mnemonic"), password...)
	defer clear(salt)
	seed := pbkdf2.Key(entropy, salt, 2048, 64, sha512.New)
	defer clear(seed)
	copy(mini[:], seed)
	return mini, nil
}

// entropyOf checks the words and the checksum, and returns the entropy.
func entropyOf(phrase []byte) ([]byte, error) {
	if len(phrase) > longestMnemonic {
		return nil, fmt.Errorf("%w: %d bytes are too long", ErrMnemonic, len(phrase))
	}
	words := bytes.Fields(phrase)
	if !lengthAllowed(len(words)) {
		return nil, fmt.Errorf("%w: %d words, allowed are 12, 15, 18, 21 and 24", ErrMnemonic, len(words))
	}
	bits := make([]byte, (len(words)*11+7)/8)
	defer clear(bits)
	for i, w := range words {
		index, ok := englishWords()[string(w)]
		if !ok {
			return nil, fmt.Errorf("%w: word %d of %d is not in the English list, check its spelling (lower case)", ErrMnemonic, i+1, len(words))
		}
		for b := range 11 {
			if index>>(10-b)&1 == 1 {
				at := i*11 + b
				bits[at/8] |= 0x80 >> (at % 8)
			}
		}
	}
	size := len(words) / 3 * 4
	check := len(words) / 3 // bits of checksum behind the entropy
	sum := sha256.Sum256(bits[:size])
	if mask := byte(0xff) << (8 - check); (sum[0]^bits[size])&mask != 0 {
		return nil, fmt.Errorf("%w: the checksum does not match, a word is wrong or out of place", ErrMnemonic)
	}
	return bytes.Clone(bits[:size]), nil
}

func lengthAllowed(words int) bool { return words >= 12 && words <= 24 && words%3 == 0 }

// FromMnemonic makes the key pair of a phrase with a password that may be empty. See MiniSecret.
func FromMnemonic(phrase, password []byte) (Keypair, error) {
	mini, err := MiniSecret(phrase, password)
	if err != nil {
		return Keypair{}, err
	}
	defer clear(mini[:])
	return NewKeypair(mini), nil
}
