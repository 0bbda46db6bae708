//go:build amd64 || arm64

package sandbox

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// self describes the test binary.
type self struct {
	path    string
	dynamic bool // built with cgo, as for -race
}

func ownProgram(t testing.TB) self {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		t.Fatal(err)
	}
	program, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	return self{path, program.Section(".interp") != nil}
}

const raceEnv = "GORACE=atexit_sleep_ms=0"

// attackSpec runs an attack of the test binary.
func attackSpec(t testing.TB, backend Backend, name string, args ...string) Spec {
	t.Helper()
	own := ownProgram(t)
	spec := Spec{
		Path: own.path, Args: append([]string{attackFlag, name}, args...), Env: []string{"ONLY=this"}, ReadOnly: []string{own.path},
		Files: map[string][]byte{"data": []byte("data")}, Limits: Limits{Memory: 4 << 30, FileSize: 8 << 20, Tmp: 32 << 20, CPU: 20 * time.Second},
		Backend: backend,
	}
	if own.dynamic {
		spec.Limits.Memory = -1
		spec.Env = append(spec.Env, raceEnv) // else race-instrumented programs sleep a second before they end
		for _, dir := range []string{"/lib", "/lib64", "/usr/lib"} {
			if _, err := os.Stat(dir); err == nil {
				spec.ReadOnly = append(spec.ReadOnly, dir)
			}
		}
	}
	return spec
}

// result is what came of a run.
type result struct {
	out, log string
	err      error
}

// run starts, reads at most 1 MiB of output, waits.
func run(t testing.TB, spec Spec) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	p, err := Start(ctx, spec)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	defer p.Close()
	out, err := io.ReadAll(io.LimitReader(p.Stdout, 1<<20))
	if err != nil {
		t.Fatalf("reading output: %v", err)
	}
	err = p.Wait()
	return result{string(out), p.Log(), err}
}

// eachBackend runs a test with every backend that works here, and checks that each leaves nothing behind.
func eachBackend(t *testing.T, test func(t *testing.T, backend Backend)) {
	report := Probe(t.Context())
	for backend, why := range map[Backend]error{Namespaces: report.Namespaces, Bubblewrap: report.Bubblewrap} {
		t.Run(backend.String(), func(t *testing.T) {
			if why != nil {
				t.Skipf("can't test: %v", why)
			}
			test(t, backend)
			hello(t, backend)
		})
	}
}

// hello is the next job.
func hello(t *testing.T, backend Backend) {
	t.Helper()
	start := time.Now()
	if r := run(t, attackSpec(t, backend, "hello")); r.err != nil || r.out != "held\n" {
		t.Errorf("the next job fails: %v\n%s%s", r.err, r.out, r.log)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("the next job took %s", took)
	}
}

// traces are what a sandbox could leave behind on the host.
type traces struct {
	mounts, files, temps int
}

func look(t *testing.T) traces {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	temps, err := os.ReadDir(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ours := 0
	for _, e := range temps {
		if strings.Contains(e.Name(), "nanteos-sandbox") || strings.HasPrefix(e.Name(), "bindfile") || e.Name() == "old" || e.Name() == "new" {
			ours++
		}
	}
	return traces{bytes.Count(mounts, []byte("\n")), len(files), ours}
}

// children counts processes of the host that descend from us, by the parent's number.
func children(t *testing.T) (pids []string) {
	t.Helper()
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		data, err := os.ReadFile(stat)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		if len(fields) > 1 && fields[1] == fmt.Sprint(os.Getpid()) {
			pids = append(pids, strings.TrimSpace(string(data)))
		}
	}
	return pids
}

