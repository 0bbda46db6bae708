package beacon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

// HTTPConfig describes how to ask drand relays.
type HTTPConfig struct {
	// Info pins the chain. Answers that its key did not sign are refused, whoever gives them.
	Info ChainInfo
	// Relays are base URLs in the order in which they are asked.
	Relays []string
	// Timeout bounds one relay's answer, 10 s when zero.
	Timeout time.Duration
	// Hedge is how long a relay may be silent before the next one is asked as well, 2 s when zero. The first valid answer wins.
	Hedge time.Duration
	// Passes is how often the whole list is tried before giving up, 2 when zero, with a jittered pause of about Pause between.
	Passes int
	// Pause is the first pause between passes, doubling, 1 s when zero.
	Pause time.Duration
	// MaxAge is how old a latest round may be by the clock Now, 30 s or 4 periods (whichever is more) when zero. It also bounds how far
	// a round may lie in the future, so that a wrong clock is reported and not believed.
	MaxAge time.Duration
	// CacheSize is how many rounds are kept, 256 when zero.
	CacheSize int
	// Client makes the requests, a client of its own without redirects to other hosts when nil.
	Client *http.Client
	// Now is the clock, time.Now when nil.
	Now func() time.Time
}

// HTTP is a beacon that asks drand relays and verifies every answer. It is safe for concurrent use.
type HTTP struct {
	cfg    HTTPConfig
	verify *Verifier
	rounds *cache
	relays []*relay
}

// relay is one base URL and whether it is known to lack version 2 of the API.
type relay struct {
	base   string
	onlyV1 atomic.Bool
}

// NewHTTP checks the configuration; it asks nobody yet.
func NewHTTP(cfg HTTPConfig) (*HTTP, error) {
	v, err := NewVerifier(cfg.Info)
	if err != nil {
		return nil, err
	}
	if len(cfg.Relays) == 0 {
		return nil, errors.New("couldn't make drand client: no relays")
	}
	h := &HTTP{verify: v}
	for _, base := range cfg.Relays {
		base = cleanRelay(base)
		u, err := url.Parse(base)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, fmt.Errorf("couldn't use drand relay %q: not an http or https URL", base)
		}
		h.relays = append(h.relays, &relay{base: base})
	}
	setDefault(&cfg.Timeout, 10*time.Second)
	setDefault(&cfg.Hedge, 2*time.Second)
	setDefault(&cfg.Passes, 2)
	setDefault(&cfg.Pause, time.Second)
	setDefault(&cfg.MaxAge, max(30*time.Second, 4*cfg.Info.Period))
	setDefault(&cfg.CacheSize, 256)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > 3 || req.URL.Host != via[0].URL.Host {
				return fmt.Errorf("redirect to %s refused", req.URL.Host)
			}
			return nil
		}}
	}
	h.cfg, h.rounds = cfg, newCache(cfg.CacheSize)
	return h, nil
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Info describes the pinned chain.
func (h *HTTP) Info() ChainInfo { return h.cfg.Info }

// Latest asks for the newest round. When the round that is due by the clock is known already, nobody is asked.
func (h *HTTP) Latest(ctx context.Context) (Round, error) {
	if due := RoundAt(h.cfg.Info, h.cfg.Now()); due > 0 {
		if r, ok := h.rounds.get(uint64(due)); ok {
			return r, nil
		}
	}
	return h.ask(ctx, 0)
}

// Round asks for round n.
func (h *HTTP) Round(ctx context.Context, n uint64) (Round, error) {
	if r, ok := h.rounds.get(n); ok {
		return r, nil
	}
	if due := TimeOf(h.cfg.Info, n); n == 0 || due.After(h.cfg.Now()) {
		return Round{}, fmt.Errorf("%w: round %d is due at %s", ErrNotDue, n, due.Format(time.RFC3339))
	}
	return h.ask(ctx, n)
}

