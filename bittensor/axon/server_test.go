package axon

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/btauth"
	"github.com/nanteos/nanteos/bittensor/axon/nonce"
	"github.com/nanteos/nanteos/bittensor/axon/synapse"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
)

// echo is a class with a hashed field.
type echo struct {
	Text  string `synapse:"text,hash"`
	Reply string `synapse:"reply,answer"`
}

var (
	serverKey = sr25519.NewKeypair([32]byte{10})
	callerKey = sr25519.NewKeypair([32]byte{11})
	otherKey  = sr25519.NewKeypair([32]byte{12})
	me        = ss58.EncodeBittensor(serverKey.Public())
	caller    = ss58.EncodeBittensor(callerKey.Public())
)

var lastNonce atomic.Int64

// signedRequest makes a request that is accepted; change can spoil it before it is signed.
func signedRequest(t testing.TB, key sr25519.Keypair, s *echo, change func(*synapse.Envelope)) *http.Request {
	t.Helper()
	class := synapse.MustTypeOf[echo]()
	e := synapse.NewEnvelope()
	n := max(time.Now().UnixNano(), lastNonce.Load()+1)
	lastNonce.Store(n)
	e.Dendrite = &synapse.Terminal{Nonce: synapse.Int(n), UUID: synapse.Some("u"), Version: synapse.Int(synapse.Version1020), Hotkey: synapse.Some(ss58.EncodeBittensor(key.Public()))}
	e.Axon = &synapse.Terminal{Hotkey: synapse.Some(me)}
	if change != nil {
		change(&e)
	}
	hash, err := class.BodyHash(&e, s)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := key.Sign(synapse.RequestMessage(e.Dendrite.Nonce, e.Dendrite.Hotkey.Or(""), me, e.Dendrite.UUID, synapse.Some(hash)))
	if err != nil {
		t.Fatal(err)
	}
	e.Dendrite.Signature = synapse.Some(synapse.FormatSignature(sig))
	body, err := class.AppendJSON(nil, &e, s, synapse.Spaced)
	if err != nil {
		t.Fatal(err)
	}
	headers, err := class.Headers(&e, s, len(body))
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/echo", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		r.Header.Set(h.Name, h.Value)
	}
	return r
}

