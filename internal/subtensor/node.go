package subtensor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nanteos/nanteos/bittensor/sr25519"
)

// Errors among which a caller decides.
var (
	// ErrClosed: the node was closed.
	ErrClosed = errors.New("node is closed")
	// ErrOtherChain: the file on disk belongs to a chain with another genesis.
	ErrOtherChain = errors.New("data belong to another chain")
	// ErrCorrupt: the file on disk does not verify.
	ErrCorrupt = errors.New("chain data are corrupt")
	// ErrFinal: the blocks cannot be taken back, they are final.
	ErrFinal = errors.New("block is final")
)

// Block names a block.
type Block struct {
	Number uint64
	// Hash is "0x" and 64 lower-case hex digits.
	Hash string
	// Time is the time that the block carries, in whole milliseconds, UTC.
	Time time.Time
}

// Node is a chain and its RPC server. All methods may be called from several goroutines.
//
// The chain is a state machine under one lock: nothing in it waits, and the only goroutine of its own is the clock that produces a
// block each Config.BlockTime. Sockets are served by the goroutines of whoever serves Handler.
type Node struct {
	cfg       Config
	runtimes  *runtimes
	store     *database // nil without a file
	authority sr25519.Keypair
	genesis   hash
	faults    *Faults

	mu        sync.Mutex
	blocks    map[hash]*block   // those in memory, also of forks
	numbers   map[uint64]*block // the best chain's
	best      *block
	finalized uint64
	newest    uint64 // the largest time of any block so far, ms
	pool      *pool
	upgrade   bool // the next block changes the runtime
	subs      map[*subscription]struct{}
	storage   []change // to be written with the next block

	stop   context.CancelFunc
	done   chan struct{}
	once   sync.Once
	closed bool
	err    error
	server *server
}

// Open starts a chain or continues the one in the file.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	if cfg.BlockTime < 0 || cfg.BlockTime > 0 && cfg.BlockTime < time.Millisecond {
		return nil, fmt.Errorf("couldn't start chain: block time %s is under a millisecond", cfg.BlockTime)
	}
	setDefault(&cfg.FinalityLag, 2)
	setDefault(&cfg.StateBlocks, 512)
	setDefault(&cfg.PoolLimit, 1024)
	setDefault(&cfg.ChainName, "Bittensor")
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	cfg.FinalityLag = max(cfg.FinalityLag, 0)
	var err error
	if cfg.Genesis, err = cfg.Genesis.normal(); err != nil {
		return nil, err
	}
	if err := cfg.Drand.start(cfg.Genesis.Name); err != nil {
		return nil, err
	}
	n := &Node{
		cfg: cfg, authority: authorityOf(cfg.Genesis.Name), blocks: map[hash]*block{}, numbers: map[uint64]*block{},
		pool: newPool(cfg.PoolLimit), subs: map[*subscription]struct{}{}, done: make(chan struct{}),
	}
	n.faults = &Faults{node: n}
	n.server = newServer(n)
	if n.runtimes, err = newRuntimes(cfg.BlockTime, cfg.Genesis.StatefulEpochs); err != nil {
		return nil, err
	}
	if cfg.Path != "" {
		if n.store, err = openDatabase(ctx, cfg.Path); err != nil {
			return nil, err
		}
	}
	if err := n.load(ctx); err != nil {
		if n.store != nil {
			err = errors.Join(err, n.store.close())
		}
		return nil, err
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	n.stop = stop
	go n.run(run)
	return n, nil
}

// load continues the chain in the file, or makes block 0.
func (n *Node) load(ctx context.Context) error {
	id, err := n.cfg.Genesis.id()
	if err != nil {
		return err
	}
	if n.store != nil {
		blocks, err := n.store.load(ctx, id, n.cfg.StateBlocks)
		if err != nil {
			return err
		}
		if len(blocks) > 0 {
			n.genesis = blocks[0].id
			for _, b := range blocks {
				n.adopt(b)
			}
			n.finalized = n.finalOf(n.best.number)
			return nil
		}
	}
	b, err := n.block0()
	if err != nil {
		return err
	}
	if n.store != nil {
		if err := n.store.create(ctx, id, b); err != nil {
			return err
		}
	}
	n.genesis = b.id
	n.adopt(b)
	return nil
}

// block0 makes the genesis block.
func (n *Node) block0() (*block, error) {
	rt, err := n.runtimes.at(baseSpec)
	if err != nil {
		return nil, err
	}
	s := newState(nil, rt)
	at := n.cfg.Genesis.Time
	if at.IsZero() {
		at = n.cfg.Now()
	}
	if err := n.cfg.Genesis.write(s); err != nil {
		return nil, err
	}
	n.cfg.Drand.writeConfig(s)
	s.put(codeKey, le32(baseSpec))
	s.putU32(sysNumber.at(), 0)
	s.sealEvents()
	b := &block{time: uint64(max(0, at.UnixMilli())), root: s.root, changes: s.changes()}
	s.putU64(timestampNow.at(), b.time)
	b.root, b.changes = s.root, s.changes()
	b.digest.apply(b.changes)
	b.stateRoot = b.digest.root()
	// clients keep metadata by genesis hash and spec version, so both must stand for the same metadata
	meta := blake256(rt.v15)
	b.extrinsicsRoot = blake256(append(meta[:], n.cfg.Genesis.Name...))
	b.id = b.hash()
	return b, nil
}

// adopt makes b the best block. It must follow on the best block.
func (n *Node) adopt(b *block) {
	n.blocks[b.id], n.numbers[b.number], n.best = b, b, b
	n.newest = max(n.newest, b.time)
	n.forget()
}

