package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"
)

// fakeNode is the other side of in-memory sockets: a script answers each request with any frames.
type fakeNode struct {
	mu      sync.Mutex
	socks   []*fakeSocket
	dials   int
	dialErr error
	mute    bool // no pongs
	// script gets each request and answers by sock.send.
	script func(sock *fakeSocket, id uint64, method string, params []json.RawMessage)
}

type fakeSocket struct {
	node   *fakeNode
	frames chan []byte
	closed chan struct{}
	once   sync.Once
	fail   error
	max    int64
}

func (n *fakeNode) dial(ctx context.Context, url string, maxFrame int64) (Socket, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dials++
	if n.dialErr != nil {
		return nil, n.dialErr
	}
	s := &fakeSocket{node: n, frames: make(chan []byte, 1024), closed: make(chan struct{}), max: maxFrame}
	n.socks = append(n.socks, s)
	return s, nil
}

func (n *fakeNode) last() *fakeSocket {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.socks) == 0 {
		return nil
	}
	return n.socks[len(n.socks)-1]
}

func (s *fakeSocket) send(format string, args ...any) {
	select {
	case s.frames <- fmt.Appendf(nil, format, args...):
	case <-s.closed:
	}
}

func (s *fakeSocket) drop(err error) {
	s.once.Do(func() { s.fail = err; close(s.closed) })
}

func (s *fakeSocket) Read(ctx context.Context) ([]byte, error) {
	select {
	case f := <-s.frames:
		if int64(len(f)) > s.max {
			s.drop(ErrTooLarge)
			return nil, ErrTooLarge
		}
		return f, nil
	case <-s.closed:
		return nil, s.fail
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *fakeSocket) Write(ctx context.Context, b []byte) error {
	select {
	case <-s.closed:
		return s.fail
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
	if s.node.script != nil {
		s.node.script(s, r.ID, r.Method, r.Params)
	}
	return nil
}

func (s *fakeSocket) Ping(ctx context.Context) error {
	s.node.mu.Lock()
	mute := s.node.mute
	s.node.mu.Unlock()
	if !mute {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return s.fail
	}
}

func (s *fakeSocket) Close() error { s.drop(net.ErrClosed); return nil }

func echo(s *fakeSocket, id uint64, method string, _ []json.RawMessage) {
	s.send(`{"jsonrpc":"2.0","id":%d,"result":%q}`, id, method)
}

func start(t *testing.T, n *fakeNode, change func(*Options)) *Client {
	t.Helper()
	o := Options{URL: "ws://node.test:9944/secret-key?k=1", Dial: n.dial}
	if change != nil {
		change(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// named fails the test unless err is want and names endpoint and method.
func named(t *testing.T, err error, method string, want error) {
	t.Helper()
	var e *EndpointError
	if !errors.As(err, &e) || e.Endpoint != "ws://node.test:9944" || e.Method != method {
		t.Fatalf("error %v doesn't name endpoint and method %s", err, method)
	}
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

func within(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}
