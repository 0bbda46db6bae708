package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"wss://user:pass@node.example:443/v1/key?token=1": "wss://node.example:443",
		"ws://127.0.0.1:9944":                             "ws://127.0.0.1:9944",
		"nonsense":                                        "(invalid endpoint)",
		"":                                                "(invalid endpoint)",
		"%":                                               "(invalid endpoint)",
	} {
		if got := Redact(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestErrorsAreShort(t *testing.T) {
	e := &Error{Code: 1, Message: strings.Repeat("m", 1<<20), Data: json.RawMessage(`"` + strings.Repeat("d", 1<<20) + `"`)}
	if n := len(e.Error()); n > 1000 {
		t.Errorf("%d bytes", n)
	}
	if got := (&Error{Code: 4, Message: "m", Data: json.RawMessage("null")}).Error(); got != "node error 4: m" {
		t.Error(got)
	}
	if got := (&Error{Data: json.RawMessage(`{"a":1}`)}).DataText(); got != `{"a":1}` {
		t.Error(got)
	}
}

func TestParamsThatAreNoJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &fakeNode{script: echo}, nil)
		if _, err := c.Call(t.Context(), "m", make(chan int)); err == nil {
			t.Error("accepted")
		}
		if _, err := c.Call(t.Context(), "m"); err != nil { // nothing is stuck
			t.Error(err)
		}
	})
}

func TestPresentDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &fakeNode{}, nil)
		for _, d := range []time.Duration{0, time.Nanosecond, time.Second, 45 * time.Second} {
			ctx, cancel := within(d)
			begin := time.Now()
			_, err := c.Call(ctx, "m")
			if took := time.Since(begin); took > d+time.Millisecond || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("deadline of %s: %s, %v", d, took, err)
			}
			cancel()
		}
	})
}

// TestSubscribeWhileDown: the subscription waits for the socket as a call does.
func TestSubscribeWhileDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNode{script: echo, dialErr: errors.New("down")}
		c := start(t, n, nil)
		time.AfterFunc(5*time.Second, func() {
			n.mu.Lock()
			n.dialErr = nil
			n.mu.Unlock()
		})
		if _, err := c.Subscribe(t.Context(), heads); err != nil {
			t.Fatal(err)
		}
		if st := c.Stats(); !st.Connected || st.Waiting != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// TestCancelWhileWaiting: a caller that goes away leaves no trace in the queue.
func TestCancelWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNode{script: echo, dialErr: errors.New("down")}
		c := start(t, n, nil)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := c.Call(ctx, "m"); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "down") {
			t.Error(err)
		}
		if st := c.Stats(); st.Waiting != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// TestNotificationsThatAreNone are counted, and the subscription goes on.
func TestNotificationsThatAreNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNode{script: func(s *fakeSocket, id uint64, _ string, _ []json.RawMessage) {
			s.send(`{"id":%d,"result":"A"}`, id)
			s.send(`{"method":"x","params":{"subscription":"A"}}`)
			s.send(`{"method":"x","params":{"subscription":"A","error":{"code":1,"message":"no"}}}`)
			s.send(`{"method":"x","params":{"subscription":"%s","result":1}}`, strings.Repeat("A", 300))
			s.send(`{"method":"x","params":{"subscription":"A","result":1}}`)
		}}
		c := start(t, n, nil)
		s, err := c.Subscribe(t.Context(), heads)
		if err != nil {
			t.Fatal(err)
		}
		if got := <-s.C; string(got.Result) != "1" {
			t.Errorf("got %s", got.Result)
		}
		if st := c.Stats(); st.Malformed != 3 {
			t.Errorf("%d malformed", st.Malformed)
		}
	})
}

// TestUnsubscribeIsSent tells the node that nobody listens any more, and closing twice is harmless.
func TestUnsubscribeIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var said []string
		n := &fakeNode{script: func(s *fakeSocket, id uint64, method string, params []json.RawMessage) {
			mu.Lock()
			said = append(said, fmt.Sprintf("%s%s", method, params))
			mu.Unlock()
			s.send(`{"id":%d,"result":"A"}`, id)
		}}
		s, err := start(t, n, nil).Subscribe(t.Context(), heads)
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		s.Close()
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if len(said) != 2 || said[1] != `chain_unsubscribeNewHeads["A"]` {
			t.Errorf("%q", said)
		}
	})
}

// TestSubscribersThatLeaveEarly: an answer that comes after its caller went away doesn't leave a subscription nobody reads.
func TestSubscribersThatLeaveEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var left atomic.Int64
		n := &fakeNode{script: func(s *fakeSocket, id uint64, method string, _ []json.RawMessage) {
			if method == heads.Unsubscribe {
				left.Add(1)
			}
			go func() {
				time.Sleep(2 * time.Second)
				s.send(`{"id":%d,"result":"A"}`, id)
				for range 100 {
					s.send(`{"method":"x","params":{"subscription":"A","result":1}}`)
				}
			}()
		}}
		c := start(t, n, nil)
		for range 5 {
			ctx, cancel := within(time.Second)
			if _, err := c.Subscribe(ctx, heads); !errors.Is(err, ErrNoAnswer) {
				t.Error(err)
			}
			cancel()
			time.Sleep(5 * time.Second)
		}
		if _, err := c.Call(t.Context(), "m"); err != nil {
			t.Error(err)
		}
		time.Sleep(5 * time.Second)
		// The third in a row without an answer cost its socket, and so its subscription.
		if left.Load() < 3 {
			t.Errorf("the node was told %d times of 5 that nobody listens", left.Load())
		}
	})
}

// TestResetWhileDown does nothing.
func TestResetWhileDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &fakeNode{dialErr: errors.New("down")}, nil)
		c.Reset(errors.New("why not"))
		synctest.Wait()
		_ = c.Close()
		c.Reset(errors.New("after the end"))
		if s := c.Stats(); s.Connected {
			t.Errorf("%+v", s)
		}
		if _, err := c.Subscribe(t.Context(), heads); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}

// TestManyAtOnce: callers, subscribers and dropped sockets together, for the race detector.
func TestManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNode{script: func(s *fakeSocket, id uint64, method string, _ []json.RawMessage) {
			s.send(`{"id":%d,"result":"s%d"}`, id, id)
			s.send(`{"method":"x","params":{"subscription":"s%d","result":1}}`, id)
		}}
		c := start(t, n, nil)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				for range 20 {
					_, err := c.Call(t.Context(), "m")
					if err != nil && !errors.Is(err, ErrDropped) && !errors.Is(err, ErrBusy) {
						t.Error(err)
					}
					time.Sleep(70 * time.Millisecond)
				}
			})
			wg.Go(func() {
				for range 5 {
					s, err := c.Subscribe(t.Context(), heads)
					if err == nil {
						<-s.C
						s.Close()
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		for range 10 {
			time.Sleep(110 * time.Millisecond)
			if s := n.last(); s != nil {
				s.drop(errors.New("reset"))
			}
		}
		wg.Wait()
		if st := c.Stats(); st.InFlight != 0 || st.Waiting != 0 {
			t.Errorf("%+v", st)
		}
	})
}
