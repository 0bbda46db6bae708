package axon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/synapse"
)

// Stream sends an answer in pieces. It is for the goroutine of its handler.
type Stream struct {
	x       *exchange
	ctx     context.Context
	headers []synapse.Header
	started bool
	err     error
}

// ErrStream is the sentinel of a piece that could not be sent because the caller went away or the request's time is over.
var ErrStream = errors.New("stream is broken")

// Write sends one piece. The first one sends the headers. It waits at most the server's write timeout for the caller to take it.
func (s *Stream) Write(piece []byte) (int, error) {
	if s.err == nil && s.ctx.Err() != nil {
		s.err = s.ctx.Err()
	}
	if s.err != nil {
		return 0, fmt.Errorf("couldn't send piece: %w: %w", ErrStream, s.err)
	}
	s.start()
	control := http.NewResponseController(s.x.w)
	_ = control.SetWriteDeadline(time.Now().Add(s.x.server.config.WriteTimeout))
	n, err := s.x.w.Write(piece)
	if err == nil {
		err = control.Flush()
	}
	if err != nil {
		s.err = err
		return n, fmt.Errorf("couldn't send piece: %w: %w", ErrStream, err)
	}
	return n, nil
}

func (s *Stream) start() {
	if s.started {
		return
	}
	s.started, s.x.answer = true, true
	h := s.x.w.Header()
	for _, line := range s.headers {
		h[line.Name] = []string{line.Value}
	}
	h["Content-Type"] = []string{"text/event-stream"}
	s.x.w.WriteHeader(http.StatusOK)
}

// runStream runs a streaming handler. Its headers say what is known before the first piece, so the status is that of a success.
func (x *exchange) runStream(ctx context.Context, call *Call, body synapse.Envelope, value any) error {
	defer x.server.queue.release()
	e := x.answerEnvelope(body)
	headers, err := x.route.class.Headers(&e, copyValue(value), 0)
	if err != nil {
		return internal(err)
	}
	s := &Stream{x: x, ctx: ctx, headers: headers}
	err = safely(func() error { return x.route.stream(ctx, call, value, s) })
	if err == nil {
		s.start()
		x.event.Status, x.event.Message = http.StatusOK, "Success"
		return nil
	}
	if !s.started {
		return failure(ctx, err)
	}
	x.event.Status, x.event.Message, x.event.Err = http.StatusOK, "Broken off", err
	panic(http.ErrAbortHandler) // the only way to tell the caller that the answer is not whole
}
