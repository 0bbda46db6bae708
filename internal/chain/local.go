package chain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// LocalConfig describes a chain that runs in this process.
type LocalConfig struct {
	// Path is the SQLite file; empty keeps the chain in memory. The folder must exist.
	Path string
	// Genesis is where a new chain starts. An existing file must have been started from the same one (its Time, when zero here, is not
	// compared).
	Genesis Genesis
	// BlockTime is the time between blocks. With 0 no block comes by itself: call Produce.
	BlockTime time.Duration
	// Now is the clock, time.Now when nil. Waiting is by the time package.
	Now func() time.Time
	// Queue bounds the transactions that wait for a block, 1024 when zero. More are refused with ErrBusy.
	Queue int
	// CallTimeout bounds calls whose context has no deadline, 30 s when zero.
	CallTimeout time.Duration
	// Lifetime is for how many blocks a transaction stays valid, 64 when zero.
	Lifetime uint64
	// Log gets what goes wrong in the background, slog.Default when nil.
	Log *slog.Logger
}

// Local is a chain in this process. One goroutine owns its state and makes the blocks; readers see the immutable picture of the newest
// block.
//
// Times: a block carries the clock's time at which it was made. While the process runs, blocks keep to multiples of BlockTime and one
// that comes late does not shift the next ones; blocks that were missed altogether are not made up for. After a stop of any
// length the chain goes on with the next number, one BlockTime after the start; the gap shows in the blocks' times and nowhere
// else. Where the clock stands before the newest block's time, blocks go on BlockTime apart until the clock has caught up, so times
// always grow.
type Local struct {
	cfg         LocalConfig
	store       store
	genesisHash string
	picture     atomic.Pointer[picture]
	submissions chan submission
	nonces      chan nonceRequest
	produce     chan chan error
	stop        chan struct{}
	stopOnce    sync.Once
	done        chan struct{}
	closeErr    error
}

// picture is what readers see.
type picture struct {
	head        BlockRef
	metagraph   Metagraph
	params      Hyperparameters
	commitments map[string][]byte
	next        chan struct{} // closed with the next block
}

type submission struct {
	extrinsic Extrinsic
	reply     chan outcome // holds one
}

type outcome struct {
	block BlockRef
	err   error
}

type nonceRequest struct {
	hotkey string
	reply  chan uint64 // holds one
}

