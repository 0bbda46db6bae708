package chain

import (
	"context"
	"fmt"

	bittensor "github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
)

// Commit replaces the signer's commitment by data and returns the block that includes it.
func (r *Remote) Commit(ctx context.Context, signer Signer, data []byte) (BlockRef, error) {
	if len(data) > MaxCommitment {
		return BlockRef{}, fmt.Errorf("couldn't commit: %w: %d bytes, at most %d", ErrTooLarge, len(data), MaxCommitment)
	}
	s, err := adapt(signer)
	if err != nil {
		return BlockRef{}, err
	}
	out, err := r.client.CommitBytes(ctx, s, r.netuid, data)
	if err != nil {
		return BlockRef{}, failure("commit", err)
	}
	return r.block(ctx, out.Block)
}

// SetWeights puts the signer's weights on the chain by the scheme that the subnet asks for, and returns the block that includes them or, where
// the chain reveals them later, the commit.
func (r *Remote) SetWeights(ctx context.Context, signer Signer, uids, weights []uint16, versionKey uint64) (BlockRef, error) {
	s, err := adapt(signer)
	if err != nil {
		return BlockRef{}, err
	}
	out, err := r.client.SetWeights(ctx, s, bittensor.Weights{Netuid: r.netuid, UIDs: uids, Values: weights, VersionKey: versionKey})
	if err != nil {
		return BlockRef{}, failure("set weights", err)
	}
	return r.block(ctx, out.Block)
}

// account makes a Signer one of the client's.
type account struct {
	public [32]byte
	signer Signer
}

func adapt(s Signer) (account, error) {
	public, err := ss58.DecodeBittensor(s.Hotkey())
	if err != nil {
		return account{}, fmt.Errorf("couldn't use hotkey: %w", err)
	}
	return account{public, s}, nil
}

func (a account) PublicKey() [32]byte { return a.public }

func (a account) Sign(message []byte) ([sr25519.SignatureSize]byte, error) {
	sig, err := a.signer.Sign(message)
	if err != nil {
		return [sr25519.SignatureSize]byte{}, fmt.Errorf("couldn't sign: %w", err)
	}
	if len(sig) != sr25519.SignatureSize {
		return [sr25519.SignatureSize]byte{}, fmt.Errorf("couldn't sign: a signature of %d bytes, not %d", len(sig), sr25519.SignatureSize)
	}
	return [sr25519.SignatureSize]byte(sig), nil
}
