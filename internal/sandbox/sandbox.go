// Package sandbox runs programs that nobody trusts: code that a language model wrote, and that somebody is paid for if it passes.
//
// # Whom it stops
//
// The attacker has full control of a process inside: any system call, any instruction, as many attempts as it likes, and it knows this code. It
// wants the host's files and keys, the network, another job's answer, a program that outlives its job, or merely that the validator stalls. What is
// not promised: secrecy against side channels of the processor, and safety from a bug in the kernel's own allowed calls (a virtual machine
// around the validator is the answer to those).
//
// # The layers, and what each one stops
//
//   - namespaces: user (no right over anything of the host), pid (sees and signals only itself; when its first process dies the kernel
//     kills all the others, daemons and double forks included), net (not even loopback is up), mount, ipc, uts, cgroup
//   - an id that owns nothing: inside it is 65534 (nobody); where the caller is root, outside it is a number far above all accounts
//   - a root of its own: pivot_root onto a small read-only tmpfs with Spec.ReadOnly bound read-only, nosuid and nodev; /dev has null, zero, full, random and
//     urandom; /proc shows only processes it may trace, has nothing else in it and can't be written; /tmp is a tmpfs of Limits.Tmp; the
//     old root is detached, so neither chroot nor ".." nor a kept descriptor leads out
//   - no capability, empty bounding set, no_new_privs: setuid programs and nested namespaces give nothing
//   - seccomp: an allow-list of system calls; what is known and forbidden answers EPERM, what is unknown ENOSYS, another architecture's
//     call (ia32, x32) is death. No sockets at all, no mount, ptrace, keyrings, bpf, userfaultfd, io_uring, perf, namespaces. Without Spec.Fork
//     there is no fork, and no exec either: the only exec allowed is one of a descriptor number that can't be opened any more
//   - Landlock, where the kernel has it: the same file rules once more, no TCP, signals and abstract sockets only within
//   - rlimits: memory, file size, descriptors, processes and threads, processor time, no core dumps. cgroup v2 (pids.max, memory.max for all
//     processes together) where a delegated group with these controllers is at hand
//   - descriptors: stdin, stdout, stderr and nothing else. Environment: Spec.Env and nothing else. A new session without a terminal
//   - time: the context's end kills the whole pid namespace from outside, and so does the death of the parent
//
// Our own program file is not reachable from inside: the process that prepares the sandbox becomes the target by exec, so no
// /proc/N/exe leads to it (the way of CVE-2019-5736).
//
// # How
//
// Start re-executes this very program under a reserved name; an init function of this package recognises the name, before main and before any test,
// builds the sandbox and turns into the target. Where the kernel refuses namespaces to us, bubblewrap (bwrap on PATH) builds them
// instead and the same code sets the rest. Where neither works Start fails with ErrUnavailable and says what to do; it never runs
// anything with less. Probe tells what works before anything is started.
package sandbox

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// ErrUnavailable says that this machine offers no sandbox. The error's text names the reason and the remedy. The caller must not run
// the program without one.
var ErrUnavailable = errors.New("no sandbox works here")

// ErrSpec says that the specification itself is wrong: the caller's mistake, not the machine's.
var ErrSpec = errors.New("bad sandbox specification")

// Backend is who builds the namespaces.
type Backend int

const (
	Auto       Backend = iota // Namespaces where they work, else Bubblewrap
	Namespaces                // this program itself
	Bubblewrap                // bwrap on PATH, 0.7.0 or newer
)

// String names the backend as configuration and doctor spell it.
func (b Backend) String() string {
	switch b {
	case Auto:
		return "auto"
	case Namespaces:
		return "namespaces"
	case Bubblewrap:
		return "bubblewrap"
	}
	return fmt.Sprintf("Backend(%d)", int(b))
}

// FilesDir is where Spec.Files lie inside.
const FilesDir = "/nanteos"

