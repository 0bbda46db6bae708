package grader

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nanteos/nanteos/internal/sandbox"
	"github.com/nanteos/nanteos/python"
	"github.com/nanteos/nanteos/task"
)

const (
	maxRequest = 64 << 20 // bytes of a job
	maxAnswer  = 64 << 10 // bytes of a server's own frames
	startTime  = 60 * time.Second
	grace      = 5 * time.Second // for a server to answer after a job's time; it kills the job itself
)

// errServer says that a server has gone or answers nonsense: it is replaced.
var errServer = errors.New("grader's server failed")

// errOp says that the server has no such op.
var errOp = errors.New("no such operation")

// worker is one fork server in a sandbox. It belongs to one goroutine at a time.
type worker struct {
	process *sandbox.Process
	out     *bufio.Reader
	version string
	ops     []string
	result  int
	last    uint64
}

// start starts a server; life bounds its life, ctx only the start.
func start(ctx, life context.Context, python_ interpreter, cfg Config, kind kind) (*worker, error) {
	filter, err := sandbox.JobFilter()
	if err != nil {
		return nil, fmt.Errorf("couldn't make the filter for jobs: %w", err)
	}
	files, err := programs()
	if err != nil {
		return nil, err
	}
	see := slices.Clone(python_.See)
	var path []string
	memory := cfg.Memory
	if kind == packages {
		if path = cfg.SitePackages; len(path) == 0 {
			path = python_.Site
		}
		see = append(see, path...)
	}
	p, err := sandbox.Start(life, sandbox.Spec{
		Path: python_.Path, Args: []string{"-S", "-s", "-B", sandbox.FilesDir + "/grader.py"},
		Env:      []string{"PYTHONHASHSEED=0", "PYTHONUTF8=1", "LC_ALL=C.UTF-8", "HOME=/tmp", "TMPDIR=/tmp", "CUDA_VISIBLE_DEVICES=", "OPENBLAS_NUM_THREADS=1"},
		ReadOnly: see, Files: files, Fork: true, Backend: cfg.Backend,
		Limits: sandbox.Limits{Memory: memory + 512<<20, FileSize: 1 << 20, Tmp: 1 << 20, OpenFiles: 256, Processes: 16},
	})
	if err != nil {
		if errors.Is(err, sandbox.ErrUnavailable) {
			return nil, fmt.Errorf("couldn't start a grader: %w: %w", task.ErrNoTool, err)
		}
		return nil, fmt.Errorf("couldn't start a grader: %w", err)
	}
	w := &worker{process: p, out: bufio.NewReader(p.Stdout), result: cfg.Result}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	stop := context.AfterFunc(ctx, p.Kill)
	defer stop()
	var r ready
	err = writeFrame(p.Stdin, hello{hex.EncodeToString(filter), memory, 64, cfg.Result, kind == packages, kind == locked, append([]string{}, path...)})
	if err == nil {
		err = w.read(&r)
	}
	if err != nil {
		_ = w.close() // what it wrote says more than how it ended
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("couldn't start %s as a grader: %w; it said: %.2000q", python_.Path, err, p.Log())
	}
	w.version, w.ops = r.Version, r.Ops
	return w, nil
}

// programs are the files of package python.
func programs() (map[string][]byte, error) {
	entries, err := python.Files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("couldn't list the graders' programs: %w", err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if files[e.Name()], err = python.Files.ReadFile(e.Name()); err != nil {
			return nil, fmt.Errorf("couldn't read the graders' program %s: %w", e.Name(), err)
		}
	}
	return files, nil
}

// read reads a frame of the server's own.
func (w *worker) read(v any) error {
	body, err := readFrame(w.out, maxAnswer)
	if err != nil {
		return err
	}
	if err := decodeStrict(body, v); err != nil {
		return fmt.Errorf("couldn't decode %.100q: %w: %w", body, errFrame, err)
	}
	return nil
}

// do runs one job. Errors wrap task.ErrJobTimeout, task.ErrJobDied or errOp where the server is well, the context's error, or errServer; after the latter two
// the worker is to be closed.
func (w *worker) do(ctx context.Context, op string, job json.RawMessage, limit time.Duration) (json.RawMessage, error) {
	kill, cancel := context.WithTimeout(ctx, limit+grace)
	defer cancel()
	stop := context.AfterFunc(kill, w.process.Kill)
	result, err := w.exchange(op, job, limit)
	// A kill that came too late to spoil the answer still has killed the server.
	if !stop() && (err == nil || isVerdict(err)) || err != nil && !isVerdict(err) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("couldn't run %s: %w: %w; the server said: %.500q", op, errServer, err, w.process.Log())
	}
	return result, err
}

// isVerdict says whether an error is about the job and not about its server.
func isVerdict(err error) bool {
	return errors.Is(err, task.ErrJobTimeout) || errors.Is(err, task.ErrJobDied) || errors.Is(err, errOp)
}

func (w *worker) exchange(op string, job json.RawMessage, limit time.Duration) (json.RawMessage, error) {
	w.last++
	if err := writeFrame(w.process.Stdin, request{w.last, op, limit.Seconds(), job}); err != nil {
		return nil, err
	}
	var a answer
	if err := w.read(&a); err != nil {
		return nil, err
	}
	if a.ID != w.last {
		return nil, fmt.Errorf("%w: answer %d to job %d", errFrame, a.ID, w.last)
	}
	switch a.Outcome {
	case "result":
		return readFrame(w.out, w.result)
	case "timeout":
		return nil, fmt.Errorf("couldn't run %s in %v: %w", op, limit, task.ErrJobTimeout)
	case "died", "failed": // failed: the op raised, which foreign code can bring about by leaving no memory
		return nil, fmt.Errorf("couldn't run %s: %w: %.2000s", op, task.ErrJobDied, a.Detail)
	case "unknown":
		return nil, fmt.Errorf("couldn't run %s: %w: %.2000s", op, errOp, a.Detail)
	}
	return nil, fmt.Errorf("%w: outcome %.40q", errFrame, a.Outcome)
}

// close ends the server and all that it started.
func (w *worker) close() error {
	w.process.Kill()
	return w.process.Close()
}

// gone says whether the server has ended since its last job.
func (w *worker) gone() bool {
	select {
	case <-w.process.Done():
		return true
	default:
		return false
	}
}
