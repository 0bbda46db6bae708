package grader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nanteos/nanteos/internal/sandbox"
	"github.com/nanteos/nanteos/task"
)

// ErrBusy says that too many jobs wait already. Whoever asked may ask again later; it is no verdict.
var ErrBusy = errors.New("too many jobs wait for a grader")

// ErrClosed says that the pool has been closed.
var ErrClosed = errors.New("grader is closed")

// Config says how foreign Python is run. The zero value is a good one.
type Config struct {
	// Interpreter is the CPython to use, a path or a name on PATH; a shim or a virtual environment stands for what is behind it. Empty: the best of
	// python3.12, python3, python3.13 and python3.11 on PATH.
	Interpreter string
	// Workers is how many jobs run at the same time, each worker a server in a sandbox of its own, started when it is first needed. 0: one per processor.
	Workers int
	// SitePackages are folders with packages that ops may import: sympy for op equal. Only servers of such ops see them. Empty: those of
	// Interpreter, the virtual environment's where it is one.
	SitePackages []string
	// Memory is the address space of a job in bytes; default 1 GiB. A program that wants more gets a MemoryError.
	Memory int64
	// Result is how many bytes a job's result may have; default 8 MiB.
	Result int
	// Timeout is the wall time of jobs that name none themselves; default 30 s.
	Timeout time.Duration
	// Queue is how many jobs may wait for a worker; default 4096. More fail with ErrBusy.
	Queue int
	// Backend is the sandbox's.
	Backend sandbox.Backend
}

func (c Config) withDefaults() Config {
	def(&c.Workers, runtime.GOMAXPROCS(0))
	def(&c.Memory, 1<<30)
	def(&c.Result, 8<<20)
	def(&c.Timeout, 30*time.Second)
	def(&c.Queue, 4096)
	return c
}

func def[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// kind is a kind of server. Each has workers of its own, started when the first job comes for them.
type kind int

const (
	plain    kind = iota
	locked        // serves nothing but ops of python/code.py, and has given up all else before the first job
	packages      // has loaded big packages before the first job
	kinds
)

// kindOf says which servers have an op.
func kindOf(op string) kind {
	switch op {
	case "check", "execute", "grade_code":
		return locked
	case "equal", "sympy":
		return packages
	}
	return plain
}

// Pool runs jobs in a bounded number of workers. It implements task.Python. Close it when it is no longer needed.
type Pool struct {
	cfg    Config
	life   context.Context
	end    context.CancelFunc
	groups [kinds]chan *worker // idle workers, nil for one that is to be started
	wait   atomic.Int64        // jobs that wait or run

	mu     sync.Mutex
	python *interpreter // found at the first job; guarded by mu
	closed sync.Once
}

var _ task.Python = (*Pool)(nil)

// New makes a pool. Nothing is started before Ready or the first job.
func New(cfg Config) *Pool {
	p := &Pool{cfg: cfg.withDefaults()}
	p.life, p.end = context.WithCancel(context.Background())
	for g := range p.groups {
		p.groups[g] = make(chan *worker, p.cfg.Workers)
		for range p.cfg.Workers {
			p.groups[g] <- nil
		}
	}
	return p
}

// Ready finds the interpreter and starts a worker. Errors wrap task.ErrNoTool where there is no suitable interpreter or no sandbox, and say what to do.
func (p *Pool) Ready(ctx context.Context) error {
	var v struct {
		OK          bool    `json:"ok"`
		SyntaxError bool    `json:"syntax_error"`
		Error       *string `json:"error"`
	}
	if err := p.Do(ctx, "check", map[string]string{"code": "x = 1"}, &v); err != nil {
		return fmt.Errorf("couldn't make Python ready: %w", err)
	}
	if !v.OK {
		return fmt.Errorf("couldn't make Python ready: it can't compile x = 1: %v", v)
	}
	return nil
}

// Version is the interpreter's, such as "3.12.1"; empty before Ready or the first job.
func (p *Pool) Version() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.python == nil {
		return ""
	}
	return p.python.Version
}