// memoryBlocks is how many blocks a chain without a file remembers; states are discarded long before.
const memoryBlocks = 1 << 16

// forget discards what is too old, so that memory stays bounded.
func (n *Node) forget() {
	if old, ok := n.numbers[n.best.number-uint64(n.cfg.StateBlocks)]; ok && n.best.number >= uint64(n.cfg.StateBlocks) {
		old.root, old.changes, old.included = nil, nil, nil
	}
	keep := uint64(memoryBlocks)
	if n.store != nil {
		keep = uint64(n.cfg.StateBlocks) + 16
	}
	if n.best.number > keep {
		if old, ok := n.numbers[n.best.number-keep]; ok && old.number != 0 {
			delete(n.numbers, old.number)
			delete(n.blocks, old.id)
		}
	}
	if n.best.number%256 == 0 { // blocks of forks
		for id, b := range n.blocks {
			if n.numbers[b.number] != b && b.number+uint64(n.cfg.StateBlocks) < n.best.number {
				delete(n.blocks, id)
			}
		}
	}
}

func (n *Node) finalOf(number uint64) uint64 { return number - min(number, uint64(n.cfg.FinalityLag)) }

// run is the clock.
func (n *Node) run(ctx context.Context) {
	defer close(n.done)
	if n.cfg.BlockTime == 0 {
		<-ctx.Done()
		return
	}
	due := n.cfg.Now().Add(n.cfg.BlockTime)
	timer := time.NewTimer(n.cfg.BlockTime)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if n.faults.held() {
			// the block is skipped
		} else if _, err := n.Produce(ctx); err != nil && ctx.Err() == nil {
			n.cfg.Log.Error("couldn't produce block, trying again", "error", err)
		}
		now := n.cfg.Now()
		if due = due.Add(n.cfg.BlockTime); !due.After(now) || due.Sub(now) > 2*n.cfg.BlockTime {
			due = now.Add(n.cfg.BlockTime)
		}
		timer.Reset(due.Sub(now))
	}
}

// Produce makes a block now, with all transactions that are ready, and returns it.
func (n *Node) Produce(ctx context.Context) (Block, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.produce(ctx)
}

// maxPerBlock bounds the transactions of one block.
const maxPerBlock = 1000

func (n *Node) produce(ctx context.Context) (Block, error) {
	if n.closed {
		return Block{}, ErrClosed
	}
	now := uint64(max(0, n.cfg.Now().UnixMilli()))
	if now <= n.newest {
		now = n.newest + uint64(max(1, n.cfg.BlockTime.Milliseconds()))
	}
	n.expire()
	s, err := n.pending()
	if err != nil {
		return Block{}, err
	}
	txs := n.pool.ready(func(a account) uint32 { return s.accountInfo(a).nonce })
	txs = slices.DeleteFunc(txs, func(p *pending) bool { return p.end != "" })
	parent := n.best
	if len(n.storage) > 0 {
		parent = withStorage(parent, n.storage)
	}
	b, dropped, err := n.execute(parent, now, txs[:min(len(txs), maxPerBlock)])
	if err != nil {
		return Block{}, err
	}
	if len(n.storage) > 0 {
		b.changes = rebase(n.best.root, b, n.storage)
	}
	if n.store != nil {
		if err := n.store.append(ctx, b, n.cfg.StateBlocks); err != nil {
			return Block{}, err
		}
	}
	n.storage, n.upgrade = nil, false
	n.adopt(b)
	for _, p := range dropped {
		n.pool.remove(p)
		p.tell("invalid")
	}
	for _, p := range b.included {
		n.pool.remove(p)
		p.tell(map[string]string{"inBlock": b.id.String()})
	}
	n.announce(b)
	return b.ref(), nil
}

// expire ends what can never be included any more, and what a fault ends.
func (n *Node) expire() {
	for _, p := range n.pool.all() {
		switch {
		case p.end == "usurped":
			n.pool.remove(p)
			p.tell(map[string]string{"usurped": blake256(p.x.id[:]).String()})
		case p.end != "":
			n.pool.remove(p)
			p.tell(p.end)
		case p.death <= n.best.number+1:
			n.pool.remove(p)
			p.tell("invalid")
		}
	}
}

// announce tells subscribers of a new best block and of the blocks that it makes final.
func (n *Node) announce(b *block) {
	for s := range n.subs {
		s.newBlock(b)
	}
	for final := n.finalOf(b.number); n.finalized < final; {
		n.finalized++
		f := n.numbers[n.finalized]
		if f == nil {
			continue
		}
		for s := range n.subs {
			s.finalBlock(f)
		}
		for _, p := range f.included {
			p.tell(map[string]string{"finalized": f.id.String()})
		}
		f.included = nil
	}
}

func (b *block) ref() Block {
	return Block{Number: b.number, Hash: b.id.String(), Time: time.UnixMilli(int64(b.time)).UTC()}
}

// Head returns the best block.
func (n *Node) Head() Block {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.best.ref()
}

// GenesisHash names the chain: "0x" and 64 lower-case hex digits.
func (n *Node) GenesisHash() string { return n.genesis.String() }

// Faults is the handle with which tests make the node misbehave.
func (n *Node) Faults() *Faults { return n.faults }

// Close stops the chain, drops all sockets and releases the file. Transactions that wait are forgotten.
func (n *Node) Close() error {
	n.once.Do(func() {
		n.stop()
		<-n.done
		n.mu.Lock()
		n.closed = true
		n.mu.Unlock()
		n.server.close()
		if n.store != nil {
			n.err = n.store.close()
		}
	})
	return n.err
}
