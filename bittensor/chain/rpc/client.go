package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"
)

// Call is one synchronous call, as a handshake makes it.
type Call func(ctx context.Context, method string, params ...any) (json.RawMessage, error)

// Options say how a Client treats its endpoint. Only URL is needed.
type Options struct {
	// URL is ws://host:port or wss://host:port, with path and query where the endpoint has them.
	URL string
	// Dial opens sockets. Default DialWebSocket.
	Dial Dialer
	// Handshake is run on each new socket before any call. An error gives the socket up; a Refusal makes calls fail at once.
	Handshake func(ctx context.Context, call Call) error
	// CallTimeout ends calls whose context has no deadline. Default 30 s.
	CallTimeout time.Duration
	// DialTimeout bounds dialling and handshake together. Default 15 s.
	DialTimeout time.Duration
	// PingEvery and PongWait find dead sockets. Defaults 25 s and 15 s.
	PingEvery, PongWait time.Duration
	// MinBackoff and MaxBackoff bound the pause between two dials, which doubles with each failure and is jittered. Defaults 250 ms and 30 s.
	MinBackoff, MaxBackoff time.Duration
	// RefusedRetry is the pause after a Refusal. Default 5 min.
	RefusedRetry time.Duration
	// MaxFrame bounds an answer in bytes. Default 64 MiB.
	MaxFrame int64
	// MaxInFlight bounds calls that wait for an answer and, apart from these, calls that wait for a socket. Default 256.
	MaxInFlight int
	// MaxStalled is the number of calls without an answer in a row after which a socket is given up. Default 3.
	MaxStalled int
}

func (o *Options) fill() error {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss" {
		return fmt.Errorf("couldn't use endpoint %s: want ws://host:port or wss://host:port", Redact(o.URL))
	}
	if o.Dial == nil {
		o.Dial = DialWebSocket
	}
	set(&o.CallTimeout, 30*time.Second)
	set(&o.DialTimeout, 15*time.Second)
	set(&o.PingEvery, 25*time.Second)
	set(&o.PongWait, 15*time.Second)
	set(&o.MinBackoff, 250*time.Millisecond)
	set(&o.MaxBackoff, 30*time.Second)
	set(&o.RefusedRetry, 5*time.Minute)
	set(&o.MaxFrame, 64<<20)
	set(&o.MaxInFlight, 256)
	set(&o.MaxStalled, 3)
	return nil
}

func set[T int | int64 | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

// Client is one endpoint. It is safe for use by several goroutines.
type Client struct {
	o    Options
	name string

	ctx      context.Context
	stop     context.CancelFunc
	done     chan struct{}
	requests chan *pending
	cancels  chan cancellation
	unsubs   chan *Subscription
	resets   chan error

	mu    sync.Mutex
	stats Stats
}

// Stats is what an endpoint did so far.
type Stats struct {
	Endpoint    string
	Connected   bool
	Since       time.Time // of the present state
	InFlight    int       // calls waiting for an answer
	Waiting     int       // calls waiting for a socket
	Calls       uint64    // calls sent
	Failures    uint64    // calls that ended without an answer
	Dials       uint64
	Malformed   uint64 // frames that no call or subscription could use
	Dropped     uint64 // notifications that nobody took in time
	LastError   error  // of the socket, the dial or the handshake; nil before the first
	LastErrorAt time.Time
}

// New starts a client. It dials in the background: an endpoint that is down is no error here, and calls wait for it until their deadline.
// The caller closes it.
func New(o Options) (*Client, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &Client{
		o: o, name: Redact(o.URL), ctx: ctx, stop: stop, done: make(chan struct{}),
		requests: make(chan *pending), cancels: make(chan cancellation), unsubs: make(chan *Subscription), resets: make(chan error),
	}
	c.stats = Stats{Endpoint: c.name, Since: time.Now()}
	go newOwner(c).run()
	return c, nil
}

// Name returns the endpoint as errors show it.
func (c *Client) Name() string { return c.name }

// Stats returns a copy of the endpoint's counters.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

func (c *Client) note(f func(*Stats)) {
	c.mu.Lock()
	f(&c.stats)
	c.mu.Unlock()
}

// Close gives the socket up and fails every call with ErrClosed. It returns when nothing of the client runs any more.
func (c *Client) Close() error {
	c.stop()
	<-c.done
	return nil
}

// Reset gives the present socket up, for a reason that the caller saw (such as heads that stand still), and dials again.
func (c *Client) Reset(reason error) {
	select {
	case c.resets <- reason:
	case <-c.done:
	}
}

// Call sends a request with positional parameters and returns the result, which may be JSON null.
// Its errors are *EndpointError with one of the sentinels of this package, the context's error or the node's *Error inside.
func (c *Client) Call(ctx context.Context, method string, params ...any) (json.RawMessage, error) {
	start := time.Now()
	p, err := c.do(ctx, &pending{method: method, params: params})
	if err != nil {
		return nil, c.fail(method, start, err)
	}
	return p.result, nil
}

// do hands a request to the owner and waits for its end.
func (c *Client) do(ctx context.Context, p *pending) (answer, error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	p.answer = make(chan answer, 1)
	select {
	case c.requests <- p:
	case <-ctx.Done():
		return answer{}, context.Cause(ctx)
	case <-c.done:
		return answer{}, ErrClosed
	}
	select {
	case a := <-p.answer:
		return a, a.err
	case <-ctx.Done():
	}
	select {
	case c.cancels <- cancellation{p, context.Cause(ctx)}:
	case <-c.done:
	}
	a := <-p.answer // the owner always answers, also when it ends
	return a, a.err
}

func (c *Client) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.o.CallTimeout)
}

func (c *Client) fail(method string, start time.Time, err error) error {
	var e *EndpointError
	if errors.As(err, &e) && e.Endpoint == c.name && e.Method == method {
		return err
	}
	return &EndpointError{Endpoint: c.name, Method: method, After: time.Since(start), Err: err}
}
