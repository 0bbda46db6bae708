package dendrite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/synapse"
)

// Reply is what became of a request.
type Reply[T any] struct {
	// Synapse is what was sent, with the fields of the answer copied in.
	Synapse T
	// Dendrite is the client's end: StatusCode and StatusMessage are the result, ProcessTime the seconds until the answer was read (None where
	// that failed).
	Dendrite synapse.Terminal
	// Axon is the server's end: address and hotkey are those that were asked, StatusCode, StatusMessage and ProcessTime what the server says.
	Axon synapse.Terminal
	// Err is why there is no answer, or nil. A server that answers with another status than 200 is no error of that kind.
	Err error
}

// Success reports whether the server answered with status 200.
func (r *Reply[T]) Success() bool { return r.Dendrite.StatusCode.Is(http.StatusOK) }

// The causes that Reply.Err wraps.
var (
	ErrUnavailable  = errors.New("service unavailable")       // 503: no connection, or nowhere to connect to
	ErrDisconnected = errors.New("service disconnected")      // 503: the server hung up
	ErrTimeout      = errors.New("request timeout")           // 408
	ErrResponse     = errors.New("answer cannot be used")     // 422: no JSON, too long, of the wrong form
	ErrRequest      = errors.New("request cannot be written") // 400: the synapse has no wire form
)

