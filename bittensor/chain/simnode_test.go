package chain_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/bittensor/chain/rpc"
	"github.com/nanteos/nanteos/bittensor/sr25519"
)

func verify(public [32]byte, message []byte, signature [64]byte) bool {
	return sr25519.Verify(public, message, signature)
}

// simnode is a node through which clients see a world, with a mood that changes: how likely it does what badly.
type simnode struct {
	w       *world
	name    string
	archive bool
	wrong   bool // of another chain
	deaf    bool // knows no subscriptions
	prompt  bool // answers at once
	// hook, where set, answers in the node's place if it returns true. statuses are then all that the watcher of a transaction is told.
	hook     func(method string, params []json.RawMessage) (any, *simerror, bool)
	statuses func(send func(status string), submit func() *simerror)
	calls    map[string]int
	// override are answers to state_call by function.
	override map[string]string

	mu    sync.Mutex
	rng   *rand.Rand
	socks map[*simsocket]bool
	mood  mood
	lag   uint64
}

// mood are the chances of faults, in 1/1000 of the answers.
type mood struct {
	drop, half, stall, garbage, oversize, slow, internal, foreign int
	down                                                          bool
	mute                                                          bool // answers nothing at all, pongs included
}

type simsocket struct {
	n      *simnode
	frames chan []byte
	closed chan struct{}
	once   sync.Once
	max    int64
	mu     sync.Mutex
	subs   map[string]bool
	next   int
}

func (w *world) node(name string) *simnode {
	n := &simnode{w: w, name: name, rng: rand.New(rand.NewPCG(w.rng.Uint64(), 2)), socks: map[*simsocket]bool{}}
	w.nodes = append(w.nodes, n)
	return n
}

func (n *simnode) url() string { return "ws://" + n.name + ":9944" }

func (n *simnode) set(m mood) {
	n.mu.Lock()
	n.mood = m
	n.mu.Unlock()
}

// count returns how often a method was called.
func (n *simnode) count(method string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.calls[method]
}

// answer sets the hook: these methods get these answers, raw.
func (n *simnode) answer(answers map[string]string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hook = func(method string, _ []json.RawMessage) (any, *simerror, bool) {
		a, ok := answers[method]
		return json.RawMessage(a), nil, ok
	}
}

func (n *simnode) roll(chance int) bool { return chance > 0 && n.rng.IntN(1000) < chance }

// view is the node's best block: the world's, or an older one if it lags. The caller holds the world's lock.
func (n *simnode) view() *simblock {
	if n.lag == 0 {
		return n.w.best
	}
	return n.w.at(n.w.best.Number - min(n.lag, n.w.best.Number))
}

func (n *simnode) genesis() chain.Hash {
	if n.wrong {
		return chain.Hash{1, 2, 3}
	}
	return n.w.genesis.Hash
}

// dialer connects to the world's nodes by name.
func (w *world) dialer() rpc.Dialer {
	return func(ctx context.Context, url string, maxFrame int64) (rpc.Socket, error) {
		for _, n := range w.nodes {
			if n.url() != url {
				continue
			}
			n.mu.Lock()
			defer n.mu.Unlock()
			if n.mood.down {
				return nil, errors.New("connection refused")
			}
			s := &simsocket{n: n, frames: make(chan []byte, 256), closed: make(chan struct{}), max: maxFrame, subs: map[string]bool{}}
			n.socks[s] = true
			return s, nil
		}
		return nil, fmt.Errorf("no such host")
	}
}

func (n *simnode) newHead(b *simblock) {
	n.w.mu.Lock()
	head, _ := json.Marshal(n.view().json())
	n.w.mu.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	for s := range n.socks {
		if n.mood.down || n.roll(n.mood.drop) {
			s.drop()
			delete(n.socks, s)
			continue
		}
		s.mu.Lock()
		for id := range s.subs {
			if !n.mood.mute && strings.HasPrefix(id, "heads") {
				s.send(fmt.Appendf(nil, `{"jsonrpc":"2.0","method":"chain_newHead","params":{"subscription":%q,"result":%s}}`, id, head))
			}
		}
		s.mu.Unlock()
	}
}

func (s *simsocket) send(b []byte) {
	select {
	case s.frames <- b:
	case <-s.closed:
	default:
		s.drop() // nobody reads
	}
}

func (s *simsocket) drop() { s.once.Do(func() { close(s.closed) }) }

