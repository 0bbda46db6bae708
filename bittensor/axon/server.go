package axon

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/nanteos/nanteos/bittensor/axon/synapse"
	"github.com/nanteos/nanteos/bittensor/ss58"
)

// Server answers synapses. Make it with New, give it routes with Handle, then serve with Serve, ListenAndServe or, behind an HTTP server of
// your own, as an http.Handler (connection limits are then yours). It is safe for use by several goroutines.
type Server struct {
	config Config
	me     string // the hotkey's address
	uuid   string
	queue  *queue
	slots  chan struct{} // requests in flight whose signature verified
	early  chan struct{} // btauth requests whose body is read before their signature can be verified
	signs  *rate.Limiter // error replies that are signed

	listening atomic.Pointer[limitedListener]

	mu       sync.RWMutex
	routes   map[string]*route
	inFlight map[[32]byte]int
}

// route is a Route without its type.
type route struct {
	class      *synapse.Type
	open       bool
	maxBody    int64
	maxTimeout time.Duration
	blacklist  func(*Call) (bool, string)
	verify     func(*Call) error
	priority   func(*Call) float64
	forward    func(context.Context, *Call, any) error
	stream     func(context.Context, *Call, any, *Stream) error
}

// ping is the class of the built-in route, and of replies to requests of no class.
type ping struct{}

func (ping) SynapseName() string { return "Synapse" }

var pingClass = synapse.MustTypeOf[ping]()

// New makes a server with the built-in route /Synapse, which answers members with what they sent. Errors wrap ErrConfig.
func New(config Config) (*Server, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("couldn't make axon: %w", err)
	}
	s := &Server{
		config: config, me: ss58.EncodeBittensor(config.Hotkey.Public()), uuid: newUUID(),
		queue:    newQueue(config.Workers, config.Queue),
		slots:    make(chan struct{}, config.Workers+config.Queue),
		early:    make(chan struct{}, config.Workers),
		signs:    rate.NewLimiter(100, 200),
		routes:   make(map[string]*route),
		inFlight: make(map[[32]byte]int),
	}
	return s, Handle(s, Route[ping]{Forward: func(context.Context, *Call, *ping) error { return nil }})
}

// Address returns the address of the server's hotkey.
func (s *Server) Address() string { return s.me }

// Handle gives a server a route. A second route of one class replaces the first. Errors wrap ErrConfig or synapse.ErrDefinition.
func Handle[T any](s *Server, r Route[T]) error {
	class, err := synapse.TypeOf[T]()
	if err != nil {
		return fmt.Errorf("couldn't add route: %w", err)
	}
	if (r.Forward == nil) == (r.Stream == nil) {
		return fmt.Errorf("couldn't add route %s: %w: give it either Forward or Stream", class.Name(), ErrConfig)
	}
	added := &route{class: class, open: r.Open, maxBody: r.MaxBodyBytes, maxTimeout: r.MaxTimeout,
		blacklist: r.Blacklist, verify: r.Verify, priority: r.Priority}
	if added.maxBody <= 0 {
		added.maxBody = s.config.MaxBodyBytes
	}
	if added.maxTimeout <= 0 {
		added.maxTimeout = s.config.MaxTimeout
	}
	if r.Forward != nil {
		added.forward = func(ctx context.Context, call *Call, v any) error { return r.Forward(ctx, call, v.(*T)) }
	} else {
		added.stream = func(ctx context.Context, call *Call, v any, w *Stream) error { return r.Stream(ctx, call, v.(*T), w) }
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.routes[class.Name()] = added
	return nil
}

func (s *Server) route(name string) *route {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.routes[name]
}

// ListenAndServe listens on a TCP address, such as ":8091", and serves until the context ends.
func (s *Server) ListenAndServe(ctx context.Context, address string) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("couldn't listen: %w", err)
	}
	return s.Serve(ctx, listener)
}

// Serve serves until the context ends, closes the listener, and gives requests in flight 5 seconds to end. It returns nil after the context
// ended.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: s.config.HeaderTimeout,
		IdleTimeout:       s.config.IdleTimeout,
		MaxHeaderBytes:    s.config.MaxHeaderBytes,
		ErrorLog:          log.New(io.Discard, "", 0), // what goes wrong in a connection is its client's concern
		Protocols:         &protocols,
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	limited := &limitedListener{Listener: listener, total: s.config.MaxConnections, each: s.config.MaxConnectionsPerAddress, open: make(map[string]int)}
	s.listening.Store(limited)
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(limited) }()
	select {
	case err := <-stopped:
		return fmt.Errorf("couldn't serve: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if server.Shutdown(grace) != nil {
		_ = server.Close()
	}
	<-stopped
	return nil
}

// limitedListener closes connections above the limits at once.
type limitedListener struct {
	net.Listener
	total, each int

	mu   sync.Mutex
	all  int
	open map[string]int
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		host, _, err := net.SplitHostPort(c.RemoteAddr().String())
		if err != nil {
			host = c.RemoteAddr().String()
		}
		if l.enter(host) {
			return &countedConn{Conn: c, leave: sync.OnceFunc(func() { l.leave(host) })}, nil
		}
		_ = c.Close()
	}
}

func (l *limitedListener) enter(host string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= l.total || l.open[host] >= l.each {
		return false
	}
	l.all++
	l.open[host]++
	return true
}

func (l *limitedListener) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all
}

func (l *limitedListener) leave(host string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.open[host]--; l.open[host] <= 0 {
		delete(l.open, host)
	}
}

type countedConn struct {
	net.Conn
	leave func()
}

func (c *countedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}

// Connections returns how many connections the last call of Serve holds open.
func (s *Server) Connections() int {
	if l := s.listening.Load(); l != nil {
		return l.count()
	}
	return 0
}

// enter counts a request of a verified caller; leave must be called when it ends.
func (s *Server) enter(hotkey [32]byte) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inFlight[hotkey] >= s.config.PerCaller {
		return nil, &refusal{status: http.StatusTooManyRequests, message: "Too many requests of this hotkey are in flight"}
	}
	select {
	case s.slots <- struct{}{}:
	default:
		return nil, &refusal{status: http.StatusServiceUnavailable, message: "Too many requests"}
	}
	s.inFlight[hotkey]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		<-s.slots
		if s.inFlight[hotkey]--; s.inFlight[hotkey] <= 0 {
			delete(s.inFlight, hotkey)
		}
	}, nil
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// copyValue returns a pointer to a shallow copy of what v points to.
func copyValue(v any) any {
	from := reflect.ValueOf(v).Elem()
	to := reflect.New(from.Type())
	to.Elem().Set(from)
	return to.Interface()
}

// errPanic is a handler or hook that panicked.
var errPanic = errors.New("panic")
