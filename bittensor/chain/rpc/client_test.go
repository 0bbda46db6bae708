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

func TestCallsArePipelinedAndMatchedById(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ids []uint64
		n := &fakeNode{script: func(s *fakeSocket, id uint64, method string, _ []json.RawMessage) {
			if ids = append(ids, id); len(ids) == 20 { // answer the last first
				for i := len(ids) - 1; i >= 0; i-- {
					s.send(`{"jsonrpc":"2.0","id":%d,"result":%d}`, ids[i], ids[i])
				}
			}
		}}
		c := start(t, n, nil)
		var wg sync.WaitGroup
		seen := make(chan string, 20)
		for i := range 20 {
			wg.Go(func() {
				r, err := c.Call(t.Context(), fmt.Sprint("m", i))
				if err != nil {
					t.Error(err)
				}
				seen <- string(r)
			})
		}
		wg.Wait()
		distinct := map[string]bool{}
		for range 20 {
			distinct[<-seen] = true
		}
		if len(distinct) != 20 {
			t.Fatalf("got %d distinct answers, want 20", len(distinct))
		}
		if s := c.Stats(); s.Calls != 20 || s.InFlight != 0 || !s.Connected {
			t.Fatalf("stats %+v", s)
		}
	})
}

// TestEveryCallEnds crosses each thing that can go wrong with a call and looks at its error and the time it took.
func TestEveryCallEnds(t *testing.T) {
	type node = fakeNode
	tests := []struct {
		name   string
		script func(s *fakeSocket, id uint64, method string, _ []json.RawMessage)
		dial   error
		limit  int64
		want   error
		most   time.Duration
	}{
		{"no answer", func(*fakeSocket, uint64, string, []json.RawMessage) {}, nil, 0, ErrNoAnswer, 30 * time.Second},
		{"down", nil, errors.New("connection refused"), 0, ErrNoConnection, 30 * time.Second},
		{"dropped", func(s *fakeSocket, _ uint64, _ string, _ []json.RawMessage) { s.drop(errors.New("reset by peer")) }, nil, 0, ErrDropped, time.Second},
		{"half an answer", func(s *fakeSocket, id uint64, _ string, _ []json.RawMessage) {
			s.send(`{"jsonrpc":"2.0","id":%d,"result":"0x0`, id)
		}, nil, 0, ErrMalformed, time.Second},
		{"neither result nor error", func(s *fakeSocket, id uint64, _ string, _ []json.RawMessage) { s.send(`{"id":%d}`, id) }, nil, 0, ErrMalformed, time.Second},
		{"noise only", func(s *fakeSocket, id uint64, _ string, _ []json.RawMessage) {
			for _, f := range []string{"", "x", "[]", "{}", "null", `{"id":{}}`, `{"id":-1,"result":1}`, `{"method":"m","params":{"subscription":[]}}`} {
				s.send("%s", f)
			}
		}, nil, 0, ErrNoAnswer, 30 * time.Second},
		{"oversize", func(s *fakeSocket, id uint64, _ string, _ []json.RawMessage) {
			s.send(`{"id":%d,"result":"%s"}`, id, strings.Repeat("x", 2000))
		}, nil, 1000, ErrTooLarge, time.Second},
		{"someone else's answer", func(s *fakeSocket, id uint64, _ string, _ []json.RawMessage) { s.send(`{"id":%d,"result":1}`, id+1) }, nil, 0, ErrNoAnswer, 30 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := start(t, &node{script: test.script, dialErr: test.dial}, func(o *Options) { o.MaxFrame = test.limit })
				begin := time.Now()
				_, err := c.Call(context.Background(), "state_getStorage", "0x00")
				if took := time.Since(begin); took > test.most {
					t.Errorf("took %s, want at most %s", took, test.most)
				}
				named(t, err, "state_getStorage", test.want)
				if strings.Contains(err.Error(), "secret-key") {
					t.Errorf("error shows the endpoint's key: %v", err)
				}
			})
		})
	}
}

func TestNodeErrorIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNode{script: func(s *fakeSocket, id uint64, _ string, _ []json.RawMessage) {
			s.send(`{"jsonrpc":"2.0","error":{"code":1010,"message":"Invalid Transaction","data":"Transaction is outdated"},"id":"%d"}`, id)
		}}
		c := start(t, n, nil)
		_, err := c.Call(t.Context(), "author_submitExtrinsic", "0x00")
		var e *Error
		if !errors.As(err, &e) || e.Code != 1010 || e.DataText() != "Transaction is outdated" {
			t.Fatalf("got %v", err)
		}
		if c.Stats().Failures != 0 {
			t.Error("a node's refusal counts as failure of the endpoint")
		}
	})
}

func TestNullResultIsAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNode{script: func(s *fakeSocket, id uint64, _ string, _ []json.RawMessage) { s.send(`{"id":%d,"result":null}`, id) }}
		r, err := start(t, n, nil).Call(t.Context(), "chain_getBlockHash", 99)
		if err != nil || string(r) != "null" {
			t.Fatalf("got %s, %v", r, err)
		}
	})
}

func TestBusyInsteadOfQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, up := range []bool{true, false} {
			n := &fakeNode{script: func(*fakeSocket, uint64, string, []json.RawMessage) {}}
			if !up {
				n.dialErr = errors.New("down")
			}
			c := start(t, n, func(o *Options) { o.MaxInFlight = 8 })
			var wg sync.WaitGroup
			busy := make(chan error, 20)
			for range 20 {
				wg.Go(func() {
					ctx, cancel := within(20 * time.Second)
					defer cancel()
					if _, err := c.Call(ctx, "m"); errors.Is(err, ErrBusy) {
						busy <- err
					}
				})
			}
			wg.Wait()
			if len(busy) != 12 {
				t.Errorf("up %v: %d calls busy, want 12", up, len(busy))
			}
		}
	})
}

func TestReconnectsAndLetsCallsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNode{script: echo, dialErr: errors.New("down")}
		c := start(t, n, nil)
		go func() {
			time.Sleep(10 * time.Second)
			n.mu.Lock()
			n.dialErr = nil
			n.mu.Unlock()
		}()
		if _, err := c.Call(t.Context(), "m"); err != nil {
			t.Fatal(err)
		}
		if d := c.Stats().Dials; d < 4 || d > 12 {
			t.Errorf("%d dials in 10 s, want backoff", d)
		}
		n.last().drop(errors.New("reset"))
		synctest.Wait()
		if _, err := c.Call(t.Context(), "m"); err != nil {
			t.Fatal(err)
		}
	})
}

// TestBackoffGrowsAgainstAFlappingNode: a node that accepts and drops at once is not dialled without pause.
func TestBackoffGrowsAgainstAFlappingNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNode{}
		c := start(t, n, func(o *Options) {
			o.Handshake = func(context.Context, Call) error {
				n.last().drop(errors.New("bye"))
				return nil
			}
		})
		time.Sleep(time.Hour)
		if d := c.Stats().Dials; d < 100 || d > 400 {
			t.Errorf("%d dials in an hour", d)
		}
	})
}

func TestStalledSocketIsReplaced(t *testing.T) {
	for _, how := range []string{"no pong", "no answers"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &fakeNode{mute: how == "no pong"}
				c := start(t, n, nil)
				for range 3 {
					ctx, cancel := within(45 * time.Second)
					_, _ = c.Call(ctx, "m")
					cancel()
				}
				n.mu.Lock()
				n.mute, n.script = false, echo
				n.mu.Unlock()
				if _, err := c.Call(t.Context(), "m"); err != nil {
					t.Fatal(err)
				}
				if n.dials < 2 || !errors.Is(c.Stats().LastError, ErrStalled) {
					t.Errorf("%d dials, last error %v", n.dials, c.Stats().LastError)
				}
			})
		})
	}
}

func TestRefusedEndpointFailsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var good atomic.Bool
		n := &fakeNode{script: echo}
		c := start(t, n, func(o *Options) {
			o.Handshake = func(ctx context.Context, call Call) error {
				r, err := call(ctx, "chain_getBlockHash", 0)
				if err != nil || string(r) != `"chain_getBlockHash"` {
					t.Errorf("handshake call gave %s, %v", r, err)
				}
				if good.Load() {
					return nil
				}
				return Refusal(errors.New("wrong genesis"))
			}
		})
		for range 3 {
			begin := time.Now()
			_, err := c.Call(t.Context(), "m")
			named(t, err, "m", ErrRefused)
			if time.Since(begin) > time.Second || !strings.Contains(err.Error(), "wrong genesis") {
				t.Errorf("after %s: %v", time.Since(begin), err)
			}
		}
		good.Store(true)
		time.Sleep(6 * time.Minute)
		if _, err := c.Call(t.Context(), "m"); err != nil {
			t.Fatal(err)
		}
	})
}

func TestHandshakeWithoutAnswerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &fakeNode{}, func(o *Options) {
			o.Handshake = func(ctx context.Context, call Call) error { _, err := call(ctx, "m"); return err }
		})
		_, err := c.Call(context.Background(), "x")
		named(t, err, "x", ErrNoConnection)
		if !strings.Contains(err.Error(), "handshake") {
			t.Errorf("error doesn't say what happened: %v", err)
		}
	})
}

func TestCancelledCallEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &fakeNode{}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		begin := time.Now()
		_, err := c.Call(ctx, "m")
		named(t, err, "m", context.Canceled)
		if time.Since(begin) != time.Second {
			t.Errorf("took %s", time.Since(begin))
		}
	})
}

func TestCloseFailsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, dialErr := range []error{nil, errors.New("down")} {
			n := &fakeNode{dialErr: dialErr}
			c := start(t, n, nil)
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					_, err := c.Call(context.Background(), "m")
					named(t, err, "m", ErrClosed)
				})
			}
			synctest.Wait()
			_ = c.Close()
			wg.Wait()
			_, err := c.Call(context.Background(), "m")
			named(t, err, "m", ErrClosed)
			_ = c.Close()
		}
	})
}

func TestOptionsAreChecked(t *testing.T) {
	for _, u := range []string{"", "http://x", "node:9944", "ws://", "finney"} {
		if _, err := New(Options{URL: u}); err == nil {
			t.Errorf("%q accepted", u)
		}
	}
}
