package kerneleval

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/nanteos/nanteos/task"
)

// Pool evaluates kernels, one at a time on each GPU. It is safe for several goroutines.
type Pool struct {
	config Config
	launch launcher
	ctx    context.Context // of the processes
	cancel context.CancelFunc
	slots  []*slot
	next   atomic.Uint64 // jobs go round the slots
	once   sync.Once
}

var _ task.Kernels = (*Pool)(nil)

// slot is a GPU with its processes. turn holds one token: who has it may use the rest.
type slot struct {
	pool *Pool
	gpu  int
	turn chan struct{}

	whole     *worker // with Quirks
	reference *worker
	candidate *worker
}

// New checks a configuration and prepares the pool; processes start with the first job, or with Ready. Errors wrap ErrBackend for a backend that isn't there,
// task.ErrNoTool where the GPU list or the interpreter is missing.
func New(c Config) (*Pool, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	env, err := newPythonEnv(c)
	if err != nil {
		return nil, err
	}
	return newPool(c, env.inSandbox), nil
}

func newPool(c Config, launch launcher) *Pool {
	p := &Pool{config: c, launch: launch}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	for _, id := range c.GPUs {
		s := &slot{pool: p, gpu: id, turn: make(chan struct{}, 1)}
		s.turn <- struct{}{}
		p.slots = append(p.slots, s)
	}
	return p
}

// Evaluate runs a candidate against a harness and returns the verdict. It waits for its turn on one of the GPUs. An error is no verdict: it wraps
// ErrMachine, ErrHarness, ErrSticky, ErrClosed, task.ErrNoTool where there is no sandbox, or the context's error.
func (p *Pool) Evaluate(ctx context.Context, test, kernel string) (task.KernelResult, error) {
	s := p.slots[(p.next.Add(1)-1)%uint64(len(p.slots))]
	return s.do(ctx, func() (task.KernelResult, error) {
		defer s.tidy()
		switch {
		case !p.config.Quirks:
			return s.apart(ctx, test, kernel)
		case p.config.Backend == Subprocess:
			return s.fresh(ctx, test, kernel)
		}
		return s.together(ctx, test, kernel)
	})
}

// do runs f when it is the caller's turn on the slot.
func (s *slot) do(ctx context.Context, f func() (task.KernelResult, error)) (task.KernelResult, error) {
	select {
	case <-s.turn:
		defer func() { s.turn <- struct{}{} }()
	case <-ctx.Done():
		return task.KernelResult{}, fmt.Errorf("couldn't evaluate kernel: %w", ctx.Err())
	}
	if s.pool.ctx.Err() != nil {
		return task.KernelResult{}, fmt.Errorf("couldn't evaluate kernel: %w", ErrClosed)
	}
	return f()
}

// tidy ends processes that have had their jobs; with the subprocess backend that is each one after its first.
func (s *slot) tidy() {
	limit := s.pool.config.Jobs
	if s.pool.config.Backend == Subprocess {
		limit = 1
	}
	for _, w := range []**worker{&s.whole, &s.reference, &s.candidate} {
		if *w != nil && ((*w).jobs >= limit || (*w).dead.Load()) {
			(*w).stop()
			*w = nil
		}
	}
}

// Close ends all processes. Jobs that run end without a verdict, and none starts afterwards.
func (p *Pool) Close() error {
	p.once.Do(func() {
		p.cancel()
		for _, s := range p.slots {
			<-s.turn
			for _, w := range []*worker{s.whole, s.reference, s.candidate} {
				w.stop()
			}
			s.whole, s.reference, s.candidate = nil, nil, nil
			s.turn <- struct{}{}
		}
	})
	return nil
}

// start launches a program. Errors wrap task.ErrNoTool where there is no sandbox: nothing runs without one.
func (s *slot) start(role string) (*worker, error) {
	proc, err := s.pool.launch(s.pool.ctx, role, s.gpu)
	switch {
	case s.pool.ctx.Err() != nil:
		return nil, fmt.Errorf("couldn't start kernel worker: %w", ErrClosed)
	case unavailable(err):
		return nil, fmt.Errorf("couldn't start kernel worker: %w: kernels are foreign code and run in a sandbox only: %w", task.ErrNoTool, err)
	case err != nil:
		return nil, fmt.Errorf("couldn't start kernel worker: %w: %w", ErrMachine, err)
	}
	return &worker{process: proc, role: role}, nil
}

// greeted returns a program that has said hello, an old one or a new one. Errors wrap ErrMachine, task.ErrNoTool or the context's.
func (s *slot) greeted(ctx context.Context, at **worker, role string) (*worker, error) {
	if *at == nil || (*at).dead.Load() {
		w, err := s.start(role)
		if err != nil {
			return nil, err
		}
		*at = w
	}
	w := *at
	if w.greeted {
		return w, nil
	}
	err := w.within(ctx, s.pool.config.StartTimeout, w.greet)
	if err == nil && w.hello.Failed != "" {
		err = errors.New(w.hello.Failed)
	}
	if err == nil && s.pool.config.Device == CUDA && role != roleCandidate {
		err = s.hasDevice(w)
	}
	if err != nil {
		why := w.why(err)
		w.stop()
		*at = nil
		if ctx.Err() != nil {
			return nil, fmt.Errorf("couldn't start kernel worker: %w", ctx.Err())
		}
		return nil, fmt.Errorf("couldn't start kernel worker on GPU %d: %w: %s", s.gpu, ErrMachine, why)
	}
	return w, nil
}

// hasDevice checks what a program found of its GPU.
func (s *slot) hasDevice(w *worker) error {
	switch {
	case w.hello.Devices == 0:
		return fmt.Errorf("there is no such GPU inside the sandbox: KERNEL_EVAL_GPU_IDS are physical indices as nvidia-smi shows them. Where nvidia-smi shows " +
			"it and torch.cuda.is_available() is true outside, the sandbox can't pass this driver on: run on a host whose /dev/nvidia* are open to all users, " +
			"or set GRAIL_GPU_EVAL=false")
	case w.hello.Triton == nil:
		return errors.New("this Python has no triton: pip install triton")
	case !w.hello.Healthy:
		return errors.New("the GPU can't add 1 and 1: see nvidia-smi")
	}
	return nil
}
