package dendrite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"time"
)

// Streamed is an answer that comes in pieces. Read Pieces to the end or call Close.
type Streamed[T any] struct {
	q        *query[T]
	response *http.Response
	cancel   context.CancelFunc
	closed   bool
}

// Stream sends a synapse and returns when the answer starts. The timeout covers the whole exchange, the last piece included. An error is
// returned with a reply that says the same as a status; so is a status other than 200.
func Stream[T any](ctx context.Context, d *Dendrite, target Axon, s T, timeout time.Duration) (*Streamed[T], error) {
	q, err := newQuery(d, target, s, timeout)
	st := &Streamed[T]{q: q, closed: true, cancel: func() {}}
	if err != nil {
		return st, q.fail(err).Err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	if err := d.enter(ctx); err != nil {
		cancel()
		return st, q.fail(err).Err
	}
	st.closed, st.cancel = false, cancel
	if err := st.open(ctx); err != nil {
		st.Close()
		return st, err
	}
	return st, nil
}

func (s *Streamed[T]) open(ctx context.Context) (err error) {
	if s.response, err = s.q.send(ctx); err != nil {
		return s.q.fail(err).Err
	}
	if err := checkResponse(s.response, s.q.d.config.MaxBodyBytes); err != nil {
		return s.q.fail(err).Err
	}
	if s.response.StatusCode != http.StatusOK {
		if err := s.q.read(s.response); err != nil {
			return s.q.fail(err).Err
		}
		return fmt.Errorf("couldn't stream from axon at %s: status %s: %s", s.q.target.Address, s.q.reply.Axon.StatusCode, s.q.reply.Axon.StatusMessage.Or(""))
	}
	said, err := serverTerminal(s.response)
	if err != nil {
		return s.q.fail(fmt.Errorf("%w: %w", ErrResponse, err)).Err
	}
	s.q.reply.Axon.StatusCode, s.q.reply.Axon.StatusMessage, s.q.reply.Axon.ProcessTime = said.StatusCode, said.StatusMessage, said.ProcessTime
	return nil
}

// Pieces returns the pieces as they arrive, each valid until the next one. A failure, such as more than Config.MaxBodyBytes in all, comes
// last with a nil piece. Afterwards the stream is closed.
func (s *Streamed[T]) Pieces() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		defer s.Close()
		if s.closed {
			return
		}
		buffer := make([]byte, 16<<10)
		left := s.q.d.config.MaxBodyBytes
		for {
			n, err := s.response.Body.Read(buffer)
			if left -= int64(n); left < 0 {
				err, n = fmt.Errorf("%w: it has more than %d bytes", ErrResponse, s.q.d.config.MaxBodyBytes), 0
			}
			if n > 0 && !yield(buffer[:n], nil) {
				return
			}
			if errors.Is(err, io.EOF) {
				s.q.finish()
				return
			}
			if err != nil {
				yield(nil, s.broken(err))
				return
			}
		}
	}
}

func (s *Streamed[T]) broken(err error) error {
	switch ctx := s.response.Request.Context(); {
	case ctx.Err() != nil:
		err = ctx.Err()
	case !errors.Is(err, ErrResponse):
		err = fmt.Errorf("%w: %w", ErrDisconnected, err)
	}
	return s.q.fail(err).Err
}

// Reply returns what is known so far. Its synapse is what was sent: what the pieces mean is for the caller to say. The
// client's end has a status once the stream ended.
func (s *Streamed[T]) Reply() Reply[T] { return s.q.reply }

// Close ends the stream. Later calls do nothing.
func (s *Streamed[T]) Close() {
	if s.closed {
		return
	}
	s.closed = true
	s.cancel()
	if s.response != nil {
		_ = s.response.Body.Close()
	}
	s.q.d.leave()
}
