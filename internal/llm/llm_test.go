package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const secret = "sk-hunter2"

// answers is a transport that answers without a network.
type answers func(req *http.Request) (status int, header http.Header, body string, err error)

func (f answers) RoundTrip(req *http.Request) (*http.Response, error) {
	status, header, body, err := f(req)
	if err != nil {
		return nil, err
	}
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
}

const good = `{"choices":[{"message":{"content":"42"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":2}}`

func client(t *testing.T, f answers, hosts ...string) *Client {
	t.Helper()
	cfg := Config{Client: &http.Client{Transport: f}}
	for _, h := range hosts {
		cfg.Endpoints = append(cfg.Endpoints, Endpoint{BaseURL: "http://" + h + "/v1/", Model: "m-" + h, Key: secret})
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestComplete(t *testing.T) {
	var seen struct {
		Model          string
		Messages       []Message
		Max            int `json:"max_tokens"`
		Temperature    *float64
		ResponseFormat json.RawMessage `json:"response_format"`
	}
	c := client(t, func(req *http.Request) (int, http.Header, string, error) {
		if req.URL.String() != "http://a/v1/chat/completions" || req.Header.Get("Authorization") != "Bearer "+secret {
			t.Errorf("asked %s with %q", req.URL, req.Header.Get("Authorization"))
		}
		if err := json.NewDecoder(req.Body).Decode(&seen); err != nil {
			t.Error(err)
		}
		return 200, nil, good, nil
	}, "a")
	a, err := c.Complete(t.Context(), Request{Messages: []Message{{"user", "6*7?"}}, MaxTokens: 9, Schema: json.RawMessage(`{"type":"object"}`)})
	if err != nil || a.Text != "42" || a.Model != "m-a" || a.Host != "a" || a.PromptTokens != 7 || a.Tokens != 2 || a.Cut {
		t.Errorf("answer %+v, %v", a, err)
	}
	if seen.Model != "m-a" || len(seen.Messages) != 1 || seen.Max != 9 || seen.Temperature == nil || !strings.Contains(string(seen.ResponseFormat), `"strict":true`) {
		t.Errorf("the server saw %+v", seen)
	}
	if s := c.Stats(); s.Calls != 1 || s.Failed != 0 || s.Tries != 1 || s.Fallbacks != 0 {
		t.Errorf("stats %+v", s)
	}
}

// TestFaults crosses what an endpoint can do with an endpoint that works behind it and with none.
func TestFaults(t *testing.T) {
	for _, f := range []struct {
		name  string
		fault answers
		want  error
		says  string
	}{
		{"wrong key", func(*http.Request) (int, http.Header, string, error) {
			return 401, nil, `{"error":{"message":"Incorrect API key provided: ` + secret + `"}}`, nil
		}, ErrRefused, "Incorrect API key provided: [secret]"},
		{"unknown model", func(*http.Request) (int, http.Header, string, error) {
			return 404, nil, `{"error":"no such model"}`, nil
		}, ErrRefused, "no such model"},
		{"redirect", func(*http.Request) (int, http.Header, string, error) {
			return 307, http.Header{"Location": {"http://evil/v1"}}, "", nil
		}, ErrRefused, "status 307"},
		{"server error", func(*http.Request) (int, http.Header, string, error) { return 500, nil, "oops\x1b[2J", nil }, ErrUnavailable, "status 500"},
		{"busy", func(*http.Request) (int, http.Header, string, error) {
			return 429, http.Header{"Retry-After": {"1"}}, "", nil
		}, ErrUnavailable, "status 429"},
		{"broken off", func(*http.Request) (int, http.Header, string, error) { return 0, nil, "", io.ErrUnexpectedEOF }, ErrUnavailable, "unexpected EOF"},
		{"no JSON", func(*http.Request) (int, http.Header, string, error) { return 200, nil, "<html>", nil }, ErrAnswer, "invalid character"},
		{"null", func(*http.Request) (int, http.Header, string, error) {
			return 200, nil, `{"choices":[{"message":{"content":null}}]}`, nil
		}, ErrAnswer, "no text"},
		{"no choice", func(*http.Request) (int, http.Header, string, error) { return 200, nil, `{"choices":[]}`, nil }, ErrAnswer, "no text"},
		{"huge", func(*http.Request) (int, http.Header, string, error) {
			return 200, nil, strings.Repeat(" ", 2<<20), nil
		}, ErrAnswer, "larger than"},
		{"silent", func(r *http.Request) (int, http.Header, string, error) {
			<-r.Context().Done()
			return 0, nil, "", r.Context().Err()
		}, ErrUnavailable, "deadline"},
	} {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var evil atomic.Bool
				both := func(r *http.Request) (int, http.Header, string, error) {
					switch r.URL.Host {
					case "bad":
						return f.fault(r)
					case "good":
						return 200, nil, good, nil
					}
					evil.Store(true)
					return 200, nil, good, nil
				}
				began := time.Now()
				a, err := client(t, both, "bad", "good").Complete(t.Context(), Request{})
				if err != nil || a.Host != "good" {
					t.Errorf("with another endpoint: %+v, %v", a, err)
				}
				if took := time.Since(began); took > time.Minute {
					t.Errorf("it took %s", took)
				}
				began = time.Now()
				_, err = client(t, both, "bad").Complete(t.Context(), Request{})
				if !errors.Is(err, f.want) || !strings.Contains(err.Error(), f.says) || strings.Contains(err.Error(), secret) {
					t.Errorf("alone: %v, want %v with %q", err, f.want, f.says)
				}
				if took := time.Since(began); took > time.Minute {
					t.Errorf("alone it took %s", took)
				}
				if evil.Load() {
					t.Error("a redirect was followed")
				}
			})
		})
	}
}

