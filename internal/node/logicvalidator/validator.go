package logicvalidator

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/dendrite"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/logicvalidator/proxy"
	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/logicnet"
	"github.com/nanteos/nanteos/logicnet/challenge"
	"github.com/nanteos/nanteos/logicnet/grade"
)

// Validator asks, grades and sets weights.
type Validator struct {
	cfg    Config
	own    logicnet.Hotkey
	client *dendrite.Dendrite
	turns  *turns
	canned *canned
	proxy  *proxy.Server
	// reasoner writes the validator's own reasoning; nil for none.
	reasoner *challenge.Rewriter

	// The fields below are set by Run before anything reads them; opened says that they are.
	opened    atomic.Bool
	store     *store
	questions *Own
	uid       int
	draws     atomic.Uint64
	asked     atomic.Uint64 // questions put to miners in rounds

	mu      sync.Mutex
	table   *logicnet.Table
	queue   logicnet.Queue
	members Snapshot
	recent  []grade.Task
	spent   *logicnet.Limiter[logicnet.Hotkey] // questions to each miner
	round   openRound

	rephraseFault, reasonFault, embedFault, judgeFault atomic.Int64 // when one was last told, Unix seconds
}

// Run validates until ctx ends, or for Config.Rounds rounds. Errors wrap node.ErrNotRegistered, node.ErrInUse, ErrForeign, ErrVersion or ErrState where
// the operator is to mend something. It may be called once.
func (v *Validator) Run(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer v.client.Close()
	lock, err := node.Lock(filepath.Join(v.cfg.Dir, "lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := v.open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.store.close()) }()
	if err := v.join(ctx); err != nil {
		return err
	}
	v.emit(status.Event{Kind: status.Start, UID: &v.uid})
	defer func() {
		stop := status.Event{Kind: status.Stop}
		if err != nil {
			stop.Reason = err.Error()
		}
		v.emit(stop)
	}()
	if v.proxy != nil {
		served := make(chan error, 1)
		go func() { served <- v.proxy.Serve(ctx, v.cfg.Proxy.Listener) }()
		defer func() {
			cancel()
			if failed := <-served; failed != nil {
				err = errors.Join(err, failed)
			}
		}()
	}
	return v.loop(ctx)
}

// open reads the state.
func (v *Validator) open(ctx context.Context) error {
	s, err := openStore(ctx, v.cfg.Dir, v.own.String()+" "+v.cfg.Network)
	if err != nil {
		return err
	}
	err = func() error {
		all, err := s.miners(ctx)
		if err != nil {
			return err
		}
		if err := v.table.Restore(all); err != nil {
			return fmt.Errorf("couldn't read state %s: %w: %w", s.path, ErrState, err)
		}
		if v.round, err = s.round(ctx); err != nil {
			return err
		}
		secret := s.secret("problems", 0)
		v.questions, err = NewOwn(secret[:], asked{context.WithoutCancel(ctx), s})
		return err
	}()
	if err != nil {
		return errors.Join(err, s.close())
	}
	v.store = s
	v.opened.Store(true)
	return nil
}

// chainPatience bounds one reading of the chain; chainPause lies between two tries.
const (
	chainPatience = time.Minute
	chainPause    = 5 * time.Second
)

// join finds the validator on the chain, and waits for a chain that can't be read.
func (v *Validator) join(ctx context.Context) error {
	for {
		_, err := v.snapshot(ctx)
		if err == nil || errors.Is(err, node.ErrNotRegistered) || ctx.Err() != nil {
			return err
		}
		v.fault(err, "it is tried again")
		if err := pause(ctx, chainPause); err != nil {
			return err
		}
	}
}

// snapshot reads the subnet and finds the validator in it.
func (v *Validator) snapshot(ctx context.Context) (Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, chainPatience)
	defer cancel()
	s, err := v.cfg.Chain.Snapshot(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	for i, m := range s.Members {
		if m.Hotkey == v.own {
			v.mu.Lock()
			v.uid, v.members = i, s
			v.mu.Unlock()
			return s, nil
		}
	}
	return Snapshot{}, fmt.Errorf("couldn't find %s in the metagraph: %w", v.own, node.ErrNotRegistered)
}

// loop runs rounds.
func (v *Validator) loop(ctx context.Context) error {
	for done := 0; v.cfg.Rounds == 0 || done < v.cfg.Rounds; {
		s, err := v.snapshot(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, node.ErrNotRegistered):
			return err
		case err != nil:
			v.fault(err, "it is tried again")
			if pause(ctx, chainPause) != nil {
				return nil
			}
			continue
		}
		counted, err := v.oneRound(ctx, s)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if counted {
			done++
		}
		if err := v.setWeights(ctx); err != nil && ctx.Err() == nil {
			v.fault(err, "it is tried again after the next round")
		}
	}
	return nil
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// rand returns randomness that nobody can foresee, new with every call.
func (v *Validator) rand() logicnet.Rand {
	return logicnet.NewRand(v.store.secret("draws", v.draws.Add(1)))
}

func (v *Validator) emit(e status.Event) { v.cfg.Status.Emit(e) }

func (v *Validator) fault(err error, hint string) {
	v.emit(status.Event{Kind: status.Fault, Reason: cut(err.Error(), 500), Hint: hint})
}

// seldom reports a fault that may come with every answer, once in a while.
func (v *Validator) seldom(last *atomic.Int64, err error, hint string) {
	now := time.Now().Unix()
	if before := last.Load(); now-before >= int64(faultEvery/time.Second) && last.CompareAndSwap(before, now) {
		v.fault(err, hint)
	}
}

// Miners returns what is known of the miners, with their histories.
func (v *Validator) Miners() []logicnet.Miner {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.table.Miners()
}
