package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// Process is a running sandbox: its first process and everything that process started.
type Process struct {
	// Stdin is the program's input. Close it when no more follows. A write after the program's end fails.
	Stdin io.WriteCloser
	// Stdout is the program's output, a pipe: what is not read waits in the kernel's buffer (64 KiB) and then stops the program. The
	// reader has to bound what it keeps. It ends (io.EOF) when all processes are gone.
	Stdout io.Reader
	// Backend is who built the namespaces.
	Backend Backend
	// Layers are the layers in force, as in Report.Layers.
	Layers []Layer

	log    tail
	stdout *os.File
	kill   func() // SIGKILL to the first process, from outside
	done   chan struct{}
	err    error // set before done closes
	cause  error // why it was killed; guarded by mu
	mu     sync.Mutex
}

// ExitError says how a sandboxed program ended other than by exit code 0.
type ExitError struct {
	Code   int    // exit code, -1 if a signal ended it
	Signal string // name of the signal, if one ended it
	Cause  error  // why we killed it: the context's error, or ErrKilled; nil if it ended by itself
	Log    string // the end of what it wrote to stderr
}

// ErrKilled is the cause of an end by Kill.
var ErrKilled = errors.New("killed")

// Error implements error.
func (e *ExitError) Error() string {
	switch {
	case e.Cause != nil:
		return fmt.Sprintf("sandboxed program was stopped: %v", e.Cause)
	case e.Signal != "":
		return "sandboxed program was ended by signal: " + e.Signal
	}
	return fmt.Sprintf("sandboxed program ended with code %d", e.Code)
}

// Unwrap gives the cause.
func (e *ExitError) Unwrap() error { return e.Cause }

// Start runs a program in a sandbox and returns once it has been executed. The end of ctx kills all processes inside, at any time of their
// life. Errors: one that wraps ErrSpec for a specification that can't be right; one that wraps ErrUnavailable where this machine offers no sandbox, with the
// remedy in its text; others when something that the specification names can't be opened or executed. Nothing has run
// when Start fails.
//
// Start may be called by many goroutines at once. Whoever called it has to call Close or Wait.
func Start(ctx context.Context, spec Spec) (*Process, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	spec.Limits = spec.Limits.withDefaults()
	return start(ctx, spec)
}

// Log returns the last LogLimit bytes that the program wrote to stderr.
func (p *Process) Log() string { return p.log.String() }

// Done is closed when all processes inside are gone.
func (p *Process) Done() <-chan struct{} { return p.done }

// Kill ends all processes inside. It returns at once and may be called more than once, also after the end.
func (p *Process) Kill() { p.end(ErrKilled) }

// end kills for a reason; the first one counts.
func (p *Process) end(cause error) {
	select {
	case <-p.done:
		return
	default:
	}
	p.mu.Lock()
	if p.cause == nil {
		p.cause = cause
	}
	p.mu.Unlock()
	p.kill()
}

// Wait waits until all processes inside are gone. It returns nil for exit code 0 of the first process, else an *ExitError. What is left in Stdout may
// still be read. It may be called more than once.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// Close kills what still runs, waits for its end and closes Stdin and Stdout. Its error is Wait's if the program had ended by
// itself, nil if Close killed it.
func (p *Process) Close() error {
	p.Kill()
	err := p.Wait()
	_ = p.Stdin.Close()
	_ = p.stdout.Close()
	if errors.Is(err, ErrKilled) {
		return nil
	}
	return err
}
