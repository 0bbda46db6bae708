package validator

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
)

// Chain is what a validator needs of the chain.
type Chain interface {
	node.Blocks
	node.Register
	// SubscribeHeads gives the newest block and then each new one until ctx ends.
	SubscribeHeads(ctx context.Context) (<-chan chain.BlockRef, error)
	// Weights returns what a neuron has set.
	Weights(ctx context.Context, hotkey string) (chain.Set, error)
	// SetWeights replaces the signer's weights and returns the block that includes them.
	SetWeights(ctx context.Context, signer chain.Signer, uids, weights []uint16, versionKey uint64) (chain.BlockRef, error)
}

// Config describes a validator.
type Config struct {
	// Plan is what the operator chose; its Hotkey is the Signer's and Publish follows Own, whatever they say.
	Plan Plan
	// Rules are the network's.
	Rules grail.Rules
	// Dir is the data folder. It is made if missing. Only one validator may use it at a time.
	Dir string

	Chain  Chain
	Signer chain.Signer
	// Beacon is public randomness, nil for none where the rules allow that.
	Beacon node.Beacon
	// Checkpoints finds and loads models, OpenBucket makes a reader's bucket of a commitment (as for node.NewPeers).
	Checkpoints node.Checkpoints
	OpenBucket  func(commitment []byte) (node.Bucket, error)
	// Own is the validator's own bucket, for trust lists; nil for none.
	Own node.Bucket
	// VersionKey goes with the weights.
	VersionKey uint64

	// Sink gets events, none when nil.
	Sink status.Sink
	// Probes and Judges bound what is done side by side: 8 and 4 when 0. ProbeLimit bounds one probe, 6 s when 0.
	Probes, Judges int
	ProbeLimit     time.Duration
	// Reports is for how many windows reports are kept, 24 when 0.
	Reports int
	// Grace is for how long what must not be interrupted may go on after ctx has ended, 3 s when 0.
	Grace time.Duration
	// Now is the clock, time.Now when nil.
	Now func() time.Time

	// probe is called before and after each effect, in tests; true ends the process there and then.
	probe func(e Effect, done bool) (die bool)
}

// Validator is the driver of Step: it performs effects and feeds back what happened.
type Validator struct {
	cfg   Config
	store *store
	peers *node.Peers
	first Ledger

	model  *node.Model
	grader *node.Evaluator

	events chan Event
	wg     sync.WaitGroup
	timer  *time.Timer
}

// errKilled ends a driver whose probe wants it dead.
var errKilled = errors.New("killed")

