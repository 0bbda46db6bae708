package rpc

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// serve runs a real WebSocket server whose handler owns each socket.
func serve(t *testing.T, h func(ctx context.Context, c *websocket.Conn)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		c.SetReadLimit(1 << 20)
		h(r.Context(), c)
	}))
	t.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http")
}

func TestWebSocket(t *testing.T) {
	big := bytes.Repeat([]byte("x"), 1<<20)
	url := serve(t, func(ctx context.Context, c *websocket.Conn) {
		for {
			_, b, err := c.Read(ctx)
			if err != nil {
				return
			}
			answer := []byte(`{"id":` + strings.Split(strings.Split(string(b), `"id":`)[1], ",")[0] + `,"result":"`)
			switch {
			case bytes.Contains(b, []byte("big")):
				answer = append(answer, big...)
			case bytes.Contains(b, []byte("over")):
				answer = append(append(answer, big...), big...)
			}
			if c.Write(ctx, websocket.MessageText, append(answer, `"}`...)) != nil {
				return
			}
		}
	})
	c, err := New(Options{URL: url, MaxFrame: 1<<20 + 1000, Handshake: func(ctx context.Context, call Call) error {
		_, err := call(ctx, "hello")
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	ctx, cancel := within(20 * time.Second)
	defer cancel()
	for range 3 {
		if r, err := c.Call(ctx, "big"); err != nil || len(r) != len(big)+2 {
			t.Fatalf("%d bytes, %v", len(r), err)
		}
	}
	if _, err := c.Call(ctx, "over"); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("oversize answer: %v", err)
	}
	if _, err := c.Call(ctx, "small"); err != nil {
		t.Fatal(err)
	}
	if c.Stats().Dials != 2 {
		t.Errorf("%d dials", c.Stats().Dials)
	}
}

func TestWebSocketPings(t *testing.T) {
	url := serve(t, func(ctx context.Context, c *websocket.Conn) {
		time.Sleep(500 * time.Millisecond) // reads nothing, so no pong
	})
	c, err := New(Options{URL: url, PingEvery: 20 * time.Millisecond, PongWait: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	ctx, cancel := within(10 * time.Second)
	defer cancel()
	if _, err := c.Call(ctx, "m"); !errors.Is(err, ErrDropped) || !errors.Is(err, ErrStalled) {
		t.Fatal(err)
	}
}

func TestDialErrorHidesKeys(t *testing.T) {
	ctx, cancel := within(time.Second)
	defer cancel()
	_, err := DialWebSocket(ctx, "ws://127.0.0.1:1/my-key", 1)
	if err == nil || strings.Contains(err.Error(), "my-key") {
		t.Fatal(err)
	}
}
