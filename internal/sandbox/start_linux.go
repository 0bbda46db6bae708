//go:build amd64 || arm64

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// selfExe is this program, also after its file has been replaced or deleted.
const selfExe = "/proc/self/exe"

// insideID is the user and group inside.
const insideID = 65534

func start(ctx context.Context, spec Spec) (*Process, error) {
	backend := spec.Backend
	if backend == Auto {
		report := probe(ctx)
		if !report.OK {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			return nil, report.unavailable()
		}
		backend = report.Backend
	}
	p, err := newPlan(&spec)
	if err != nil {
		return nil, err
	}
	return launch(ctx, backend, p)
}

// newPlan resolves what the specification names on the host.
func newPlan(spec *Spec) (*plan, error) {
	p := &plan{Path: spec.Path, Args: spec.Args, Env: spec.Env, Files: spec.Files, Devices: spec.Devices, Limits: spec.Limits,
		Fork: spec.Fork, TmpExec: spec.TmpExec, ID: -1}
	p.Devices = nil
	for _, dev := range spec.Devices {
		if slices.Contains(plainDevices, dev) || slices.Contains(p.Devices, dev) {
			continue
		}
		p.Devices = append(p.Devices, dev)
		if _, err := os.Stat(dev); err != nil {
			return nil, fmt.Errorf("couldn't show device %s inside: %w", dev, err)
		}
	}
	shown := slices.Clone(spec.ReadOnly)
	slices.Sort(shown) // parents before what lies in them
	for _, inside := range slices.Compact(shown) {
		if slices.ContainsFunc(p.Binds, func(b bind) bool { return b.Dir && under(inside, b.Inside) }) {
			continue
		}
		host, err := filepath.EvalSymlinks(inside)
		if err != nil {
			return nil, fmt.Errorf("couldn't show %s inside: %w", inside, err)
		}
		info, err := os.Stat(host)
		if err != nil {
			return nil, fmt.Errorf("couldn't show %s inside: %w", inside, err)
		}
		if host == "/" || host == "/sys" || under(host, "/proc") || under(host, "/sys") && !under(inside, "/sys") || under(host, "/dev") {
			return nil, fmt.Errorf("%w: %s leads to %s, which can't be shown inside", ErrSpec, inside, host)
		}
		if !info.IsDir() && !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%w: %s is neither a folder nor a file", ErrSpec, inside)
		}
		p.Binds = append(p.Binds, bind{Host: host, Inside: inside, Dir: info.IsDir()})
	}
	return p, nil
}

// pipes are the ends of a sandbox's pipes.
type pipes struct {
	stdin, stdout, stderr, config, status [2]*os.File // read end, write end
}

func (p *pipes) all() []*[2]*os.File {
	return []*[2]*os.File{&p.stdin, &p.stdout, &p.stderr, &p.config, &p.status}
}

func newPipes() (*pipes, error) {
	p := new(pipes)
	for _, pair := range p.all() {
		r, w, err := os.Pipe()
		if err != nil {
			p.close()
			return nil, fmt.Errorf("couldn't make pipes for the sandbox: %w", err)
		}
		pair[0], pair[1] = r, w
	}
	return p, nil
}

// inside are the ends that go in, as descriptors 0 to 4.
func (p *pipes) inside() []*os.File {
	return []*os.File{p.stdin[0], p.stdout[1], p.stderr[1], p.config[0], p.status[1]}
}

func (p *pipes) closeInside() {
	for _, f := range p.inside() {
		_ = f.Close()
	}
}

func (p *pipes) close() {
	for _, pair := range p.all() {
		for _, f := range pair {
			if f != nil {
				_ = f.Close()
			}
		}
	}
}

// setupTime bounds how long the building of a sandbox may take. It takes about 15 ms; a loaded machine may need much longer.
const setupTime = 30 * time.Second

// launch builds the sandbox with one backend and waits until the target has been executed.
func launch(ctx context.Context, backend Backend, p *plan) (*Process, error) {
	pp, err := newPipes()
	if err != nil {
		return nil, err
	}
	proc := &Process{Stdin: pp.stdin[1], stdout: pp.stdout[0], Stdout: pp.stdout[0], Backend: backend, done: make(chan struct{})}
	logged := make(chan struct{})
	var guest *guest
	if backend == Namespaces {
		guest, err = startNamespaces(p, pp)
	} else {
		guest, err = startBubblewrap(p, pp)
	}
	pp.closeInside()
	if err != nil {
		pp.close()
		return nil, err
	}
	proc.kill = guest.kill
	stop := context.AfterFunc(ctx, func() { proc.end(context.Cause(ctx)) })
	go func() {
		_, _ = io.Copy(&proc.log, pp.stderr[0])
		_ = pp.stderr[0].Close()
		close(logged)
	}()
	go func() {
		state := guest.wait()
		<-logged // all writers are gone; what they wrote last is on its way
		stop()
		proc.mu.Lock()
		cause := proc.cause
		proc.mu.Unlock()
		proc.err = exitError(state, backend, cause, proc.Log())
		close(proc.done)
	}()
	deadline := time.AfterFunc(setupTime, func() { proc.end(errSetupTime) })
	planErr := writePlan(pp.config[1], p)
	s, ok, statusErr := readStatus(pp.status[0])
	deadline.Stop()
	_, _ = pp.config[1].Close(), pp.status[0].Close()
	if ok && statusErr == nil && planErr == nil {
		proc.Layers = append(guest.layers, s.Layers...)
		if ctx.Err() == nil {
			return proc, nil
		}
	}
	proc.Kill()
	_ = proc.Wait()
	_ = proc.Stdin.Close()
	_ = proc.stdout.Close()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("couldn't start the sandbox: %w", context.Cause(ctx))
	case s.Error != "" && s.Machine:
		return nil, fmt.Errorf("%w: %s: %s", ErrUnavailable, s.Error, hint(backend))
	case s.Error != "":
		return nil, errors.New(s.Error)
	case statusErr != nil:
		return nil, statusErr
	case errors.Is(proc.err, errSetupTime):
		return nil, fmt.Errorf("couldn't start the sandbox: %w", errSetupTime)
	}
	return nil, guest.failed(proc.Log(), planErr)
}

