package axon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/nonce"
	"github.com/nanteos/nanteos/bittensor/axon/synapse"
)

// ErrConfig is the sentinel of a configuration or a route that cannot be served.
var ErrConfig = errors.New("axon is not configured right")

// Config says how a server behaves. Only Hotkey is required; a zero field stands for its default.
type Config struct {
	// Hotkey is the axon's own key: requests must be signed for its address, and error replies are signed with it.
	Hotkey synapse.Signer
	// Nonces remembers accepted requests. By default it is in memory, so that requests can be replayed after a restart for as long as they are
	// fresh: give one with a file in production. The server does not close it.
	Nonces *nonce.Store
	// Members says which hotkeys are known, usually those registered in the subnet; others get 403 before their signature is looked at, except
	// on open routes. It is asked for every request, signed or not: it must be quick and count nothing. By default all are known.
	Members func(hotkey [32]byte) bool
	// Rules are Hardened by default.
	Rules *Rules
	// NoBTAuth refuses btauth/1.
	NoBTAuth bool
	// Version is the SDK version that error replies name; default synapse.Version1020.
	Version int64

	MaxHeaderBytes int           // of a request; default 32 KiB
	MaxBodyBytes   int64         // of a request, unless its route says otherwise; default 64 KiB
	HeaderTimeout  time.Duration // to send the headers; default 5 s
	BodyTimeout    time.Duration // to send the body; default 10 s
	WriteTimeout   time.Duration // to take the answer, or one piece of a stream; default 10 s
	IdleTimeout    time.Duration // of a connection between requests; default 60 s
	MaxTimeout     time.Duration // for which a handler runs, whatever the caller asks for; default 10 min
	MinTimeout     time.Duration // which a handler gets, whatever the caller asks for; default 1 s

	MaxConnections           int // in all; default 4096
	MaxConnectionsPerAddress int // default 256
	Workers                  int // handlers that run at a time; default 16
	Queue                    int // requests that wait for a worker; default 256
	PerCaller                int // requests of one hotkey in flight; default 64

	// Observe is told of every request when it ends, in the goroutine that serves it. It must not block.
	Observe func(Event)
}

func (c Config) withDefaults() (Config, error) {
	if c.Hotkey == nil {
		return c, fmt.Errorf("%w: Hotkey is missing", ErrConfig)
	}
	if c.Nonces == nil {
		c.Nonces = nonce.Memory(nonce.Options{})
	}
	if c.Rules == nil {
		rules := Hardened()
		c.Rules = &rules
	}
	if c.Version == 0 {
		c.Version = synapse.Version1020
	}
	for _, d := range []struct {
		value   *time.Duration
		initial time.Duration
	}{
		{&c.HeaderTimeout, 5 * time.Second}, {&c.BodyTimeout, 10 * time.Second}, {&c.WriteTimeout, 10 * time.Second},
		{&c.IdleTimeout, time.Minute}, {&c.MaxTimeout, 10 * time.Minute}, {&c.MinTimeout, time.Second},
	} {
		if *d.value < 0 {
			return c, fmt.Errorf("%w: a timeout is negative", ErrConfig)
		} else if *d.value == 0 {
			*d.value = d.initial
		}
	}
	if c.MaxBodyBytes == 0 {
		c.MaxBodyBytes = 64 << 10
	}
	for _, n := range []struct {
		value   *int
		initial int
	}{
		{&c.MaxHeaderBytes, 32 << 10}, {&c.MaxConnections, 4096}, {&c.MaxConnectionsPerAddress, 256},
		{&c.Workers, 16}, {&c.Queue, 256}, {&c.PerCaller, 64},
	} {
		if *n.value < 0 {
			return c, fmt.Errorf("%w: a limit is negative", ErrConfig)
		} else if *n.value == 0 {
			*n.value = n.initial
		}
	}
	return c, nil
}

// Protocol names which form a request was signed in.
type Protocol string

// The protocols.
const (
	Synapse Protocol = "synapse"  // SDK 8 to 10
	BTAuth  Protocol = "btauth/1" // SDK 11
)

// Call is a verified request, as hooks and handlers see it.
type Call struct {
	Route    string
	Protocol Protocol
	Hotkey   [32]byte       // verified
	Address  string         // the hotkey's ss58 text
	Remote   netip.AddrPort // the TCP peer; of a proxy, if there is one in front
	Received time.Time
	Timeout  time.Duration // after Received the handler's context ends then
	// Nonce is verified: the time in nanoseconds at which the caller signed.
	Nonce int64
	// Header is what the headers said; of the Dendrite terminal hotkey, nonce and uuid are verified, nothing else is. With btauth/1 it is that
	// of the body, which is signed.
	Header synapse.Envelope
}

// Route is how a server answers one class of synapse. T is a struct tagged as package synapse says. Either Forward or Stream is required.
type Route[T any] struct {
	// Forward fills the synapse. When it returns an error the caller gets the status and message of a *StatusError, and otherwise 500 with
	// a number. It must end when its context does: the caller is answered then, but the worker stays taken.
	Forward func(ctx context.Context, call *Call, s *T) error
	// Stream answers in pieces (server-sent events by default). The status is 200 from the first piece on; an error after it breaks the
	// connection.
	Stream func(ctx context.Context, call *Call, s *T, w *Stream) error
	// Blacklist refuses a verified request with a reason, which the caller is told. A panic refuses as well.
	Blacklist func(call *Call) (refuse bool, reason string)
	// Verify refuses a request that was verified, with a text for the caller.
	Verify func(call *Call) error
	// Priority orders requests that wait for a worker, usually the caller's stake; higher is sooner.
	Priority func(call *Call) float64
	// Open serves callers that Config.Members does not know.
	Open bool
	// MaxBodyBytes and MaxTimeout replace those of Config.
	MaxBodyBytes int64
	MaxTimeout   time.Duration
}

// StatusError is an error of a handler that the caller is told.
type StatusError struct {
	Status  int // 400 to 599
	Message string
}

func (e *StatusError) Error() string { return fmt.Sprintf("status %d: %s", e.Status, e.Message) }

// Event is what became of a request.
type Event struct {
	Route    string // "" when no route was found
	Protocol Protocol
	Address  string // the hotkey that the caller claims; verified where Verified says so
	Verified bool
	Remote   string
	Status   int
	Message  string // what the caller was told
	Err      error  // what the caller was not told
	Duration time.Duration
}
