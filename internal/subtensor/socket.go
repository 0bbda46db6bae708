package subtensor

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"net"
	"net/http"
	"sync"
	"time"

	"bufio"

	"github.com/coder/websocket"
)

// Hijack hands the connection to the WebSocket and remembers it.
func (h *rawHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	h.conn = conn
	return conn, rw, err
}

// socket is one client. Its reader answers requests one after the other; its writer sends answers and notifications in the order in
// which they were made. When too much waits to be written the reader waits; when still more waits the socket is dropped.
type socket struct {
	node   *Node
	ws     *websocket.Conn
	raw    net.Conn
	cancel context.CancelFunc
	done   <-chan struct{}
	wake   chan struct{} // something to write
	room   chan struct{} // something was written

	mu      sync.Mutex
	queue   []outgoing
	waiting int // bytes in queue
	delayed int
	subs    map[string]*subscription
	counter uint64
}

// outgoing is a frame to write. half, when not 0, writes that many of its bytes and cuts the connection; cut cuts it at once.
type outgoing struct {
	text []byte
	half int
	cut  bool
}

func (c *socket) run(ctx context.Context) {
	var writer sync.WaitGroup
	writer.Add(1)
	go func() {
		defer writer.Done()
		defer c.cancel()
		c.write(ctx)
	}()
	c.read(ctx)
	c.cancel()
	writer.Wait()
	_ = c.ws.CloseNow()
	c.mu.Lock()
	ids := make([]string, 0, len(c.subs))
	for id := range c.subs {
		ids = append(ids, id)
	}
	c.mu.Unlock()
	for _, id := range ids {
		c.unsubscribe(id)
	}
}

func (c *socket) read(ctx context.Context) {
	for {
		_, frame, err := c.ws.Read(ctx)
		if err != nil {
			return
		}
		for _, a := range c.node.serve(c, frame) {
			if !c.answer(a) {
				return
			}
		}
	}
}

// answer sends an answer as the faults want it, and lets its subscription speak. It waits for room; false means that the socket is gone.
func (c *socket) answer(a answer) bool {
	out := outgoing{text: a.text, half: a.rule.HalfFrame, cut: a.rule.Drop}
	early := a.sub != nil && c.node.faults.isEarly()
	if early {
		a.sub.activate()
	}
	switch {
	case a.rule.Silent:
		out.text = nil
	case a.rule.Delay > 0:
		c.mu.Lock()
		c.delayed++
		many := c.delayed > maxDelayed
		c.mu.Unlock()
		if many {
			return false
		}
		time.AfterFunc(a.rule.Delay, func() {
			c.mu.Lock()
			c.delayed--
			c.mu.Unlock()
			c.push(out)
			if a.sub != nil {
				a.sub.activate()
			}
		})
		return true
	}
	if out.text != nil || out.cut {
		c.push(out)
	}
	if a.sub != nil && !early {
		a.sub.activate()
	}
	return c.hasRoom()
}

func (c *socket) push(o outgoing) {
	c.mu.Lock()
	c.queue = append(c.queue, o)
	c.waiting += len(o.text)
	over := c.waiting > notifyRoom
	c.mu.Unlock()
	signal(c.wake)
	if over {
		c.cancel()
	}
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// hasRoom waits until little is waiting to be written.
func (c *socket) hasRoom() bool {
	for {
		c.mu.Lock()
		full := c.waiting > answerRoom
		c.mu.Unlock()
		if !full {
			return true
		}
		select {
		case <-c.room:
		case <-c.done:
			return false
		}
	}
}

func (c *socket) notify(method, id string, result any) {
	text, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "method": method, "params": map[string]any{"subscription": id, "result": result}})
	if err != nil {
		c.node.cfg.Log.Error("couldn't encode notification", "method", method, "error", err)
		return
	}
	if rule, ok := c.node.faults.takeNamed(method); ok {
		switch out := (outgoing{text: text, half: rule.HalfFrame, cut: rule.Drop}); {
		case rule.Silent:
		case rule.Delay > 0:
			time.AfterFunc(rule.Delay, func() { c.push(out) })
		default:
			c.push(out)
		}
		return
	}
	c.push(outgoing{text: text})
}

