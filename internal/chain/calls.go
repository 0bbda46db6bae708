package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// bound gives the call a deadline where its context has none.
func (l *Local) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, l.cfg.CallTimeout)
}

// current returns the newest picture unless the call or the chain has ended.
func (l *Local) current(ctx context.Context) (*picture, error) {
	select {
	case <-l.done:
		return nil, ErrClosed
	default:
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("couldn't read chain: %w", err)
	}
	return l.picture.Load(), nil
}

// Head returns the newest block.
func (l *Local) Head(ctx context.Context) (BlockRef, error) {
	p, err := l.current(ctx)
	if err != nil {
		return BlockRef{}, err
	}
	return p.head, nil
}

// Block returns block n.
func (l *Local) Block(ctx context.Context, n uint64) (BlockRef, error) {
	p, err := l.current(ctx)
	if err != nil {
		return BlockRef{}, err
	}
	if n == p.head.Number {
		return p.head, nil
	}
	if n > p.head.Number {
		return BlockRef{}, fmt.Errorf("couldn't read block %d: %w: head is %d", n, ErrNoBlock, p.head.Number)
	}
	ctx, cancel := l.bound(ctx)
	defer cancel()
	h, err := l.store.block(ctx, n)
	if err != nil {
		return BlockRef{}, fmt.Errorf("couldn't read block %d: %w", n, err)
	}
	return h.ref(), nil
}

