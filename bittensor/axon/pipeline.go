package axon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"net/netip"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/btauth"
	"github.com/nanteos/nanteos/bittensor/axon/synapse"
)

// refusal is what a request that is not answered gets.
type refusal struct {
	status  int
	message string
	detail  bool  // as {"detail": ...} without a synapse's headers, as the SDK's web framework answers
	err     error // what the caller is not told
}

func (r *refusal) Error() string {
	if r.err != nil {
		return r.err.Error()
	}
	return r.message
}

// internal is the answer to what the SDK answers with 500: the caller gets a number under which the cause is observed.
func internal(err error) *refusal {
	return &refusal{status: http.StatusInternalServerError, message: "Internal Server Error #" + newUUID(), err: err}
}

// exchange is one request on its way.
type exchange struct {
	server *Server
	w      http.ResponseWriter
	r      *http.Request
	start  time.Time
	event  Event
	route  *route
	header synapse.Envelope // of the headers; of the body with btauth
	known  bool             // header is filled
	answer bool             // the response was started
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{server: s, w: w, r: r, start: time.Now()}
	x.event.Remote = r.RemoteAddr
	x.event.Protocol = Synapse
	defer func() {
		p := recover()
		if p != nil && p != http.ErrAbortHandler {
			x.refuse(internal(fmt.Errorf("%w: %v\n%s", errPanic, p, debug.Stack())))
		}
		x.event.Duration = time.Since(x.start)
		if s.config.Observe != nil {
			s.config.Observe(x.event)
		}
		if p == http.ErrAbortHandler {
			panic(p)
		}
	}()
	if err := x.serve(); err != nil {
		var refused *refusal
		if !errors.As(err, &refused) {
			refused = internal(err)
		}
		x.refuse(refused)
	}
}

func (x *exchange) serve() error {
	if err := x.find(); err != nil {
		return err
	}
	if btauth.Present(x.r.Header) && !x.server.config.NoBTAuth {
		x.event.Protocol = BTAuth
		return x.serveBTAuth()
	}
	return x.serveSynapse()
}

// find looks the route up.
func (x *exchange) find() error {
	if x.r.Method != http.MethodPost {
		return &refusal{status: http.StatusMethodNotAllowed, message: "Method Not Allowed", detail: true}
	}
	name, rest, more := strings.Cut(strings.TrimPrefix(x.r.URL.Path, "/"), "/")
	x.route = x.server.route(name)
	switch {
	case x.route == nil:
		return &refusal{status: http.StatusNotFound, message: "Synapse name '" + shown(name) + "' not found."}
	case more || rest != "":
		return &refusal{status: http.StatusNotFound, message: "Not Found", detail: true}
	}
	x.event.Route = name
	return nil
}

// unrecognized is the reference's answer to a hotkey that is not in the metagraph.
var unrecognized = &refusal{status: http.StatusForbidden, message: blacklisted("Unrecognized hotkey")}

func blacklisted(reason string) string { return "Forbidden. Key is blacklisted: " + reason + "." }

// member asks whether the caller that a request claims is known.
func (x *exchange) member(key [32]byte, err error) error {
	if x.route.open || x.server.config.Members == nil {
		return nil // verification says what is wrong with the key, if anything
	}
	if err != nil || !x.server.config.Members(key) {
		return unrecognized
	}
	return nil
}

// serveSynapse serves the protocol of SDK 8 to 10.
func (x *exchange) serveSynapse() error {
	s := x.server
	e, err := x.route.class.ParseHeaders(x.r.Header, x.route.class.New())
	if err != nil {
		return internal(err)
	}
	x.header, x.known = e, true
	x.event.Address = shown(e.Dendrite.Hotkey.Or(""))
	if err := x.member(callerOf(&e)); err != nil {
		return err
	}
	key, err := s.config.Rules.Verify(x.start, &e, x.route.class.IntegerTimeout(), s.me, s.config.Nonces)
	if err != nil {
		return &refusal{status: http.StatusUnauthorized, message: "Not Verified with error: " + err.Error()}
	}
	x.event.Verified = true
	leave, err := s.enter(key)
	if err != nil {
		return err
	}
	defer leave()
	text, err := x.readBody()
	if err != nil {
		return err
	}
	value := x.route.class.New()
	body, err := x.parse(text, value)
	if err != nil {
		return err
	}
	hash, err := x.route.class.BodyHash(&body, value)
	if err != nil {
		return internal(err)
	}
	if hash != e.BodyHash.Or("") {
		return internal(errors.New("the body does not have the hash that was signed"))
	}
	return x.handle(x.call(key), body, value)
}

