//go:build amd64 || arm64

package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestPipes: what goes in comes out, the end of input ends the program, exit codes and signals are told apart.
func TestPipes(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend Backend) {
		p, err := Start(t.Context(), attackSpec(t, backend, "echo"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(p.Stdin, "one\ntwo\n"); err != nil {
			t.Fatal(err)
		}
		_ = p.Stdin.Close()
		out, err := io.ReadAll(p.Stdout)
		if want := "you said one\nyou said two\nheld\n"; err != nil || string(out) != want {
			t.Errorf("%q %v", out, err)
		}
		if err := p.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if p.Backend != backend || len(p.Layers) < 3 {
			t.Errorf("built by %s with %v", p.Backend, p.Layers)
		}
		var exit *ExitError
		if r := run(t, attackSpec(t, backend, "exit", "7")); !errors.As(r.err, &exit) || exit.Code != 7 || exit.Log != "last words\n" || exit.Cause != nil {
			t.Errorf("exit: %+v", r)
		}
		if r := run(t, attackSpec(t, backend, "x32")); !errors.As(r.err, &exit) || exit.Signal != "SIGSYS" {
			t.Logf("signal: %+v", r) // arm64 has no such call
		}
	})
}

// TestFails: what can't be started says why, leaves nothing and is not mistaken for a missing sandbox.
func TestFails(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	eachBackend(t, func(t *testing.T, backend Backend) {
		for want, edit := range map[string]func(*Spec){
			"couldn't show /no/such/folder":  func(s *Spec) { s.ReadOnly = append(s.ReadOnly, "/no/such/folder") },
			"couldn't open /usr/bin/nothing": func(s *Spec) { s.Path = "/usr/bin/nothing" },
			"not a script":                   func(s *Spec) { s.Path, s.ReadOnly = script, append(s.ReadOnly, script) },
			"/dev/nothing":                   func(s *Spec) { s.Devices = []string{"/dev/nothing"} },
		} {
			spec := attackSpec(t, backend, "hello")
			edit(&spec)
			p, err := Start(t.Context(), spec)
			if err == nil {
				_ = p.Close()
			}
			if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, ErrUnavailable) {
				t.Errorf("want %q: %v", want, err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Start(ctx, attackSpec(t, backend, "hello")); !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that has ended: %v", err)
		}
	})
}

// TestMany starts, kills and closes from many goroutines at once.
func TestMany(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend Backend) {
		var all sync.WaitGroup
		for i := range 12 {
			all.Go(func() {
				p, err := Start(t.Context(), attackSpec(t, backend, []string{"hello", "stubborn"}[i%2]))
				if err != nil {
					t.Errorf("Start: %v", err)
					return
				}
				go p.Kill()
				_ = p.Close()
				_ = p.Wait()
				p.Kill()
			})
		}
		all.Wait()
		if left := children(t); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

// TestShowsLinks: a path through symbolic links shows what it leads to, and nested paths are shown once.
func TestShowsLinks(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(dir+"/real", 0o755), os.WriteFile(dir+"/real/file", nil, 0o644), os.Symlink("real", dir+"/link")); err != nil {
		t.Fatal(err)
	}
	p, err := newPlan(&Spec{ReadOnly: []string{dir + "/link/file", dir + "/link", dir + "/real", dir + "/link"}})
	if err != nil || len(p.Binds) != 2 || p.Binds[0].Inside != dir+"/link" || !strings.HasSuffix(p.Binds[0].Host, "/real") {
		t.Errorf("%+v %v", p, err)
	}
	if err := os.Symlink("/proc", dir+"/proc"); err != nil {
		t.Fatal(err)
	}
	if _, err := newPlan(&Spec{ReadOnly: []string{dir + "/proc"}}); !errors.Is(err, ErrSpec) {
		t.Errorf("a link to /proc: %v", err)
	}
}

// TestProbe: cached, and it names each layer with what it is or why it isn't.
func TestProbe(t *testing.T) {
	r := Probe(t.Context())
	start := time.Now()
	_ = Probe(t.Context())
	if took := time.Since(start); took > time.Millisecond {
		t.Errorf("the second probe took %s", took)
	}
	if !r.OK {
		if !errors.Is(r.Namespaces, ErrUnavailable) || !errors.Is(r.Bubblewrap, ErrUnavailable) {
			t.Fatalf("%+v", r)
		}
		if _, err := Start(t.Context(), Spec{Path: "/bin/true"}); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("Start: %v", err)
		}
		t.Skipf("no sandbox here: %v", r.unavailable())
	}
	for _, l := range r.Layers {
		if l.Name == "" || l.Note == "" || !l.OK && l.Hint == "" {
			t.Errorf("%+v", l)
		}
		t.Logf("%s %v: %s", l.Name, l.OK, l.Note)
	}
}

// TestNeverUnsandboxed: where no namespaces are to be had, nothing runs, and the error says what to do.
func TestNeverUnsandboxed(t *testing.T) {
	cmd := exec.Command(ownProgram(t).path, attackFlag, "unsandboxed")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Skipf("can't play such a machine: %v", err)
	}
	if string(out) != "held\n" {
		t.Errorf("%s %v", out, err)
	}
}

