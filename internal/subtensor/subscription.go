package subtensor

import (
	"strconv"
	"sync"
)

// kind is a sort of subscription: how its notifications are called and how it ends.
type kind struct {
	notification, unsubscribe string
}

var kinds = map[string]kind{
	"chain_subscribeNewHeads":        {"chain_newHead", "chain_unsubscribeNewHeads"},
	"chain_subscribeAllHeads":        {"chain_allHead", "chain_unsubscribeAllHeads"},
	"chain_subscribeFinalizedHeads":  {"chain_finalizedHead", "chain_unsubscribeFinalizedHeads"},
	"state_subscribeStorage":         {"state_storage", "state_unsubscribeStorage"},
	"state_subscribeRuntimeVersion":  {"state_runtimeVersion", "state_unsubscribeRuntimeVersion"},
	"author_submitAndWatchExtrinsic": {"author_extrinsicUpdate", "author_unwatchExtrinsic"},
}

var unsubscribes = func() map[string]bool {
	out := map[string]bool{}
	for _, k := range kinds {
		out[k.unsubscribe] = true
	}
	return out
}()

const (
	maxSubscriptions = 256
	maxQueued        = 1024
)

// subscription sends notifications on one socket. Until the answer that carries its id is on its way it keeps them back.
type subscription struct {
	id     string
	name   string // of the method that made it
	socket *socket
	keys   []string // of state_subscribeStorage
	last   map[string]string
	spec   uint32

	mu     sync.Mutex
	active bool
	ended  bool
	queued []any
}

// send gives one notification. It never waits.
func (s *subscription) send(result any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
	case s.active:
		s.socket.notify(kinds[s.name].notification, s.id, result)
	case len(s.queued) < maxQueued:
		s.queued = append(s.queued, result)
	}
}

// activate lets out what was kept back.
func (s *subscription) activate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active = true
	for _, r := range s.queued {
		s.socket.notify(kinds[s.name].notification, s.id, r)
	}
	s.queued = nil
}

func (s *subscription) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}

// newBlock is told of each best block, with the node's lock held.
func (s *subscription) newBlock(b *block) {
	switch s.name {
	case "chain_subscribeNewHeads", "chain_subscribeAllHeads":
		s.send(headerJSON(b))
	case "state_subscribeRuntimeVersion":
		s.sendRuntime(b)
	case "state_subscribeStorage":
		s.sendStorage(b, false)
	}
}

func (s *subscription) finalBlock(b *block) {
	if s.name == "chain_subscribeFinalizedHeads" {
		s.send(headerJSON(b))
	}
}

func (s *subscription) sendRuntime(b *block) {
	rt, err := s.socket.node.runtimeOf(b.root)
	if err != nil || rt.spec == s.spec {
		return
	}
	s.spec = rt.spec
	s.send(rt.json())
}

// sendStorage sends the values that differ from the last ones sent, or all.
func (s *subscription) sendStorage(b *block, all bool) {
	var changes [][2]any
	for _, key := range s.keys {
		v, ok := b.root.get(key)
		text := ""
		if ok {
			text = hexText(v)
		}
		if !all && s.last[key] == text {
			continue
		}
		s.last[key] = text
		c := [2]any{hexText([]byte(key)), nil}
		if ok {
			c[1] = text
		}
		changes = append(changes, c)
	}
	if len(changes) > 0 {
		s.send(map[string]any{"block": b.id.String(), "changes": changes})
	}
}

// subscribe starts a subscription; its first notifications are kept back until activate.
func (c *socket) subscribe(name string, p params) (*subscription, *rpcError) {
	n := c.node
	s := &subscription{name: name, socket: c, last: map[string]string{}}
	c.mu.Lock()
	if len(c.subs) >= maxSubscriptions {
		c.mu.Unlock()
		return nil, &rpcError{Code: -32006, Message: "Too many subscriptions on the connection", Data: "Exceeded max limit of " + strconv.Itoa(maxSubscriptions)}
	}
	c.counter++
	s.id = "nanteos" + strconv.FormatUint(c.counter, 36)
	c.subs[s.id] = s
	c.mu.Unlock()

	if name == "author_submitAndWatchExtrinsic" {
		raw, e := p.hex(0)
		if e == nil {
			_, e = n.submit(raw, s.send)
		}
		if e != nil {
			c.unsubscribe(s.id)
			return nil, e
		}
		return s, nil
	}
	if name == "state_subscribeStorage" && !p.absent(0) {
		var keys []string
		e := p.into(0, &keys)
		if e == nil && len(keys) > maxKeysPaged {
			e = &rpcError{Code: codeParams, Message: "Invalid params", Data: "too many keys"}
		}
		for _, text := range keys {
			key, err := unhex(text)
			if err != nil {
				e = &rpcError{Code: codeParams, Message: "Invalid params", Data: err.Error()}
			}
			s.keys = append(s.keys, string(key))
		}
		if e != nil {
			c.unsubscribe(s.id)
			return nil, e
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.subs[s] = struct{}{}
	switch name {
	case "chain_subscribeFinalizedHeads":
		if b := n.numbers[n.finalized]; b != nil {
			s.finalBlock(b)
		}
	case "state_subscribeStorage":
		s.sendStorage(n.best, true)
	default:
		s.newBlock(n.best)
	}
	return s, nil
}

func (c *socket) unsubscribe(id string) bool {
	c.mu.Lock()
	s := c.subs[id]
	delete(c.subs, id)
	c.mu.Unlock()
	if s == nil {
		return false
	}
	s.end()
	c.node.mu.Lock()
	delete(c.node.subs, s)
	c.node.mu.Unlock()
	return true
}
