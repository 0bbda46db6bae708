package bucket

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/nanteos/nanteos/internal/cpython"
)

// ReadCredentials let everybody read a bucket. Nodes publish theirs on the chain, so they are no secret, and whoever gets them must not
// take them for more than what they are.
type ReadCredentials struct {
	// AccountID is also the name of the bucket: the commitment has no room for another.
	AccountID       string
	AccessKeyID     string
	SecretAccessKey string
}

// Field widths of a commitment in characters (storage specification, 11.1).
const (
	accountWidth, keyWidth, secretWidth = 32, 32, 64
	// CommitmentSize is the size of a commitment in characters and, as only ASCII is published, in bytes.
	CommitmentSize = accountWidth + keyWidth + secretWidth
)

// Errors of credentials.
var (
	// ErrCommitment: the text is no commitment of read credentials. Others use the chain's board for other things: skip it.
	ErrCommitment = errors.New("not a commitment of read credentials")
	// ErrPublishWrite: the settings would put keys on the chain that allow writing.
	ErrPublishWrite = errors.New("refusing to publish write keys")
	// ErrSettings: settings of the object store are missing or contradict each other.
	ErrSettings = errors.New("object store settings are incomplete")
)

// CommitmentText returns the text that the reference would commit: each value trimmed, cut to its field and padded with spaces. It
// fails with ErrSettings where a value is empty.
func (c ReadCredentials) CommitmentText() (string, error) {
	var b strings.Builder
	for _, f := range []struct {
		name, value string
		width       int
	}{{"account id", c.AccountID, accountWidth}, {"access key id", c.AccessKeyID, keyWidth}, {"secret access key", c.SecretAccessKey, secretWidth}} {
		v := []rune(cpython.Strip(f.value))
		if len(v) == 0 {
			return "", fmt.Errorf("couldn't make commitment: %w: no %s", ErrSettings, f.name)
		}
		v = v[:min(len(v), f.width)]
		b.WriteString(string(v))
		b.WriteString(strings.Repeat(" ", f.width-len(v)))
	}
	return b.String(), nil
}

// EncodeCommitment returns the 128 bytes to commit. Text that is not ASCII makes more, which the chain refuses; so does this.
func (c ReadCredentials) EncodeCommitment() ([]byte, error) {
	text, err := c.CommitmentText()
	if err != nil {
		return nil, err
	}
	if len(text) != CommitmentSize {
		return nil, fmt.Errorf("couldn't make commitment: %w: the values are not ASCII, %d bytes instead of %d", ErrSettings, len(text), CommitmentSize)
	}
	return []byte(text), nil
}

// ParseCommitment reads what a peer committed. It fails with ErrCommitment unless it is UTF-8 of 128 characters with three parts that
// are not blank.
func ParseCommitment(b []byte) (ReadCredentials, error) {
	if !utf8.Valid(b) {
		return ReadCredentials{}, fmt.Errorf("%w: not UTF-8", ErrCommitment)
	}
	text := []rune(string(b))
	if len(text) != CommitmentSize {
		return ReadCredentials{}, fmt.Errorf("%w: %d characters instead of %d", ErrCommitment, len(text), CommitmentSize)
	}
	part := func(from, to int) string { return cpython.Strip(string(text[from:to])) }
	c := ReadCredentials{
		AccountID:       part(0, accountWidth),
		AccessKeyID:     part(accountWidth, accountWidth+keyWidth),
		SecretAccessKey: part(accountWidth+keyWidth, CommitmentSize),
	}
	if c.AccountID == "" || c.AccessKeyID == "" || c.SecretAccessKey == "" {
		return ReadCredentials{}, fmt.Errorf("%w: an empty part", ErrCommitment)
	}
	return c, nil
}
