package kerneleval

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/nanteos/nanteos/internal/sandbox"
)

// Roles of a process.
const (
	roleWhole     = "whole"
	roleReference = "reference"
	roleCandidate = "candidate"
)

// process is a program in a sandbox.
type process struct {
	in   io.Writer
	out  io.Reader
	log  func() string // the end of its stderr
	kill func()        // at once, from any goroutine, also after the end
	free func() error  // kills, waits and releases
}

// launcher starts a program of a role for a GPU. The context's end kills it.
type launcher func(ctx context.Context, role string, gpu int) (*process, error)

// inSandbox starts programs in sandboxes.
func (p *pythonEnv) inSandbox(ctx context.Context, role string, gpu int) (*process, error) {
	s, err := sandbox.Start(ctx, p.spec(role, gpu))
	if err != nil {
		return nil, err
	}
	return &process{in: s.Stdin, out: s.Stdout, log: s.Log, kill: s.Kill, free: s.Close}, nil
}

// worker is a running program and what is known of it.
type worker struct {
	*process
	role    string
	greeted bool
	hello   hello
	jobs    int
	dead    atomic.Bool
}

// errLate says that a program took longer than its limit.
var errLate = errors.New("no reply in time")

// stop ends the program and everything in its sandbox.
func (w *worker) stop() {
	if w == nil || w.dead.Swap(true) {
		return
	}
	_ = w.free()
}

// within runs f, which talks with the program, and kills the program at the end of the limit or the context: then f's reads and writes end, and the
// error wraps errLate or the context's. The error of f is returned otherwise.
func (w *worker) within(ctx context.Context, limit time.Duration, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var late atomic.Bool
	timer := time.AfterFunc(limit, func() { late.Store(true); w.kill() })
	defer timer.Stop()
	defer context.AfterFunc(ctx, w.kill)()
	err := f()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		w.stop()
		return ctx.Err()
	case late.Load():
		w.stop()
		return fmt.Errorf("%s: %w", limit.Round(time.Millisecond), errLate)
	}
	return err
}

// greet reads the first frame, once.
func (w *worker) greet() error {
	if w.greeted {
		return nil
	}
	if _, err := readHeader(w.out, &w.hello); err != nil {
		return err
	}
	w.greeted = true
	return nil
}

// why describes the end of a program for people: the error and the end of its stderr.
func (w *worker) why(err error) string {
	text := err.Error()
	if log := w.log(); log != "" {
		text += "; its last words: " + tail(log, 800)
	}
	return text
}

func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return "..." + s[len(s)-n:]
}
