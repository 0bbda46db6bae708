// Package environments gives the environments of tasks what they need of this machine: datasets, a sandboxed Python, GPUs. A role, a devnet or a command
// makes one Kit of its configuration. Nothing is started before it is asked for, so a network whose problems are arithmetic needs neither Python nor
// a dataset.
package environments

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"time"

	"github.com/nanteos/nanteos/internal/datasets"
	"github.com/nanteos/nanteos/internal/grader"
	"github.com/nanteos/nanteos/internal/kerneleval"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/catalog"
	"github.com/nanteos/nanteos/task/dataset"
	"github.com/nanteos/nanteos/task/triton"
)

// Config says where things are on this machine. The zero value looks for all of them in the usual places.
type Config struct {
	// Samples opens the small datasets of the program's own where none was pulled. A network whose checkpoint names the digest of such a sample gets it
	// either way.
	Samples bool
	// DataDir is the folder of datasets; empty: that of the user, where nanteos data pull puts them.
	DataDir string
	// GraderPython is the interpreter that grades programs, a path or a name on PATH; empty: the best that is found. GraderWorkers is how many programs it
	// grades at the same time, 0 for one per processor. Sympy is the folder that has sympy in it; empty: that of the interpreter.
	GraderPython  string
	GraderWorkers int
	Sympy         string
	// KernelPython is the interpreter that has torch and triton; empty: python3 on PATH.
	KernelPython string
	// GPUEval, KernelGPUs, KernelBackend and KernelTimeout are GRAIL_GPU_EVAL, KERNEL_EVAL_GPU_IDS, KERNEL_EVAL_BACKEND and KERNEL_EVAL_TIMEOUT, as text.
	GPUEval, KernelGPUs, KernelBackend, KernelTimeout string
}

// Kit is what environments need of this machine. It is safe for several goroutines. Close it when nothing uses it any more.
type Kit struct {
	cfg  Config
	data *sets
	// python is the grader. It starts by itself when it is first needed.
	python *grader.Pool

	mu      sync.Mutex
	kernels map[bool]*kerneleval.Pool // by quirks, those that were started; guarded by mu
}

// New makes a kit. Nothing is opened or started.
func New(cfg Config) *Kit {
	g := grader.Config{Interpreter: cfg.GraderPython, Workers: cfg.GraderWorkers}
	if cfg.Sympy != "" {
		g.SitePackages = []string{cfg.Sympy}
	}
	k := &Kit{cfg: cfg, data: &sets{samples: cfg.Samples}, python: grader.New(g)}
	folder := cfg.DataDir
	if folder == "" {
		folder, _ = datasets.DefaultFolder() // without a home folder there are only samples
	}
	if folder != "" {
		k.data.store = datasets.New(folder, datasets.Options{})
	}
	return k
}

// Tools returns what an environment that is opened with these options is given. Where it runs programs, the interpreter is started: a machine that can't
// run them refuses the environment as a whole, not the first program. Kernels are among them where the environment is the one that has them and
// the options or this machine want them run; the error wraps task.ErrNoTool where they can't be.
func (k *Kit) Tools(env string, o task.Options) (task.Tools, error) {
	tools := task.Tools{Data: k.data, Python: k.python}
	if NeedsOf(env).Python {
		ctx, cancel := context.WithTimeout(context.Background(), startTime)
		defer cancel()
		if err := k.python.Ready(ctx); err != nil {
			return tools, err
		}
	}
	if !NeedsOf(env).GPU || !triton.GPUEval(o.Params, kerneleval.ParseGPUEval(k.cfg.GPUEval)) {
		return tools, nil
	}
	pool, err := k.pool(o.Quirks)
	if err != nil {
		return tools, err
	}
	tools.Kernels = pool
	return tools, nil
}

// startTime bounds the start of interpreters. Where kernels are evaluated, torch and the device have to be loaded.
const startTime = 5 * time.Minute