// TestEscapes is the corpus: attack by attack, with each backend; none gets out, and the next job runs.
func TestEscapes(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("the host's secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	// A descriptor without close-on-exec, as a careless library opens them.
	leak, err := syscall.Open(secret, syscall.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(leak)
	own := ownProgram(t).path
	before, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	report := Probe(t.Context())
	start := look(t)
	t.Run("all", func(t *testing.T) { // at the same time; what is left is looked for after the last one
		for _, c := range []struct {
			name string
			args []string
			fork []bool
			died bool // the attacker has to die instead of holding
			edit func(*Spec)
		}{
			{name: "network", fork: []bool{false, true}},
			{name: "files", args: []string{secret, own}, fork: []bool{false, true}},
			{name: "writes", args: []string{own}, fork: []bool{false, true}},
			{name: "links", args: []string{secret}, fork: []bool{false}},
			{name: "descriptors", fork: []bool{false, true}},
			{name: "calls", fork: []bool{false, true}},
			{name: "namespaces", fork: []bool{false, true}},
			{name: "rights", fork: []bool{false, true}},
			{name: "prctl", fork: []bool{false, true}},
			{name: "limits", fork: []bool{false, true}},
			{name: "device", fork: []bool{false, true}, edit: func(s *Spec) { s.Devices = []string{"/dev/ptmx", "/dev/null", "/dev/ptmx"} }},
			{name: "memory", args: []string{fmt.Sprint(int64(4 << 30))}, fork: []bool{false}},
			{name: "disk", args: []string{fmt.Sprint(32 << 20), "names"}, fork: []bool{false}},
			{name: "processes", args: []string{"64"}, fork: []bool{true}},
			{name: "processes", args: []string{"0"}, fork: []bool{false}},
			{name: "daemon", fork: []bool{true}},
			{name: "signals", args: []string{"fork"}, fork: []bool{true}},
			{name: "signals", fork: []bool{false}},
			{name: "exec", args: []string{own}, fork: []bool{false}},
			{name: "dropped", args: []string{own}, fork: []bool{true}},
			{name: "x32", fork: []bool{false, true}, died: true},
			{name: "ia32", fork: []bool{false, true}, died: true},
			{name: "crash", fork: []bool{false}, died: true},
			{name: "spin", fork: []bool{false}, died: true, edit: func(s *Spec) { s.Limits.CPU = time.Second }},
		} {
			if (c.name == "x32" || c.name == "ia32") && runtime.GOARCH != "amd64" {
				continue
			}
			if c.name == "memory" && ownProgram(t).dynamic {
				continue // race-instrumented programs need all the address space there is
			}
			for _, fork := range c.fork {
				for backend, why := range map[Backend]error{Namespaces: report.Namespaces, Bubblewrap: report.Bubblewrap} {
					t.Run(fmt.Sprintf("%s/fork=%v/%s", c.name, fork, backend), func(t *testing.T) {
						t.Parallel()
						if why != nil {
							t.Skipf("can't test: %v", why)
						}
						if c.name == "dropped" && backend == Bubblewrap && !landlocked(t) {
							t.Skip("bubblewrap can't mount /tmp without exec, and there is no landlock")
						}
						spec := attackSpec(t, backend, c.name, c.args...)
						spec.Fork = fork
						if c.edit != nil {
							c.edit(&spec)
						}
						if c.name == "disk" && backend == Bubblewrap && os.Geteuid() != 0 {
							spec.Args[len(spec.Args)-1] = "bytes" // bwrap can't limit names, and for others than root we can't either
						}
						r := run(t, spec)
						held := r.err == nil && strings.HasSuffix(r.out, "held\n")
						if c.name == "signals" && backend == Bubblewrap && os.Geteuid() == 0 && r.out == "" {
							held = true // not the first process there: its child may kill it, and the end of the namespace follows
						}
						if strings.Contains(r.out, "ESCAPE") || held == c.died {
							t.Errorf("%v\n%s%s", r.err, r.out, r.log)
						}
						hello(t, backend)
					})
				}
			}
		}
	})
	if after, err := os.ReadFile(own); err != nil || !bytes.Equal(before, after) {
		t.Errorf("our own program has changed: %v", err)
	}
	if data, err := os.ReadFile(secret); err != nil || string(data) != "the host's secret" {
		t.Errorf("the secret has changed: %v", err)
	}
	if end := look(t); end.mounts != start.mounts || end.temps != start.temps || end.files > start.files+2 {
		t.Errorf("left behind: %+v, was %+v", end, start)
	}
	if left := children(t); len(left) > 0 {
		t.Errorf("left behind processes: %s", strings.Join(left, "\n"))
	}
}

// landlocked says whether Landlock is in force.
func landlocked(t *testing.T) bool {
	return slices.ContainsFunc(Probe(t.Context()).Layers, func(l Layer) bool { return l.Name == "landlock" && l.OK })
}

// TestSetuid: a setuid root program gives nothing. Only root can make one.
func TestSetuid(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("making a setuid program needs root: sudo go test ./internal/sandbox")
	}
	own := ownProgram(t)
	data, err := os.ReadFile(own.path)
	if err != nil {
		t.Fatal(err)
	}
	suid := filepath.Join(t.TempDir(), "suid")
	if err := errors.Join(os.WriteFile(suid, data, 0o755), os.Chmod(suid, 0o755|os.ModeSetuid|os.ModeSetgid)); err != nil {
		t.Fatal(err)
	}
	eachBackend(t, func(t *testing.T, backend Backend) {
		spec := attackSpec(t, backend, "setuid", suid)
		spec.ReadOnly = append(spec.ReadOnly, suid)
		spec.Fork = true
		if r := run(t, spec); r.err != nil || !strings.HasSuffix(r.out, "held\n") {
			t.Errorf("%v\n%s%s", r.err, r.out, r.log)
		}
	})
}

// TestTimeout: the context's end kills what ignores every signal, and what has been forked.
func TestTimeout(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend Backend) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p, err := Start(ctx, attackSpec(t, backend, "stubborn"))
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		line := make([]byte, 6)
		if _, err := io.ReadFull(p.Stdout, line); err != nil || string(line) != "ready\n" {
			t.Fatalf("%q %v %s", line, err, p.Log())
		}
		start := time.Now()
		cancel()
		err = p.Wait()
		var exit *ExitError
		if !errors.As(err, &exit) || !errors.Is(err, context.Canceled) {
			t.Errorf("Wait: %v", err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %s to die", took)
		}
		if _, err := p.Stdout.Read(line); err != io.EOF {
			t.Errorf("somebody still holds stdout: %v", err)
		}
	})
}

