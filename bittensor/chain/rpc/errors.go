package rpc

import (
	"errors"
	"fmt"
	"net/url"
	"time"
)

var (
	// ErrClosed: the client was closed by its owner. Nothing more to try.
	ErrClosed = errors.New("client is closed")
	// ErrBusy: too many calls are in flight or wait for the socket. Try later or elsewhere; nothing was sent.
	ErrBusy = errors.New("too many calls in flight")
	// ErrNoConnection: the call waited for a socket until its deadline. Nothing was sent.
	ErrNoConnection = errors.New("no connection")
	// ErrDropped: the socket failed while the call was in flight. Whether the node acted on it is unknown.
	ErrDropped = errors.New("connection dropped")
	// ErrRefused: the handshake found a node that must not be used (such as one of another chain). Nothing was sent.
	ErrRefused = errors.New("endpoint refused")
	// ErrTooLarge: the node sent a frame over the limit. The socket is given up with it.
	ErrTooLarge = errors.New("frame too large")
	// ErrMalformed: the answer isn't JSON-RPC.
	ErrMalformed = errors.New("malformed answer")
	// ErrStalled: the socket is open but answers nothing. It is given up and dialled again.
	ErrStalled = errors.New("endpoint stalled")
	// ErrNoAnswer: the deadline came before the answer. Whether the node acted on the call is unknown.
	ErrNoAnswer = errors.New("no answer in time")
)

// EndpointError says which endpoint did what: every error that a Client returns is one.
type EndpointError struct {
	Endpoint string        // the URL without credentials, path and query
	Method   string        // such as "state_getStorage"; "dial" or "handshake" while connecting
	After    time.Duration // how long the call took
	Err      error
}

func (e *EndpointError) Error() string {
	return fmt.Sprintf("%s: %s after %s: %v", e.Endpoint, e.Method, e.After.Round(time.Millisecond), e.Err)
}

func (e *EndpointError) Unwrap() error { return e.Err }

// Refusal makes err one that ErrRefused matches. A handshake returns it for a node that must not be used: the client then fails calls at
// once instead of letting them wait, and looks again only rarely.
func Refusal(err error) error { return &refusal{err} }

type refusal struct{ err error }

func (r *refusal) Error() string   { return fmt.Sprintf("%v: %v", ErrRefused, r.err) }
func (r *refusal) Unwrap() []error { return []error{ErrRefused, r.err} }

// Redact returns a URL as errors and logs may show it: scheme and host. Keys of paid endpoints lie in the rest.
func Redact(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "(invalid endpoint)"
	}
	return u.Scheme + "://" + u.Host
}