func answer(s *Server, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func newServer(t testing.TB, config Config, route Route[echo]) *Server {
	t.Helper()
	config.Hotkey = serverKey
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	if route.Forward == nil && route.Stream == nil {
		route.Forward = func(_ context.Context, _ *Call, s *echo) error {
			s.Reply = "you said " + s.Text
			return nil
		}
	}
	if err := Handle(s, route); err != nil {
		t.Fatal(err)
	}
	return s
}

func wantStatus(t *testing.T, w *httptest.ResponseRecorder, status int, text string) {
	t.Helper()
	if w.Code != status || !strings.Contains(w.Body.String(), text) {
		t.Errorf("%d %s, want %d with %q", w.Code, w.Body, status, text)
	}
}

// TestHooksSeeVerifiedRequestsOnly counts what the hooks are asked: it is their counters that an unsigned flood would use up.
func TestHooksSeeVerifiedRequestsOnly(t *testing.T) {
	var asked, events atomic.Int64
	var last atomic.Pointer[Event]
	count := func(call *Call) {
		asked.Add(1)
		if call.Address != caller || call.Hotkey != callerKey.Public() || call.Protocol != Synapse || call.Route != "echo" {
			t.Errorf("call %+v", call)
		}
	}
	s := newServer(t, Config{
		Members: func(key [32]byte) bool { return key == callerKey.Public() },
		Observe: func(e Event) { events.Add(1); last.Store(&e) },
	}, Route[echo]{
		Blacklist: func(call *Call) (bool, string) { count(call); return false, "" },
		Verify:    func(call *Call) error { count(call); return nil },
		Priority:  func(call *Call) float64 { count(call); return 1 },
	})
	good := func() *http.Request { return signedRequest(t, callerKey, &echo{Text: "hi"}, nil) }
	spoil := func(change func(*http.Request)) *http.Request {
		r := good()
		change(r)
		return r
	}
	set := func(name, value string) *http.Request {
		return spoil(func(r *http.Request) { r.Header.Set(name, value) })
	}
	body := func(text string) *http.Request {
		return spoil(func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		})
	}
	replayed := good()
	text, _ := io.ReadAll(replayed.Body)
	replay := func() *http.Request {
		r := replayed.Clone(context.Background())
		r.Body = io.NopCloser(bytes.NewReader(text))
		return r
	}
	wantStatus(t, answer(s, replay()), 200, `"reply":"you said hi"`)
	if asked.Load() != 3 {
		t.Fatalf("hooks were asked %d times for one request", asked.Load())
	}
	for _, c := range []struct {
		name   string
		r      *http.Request
		status int
		text   string
	}{
		{"replayed", replay(), 401, "a newer one was last processed"},
		{"unsigned", spoil(func(r *http.Request) { r.Header.Del("bt_header_dendrite_signature") }), 401, "Missing signature"},
		{"signed by another", set("bt_header_dendrite_signature", synapse.FormatSignature([64]byte{1})), 401, "Signature mismatch"},
		{"another member's name", signedRequest(t, otherKey, &echo{}, nil), 403, "Unrecognized hotkey"},
		{"claims a member", signedRequest(t, otherKey, &echo{}, func(e *synapse.Envelope) { e.Dendrite.Hotkey = synapse.Some(caller) }), 401, "Signature mismatch"},
		{"old", signedRequest(t, callerKey, &echo{}, func(e *synapse.Envelope) { e.Dendrite.Nonce = synapse.Int(time.Now().Add(-time.Hour).UnixNano()) }), 401, "Nonce is too old"},
		{"old with a long timeout", signedRequest(t, callerKey, &echo{}, func(e *synapse.Envelope) {
			e.Timeout = synapse.Some(1e6)
			e.Dendrite.Nonce = synapse.Int(time.Now().Add(-time.Hour).UnixNano())
		}), 401, "acceptable delta is 604.00 seconds"},
		{"ahead", signedRequest(t, callerKey, &echo{}, func(e *synapse.Envelope) { e.Dendrite.Nonce = synapse.Int(time.Now().Add(time.Minute).UnixNano()) }), 401, "future"},
		{"nonce beyond 64 bits", signedRequest(t, callerKey, &echo{}, func(e *synapse.Envelope) { e.Dendrite.Nonce = "1180591620717411303424" }), 401, "future"},
		{"no version", signedRequest(t, callerKey, &echo{}, func(e *synapse.Envelope) { e.Dendrite.Version = "" }), 401, "Version"},
		{"another text", body(`{"text": "ho"}`), 500, "Internal Server Error"},
		{"no JSON", body(`{"text": `), 422, "not JSON"},
		{"no object", body(`[1]`), 500, "Internal Server Error"},
		{"no field of the class", body(`{"other": 1}`), 500, "Internal Server Error"},
		{"no body", body(``), 500, "Internal Server Error"},
		{"too large", body(`{"text": "` + strings.Repeat("x", 1<<17) + `"}`), 413, "larger than 65536"},
		{"compressed", set("Content-Encoding", "gzip"), 415, "Content-Encoding"},
		{"content type", set("Content-Type", "text/plain"), 500, "Internal Server Error"},
		{"number", set("bt_header_dendrite_nonce", "abc"), 500, "Internal Server Error"},
		{"two hotkeys", spoil(func(r *http.Request) { r.Header["X-Bt_header_dendrite_hotkey"] = []string{"5x"} }), 500, "Internal Server Error"},
		{"method", spoil(func(r *http.Request) { r.Method = "GET" }), 405, "Method Not Allowed"},
		{"route", spoil(func(r *http.Request) { r.URL.Path = "/Nope\"\r\n\x00é" }), 404, `Synapse name 'Nope\"`},
		{"more path", spoil(func(r *http.Request) { r.URL.Path = "/echo/x" }), 404, "Not Found"},
	} {
		before := events.Load()
		w := answer(s, c.r)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) {
			t.Errorf("%s: %d %s, want %d with %q", c.name, w.Code, w.Body, c.status, c.text)
		}
		if events.Load() != before+1 || last.Load().Status != c.status {
			t.Errorf("%s: event %+v", c.name, last.Load())
		}
		for name, values := range w.Header() {
			if strings.ContainsAny(name+strings.Join(values, ""), "\r\n\x00") {
				t.Errorf("%s: header %s %q", c.name, name, values)
			}
		}
	}
	if asked.Load() != 3 {
		t.Errorf("hooks were asked for %d requests that they should not see", asked.Load()-3)
	}
	wantStatus(t, answer(s, good()), 200, "you said hi")
}

