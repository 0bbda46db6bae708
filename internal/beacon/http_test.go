package beacon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// relays answers requests to several hosts without a network.
type relays struct {
	mu    sync.Mutex
	hosts map[string]http.Handler
	log   []string
}

func (r *relays) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	r.log = append(r.log, req.URL.Host+req.URL.Path)
	h := r.hosts[req.URL.Host]
	r.mu.Unlock()
	if h == nil {
		return nil, errors.New("connection refused")
	}
	w := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.ServeHTTP(w, req)
	}()
	select {
	case <-done:
		return w.Result(), nil
	case <-req.Context().Done():
		<-done
		return nil, req.Context().Err()
	}
}

func (r *relays) asked(host string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.log {
		if strings.HasPrefix(l, host) {
			n++
		}
	}
	return n
}

// silentRelay answers when the client gives up.
var silentRelay = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })

func answer(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// slowly answers after a while.
func slowly(d time.Duration, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(d):
			h.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}

// world is a beacon on a fake clock and a client with three relays.
func world(t *testing.T, hosts map[string]func(good http.Handler) http.Handler) (*Local, *HTTP, *relays) {
	t.Helper()
	l, err := NewLocal(LocalConfig{Seed: []byte("w"), Genesis: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	r := &relays{hosts: map[string]http.Handler{}}
	for host, make := range hosts {
		r.hosts[host] = make(Handler(l))
	}
	h, err := NewHTTP(HTTPConfig{Info: l.Info(), Relays: []string{"https://one", "https://two/", "https://three"}, Client: &http.Client{Transport: r}})
	if err != nil {
		t.Fatal(err)
	}
	return l, h, r
}

func good(h http.Handler) http.Handler { return h }

func fixed(h http.Handler) func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler { return h }
}

func TestHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, h, r := world(t, map[string]func(http.Handler) http.Handler{"one": good})
		want, _ := l.Latest(t.Context())
		for range 3 { // once from the relay, then from the cache
			if got, err := h.Latest(t.Context()); err != nil || got.Number != want.Number || got.Text() != want.Text() {
				t.Fatalf("%+v %v", got, err)
			}
			if _, err := h.Round(t.Context(), 17); err != nil {
				t.Fatal(err)
			}
		}
		if n := r.asked("one"); n != 2 {
			t.Errorf("%d requests", n)
		}
		for _, n := range []uint64{0, want.Number + 1} {
			_, err := h.Round(t.Context(), n)
			wantIs(t, err, ErrNotDue)
		}
		if n := r.asked("one"); n != 2 {
			t.Error("a relay was asked for a round that cannot exist")
		}
		time.Sleep(l.Info().Period)
		if got, err := h.Latest(t.Context()); err != nil || got.Number != want.Number+1 {
			t.Errorf("%+v %v", got, err)
		}
	})
}

// TestOldRelay: version 1 is used where version 2 is missing, and remembered.
func TestOldRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h, r := world(t, map[string]func(http.Handler) http.Handler{"one": func(g http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if strings.HasPrefix(req.URL.Path, "/v2/") {
					http.NotFound(w, req)
					return
				}
				g.ServeHTTP(w, req)
			})
		}})
		for n := uint64(1); n < 4; n++ {
			if _, err := h.Round(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if n := r.asked("one"); n != 4 {
			t.Errorf("%d requests: %q", n, r.log)
		}
	})
}

// TestRelayFaults: whatever the first relays do, a valid round comes from another, in time, or the error says who did what.
func TestRelayFaults(t *testing.T) {
	stranger := local(t, "stranger", 3*time.Second, time.Now)
	strange, err := stranger.Round(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		first func(http.Handler) http.Handler
		took  time.Duration
		says  string
	}{
		"refuses connections": {nil, 0, "connection refused"},
		"internal error":      {fixed(answer(500, "oops")), 0, "status 500"},
		"nothing found":       {fixed(http.NotFoundHandler()), 0, "status 404"},
		"no JSON":             {fixed(answer(200, "<html>")), 0, "not a round's JSON"},
		"empty object":        {fixed(answer(200, "{}")), 0, "lacks round or signature"},
		"endless":             {fixed(answer(200, `{"round":1,"signature":"`+strings.Repeat("0", 1<<20))), 0, "more than 16384 bytes"},
		"another's signature": {fixed(answer(200, string(encodeRound(strange, 1)))), 0, ErrInvalid.Error()},
		"another round": {func(g http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				req = req.Clone(req.Context())
				req.URL.Path = strings.TrimSuffix(req.URL.Path, "/9") + "/8"
				g.ServeHTTP(w, req)
			})
		}, 0, "answer is round 8"},
		"silent": {fixed(silentRelay), 2 * time.Second, "context deadline exceeded"},
		"slow":   {func(g http.Handler) http.Handler { return slowly(5*time.Second, g) }, 2 * time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hosts := map[string]func(http.Handler) http.Handler{"two": good}
				if c.first != nil {
					hosts["one"] = c.first
				}
				_, h, _ := world(t, hosts)
				begin := time.Now()
				if r, err := h.Round(t.Context(), 9); err != nil || r.Number != 9 {
					t.Fatalf("%+v %v", r, err)
				}
				if took := time.Since(begin); took != c.took {
					t.Errorf("took %s", took)
				}
				if c.says == "" {
					return
				}
				delete(hosts, "two")
				_, h, _ = world(t, hosts)
				_, err := h.Round(t.Context(), 9)
				wantIs(t, err, ErrUnavailable)
				var e *RelayError
				if !errors.As(err, &e) || len(e.Attempts) != 6 || e.Round != 9 {
					t.Fatalf("%#v", err)
				}
				if s := err.Error(); !strings.Contains(s, c.says) || !strings.Contains(s, "https://one after") || !strings.Contains(s, "https://three after") {
					t.Errorf("the error does not say who did what: %s", s)
				}
			})
		})
	}
}

