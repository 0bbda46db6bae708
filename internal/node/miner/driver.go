package miner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
)

// Config is what a miner consists of.
type Config struct {
	// Rules are the network's; a data folder stays with the rules it was made under.
	Rules grail.Rules
	// Hotkey signs.
	Hotkey sr25519.Keypair
	// Plan is what the operator chooses; Hotkey in it is set by the miner.
	Plan Plan
	// Dir is the data folder: miner.db and outbox/. It is made if missing and locked while the miner runs.
	Dir string
	// Heads is the chain, Beacon its randomness (nil for none where the rules allow that).
	Heads  node.Heads
	Beacon node.Beacon
	// Checkpoints finds and loads models.
	Checkpoints node.Checkpoints
	// Bucket is the own bucket, with the right to write.
	Bucket node.Bucket
	// Worker makes the maker of groups for a checkpoint; nil for the honest one.
	Worker func(honest *Honest) Worker
	// SkipPreflight hands groups in unchecked: for those who test validators.
	SkipPreflight bool
	// Secret replaces the journal's own secret of the sampling seeds, to repeat a run.
	Secret []byte
	// Status gets events, nil for nobody.
	Status status.Sink
	// Now is the clock, time.Now when nil. Waiting is by the time package.
	Now func() time.Time

	// hook is called by the deciding goroutine before and after every effect and every write of the journal; true kills the miner on the spot.
	hook func(point string) bool
}

// Miner drives Step: it performs effects, each with its time limit, and feeds the answers back.
type Miner struct {
	cfg      Config
	address  string
	stopping chan struct{}
	stopOnce sync.Once

	journal *Journal
	outbox  *Outbox
	secret  []byte
	state   State        // of the goroutine that runs Run
	window  atomic.Int64 // of the work in state, 0 for none; for events of any goroutine
	answers chan done
	cancels map[uint64]context.CancelFunc
	effects sync.WaitGroup

	mu       sync.Mutex // guards what follows: the loaded checkpoint
	model    *node.Model
	worker   Worker
	evaluate *node.Evaluator
}

// done is the answer of an effect, with rows to journal first.
type done struct {
	event Event
	id    uint64
	point string
	rows  []byte
}

// errKilled is the end by the hook.
var errKilled = errors.New("killed")

