package dendrite

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon"
	"github.com/nanteos/nanteos/bittensor/axon/synapse"
	"github.com/nanteos/nanteos/bittensor/sr25519"
)

// hostile serves each connection with a function of its own.
func hostile(t *testing.T, serve func(conn net.Conn)) Axon {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				readRequest(c)
				serve(c)
			}()
		}
	}()
	return Axon{Address: netip.MustParseAddrPort(listener.Addr().String()), Hotkey: miner}
}

const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nbt_header_axon_status_code: 200\r\n"

func TestHostileAnswers(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(bytes.Repeat([]byte(" "), 10<<20))
	_ = z.Close()
	nested := `{"logic_answer": ` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`
	forever := func(piece string) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = c.Write([]byte(head))
			for {
				if _, err := c.Write([]byte(piece)); err != nil {
					return
				}
			}
		}
	}
	whole := func(text string) func(net.Conn) {
		return func(c net.Conn) { _, _ = c.Write([]byte(text)) }
	}
	drip := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			for _, b := range []byte(text) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
	}
	for name, c := range map[string]struct {
		serve func(net.Conn)
		code  int64
		cause error
	}{
		"endless headers":     {forever("A: " + strings.Repeat("a", 1000) + "\r\n"), 422, ErrResponse},
		"endless body":        {forever("\r\n" + strings.Repeat(" ", 1<<16)), 422, ErrResponse},
		"endless chunks":      {func(c net.Conn) { forever("Transfer-Encoding: chunked\r\n\r\n")(c) }, 503, ErrDisconnected},
		"large length":        {whole(head + "Content-Length: 99999999999\r\n\r\n"), 422, ErrResponse},
		"gzip bomb":           {whole(head + "Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + bomb.String()), 422, ErrResponse},
		"deep nesting":        {whole(head + "Connection: close\r\n\r\n" + nested), 422, ErrResponse},
		"dripping headers":    {drip(head + strings.Repeat("A: b\r\n", 1000)), 408, ErrTimeout},
		"dripping body":       {drip(head + "Content-Length: 5000\r\n\r\n" + strings.Repeat(" ", 5000)), 408, ErrTimeout},
		"silence":             {func(net.Conn) { time.Sleep(3 * time.Second) }, 408, ErrTimeout},
		"half a body":         {whole(head + "Content-Length: 500\r\n\r\n{"), 503, ErrDisconnected},
		"no HTTP":             {whole("SSH-2.0-OpenSSH_9.6\r\n\r\n"), 422, ErrResponse},
		"many 1xx":            {whole(strings.Repeat("HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n", 10000)), 422, ErrResponse},
		"status twice":        {whole(head + "Bt_header_axon_status_code: 500\r\nConnection: close\r\n\r\n{\"logic_answer\": \"x\"}"), 422, ErrResponse},
		"none of the answers": {whole(head + "Connection: close\r\n\r\n{\"task_uid\": \"x\"}"), 422, ErrResponse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := hostile(t, c.serve)
			d := client(t, Config{MaxBodyBytes: 64 << 10})
			start := time.Now()
			r := Query(context.Background(), d, target, strict{Question: "Q"}, time.Second)
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("it took %v", took)
			}
			if !r.Dendrite.StatusCode.Is(c.code) || !errors.Is(r.Err, c.cause) || r.Success() {
				t.Errorf("status %s %q, error %v, want %d and %v", r.Dendrite.StatusCode, r.Dendrite.StatusMessage.Or(""), r.Err, c.code, c.cause)
			}
			if r.Synapse.Answer != "" || r.Synapse.Question != "Q" {
				t.Errorf("the synapse changed: %+v", r.Synapse)
			}
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var visited atomic.Bool
	elsewhere := hostile(t, func(net.Conn) { visited.Store(true) })
	target := hostile(t, func(c net.Conn) {
		fmt.Fprintf(c, "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://%s/\r\nContent-Length: 0\r\n\r\n", elsewhere.Address)
	})
	r := Query(context.Background(), client(t, Config{}), target, strict{}, time.Second)
	if !r.Dendrite.StatusCode.Is(307) || visited.Load() {
		t.Errorf("status %s, followed: %v", r.Dendrite.StatusCode, visited.Load())
	}
}

func TestTargets(t *testing.T) {
	var dialed []string
	config := Config{Hotkey: sr25519.NewKeypair([32]byte{1}), ExternalIP: netip.MustParseAddr("192.0.2.9"), Dial: func(_ context.Context, _, address string) (net.Conn, error) {
		dialed = append(dialed, address)
		return nil, &net.OpError{Op: "dial", Err: errors.New("test")}
	}}
	d, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, c := range []struct {
		address string
		want    string // what is dialed
	}{
		{"9.9.9.9:8091", "9.9.9.9:8091"}, {"[2606:4700::1]:8091", "[2606:4700::1]:8091"}, {"[::ffff:9.9.9.9]:1", "9.9.9.9:1"},
		{"192.0.2.9:8091", "127.0.0.1:8091"}, // our own
		{"0.0.0.0:0", ""}, {"0.0.0.0:8091", ""}, {"127.0.0.1:8091", ""}, {"[::1]:8091", ""}, {"[::ffff:127.0.0.1]:8091", ""}, {"10.1.2.3:80", ""},
		{"192.168.1.1:80", ""}, {"169.254.169.254:80", ""}, {"100.64.0.1:80", ""}, {"[fe80::1%eth0]:80", ""}, {"[fc00::1]:80", ""},
		{"224.0.0.1:80", ""}, {"255.255.255.255:80", ""}, {"[64:ff9b::a01:203]:80", ""}, {"9.9.9.9:0", ""},
	} {
		dialed = nil
		r := Query(context.Background(), d, Axon{netip.MustParseAddrPort(c.address), miner}, strict{}, time.Second)
		if got := strings.Join(dialed, ","); got != c.want {
			t.Errorf("%s: dialed %q, want %q", c.address, got, c.want)
		}
		if !r.Dendrite.StatusCode.Is(503) || !errors.Is(r.Err, ErrUnavailable) || !strings.HasPrefix(r.Dendrite.StatusMessage.Or(""), "Service unavailable at ") {
			t.Errorf("%s: %s %q", c.address, r.Dendrite.StatusCode, r.Dendrite.StatusMessage.Or(""))
		}
	}
	if r := Query(context.Background(), d, Axon{Hotkey: miner}, strict{}, time.Second); !r.Dendrite.StatusCode.Is(503) {
		t.Errorf("no address: %+v", r.Dendrite)
	}
}

type pair struct {
	Text  string `synapse:"text,hash"`
	Reply string `synapse:"reply,answer"`
}

// ours starts a server of package axon.
func ours(t testing.TB, key sr25519.Keypair, config axon.Config, route axon.Route[pair]) netip.AddrPort {
	t.Helper()
	config.Hotkey = key
	s, err := axon.New(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := axon.Handle(s, route); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return netip.MustParseAddrPort(listener.Addr().String())
}

func TestQueryAllIsBounded(t *testing.T) {
	var now, most atomic.Int64
	route := axon.Route[pair]{Forward: func(_ context.Context, _ *axon.Call, p *pair) error {
		n := now.Add(1)
		for {
			old := most.Load()
			if n <= old || most.CompareAndSwap(old, n) {
				break
			}
		}
		time.Sleep(2 * time.Millisecond)
		now.Add(-1)
		p.Reply = "re: " + p.Text
		return nil
	}}
	var targets []Axon
	for i := range byte(40) { // each with a key of its own: of one key and uuid nonces must arrive in order
		key := sr25519.NewKeypair([32]byte{100, i})
		targets = append(targets, Axon{ours(t, key, axon.Config{}, route), addressOf(key)})
	}
	targets = append(targets, Axon{netip.MustParseAddrPort("127.0.0.1:1"), miner})
	d := client(t, Config{Concurrency: 5})
	replies := QueryAll(context.Background(), d, targets, pair{Text: "x"}, 30*time.Second)
	for i := range replies[:40] {
		if !replies[i].Success() || replies[i].Synapse.Reply != "re: x" || replies[i].Axon.Hotkey.Or("") != targets[i].Hotkey {
			t.Errorf("reply %d: %+v", i, replies[i])
		}
	}
	if last := replies[40]; !last.Dendrite.StatusCode.Is(503) {
		t.Errorf("nobody there: %+v", last.Dendrite)
	}
	if most.Load() > 5 {
		t.Errorf("%d requests at a time", most.Load())
	}
}

func addressOf(key sr25519.Keypair) string {
	d, err := New(Config{Hotkey: key})
	if err != nil {
		return ""
	}
	return d.Address()
}

// TestWaitingCounts lets a request time out while it waits for its turn.
func TestWaitingCounts(t *testing.T) {
	target := hostile(t, func(net.Conn) { time.Sleep(2 * time.Second) })
	d := client(t, Config{Concurrency: 1})
	start := time.Now()
	replies := QueryAll(context.Background(), d, []Axon{target, target, target}, strict{}, time.Second)
	for _, r := range replies {
		if !r.Dendrite.StatusCode.Is(408) || r.Dendrite.StatusMessage.Or("") != "Request timeout after 1 seconds" {
			t.Errorf("%s %q", r.Dendrite.StatusCode, r.Dendrite.StatusMessage.Or(""))
		}
	}
	if took := time.Since(start); took > 2500*time.Millisecond {
		t.Errorf("it took %v", took)
	}
}

func TestCancel(t *testing.T) {
	target := hostile(t, func(net.Conn) { time.Sleep(2 * time.Second) })
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	r := Query(ctx, client(t, Config{}), target, strict{}, time.Minute)
	if !errors.Is(r.Err, context.Canceled) || !r.Dendrite.StatusCode.Is(499) {
		t.Errorf("%s %v", r.Dendrite.StatusCode, r.Err)
	}
}

type broken struct {
	C chan int `synapse:"c"`
}

func TestUnusableRequests(t *testing.T) {
	d := client(t, Config{})
	target := Axon{netip.MustParseAddrPort("127.0.0.1:1"), miner}
	if r := Query(context.Background(), d, target, broken{}, time.Second); !errors.Is(r.Err, ErrRequest) || !errors.Is(r.Err, synapse.ErrDefinition) || !r.Dendrite.StatusCode.Is(400) {
		t.Errorf("%s %v", r.Dendrite.StatusCode, r.Err)
	}
	if r := Query(context.Background(), d, target, pair{Text: "\xff"}, time.Second); !errors.Is(r.Err, ErrRequest) {
		t.Errorf("text that cannot be hashed: %v", r.Err)
	}
	if _, err := Stream(context.Background(), d, target, broken{}, time.Second); !errors.Is(err, ErrRequest) {
		t.Error(err)
	}
	if _, err := New(Config{}); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
}

func TestNoncesIncrease(t *testing.T) {
	d := client(t, Config{})
	last := int64(0)
	for range 10000 {
		n := d.nonce()
		if n <= last {
			t.Fatalf("%d after %d", n, last)
		}
		last = n
	}
	if u := timeUUID(time.Unix(1754000857, 0)); len(u) != 36 || u[14] != '1' || !strings.Contains("89ab", u[19:20]) {
		t.Errorf("uuid %s", u)
	}
}

func TestStreams(t *testing.T) {
	key := sr25519.NewKeypair([32]byte{7})
	address := ours(t, key, axon.Config{}, axon.Route[pair]{Stream: func(ctx context.Context, _ *axon.Call, p *pair, w *axon.Stream) error {
		switch p.Text {
		case "refuse":
			return &axon.StatusError{Status: 403, Message: "no"}
		case "endless":
			for {
				if _, err := w.Write(bytes.Repeat([]byte("x"), 1000)); err != nil {
					return err
				}
			}
		case "slow":
			_, _ = w.Write([]byte("a"))
			<-ctx.Done()
			return ctx.Err()
		}
		for range 3 {
			if _, err := w.Write([]byte(p.Text)); err != nil {
				return err
			}
		}
		return nil
	}})
	target := Axon{address, addressOf(key)}
	d := client(t, Config{MaxBodyBytes: 10000, Concurrency: 1})
	read := func(text string, timeout time.Duration) (string, error) {
		s, err := Stream(context.Background(), d, target, pair{Text: text}, timeout)
		if err != nil {
			return "", err
		}
		var b strings.Builder
		var failed error
		for piece, err := range s.Pieces() {
			b.Write(piece)
			failed = err
		}
		r := s.Reply()
		if r.Success() != (failed == nil) {
			t.Errorf("%s: status %s with error %v", text, r.Dendrite.StatusCode, failed)
		}
		for range s.Pieces() {
			t.Error("a closed stream gives pieces")
		}
		return b.String(), failed
	}
	if text, err := read("ab", 5*time.Second); text != "ababab" || err != nil {
		t.Errorf("%q %v", text, err)
	}
	if text, err := read("endless", 5*time.Second); len(text) > 10000 || !errors.Is(err, ErrResponse) {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if text, err := read("slow", time.Second); text != "a" || !errors.Is(err, ErrTimeout) {
		t.Errorf("%q %v", text, err)
	}
	s, err := Stream(context.Background(), d, target, pair{Text: "refuse"}, 5*time.Second)
	if r := s.Reply(); err == nil || !r.Dendrite.StatusCode.Is(http.StatusForbidden) || !strings.Contains(err.Error(), "no") {
		t.Errorf("%v", err)
	}
	s, err = Stream(context.Background(), d, target, pair{Text: "endless"}, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for range s.Pieces() {
		break // leaving early closes
	}
	s.Close()
	if text, err := read("ab", 5*time.Second); text != "ababab" || err != nil { // the one slot is free again
		t.Errorf("%q %v", text, err)
	}
}
