package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

// link is one socket with the goroutines that read, write and ping it. They end with its context and report the first failure.
type link struct {
	sock   Socket
	in     chan frame
	out    chan []byte
	failed chan error
	cancel context.CancelFunc
	wg     sync.WaitGroup
	since  time.Time
}

func (c *Client) startLink(sock Socket) *link {
	ctx, cancel := context.WithCancel(c.ctx)
	l := &link{
		sock: sock, in: make(chan frame, 16), out: make(chan []byte, 2*c.o.MaxInFlight+16), failed: make(chan error, 3),
		cancel: cancel, since: time.Now(),
	}
	l.wg.Add(3)
	go l.read(ctx)
	go l.write(ctx, c.o.PongWait)
	go l.ping(ctx, c.o.PingEvery, c.o.PongWait)
	return l
}

// close gives the socket up and waits for the goroutines.
func (l *link) close() {
	l.cancel()
	_ = l.sock.Close()
	l.wg.Wait()
}

func (l *link) read(ctx context.Context) {
	defer l.wg.Done()
	for {
		b, err := l.sock.Read(ctx)
		if err != nil {
			l.failed <- err
			return
		}
		select {
		case l.in <- parse(b):
		case <-ctx.Done():
			return
		}
	}
}

func (l *link) write(ctx context.Context, wait time.Duration) {
	defer l.wg.Done()
	for {
		select {
		case b := <-l.out:
			wctx, cancel := context.WithTimeout(ctx, wait)
			err := l.sock.Write(wctx, b)
			cancel()
			if err != nil {
				l.failed <- err
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func (l *link) ping(ctx context.Context, every, wait time.Duration) {
	defer l.wg.Done()
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			pctx, cancel := context.WithTimeout(ctx, wait)
			err := l.sock.Ping(pctx)
			cancel()
			if err != nil {
				l.failed <- fmt.Errorf("%w: no pong within %s: %v", ErrStalled, wait, err)
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// dialled is the outcome of one attempt to connect.
type dialled struct {
	sock Socket
	err  error
}

// connect dials and shakes hands. It ends within DialTimeout.
func (c *Client) connect() (Socket, error) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(c.ctx, c.o.DialTimeout)
	defer cancel()
	sock, err := c.o.Dial(ctx, c.o.URL, c.o.MaxFrame)
	if err != nil {
		return nil, c.fail("dial", start, err)
	}
	if c.o.Handshake == nil {
		return sock, nil
	}
	var id uint64
	call := func(cctx context.Context, method string, params ...any) (json.RawMessage, error) {
		id++
		return roundTrip(cctx, sock, id, method, params)
	}
	if err := c.o.Handshake(ctx, call); err != nil {
		_ = sock.Close()
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w: %w", ErrNoAnswer, err)
		}
		return nil, c.fail("handshake", start, err)
	}
	return sock, nil
}

// roundTrip makes one call on a socket that nobody else uses yet. Other frames are skipped.
func roundTrip(ctx context.Context, sock Socket, id uint64, method string, params []any) (json.RawMessage, error) {
	b, err := encode(id, method, params)
	if err != nil {
		return nil, err
	}
	if err := sock.Write(ctx, b); err != nil {
		return nil, fmt.Errorf("couldn't call %s: %w", method, err)
	}
	for {
		b, err := sock.Read(ctx)
		if err != nil {
			return nil, fmt.Errorf("couldn't call %s: %w", method, err)
		}
		f := parse(b)
		if !f.hasID || f.id != id {
			continue
		}
		if f.err != nil {
			return nil, fmt.Errorf("couldn't call %s: %w", method, f.err)
		}
		return f.result, nil
	}
}
