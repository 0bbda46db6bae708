package axon

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/synapse"
)

// maxShown bounds foreign text in a reply, in bytes.
const maxShown = 256

// shown returns text as a header may hold it: printable ASCII of bounded length.
func shown(text string) string {
	if len(text) > maxShown {
		text = text[:maxShown]
	}
	clean := true
	for i := range len(text) {
		clean = clean && text[i] >= ' ' && text[i] <= '~'
	}
	if clean {
		return text
	}
	b := []byte(strings.ToValidUTF8(text, "?"))
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}

func shownText(t synapse.Text) synapse.Text {
	if s, ok := t.Get(); ok {
		return synapse.Some(shown(s))
	}
	return t
}

// echoed returns a terminal of the caller's with its texts made fit for headers; nil stays nil.
func echoed(t *synapse.Terminal) *synapse.Terminal {
	if t == nil {
		return nil
	}
	c := *t
	c.StatusMessage, c.IP, c.UUID = shownText(c.StatusMessage), shownText(c.IP), shownText(c.UUID)
	c.Hotkey, c.Signature = shownText(c.Hotkey), shownText(c.Signature)
	for _, n := range []*synapse.Integer{&c.StatusCode, &c.Port, &c.Version, &c.Nonce} {
		if len(*n) > 40 {
			*n = ""
		}
	}
	return &c
}

// answerEnvelope is the envelope of a success: what the caller's body said of the terminals, with this server's status.
func (x *exchange) answerEnvelope(body synapse.Envelope) synapse.Envelope {
	body.Dendrite, body.Axon = echoed(body.Dendrite), echoed(body.Axon)
	if body.Axon == nil {
		body.Axon = new(synapse.Terminal)
	}
	body.BodyHash = shownText(body.BodyHash)
	if len(body.TotalSize) > 40 || len(body.HeaderSize) > 40 {
		body.TotalSize, body.HeaderSize = "", ""
	}
	body.Axon.StatusCode, body.Axon.StatusMessage = synapse.Int(http.StatusOK), synapse.Some("Success")
	body.Axon.ProcessTime = synapse.Some(time.Since(x.start).Seconds())
	return body
}

// reply answers with the synapse.
func (x *exchange) reply(body synapse.Envelope, value any) error {
	e := x.answerEnvelope(body)
	text, err := x.route.class.AppendJSON(nil, &e, value, synapse.Compact)
	if err != nil {
		return internal(err)
	}
	headers, err := x.route.class.Headers(&e, value, len(text))
	if err != nil {
		return internal(err)
	}
	x.event.Status, x.event.Message = http.StatusOK, "Success"
	return x.send(http.StatusOK, headers, text)
}

// send writes a response. Header names go into the map as they are: http.Header.Set would capitalise them, and the SDK's clients see
// lower case only.
func (x *exchange) send(status int, headers []synapse.Header, body []byte) error {
	x.answer = true
	h := x.w.Header()
	for _, line := range headers {
		h[line.Name] = []string{line.Value}
	}
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	_ = http.NewResponseController(x.w).SetWriteDeadline(time.Now().Add(x.server.config.WriteTimeout))
	x.w.WriteHeader(status)
	if _, err := x.w.Write(body); err != nil {
		x.event.Err = errors.Join(x.event.Err, fmt.Errorf("couldn't send answer: %w", err))
	}
	return nil
}

// refuse answers with an error.
func (x *exchange) refuse(r *refusal) {
	x.event.Status, x.event.Message, x.event.Err = r.status, r.message, r.err
	if x.answer {
		return // a stream is under way; its connection is broken instead
	}
	if x.r.ContentLength < 0 || x.r.ContentLength > 8<<10 {
		x.w.Header()["Connection"] = []string{"close"} // rather than reading what is not wanted
	}
	if r.detail {
		_ = x.send(r.status, nil, message("detail", r.message))
		return
	}
	headers, err := x.errorHeaders(r)
	if err != nil {
		x.event.Err = errors.Join(x.event.Err, err)
	}
	_ = x.send(r.status, headers, message("message", r.message))
}

// message is a JSON object with one text of printable ASCII.
func message(key, text string) []byte {
	text = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text)
	return []byte(`{"` + key + `":"` + text + `"}`)
}

// errorHeaders are the headers of the header object with this server's part filled in. Before a class is known they are those of an empty
// Synapse.
func (x *exchange) errorHeaders(r *refusal) ([]synapse.Header, error) {
	class, e := pingClass, synapse.NewEnvelope()
	if x.known {
		class, e = x.route.class, x.header
		e.Axon, e.Dendrite = echoed(e.Axon), echoed(e.Dendrite)
		x.fill(&e)
	}
	e.Axon.StatusCode, e.Axon.StatusMessage = synapse.Int(int64(r.status)), synapse.Some(r.message)
	e.Axon.ProcessTime = synapse.Some(time.Since(x.start).Seconds())
	return class.Headers(&e, class.New(), 0)
}

// fill puts the server's own values into the header object of an error reply and signs them.
//
// What is signed has the server's address and time and the caller's well-formed address, never text from the request: the reference signs
// the receiver that the headers name, so that a caller can have it sign what passes for a request of its own. Signing is rationed, so that
// refusals stay cheap; nothing known verifies these signatures.
func (x *exchange) fill(e *synapse.Envelope) {
	s := x.server
	e.Axon.Version, e.Axon.UUID = synapse.Int(s.config.Version), synapse.Some(s.uuid)
	e.Axon.Nonce = synapse.Int(time.Now().UnixNano())
	e.Axon.Signature = synapse.Text{}
	if host, port, err := net.SplitHostPort(x.r.RemoteAddr); err == nil {
		e.Dendrite.IP = synapse.Some(host)
		if n, err := strconv.Atoi(port); err == nil {
			e.Dendrite.Port = synapse.Int(int64(n))
		}
	}
	caller := e.Dendrite.Hotkey
	if _, err := callerOf(e); err != nil {
		caller = synapse.Text{}
	}
	if !s.signs.Allow() {
		return
	}
	if signature, err := s.config.Hotkey.Sign(synapse.ReplyMessage(e.Axon.Nonce, caller, s.me, s.uuid)); err == nil {
		e.Axon.Signature = synapse.Some(synapse.FormatSignature(signature))
	}
}
