package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/nanteos/nanteos/model/train"
	"github.com/nanteos/nanteos/python"
)

// torchPrograms are what an interpreter runs, beside each other in a folder.
var torchPrograms = []string{"torch_train.py", "torch_model.py"}

// torchGrace is how long workers may take to end when they are asked to.
const torchGrace = 5 * time.Second

// torchProblem is an error that the worker tells.
type torchProblem struct {
	// Kind: missing (something is to be installed), model, input, state, absent (a file), memory, internal.
	Kind string `json:"kind"`
	Text string `json:"text"`
	// Fatal says that the worker ends.
	Fatal bool `json:"fatal"`
}

// as makes an error of a problem.
func (p *torchProblem) as() error {
	wrap := map[string]error{"missing": ErrTorchMissing, "model": ErrModel, "input": ErrTokens, "state": train.ErrState, "absent": os.ErrNotExist, "memory": ErrTorchMemory}[p.Kind]
	switch {
	case p.Kind == "missing":
		return fmt.Errorf("%w: %s. %s", wrap, p.Text, TorchHow)
	case p.Kind == "memory":
		return fmt.Errorf("%w: %s. Take a smaller TorchOptions.PassTokens or micro-batch, or more processes", wrap, p.Text)
	case wrap != nil:
		return fmt.Errorf("%w: %s", wrap, p.Text)
	}
	return fmt.Errorf("the PyTorch worker failed: %s", p.Text)
}

// torchProcess is a running launcher or worker. One goroutine uses it, except for kill.
type torchProcess struct {
	dir     string // with the programs, and for temporary files of the workers
	in      io.WriteCloser
	out     io.ReadCloser
	log     *torchLog
	pid     int
	ended   chan struct{} // closed when the process has ended and was waited for
	pending chan exchanged
	limit   time.Duration
	dead    error // why nothing more can be asked
}

// exchanged is the outcome of an exchange.
type exchanged struct {
	header  torchReply
	payload []byte
	err     error
}

// torchReply is the header of every reply; a reply has what its command tells.
type torchReply struct {
	Error *torchProblem `json:"error"`
	TorchInfo
	Vocabulary int  `json:"vocabulary"`
	Positions  int  `json:"positions"`
	Parameters int  `json:"parameters"`
	Sharded    bool `json:"sharded"`
	Finite     bool `json:"finite"`
	Steps      int  `json:"steps"`
}

// startTorch writes the programs into a folder and starts the launcher with options, which becomes JSON.
func startTorch(interpreter, options string, env []string, limit time.Duration) (p *torchProcess, err error) {
	path, err := exec.LookPath(interpreter)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: no interpreter %s: %v. %s", ErrTorchMissing, interpreter, err, TorchHow)
	}
	p = &torchProcess{log: &torchLog{}, ended: make(chan struct{}), limit: limit}
	if p.dir, err = os.MkdirTemp("", "nanteos-torch-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(p.dir)
		}
	}()
	for _, name := range torchPrograms {
		b, err := python.Files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(p.dir, name), b, 0o600); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(path, "-B", filepath.Join(p.dir, torchPrograms[0]), "launch", options)
	cmd.Env = append([]string{"HOME=" + p.dir, "TMPDIR=" + p.dir, "LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1", "TOKENIZERS_PARALLELISM=false",
		"PATH=" + filepath.Dir(path) + ":/usr/local/cuda/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
		"OMP_WAIT_POLICY=PASSIVE", // threads that spin while they wait take the processor from those that they wait for
		"CUDA_DEVICE_ORDER=PCI_BUS_ID", "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True"}, env...)
	cmd.Stderr, cmd.SysProcAttr, cmd.WaitDelay = p.log, ownGroup(), time.Second
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	// A pipe of our own: Wait would close that of StdoutPipe before it is read to its end.
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.out, cmd.Stdout = r, w
	started := make(chan error)
	go func() {
		// The process ends with the thread that starts it: this one stays until then.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		w.Close()
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		r.Close()
		return nil, err
	}
	p.pid = cmd.Process.Pid
	return p, nil
}

