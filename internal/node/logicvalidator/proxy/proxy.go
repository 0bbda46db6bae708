package proxy

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/nanteos/nanteos/logicnet"
)

// Errors among which whoever answers questions decides what users are told.
var (
	// ErrConfig says that a proxy cannot be made of this configuration.
	ErrConfig = errors.New("proxy is not configured right")
	// ErrNobody says that there is no miner to ask now.
	ErrNobody = errors.New("no miner can be asked now")
	// ErrNoAnswer says that miners were asked and none gave an answer that can be used.
	ErrNoAnswer = errors.New("no miner gave an answer")
)

// Question is what a user asks.
type Question struct {
	Text string
	// Miners is how many are asked side by side.
	Miners int
	// Timeout is how long each of them has.
	Timeout time.Duration
}

// Answer is the best of what miners said.
type Answer struct {
	Answer    string  `json:"answer"`
	Reasoning string  `json:"reasoning"`
	Miner     int     `json:"miner"`   // its uid
	Hotkey    string  `json:"hotkey"`  // its ss58 address
	Seconds   float64 `json:"seconds"` // that it took
	// Agreed is how many of those that answered gave the same answer, this one included; Asked is how many were asked.
	Agreed int `json:"agreed"`
	Asked  int `json:"asked"`
}

// Config says to whom a proxy is open and how much it takes. Only Keys are required.
type Config struct {
	// Keys are the keys of users by a name for logs.
	Keys map[string]Key
	// Rate is how many questions a key may ask in a minute, 30 when zero; Burst how many at once, 10 when zero.
	Rate  float64
	Burst int
	// Open bounds the questions in progress, 64 when zero.
	Open int
	// MaxBody bounds a request, 64 KiB when zero; MaxQuestion a question in characters, 8,000 when zero.
	MaxBody     int64
	MaxQuestion int
	// Timeout is the longest time that miners are given, 64 s when zero.
	Timeout time.Duration
}

// maxMiners is the most miners that one question is put to.
const maxMiners = 8

// Server answers questions of users.
type Server struct {
	cfg   Config
	ask   func(ctx context.Context, q Question) (Answer, error)
	users []user
	open  chan struct{}
	mux   *http.ServeMux
}

//go:embed openapi.json
var description []byte

// New makes a server that has its questions answered by ask, whose errors wrap ErrNobody or ErrNoAnswer. Errors wrap ErrConfig.
func New(cfg Config, ask func(ctx context.Context, q Question) (Answer, error)) (*Server, error) {
	if cfg.Rate == 0 {
		cfg.Rate = 30
	}
	if !(cfg.Rate > 0) || math.IsInf(cfg.Rate, 1) {
		return nil, fmt.Errorf("%w: a rate of %v questions a minute", ErrConfig, cfg.Rate)
	}
	or(&cfg.Burst, 10)
	or(&cfg.Open, 64)
	or(&cfg.MaxBody, 64<<10)
	or(&cfg.MaxQuestion, 8000)
	or(&cfg.Timeout, logicnet.DefaultTimeout*time.Second)
	if len(cfg.Keys) == 0 {
		return nil, fmt.Errorf("%w: it has no keys, so nobody could use it", ErrConfig)
	}
	s := &Server{cfg: cfg, ask: ask, open: make(chan struct{}, cfg.Open), mux: http.NewServeMux()}
	for name, key := range cfg.Keys {
		if err := key.check(); err != nil {
			return nil, fmt.Errorf("%w: key %q: %w", ErrConfig, name, err)
		}
		s.users = append(s.users, user{name: name, sum: sha256.Sum256([]byte(key)), rate: newBucket(cfg.Rate/60, cfg.Burst)})
	}
	s.mux.HandleFunc("POST /v1/answer", s.answer)
	s.mux.HandleFunc("POST /validator_proxy", s.reference)
	s.mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(description)
	})
	s.mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotFound, "not_found", "there is nothing here; GET /openapi.json describes what there is")
	})
	return s, nil
}

func or[T int | int64 | time.Duration](v *T, other T) {
	if *v <= 0 {
		*v = other
	}
}

// Serve serves until ctx ends, gives requests in progress a few seconds, and closes the listener.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 15*time.Second + 2*s.cfg.Timeout, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() {
		late, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if server.Shutdown(late) != nil {
			_ = server.Close()
		}
	})
	defer stop()
	if err := server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("couldn't serve proxy: %w", err)
	}
	return nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	s.mux.ServeHTTP(w, r)
}