// serveBTAuth serves requests signed by btauth/1. The signature covers the body, which therefore is read before it is verified.
func (x *exchange) serveBTAuth() error {
	s := x.server
	request, err := btauth.Parse(x.r.Header)
	if err != nil {
		return unverified(err)
	}
	x.event.Address = shown(request.Sender)
	if err := x.member(request.Key, nil); err != nil {
		return err
	}
	if err := request.Check(x.start, s.me); err != nil {
		return unverified(err)
	}
	endpoint := "btauth/1 " + strconv.FormatInt(request.Nonce, 10)
	if s.config.Nonces.Check(request.Key, endpoint, request.Nonce) != nil {
		return unverified(errOldNonce)
	}
	text, err := x.readEarly()
	if err != nil {
		return err
	}
	if err := request.Verify(x.start, s.me, x.r.Method, x.r.RequestURI, text); err != nil {
		return unverified(err)
	}
	if err := remember(s.config.Nonces.Accept(x.start, request.Key, endpoint, request.Nonce, time.Minute)); err != nil {
		return unverified(err)
	}
	x.event.Verified = true
	leave, err := s.enter(request.Key)
	if err != nil {
		return err
	}
	defer leave()
	value := x.route.class.New()
	body, err := x.parse(text, value)
	if err != nil {
		return err
	}
	x.header, x.known = body, true
	x.header.Axon = new(synapse.Terminal)
	x.header.Dendrite = &synapse.Terminal{Hotkey: synapse.Some(request.Sender), Nonce: synapse.Int(request.Nonce)}
	return x.handle(x.call(request.Key), body, value)
}

// unverified answers 401 with the reason, of which the caller gets no more than which check failed.
func unverified(err error) *refusal {
	text := "Signature mismatch"
	for _, reason := range []error{btauth.ErrHeaders, btauth.ErrWindow, btauth.ErrReceiver, errOldNonce, errTooMany, errNoncesLost} {
		if errors.Is(err, reason) {
			text = reason.Error()
		}
	}
	return &refusal{status: http.StatusUnauthorized, message: "Not Verified with error: " + text, err: err}
}

// readEarly reads the body of a request that is not verified, on one of few slots.
func (x *exchange) readEarly() ([]byte, error) {
	select {
	case x.server.early <- struct{}{}:
		defer func() { <-x.server.early }()
		return x.readBody()
	default:
		return nil, &refusal{status: http.StatusServiceUnavailable, message: "Too many requests"}
	}
}