// exchange sends a command and waits for the reply; nil command only waits. payload parts are sent one after the other; the reply's payload has at most most
// bytes. When ctx ends first, the worker goes on: its reply is awaited before the next command, and dropped.
func (p *torchProcess) exchange(ctx context.Context, command any, most int, payload ...[]byte) (torchReply, []byte, error) {
	fail := func(err error) (torchReply, []byte, error) { return torchReply{}, nil, err }
	if p.dead != nil {
		return fail(p.dead)
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	timer := time.NewTimer(p.limit)
	defer timer.Stop()
	if p.pending != nil {
		if x := p.await(ctx, timer); x.err != nil {
			return fail(x.err)
		}
	}
	var head []byte
	if command != nil {
		size := 0
		for _, b := range payload {
			size += len(b)
		}
		var err error
		if head, err = encodeTorch(command, size); err != nil {
			return fail(err)
		}
	}
	done := make(chan exchanged, 1)
	p.pending = done
	go func() {
		var x exchanged
		for _, b := range append([][]byte{head}, payload...) {
			if x.err == nil && len(b) > 0 {
				_, x.err = p.in.Write(b)
			}
		}
		// A worker that told why it ends has told it before its pipe broke.
		var err error
		if x.payload, err = readTorch(p.out, &x.header, uint64(most)); err != nil {
			x.err = errors.Join(x.err, err)
		} else {
			x.err = nil
		}
		done <- x
	}()
	x := p.await(ctx, timer)
	if x.err != nil {
		return fail(x.err)
	}
	if e := x.header.Error; e != nil {
		if err := e.as(); e.Fatal {
			p.kill()
			p.dead = fmt.Errorf("%w: %w", ErrTorchDied, err)
			return fail(p.dead)
		} else {
			return fail(err)
		}
	}
	return x.header, x.payload, nil
}

// await takes the outcome of the exchange that is under way. An error of it ends the process, but for the end of ctx.
func (p *torchProcess) await(ctx context.Context, timer *time.Timer) exchanged {
	select {
	case x := <-p.pending:
		p.pending = nil
		if x.err != nil {
			p.kill()
			why := x.err.Error()
			if errors.Is(x.err, io.EOF) || errors.Is(x.err, io.ErrUnexpectedEOF) {
				why = "it closed its pipe"
			}
			p.dead = fmt.Errorf("%w: %s%s", ErrTorchDied, why, p.log.last())
			x.err = p.dead
			if p.log.memory() {
				p.dead = fmt.Errorf("%w: %w", p.dead, ErrTorchMemory)
				x.err = p.dead
			}
		}
		return x
	case <-ctx.Done():
		return exchanged{err: ctx.Err()}
	case <-timer.C:
		p.kill()
		p.dead = fmt.Errorf("%w: no reply within %s", ErrTorchDied, p.limit)
		return exchanged{err: p.dead}
	}
}

// kill ends the process and all that it started, and waits until it has ended.
func (p *torchProcess) kill() {
	select {
	case <-p.ended:
	default:
		killGroup(p.pid)
		<-p.ended
	}
	// Readers and writers of an exchange end, too. Workers of torchrun are in groups of their own: they end with it.
	p.in.Close()
	p.out.Close()
	os.RemoveAll(p.dir)
}

// close asks the process to end, and ends it.
func (p *torchProcess) close() {
	if p.dead == nil && p.pending == nil {
		p.in.Close()
		select {
		case <-p.ended:
		case <-time.After(torchGrace):
		}
	}
	if p.dead == nil {
		p.dead = ErrClosed
	}
	p.kill()
}

// torchLog keeps the end of what a process writes to its standard error.
type torchLog struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer.
func (l *torchLog) Write(b []byte) (int, error) {
	const most = 64 << 10
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
	if over := len(l.text) - most; over > 0 {
		l.text = append(l.text[:0], l.text[over:]...)
	}
	return len(b), nil
}

// torchMark begins the line in which a worker says why it ends.
const torchMark = "nanteos: rank "

// last is what the process said about its end: a worker's own words, or else its last lines.
func (l *torchLog) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := strings.TrimSpace(string(l.text))
	if i := strings.Index(text, torchMark); i >= 0 {
		line, _, _ := strings.Cut(text[i+len("nanteos: "):], "\n")
		return ": " + line
	}
	if len(text) > 800 {
		text = "..." + text[len(text)-800:]
	}
	if text == "" {
		return ""
	}
	return "; its last words: " + text
}

// memory says that the process ended for want of memory, by its own words.
func (l *torchLog) memory() bool {
	line := l.last()
	return strings.HasPrefix(line, ": ") && strings.Contains(line, ": memory: ")
}