// pool returns the evaluation of kernels, started.
func (k *Kit) pool(quirks bool) (*kerneleval.Pool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if p := k.kernels[quirks]; p != nil {
		return p, nil
	}
	p, err := kerneleval.New(k.kernelConfig(quirks))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	if err := p.Ready(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	if k.kernels == nil {
		k.kernels = map[bool]*kerneleval.Pool{}
	}
	k.kernels[quirks] = p
	return p, nil
}

func (k *Kit) kernelConfig(quirks bool) kerneleval.Config {
	c := kerneleval.Config{Backend: k.cfg.KernelBackend, GPUs: kerneleval.ParseGPUs(k.cfg.KernelGPUs), Python: k.cfg.KernelPython, Quirks: quirks}
	if k.cfg.KernelTimeout != "" {
		c.Timeout = kerneleval.ParseTimeout(k.cfg.KernelTimeout)
	}
	if c.Python == "" {
		c.Python, _ = exec.LookPath("python3")
	}
	return c
}

// Open opens an environment with the tools of the kit.
func (k *Kit) Open(id string, o task.Options) (task.Environment, error) {
	var err error
	if o.Tools, err = k.Tools(id, o); err != nil {
		return nil, fmt.Errorf("couldn't open environment %s: %w", id, err)
	}
	return catalog.Open(id, o)
}

// Dataset returns the dataset of an environment, nil where the environment has none.
func (k *Kit) Dataset(ctx context.Context, id string) (*dataset.Set, error) {
	if !NeedsOf(id).Dataset {
		return nil, nil
	}
	return k.data.Open(ctx, dataset.Canonical(id))
}

// Close ends what was started.
func (k *Kit) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.python.Close()
	for _, p := range k.kernels {
		err = errors.Join(err, p.Close())
	}
	k.kernels = nil
	return err
}

// Describe tells people which dataset of an environment has a digest: its source, and the beginning of the digest.
func (k *Kit) Describe(ctx context.Context, env, digest string) string {
	s, err := k.data.OpenDigest(ctx, env, digest)
	if err != nil || s.Digest != digest {
		return fmt.Sprintf("dataset %.12s…", digest)
	}
	if IsSample(s) {
		return fmt.Sprintf("the built-in sample of %d rows (%.12s…)", rows(s), digest)
	}
	return fmt.Sprintf("%s (%.12s…)", s.Source, digest)
}

// SampleSource is the source of the program's own datasets.
const SampleSource = "sample"

// IsSample says whether a dataset is one of the program's own.
func IsSample(s *dataset.Set) bool { return s.Source == SampleSource }

func rows(s *dataset.Set) (n int) {
	for _, size := range s.Sizes() {
		n += size
	}
	return n
}

// sets are the datasets of this machine: those that were pulled, and the samples.
type sets struct {
	store   *datasets.Store // nil where there is no folder
	samples bool

	mu   sync.Mutex
	kept map[string]*dataset.Set // samples by environment; guarded by mu
}

// Open returns the dataset that was pulled for an environment, else its sample where samples are wanted.
func (s *sets) Open(ctx context.Context, env string) (*dataset.Set, error) {
	set, err := s.pulled(ctx, env)
	if errors.Is(err, task.ErrNoTool) && s.samples {
		return s.sample(env)
	}
	return set, err
}

// OpenDigest returns the dataset of a digest: the sample, or one that was pulled or imported at any time; else what Open returns.
func (s *sets) OpenDigest(ctx context.Context, env, digest string) (*dataset.Set, error) {
	if set, err := s.sample(env); err == nil && set.Digest == digest {
		return set, nil
	}
	if s.store != nil {
		if set, err := s.store.OpenDigest(ctx, env, digest); err == nil || !errors.Is(err, task.ErrNoTool) {
			return set, err
		}
	}
	return s.Open(ctx, env)
}

func (s *sets) pulled(ctx context.Context, env string) (*dataset.Set, error) {
	if s.store == nil {
		return nil, fmt.Errorf("couldn't open the dataset of %s: %w: there is no folder of datasets", env, task.ErrNoTool)
	}
	return s.store.Open(ctx, env)
}

func (s *sets) sample(env string) (*dataset.Set, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if set := s.kept[env]; set != nil {
		return set, nil
	}
	set, err := dataset.Sample(env)
	if err != nil {
		return nil, err
	}
	if s.kept == nil {
		s.kept = map[string]*dataset.Set{}
	}
	s.kept[env] = set
	return set, nil
}
