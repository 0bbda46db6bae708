package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const secret = "hunter2-hunter2-hunter2"

// serve makes a server for tests.
func serve(t testing.TB, change func(*Config), ask func(ctx context.Context, q Question) (Answer, error)) *Server {
	t.Helper()
	cfg := Config{Keys: map[string]Key{"ann": secret, "ben": "another-key-of-ben"}}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg, ask)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func call(s http.Handler, method, path, key, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestAnswer(t *testing.T) {
	var got Question
	answers := func(_ context.Context, q Question) (Answer, error) {
		got = q
		return Answer{Answer: "42", Reasoning: "6 < 7", Miner: 3, Hotkey: "5x", Seconds: 1.5, Agreed: 2, Asked: 3}, nil
	}
	fails := func(err error) func(context.Context, Question) (Answer, error) {
		return func(context.Context, Question) (Answer, error) { return Answer{}, fmt.Errorf("inside: %w", err) }
	}
	minute := 64 * time.Second
	for name, c := range map[string]struct {
		path, key, body string
		ask             func(context.Context, Question) (Answer, error)
		status          int
		code            string // of the error
		want            Question
	}{
		"good":             {"/v1/answer", secret, `{"question": "6*7?"}`, answers, 200, "", Question{"6*7?", 3, minute}},
		"all fields":       {"/v1/answer", secret, `{"question": "6*7?", "miners": 8, "timeout": 1.5}`, answers, 200, "", Question{"6*7?", 8, 1500 * time.Millisecond}},
		"no key":           {"/v1/answer", "", `{"question": "6*7?"}`, answers, 401, "unauthorized", Question{}},
		"a wrong key":      {"/v1/answer", secret[1:], `{"question": "6*7?"}`, answers, 401, "unauthorized", Question{}},
		"no JSON":          {"/v1/answer", secret, `{`, answers, 400, "invalid", Question{}},
		"two objects":      {"/v1/answer", secret, `{"question": "6*7?"}{}`, answers, 400, "invalid", Question{}},
		"unknown field":    {"/v1/answer", secret, `{"question": "6*7?", "raw_logic_question": "x"}`, answers, 400, "invalid", Question{}},
		"no question":      {"/v1/answer", secret, `{"question": "  "}`, answers, 400, "invalid", Question{}},
		"a long question":  {"/v1/answer", secret, `{"question": "` + strings.Repeat("é", 8001) + `"}`, answers, 400, "invalid", Question{}},
		"a large body":     {"/v1/answer", secret, `{"question": "` + strings.Repeat("x", 70<<10) + `"}`, answers, 413, "too_large", Question{}},
		"no text":          {"/v1/answer", secret, "{\"question\": \"\xff\"}", answers, 400, "invalid", Question{}},
		"no miners":        {"/v1/answer", secret, `{"question": "6*7?", "miners": 0}`, answers, 400, "invalid", Question{}},
		"many miners":      {"/v1/answer", secret, `{"question": "6*7?", "miners": 9}`, answers, 400, "invalid", Question{}},
		"no time":          {"/v1/answer", secret, `{"question": "6*7?", "timeout": 0}`, answers, 400, "invalid", Question{}},
		"much time":        {"/v1/answer", secret, `{"question": "6*7?", "timeout": 65}`, answers, 400, "invalid", Question{}},
		"nobody":           {"/v1/answer", secret, `{"question": "6*7?"}`, fails(ErrNobody), 503, "no_miners", Question{}},
		"no answer":        {"/v1/answer", secret, `{"question": "6*7?"}`, fails(ErrNoAnswer), 502, "no_answer", Question{}},
		"late":             {"/v1/answer", secret, `{"question": "6*7?"}`, fails(context.DeadlineExceeded), 502, "no_answer", Question{}},
		"a fault":          {"/v1/answer", secret, `{"question": "6*7?"}`, fails(errors.New(secret)), 500, "internal", Question{}},
		"reference":        {"/validator_proxy", "", `{"authorization": "` + secret + `", "synapse_request": {"logic_question": "6*7?", "logic_answer": "x", "category": "Logic", "timeout": 12.0}}`, answers, 200, "", Question{"6*7?", 1, 12 * time.Second}},
		"reference, short": {"/validator_proxy", "", `{"authorization": "` + secret + `", "synapse_request": {"logic_question": "6*7?"}}`, answers, 200, "", Question{"6*7?", 1, minute}},
		"reference, long":  {"/validator_proxy", "", `{"authorization": "` + secret + `", "synapse_request": {"logic_question": "6*7?", "timeout": 1e9}}`, answers, 200, "", Question{"6*7?", 1, minute}},
		"reference, other": {"/validator_proxy", "", `{"authorization": "` + secret + `", "synapse_request": {"logic_question": "6*7?", "category": "Art"}}`, answers, 400, "invalid", Question{}},
		"reference, none":  {"/validator_proxy", secret, `{"synapse_request": {"logic_question": "6*7?"}}`, answers, 401, "unauthorized", Question{}},
		"elsewhere":        {"/v1/other", secret, `{}`, answers, 404, "not_found", Question{}},
	} {
		t.Run(name, func(t *testing.T) {
			got = Question{}
			w := call(serve(t, nil, c.ask), http.MethodPost, c.path, c.key, c.body)
			if w.Code != c.status || got != c.want {
				t.Fatalf("%d %s, asked %+v", w.Code, w.Body, got)
			}
			if strings.Contains(w.Body.String(), secret) {
				t.Errorf("a secret is told: %s", w.Body)
			}
			if c.code != "" {
				var e struct {
					Error struct{ Code, Message string }
				}
				if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Error.Code != c.code || e.Error.Message == "" {
					t.Errorf("%s", w.Body)
				}
				if w.Code == 503 && w.Header().Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
				return
			}
			want := `{"answer":"42","reasoning":"6 < 7","miner":3,"hotkey":"5x","seconds":1.5,"agreed":2,"asked":3}` + "\n"
			if c.path == "/validator_proxy" {
				want = `{"logic_answer":"42","logic_reasoning":"6 < 7"}` + "\n"
			}
			if w.Body.String() != want {
				t.Errorf("%s", w.Body)
			}
		})
	}
}

// TestRate holds each key to its own rate, a wrong key to none, and what is refused for its form counts.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, func(c *Config) { c.Rate, c.Burst = 6, 2 }, func(context.Context, Question) (Answer, error) { return Answer{}, nil })
		ask := func(key string) *httptest.ResponseRecorder {
			return call(s, http.MethodPost, "/v1/answer", key, `{"question": "?"}`)
		}
		for i, want := range []int{200, 200, 429, 429} {
			if w := ask(secret); w.Code != want || want == 429 && w.Header().Get("Retry-After") != "10" {
				t.Errorf("question %d: %d, %v", i, w.Code, w.Header())
			}
		}
		if w := ask("another-key-of-ben"); w.Code != 200 {
			t.Errorf("another key: %d", w.Code)
		}
		time.Sleep(10 * time.Second)
		if a, b := ask(secret).Code, ask(secret).Code; a != 200 || b != 429 {
			t.Errorf("after ten seconds: %d, %d", a, b)
		}
		time.Sleep(time.Hour)
		for i, want := range []int{200, 200, 429} {
			if w := ask(secret); w.Code != want {
				t.Errorf("after an hour, question %d: %d", i, w.Code)
			}
		}
	})
}

