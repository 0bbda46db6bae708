package grail

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
)

// ErrSignature is the sentinel of a commit or row whose signature does not verify, whatever is wrong with it.
var ErrSignature = errors.New("signature does not verify")

// ErrRowBinding is the sentinel of a row whose outer signature is not tied to miner, window and row (BindRow).
var ErrRowBinding = errors.New("row is not bound to miner, window and place")

// ParseSignature reads the hex text of a signature as the reference's verifier does: either case, ASCII white space between pairs, no 0x,
// exactly 64 bytes (section 3.15, Q-18). The error wraps ErrHex.
func ParseSignature(text string) (sig [sr25519.SignatureSize]byte, err error) {
	b, err := decodeHex(text)
	if err != nil {
		return sig, fmt.Errorf("couldn't read signature: %w", err)
	}
	if len(b) != len(sig) {
		return sig, fmt.Errorf("couldn't read signature: %w: %d bytes, must be %d", ErrHex, len(b), len(sig))
	}
	return [sr25519.SignatureSize]byte(b), nil
}

// SignCommit signs CommitBinding with the miner's hotkey and stores the signature in the commit.
func SignCommit(c *Commit, hotkey sr25519.Keypair) error {
	digest, err := CommitBinding(c)
	if err != nil {
		return fmt.Errorf("couldn't sign commit: %w", err)
	}
	sig, err := hotkey.Sign(digest[:])
	if err != nil {
		return fmt.Errorf("couldn't sign commit: %w", err)
	}
	c.Signature = hex.EncodeToString(sig[:])
	return nil
}

// VerifyCommit checks the proof version and the signature of a commit against the hotkey's address. The error wraps ErrSignature.
func (r Rules) VerifyCommit(c *Commit, address string) error {
	s, err := r.commitSignature(c, address)
	if err != nil {
		return err
	}
	return s.verify()
}

// Challenge returns the text that the outer signature of a row covers: |block hash|nonce (section 5.4). The empty start is where older versions
// had a seed.
func Challenge(blockHash string, nonce int64) string {
	return "|" + blockHash + "|" + strconv.FormatInt(nonce, 10)
}

// SignRow signs the row's Challenge with the miner's hotkey and stores challenge, hotkey and signature in the row.
func SignRow(row *Row, hotkey sr25519.Keypair) error {
	challenge := Challenge(row.BlockHash, row.Nonce)
	sig, err := hotkey.Sign([]byte(challenge))
	if err != nil {
		return fmt.Errorf("couldn't sign row: %w", err)
	}
	row.Challenge, row.Hotkey, row.Signature = challenge, ss58.EncodeBittensor(hotkey.Public()), hex.EncodeToString(sig[:])
	row.Null &^= NullChallenge | NullHotkey | NullSignature
	return nil
}

// VerifyRow checks the outer signature of a row with the key of the row's own hotkey, as the reference does. Whose hotkey it is and what the
// challenge says is left to CheckRowBinding. The error wraps ErrSignature.
func VerifyRow(row *Row) error {
	s, err := rowSignature(row)
	if err != nil {
		return err
	}
	return s.verify()
}

// CheckRowBinding checks what the rules say about the identity of a row. MaxGroup bounds the group. BindRow ties the row to the miner, the
// window's block hash and its own place: hotkey is the miner's, challenge is Challenge of its block hash and nonce, nonce is Nonce of group
// and index, and the index is in the group. The error wraps ErrRowBinding. Under the rules of the reference it is nil.
func (r Rules) CheckRowBinding(row *Row, miner string) error {
	if r.MaxGroup > 0 && (row.RolloutGroup < 0 || row.RolloutGroup > r.MaxGroup) {
		return fmt.Errorf("%w: rollout_group %d is outside 0 to %d", ErrRowBinding, row.RolloutGroup, r.MaxGroup)
	}
	if !r.BindRow {
		return nil
	}
	if row.Hotkey != miner {
		return fmt.Errorf("%w: hotkey %.60q is not the miner's %q", ErrRowBinding, row.Hotkey, miner)
	}
	if want := Challenge(row.BlockHash, row.Nonce); row.Challenge != want {
		return fmt.Errorf("%w: challenge %.100q is not %.100q", ErrRowBinding, row.Challenge, want)
	}
	if row.RolloutIndex < 0 || int(row.RolloutIndex) >= r.GroupSize {
		return fmt.Errorf("%w: rollout_index %d is outside a group of %d", ErrRowBinding, row.RolloutIndex, r.GroupSize)
	}
	if want := Nonce(row.RolloutGroup, r.GroupSize, row.RolloutIndex); row.Nonce != want {
		return fmt.Errorf("%w: nonce %d is not %d, which belongs to group %d index %d", ErrRowBinding, row.Nonce, want, row.RolloutGroup, row.RolloutIndex)
	}
	return nil
}