func (s *simsocket) Read(ctx context.Context) ([]byte, error) {
	select {
	case f := <-s.frames:
		if int64(len(f)) > s.max {
			s.drop()
			return nil, rpc.ErrTooLarge
		}
		return f, nil
	case <-s.closed:
		return nil, errors.New("reset by peer")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *simsocket) Ping(ctx context.Context) error {
	s.n.mu.Lock()
	mute := s.n.mood.mute
	s.n.mu.Unlock()
	if !mute {
		return nil
	}
	select {
	case <-s.closed:
		return net.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *simsocket) Close() error {
	s.drop()
	s.n.mu.Lock()
	delete(s.n.socks, s)
	s.n.mu.Unlock()
	return nil
}

// Write answers a request as the node's mood has it.
func (s *simsocket) Write(_ context.Context, b []byte) error {
	select {
	case <-s.closed:
		return errors.New("broken pipe")
	default:
	}
	var r struct {
		ID     uint64            `json:"id"`
		Method string            `json:"method"`
		Params []json.RawMessage `json:"params"`
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return err
	}
	n := s.n
	n.mu.Lock()
	if n.calls == nil {
		n.calls = map[string]int{}
	}
	n.calls[r.Method]++
	hook, statuses := n.hook, n.statuses
	m := n.mood
	drop, half, stall, garbage, oversize := n.roll(m.drop), n.roll(m.half), n.roll(m.stall), n.roll(m.garbage), n.roll(m.oversize)
	slow, internal, foreign := n.roll(m.slow), n.roll(m.internal), n.roll(m.foreign)
	delay := time.Duration(20+n.rng.IntN(80)) * time.Millisecond
	if slow {
		delay = time.Duration(1+n.rng.IntN(20)) * time.Second
	}
	n.mu.Unlock()
	if m.mute || stall {
		return nil
	}
	go func() {
		if drop && delay%2 == 0 { // before the node did anything
			s.drop()
			return
		}
		if !n.prompt {
			time.Sleep(delay)
		}
		var result any
		var failure *simerror
		handled := false
		if hook != nil {
			result, failure, handled = hook(r.Method, r.Params)
		}
		switch {
		case handled:
		case internal:
			failure = &simerror{-32603, "Internal error", nil}
		case n.deaf && (strings.HasPrefix(r.Method, "chain_subscribe") || r.Method == "author_submitAndWatchExtrinsic"):
			failure = &simerror{-32601, "Method not found", nil}
		case strings.HasPrefix(r.Method, "chain_subscribe"):
			s.mu.Lock()
			s.next++
			id := fmt.Sprintf("heads-%d", s.next)
			s.subs[id] = true
			s.mu.Unlock()
			result = id
		case r.Method == "author_submitAndWatchExtrinsic":
			s.mu.Lock()
			s.next++
			id := fmt.Sprintf("tx-%d", s.next)
			s.mu.Unlock()
			result = id
			if statuses != nil {
				tell := func(status string) {
					s.send(fmt.Appendf(nil, `{"jsonrpc":"2.0","method":"author_extrinsicUpdate","params":{"subscription":%q,"result":%s}}`, id, status))
				}
				go statuses(tell, func() *simerror {
					n.w.mu.Lock()
					defer n.w.mu.Unlock()
					_, e := n.w.answer(n, r.Method, r.Params, nil)
					return e
				})
				break
			}
			n.w.mu.Lock()
			_, failure = n.w.answer(n, r.Method, r.Params, func(status string) {
				s.send(fmt.Appendf(nil, `{"jsonrpc":"2.0","method":"author_extrinsicUpdate","params":{"subscription":%q,"result":%s}}`, id, status))
			})
			n.w.mu.Unlock()
		default:
			n.w.mu.Lock()
			result, failure = n.w.answer(n, r.Method, r.Params, nil)
			n.w.mu.Unlock()
		}
		reply := map[string]any{"jsonrpc": "2.0", "id": r.ID}
		if failure != nil {
			reply["error"] = failure
		} else {
			reply["result"] = result
		}
		out, err := json.Marshal(reply)
		if err != nil {
			panic(err)
		}
		switch {
		case drop:
			s.drop()
			return
		case half:
			out = out[:len(out)/2]
		case garbage:
			out = []byte(`{"what": is this`)
		case oversize:
			out = make([]byte, s.max+1)
		case foreign:
			out = []byte(strings.Replace(string(out), `"id":`, `"id":9`, 1))
		}
		s.send(out)
	}()
	return nil
}