// Do runs one job in a process of its own and decodes its result strictly. The job's wall time is what its method Limit() time.Duration says, where it has one;
// else the number of seconds in its field timeout and two more; else Config.Timeout. Errors wrap task.ErrJobTimeout or task.ErrJobDied where the
// program is to blame, ErrBusy, ErrClosed, task.ErrNoTool, or the context's error.
//
// A job whose server goes down is run again on a fresh one; when that goes down too, the job is what did it.
func (p *Pool) Do(ctx context.Context, op string, job, result any) error {
	body, err := json.Marshal(job)
	if err != nil {
		return fmt.Errorf("couldn't encode job %s: %w", op, err)
	}
	limit := p.limit(job, body)
	for try := 1; ; try++ {
		raw, err := p.once(ctx, op, body, limit)
		switch {
		case err == nil:
			if err := decodeStrict(raw, result); err != nil {
				return fmt.Errorf("couldn't decode the result of %s, %.100q: %w: %w", op, raw, task.ErrJobDied, err)
			}
			return nil
		case !errors.Is(err, errServer):
			return err
		case p.life.Err() != nil:
			return fmt.Errorf("couldn't run %s: %w", op, ErrClosed)
		case try == 2:
			return fmt.Errorf("%w: %w", task.ErrJobDied, err)
		}
	}
}

// limit is the wall time of a job.
func (p *Pool) limit(job any, body []byte) time.Duration {
	const most = 24 * time.Hour
	limit := p.cfg.Timeout
	var field struct {
		Timeout *float64 `json:"timeout"`
	}
	if l, ok := job.(interface{ Limit() time.Duration }); ok {
		limit = l.Limit()
	} else if json.Unmarshal(body, &field) == nil && field.Timeout != nil && *field.Timeout >= 0 && *field.Timeout < most.Seconds() {
		limit = time.Duration(*field.Timeout*float64(time.Second)) + 2*time.Second
	}
	return min(max(limit, time.Millisecond), most)
}

// once runs a job on the next idle worker.
func (p *Pool) once(ctx context.Context, op string, body json.RawMessage, limit time.Duration) (json.RawMessage, error) {
	defer p.wait.Add(-1)
	if p.wait.Add(1) > int64(p.cfg.Queue+p.cfg.Workers) {
		return nil, fmt.Errorf("couldn't run %s: %w", op, ErrBusy)
	}
	group := kindOf(op)
	var w *worker
	select {
	case w = <-p.groups[group]:
	case <-ctx.Done():
		return nil, fmt.Errorf("couldn't run %s: %w", op, ctx.Err())
	case <-p.life.Done():
		return nil, fmt.Errorf("couldn't run %s: %w", op, ErrClosed)
	}
	defer func() { p.groups[group] <- w }()
	if err := errors.Join(ctx.Err(), p.life.Err()); err != nil {
		return nil, fmt.Errorf("couldn't run %s: %w", op, err)
	}
	if w != nil && w.gone() {
		_ = w.close()
		w = nil
	}
	if w == nil {
		python_, err := p.interpreter(ctx)
		if err != nil {
			return nil, err
		}
		if w, err = start(ctx, p.life, python_, p.cfg, group); err != nil {
			w = nil
			if p.life.Err() != nil {
				err = fmt.Errorf("couldn't run %s: %w", op, ErrClosed)
			}
			return nil, err
		}
	}
	raw, err := w.do(ctx, op, body, limit)
	if err != nil && !isVerdict(err) {
		_ = w.close()
		w = nil
	}
	return raw, err
}

// interpreter finds the interpreter once; a failure is tried again with the next job.
func (p *Pool) interpreter(ctx context.Context) (interpreter, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.python == nil {
		found, err := findInterpreter(ctx, p.cfg.Interpreter)
		if err != nil {
			return interpreter{}, err
		}
		p.python = &found
	}
	return *p.python, nil
}

// Close ends all workers and what runs in them, and returns when they are gone. Jobs that wait or run fail with ErrClosed.
func (p *Pool) Close() error {
	p.closed.Do(func() {
		p.end()
		for _, group := range p.groups {
			for range p.cfg.Workers {
				if w := <-group; w != nil {
					_ = w.close()
				}
			}
		}
	})
	return nil
}