// TestNoSigningOracle has the server answer errors to requests that try to make it sign what is a request of its own.
func TestNoSigningOracle(t *testing.T) {
	s := newServer(t, Config{}, Route[echo]{})
	victim := "5Victim"
	r := signedRequest(t, callerKey, &echo{}, nil)
	r.Header.Set("bt_header_dendrite_hotkey", me)
	r.Header.Set("bt_header_axon_hotkey", victim+".uuid")
	w := answer(s, r)
	get := func(name string) string { return strings.Join(w.Header()[name], "") }
	sig, err := synapse.ParseSignature(get("bt_header_axon_signature"))
	if err != nil {
		t.Fatal(err)
	}
	n := synapse.Integer(get("bt_header_axon_nonce"))
	forged := synapse.RequestMessage(n, me, victim, synapse.Some("uuid"), synapse.Some(get("bt_header_axon_uuid")))
	if sr25519.Verify(serverKey.Public(), forged, sig) {
		t.Error("the server signed a request to another axon")
	}
	if !sr25519.Verify(serverKey.Public(), synapse.ReplyMessage(n, synapse.Some(me), me, get("bt_header_axon_uuid")), sig) {
		t.Error("the server's signature does not verify")
	}
	signed := 0
	for range 400 {
		r := signedRequest(t, callerKey, &echo{}, nil)
		r.Header.Del("bt_header_dendrite_signature")
		w := answer(s, r)
		if name := "bt_header_axon_signature"; len(w.Header()[name]) > 0 {
			signed++
		}
	}
	if signed > 350 {
		t.Errorf("%d of 400 refusals were signed", signed)
	}
}

func TestReplayAfterRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nonces")
	start := func() (*Server, *nonce.Store) {
		store, err := nonce.Open(path, nonce.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return newServer(t, Config{Nonces: store}, Route[echo]{}), store
	}
	s, store := start()
	r := signedRequest(t, callerKey, &echo{Text: "x"}, nil)
	text, _ := io.ReadAll(r.Body)
	again := func() *http.Request {
		c := r.Clone(context.Background())
		c.Body = io.NopCloser(bytes.NewReader(text))
		return c
	}
	auth := httptest.NewRequest(http.MethodPost, "/echo", strings.NewReader(`{"text": "x"}`))
	auth.Header.Set("Content-Type", "application/json")
	if err := btauth.Sign(auth.Header, callerKey, time.Now(), "POST", "/echo", []byte(`{"text": "x"}`), me); err != nil {
		t.Fatal(err)
	}
	authAgain := func() *http.Request {
		c := auth.Clone(context.Background())
		c.Body = io.NopCloser(strings.NewReader(`{"text": "x"}`))
		return c
	}
	wantStatus(t, answer(s, again()), 200, "")
	wantStatus(t, answer(s, authAgain()), 200, "")
	for range 2 {
		wantStatus(t, answer(s, again()), 401, "a newer one")
		wantStatus(t, answer(s, authAgain()), 401, "a newer one")
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		s, store = start()
	}
	_ = store.Close()
}

func TestBTAuth(t *testing.T) {
	s := newServer(t, Config{Members: func(key [32]byte) bool { return key == callerKey.Public() }}, Route[echo]{})
	const text = `{"text": "x", "timeout": 5}`
	request := func(key sr25519.Keypair, receiver, body string, change func(*http.Request)) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/echo?q=1", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if err := btauth.Sign(r.Header, key, time.Now(), "POST", "/echo?q=1", []byte(text), receiver); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(r)
		}
		return r
	}
	wantStatus(t, answer(s, request(callerKey, me, text, nil)), 200, "you said x")
	wantStatus(t, answer(s, request(otherKey, me, text, nil)), 403, "Unrecognized")
	wantStatus(t, answer(s, request(callerKey, caller, text, nil)), 401, "another receiver")
	wantStatus(t, answer(s, request(callerKey, "", text, nil)), 401, "another receiver")
	wantStatus(t, answer(s, request(callerKey, me, `{"text": "y"}`, nil)), 401, "Signature mismatch")
	wantStatus(t, answer(s, request(callerKey, me, text, func(r *http.Request) { r.RequestURI = "/echo?q=2" })), 401, "Signature mismatch")
	wantStatus(t, answer(s, request(callerKey, me, text, func(r *http.Request) { r.Header.Set(btauth.HeaderNonce, "1") })), 401, "window")
	wantStatus(t, answer(s, request(callerKey, me, text, func(r *http.Request) { r.Header.Set(btauth.HeaderNonce, "x") })), 401, "malformed")
	off := newServer(t, Config{NoBTAuth: true}, Route[echo]{})
	wantStatus(t, answer(off, request(callerKey, me, text, nil)), 401, "No SS58")
}

