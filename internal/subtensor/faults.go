package subtensor

import (
	"sync"
	"time"
)

// Faults makes a node misbehave, for the tests of clients. Rules wait in order; each answer is changed by the first rule that fits.
type Faults struct {
	node *Node

	mu    sync.Mutex
	rules []*armed
	txs   []*armedTx
	hold  bool
	early bool
}

// Rule says what happens to some answers. Of the things that replace an answer (Drop, Silent, HalfFrame, Garbage, Oversize) one may be
// set; Delay, Null and Error go with any.
type Rule struct {
	// Method is the RPC method whose answers are meant, every one when empty. The name of a notification, such as chain_newHead, means
	// these; of what follows Delay, Drop, Silent and HalfFrame are for them too.
	Method string
	// Skip lets that many answers pass first.
	Skip int
	// Times is how many answers are changed: 1 when zero, all when negative.
	Times int

	// Delay holds the answer back; later ones overtake it, so answers come out of order.
	Delay time.Duration
	// Null answers null, as a node does for a block it does not know.
	Null bool
	// Code and Message, where Code is not 0, answer with this error, Data with it. The request is not carried out.
	Code    int
	Message string
	Data    any
	// Drop closes the socket instead of answering. The request was carried out.
	Drop bool
	// Silent never answers.
	Silent bool
	// HalfFrame sends that many bytes of the answer, as part of a frame that says it is longer, and closes the socket.
	HalfFrame int
	// Garbage is sent in place of the answer.
	Garbage []byte
	// Oversize fills the answer up with spaces to that many bytes.
	Oversize int
}

type armed struct {
	Rule
	removed bool
}

// Add arms a rule and returns how to disarm it.
func (f *Faults) Add(r Rule) (remove func()) {
	if r.Times == 0 {
		r.Times = 1
	}
	a := &armed{Rule: r}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = append(f.rules, a)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		a.removed = true
	}
}

// take returns the rule for the next answer to method.
func (f *Faults) take(method string) (Rule, bool) { return f.find(method, true) }

// takeNamed returns the rule for the next notification; rules for every method are not for them.
func (f *Faults) takeNamed(method string) (Rule, bool) { return f.find(method, false) }

func (f *Faults) find(method string, any bool) (Rule, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, a := range f.rules {
		if a.removed || a.Method != method && (a.Method != "" || !any) {
			continue
		}
		if a.Skip > 0 {
			a.Skip--
			continue
		}
		if a.Times > 0 {
			if a.Times--; a.Times == 0 {
				f.rules = append(f.rules[:i:i], f.rules[i+1:]...)
			}
		}
		return a.Rule, true
	}
	return Rule{}, false
}

// Tx is what happens to transactions that the pool accepts.
type Tx struct {
	// Times is how many transactions are meant: 1 when zero, all when negative.
	Times int
	// End is the status with which they leave the pool with the next block, in place of going into it: "dropped", "invalid" or "usurped".
	End string
	// Pallet and Error, where not empty, fail their calls in the block with this module error, for instance "SubtensorModule",
	// "SettingWeightsTooFast".
	Pallet, Error string
}

type armedTx struct{ Tx }

// Transactions arms a rule for the transactions that come next.
func (f *Faults) Transactions(t Tx) {
	if t.Times == 0 {
		t.Times = 1
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.txs = append(f.txs, &armedTx{t})
}

func (f *Faults) mark(p *pending) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.txs) == 0 {
		return
	}
	t := f.txs[0]
	p.end = t.End
	if t.Error != "" {
		p.fail = &dispatchError{pallet: t.Pallet, name: t.Error}
	}
	if t.Times > 0 {
		if t.Times--; t.Times == 0 {
			f.txs = f.txs[1:]
		}
	}
}

// HoldBlocks stops the clock from making blocks, or lets it go on. Produce still makes them.
func (f *Faults) HoldBlocks(hold bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hold = hold
}

func (f *Faults) held() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hold
}

// EarlyNotifications sends a subscription's first notification before the answer that carries its id, as real nodes sometimes do.
func (f *Faults) EarlyNotifications(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.early = on
}

func (f *Faults) isEarly() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.early
}

// DropAll closes every socket now.
func (f *Faults) DropAll() { f.node.server.drop() }

// DiscardStates makes every state but those of the newest keep blocks unreadable, as on a node that prunes.
func (f *Faults) DiscardStates(keep int) {
	n := f.node
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, b := range n.blocks {
		if b.number+uint64(max(keep, 1)) <= n.best.number {
			b.root, b.changes = nil, nil
		}
	}
}

// Clear disarms everything.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules, f.txs, f.hold, f.early = nil, nil, false, false
}