// OpenLocal starts a chain or continues the one in the file.
func OpenLocal(ctx context.Context, cfg LocalConfig) (*Local, error) {
	if cfg.BlockTime < 0 || cfg.BlockTime > 0 && cfg.BlockTime < time.Millisecond {
		return nil, fmt.Errorf("couldn't start chain: block time %s is under a millisecond", cfg.BlockTime)
	}
	setDefault(&cfg.Queue, 1024)
	setDefault(&cfg.CallTimeout, 30*time.Second)
	setDefault(&cfg.Lifetime, 64)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	l := &Local{
		cfg: cfg, store: &memory{},
		submissions: make(chan submission), nonces: make(chan nonceRequest), produce: make(chan chan error),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	if cfg.Path != "" {
		db, err := openDatabase(ctx, cfg.Path)
		if err != nil {
			return nil, err
		}
		l.store = db
	}
	o, err := l.start(ctx)
	if err != nil {
		return nil, errors.Join(err, l.store.close())
	}
	go o.run()
	return l, nil
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// start loads the state or makes the genesis block.
func (l *Local) start(ctx context.Context) (*owner, error) {
	first, body, err := l.cfg.Genesis.block0(l.cfg.Now())
	if err != nil {
		return nil, err
	}
	old, exists, err := l.store.load(ctx)
	if err != nil {
		return nil, err
	}
	if !exists {
		if err := l.store.append(ctx, first, body, nil); err != nil {
			return nil, err
		}
		old = loaded{head: first, genesis: first, state: body}
	}
	if l.cfg.Genesis.Time.IsZero() {
		first.timeMs = old.genesis.timeMs
	}
	if first != old.genesis {
		return nil, fmt.Errorf("couldn't continue chain in %s: %w: it was started with another name, other rules or other neurons; use another folder or the old settings",
			l.cfg.Path, ErrOtherChain)
	}
	s, err := old.verify()
	if err != nil {
		return nil, err
	}
	l.genesisHash = old.genesis.ref().Hash
	o := &owner{l: l, head: old.head, state: s, root: old.head.stateRoot}
	l.picture.Store(o.paint())
	return o, nil
}

// Close stops the chain and releases the file. Transactions that still wait fail with ErrClosed.
func (l *Local) Close() error {
	l.stopOnce.Do(func() { close(l.stop) })
	<-l.done
	return l.closeErr
}

// GenesisHash names the chain.
func (l *Local) GenesisHash() string { return l.genesisHash }

// Produce makes a block now and returns it.
func (l *Local) Produce(ctx context.Context) (BlockRef, error) {
	ctx, cancel := l.bound(ctx)
	defer cancel()
	reply := make(chan error, 1)
	select {
	case l.produce <- reply:
	case <-l.done:
		return BlockRef{}, ErrClosed
	case <-ctx.Done():
		return BlockRef{}, fmt.Errorf("couldn't produce block: %w", ctx.Err())
	}
	if err := <-reply; err != nil {
		return BlockRef{}, err
	}
	return l.picture.Load().head, nil
}

// owner is the goroutine's own data.
type owner struct {
	l     *Local
	head  header
	state *state
	root  [32]byte
	pool  []submission
}

func (o *owner) run() {
	l := o.l
	var tick <-chan time.Time
	var timer *time.Timer
	var due time.Time
	if l.cfg.BlockTime > 0 {
		due = l.cfg.Now().Add(l.cfg.BlockTime)
		timer = time.NewTimer(l.cfg.BlockTime)
		defer timer.Stop()
		tick = timer.C
	}
	for {
		select {
		case <-l.stop:
			for _, s := range o.pool {
				s.reply <- outcome{err: ErrClosed}
			}
			l.closeErr = l.store.close()
			close(l.done)
			return
		case s := <-l.submissions:
			if err := o.admit(s); err != nil {
				s.reply <- outcome{err: err}
			}
		case r := <-l.nonces:
			r.reply <- o.nextNonce(r.hotkey)
		case reply := <-l.produce:
			reply <- o.block()
		case <-tick:
			if err := o.block(); err != nil {
				l.cfg.Log.Error("couldn't produce block, trying again", "number", o.head.number+1, "error", err)
			}
			now := l.cfg.Now()
			if due = due.Add(l.cfg.BlockTime); !due.After(now) || due.Sub(now) > 2*l.cfg.BlockTime {
				due = now.Add(l.cfg.BlockTime)
			}
			timer.Reset(due.Sub(now))
		}
	}
}

// admit puts a transaction into the pool. Its signature was checked before.
func (o *owner) admit(s submission) error {
	x := s.extrinsic
	switch next := o.nextNonce(x.Hotkey); {
	case len(o.pool) >= o.l.cfg.Queue:
		return fmt.Errorf("couldn't queue transaction: %w: %d are waiting", ErrBusy, len(o.pool))
	case x.Expiry <= o.head.number:
		return fmt.Errorf("couldn't queue transaction: %w: valid until block %d, head is %d", ErrExpired, x.Expiry, o.head.number)
	case x.Nonce != next:
		return fmt.Errorf("couldn't queue transaction: %w: %d, expected %d", ErrNonce, x.Nonce, next)
	}
	if _, ok := o.state.uid(x.Hotkey); !ok {
		// strangers would fill the pool and the table of nonces for free
		if _, register := x.Call.(RegisterCall); !register {
			return fmt.Errorf("couldn't queue transaction: %w: %s", ErrNotRegistered, x.Hotkey)
		}
	}
	o.pool = append(o.pool, s)
	return nil
}

func (o *owner) nextNonce(hotkey string) uint64 {
	n := o.state.nonces[hotkey]
	for _, s := range o.pool {
		if s.extrinsic.Hotkey == hotkey {
			n++
		}
	}
	return n
}

// block makes, stores and announces the next block, with all transactions of the pool in the order of hotkeys and nonces. If it cannot
// be stored nothing has happened.
func (o *owner) block() error {
	l := o.l
	number := o.head.number + 1
	s := o.state.clone()
	slices.SortStableFunc(o.pool, func(a, b submission) int {
		return cmp.Or(cmp.Compare(a.extrinsic.Hotkey, b.extrinsic.Hotkey), cmp.Compare(a.extrinsic.Nonce, b.extrinsic.Nonce))
	})
	xs := make([]included, len(o.pool))
	for i, p := range o.pool {
		x := p.extrinsic
		xs[i] = included{extrinsic: x}
		if x.Expiry < number {
			xs[i].err = fmt.Errorf("%w in block %d", ErrExpired, x.Expiry)
			continue
		}
		s.nonces[x.Hotkey]++
		xs[i].err = s.dispatch(x, number)
	}
	if number%s.params.Tempo == 0 {
		s.epoch(number)
	}
	body, err := s.encode()
	if err != nil {
		return err
	}
	now := l.cfg.Now().UnixMilli()
	if now <= o.head.timeMs {
		now = o.head.timeMs + max(1, l.cfg.BlockTime.Milliseconds())
	}
	h := header{number: number, parent: o.head.hash(), timeMs: now, stateRoot: stateRoot(body), extrinsicsRoot: extrinsicsRoot(xs)}
	if h.stateRoot == o.root {
		body = nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), l.cfg.CallTimeout)
	defer cancel()
	if err := l.store.append(ctx, h, body, xs); err != nil {
		return err
	}
	done := o.pool
	o.head, o.state, o.root, o.pool = h, s, h.stateRoot, nil
	old := l.picture.Swap(o.paint())
	close(old.next)
	for i, p := range done {
		p.reply <- outcome{block: h.ref(), err: xs[i].err}
	}
	return nil
}

// paint makes the picture of the newest block.
func (o *owner) paint() *picture {
	s := o.state
	p := &picture{head: o.head.ref(), params: s.params, commitments: make(map[string][]byte, len(s.commitments)), next: make(chan struct{})}
	p.metagraph = Metagraph{Block: p.head, LastEpoch: s.lastEpoch, Neurons: make([]Neuron, len(s.neurons))}
	for i := range s.neurons {
		n := &s.neurons[i]
		p.metagraph.Neurons[i] = Neuron{
			UID: uint16(i), Hotkey: n.hotkey, Coldkey: n.coldkey, Stake: n.stake, ValidatorPermit: n.permit,
			RegisteredAt: n.registeredAt, LastUpdate: n.lastUpdate,
			Rank: float64(n.rank) / 65535, Trust: float64(n.trust) / 65535, Consensus: float64(n.consensus) / 65535,
			Incentive: float64(n.incentive) / 65535, Dividends: float64(n.dividends) / 65535, Weights: n.weights,
		}
	}
	for k, c := range s.commitments {
		p.commitments[k] = c.data
	}
	return p
}