func TestHandlerFailures(t *testing.T) {
	var observed atomic.Pointer[Event]
	fail := map[string]error{
		"plain": errors.New("the secret cause"), "status": fmt.Errorf("wrapped: %w", &StatusError{429, "slow\ndown é"}), "silly": &StatusError{200, "x"},
	}
	s := newServer(t, Config{MinTimeout: time.Millisecond, Observe: func(e Event) { observed.Store(&e) }}, Route[echo]{
		Forward: func(ctx context.Context, call *Call, e *echo) error {
			switch e.Text {
			case "panic":
				panic("the secret cause")
			case "slow":
				<-ctx.Done()
				return ctx.Err()
			case "deaf":
				time.Sleep(300 * time.Millisecond)
			}
			return fail[e.Text]
		},
		Blacklist: func(call *Call) (bool, string) {
			if call.Timeout == 9*time.Second {
				panic("in the hook")
			}
			return call.Timeout == 7*time.Second, "for\r\nfun"
		},
		Verify: func(call *Call) error {
			if call.Timeout == 8*time.Second {
				return errors.New("not today")
			}
			return nil
		},
	})
	for _, c := range []struct {
		text    string
		timeout float64
		status  int
		says    string
	}{
		{"plain", 5, 500, "Internal Server Error #"}, {"panic", 5, 500, "Internal Server Error #"}, {"silly", 5, 500, "Internal Server Error #"},
		{"status", 5, 429, "slow?down ??"}, {"slow", 0.05, 408, "Request timeout"}, {"deaf", 0.05, 408, "Request timeout"},
		{"x", 7, 403, "Key is blacklisted: for??fun."}, {"x", 8, 401, "Not Verified with error: not today"}, {"x", 9, 500, "Internal Server Error #"},
		{"x", 5, 200, ""},
	} {
		w := answer(s, signedRequest(t, callerKey, &echo{Text: c.text}, func(e *synapse.Envelope) { e.Timeout = synapse.Some(c.timeout) }))
		wantStatus(t, w, c.status, c.says)
		if strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), "hook") {
			t.Errorf("%s: leaks %s", c.text, w.Body)
		}
		e := observed.Load()
		if c.status == 500 && (e.Err == nil || !strings.Contains(w.Body.String(), e.Message)) {
			t.Errorf("%s: observed %+v", c.text, e)
		}
		if e.Address != caller || !e.Verified || e.Route != "echo" || e.Duration <= 0 {
			t.Errorf("%s: observed %+v", c.text, e)
		}
	}
}

func TestLimitsInFlight(t *testing.T) {
	block, started := make(chan struct{}), make(chan struct{}, 10)
	s := newServer(t, Config{Workers: 1, Queue: 1, PerCaller: 2}, Route[echo]{
		Forward: func(context.Context, *Call, *echo) error { started <- struct{}{}; <-block; return nil },
	})
	var group sync.WaitGroup
	codes := make(chan int, 10)
	send := func(key sr25519.Keypair) {
		r := signedRequest(t, key, &echo{}, func(e *synapse.Envelope) { e.Dendrite.UUID = synapse.Some(fmt.Sprint(lastNonce.Load())) })
		group.Go(func() { codes <- answer(s, r).Code })
	}
	send(callerKey)
	<-started
	send(callerKey)
	waitFor(t, func() bool { s.queue.mu.Lock(); defer s.queue.mu.Unlock(); return len(s.queue.waiting) == 1 })
	wantStatus(t, answer(s, signedRequest(t, callerKey, &echo{}, nil)), 429, "of this hotkey")
	wantStatus(t, answer(s, signedRequest(t, otherKey, &echo{}, nil)), 503, "Too many requests")
	close(block)
	group.Wait()
	if a, b := <-codes, <-codes; a != 200 || b != 200 {
		t.Errorf("%d and %d", a, b)
	}
	waitFor(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.queue.mu.Lock()
		defer s.queue.mu.Unlock()
		return len(s.inFlight) == 0 && len(s.slots) == 0 && s.queue.free == 1
	})
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come to pass")
		}
	}
}