func (c *socket) write(ctx context.Context) {
	for {
		select {
		case <-c.wake:
		case <-ctx.Done():
			return
		}
		for {
			c.mu.Lock()
			if len(c.queue) == 0 {
				c.mu.Unlock()
				break
			}
			o := c.queue[0]
			c.queue[0] = outgoing{}
			c.queue = c.queue[1:]
			c.waiting -= len(o.text)
			c.mu.Unlock()
			signal(c.room)
			if o.half > 0 {
				c.writeHalf(o)
			}
			if o.half > 0 || o.cut {
				return
			}
			bounded, cancel := context.WithTimeout(ctx, writeTimeout)
			err := c.ws.Write(bounded, websocket.MessageText, o.text)
			cancel()
			if err != nil {
				return
			}
		}
	}
}

// writeHalf writes the header of a frame that holds all of the text, and a part of it.
func (c *socket) writeHalf(o outgoing) {
	if c.raw == nil {
		return
	}
	frame := binary.BigEndian.AppendUint64([]byte{0x81, 127}, uint64(len(o.text)))
	frame = append(frame, o.text[:min(o.half, len(o.text))]...)
	_ = c.raw.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, _ = c.raw.Write(frame)
}

// serveOne answers one request; false where it asks for no answer.
func (n *Node) serveOne(c *socket, raw []byte) (answer, bool) {
	var r request
	if err := json.Unmarshal(raw, &r); err != nil {
		e := &rpcError{Code: codeParse, Message: "Parse error"}
		if json.Valid(raw) {
			e = &rpcError{Code: codeRequest, Message: "Invalid request"}
		}
		return answer{text: failure(nil, e)}, true
	}
	if r.Method == "" {
		return answer{text: failure(r.ID, &rpcError{Code: codeRequest, Message: "Invalid request"})}, true
	}
	name := r.Method
	if to, ok := aliases[name]; ok {
		name = to
	}
	rule, faulty := n.faults.take(r.Method)
	a := answer{rule: rule, faulty: faulty}
	var result any
	var p params
	var e *rpcError
	if len(r.Params) > 0 && json.Unmarshal(r.Params, &p) != nil {
		e = &rpcError{Code: codeParams, Message: "Invalid params", Data: "parameters are positional"}
	}
	_, subscribes := kinds[name]
	switch {
	case e != nil:
	case rule.Code != 0:
		e = &rpcError{Code: rule.Code, Message: rule.Message, Data: rule.Data}
	case rule.Null:
	case (subscribes || unsubscribes[name]) && c == nil:
		e = &rpcError{Code: codeNoMethod, Message: "Method not found", Data: "subscriptions need a WebSocket of their own"}
	case subscribes:
		if a.sub, e = c.subscribe(name, p); e == nil {
			result = a.sub.id
		}
	case unsubscribes[name]:
		var id string
		if e = p.into(0, &id); e == nil {
			result = c.unsubscribe(id)
		}
	default:
		result, e = n.call(r.Method, p)
	}
	if len(r.ID) == 0 {
		return answer{}, false
	}
	if e != nil {
		a.text = failure(r.ID, e)
	} else {
		a.text = success(r.ID, result)
	}
	if rule.Garbage != nil {
		a.text = rule.Garbage
	}
	if pad := rule.Oversize - len(a.text); pad > 0 {
		spaces := make([]byte, pad)
		for i := range spaces {
			spaces[i] = ' '
		}
		a.text = append(a.text, spaces...)
	}
	return a, true
}

func success(id json.RawMessage, result any) []byte {
	text, err := json.Marshal(struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Result  any             `json:"result"`
	}{"2.0", id, result})
	if err != nil {
		return failure(id, &rpcError{Code: -32603, Message: "Internal error", Data: err.Error()})
	}
	return text
}

func failure(id json.RawMessage, e *rpcError) []byte {
	if len(id) == 0 || !json.Valid(id) {
		id = json.RawMessage("null")
	}
	text, err := json.Marshal(struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Error   *rpcError       `json:"error"`
	}{"2.0", id, e})
	if err != nil {
		return []byte(`{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"Internal error"}}`)
	}
	return text
}
