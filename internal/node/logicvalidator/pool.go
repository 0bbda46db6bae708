package logicvalidator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/nanteos/nanteos/logicnet/challenge"
)

// Password is what a task pool knows its users by. It is never printed or encoded.
type Password string

// Format hides the password from every verb.
func (Password) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// MarshalText hides the password.
func (Password) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// PoolConfig says where a task pool is.
type PoolConfig struct {
	// URL is what the reference has in TASK_POOL_URL, Username and Password what it has in VALIDATOR_USERNAME and VALIDATOR_PASSWORD.
	URL      string
	Username string
	Password Password
	// Reference takes answers of any type.
	Reference bool
	// Timeout bounds one request, 15 s when zero; Tries is how often a task is asked for, 3 when zero, with about Pause in between, 1 s when zero.
	Timeout time.Duration
	Tries   int
	Pause   time.Duration
	// Client makes the requests, one of its own when nil. Redirects are not followed in any case.
	Client *http.Client
}

// Pool is the HTTP source of tasks that the reference's validators use. Section 6.1.
type Pool struct {
	cfg  PoolConfig
	http *http.Client

	mu    sync.Mutex
	token string

	cheats cheats
}

// bounds of what a pool sends, in bytes.
const (
	maxPoolReply  = 256 << 10
	maxPoolCheats = 1 << 20
	maxToken      = 16 << 10
)

// NewPool returns a pool. Nothing is sent. Errors wrap ErrConfig.
func NewPool(cfg PoolConfig) (*Pool, error) {
	var err error
	if cfg.URL, err = base(cfg.URL); err != nil {
		return nil, fmt.Errorf("couldn't use task pool: %w: %w", ErrConfig, err)
	}
	orDuration(&cfg.Timeout, 15*time.Second)
	orDuration(&cfg.Pause, time.Second)
	if cfg.Tries <= 0 {
		cfg.Tries = 3
	}
	return &Pool{cfg: cfg, http: noRedirect(cfg.Client)}, nil
}

// Next gets a task.
func (p *Pool) Next(ctx context.Context) (Problem, error) {
	text, err := p.get(ctx, "/tasks/random", maxPoolReply)
	if err != nil {
		return Problem{}, fmt.Errorf("couldn't get task from pool: %w", err)
	}
	t, err := challenge.ParseTask(text, p.cfg.Reference)
	if err != nil {
		return Problem{}, fmt.Errorf("couldn't get task from pool: %w: %w", ErrSource, errReply) // the cause may repeat the task
	}
	return Problem{Question: t.Question, Truth: t.Answer}, nil
}

// get asks the pool, logging in where it must.
func (p *Pool) get(ctx context.Context, path string, limit int64) (text []byte, err error) {
	for try := range p.cfg.Tries {
		if try > 0 {
			if pause(ctx, time.Duration(float64(p.cfg.Pause<<(try-1))*(0.5+rand.Float64()))) != nil {
				break
			}
		}
		var token string
		if token, err = p.login(ctx); err == nil {
			text, err = p.once(ctx, path, token, nil, limit)
		}
		var status statusError
		if errors.As(err, &status) && (status == http.StatusUnauthorized || status == http.StatusForbidden) {
			p.forget(token)
		}
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	if ctx.Err() != nil && text == nil {
		return nil, ctx.Err()
	}
	return text, nil
}

func (p *Pool) once(ctx context.Context, path, token string, body any, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	return exchange(ctx, p.http, p.cfg.URL+path, token, body, limit)
}

// login returns a token, a new one where there is none. One login at a time: batches run side by side.
func (p *Pool) login(ctx context.Context) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.token != "" {
		return p.token, nil
	}
	text, err := p.once(ctx, "/auth/login", "", map[string]string{"username": p.cfg.Username, "password": string(p.cfg.Password)}, maxToken)
	if err != nil {
		return "", fmt.Errorf("couldn't log in: %w", err)
	}
	var reply struct {
		Token string `json:"access_token"`
	}
	if json.Unmarshal(text, &reply) != nil || !isToken(reply.Token) {
		return "", fmt.Errorf("couldn't log in: %w", errReply)
	}
	p.token = reply.Token
	return p.token, nil
}

// forget drops a token that the pool no longer takes.
func (p *Pool) forget(token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.token == token {
		p.token = ""
	}
}

// isToken says whether a text can be sent in a header.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return s != ""
}

// cheats are the words that no answer may contain, for the reference's rules.
type cheats struct {
	mu    sync.Mutex
	at    time.Time
	words []string
}

// The words are read again after cheatAge, and at most maxCheats of them are kept.
const (
	cheatAge  = 100 * time.Second
	maxCheats = 10_000
)

// CheatWords returns the pool's list of words that no answer may contain. Where it can't be read the last one stays; the reference goes on with none.
// Section 7.1.
func (p *Pool) CheatWords(ctx context.Context) []string {
	p.cheats.mu.Lock()
	defer p.cheats.mu.Unlock()
	if time.Since(p.cheats.at) < cheatAge {
		return p.cheats.words
	}
	p.cheats.at = time.Now()
	text, err := p.get(ctx, "/cheats", maxPoolCheats)
	var list []struct {
		Content string `json:"content"`
	}
	if err != nil || json.Unmarshal(text, &list) != nil || len(list) > maxCheats {
		return p.cheats.words
	}
	words := make([]string, 0, len(list))
	for _, w := range list {
		if w.Content != "" { // which every answer contains
			words = append(words, w.Content)
		}
	}
	p.cheats.words = words
	return words
}
