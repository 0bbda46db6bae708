package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nanteos/nanteos/bittensor/chain/rpc"
)

// send gives a signed transaction to one endpoint, or to the next if that one can't take it: the same bytes twice are one transaction. It
// returns the node's watch, or nil and what to do.
func (s *submission) send(ctx context.Context, tx sent) (*rpc.Subscription, verdict, error) {
	feed := rpc.Feed{Subscribe: "author_submitAndWatchExtrinsic", Unsubscribe: "author_unwatchExtrinsic", Params: []any{hexText(tx.raw)}}
	before := len(s.versions) > 0
	maybe := false
	var errs []error
	for _, e := range s.c.order() {
		tx.endpoint = e.Name()
		ectx, cancel := context.WithTimeout(ctx, s.c.cfg.Timeout)
		w, err := e.Subscribe(ectx, feed)
		if own := (*rpc.Error)(nil); errors.As(err, &own) && own.Code == -32601 {
			if _, err = e.call(ectx, "author_submitExtrinsic", hexText(tx.raw)); err == nil {
				cancel()
				s.versions = append(s.versions, tx)
				return nil, unsure, nil
			}
		}
		cancel()
		if err == nil {
			s.versions = append(s.versions, tx)
			return w, done, nil
		}
		errs = append(errs, err)
		if p, ok := poolError(err); ok {
			if maybe {
				s.versions = append(s.versions, tx)
			}
			v, err := s.refused(ctx, tx, p, before || maybe, err)
			return nil, v, err
		}
		if own := (*rpc.Error)(nil); errors.As(err, &own) && classify(err) == final {
			if maybe {
				s.versions = append(s.versions, tx)
			}
			return nil, done, err
		}
		if !errors.Is(err, rpc.ErrNoConnection) && !errors.Is(err, rpc.ErrBusy) && !errors.Is(err, rpc.ErrRefused) {
			maybe = true // it was on its way when the socket or the answer failed
		}
		if ctx.Err() != nil {
			break
		}
	}
	err := errors.Join(errs...)
	if maybe {
		s.versions = append(s.versions, tx)
		return nil, unsure, err
	}
	if before {
		return nil, unsure, err
	}
	return nil, done, err
}

// refused decides by the pool's refusal. before says that a version of the transaction was sent already and may be what is in the way.
func (s *submission) refused(ctx context.Context, tx sent, p *PoolError, before bool, err error) (verdict, error) {
	err = errors.Join(p, err)
	switch p.Kind {
	case "Imported":
		s.versions = append(s.versions, tx)
		return unsure, nil
	case "Stale", "Priority":
		if before {
			return unsure, err
		}
		return renonce, err
	case "AncientBirthBlock", "Banned", "Dropped", "ExhaustsResources", "Future":
		return again, err
	case "BadProof":
		// The runtime may have changed since it was signed.
		s.c.heads.expire()
		if v, verr := s.c.Best(ctx); verr == nil && v.Runtime.Spec != tx.spec {
			return again, err
		}
	}
	return done, err
}

// expire makes the next view ask for the head.
func (f *headFeed) expire() {
	f.mu.Lock()
	f.at = time.Time{}
	f.mu.Unlock()
}

// status is one word of author_extrinsicUpdate.
type status struct {
	word  string
	block Hash // of inBlock, retracted, finalized, finalityTimeout; of usurped it is a transaction
}

func parseStatus(raw json.RawMessage) (status, error) {
	var word string
	if json.Unmarshal(raw, &word) == nil {
		return status{word: word}, nil
	}
	var m map[string]json.RawMessage
	err := json.Unmarshal(raw, &m)
	for word, v := range m {
		st := status{word: word}
		switch word {
		case "inBlock", "retracted", "finalized", "finalityTimeout", "usurped":
			st.block, err = hashFrom(v)
			if st.block.IsZero() {
				err = ErrAnswer
			}
		}
		if err == nil && len(m) == 1 {
			return st, nil
		}
	}
	return status{}, fmt.Errorf("%w: status %.200s", ErrAnswer, raw)
}

// patience is after how many blocks without news the client looks into blocks itself.
const patience = 4

// watch follows the node's words about a transaction.
func (s *submission) watch(ctx context.Context, w *rpc.Subscription) (*Outcome, verdict, error) {
	var out *Outcome // in a block that may still be replaced
	var failure error
	for {
		quiet := time.NewTimer(patience * s.c.blockTime())
		var n rpc.Notification
		open := true
		select {
		case n, open = <-w.C:
			quiet.Stop()
		case <-quiet.C:
			if out == nil {
				return s.settle(ctx)
			}
			return s.awaitFinal(ctx, out, failure)
		case <-ctx.Done():
			quiet.Stop()
			return s.late(ctx, out, failure)
		}
		if !open {
			if out != nil {
				return s.awaitFinal(ctx, out, failure)
			}
			return s.settle(ctx)
		}
		st, err := parseStatus(n.Result)
		if err != nil {
			continue
		}
		switch st.word {
		case "inBlock", "finalized":
			if out == nil || out.Block != st.block {
				if out, failure, err = s.locate(ctx, st.block); err != nil {
					return s.settle(ctx)
				}
			}
			if st.word == "finalized" || !s.o.Finalized {
				out.Finalized = st.word == "finalized"
				return out, done, failure
			}
		case "retracted":
			if out != nil && out.Block == st.block {
				out, failure = nil, nil
			}
		case "finalityTimeout":
			if out != nil {
				return out, done, s.pending(out, errors.Join(failure, fmt.Errorf("finality timed out")))
			}
			return s.settle(ctx)
		case "usurped":
			s.last = fmt.Errorf("%w: usurped by %s", ErrNonce, st.block)
			return s.settle(ctx)
		case "dropped", "invalid":
			return s.abandoned(ctx, st.word)
		}
	}
}

// abandoned handles a transaction that the node's pool gave up. Other nodes may still have it: with the same nonce that does no harm.
func (s *submission) abandoned(ctx context.Context, word string) (*Outcome, verdict, error) {
	s.pause(ctx)
	err := fmt.Errorf("%w: %s", ErrLost, word)
	if word == "invalid" && s.overdue() {
		err = fmt.Errorf("%w: %s", ErrOutdated, word)
	}
	out, v, lerr := s.look(ctx)
	if v == unsure { // not in a block, and the nonce is free
		return nil, again, err
	}
	return out, v, lerr
}

// overdue reports whether the newest version's era is over.
func (s *submission) overdue() bool {
	head, _, _ := s.c.heads.now()
	return len(s.versions) > 0 && head.Number+1 >= s.versions[len(s.versions)-1].death
}

func (s *submission) pending(out *Outcome, err error) error {
	e := &PendingError{Nonce: s.nonce, Outcome: out, Err: err}
	if n := len(s.versions); n > 0 {
		e.Hash, e.Until = s.versions[n-1].hash, s.versions[n-1].death
	}
	if out != nil {
		e.Hash = out.Hash
	}
	return e
}

// late is the end at the deadline.
func (s *submission) late(ctx context.Context, out *Outcome, failure error) (*Outcome, verdict, error) {
	err := fmt.Errorf("%w (endpoints: %s)", context.Cause(ctx), s.c.summary())
	if out != nil {
		return out, done, s.pending(out, errors.Join(failure, err))
	}
	return nil, done, err
}
