package proxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

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

// answer serves /v1/answer.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	key, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !s.admit(w, key) {
		return
	}
	body := struct {
		Question string   `json:"question"`
		Miners   *int     `json:"miners"`
		Timeout  *float64 `json:"timeout"`
	}{}
	if !s.read(w, r, &body, true) {
		return
	}
	q := Question{Text: body.Question, Miners: 3, Timeout: s.cfg.Timeout}
	if body.Miners != nil {
		if q.Miners = *body.Miners; q.Miners < 1 || q.Miners > maxMiners {
			fail(w, http.StatusBadRequest, "invalid", "miners has to be from 1 to "+strconv.Itoa(maxMiners))
			return
		}
	}
	if body.Timeout != nil {
		most := s.cfg.Timeout.Seconds()
		if !(*body.Timeout >= 1 && *body.Timeout <= most) {
			fail(w, http.StatusBadRequest, "invalid", fmt.Sprintf("timeout has to be from 1 to %g seconds", most))
			return
		}
		q.Timeout = time.Duration(*body.Timeout * float64(time.Second))
	}
	if a, ok := s.forward(w, r, q); ok {
		write(w, http.StatusOK, a)
	}
}

// reference serves /validator_proxy in the form of the reference, with a key where that has a public key.
func (s *Server) reference(w http.ResponseWriter, r *http.Request) {
	body := struct {
		Authorization string `json:"authorization"`
		Request       struct {
			logicnet.LogicRequest
			Timeout json.Number `json:"timeout"` // its clients write 64 and 64.0
		} `json:"synapse_request"`
	}{}
	if !s.read(w, r, &body, false) || !s.admit(w, body.Authorization) {
		return
	}
	q := Question{Text: body.Request.Question, Miners: 1, Timeout: s.cfg.Timeout}
	if body.Request.Category != "" && body.Request.Category != logicnet.Category {
		fail(w, http.StatusBadRequest, "invalid", "category has to be "+logicnet.Category)
		return
	}
	if t, err := body.Request.Timeout.Float64(); err == nil && t >= 1 && t < s.cfg.Timeout.Seconds() {
		q.Timeout = time.Duration(t * float64(time.Second))
	}
	if a, ok := s.forward(w, r, q); ok {
		write(w, http.StatusOK, map[string]string{"logic_answer": a.Answer, "logic_reasoning": a.Reasoning})
	}
}

// admit finds the user of a key and counts the question against its rate.
func (s *Server) admit(w http.ResponseWriter, key string) bool {
	sum := sha256.Sum256([]byte(key))
	var found *user
	for i := range s.users { // all of them, so that time tells nothing
		if subtle.ConstantTimeCompare(sum[:], s.users[i].sum[:]) == 1 {
			found = &s.users[i]
		}
	}
	if found == nil {
		w.Header().Set("WWW-Authenticate", "Bearer")
		fail(w, http.StatusUnauthorized, "unauthorized", "send a key that this validator gave out, as Authorization: Bearer KEY")
		return false
	}
	if wait := found.rate.take(time.Now()); wait > 0 {
		later(w, wait)
		fail(w, http.StatusTooManyRequests, "rate_limited", "this key asks too often")
		return false
	}
	return true
}

// read reads a body. Unknown fields are refused where strict says so.
func (s *Server) read(w http.ResponseWriter, r *http.Request, to any, strict bool) bool {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.cfg.MaxBody))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			fail(w, http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("a body has at most %d bytes", s.cfg.MaxBody))
		} else {
			fail(w, http.StatusBadRequest, "invalid", "the body didn't arrive")
		}
		return false
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if strict {
		d.DisallowUnknownFields()
	}
	err = d.Decode(to)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the object")
		}
	}
	if err != nil || !utf8.Valid(text) {
		fail(w, http.StatusBadRequest, "invalid", "the body is no JSON object of the form that /openapi.json describes")
		return false
	}
	return true
}

// forward puts a question to miners.
func (s *Server) forward(w http.ResponseWriter, r *http.Request, q Question) (Answer, bool) {
	switch n := utf8.RuneCountInString(q.Text); {
	case strings.TrimSpace(q.Text) == "":
		fail(w, http.StatusBadRequest, "invalid", "there is no question")
		return Answer{}, false
	case n > s.cfg.MaxQuestion:
		fail(w, http.StatusBadRequest, "invalid", fmt.Sprintf("a question has at most %d characters", s.cfg.MaxQuestion))
		return Answer{}, false
	}
	select {
	case s.open <- struct{}{}:
		defer func() { <-s.open }()
	default:
		later(w, 5*time.Second)
		fail(w, http.StatusServiceUnavailable, "busy", "too many questions are in progress")
		return Answer{}, false
	}
	ctx, cancel := context.WithTimeout(r.Context(), q.Timeout+s.cfg.Timeout)
	defer cancel()
	a, err := s.ask(ctx, q)
	switch {
	case err == nil:
		return a, true
	case errors.Is(err, ErrNobody):
		later(w, 30*time.Second)
		fail(w, http.StatusServiceUnavailable, "no_miners", "no miner can be asked now")
	case errors.Is(err, ErrNoAnswer), errors.Is(err, context.DeadlineExceeded):
		fail(w, http.StatusBadGateway, "no_answer", "no miner gave an answer that can be used")
	default:
		fail(w, http.StatusInternalServerError, "internal", "something went wrong here")
	}
	return Answer{}, false
}

func later(w http.ResponseWriter, d time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(d.Seconds()))))
}

func fail(w http.ResponseWriter, status int, code, message string) {
	write(w, status, map[string]any{"error": map[string]string{"code": code, "message": message}})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(body)
}
