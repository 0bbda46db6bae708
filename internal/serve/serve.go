// Package serve lets any number of clients use one model over HTTP, in the languages that
// they speak already:
//
//	GET  /v1/models, /v1/models/{id}   OpenAI
//	POST /v1/chat/completions          OpenAI, with vLLM's further fields
//	POST /v1/completions               OpenAI, with vLLM's further fields
//	POST /v1/embeddings                OpenAI, where the model makes embeddings
//	POST /generate                     SGLang
//	GET  /health, /metrics
//
// So a miner of the Python implementation can take its tokens from here (environments
// specification, section 16), and a program written for OpenAI's service runs against it.
//
// # The way of a request
//
// A handler reads the request within fixed bounds (read.go and the file of its form), turns
// text into tokens and submits a job, one sequence for each choice, to the scheduler. The
// scheduler is one goroutine that owns a model.Batch: sequences join and leave it between
// any two tokens, and each gets the tokens that it would get alone, to the bit. What a step made is
// put into the job's mailbox as text and ids; the handler takes it from there and writes
// it, so a slow client delays nobody.
//
// # What is bounded
//
// Memory for keys and values (model.Batch), sequences that run and wait (beyond them the
// answer is 503 with Retry-After), bodies, prompts, time in the queue and in all, and the time that a
// client may take to read. A field that would change the result and isn't understood is an error
// that names it; it is never ignored. When a client goes away, its sequences
// leave before the next token.
//
// # Who may use it
//
// With a key, whoever sends it as bearer token; only /health is open. Without one, the server is meant for
// the loopback interface (CheckListen refuses others), and requests that a browser makes on
// behalf of a foreign page are refused: by their Host, their origin and their content type.
package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/chat"
	"github.com/nanteos/nanteos/model/tokenizer"
)

// Embedder makes embeddings: one vector for each text. With a method Tokens(text string) []int32 it tells how many tokens it read.
type Embedder interface {
	Embed(ctx context.Context, texts []string) ([][]float32, error)
}

// Config is what a server is made of. Zero values of the limits mean the defaults.
type Config struct {
	Name      string               // of the model, as clients ask for it
	Model     *model.Model         // nil: no completions
	Tokenizer *tokenizer.Tokenizer // of the model
	Embedder  Embedder             // nil: no embeddings

	Key string // that clients must send; empty: none

	Sequences    int           // decoded together; default 16
	CacheBytes   int64         // memory for keys and values; default 1 GiB
	Queue        int           // sequences that wait; default 64
	Body         int64         // bytes of a request; default 4 MiB
	QueueTimeout time.Duration // until the first token, after which the answer is 503; default 1 minute
	Timeout      time.Duration // of a whole request; default 10 minutes
	Read         time.Duration // that a client may take to send its body; default 30 seconds
	Write        time.Duration // that a client may take to read a piece; default 30 seconds
	Grace        time.Duration // for requests in progress when the server ends; default 3 seconds

	Log *slog.Logger // what goes wrong beside the answers; nil: nothing
}

