package logicvalidator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// pooled is a task pool for tests.
type pooled struct {
	logins, tasks atomic.Int64
	task          func(w http.ResponseWriter, n int64)
	token         func(n int64) string
}

func (p *pooled) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/auth/login":
		var who struct{ Username, Password string }
		if err := json.NewDecoder(r.Body).Decode(&who); err != nil || who.Username != "me" || who.Password != "hunter2" || r.Method != http.MethodPost {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		token := fmt.Sprintf("token%d", p.logins.Add(1))
		if p.token != nil {
			token = p.token(p.logins.Load())
		}
		fmt.Fprintf(w, `{"access_token": %q, "token_type": "bearer"}`, token)
	case "/tasks/random", "/cheats":
		if r.Header.Get("Authorization") != fmt.Sprintf("Bearer token%d", p.logins.Load()) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.URL.Path == "/cheats" {
			_, _ = io.WriteString(w, `[{"content": "ignore"}, {"content": ""}, {"content": "System"}]`)
			return
		}
		p.task(w, p.tasks.Add(1))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

const aTask = `{"question": "secret question 12", "answer": "$34$", "id": 5}`

func TestPool(t *testing.T) {
	for name, c := range map[string]struct {
		server *pooled
		want   string // part of the error
		logins int64
	}{
		"good":          {server: &pooled{task: func(w http.ResponseWriter, _ int64) { _, _ = io.WriteString(w, aTask) }}, logins: 1},
		"fails twice":   {server: &pooled{task: func(w http.ResponseWriter, n int64) { respond(w, n > 2, 500) }}, logins: 1},
		"expired":       {server: &pooled{task: func(w http.ResponseWriter, n int64) { respond(w, n > 1, 401) }}, logins: 2},
		"forbidden":     {server: &pooled{task: func(w http.ResponseWriter, n int64) { respond(w, n > 1, 403) }}, logins: 2},
		"fails":         {server: &pooled{task: func(w http.ResponseWriter, n int64) { respond(w, false, 500) }}, want: "status 500", logins: 1},
		"redirects":     {server: &pooled{task: func(w http.ResponseWriter, n int64) { w.Header().Set("Location", "/cheats"); w.WriteHeader(302) }}, want: "status 302", logins: 1},
		"no task":       {server: &pooled{task: func(w http.ResponseWriter, _ int64) { _, _ = io.WriteString(w, `{"question": "secret question 12"}`) }}, want: "expected form", logins: 1},
		"empty":         {server: &pooled{task: func(w http.ResponseWriter, _ int64) { _, _ = io.WriteString(w, `{"question": " ", "answer": "34"}`) }}, want: "expected form", logins: 1},
		"endless":       {server: &pooled{task: func(w http.ResponseWriter, _ int64) { _, _ = io.WriteString(w, strings.Repeat("x", maxPoolReply+1)) }}, want: "larger than", logins: 1},
		"silent":        {server: &pooled{task: func(http.ResponseWriter, int64) { time.Sleep(300 * time.Millisecond) }}, want: "deadline", logins: 1},
		"a bad token":   {server: &pooled{token: func(int64) string { return "a\r\nX: y" }}, want: "expected form", logins: 3},
		"an empty one":  {server: &pooled{token: func(int64) string { return "" }}, want: "expected form", logins: 3},
		"a large token": {server: &pooled{token: func(int64) string { return strings.Repeat("x", maxToken) }}, want: "larger than", logins: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(c.server)
			defer server.Close()
			p, err := NewPool(PoolConfig{URL: server.URL + "/", Username: "me", Password: "hunter2", Timeout: 200 * time.Millisecond, Pause: time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			got, err := p.Next(ctx)
			if c.want == "" {
				if err != nil || got != (Problem{Question: "secret question 12", Truth: "34"}) {
					t.Errorf("%+v, %v", got, err)
				}
			} else if !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if n := c.server.logins.Load(); n != c.logins {
				t.Errorf("%d logins, want %d", n, c.logins)
			}
			if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "token1")) {
				t.Errorf("a secret is told: %v", err)
			}
		})
	}
}

func respond(w http.ResponseWriter, good bool, status int) {
	if good {
		_, _ = io.WriteString(w, aTask)
		return
	}
	http.Error(w, "secret question 12", status)
}