// TestSilenceIsBounded: with all relays silent a call ends after two passes, or with its context.
func TestSilenceIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quiet := fixed(silentRelay)
		_, h, _ := world(t, map[string]func(http.Handler) http.Handler{"one": quiet, "two": quiet, "three": quiet})
		begin := time.Now()
		_, err := h.Latest(t.Context())
		wantIs(t, err, ErrUnavailable)
		if took := time.Since(begin); took < 28*time.Second || took > 30*time.Second {
			t.Errorf("took %s", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begin = time.Now()
		_, err = h.Latest(ctx)
		wantIs(t, err, ErrUnavailable)
		wantIs(t, err, context.DeadlineExceeded)
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

// TestStale: an old round is not the latest, however valid, and a wrong clock is reported.
func TestStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := func(g http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				req = req.Clone(req.Context())
				req.URL.Path = strings.Replace(req.URL.Path, "latest", "5", 1)
				g.ServeHTTP(w, req)
			})
		}
		l, h, _ := world(t, map[string]func(http.Handler) http.Handler{"one": old, "two": good})
		want, _ := l.Latest(t.Context())
		if r, err := h.Latest(t.Context()); err != nil || r.Number != want.Number {
			t.Errorf("%+v %v", r, err)
		}
		_, h, _ = world(t, map[string]func(http.Handler) http.Handler{"one": old})
		if _, err := h.Latest(t.Context()); err == nil || !strings.Contains(err.Error(), "stale relay or wrong clock") {
			t.Errorf("%v", err)
		}
		_, h, _ = world(t, map[string]func(http.Handler) http.Handler{"one": good})
		h.cfg.Now = func() time.Time { return time.Now().Add(-30 * time.Minute) }
		if _, err := h.Latest(t.Context()); err == nil || !strings.Contains(err.Error(), "stale relay or wrong clock") {
			t.Errorf("%v", err)
		}
	})
}

func TestHandler(t *testing.T) {
	l := local(t, "seed", 500*time.Millisecond, at(10))
	srv := httptest.NewServer(Handler(l)) // a real socket
	defer srv.Close()
	hash := l.Info().Hash
	for path, want := range map[string]int{
		"/chains": 200, "/v2/chains": 200, "/" + hash + "/info": 200, "/v2/chains/" + hash + "/info": 200,
		"/" + hash + "/public/latest": 200, "/" + hash + "/public/3": 200, "/v2/chains/" + hash + "/rounds/3": 200,
		"/" + hash + "/public/99": 404, "/v2/chains/" + hash + "/rounds/99": 425, "/" + hash + "/public/x": 400,
		"/" + hash + "/public/-1": 400, "/v2/chains/abc/rounds/3": 404, "/abc/info": 404, "/": 404,
	} {
		resp, err := http.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, resp.StatusCode, want)
		}
		if want == 200 && !json.Valid(body) {
			t.Errorf("%s: %q is not JSON", path, body)
		}
	}
	h, err := NewHTTP(HTTPConfig{Info: l.Info(), Relays: []string{srv.URL}, Now: at(10)})
	if err != nil {
		t.Fatal(err)
	}
	want, _ := l.Latest(t.Context())
	if r, err := h.Latest(t.Context()); err != nil || r.Text() != want.Text() {
		t.Errorf("%+v %v", r, err)
	}
}

func TestNewHTTPRefuses(t *testing.T) {
	for _, c := range []HTTPConfig{
		{}, {Info: Quicknet()}, {Info: Quicknet(), Relays: []string{"ftp://x"}}, {Info: Quicknet(), Relays: []string{"https://ok", "nonsense"}}, {Relays: QuicknetRelays()},
	} {
		if _, err := NewHTTP(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
	if _, err := NewHTTP(HTTPConfig{Info: Quicknet(), Relays: QuicknetRelays()}); err != nil {
		t.Error(err)
	}
}

// TestManyAtOnce is for the race detector.
func TestManyAtOnce(t *testing.T) {
	l := local(t, "seed", time.Second, at(30))
	srv := httptest.NewServer(Handler(l))
	defer srv.Close()
	h, err := NewHTTP(HTTPConfig{Info: l.Info(), Relays: []string{srv.URL, srv.URL}, Now: at(30), CacheSize: 4})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range uint64(5) {
				if r, err := h.Round(t.Context(), 1+(n+uint64(i))%9); err != nil || len(r.Text()) != 64 {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzParseRound(f *testing.F) {
	l := local(f, "seed", time.Second, at(30))
	r, err := l.Round(f.Context(), 3)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encodeRound(r, 1))
	f.Add(encodeRound(r, 2))
	f.Add([]byte(`{"round":1,"randomness":"00","signature":"","previous_signature":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := parseRound(body)
		if err != nil {
			return
		}
		for version := 1; version <= 2; version++ {
			again, err := parseRound(encodeRound(r, version))
			if err != nil || again.Number != r.Number || !bytes.Equal(again.Signature, r.Signature) || !bytes.Equal(again.Randomness, r.Randomness) {
				t.Errorf("%+v became %+v, %v", r, again, err)
			}
		}
	})
}