// ask tries the relays, in passes, for round n (0: the latest).
func (h *HTTP) ask(ctx context.Context, n uint64) (Round, error) {
	failed := &RelayError{Round: n}
	pause := h.cfg.Pause
	for pass := range h.cfg.Passes {
		if pass > 0 {
			jittered := time.Duration(float64(pause) * (0.75 + 0.5*rand.Float64()))
			select {
			case <-time.After(jittered):
			case <-ctx.Done():
				return Round{}, failed.because(ctx.Err())
			}
			pause *= 2
		}
		r, attempts, err := h.pass(ctx, n)
		if err == nil {
			h.rounds.put(r)
			return r, nil
		}
		failed.Attempts = append(failed.Attempts, attempts...)
		if ctx.Err() != nil {
			return Round{}, failed.because(ctx.Err())
		}
	}
	return Round{}, failed
}

// pass asks the relays in order, the next one when one fails or is silent for too long, and takes the first valid answer.
func (h *HTTP) pass(ctx context.Context, n uint64) (Round, []Attempt, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		round   Round
		attempt Attempt
	}
	answers := make(chan answer, len(h.relays)) // each relay answers once: nobody blocks on it
	started, open := 0, 0
	start := func() {
		r := h.relays[started]
		started++
		open++
		go func() {
			begin := time.Now()
			round, url, err := h.askRelay(ctx, r, n)
			answers <- answer{round, Attempt{Relay: r.base, URL: url, Took: time.Since(begin), Err: err}}
		}()
	}
	hedge := time.NewTimer(h.cfg.Hedge)
	defer hedge.Stop()
	start()
	var attempts []Attempt
	for open > 0 {
		select {
		case a := <-answers:
			open--
			if a.attempt.Err == nil {
				return a.round, attempts, nil
			}
			attempts = append(attempts, a.attempt)
		case <-hedge.C:
		}
		if started < len(h.relays) && ctx.Err() == nil {
			start()
			hedge.Reset(h.cfg.Hedge)
		}
	}
	return Round{}, attempts, ErrUnavailable
}

// askRelay asks one relay, version 2 first and version 1 where the relay does not know the path, and checks the answer.
func (h *HTTP) askRelay(ctx context.Context, r *relay, n uint64) (Round, string, error) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Timeout)
	defer cancel()
	name := "latest"
	if n > 0 {
		name = strconv.FormatUint(n, 10)
	}
	v1 := r.base + "/" + h.cfg.Info.Hash + "/public/" + name
	v2 := r.base + "/v2/chains/" + h.cfg.Info.Hash + "/rounds/" + name
	if r.onlyV1.Load() {
		round, err := h.get(ctx, v1, n)
		return round, v1, err
	}
	round, err := h.get(ctx, v2, n)
	if !errors.Is(err, errNotFound) {
		return round, v2, err
	}
	round, err = h.get(ctx, v1, n)
	if err == nil {
		r.onlyV1.Store(true)
	}
	return round, v1, err
}

var errNotFound = errors.New("not found")

// get fetches one URL and returns the round in it if it is valid, the one asked for, and fresh where the latest was asked for.
func (h *HTTP) get(ctx context.Context, url string, n uint64) (Round, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return Round{}, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := h.cfg.Client.Do(req)
	if err != nil {
		return Round{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return Round{}, fmt.Errorf("status 404: %w", errNotFound)
	}
	if resp.StatusCode != http.StatusOK {
		return Round{}, fmt.Errorf("status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return Round{}, fmt.Errorf("couldn't read answer: %w", err)
	}
	r, err := parseRound(body)
	if err != nil {
		return Round{}, err
	}
	if n > 0 && r.Number != n {
		return Round{}, fmt.Errorf("%w: answer is round %d", ErrInvalid, r.Number)
	}
	if n == 0 {
		age := h.cfg.Now().Sub(TimeOf(h.cfg.Info, r.Number))
		if age > h.cfg.MaxAge || age < -h.cfg.MaxAge {
			return Round{}, fmt.Errorf("latest round %d is %s old by this machine's clock, over %s: stale relay or wrong clock",
				r.Number, age.Round(time.Second), h.cfg.MaxAge)
		}
	}
	return r, h.verify.Verify(r)
}