// TestOpen bounds the questions in progress.
func TestOpen(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	s := serve(t, func(c *Config) { c.Open = 1 }, func(context.Context, Question) (Answer, error) {
		close(begun)
		<-end
		return Answer{}, nil
	})
	var wait sync.WaitGroup
	wait.Go(func() { call(s, http.MethodPost, "/v1/answer", secret, `{"question": "?"}`) })
	<-begun
	if w := call(s, http.MethodPost, "/v1/answer", secret, `{"question": "?"}`); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	close(end)
	wait.Wait()
}

// TestDescription holds the description to what there is.
func TestDescription(t *testing.T) {
	s := serve(t, nil, nil)
	w := call(s, http.MethodGet, "/openapi.json", "", "")
	var d struct {
		OpenAPI    string
		Paths      map[string]map[string]struct{ Responses map[string]any }
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any
				Required   []string
			}
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || w.Code != 200 || d.OpenAPI != "3.1.0" {
		t.Fatalf("%d, %v", w.Code, err)
	}
	if paths := slices.Sorted(maps.Keys(d.Paths)); !slices.Equal(paths, []string{"/health", "/openapi.json", "/v1/answer", "/validator_proxy"}) {
		t.Errorf("paths %q", paths)
	}
	for path, methods := range d.Paths {
		for method := range methods {
			if w := call(s, strings.ToUpper(method), path, "", "{}"); w.Code == 404 || w.Code == 405 {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
		}
	}
	fields := func(v any) (names []string) {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
			names = append(names, f.Tag.Get("json"))
		}
		slices.Sort(names)
		return names
	}
	if a := d.Components.Schemas["Answer"]; !slices.Equal(fields(Answer{}), slices.Sorted(maps.Keys(a.Properties))) || len(a.Required) != len(a.Properties) {
		t.Errorf("an answer has %q", fields(Answer{}))
	}
	if w := call(s, http.MethodGet, "/health", "", ""); w.Code != 200 {
		t.Errorf("health: %d", w.Code)
	}
	if w := call(s, http.MethodGet, "/v1/answer", secret, ""); w.Code != 404 && w.Code != 405 {
		t.Errorf("GET: %d", w.Code)
	}
}