// New makes a miner. Nothing is opened before Run.
func New(cfg Config) (*Miner, error) {
	if err := cfg.Rules.Validate(); err != nil {
		return nil, fmt.Errorf("couldn't make miner: %w", err)
	}
	if cfg.Dir == "" || cfg.Heads == nil || cfg.Checkpoints == nil || cfg.Bucket == nil {
		return nil, errors.New("couldn't make miner: it needs a data folder, a chain, checkpoints and a bucket")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Status == nil {
		cfg.Status = status.Discard
	}
	if cfg.Worker == nil {
		cfg.Worker = func(h *Honest) Worker { return h }
	}
	if cfg.hook == nil {
		cfg.hook = func(string) bool { return false }
	}
	m := &Miner{cfg: cfg, address: ss58.EncodeBittensor(cfg.Hotkey.Public()), stopping: make(chan struct{}), answers: make(chan done, 16), cancels: map[uint64]context.CancelFunc{}}
	m.cfg.Plan.Hotkey = m.address
	return m, nil
}

// Address is the SS58 address of the miner's hotkey.
func (m *Miner) Address() string { return m.address }

// Stop asks Run to end as soon as what is complete is uploaded; a group that is being made is given up. Cancel Run's context to end at once:
// nothing that is journalled gets lost.
func (m *Miner) Stop() { m.stopOnce.Do(func() { close(m.stopping) }) }

// Run mines until Stop, the context's end or an error that makes going on unsafe (the journal can't be written). It may be called once.
func (m *Miner) Run(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := m.open(ctx); err != nil {
		return err
	}
	defer func() {
		cancel()
		m.effects.Wait()
		m.release()
		err = errors.Join(err, m.journal.Close())
		reason := ""
		if err != nil && !errors.Is(err, context.Canceled) {
			reason = err.Error()
		}
		m.report(status.Event{Kind: status.Stop, Reason: reason})
	}()
	heads := node.Follow(ctx, m.cfg.Heads, m.patience(), func(err error) {
		m.report(status.Event{Kind: status.Fault, Reason: err.Error(), Hint: "check the chain's endpoint; mining goes on by the clock meanwhile"})
	})
	var groups []GroupRecord
	if m.state.Work != nil {
		if groups, err = m.journal.Groups(ctx, m.state.Work.Window); err != nil {
			return err
		}
	}
	m.report(status.Event{Kind: status.Start})
	if err := m.feed(ctx, Begin{Now: m.cfg.Now(), Plan: m.cfg.Plan, Groups: groups}); err != nil {
		return err
	}
	stopping := m.stopping
	for !m.state.Quit {
		var e Event
		select {
		case <-ctx.Done():
			return ctx.Err()
		case b, ok := <-heads:
			if !ok {
				return ctx.Err()
			}
			e = Head{Now: m.cfg.Now(), Block: b}
		case <-stopping:
			stopping = nil
			e = Stop{Now: m.cfg.Now()}
		case d := <-m.answers:
			if e, err = m.answered(ctx, d); err != nil {
				return err
			}
		}
		if err := m.feed(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func (m *Miner) open(ctx context.Context) (err error) {
	if err := os.MkdirAll(m.cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("couldn't open data folder: %w", err)
	}
	if m.journal, err = OpenJournal(ctx, filepath.Join(m.cfg.Dir, "miner.db"), m.address, m.cfg.Rules); err != nil {
		return err
	}
	fail := func(err error) error { return errors.Join(err, m.journal.Close()) }
	s, err := m.journal.Load(ctx)
	if err != nil {
		return fail(err)
	}
	m.enter(s)
	if m.secret = m.cfg.Secret; m.secret == nil {
		if m.secret, err = m.journal.Secret(ctx); err != nil {
			return fail(err)
		}
	}
	if m.outbox, err = OpenOutbox(filepath.Join(m.cfg.Dir, "outbox")); err != nil {
		return fail(err)
	}
	return nil
}

// patience is how long no block may come before the subscription is made anew.
func (m *Miner) patience() time.Duration {
	return max(seconds(10*m.cfg.Rules.BlockSeconds), 10*time.Second)
}

// answered journals the rows of a group before the group counts.
func (m *Miner) answered(ctx context.Context, d done) (Event, error) {
	if c := m.cancels[d.id]; c != nil {
		c()
		delete(m.cancels, d.id)
	}
	if m.cfg.hook("after " + d.point) {
		return nil, errKilled
	}
	g, ok := d.event.(Grouped)
	if !ok || g.Failure != nil {
		return d.event, nil
	}
	if err := m.write(ctx, "group", func(ctx context.Context) error { return m.journal.PutGroup(ctx, g.Window, g.Record, d.rows) }); err != nil {
		return nil, err
	}
	return d.event, nil
}

// feed takes a step: new state, journal, effects, in this order.
func (m *Miner) feed(ctx context.Context, e Event) error {
	next, effects := Step(m.cfg.Rules, m.state, e)
	m.enter(next)
	if err := m.write(ctx, "state", func(ctx context.Context) error { return m.journal.Save(ctx, next) }); err != nil {
		return err
	}
	for _, f := range effects {
		if err := m.perform(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// write writes the journal, also when the miner is about to end. It tries three times: a full disk or a slow one may pass.
func (m *Miner) write(ctx context.Context, what string, f func(context.Context) error) error {
	if m.cfg.hook("before journal " + what) {
		return errKilled
	}
	var err error
	for try := range 3 {
		if try > 0 {
			select {
			case <-ctx.Done():
				return err
			case <-time.After(time.Duration(try) * time.Second):
			}
		}
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		err = f(bounded)
		cancel()
		if err == nil || errors.Is(err, ErrUploadedTwice) {
			break
		}
	}
	if err != nil {
		return err
	}
	if m.cfg.hook("after journal " + what) {
		return errKilled
	}
	return nil
}

// report emits an event of the driver's own. Any goroutine may call it.
func (m *Miner) report(e status.Event) {
	e.Time, e.Node, e.Role, e.Hotkey, e.UID = m.cfg.Now(), m.cfg.Plan.Name, role, m.address, m.cfg.Plan.UID
	e.Window = m.window.Load()
	m.cfg.Status.Emit(e)
}

// enter makes s the present state.
func (m *Miner) enter(s State) {
	m.state = s
	window := int64(0)
	if s.Work != nil {
		window = s.Work.Window
	}
	m.window.Store(window)
}

func (m *Miner) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.model != nil && m.model.Release != nil {
		m.model.Release()
	}
	m.model, m.worker, m.evaluate = nil, nil, nil
}

// blockTime reads the time of a block.
func (m *Miner) blockTime(ctx context.Context, n int64) (time.Time, error) {
	var b chain.BlockRef
	b, err := m.cfg.Heads.Block(ctx, uint64(n))
	return b.Time, err
}

func (m *Miner) reportFault(err error) {
	m.report(status.Event{Kind: status.Fault, Reason: err.Error()})
}
