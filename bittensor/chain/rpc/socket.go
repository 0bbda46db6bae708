package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// Socket carries text frames. One goroutine reads, one writes, one pings; Close may be called at any time and makes the others return.
type Socket interface {
	Read(ctx context.Context) ([]byte, error)
	Write(ctx context.Context, frame []byte) error
	Ping(ctx context.Context) error // returns when the other side answered or data is still flowing
	Close() error
}

// Dialer opens a socket to a URL that reads frames of at most maxFrame bytes; a larger one is an error that ErrTooLarge matches.
type Dialer func(ctx context.Context, url string, maxFrame int64) (Socket, error)

// DialWebSocket is the Dialer of ws:// and wss:// URLs.
func DialWebSocket(ctx context.Context, url string, maxFrame int64) (Socket, error) {
	return WebSocketDialer(nil)(ctx, url, maxFrame)
}

// WebSocketDialer returns a Dialer with options of its own, such as an HTTP client with a proxy or headers with a key.
func WebSocketDialer(o *websocket.DialOptions) Dialer {
	return func(ctx context.Context, url string, maxFrame int64) (Socket, error) {
		c, _, err := websocket.Dial(ctx, url, o)
		if err != nil {
			// The library's error may quote the URL with its keys.
			return nil, fmt.Errorf("couldn't open websocket: %w", quiet(err))
		}
		c.SetReadLimit(maxFrame)
		return &webSocket{conn: c}, nil
	}
}

// quiet takes the URL out of net/http's errors.
func quiet(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

type webSocket struct {
	conn *websocket.Conn
	last atomic.Int64 // unix ns of the last bytes read
}

func (s *webSocket) Read(ctx context.Context) ([]byte, error) {
	_, r, err := s.conn.Reader(ctx)
	if err != nil {
		return nil, fmt.Errorf("couldn't read frame: %w", err)
	}
	var b bytes.Buffer
	if _, err := io.Copy(&b, &progress{r, &s.last}); err != nil {
		if errors.Is(err, websocket.ErrMessageTooBig) {
			return nil, fmt.Errorf("couldn't read frame: %w: %v", ErrTooLarge, err)
		}
		return nil, fmt.Errorf("couldn't read frame: %w", err)
	}
	return b.Bytes(), nil
}

func (s *webSocket) Write(ctx context.Context, frame []byte) error {
	if err := s.conn.Write(ctx, websocket.MessageText, frame); err != nil {
		return fmt.Errorf("couldn't write frame: %w", err)
	}
	return nil
}

// Ping waits for the pong. Behind a long frame on a slow line the pong comes late: then it is enough that bytes still come.
func (s *webSocket) Ping(ctx context.Context) error {
	start := time.Now()
	err := s.conn.Ping(ctx)
	if err != nil && s.last.Load() > start.UnixNano() {
		return nil
	}
	return err
}

func (s *webSocket) Close() error { return s.conn.CloseNow() }

// progress notes when bytes came.
type progress struct {
	r    io.Reader
	last *atomic.Int64
}

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if n > 0 {
		p.last.Store(time.Now().UnixNano())
	}
	return n, err
}