// readBody reads the body up to the limit and within the time.
func (x *exchange) readBody() ([]byte, error) {
	limit := x.route.maxBody
	tooLarge := &refusal{status: http.StatusRequestEntityTooLarge, message: "Request body is larger than " + strconv.FormatInt(limit, 10) + " bytes"}
	if x.r.ContentLength > limit {
		return nil, tooLarge
	}
	if encoding := x.r.Header.Get("Content-Encoding"); encoding != "" {
		return nil, &refusal{status: http.StatusUnsupportedMediaType, message: "Content-Encoding is not supported"}
	}
	control := http.NewResponseController(x.w)
	_ = control.SetReadDeadline(x.start.Add(x.server.config.BodyTimeout)) // not every http.ResponseWriter can
	text, err := io.ReadAll(io.LimitReader(x.r.Body, limit+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &refusal{status: http.StatusRequestTimeout, message: "Request body did not arrive in time", err: err}
	case err != nil:
		return nil, &refusal{status: http.StatusBadRequest, message: "Request body could not be read", err: err}
	case int64(len(text)) > limit:
		return nil, tooLarge
	}
	_ = control.SetReadDeadline(time.Time{})
	return text, nil
}

// parse reads the body as the reference does, and refuses one that has none of the class's fields.
func (x *exchange) parse(text []byte, value any) (synapse.Envelope, error) {
	if media, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return synapse.Envelope{}, internal(errors.New("the content type is not application/json"))
	}
	if len(text) == 0 {
		return synapse.Envelope{}, internal(errors.New("the body is empty"))
	}
	class := x.route.class
	body, fields, err := class.ParseJSON(text, value)
	switch {
	case errors.Is(err, synapse.ErrJSON):
		return body, &refusal{status: http.StatusUnprocessableEntity, message: "Request body is not JSON", detail: true, err: err}
	case err != nil:
		return body, internal(err)
	case len(fields) == 0 && len(class.Fields()) > 0:
		return body, internal(errors.New("the body has none of the fields of its class"))
	}
	return body, nil
}

func (x *exchange) call(key [32]byte) *Call {
	timeout := time.Duration(0)
	if s := x.header.Timeout.Or(0); s > 0 {
		timeout = time.Duration(min(s*1e9, math.MaxInt64/2))
	}
	remote, _ := netip.ParseAddrPort(x.r.RemoteAddr)
	return &Call{
		Route: x.route.class.Name(), Protocol: x.event.Protocol, Hotkey: key, Address: x.header.Dendrite.Hotkey.Or(""),
		Remote: remote, Received: x.start, Timeout: min(max(timeout, x.server.config.MinTimeout), x.route.maxTimeout),
		Nonce: x.header.Dendrite.Nonce.Or(0), Header: x.header,
	}
}

// handle runs the hooks, waits for a worker, runs the handler and answers.
func (x *exchange) handle(call *Call, body synapse.Envelope, value any) error {
	rt := x.route
	if rt.blacklist != nil {
		if refuse, reason := rt.blacklist(call); refuse {
			return &refusal{status: http.StatusForbidden, message: blacklisted(shown(reason))}
		}
	}
	if rt.verify != nil {
		if err := rt.verify(call); err != nil {
			return &refusal{status: http.StatusUnauthorized, message: "Not Verified with error: " + shown(err.Error())}
		}
	}
	priority := 0.0
	if rt.priority != nil {
		priority = rt.priority(call)
	}
	ctx, cancel := context.WithDeadline(x.r.Context(), call.Received.Add(call.Timeout))
	defer cancel()
	switch err := x.server.queue.acquire(ctx, priority); {
	case errors.Is(err, errOverloaded):
		return &refusal{status: http.StatusServiceUnavailable, message: "Too many requests, this one was of the lowest priority"}
	case err != nil:
		return timedOut(err)
	}
	if rt.stream != nil {
		return x.runStream(ctx, call, body, value)
	}
	done := make(chan error, 1)
	go func() {
		defer x.server.queue.release()
		done <- safely(func() error { return rt.forward(ctx, call, value) })
	}()
	select {
	case err := <-done:
		if err != nil {
			return failure(ctx, err)
		}
		return x.reply(body, value)
	case <-ctx.Done():
		return timedOut(ctx.Err())
	}
}

func timedOut(err error) *refusal {
	return &refusal{status: http.StatusRequestTimeout, message: "Request timeout", err: err}
}

// failure says what a handler's error is for the caller.
func failure(ctx context.Context, err error) *refusal {
	var status *StatusError
	switch {
	case errors.As(err, &status) && status.Status >= 400 && status.Status <= 599:
		return &refusal{status: status.Status, message: shown(status.Message), err: err}
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return timedOut(err)
	}
	return internal(err)
}

// safely turns a panic into an error.
func safely(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanic, p, debug.Stack())
		}
	}()
	return f()
}
