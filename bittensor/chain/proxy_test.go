package chain_test

import (
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/bittensor/chain/rpc"
)

// proxy is a bad line in front of a node: bytes of real sockets are passed, held back, cut in the middle of frames, or trickle.
type proxy struct {
	l      net.Listener
	target string
	mode   atomic.Value // string
	mu     sync.Mutex
	conns  map[net.Conn]bool
	wg     sync.WaitGroup
}

func newProxy(t *testing.T, url string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l: l, target: strings.TrimPrefix(url, "ws://"), conns: map[net.Conn]bool{}}
	p.mode.Store("pass")
	p.wg.Go(p.serve)
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) url() string { return "ws://" + p.l.Addr().String() }

func (p *proxy) keep(c net.Conn) {
	p.mu.Lock()
	p.conns[c] = true
	p.mu.Unlock()
}

// cut closes what is open.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

func (p *proxy) serve() {
	for {
		in, err := p.l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.target)
		if err != nil || p.mode.Load() == "refuse" {
			_ = in.Close()
			continue
		}
		p.keep(in)
		p.keep(out)
		p.wg.Go(func() { p.copy(out, in, false) })
		p.wg.Go(func() { p.copy(in, out, true) })
	}
}

// copy passes bytes; the node's answers suffer from the mode.
func (p *proxy) copy(to, from net.Conn, answers bool) {
	defer func() { _ = to.Close(); _ = from.Close() }()
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		b := buf[:n]
		if answers {
			switch p.mode.Load() {
			case "stall":
				continue
			case "half":
				_, _ = to.Write(b[:n/2])
				return
			case "garbage":
				for i := range b {
					b[i] ^= 0x5a
				}
			case "trickle":
				for len(b) > 0 {
					k := min(len(b), 40)
					if _, err := to.Write(b[:k]); err != nil {
						return
					}
					b = b[k:]
					time.Sleep(time.Millisecond)
				}
				continue
			}
		}
		if _, err := to.Write(b); err != nil {
			return
		}
	}
}

// TestBadLine puts a bad line into each mode while reads and writes go on, alone and with a good second line.
func TestBadLine(t *testing.T) {
	for _, mode := range []string{"stall", "half", "garbage", "trickle", "refuse"} {
		for _, second := range []bool{false, true} {
			name := mode
			if second {
				name += ", second endpoint"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				_, url := localChain(t, nil)
				p := newProxy(t, url)
				cfg := chain.Config{Network: p.url(), Timeout: 2 * time.Second, SubmitTimeout: 4 * time.Second,
					Socket: rpc.Options{PingEvery: 300 * time.Millisecond, PongWait: 300 * time.Millisecond, DialTimeout: time.Second, MaxBackoff: 200 * time.Millisecond}}
				if second {
					cfg.Endpoints = []string{url}
				}
				c, ctx := dial(t, cfg)
				p.mode.Store(mode)
				if mode == "refuse" {
					p.cut()
				}
				reads := 1
				if second {
					reads = 3
				}
				for i := range reads {
					begin := time.Now()
					_, err := c.Header(t.Context(), chain.Hash{})
					if took := time.Since(begin); took > 3*time.Second {
						t.Errorf("read took %s", took)
					}
					if err != nil && (second || mode == "trickle") {
						t.Errorf("read %d: %v", i, err)
					}
					if err != nil && !strings.Contains(err.Error(), p.url()) {
						t.Errorf("the error names no endpoint: %v", err)
					}
				}
				begin := time.Now()
				_, err := c.CommitBytes(t.Context(), key(0), 1, []byte(name))
				if took := time.Since(begin); took > 7*time.Second {
					t.Errorf("write took %s", took)
				}
				if err != nil && second {
					t.Errorf("write: %v", err)
				}
				p.mode.Store("pass")
				deadline := time.Now().Add(20 * time.Second)
				for {
					if _, err = c.Header(ctx, chain.Hash{}); err == nil || time.Now().After(deadline) {
						break
					}
				}
				if err != nil {
					t.Errorf("after the line was mended: %v", err)
				}
			})
		}
	}
}