// Spec is a program to run and all that it may see.
type Spec struct {
	// Path is the program, an absolute host path under one of ReadOnly. It has to be a real executable: a script (such as a pyenv shim)
	// can't be the target without Fork.
	Path string
	// Args follow the program's name, which is Path.
	Args []string
	// Env is the whole environment, "NAME=value". HOME and TMPDIR, when wanted, are "/tmp".
	Env []string
	// ReadOnly are host files and folders visible at the same place, with all mounts below them, read-only. Symbolic links in
	// a path are followed on the host: /lib64 shows what it leads to. They must be readable for everybody, since the process has an id
	// that owns nothing. "/", /tmp, /proc, /dev and /sys are refused; folders below /sys are for drivers, with Devices only.
	ReadOnly []string
	// Files are written to FilesDir, by plain file names.
	Files map[string][]byte
	// Devices are host device files to read, write and ioctl, at the same place: for GPUs. With them the system calls that drivers need are
	// allowed and /proc is whole.
	Devices []string
	Limits  Limits
	// Fork allows more processes and exec of what is visible. Threads are always allowed, within Limits.Processes.
	Fork bool
	// TmpExec allows to execute and map code from /tmp, for compilers that load what they made. Bubblewrap always allows it.
	TmpExec bool
	Backend Backend
}

// Limits bound what one sandbox takes. Zero is the default that the field names, negative is no limit.
type Limits struct {
	// Memory is bytes of address space of each process, and bytes of memory of all together where cgroup v2 works; default 1 GiB. Without cgroup v2 a
	// sandbox with Fork may take Processes times as much; the kernel then ends its processes first (oom_score_adj 1000).
	Memory    int64
	FileSize  int64         // bytes of one file; default 16 MiB
	Tmp       int64         // bytes of /tmp; default 64 MiB; can't be unlimited
	OpenFiles int           // descriptors of each process; default 64
	Processes int           // processes and threads together; default 64
	CPU       time.Duration // processor time of each process, in whole seconds rounded up; default none
}

const (
	defaultMemory    = 1 << 30
	defaultFileSize  = 16 << 20
	defaultTmp       = 64 << 20
	defaultOpenFiles = 64
	defaultProcesses = 64
	// maxFiles bounds the bytes of all of Spec.Files: they travel through memory.
	maxFiles = 64 << 20
	// LogLimit is how many bytes of the end of stderr Process.Log keeps.
	LogLimit = 16 << 10
)

// withDefaults returns the limits with zeros replaced.
func (l Limits) withDefaults() Limits {
	def := func(v *int64, d int64) {
		if *v == 0 {
			*v = d
		}
	}
	def(&l.Memory, defaultMemory)
	def(&l.FileSize, defaultFileSize)
	def(&l.Tmp, defaultTmp)
	if l.OpenFiles == 0 {
		l.OpenFiles = defaultOpenFiles
	}
	if l.Processes == 0 {
		l.Processes = defaultProcesses
	}
	return l
}

// check reports what is wrong with the specification itself, without looking at the machine.
func (s *Spec) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrSpec, fmt.Sprintf(format, args...))
	}
	clean := func(p string) bool { return filepath.IsAbs(p) && filepath.Clean(p) == p && !strings.ContainsRune(p, 0) }
	if !clean(s.Path) {
		return bad("path %q is not absolute and clean", s.Path)
	}
	for _, p := range s.ReadOnly {
		if !clean(p) {
			return bad("read-only path %q is not absolute and clean", p)
		}
		if p == "/" || p == "/tmp" || p == "/sys" || under(p, "/proc") || under(p, "/sys") && len(s.Devices) == 0 || under(p, "/dev") || under(p, FilesDir) {
			return bad("%s can't be shown inside", p)
		}
	}
	for _, p := range s.Devices {
		if !clean(p) || !under(p, "/dev") || p == "/dev" {
			return bad("device %q is not a file under /dev", p)
		}
	}
	total := 0
	for name, data := range s.Files {
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") || len(name) > 255 {
			return bad("file name %q: wanted a plain name", name)
		}
		if total += len(data); total > maxFiles {
			return bad("files of more than %d bytes together", maxFiles)
		}
	}
	for _, list := range [][]string{s.Args, s.Env} {
		for _, v := range list {
			if strings.ContainsRune(v, 0) {
				return bad("argument or variable with a zero byte")
			}
		}
	}
	for _, v := range s.Env {
		if i := strings.IndexByte(v, '='); i <= 0 {
			return bad("a variable of the environment without a name") // no text of it: it may be a secret
		}
	}
	if s.Limits.Tmp < 0 {
		return bad("/tmp without a limit")
	}
	if s.Backend < Auto || s.Backend > Bubblewrap {
		return bad("unknown backend %d", int(s.Backend))
	}
	return nil
}

// under says that p is dir or lies below it.
func under(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}