var errSetupTime = fmt.Errorf("not ready within %s", setupTime)

// guest is a started sandbox as its backend sees it.
type guest struct {
	kill   func()
	wait   func() *os.ProcessState // until all processes inside are gone
	layers []Layer
	failed func(log string, err error) error // why it died before it said anything
}

// exitError describes an end.
func exitError(state *os.ProcessState, backend Backend, cause error, log string) error {
	e := &ExitError{Code: -1, Cause: cause, Log: log}
	if state != nil {
		ws, _ := state.Sys().(syscall.WaitStatus)
		switch {
		case ws.Exited():
			e.Code = ws.ExitStatus()
			if backend == Bubblewrap && e.Code > 128 && e.Code < 128+65 {
				e.Signal, e.Code = unix.SignalName(syscall.Signal(e.Code-128)), -1
			}
		case ws.Signaled():
			e.Signal = unix.SignalName(ws.Signal())
		}
	}
	if e.Code == 0 {
		return nil
	}
	return e
}

// startNamespaces clones the stage into namespaces of its own.
func startNamespaces(p *plan, pp *pipes) (*guest, error) {
	p.Build = true
	own, outside := insideID, os.Geteuid()
	sys := &syscall.SysProcAttr{
		Setsid:    true,
		Pdeathsig: syscall.SIGKILL,
		Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC |
			syscall.CLONE_NEWUTS | syscall.CLONE_NEWCGROUP,
	}
	note := "id 65534 inside is the caller's outside"
	if free, ok := freeID(); ok {
		// Two ids: root builds the root, since it may have to look into folders that are closed to others, and then turns into an id that owns nothing.
		sys.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: outside, Size: 1}, {ContainerID: own, HostID: free, Size: 1}}
		sys.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}, {ContainerID: own, HostID: free, Size: 1}}
		sys.GidMappingsEnableSetgroups = true
		p.ID = own
		note = fmt.Sprintf("id 65534 inside is %d outside, which owns nothing", free)
	} else {
		sys.UidMappings = []syscall.SysProcIDMap{{ContainerID: own, HostID: outside, Size: 1}}
		sys.GidMappings = []syscall.SysProcIDMap{{ContainerID: own, HostID: os.Getegid(), Size: 1}}
		// Exec by an id other than 0 loses the capabilities over the new namespaces, unless they are ambient.
		sys.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP}
	}
	group, groupLayer := newCgroup(p.Limits)
	if group != nil {
		sys.UseCgroupFD, sys.CgroupFD = true, int(group.dir.Fd())
	}
	child, err := startTied(pp, sys)
	if err != nil {
		group.remove()
		return nil, fmt.Errorf("%w: couldn't make namespaces: %w: %s", ErrUnavailable, err, hint(Namespaces))
	}
	return &guest{
		kill: func() { group.kill(); _ = child.Kill() },
		wait: func() *os.ProcessState {
			state, _ := child.Wait()
			group.remove()
			return state
		},
		layers: []Layer{{Name: "namespaces", OK: true, Note: "user, pid, net, mount, ipc, uts, cgroup; " + note}, groupLayer},
		failed: func(log string, err error) error {
			return fmt.Errorf("%w: the building process died (%v): %s: %s", ErrUnavailable, err, lastLine(log), hint(Namespaces))
		},
	}, nil
}

// starter is the one thread that starts sandboxes. Pdeathsig means the death of the thread that called clone, not of the process, so that thread must live as
// long as the process; this one does.
var starter = sync.OnceValue(func() chan<- func() {
	jobs := make(chan func())
	go func() {
		runtime.LockOSThread()
		for job := range jobs {
			job()
		}
	}()
	return jobs
})

// startTied starts the stage so that it dies with us.
func startTied(pp *pipes, sys *syscall.SysProcAttr) (child *os.Process, err error) {
	return startFile(selfExe, []string{stageName}, pp.inside(), sys)
}

func startFile(path string, argv []string, files []*os.File, sys *syscall.SysProcAttr) (child *os.Process, err error) {
	done := make(chan struct{})
	starter() <- func() {
		defer close(done)
		child, err = os.StartProcess(path, argv, &os.ProcAttr{Dir: "/", Env: []string{}, Files: files, Sys: sys})
	}
	<-done
	return child, err
}