// Query sends a synapse to one axon and waits for the answer, no longer than the timeout, which the axon is told as well.
//
// An axon refuses a nonce that is older than the last one it took from the same client. Requests of one client to one axon should therefore
// follow each other: of several at once, those that are overtaken on the way get 401.
func Query[T any](ctx context.Context, d *Dendrite, target Axon, s T, timeout time.Duration) Reply[T] {
	q, err := newQuery(d, target, s, timeout)
	if err != nil {
		return q.fail(err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := d.enter(ctx); err != nil {
		return q.fail(err)
	}
	defer d.leave()
	response, err := q.send(ctx)
	if err != nil {
		return q.fail(err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := q.read(response); err != nil {
		return q.fail(err)
	}
	return q.reply
}

// QueryAll sends a synapse to several axons at once and returns their replies in the same order. No more than Config.Concurrency requests
// are under way at a time.
func QueryAll[T any](ctx context.Context, d *Dendrite, targets []Axon, s T, timeout time.Duration) []Reply[T] {
	replies := make([]Reply[T], len(targets))
	var group sync.WaitGroup
	for i, target := range targets {
		group.Go(func() { replies[i] = Query(ctx, d, target, s, timeout) })
	}
	group.Wait()
	return replies
}

func (d *Dendrite) enter(ctx context.Context) error {
	select {
	case d.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *Dendrite) leave() { <-d.slots }

// query is one request on its way.
type query[T any] struct {
	d        *Dendrite
	class    *synapse.Type
	target   Axon
	envelope synapse.Envelope
	start    time.Time
	reply    Reply[T]
}

// classes caches one class for each Go type.
var classes sync.Map // of typeKey[T] to *synapse.Type

type typeKey[T any] struct{}

func classOf[T any]() (*synapse.Type, error) {
	if c, ok := classes.Load(typeKey[T]{}); ok {
		return c.(*synapse.Type), nil
	}
	c, err := synapse.TypeOf[T]()
	if err == nil {
		classes.Store(typeKey[T]{}, c)
	}
	return c, err
}

func newQuery[T any](d *Dendrite, target Axon, s T, timeout time.Duration) (*query[T], error) {
	q := &query[T]{d: d, target: target, start: time.Now(), envelope: synapse.NewEnvelope()}
	q.reply.Synapse = s
	q.reply.Axon = synapse.Terminal{
		IP: synapse.Some(target.Address.Addr().String()), Port: synapse.Int(int64(target.Address.Port())), Hotkey: synapse.Some(target.Hotkey),
	}
	q.reply.Dendrite = synapse.Terminal{Version: synapse.Int(d.config.Version), UUID: synapse.Some(d.uuid), Hotkey: synapse.Some(d.me)}
	if d.config.ExternalIP.IsValid() {
		q.reply.Dendrite.IP = synapse.Some(d.config.ExternalIP.String())
	}
	var err error
	if q.class, err = classOf[T](); err != nil {
		return q, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if err := q.class.SetTimeout(&q.envelope, &q.reply.Synapse, timeout.Seconds()); err != nil {
		return q, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	return q, nil
}

// send signs the request and sends it.
func (q *query[T]) send(ctx context.Context) (*http.Response, error) {
	host, err := q.d.host(q.target)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	body, headers, err := q.sign()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+host.String()+"/"+q.class.Name(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	for _, line := range headers {
		request.Header[line.Name] = []string{line.Value}
	}
	request.Header["Content-Type"] = []string{"application/json"}
	response, err := q.d.transport.RoundTrip(request)
	if err != nil {
		return nil, q.cause(ctx, err)
	}
	return response, nil
}

// sign fills in both terminals, and writes body and headers.
func (q *query[T]) sign() ([]byte, []synapse.Header, error) {
	q.reply.Dendrite.Nonce = synapse.Int(q.d.nonce())
	hash, err := q.class.BodyHash(&q.envelope, &q.reply.Synapse)
	if err != nil {
		return nil, nil, err
	}
	message := synapse.RequestMessage(q.reply.Dendrite.Nonce, q.d.me, q.target.Hotkey, q.reply.Dendrite.UUID, synapse.Some(hash))
	signature, err := q.d.config.Hotkey.Sign(message)
	if err != nil {
		return nil, nil, err
	}
	q.reply.Dendrite.Signature = synapse.Some(synapse.FormatSignature(signature))
	q.envelope.Dendrite, q.envelope.Axon = &q.reply.Dendrite, &q.reply.Axon
	body, err := q.class.AppendJSON(nil, &q.envelope, &q.reply.Synapse, synapse.Spaced)
	if err != nil {
		return nil, nil, err
	}
	headers, err := q.class.Headers(&q.envelope, &q.reply.Synapse, len(body))
	return body, headers, err
}

// cause sorts an error of the network.
func (q *query[T]) cause(ctx context.Context, err error) error {
	var timeout net.Error
	var dial *net.OpError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	case strings.Contains(err.Error(), "malformed HTTP"), strings.Contains(err.Error(), "server response headers exceeded"):
		return fmt.Errorf("%w: %w", ErrResponse, err)
	}
	return fmt.Errorf("%w: %w", ErrDisconnected, err)
}

// jsonType is what the SDK's HTTP library takes for JSON.
var jsonType = regexp.MustCompile(`(?i)^application/(?:[\w.+-]+\+)?json\s*(?:;|$)`)

// checkResponse refuses answers by what their headers say.
func checkResponse(response *http.Response, limit int64) error {
	switch h := response.Header; {
	case response.ContentLength > limit:
		return fmt.Errorf("%w: it has %d bytes, at most %d are read", ErrResponse, response.ContentLength, limit)
	case h.Get("Content-Encoding") != "" && !strings.EqualFold(h.Get("Content-Encoding"), "identity"):
		return fmt.Errorf("%w: it is compressed, which nobody asked for", ErrResponse)
	}
	return nil
}

// read reads the answer.
func (q *query[T]) read(response *http.Response) error {
	limit := q.d.config.MaxBodyBytes
	if err := checkResponse(response, limit); err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		if ctx := response.Request.Context(); ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w: %w", ErrDisconnected, err)
	}
	if int64(len(text)) > limit {
		return fmt.Errorf("%w: it has more than %d bytes", ErrResponse, limit)
	}
	if response.StatusCode != http.StatusOK {
		return q.readRefusal(response, text)
	}
	if !jsonType.MatchString(response.Header.Get("Content-Type")) {
		return fmt.Errorf("%w: its content type is not JSON", ErrResponse)
	}
	return q.readAnswer(response, text)
}

// readRefusal takes the status of an answer that is none. Its status code is that of HTTP, whatever the headers say.
func (q *query[T]) readRefusal(response *http.Response, text []byte) error {
	var said struct{ Message *string }
	if json.Unmarshal(text, &said) == nil && said.Message != nil {
		q.reply.Axon.StatusMessage = synapse.Some(*said.Message)
	} else if axon, err := serverTerminal(response); err == nil {
		q.reply.Axon.StatusMessage = axon.StatusMessage
	}
	q.reply.Axon.StatusCode = synapse.Int(int64(response.StatusCode))
	q.finish()
	return nil
}

// readAnswer takes the fields of an answer.
func (q *query[T]) readAnswer(response *http.Response, text []byte) error {
	var answer T
	body, fields, err := q.class.ParseJSON(text, &answer)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrResponse, err)
	}
	said, err := serverTerminal(response)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrResponse, err)
	}
	if body.Axon != nil {
		fillIn(&said, body.Axon)
	}
	if said.StatusCode.Is(http.StatusOK) && q.class.HasAnswers() {
		if n, err := q.class.CopyAnswers(new(T), &answer, fields); err != nil || n == 0 {
			return fmt.Errorf("%w: it has none of the fields that the server fills", ErrResponse)
		}
	}
	if _, err := q.class.CopyAnswers(&q.reply.Synapse, &answer, fields); err != nil {
		return fmt.Errorf("%w: %w", ErrResponse, err)
	}
	q.reply.Axon.StatusCode, q.reply.Axon.StatusMessage, q.reply.Axon.ProcessTime = said.StatusCode, said.StatusMessage, said.ProcessTime
	q.finish()
	return nil
}

// serverTerminal reads what the response's headers say of the server. What they say of the client is not read.
func serverTerminal(response *http.Response) (synapse.Terminal, error) {
	headers, err := synapse.SplitHeaders(response.Header)
	if err != nil {
		return synapse.Terminal{}, err
	}
	axon, _, err := headers.Terminals()
	return axon, err
}

// fillIn takes status, message and time from the body where the headers have none.
func fillIn(said, body *synapse.Terminal) {
	if !said.StatusCode.IsSet() {
		said.StatusCode = body.StatusCode
	}
	if !said.StatusMessage.IsSet() {
		said.StatusMessage = body.StatusMessage
	}
	if !said.ProcessTime.IsSet() {
		said.ProcessTime = body.ProcessTime
	}
}

// finish gives the client's end the server's status and the time that passed here.
func (q *query[T]) finish() {
	q.reply.Dendrite.StatusCode, q.reply.Dendrite.StatusMessage = q.reply.Axon.StatusCode, q.reply.Axon.StatusMessage
	q.reply.Dendrite.ProcessTime = synapse.Some(time.Since(q.start).Seconds())
}

// fail makes the reply of a request without an answer, with the status codes and messages of the SDK.
func (q *query[T]) fail(err error) Reply[T] {
	code, text := int64(http.StatusUnprocessableEntity), ""
	switch {
	case errors.Is(err, ErrUnavailable): // first: a dial that timed out calls itself a passed deadline
		name := ""
		if q.class != nil {
			name = q.class.Name()
		}
		code, text = http.StatusServiceUnavailable, "Service unavailable at "+q.reply.Axon.IP.Or("None")+":"+q.reply.Axon.Port.String()+"/"+name
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, ErrTimeout):
		timeout := "None"
		if q.class != nil {
			timeout = q.class.TimeoutText(&q.envelope)
		}
		code, text = http.StatusRequestTimeout, "Request timeout after "+timeout+" seconds"
		if !errors.Is(err, ErrTimeout) {
			err = fmt.Errorf("%w: %w", ErrTimeout, err)
		}
	case errors.Is(err, context.Canceled):
		code, text = 499, "Request canceled"
	case errors.Is(err, ErrDisconnected):
		code, text = http.StatusServiceUnavailable, "Service disconnected: Server disconnected"
	case errors.Is(err, ErrRequest):
		code, text = http.StatusBadRequest, "Payload error: "+err.Error()
	default:
		text = "Failed to parse response: " + err.Error()
	}
	q.reply.Dendrite.StatusCode, q.reply.Dendrite.StatusMessage = synapse.Int(code), synapse.Some(text)
	q.reply.Err = fmt.Errorf("couldn't query axon at %s: %w", q.target.Address, err)
	return q.reply
}