func TestPoolEnds(t *testing.T) {
	server := httptest.NewServer(&pooled{task: func(w http.ResponseWriter, _ int64) { w.WriteHeader(500) }})
	defer server.Close()
	p, err := NewPool(PoolConfig{URL: server.URL, Username: "me", Password: "hunter2", Pause: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := p.Next(ctx); err == nil {
		t.Error("no error after the end")
	}
}

func TestCheatWords(t *testing.T) {
	pool := &pooled{}
	server := httptest.NewServer(pool)
	p, err := NewPool(PoolConfig{URL: server.URL, Username: "me", Password: "hunter2", Tries: 1})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"ignore", "System"}
	if got := p.CheatWords(t.Context()); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	server.Close()
	if got := p.CheatWords(t.Context()); !slices.Equal(got, want) {
		t.Errorf("within the time: %q", got)
	}
	p.cheats.at = time.Now().Add(-2 * cheatAge)
	if got := p.CheatWords(t.Context()); !slices.Equal(got, want) {
		t.Errorf("while the pool is down: %q", got)
	}
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"", "pool", "ftp://host", "http://", "http://me:hunter2@host", "http://host/?q=1", "http://host/#f", "http://a b"} {
		if _, err := NewPool(PoolConfig{URL: bad}); !errors.Is(err, ErrConfig) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("pool %q: %v", bad, err)
		}
		if _, err := NewEmbeddings(EmbeddingsConfig{URL: bad, Model: "m"}); !errors.Is(err, ErrConfig) {
			t.Errorf("embeddings %q: %v", bad, err)
		}
	}
	if _, err := NewEmbeddings(EmbeddingsConfig{URL: "http://host"}); !errors.Is(err, ErrConfig) {
		t.Errorf("without a model: %v", err)
	}
	c := PoolConfig{Password: "hunter2"}
	text, err := json.Marshal(struct{ P Password }{c.Password})
	if err != nil || strings.Contains(fmt.Sprintf("%v %+v %#v %s", c, c, c, text), "hunter2") {
		t.Error("the password is printed")
	}
}

func TestEmbeddings(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var ask struct {
			Model    string
			Input    []string
			Encoding string `json:"encoding_format"`
		}
		if err := json.NewDecoder(r.Body).Decode(&ask); err != nil || r.URL.Path != "/v1/embeddings" || ask.Model != "mini" || ask.Encoding != "float" || r.Header.Get("Authorization") != "Bearer k" {
			w.WriteHeader(400)
			return
		}
		var data []map[string]any
		for i := len(ask.Input) - 1; i >= 0; i-- {
			data = append(data, map[string]any{"index": i, "embedding": []float64{float64(len(ask.Input[i])), 1}})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
	}))
	defer server.Close()
	e, err := NewEmbeddings(EmbeddingsConfig{URL: server.URL + "/v1", Model: "mini", Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.Embed(t.Context(), []string{"a", "bbb"})
	if err != nil || len(got) != 2 || got[0][0] != 1 || got[1][0] != 3 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := e.Embed(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("of nothing: %v, %v", got, err)
	}
	server.Close()
	if _, err := e.Embed(t.Context(), []string{"secret"}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("from nobody: %v", err)
	}
}

func TestParseEmbeddings(t *testing.T) {
	for _, bad := range []string{
		``, `{}`, `{"data": []}`, `{"data": [{"embedding": [1]}]}`, `{"data": [{"embedding": [1]}, {"embedding": [1, 2]}]}`,
		`{"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]}`, `{"data": [{"index": 2, "embedding": [1]}, {"index": -1, "embedding": [1]}]}`,
		`{"data": [{"embedding": []}, {"embedding": []}]}`, `{"data": [{"embedding": [1e99]}, {"embedding": [1]}]}`, `{"data": [{"embedding": "x"}, {"embedding": "y"}]}`,
	} {
		if _, err := parseEmbeddings([]byte(bad), 2); !errors.Is(err, errReply) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func FuzzParseEmbeddings(f *testing.F) {
	f.Add([]byte(`{"data": [{"index": 1, "embedding": [1, 2]}, {"embedding": [3, 4], "index": 0}]}`), 2)
	f.Add([]byte(`{"data": [{"embedding": [1]}]}`), 1)
	f.Fuzz(func(t *testing.T, text []byte, n int) {
		if n < 1 || n > 64 {
			return
		}
		got, err := parseEmbeddings(text, n)
		if err != nil {
			return
		}
		if len(got) != n {
			t.Fatalf("%d vectors, want %d", len(got), n)
		}
		for _, v := range got {
			if len(v) == 0 || len(v) != len(got[0]) {
				t.Fatalf("%v", got)
			}
		}
	})
}