func TestSlowClients(t *testing.T) {
	s := newServer(t, Config{HeaderTimeout: 100 * time.Millisecond, BodyTimeout: 150 * time.Millisecond, MaxHeaderBytes: 8 << 10,
		MaxConnections: 6, MaxConnectionsPerAddress: 4}, Route[echo]{})
	address := serve(t, s)
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		return c
	}
	closedIn := func(what string, c net.Conn, limit time.Duration) string {
		t.Helper()
		start := time.Now()
		b, _ := io.ReadAll(c)
		if took := time.Since(start); took > limit {
			t.Errorf("%s: the connection stayed open for %v", what, took)
		}
		return string(b)
	}
	idle := dial()
	drip := dial()
	go func() {
		for _, b := range []byte("POST /echo HTTP/1.1\r\nHost: x\r\nA: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") {
			if _, err := drip.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	closedIn("no byte", idle, 3*time.Second)
	closedIn("dripping headers", drip, 3*time.Second)

	large := dial()
	_, _ = fmt.Fprintf(large, "POST /echo HTTP/1.1\r\nHost: x\r\nA: %s\r\n\r\n", strings.Repeat("a", 20<<10))
	if text := closedIn("large headers", large, 3*time.Second); !strings.HasPrefix(text, "HTTP/1.1 431") {
		t.Errorf("large headers: %.80q", text)
	}

	slow := dial()
	r := signedRequest(t, callerKey, &echo{Text: "x"}, nil)
	var head bytes.Buffer
	fmt.Fprintf(&head, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n")
	_ = r.Header.Write(&head)
	head.WriteString("\r\n{")
	_, _ = slow.Write(head.Bytes())
	if text := closedIn("body that does not come", slow, 5*time.Second); !strings.HasPrefix(text, "HTTP/1.1 408") {
		t.Errorf("body that does not come: %.80q", text)
	}

	// An unsigned request with a large body is answered without reading it.
	unsigned := dial()
	_, _ = fmt.Fprintf(unsigned, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
	if text := closedIn("unsigned", unsigned, 3*time.Second); !strings.HasPrefix(text, "HTTP/1.1 401") {
		t.Errorf("unsigned: %.80q", text)
	}

	// Of many connections of one address some are closed at once.
	waitFor(t, func() bool { return s.Connections() == 0 })
	var many [8]net.Conn
	for i := range many {
		many[i] = dial()
	}
	open := 0
	for _, c := range many {
		_ = c.SetDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); isTimeout(err) {
			open++
		}
	}
	if open > 4 || open == 0 {
		t.Errorf("%d of 8 connections of one address", open)
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func TestStream(t *testing.T) {
	s := newServer(t, Config{}, Route[echo]{Stream: func(ctx context.Context, _ *Call, e *echo, w *Stream) error {
		if e.Text == "none" {
			return &StatusError{404, "nothing to say"}
		}
		for i := range 3 {
			if _, err := fmt.Fprintf(w, "%s%d ", e.Text, i); err != nil {
				return err
			}
		}
		if e.Text == "break" {
			return errors.New("broken off")
		}
		if e.Text == "long" {
			<-ctx.Done()
			_, err := w.Write([]byte("late"))
			if !errors.Is(err, ErrStream) {
				t.Errorf("writing after the deadline: %v", err)
			}
			return err
		}
		return nil
	}})
	address := serve(t, s)
	post := func(text string, timeout float64) (*http.Response, string, error) {
		r := signedRequest(t, callerKey, &echo{Text: text}, func(e *synapse.Envelope) { e.Timeout = synapse.Some(timeout) })
		r.RequestURI = ""
		r.URL.Scheme, r.URL.Host = "http", address
		w, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Body.Close()
		b, err := io.ReadAll(w.Body)
		return w, string(b), err
	}
	w, text, err := post("a", 5)
	if err != nil || text != "a0 a1 a2 " || w.Header.Get("Content-Type") != "text/event-stream" || w.Header.Get("bt_header_axon_status_code") != "200" {
		t.Errorf("%q %v %v", text, w.Header, err)
	}
	if _, text, err := post("break", 5); err == nil {
		t.Errorf("a broken stream ends well: %q", text)
	}
	if w, text, _ := post("none", 5); w.StatusCode != 404 || !strings.Contains(text, "nothing to say") {
		t.Errorf("%d %q", w.StatusCode, text)
	}
	if _, text, err := post("long", 1); err == nil || text != "long0 long1 long2 " {
		t.Errorf("stream beyond its time: %q %v", text, err)
	}
}

func TestConfigErrors(t *testing.T) {
	for name, c := range map[string]Config{"no key": {}, "negative": {Hotkey: serverKey, Workers: -1}, "time": {Hotkey: serverKey, BodyTimeout: -1}} {
		if _, err := New(c); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := newServer(t, Config{}, Route[echo]{})
	if err := Handle(s, Route[echo]{}); !errors.Is(err, ErrConfig) {
		t.Errorf("no handler: %v", err)
	}
	if err := Handle(s, Route[int]{Forward: func(context.Context, *Call, *int) error { return nil }}); !errors.Is(err, synapse.ErrDefinition) {
		t.Errorf("no struct: %v", err)
	}
	if err := s.ListenAndServe(context.Background(), "256.0.0.1:1"); err == nil {
		t.Error("it listens on no address")
	}
}

// TestKeepAlive sends several requests over one connection, refused ones among them.
func TestKeepAlive(t *testing.T) {
	s := newServer(t, Config{}, Route[echo]{})
	c, err := net.Dial("tcp", serve(t, s))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	reader := bufio.NewReader(c)
	for i := range 6 {
		r := signedRequest(t, callerKey, &echo{Text: fmt.Sprint(i)}, nil)
		want := 200
		if i%2 == 1 {
			r.Header.Set("bt_header_dendrite_signature", "0x00")
			want = 401
		}
		if err := r.Write(c); err != nil {
			t.Fatal(err)
		}
		w, err := http.ReadResponse(reader, r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, w.Body)
		if w.StatusCode != want {
			t.Errorf("request %d: %s", i, w.Status)
		}
	}
}

func FuzzRequest(f *testing.F) {
	s := newServer(f, Config{}, Route[echo]{})
	f.Add("bt_header_dendrite_nonce", "5", "text", `{"text": "x"}`)
	f.Add("X-Bittensor-Version", "1", "timeout", `[]`)
	f.Add("bt_header_input_obj_text", "ImEi", "computed_body_hash", `{"text": 1, "axon": null}`)
	f.Fuzz(func(t *testing.T, name, value, other, body string) {
		r := httptest.NewRequest(http.MethodPost, "/echo", strings.NewReader(body))
		r.Header[http.CanonicalHeaderKey(name)] = []string{value}
		r.Header[http.CanonicalHeaderKey(other)] = append(r.Header[http.CanonicalHeaderKey(other)], value)
		if w := answer(s, r); w.Code == 200 {
			t.Errorf("an unsigned request got %s", w.Body)
		}
		// The same body, rightly signed, never breaks the server.
		signed := signedRequest(t, callerKey, &echo{}, nil)
		signed.Body, signed.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		if w := answer(s, signed); w.Code == 200 && !strings.Contains(body, "{") {
			t.Errorf("%q got %s", body, w.Body)
		}
	})
}

func BenchmarkServe(b *testing.B) {
	s := newServer(b, Config{PerCaller: 1 << 20, Queue: 1 << 16}, Route[echo]{})
	requests := make([]*http.Request, b.N)
	bodies := make([][]byte, b.N)
	for i := range requests {
		requests[i] = signedRequest(b, callerKey, &echo{Text: "What is 2+2?"}, nil)
		bodies[i], _ = io.ReadAll(requests[i].Body)
		requests[i].Body = io.NopCloser(bytes.NewReader(bodies[i]))
	}
	b.ResetTimer()
	for _, r := range requests {
		if w := answer(s, r); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}