func (c Config) withDefaults() Config {
	if c.Sequences == 0 {
		c.Sequences = 16
	}
	if c.Queue == 0 {
		c.Queue = 64
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = 1 << 30
	}
	if c.Body == 0 {
		c.Body = 4 << 20
	}
	for _, d := range []struct {
		d    *time.Duration
		when time.Duration
	}{{&c.QueueTimeout, time.Minute}, {&c.Timeout, 10 * time.Minute}, {&c.Read, 30 * time.Second}, {&c.Write, 30 * time.Second}, {&c.Grace, 3 * time.Second}} {
		if *d.d == 0 {
			*d.d = d.when
		}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Server serves one model. Run or Close ends it.
type Server struct {
	cfg       Config
	batch     *model.Batch // its Check and Context only: the scheduler owns the rest
	scheduler *scheduler
	template  *chat.Template
	stop      []int32 // tokens that end a completion
	handler   http.Handler
	metrics   *metrics
	open      atomic.Int64 // requests being served
	embedding chan struct{}
	created   time.Time
	cancel    context.CancelFunc
	ended     chan struct{} // closed when the scheduler has ended
}

// New makes a server, ready to answer through Handler.
func New(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if cfg.Queue < 0 || cfg.Body < 1 || cfg.Name == "" {
		return nil, fmt.Errorf("couldn't make a server: name %q, queue %d, body %d bytes; want a name and positive limits", cfg.Name, cfg.Queue, cfg.Body)
	}
	s := &Server{cfg: cfg, created: time.Now(), embedding: make(chan struct{}, 1), ended: make(chan struct{}), cancel: func() {}}
	if cfg.Model == nil {
		close(s.ended)
	} else if err := s.prepare(); err != nil {
		return nil, fmt.Errorf("couldn't make a server: %w", err)
	}
	if s.metrics == nil {
		s.metrics = newMetrics(s)
	}
	s.handler = s.routes()
	return s, nil
}

// prepare starts the part that makes completions.
func (s *Server) prepare() error {
	var err error
	if source := s.cfg.Tokenizer.ChatTemplate(); source != "" {
		if s.template, err = chat.Parse(source); err != nil {
			return fmt.Errorf("couldn't load the chat template: %w", err)
		}
	}
	for _, t := range s.cfg.Model.Config().EOS {
		s.stop = append(s.stop, int32(t))
	}
	if t, ok := s.cfg.Tokenizer.EOS(); ok {
		s.stop = append(s.stop, t)
	}
	if s.batch, err = s.cfg.Model.NewBatch(model.BatchOptions{Sequences: s.cfg.Sequences, CacheBytes: s.cfg.CacheBytes}); err != nil {
		return err
	}
	s.scheduler = newScheduler(s.batch, s.cfg.Sequences, s.cfg.Queue)
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.metrics = newMetrics(s)
	s.scheduler.stepped = func(d time.Duration) { s.metrics.steps.Observe(d.Seconds()) }
	s.scheduler.broken = func(trace string) { s.cfg.Log.Error("the model failed", "trace", trace) }
	go func() {
		defer close(s.ended)
		s.scheduler.run(ctx)
		s.batch.Close()
	}()
	return nil
}

// Context is the most tokens of a prompt with its completion; 0 without a model.
func (s *Server) Context() int {
	if s.batch == nil {
		return 0
	}
	return s.batch.Context()
}

// Handler answers requests.
func (s *Server) Handler() http.Handler { return s.handler }

// Close ends all requests with an error and waits for the step in progress.
// The model is free to be closed afterwards.
func (s *Server) Close() {
	s.drain()
	if s.scheduler != nil {
		s.scheduler.fail(errEnding)
	}
	s.cancel()
	<-s.ended
}

// drain refuses new requests from now on.
func (s *Server) drain() {
	if s.scheduler != nil {
		s.scheduler.drain()
	}
}

// Run serves on a listener until ctx ends; then it lets requests in progress
// finish for the time of grace, ends the rest, and returns nil within two seconds more. The server is
// closed afterwards.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	defer s.Close()
	h := &http.Server{ // bodies and answers have deadlines of their own
		Handler: s.handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("couldn't serve: %w", err)
	case <-ctx.Done():
	}
	s.drain()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Grace)
	defer cancel()
	if err := h.Shutdown(grace); err == nil {
		return nil
	}
	if s.scheduler != nil {
		s.scheduler.fail(errEnding)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if h.Shutdown(last) != nil {
		_ = h.Close() // whoever is left doesn't read
	}
	return nil
}

// ErrOpen says that a server without a key would listen to more than this machine.
var ErrOpen = errors.New("a server without a key listens to this machine only")

// CheckListen says whether a server may listen on an address: without a key only
// on the loopback interface. It wraps ErrOpen.
func CheckListen(address, key string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("couldn't listen on %q: %w", address, err)
	}
	if key == "" && !isLoopback(host) {
		return fmt.Errorf("couldn't listen on %s: %w", address, ErrOpen)
	}
	return nil
}

// isLoopback says whether a host can only be this machine.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