func TestKeys(t *testing.T) {
	got, err := ReadKeys("# users\n\nann 0123456789abcdef\r\n  ben\tfedcba9876543210  \n")
	if err != nil || !maps.Equal(got, map[string]Key{"ann": "0123456789abcdef", "ben": "fedcba9876543210"}) {
		t.Errorf("%d keys, %v", len(got), err)
	}
	for name, text := range map[string]string{
		"nothing": "", "comments": "# ann " + secret, "one word": secret, "three": "ann " + secret + " x", "short": "ann hunter2", "twice": "ann " + secret + "\nann " + secret,
		"control": "ann " + secret + "\x01", "foreign": "ann " + secret + "é",
	} {
		if _, err := ReadKeys(text); !errors.Is(err, ErrConfig) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	cfg := Config{Keys: map[string]Key{"ann": secret}}
	text, err := json.Marshal(cfg)
	if err != nil || strings.Contains(fmt.Sprintf("%v %+v %#v %s", cfg, cfg, cfg, text), "hunter2") {
		t.Error("a key is printed")
	}
	for name, cfg := range map[string]Config{
		"no keys": {}, "short": {Keys: map[string]Key{"a": "short"}}, "rate": {Keys: cfg.Keys, Rate: -1},
	} {
		if _, err := New(cfg, nil); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReadKeys(f *testing.F) {
	f.Add("ann 0123456789abcdef\n# x\n")
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := ReadKeys(text)
		if (err == nil) != (len(keys) > 0) {
			t.Fatalf("%d keys, %v", len(keys), err)
		}
		if err == nil {
			if _, err := New(Config{Keys: keys}, nil); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzBodies sends any bodies to both forms: nothing but what is well-formed is asked.
func FuzzBodies(f *testing.F) {
	f.Add(`{"question": "6*7?", "miners": 3, "timeout": 2}`, "", 3)
	f.Add(`{"authorization": "hunter2-hunter2-hunter2", "synapse_request": {"logic_question": "?", "timeout": 64}}`, "", 3)
	f.Fuzz(func(t *testing.T, body, _ string, _ int) {
		s := serve(t, nil, func(_ context.Context, q Question) (Answer, error) {
			if strings.TrimSpace(q.Text) == "" || q.Miners < 1 || q.Miners > maxMiners || q.Timeout < time.Second || q.Timeout > 64*time.Second {
				t.Errorf("asked %+v", q)
			}
			return Answer{}, nil
		})
		for _, path := range []string{"/v1/answer", "/validator_proxy"} {
			if w := call(s, http.MethodPost, path, secret, body); w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
	})
}

func TestServe(t *testing.T) {
	s := serve(t, nil, func(ctx context.Context, _ Question) (Answer, error) { return Answer{Answer: "42"}, ctx.Err() })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.Addr().String()+"/v1/answer", strings.NewReader(`{"question": "?"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+secret)
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%v, %v", res, err)
	}
	res.Body.Close()
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it doesn't end")
	}
}