// TestFloods: output that nobody reads stops the program, what it says on stderr is bounded, and it can be killed all the while.
func TestFloods(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend Backend) {
		r := run(t, attackSpec(t, backend, "flood", "stderr"))
		if r.err != nil || len(r.log) != LogLimit {
			t.Errorf("stderr: %v, kept %d bytes", r.err, len(r.log))
		}
		p, err := Start(t.Context(), attackSpec(t, backend, "flood", "stdout"))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.CopyN(io.Discard, p.Stdout, 1<<20); err != nil {
			t.Fatalf("read %d: %v", n, err)
		}
		select {
		case <-p.Done():
			t.Errorf("a program that nobody reads has ended: %v", p.Wait())
		case <-time.After(50 * time.Millisecond):
		}
		if err := p.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

// TestParentDies: when the process that started a sandbox is killed, the sandbox dies.
func TestParentDies(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend Backend) {
		cmd := exec.Command(ownProgram(t).path, attackFlag, "keeper", backend.String())
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
		var pid int
		if _, err := fmt.Fscan(out, &pid); err != nil {
			t.Fatalf("keeper says nothing: %v", err)
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			t.Fatalf("sandboxed process %d: %v", pid, err)
		}
		defer unix.Close(fd)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 10_000)
		for err == unix.EINTR {
			n, err = unix.Poll(fds, 10_000)
		}
		if n != 1 || err != nil {
			t.Errorf("the sandbox survives its parent: %d %v", n, err)
		}
	})
}

// keeper is the parent of TestParentDies.
func keeper(args []string) {
	path, _ := os.Executable()
	path, _ = filepath.EvalSymlinks(path)
	backend := Namespaces
	if args[0] == Bubblewrap.String() {
		backend = Bubblewrap
	}
	spec := Spec{Path: path, Args: []string{attackFlag, "stubborn"}, ReadOnly: []string{path}, Limits: Limits{Memory: -1}, Backend: backend}
	for _, dir := range []string{"/lib", "/lib64", "/usr/lib"} {
		if _, err := os.Stat(dir); err == nil {
			spec.ReadOnly = append(spec.ReadOnly, dir)
		}
	}
	p, err := Start(context.Background(), spec)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	line := make([]byte, 6)
	_, _ = io.ReadFull(p.Stdout, line)
	fmt.Println(firstInside())
	select {}
}

// firstInside finds the process below us that runs the attack, as the host numbers it.
func firstInside() int {
	stats, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range stats {
		data, err := os.ReadFile(file)
		var pid int
		if err != nil || !bytes.HasSuffix(data, []byte(attackFlag+"\x00stubborn\x00")) {
			continue
		}
		if _, err := fmt.Sscanf(file, "/proc/%d/cmdline", &pid); err == nil && descends(pid, os.Getpid()) {
			return pid
		}
	}
	return 0
}

func descends(pid, from int) bool {
	for pid > 1 {
		if pid == from {
			return true
		}
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return false
		}
		var state string
		if _, err := fmt.Sscan(string(data[bytes.LastIndexByte(data, ')')+1:]), &state, &pid); err != nil {
			return false
		}
	}
	return false
}
