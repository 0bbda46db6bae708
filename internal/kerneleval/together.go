package kerneleval

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nanteos/nanteos/internal/sandbox"
	"github.com/nanteos/nanteos/task"
)

func unavailable(err error) bool { return errors.Is(err, sandbox.ErrUnavailable) }

// Stages of a job in one process, where it failed.
var (
	errSend = errors.New("couldn't send the job")
	errInit = errors.New("worker couldn't start")
)

// one runs a job on a program that holds harness and candidate. The limit covers the program's start, where that isn't over. Errors wrap errSend, errLate, errInit,
// io.EOF and such, or the context's.
func (s *slot) one(ctx context.Context, w *worker, test, kernel string) (reply wholeReply, err error) {
	w.jobs++
	err = w.within(ctx, s.pool.config.Timeout, func() error {
		sent := make(chan error, 1)
		go func() { sent <- writeHeader(w.in, wholeJob{test, kernel}, 0) }() // a program that hasn't started yet doesn't read
		err := w.greet()
		if err == nil && w.hello.Failed != "" {
			err = fmt.Errorf("%w: %s", errInit, w.hello.Failed)
		}
		if err == nil {
			_, err = readHeader(w.out, &reply)
		}
		if err != nil {
			w.kill() // so that the sender ends
			if sendErr := <-sent; sendErr != nil {
				err = fmt.Errorf("%w: %w", errSend, err)
			}
			return err
		}
		if reply.Verdict == nil {
			return fmt.Errorf("%w: no verdict", errFrame)
		}
		return <-sent
	})
	return reply, err
}

// together is the persistent backend of the reference: its table of what to do when (specification, section 11.7).
func (s *slot) together(ctx context.Context, test, kernel string) (task.KernelResult, error) {
	for attempt := 0; ; attempt++ {
		if s.whole == nil {
			w, err := s.start(roleWhole)
			if err != nil {
				return task.KernelResult{}, err
			}
			s.whole = w
		}
		w := s.whole
		reply, err := s.one(ctx, w, test, kernel)
		if err == nil {
			if reply.Corrupted {
				s.pool.config.Log.Warn("kernel left the device in an error: worker is replaced", "gpu", s.gpu)
				w.stop()
			}
			return reply.Verdict.result()
		}
		why := w.why(err)
		w.stop()
		s.whole = nil
		s.pool.config.Log.Warn("kernel worker is replaced", "gpu", s.gpu, "why", why)
		switch {
		case ctx.Err() != nil:
			return task.KernelResult{}, fmt.Errorf("couldn't evaluate kernel: %w", ctx.Err())
		case errors.Is(err, errLate):
			return infra("timeout"), nil
		case errors.Is(err, errInit):
			return infra("worker_init_failed"), nil
		case errors.Is(err, errSend) && attempt == 0:
			continue
		case errors.Is(err, errSend):
			return infra("worker_send_failed"), nil
		}
		return infra("worker_recv_failed"), nil
	}
}

// fresh is the subprocess backend of the reference: three attempts where the error is sticky.
func (s *slot) fresh(ctx context.Context, test, kernel string) (task.KernelResult, error) {
	last := ""
	for range 3 {
		w, err := s.start(roleWhole)
		if err != nil {
			return task.KernelResult{}, err
		}
		reply, err := s.one(ctx, w, test, kernel)
		w.stop()
		switch {
		case err == nil:
			r, err := reply.Verdict.result()
			if err != nil || r.Error == nil || !Sticky(*r.Error) {
				return r, err
			}
			last = *r.Error
			continue
		case ctx.Err() != nil:
			return task.KernelResult{}, fmt.Errorf("couldn't evaluate kernel: %w", ctx.Err())
		case errors.Is(err, errLate):
			return failed(false, "timeout"), nil
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return failed(false, "no_result"), nil
		}
		return failed(false, "pipe_error"), nil
	}
	return task.KernelResult{}, fmt.Errorf("couldn't evaluate kernel: %w: %s", ErrSticky, tail(last, 200))
}

// budget is the time that a candidate may still take. It runs only while the candidate is waited for.
type budget struct{ left time.Duration }

// carry allows for the transport of so many bytes at 64 MiB/s: a candidate isn't to blame for it.
func (b *budget) carry(n int64) { b.left += time.Duration(n>>20) * time.Second / 64 }

// spend runs f within what is left.
func (b *budget) spend(ctx context.Context, w *worker, f func() error) error {
	start := time.Now()
	err := w.within(ctx, b.left, f)
	b.left -= time.Since(start)
	if err == nil && b.left <= 0 {
		w.stop()
		return errLate
	}
	return err
}
