package subtensor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// The bounds of the server.
const (
	maxSockets    = 256
	maxRequest    = 16 << 20 // bytes of one request: the largest transaction is 7.5 MiB, hex doubles it
	answerRoom    = 4 << 20  // bytes that may wait to be written before the next request is read
	notifyRoom    = 16 << 20 // bytes that may wait before a socket that does not read is dropped
	writeTimeout  = 30 * time.Second
	maxDelayed    = 1024
	headerTimeout = 10 * time.Second
)

// server keeps the sockets and the listeners.
type server struct {
	node *Node

	mu        sync.Mutex
	sockets   map[*socket]struct{}
	listeners map[*http.Server]struct{}
	pipe      *pipes // nil before the first Dial
	closed    bool
	running   sync.WaitGroup // sockets
}

func newServer(n *Node) *server {
	return &server{node: n, sockets: map[*socket]struct{}{}, listeners: map[*http.Server]struct{}{}}
}

// Handler serves JSON-RPC 2.0 over WebSocket, and over HTTP POST without subscriptions. Pages of any origin may connect: nothing
// behind it is secret, and polkadot.js in a browser is a client.
func (n *Node) Handler() http.Handler { return n.server }

// Listen serves Handler on a TCP address until Close, and returns the address it listens on: "127.0.0.1:0" picks a port. An address
// without a host is loopback; who wants to be reached from elsewhere says "0.0.0.0:9944".
func (n *Node) Listen(addr string) (net.Addr, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("couldn't listen on %q: %w", addr, err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("couldn't listen on %q: %w", addr, err)
	}
	h := &http.Server{Handler: n.server, ReadHeaderTimeout: headerTimeout, ErrorLog: nil}
	n.server.mu.Lock()
	defer n.server.mu.Unlock()
	if n.server.closed {
		return nil, errors.Join(ErrClosed, l.Close())
	}
	n.server.listeners[h] = struct{}{}
	go func() {
		if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			n.cfg.Log.Error("couldn't serve chain", "addr", l.Addr(), "error", err)
		}
	}()
	return l.Addr(), nil
}

func (s *server) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.sockets {
		c.cancel()
	}
}

func (s *server) close() {
	s.mu.Lock()
	s.closed = true
	listeners := s.listeners
	s.listeners = map[*http.Server]struct{}{}
	s.mu.Unlock()
	s.drop()
	for h := range listeners {
		_ = h.Close()
	}
	s.running.Wait()
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		s.post(w, r)
		return
	}
	raw := &rawHijacker{ResponseWriter: w}
	ws, err := websocket.Accept(raw, r, &websocket.AcceptOptions{InsecureSkipVerify: true, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return // Accept has answered
	}
	ws.SetReadLimit(maxRequest)
	ctx, cancel := context.WithCancel(r.Context())
	c := &socket{
		node: s.node, ws: ws, raw: raw.conn, cancel: cancel, done: ctx.Done(), subs: map[string]*subscription{},
		wake: make(chan struct{}, 1), room: make(chan struct{}, 1),
	}
	s.mu.Lock()
	full := s.closed || len(s.sockets) >= maxSockets
	if !full {
		s.sockets[c] = struct{}{}
		s.running.Add(1)
	}
	s.mu.Unlock()
	if full {
		cancel()
		_ = ws.Close(websocket.StatusTryAgainLater, "too many sockets")
		return
	}
	defer s.running.Done()
	c.run(ctx)
	s.mu.Lock()
	delete(s.sockets, c)
	s.mu.Unlock()
}

// rawHijacker remembers the connection under a WebSocket, over which faults write half frames.
type rawHijacker struct {
	http.ResponseWriter
	conn net.Conn
}

// Unwrap lets http.ResponseController reach the original.
func (h *rawHijacker) Unwrap() http.ResponseWriter { return h.ResponseWriter }

func (s *server) post(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		http.Error(w, "request is too large", http.StatusRequestEntityTooLarge)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	answers := s.node.serve(nil, body)
	for _, a := range answers {
		if a.rule.Drop || a.rule.Silent || a.rule.HalfFrame > 0 {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = conn.Close()
			}
			return
		}
		if a.rule.Delay > 0 {
			select {
			case <-time.After(a.rule.Delay):
			case <-r.Context().Done():
				return
			}
		}
		_, _ = w.Write(a.text)
	}
}

// request is one JSON-RPC request.
type request struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

// answer is a text to send, by a rule of the faults, and what to do afterwards.
type answer struct {
	text   []byte
	rule   Rule
	faulty bool
	sub    *subscription
}

// serve answers one frame: a request or a batch of them. c is nil where there is no socket for subscriptions.
func (n *Node) serve(c *socket, frame []byte) []answer {
	frame = bytes.TrimSpace(frame)
	if len(frame) == 0 || frame[0] != '[' {
		a, ok := n.serveOne(c, frame)
		if !ok {
			return nil
		}
		return []answer{a}
	}
	var batch []json.RawMessage
	if err := json.Unmarshal(frame, &batch); err != nil {
		return []answer{{text: failure(nil, &rpcError{Code: codeParse, Message: "Parse error"})}}
	}
	if len(batch) == 0 || len(batch) > maxBatch {
		return []answer{{text: failure(nil, &rpcError{Code: codeRequest, Message: "Invalid request", Data: fmt.Sprintf("a batch holds 1 to %d requests", maxBatch)})}}
	}
	var texts [][]byte
	out := answer{}
	for _, one := range batch {
		a, ok := n.serveOne(nil, one)
		if !ok {
			continue
		}
		texts = append(texts, a.text)
		if a.faulty {
			out.rule, out.faulty = a.rule, true
		}
	}
	if len(texts) == 0 {
		return nil
	}
	out.text = append(append([]byte{'['}, bytes.Join(texts, []byte{','})...), ']')
	return []answer{out}
}