// signed is a signature with what it is to be checked against.
type signed struct {
	what      string
	public    [sr25519.PublicKeySize]byte
	message   []byte
	signature [sr25519.SignatureSize]byte
}

func (s signed) verify() error {
	if !sr25519.VerifyWrapped(s.public, s.message, s.signature) {
		return s.refused()
	}
	return nil
}

func (s signed) refused() error {
	return fmt.Errorf("couldn't verify %s: %w: not made by %s over this content", s.what, ErrSignature, ss58.EncodeBittensor(s.public))
}

func (r Rules) commitSignature(c *Commit, address string) (signed, error) {
	fail := func(err error) (signed, error) {
		return signed{}, fmt.Errorf("couldn't verify commit: %w: %w", ErrSignature, err)
	}
	if !r.Accepts(c.ProofVersion) {
		return fail(fmt.Errorf("proof version %.20q is not among %q", c.ProofVersion, r.AcceptedVersions))
	}
	sig, err := ParseSignature(c.Signature)
	if err != nil {
		return fail(err)
	}
	digest, err := CommitBinding(c)
	if err != nil {
		return fail(err)
	}
	public, _, err := ss58.Decode(address)
	if err != nil {
		return fail(err)
	}
	return signed{"commit", public, digest[:], sig}, nil
}

func rowSignature(row *Row) (signed, error) {
	fail := func(err error) (signed, error) {
		return signed{}, fmt.Errorf("couldn't verify row: %w: %w", ErrSignature, err)
	}
	if row.Challenge == "" || row.Hotkey == "" || row.Signature == "" {
		return fail(errors.New("challenge, hotkey or signature is empty"))
	}
	sig, err := ParseSignature(row.Signature)
	if err != nil {
		return fail(err)
	}
	public, _, err := ss58.Decode(row.Hotkey)
	if err != nil {
		return fail(err)
	}
	return signed{"row", public, []byte(row.Challenge), sig}, nil
}

// SignatureBatch verifies the signatures of many commits and rows at once, which takes about 60 % of the time. The zero value is empty.
type SignatureBatch struct {
	batch sr25519.Batch
	items []batchItem
}

type batchItem struct {
	signed signed
	err    error // why it can't verify; then it is not in the batch
}

// AddCommit puts the check that VerifyCommit makes into the batch.
func (b *SignatureBatch) AddCommit(r Rules, c *Commit, address string) {
	b.add(r.commitSignature(c, address))
}

// AddRow puts the check that VerifyRow makes into the batch.
func (b *SignatureBatch) AddRow(row *Row) { b.add(rowSignature(row)) }

func (b *SignatureBatch) add(s signed, err error) {
	b.items = append(b.items, batchItem{s, err})
	if err == nil {
		b.batch.Add(s.public, s.message, s.signature)
	}
}

// Verify returns nil or an error that wraps ErrSignature for each check in the order in which they were added.
func (b *SignatureBatch) Verify() []error {
	valid := b.batch.Verify()
	errs := make([]error, len(b.items))
	for i, item := range b.items {
		errs[i] = item.err
		if item.err == nil {
			if !valid[0] {
				errs[i] = item.signed.refused()
			}
			valid = valid[1:]
		}
	}
	return errs
}