// refuses is TestNeverUnsandboxed from inside.
func refuses(escaped func(string, ...any)) {
	if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
		escaped("can't switch namespaces off: %v", err)
		return
	}
	for _, backend := range []Backend{Auto, Namespaces, Bubblewrap} {
		p, err := Start(context.Background(), Spec{Path: "/usr/bin/true", ReadOnly: []string{"/usr"}, Backend: backend})
		if p != nil || !errors.Is(err, ErrUnavailable) {
			escaped("%s: %v", backend, err)
			continue
		}
		installed := backend != Bubblewrap || !strings.Contains(err.Error(), "not installed")
		if text := err.Error(); installed && !strings.Contains(text, "user.max_user_namespaces=15000") {
			escaped("%s gives no remedy: %s", backend, text)
		}
	}
	if r := Probe(context.Background()); r.OK || len(r.Layers) > 0 {
		escaped("probe says %+v", r)
	}
}

// TestHints: each known obstacle has its remedy.
func TestHints(t *testing.T) {
	for want, files := range map[string]map[string]string{
		"AppArmor":            {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n"},
		"userns_clone=1":      {"/proc/sys/kernel/unprivileged_userns_clone": "0\n", "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "0\n"},
		"max_user_namespaces": {"/proc/sys/user/max_user_namespaces": "0\n"},
		"systempaths":         {"/.dockerenv": ""},
		"install bubblewrap":  {},
	} {
		got := hintFrom(Namespaces, func(name string) ([]byte, error) {
			if text, ok := files[name]; ok {
				return []byte(text), nil
			}
			return nil, os.ErrNotExist
		})
		if !strings.Contains(got, want) {
			t.Errorf("%v: %q lacks %q", files, got, want)
		}
	}
	r := Report{Namespaces: fmt.Errorf("%w: one", ErrUnavailable), Bubblewrap: fmt.Errorf("%w: two", ErrUnavailable)}
	if err := r.unavailable(); !errors.Is(err, ErrUnavailable) || err.Error() != ErrUnavailable.Error()+": one; and two" {
		t.Errorf("%v", err)
	}
}

// TestCgroups plays a delegated group with folders: the right parent is chosen, the limits are written.
func TestCgroups(t *testing.T) {
	root := t.TempDir()
	own := filepath.Join(root, "nanteos.service", "main")
	if err := os.MkdirAll(own, 0o755); err != nil {
		t.Fatal(err)
	}
	control := func(dir, text string) {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	control(own, "")
	control(filepath.Dir(own), "cpu memory pids\n")
	parents := cgroupParents(root, "/nanteos.service/main")
	if len(parents) != 2 || parents[0] != own {
		t.Fatalf("%v", parents)
	}
	g, err := makeCgroup(parents, Limits{Memory: 1 << 30, Processes: 10}.withDefaults())
	if g == nil {
		t.Skipf("folders don't do: %v", err) // limit files can't be written without being there
	}
	defer g.dir.Close()
	if filepath.Dir(g.path) != filepath.Dir(own) {
		t.Errorf("made at %s", g.path)
	}
	if data, err := os.ReadFile(filepath.Join(g.path, "pids.max")); err != nil || string(data) != "26" {
		t.Errorf("%q %v", data, err)
	}
	control(filepath.Dir(own), "cpu\n")
	if _, err := makeCgroup(parents, Limits{}); err == nil || !strings.Contains(err.Error(), "pids and memory") {
		t.Errorf("without controllers: %v", err)
	}
	if got := cgroupParents(root, "/"); len(got) != 1 {
		t.Errorf("at the root: %v", got)
	}
	var none *cgroup
	none.kill()
	none.remove()
}

// TestStatus: what the building process tells, as it may be cut off.
func TestStatus(t *testing.T) {
	for text, want := range map[string]struct {
		ok    bool
		error string
	}{
		"":                         {false, ""},
		"{\"Layers\":[]}\n":        {true, ""},
		"{\"Error\":\"broken\"}":   {false, "broken"},
		"{}\n{\"Error\":\"late\"}": {false, "late"},
	} {
		s, ok, err := readStatus(strings.NewReader(text))
		if ok != want.ok || s.Error != want.error || err != nil {
			t.Errorf("%q: %+v %v %v", text, s, ok, err)
		}
	}
	if _, _, err := readStatus(strings.NewReader("{\"Lay")); err == nil {
		t.Error("half a line passed")
	}
	var buf bytes.Buffer
	if err := writePlan(&buf, &plan{Path: "/x", Files: map[string][]byte{"a": {0, 1}}}); err != nil {
		t.Fatal(err)
	}
	data := buf.Bytes()
	p, err := readPlan(bytes.NewReader(data))
	if err != nil || p.Path != "/x" || !bytes.Equal(p.Files["a"], []byte{0, 1}) {
		t.Errorf("%+v %v", p, err)
	}
	for _, bad := range [][]byte{nil, data[:7], data[:len(data)-1], bytes.Repeat([]byte{0xff}, 16)} {
		if _, err := readPlan(bytes.NewReader(bad)); err == nil {
			t.Errorf("%d bytes passed", len(bad))
		}
	}
}

// BenchmarkStart is the cost of a sandbox: from Start to the end of a program that does nothing, the Go runtime's start twice included.
func BenchmarkStart(b *testing.B) {
	report := Probe(b.Context())
	for backend, why := range map[Backend]error{Namespaces: report.Namespaces, Bubblewrap: report.Bubblewrap} {
		b.Run(backend.String(), func(b *testing.B) {
			if why != nil {
				b.Skip(why)
			}
			spec := attackSpec(b, backend, "hello")
			for b.Loop() {
				p, err := Start(b.Context(), spec)
				if err != nil {
					b.Fatal(err)
				}
				if err := p.Wait(); err != nil {
					b.Fatal(err)
				}
				_ = p.Close()
			}
		})
	}
}