// WaitBlock returns block n as soon as it exists. A context without deadline waits twice the time that the blocks should take, and the
// limit of all calls besides.
func (l *Local) WaitBlock(ctx context.Context, n uint64) (BlockRef, error) {
	p, err := l.current(ctx)
	if err != nil {
		return BlockRef{}, err
	}
	if _, ok := ctx.Deadline(); !ok && n > p.head.Number {
		wait := l.cfg.CallTimeout
		if blocks := n - p.head.Number; blocks < 1<<32 {
			wait += time.Duration(2*blocks) * l.cfg.BlockTime
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	for p.head.Number < n {
		select {
		case <-p.next:
			p = l.picture.Load()
		case <-ctx.Done():
			return BlockRef{}, fmt.Errorf("couldn't wait for block %d, head is %d: %w", n, p.head.Number, ctx.Err())
		case <-l.done:
			return BlockRef{}, ErrClosed
		}
	}
	return l.Block(ctx, n)
}

// SubscribeHeads gives the newest block and each new one until ctx ends or the chain closes.
func (l *Local) SubscribeHeads(ctx context.Context) (<-chan BlockRef, error) {
	p, err := l.current(ctx)
	if err != nil {
		return nil, err
	}
	heads := make(chan BlockRef, 1)
	go func() {
		defer close(heads)
		for {
			select {
			case <-heads: // the reader is behind: the newest replaces what it has not taken
			default:
			}
			heads <- p.head
			select {
			case <-p.next:
				p = l.picture.Load()
			case <-ctx.Done():
				return
			case <-l.done:
				return
			}
		}
	}()
	return heads, nil
}

// Metagraph returns all neurons as of the newest block.
func (l *Local) Metagraph(ctx context.Context) (Metagraph, error) {
	p, err := l.current(ctx)
	if err != nil {
		return Metagraph{}, err
	}
	m := p.metagraph
	m.Neurons = slices.Clone(m.Neurons)
	return m, nil
}

// Weights returns what a neuron has set.
func (l *Local) Weights(ctx context.Context, hotkey string) (Set, error) {
	m, err := l.Metagraph(ctx)
	if err != nil {
		return Set{}, err
	}
	n, ok := m.Neuron(hotkey)
	if !ok {
		return Set{}, fmt.Errorf("couldn't read weights of %s: %w", hotkey, ErrNotRegistered)
	}
	return Set{Weights: n.Weights, Block: n.LastUpdate}, nil
}

// Hyperparameters returns the subnet's rules.
func (l *Local) Hyperparameters(ctx context.Context) (Hyperparameters, error) {
	p, err := l.current(ctx)
	if err != nil {
		return Hyperparameters{}, err
	}
	return p.params, nil
}

// Commitments returns the newest commitment of each hotkey that has one.
func (l *Local) Commitments(ctx context.Context) (map[string][]byte, error) {
	p, err := l.current(ctx)
	if err != nil {
		return nil, err
	}
	m := make(map[string][]byte, len(p.commitments))
	for k, v := range p.commitments {
		m[k] = slices.Clone(v)
	}
	return m, nil
}

// Commit replaces the signer's commitment.
func (l *Local) Commit(ctx context.Context, signer Signer, data []byte) (BlockRef, error) {
	if len(data) > MaxCommitment {
		return BlockRef{}, fmt.Errorf("couldn't commit: %w: %d bytes are over %d", ErrTooLarge, len(data), MaxCommitment)
	}
	return l.send(ctx, signer, CommitCall{Data: slices.Clone(data)})
}

// SetWeights replaces the signer's weights.
func (l *Local) SetWeights(ctx context.Context, signer Signer, uids, weights []uint16, versionKey uint64) (BlockRef, error) {
	return l.send(ctx, signer, SetWeightsCall{UIDs: slices.Clone(uids), Weights: slices.Clone(weights), VersionKey: versionKey})
}

// Register gives the signer a UID.
func (l *Local) Register(ctx context.Context, signer Signer, coldkey string) (BlockRef, error) {
	return l.send(ctx, signer, RegisterCall{Coldkey: coldkey})
}

// send signs a call with the hotkey's next nonce and submits it. Where another transaction of the same hotkey was faster it takes the
// next nonce and tries again.
func (l *Local) send(ctx context.Context, signer Signer, call Call) (BlockRef, error) {
	ctx, cancel := l.bound(ctx)
	defer cancel()
	for try := 0; ; try++ {
		nonce, err := l.NextNonce(ctx, signer.Hotkey())
		if err != nil {
			return BlockRef{}, err
		}
		x := Extrinsic{Hotkey: signer.Hotkey(), Nonce: nonce, Expiry: l.picture.Load().head.Number + l.cfg.Lifetime, Call: call}
		payload, err := x.Payload(l.genesisHash)
		if err != nil {
			return BlockRef{}, err
		}
		if x.Signature, err = signer.Sign(payload); err != nil {
			return BlockRef{}, fmt.Errorf("couldn't sign transaction of %s: %w", x.Hotkey, err)
		}
		block, err := l.Submit(ctx, x)
		if !errors.Is(err, ErrNonce) || try == 7 {
			return block, err
		}
	}
}

// NextNonce returns the nonce that the hotkey's next transaction must have, those that wait counted.
func (l *Local) NextNonce(ctx context.Context, hotkey string) (uint64, error) {
	ctx, cancel := l.bound(ctx)
	defer cancel()
	r := nonceRequest{hotkey: hotkey, reply: make(chan uint64, 1)}
	select {
	case l.nonces <- r:
		return <-r.reply, nil
	case <-ctx.Done():
		return 0, fmt.Errorf("couldn't read nonce: %w", ctx.Err())
	case <-l.done:
		return 0, ErrClosed
	}
}

// Submit checks a signed transaction, queues it and waits for the block that includes it. Errors of the chain's rules come with that
// block's reference; where the wait ends early the error is ErrUnknownOutcome.
func (l *Local) Submit(ctx context.Context, x Extrinsic) (BlockRef, error) {
	if err := l.check(x); err != nil {
		return BlockRef{}, err
	}
	ctx, cancel := l.bound(ctx)
	defer cancel()
	s := submission{extrinsic: x, reply: make(chan outcome, 1)}
	select {
	case l.submissions <- s:
	case <-ctx.Done():
		return BlockRef{}, fmt.Errorf("couldn't submit transaction: %w: %w", ErrBusy, ctx.Err())
	case <-l.done:
		return BlockRef{}, ErrClosed
	}
	select {
	case o := <-s.reply:
		return o.block, o.err
	case <-ctx.Done():
		return BlockRef{}, fmt.Errorf("couldn't wait for transaction: %w: %w", ErrUnknownOutcome, ctx.Err())
	}
}

// check is what can be said of a transaction without the state, and is done on the caller's time.
func (l *Local) check(x Extrinsic) error {
	switch call := x.Call.(type) {
	case CommitCall:
	case SetWeightsCall:
		if len(call.UIDs) > maxUIDs || len(call.Weights) > maxUIDs {
			return fmt.Errorf("couldn't submit transaction: %w: %d weights", ErrBadWeights, max(len(call.UIDs), len(call.Weights)))
		}
	case RegisterCall:
		if err := checkAddress("coldkey", call.Coldkey); err != nil {
			return err
		}
	default:
		return fmt.Errorf("couldn't submit transaction: call of type %T is unknown", x.Call)
	}
	payload, err := x.Payload(l.genesisHash)
	if err != nil {
		return err
	}
	if err := verifySignature(x.Hotkey, payload, x.Signature); err != nil {
		return fmt.Errorf("couldn't submit transaction: %w", err)
	}
	if size := len(x.Encode()); size > maxExtrinsic {
		return fmt.Errorf("couldn't submit transaction: %w: %d bytes are over %d", ErrTooLarge, size, maxExtrinsic)
	}
	return nil
}

var _ Chain = (*Local)(nil)