// New looks into the data folder. The error wraps ErrLedger where its ledger can't be used.
func New(cfg Config) (*Validator, error) {
	cfg.Plan.Hotkey, cfg.Plan.Publish = cfg.Signer.Hotkey(), cfg.Own != nil
	cfg.Probes, cfg.Judges, cfg.Reports = orInt(cfg.Probes, 8), orInt(cfg.Judges, 4), orInt(cfg.Reports, 24)
	cfg.ProbeLimit, cfg.Grace = or(cfg.ProbeLimit, 6*time.Second), or(cfg.Grace, 3*time.Second)
	if cfg.Sink == nil {
		cfg.Sink = status.Discard
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	st, err := openStore(cfg.Dir, cfg.Reports)
	if err != nil {
		return nil, err
	}
	v := &Validator{cfg: cfg, store: st, peers: node.NewPeers(cfg.Chain, cfg.OpenBucket), events: make(chan Event, 16)}
	if err := v.read(); err != nil {
		return nil, err
	}
	return v, nil
}

// read reads the ledger of the data folder.
func (v *Validator) read() error {
	digest := v.cfg.Rules.Digest()
	rules := hex.EncodeToString(digest[:])
	l, ok, err := v.store.ledger()
	if err != nil {
		return err
	}
	if !ok {
		l = NewLedger(v.cfg.Plan.Hotkey, rules)
	} else if err := l.Validate(v.cfg.Plan.Hotkey, rules); err != nil {
		return fmt.Errorf("couldn't continue in %s: %w", v.cfg.Dir, err)
	}
	v.first = l
	return nil
}

// take makes the data folder this validator's: two on one folder would overwrite each other's histories. What another one wrote since New
// counts.
func (v *Validator) take() (*os.File, error) {
	lock, err := node.Lock(filepath.Join(v.cfg.Dir, lockName))
	if err != nil {
		return nil, err
	}
	if err = v.read(); err == nil {
		if err = os.RemoveAll(filepath.Join(v.cfg.Dir, scratchDir)); err == nil {
			return lock, nil
		}
		err = fmt.Errorf("couldn't clear scratch folder: %w", err)
	}
	return nil, errors.Join(err, lock.Close())
}

func orInt(v, otherwise int) int { return or(v, otherwise) }

// Run validates until ctx ends, and then returns nil. It may be called once. The error wraps node.ErrInUse where another process validates
// in the same folder.
func (v *Validator) Run(ctx context.Context) error {
	lock, err := v.take()
	if err != nil {
		return fmt.Errorf("couldn't start validator: %w", err)
	}
	defer lock.Close()
	if v.cfg.Rules.BindBeacon && v.cfg.Beacon != nil {
		if err := node.CheckBeacon(v.cfg.Rules, v.cfg.Beacon.Info()); err != nil {
			return fmt.Errorf("couldn't start validator: %w", err)
		}
	}
	// life is the effects' context: it outlives ctx a little, so that weights under way are still confirmed and written down.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer v.release()
	defer v.wg.Wait()
	defer end()
	v.timer = time.NewTimer(time.Hour)
	defer v.timer.Stop()
	v.wg.Add(1)
	go v.follow(life)

	v.emit(status.Event{Kind: status.Start})
	err = v.loop(ctx, life, end)
	stopped := status.Event{Kind: status.Stop}
	if err != nil {
		stopped.Reason = err.Error()
	}
	v.emit(stopped)
	return err
}

// emit reports an event of the driver's own.
func (v *Validator) emit(e status.Event) {
	e.Time, e.Node, e.Role, e.Hotkey = v.cfg.Now(), v.cfg.Plan.Name, "validator", v.cfg.Plan.Hotkey
	v.cfg.Sink.Emit(e)
}

// loop steps until there is nothing left to do.
func (v *Validator) loop(ctx, life context.Context, end context.CancelFunc) error {
	s := NewState()
	cancels := map[uint64]context.CancelFunc{}
	defer func() {
		for _, c := range cancels {
			c()
		}
	}()
	stop := ctx.Done()
	var e Event = Begin{Now: v.cfg.Now(), Plan: v.cfg.Plan, Ledger: v.first}
	for {
		var effects []Effect
		s, effects = Step(v.cfg.Rules, s, e)
		for _, f := range effects {
			if v.cfg.probe != nil && v.cfg.probe(f, false) {
				return errKilled
			}
			switch f := f.(type) {
			case Quit:
				return nil
			case Emit:
				v.cfg.Sink.Emit(f.Event)
			case Wake:
				v.timer.Reset(max(0, f.At.Sub(v.cfg.Now())))
			case Cancel:
				if c := cancels[f.ID]; c != nil {
					c()
				}
			default:
				id, limit, perform := v.effect(f)
				ctx, cancel := context.WithTimeout(life, limit)
				clear(cancels) // only one is under way
				cancels[id] = cancel
				v.wg.Add(1)
				go func() {
					defer v.wg.Done()
					defer cancel()
					e := perform(ctx)
					select {
					case v.events <- done{e, f}:
					case <-life.Done():
					}
				}()
			}
		}
		select {
		case e = <-v.events:
		case <-v.timer.C:
			e = Woke{Now: v.cfg.Now()}
		case <-stop:
			stop = nil
			time.AfterFunc(v.cfg.Grace, end)
			e = Stop{Now: v.cfg.Now()}
		case <-life.Done():
			return nil // the grace is over
		}
		if d, ok := e.(done); ok {
			if v.cfg.probe != nil && v.cfg.probe(d.effect, true) {
				return errKilled
			}
			e = d.Event
		}
	}
}

// done is the answer to an effect on its way to Step.
type done struct {
	Event
	effect Effect
}

// follow feeds new blocks until life ends, and says when there are none.
func (v *Validator) follow(life context.Context) {
	defer v.wg.Done()
	heads := node.Follow(life, v.cfg.Chain, patience(v.cfg.Rules), func(err error) {
		v.emit(status.Event{Kind: status.Fault, Reason: err.Error(), Hint: "check the chain's endpoint"})
	})
	for block := range heads {
		select {
		case v.events <- Head{Now: v.cfg.Now(), Block: block}:
		case <-life.Done():
		}
	}
}

// effect says how an answered effect is performed, and how long it may take in all.
func (v *Validator) effect(e Effect) (id uint64, limit time.Duration, perform func(context.Context) Event) {
	call := v.cfg.Plan.callLimit()
	switch e := e.(type) {
	case Prepare:
		return e.ID, e.Limit, func(ctx context.Context) Event { return v.prepare(ctx, e) }
	case Open:
		return e.ID, e.Limit, func(ctx context.Context) Event { return v.open(ctx, e) }
	case Discover:
		return e.ID, e.Limit, func(ctx context.Context) Event { return v.discover(ctx, e) }
	case Judge:
		rounds := time.Duration(len(e.Hotkeys)/v.cfg.Judges + 1)
		return e.ID, rounds*e.Limit + call, func(ctx context.Context) Event { return v.judge(ctx, e) }
	case Save:
		return e.ID, call, func(context.Context) Event {
			return Saved{v.answer(e.ID, v.store.save(e.Ledger, e.Report))}
		}
	case Publish:
		return e.ID, e.Limit, func(ctx context.Context) Event { return v.publish(ctx, e) }
	case Settle:
		return e.ID, e.Limit, func(ctx context.Context) Event { return v.settle(ctx, e) }
	}
	return 0, call, func(context.Context) Event { return Woke{Now: v.cfg.Now()} }
}

// answer makes the answer of an effect; an error is a failure that may pass.
func (v *Validator) answer(id uint64, err error) Answer {
	a := Answer{Now: v.cfg.Now(), ID: id}
	if err != nil {
		a.Failure = &Failure{Kind: Passing, Reason: err.Error()}
	}
	return a
}