// TestRetry asks a busy endpoint again after the pause it wants.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		began := time.Now()
		c := client(t, func(*http.Request) (int, http.Header, string, error) {
			if n++; n == 1 {
				return 503, http.Header{"Retry-After": {"3"}}, "", nil
			}
			return 200, nil, good, nil
		}, "a")
		if _, err := c.Complete(t.Context(), Request{}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 3*time.Second || took > 5*time.Second {
			t.Errorf("it was asked again after %s", took)
		}
	})
}

// TestDeadline ends with the caller's context and leaves time for the next endpoint.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		c := client(t, func(r *http.Request) (int, http.Header, string, error) {
			if r.URL.Host == "a" {
				<-r.Context().Done()
				return 0, nil, "", r.Context().Err()
			}
			time.Sleep(2 * time.Second)
			return 200, nil, good, nil
		}, "a", "b")
		if a, err := c.Complete(ctx, Request{}); err != nil || a.Host != "b" || time.Since(began) != 8*time.Second {
			t.Errorf("%+v, %v after %s", a, err, time.Since(began))
		}
		if s := c.Stats(); s.Fallbacks != 1 || s.Tries != 2 || s.Mean != 2*time.Second || s.Slow != 2*time.Second {
			t.Errorf("stats %+v", s)
		}
		cancel()
		if _, err := c.Complete(ctx, Request{}); !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v", err)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	for _, e := range []Endpoint{
		{BaseURL: "", Model: "m"}, {BaseURL: "ftp://h", Model: "m"}, {BaseURL: "http://", Model: "m"}, {BaseURL: "http://u:" + secret + "@h/v1", Model: "m"},
		{BaseURL: "http://h/v1?key=1", Model: "m"}, {BaseURL: "http://h/v1", Model: ""}, {BaseURL: "http://h", Model: "m", Key: "a\r\nX: y"}, {BaseURL: secret + "@h", Model: "m"},
	} {
		_, err := New(Config{Endpoints: []Endpoint{e}})
		if !errors.Is(err, ErrConfig) || strings.Contains(err.Error(), secret) {
			t.Errorf("%+v: %v", e, err)
		}
	}
	if _, err := New(Config{}); !errors.Is(err, ErrConfig) {
		t.Errorf("without endpoints: %v", err)
	}
	e := Endpoint{BaseURL: "http://h", Model: "m", Key: secret}
	text, err := json.Marshal(e)
	if all := fmt.Sprintf("%v %+v %#v %s %x", e, e, e, e.Key, e.Key) + string(text); err != nil || strings.Contains(all, "hunter") || strings.Contains(all, "68756e74") {
		t.Errorf("the key is printed: %s, %v", all, err)
	}
}

// TestServer asks a real server over a real connection.
func TestServer(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, good) }))
	defer s.Close()
	c, err := New(Config{Endpoints: []Endpoint{{BaseURL: s.URL, Model: "m"}}})
	if err != nil {
		t.Fatal(err)
	}
	if a, err := c.Complete(t.Context(), Request{}); err != nil || a.Text != "42" || a.Took <= 0 {
		t.Errorf("%+v, %v", a, err)
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"choices":[{}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := parseAnswer(text)
		if err != nil {
			if !errors.Is(err, ErrAnswer) {
				t.Fatal(err)
			}
			return
		}
		if a.Text == "" || a.Tokens < 0 {
			t.Fatalf("%+v", a)
		}
	})
}
