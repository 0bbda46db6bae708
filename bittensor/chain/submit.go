package chain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nanteos/nanteos/bittensor/metadata"
)

// Signer signs with an account's sr25519 key. sr25519.Keypair is one; a wallet or a service that keeps the key elsewhere may be another.
type Signer interface {
	PublicKey() [32]byte
	Sign(message []byte) ([64]byte, error)
}

// Call names a function of the runtime and its arguments, in order.
type Call struct {
	Pallet, Name string
	Args         []any
}

// Encode encodes a call for a runtime. Errors: ErrUnsupported if the runtime doesn't have it.
func (c Call) Encode(rt *Runtime) ([]byte, error) {
	b, err := rt.Call(c.Pallet, c.Name, c.Args...)
	if errors.Is(err, metadata.ErrUnknown) {
		err = fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return b, err
}

// SubmitOptions say how a transaction is sent and for what to wait. The zero value waits until it is in a block.
type SubmitOptions struct {
	// Finalized waits until the block can't be replaced any more: some 30 s longer.
	Finalized bool
	// Tip in rao, on top of the fee.
	Tip uint64
	// Period replaces Config.EraPeriod.
	Period uint64
}

// Outcome is what became of a transaction.
type Outcome struct {
	Hash  Hash
	Nonce uint64
	// Block and Number are where it was included, Index its place there.
	Block  Hash
	Number uint64
	Index  int
	// Finalized is set if that can't change any more.
	Finalized bool
	// Events are those of this transaction, with System.ExtrinsicSuccess or ExtrinsicFailed last.
	Events []metadata.Event
	// Fee in rao; 0 for most of what miners and validators do.
	Fee uint64
	// Attempts counts how often it was signed.
	Attempts int
	// Endpoint took it.
	Endpoint string
}

// Event returns the transaction's first event of a name, nil if there is none.
func (o *Outcome) Event(pallet, name string) *metadata.Event {
	for i := range o.Events {
		if o.Events[i].Is(pallet, name) {
			return &o.Events[i]
		}
	}
	return nil
}

// PendingError says that a deadline came before a transaction's fate was known: it may be included until block Until. Look there for
// Hash, or for the nonce, before doing the same again. Matches ErrPending and the context's error.
type PendingError struct {
	Hash  Hash
	Nonce uint64
	// Until is the first block that can't have it any more.
	Until uint64
	// Outcome is set if it was seen in a block, but not all that was waited for.
	Outcome *Outcome
	Err     error
}

func (e *PendingError) Error() string {
	if e.Outcome != nil && e.Outcome.Number > 0 {
		return fmt.Sprintf("transaction %s is in block %d, but: %v", e.Hash, e.Outcome.Number, e.Err)
	}
	return fmt.Sprintf("transaction %s (nonce %d) may still be included before block %d: %v", e.Hash, e.Nonce, e.Until, e.Err)
}

func (e *PendingError) Unwrap() []error { return []error{ErrPending, e.Err} }

// Submit signs a call, sends it and waits until it is in a block (or longer, see SubmitOptions). If the runtime refused it there, the error is a
// *DispatchError and the outcome is given too. Errors before inclusion: *PoolError, ErrNonce, ErrOutdated, ErrLost; *PendingError if the
// fate isn't known in time. Without a deadline in the context it waits for Config.SubmitTimeout.
func (c *Client) Submit(ctx context.Context, signer Signer, call Call, o SubmitOptions) (*Outcome, error) {
	return c.submit(ctx, signer, call.Pallet+"."+call.Name, o, func(_ context.Context, v *View) ([]byte, error) { return call.Encode(v.Runtime) })
}

// builder makes the encoded call for the state in which it is signed. It is called again each time the transaction is signed again.
type builder func(ctx context.Context, v *View) ([]byte, error)

func (c *Client) submit(ctx context.Context, signer Signer, name string, o SubmitOptions, build builder) (*Outcome, error) {
	ctx, cancel := c.deadline(ctx, c.cfg.SubmitTimeout)
	defer cancel()
	if o.Period == 0 {
		o.Period = c.cfg.EraPeriod
	}
	s := &submission{c: c, signer: signer, account: signer.PublicKey(), o: o, build: build, seen: map[Hash]bool{}}
	out, err := s.run(ctx)
	if err != nil {
		return out, fmt.Errorf("couldn't submit %s: %w", name, err)
	}
	return out, nil
}

// sent is one signed version of a transaction that a node may have. All versions share a nonce, so that at most one is ever included.
type sent struct {
	raw      []byte
	hash     Hash
	spec     uint32
	from     uint64 // the block at which its era began: a reorganisation may put it before the head that it was signed at
	death    uint64
	endpoint string
}

// submission is a transaction on its way.
type submission struct {
	c       *Client
	signer  Signer
	account Account
	o       SubmitOptions
	build   builder

	attempts int
	nonce    uint64
	reserved bool
	versions []sent        // of this nonce
	seen     map[Hash]bool // blocks looked through
	last     error         // why the transaction is signed again
}

// verdict is what to do next.
type verdict int

const (
	done    verdict = iota // the outcome is known, or the error final
	again                  // sign again with a fresh era and the same nonce
	renonce                // the nonce is another transaction's: take a new one
	unsure                 // look into blocks
)

func (s *submission) run(ctx context.Context) (*Outcome, error) {
	defer func() {
		if s.reserved {
			s.c.endNonce(s.account, s.nonce, freed)
		}
	}()
	for {
		if s.attempts > s.c.cfg.Resubmit {
			return s.finish(nil, fmt.Errorf("given up after signing %d times: %w", s.attempts, s.last))
		}
		out, v, err := s.attempt(ctx)
		if v == unsure {
			out, v, err = s.settle(ctx)
		}
		if ctx.Err() != nil && v != done {
			v, err = done, errors.Join(context.Cause(ctx), err)
		}
		switch v {
		case done:
			return s.finish(out, err)
		case renonce:
			s.c.endNonce(s.account, s.nonce, taken)
			s.reserved, s.versions = false, nil
			s.pause(ctx)
		}
		s.last = err
	}
}

// finish gives the nonce back or marks it used, and names what is still open.
func (s *submission) finish(out *Outcome, err error) (*Outcome, error) {
	if out != nil {
		s.c.endNonce(s.account, s.nonce, used)
		s.reserved = false
		if open := (*PendingError)(nil); errors.As(err, &open) {
			open.Outcome = out
		}
		return out, err
	}
	if err != nil && s.mayLive() {
		last := s.versions[len(s.versions)-1]
		return nil, &PendingError{Hash: last.hash, Nonce: s.nonce, Until: last.death, Err: err}
	}
	return nil, err
}

// mayLive reports whether a version that was sent may still be included.
func (s *submission) mayLive() bool {
	head, _, _ := s.c.heads.now()
	for _, v := range s.versions {
		if head.Number < v.death {
			return true
		}
	}
	return false
}

// sign takes a nonce if there is none yet, and signs the call for the state of now.
func (s *submission) sign(ctx context.Context) (sent, error) {
	v, err := s.c.Best(ctx)
	if err != nil {
		return sent{}, err
	}
	if err := v.Runtime.CanSign(); err != nil {
		return sent{}, err
	}
	call, err := s.build(ctx, v)
	if err != nil {
		return sent{}, err
	}
	if !s.reserved {
		if s.nonce, err = s.c.takeNonce(ctx, s.account); err != nil {
			return sent{}, err
		}
		s.reserved = true
	}
	// The era begins a few blocks back, where no reorganisation changes the hash any more.
	const settled = 3
	current := v.Header.Number - min(v.Header.Number, settled)
	era := metadata.MortalEra(s.o.Period, current)
	birth, err := s.c.BlockHash(ctx, era.Birth(current))
	if err != nil {
		return sent{}, err
	}
	raw, err := v.Runtime.SignedExtrinsic(metadata.Transaction{
		Call: call, Era: era, EraBlockHash: birth, Nonce: s.nonce, Tip: s.o.Tip,
		SpecVersion: v.Runtime.Spec, TransactionVersion: v.Runtime.Transaction, Genesis: s.c.Genesis(),
	}, s.signer)
	if err != nil {
		return sent{}, err
	}
	s.attempts++
	return sent{raw: raw, hash: metadata.ExtrinsicHash(raw), spec: v.Runtime.Spec, from: era.Birth(current), death: era.Death(current)}, nil
}

// attempt signs, sends and watches once.
func (s *submission) attempt(ctx context.Context) (*Outcome, verdict, error) {
	tx, err := s.sign(ctx)
	if err != nil {
		return nil, done, err
	}
	w, v, err := s.send(ctx, tx)
	if w == nil {
		if v == again {
			s.pause(ctx)
		}
		return nil, v, err
	}
	defer w.Close()
	return s.watch(ctx, w)
}

// pause waits for about half a block, so that what is sent again doesn't meet the same state.
func (s *submission) pause(ctx context.Context) {
	select {
	case <-time.After(s.c.blockTime() / 2):
	case <-ctx.Done():
	}
}
