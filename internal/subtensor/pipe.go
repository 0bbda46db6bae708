package subtensor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
)

// pipes is a listener whose connections never leave the process.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// Accept waits for a Dial.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr names the listener.
func (p *pipes) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

// Network is "pipe".
func (pipeAddr) Network() string { return "pipe" }

// String is "node".
func (pipeAddr) String() string { return "node" }

// Dial connects to the node without a network, whatever the address: give it to an http.Transport as DialContext. It works under
// testing/synctest, where a client can live through months of simulated time.
func (n *Node) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	p, err := n.server.pipes()
	if err != nil {
		return nil, err
	}
	client, server := net.Pipe()
	select {
	case p.accept <- server:
		return client, nil
	case <-p.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("couldn't connect to node: %w", ctx.Err())
	}
}

// pipes starts the in-process listener with the first Dial.
func (s *server) pipes() (*pipes, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if s.pipe != nil {
		return s.pipe, nil
	}
	s.pipe = &pipes{accept: make(chan net.Conn), closed: make(chan struct{})}
	h := &http.Server{Handler: s, ReadHeaderTimeout: headerTimeout}
	s.listeners[h] = struct{}{}
	go func(p *pipes) {
		if err := h.Serve(p); !errors.Is(err, http.ErrServerClosed) {
			s.node.cfg.Log.Error("couldn't serve chain in process", "error", err)
		}
	}(s.pipe)
	return s.pipe, nil
}
