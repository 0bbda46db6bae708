// Package llm asks language models over the OpenAI protocol: Together, vLLM, SGLang, llama.cpp, OpenAI itself, or `nanteos model serve`.
//
// A Client has one or more endpoints in the order of preference. A call tries them until one answers or its context ends: an endpoint that is slow, busy
// or broken costs a part of the time and not the answer. Every answer is bounded, a redirect is not followed, since it would carry the key to
// somebody else, and keys are printed nowhere. Each call needs a deadline; without one it gets Config.Timeout.
package llm

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Errors among which a caller decides.
var (
	// ErrConfig: the client can't be made of this configuration.
	ErrConfig = errors.New("unusable model endpoint")
	// ErrRefused: the endpoint won't answer such a request, however often it is sent: wrong key, unknown model, malformed.
	ErrRefused = errors.New("model endpoint refused the request")
	// ErrUnavailable: no endpoint gave an answer in time. It may be tried again.
	ErrUnavailable = errors.New("no model endpoint answered")
	// ErrAnswer: an endpoint answered something that is no completion, or an empty one.
	ErrAnswer = errors.New("unusable model answer")
)

// Key is an API key. It is never printed or encoded.
type Key string

const redacted = "[secret]"

// Format hides the key from every verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText hides the key.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Endpoint is one server and the model asked there.
type Endpoint struct {
	// BaseURL is what clients of OpenAI call base_url: with /v1 at the end for most servers.
	BaseURL string
	Model   string
	// Key is sent as a bearer token, nothing when empty.
	Key Key
}

// Config describes a client.
type Config struct {
	// Endpoints in the order of preference, at least one.
	Endpoints []Endpoint
	// Timeout bounds a call whose context has no deadline, 60 s when zero.
	Timeout time.Duration
	// Rounds is how often the whole list is tried, 2 when zero, with a jittered pause of about Pause between, 500 ms when zero.
	Rounds int
	Pause  time.Duration
	// MaxAnswer bounds the body of an answer in bytes, 1 MiB when zero.
	MaxAnswer int64
	// Client makes the requests, one of its own when nil. Redirects are not followed in any case.
	Client *http.Client
}

// Client asks models. It is safe for concurrent use.
type Client struct {
	cfg  Config
	http http.Client
	urls []string

	mu    sync.Mutex
	stats Stats
	took  ring
}

// Stats is what a client has seen.
type Stats struct {
	// Calls were made, Failed of them got no answer. Tries counts requests, Fallbacks answers by another than the first endpoint.
	Calls, Failed, Tries, Fallbacks uint64
	// Mean and Slow are the mean and the 95th percentile of the last answers' times, 0 before the first.
	Mean, Slow time.Duration
}

// New makes a client. Nothing is sent. Errors wrap ErrConfig and never hold keys.
func New(cfg Config) (*Client, error) {
	if len(cfg.Endpoints) == 0 {
		return nil, fmt.Errorf("couldn't use models: %w: none is named", ErrConfig)
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = time.Minute
	}
	if cfg.Rounds <= 0 {
		cfg.Rounds = 2
	}
	if cfg.Pause <= 0 {
		cfg.Pause = 500 * time.Millisecond
	}
	if cfg.MaxAnswer <= 0 {
		cfg.MaxAnswer = 1 << 20
	}
	c := &Client{cfg: cfg}
	if cfg.Client != nil {
		c.http = *cfg.Client
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, e := range cfg.Endpoints {
		u, err := url.Parse(e.BaseURL)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			return nil, fmt.Errorf("couldn't use models: %w: base URL %.100q is no http:// or https:// address", ErrConfig, hideUser(e.BaseURL))
		case u.User != nil:
			return nil, fmt.Errorf("couldn't use models: %w: the base URL of %s holds a password; give it as a key", ErrConfig, u.Host)
		case u.RawQuery != "" || u.Fragment != "":
			return nil, fmt.Errorf("couldn't use models: %w: base URL %.100q has a query", ErrConfig, e.BaseURL)
		case e.Model == "" || len(e.Model) > 256:
			return nil, fmt.Errorf("couldn't use models: %w: the model at %s has no name", ErrConfig, u.Host)
		case strings.ContainsAny(string(e.Key), "\r\n"):
			return nil, fmt.Errorf("couldn't use models: %w: the key for %s has a line break in it", ErrConfig, u.Host)
		}
		c.urls = append(c.urls, strings.TrimRight(e.BaseURL, "/")+"/chat/completions")
	}
	return c, nil
}

// hideUser leaves out what stands before an @: it may be a password.
func hideUser(text string) string {
	if i := strings.LastIndexByte(text, '@'); i >= 0 {
		return text[i+1:]
	}
	return text
}

// Stats returns what the client has seen so far.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Mean, s.Slow = c.took.mean(), c.took.slow()
	return s
}
