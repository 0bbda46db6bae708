package sandbox

import (
	"fmt"
	"runtime"

	"github.com/elastic/go-seccomp-bpf/arch"
)

// The lists name calls of amd64 and arm64; a name that an architecture lacks is left out there, a name that neither has is an error.

// computing is what any program needs: memory, files it may see, clocks, signals to itself, waiting.
var computing = []string{
	"read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "pwritev", "pwritev2", "lseek", "close", "close_range",
	"fstat", "stat", "lstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2", "readlink", "readlinkat",
	"getdents", "getdents64", "getcwd", "chdir", "fchdir", "umask", "fadvise64",
	"mmap", "mprotect", "munmap", "mremap", "madvise", "brk", "mincore", "msync", "mlock", "munlock", "membarrier",
	"futex", "futex_waitv", "set_robust_list", "get_robust_list", "set_tid_address", "rseq", "arch_prctl", "getcpu", "restart_syscall",
	"exit", "exit_group", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigsuspend", "rt_sigtimedwait", "sigaltstack",
	"pause", "alarm", "setitimer", "getitimer",
	"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "times",
	"getpid", "getppid", "gettid", "getpgid", "getpgrp", "getsid", "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid",
	"getgroups", "capget", "getrlimit", "getrusage", "getpriority", "getrandom", "uname", "sysinfo",
	"sched_yield", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "sched_get_priority_max", "sched_get_priority_min",
	"poll", "ppoll", "select", "pselect6", "dup", "pipe", "pipe2",
}

// housekeeping is what a program may do beyond that with its own /tmp, its own processes and its own descriptors.
var housekeeping = []string{
	"open", "creat", "openat", "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink",
	"symlinkat", "truncate", "ftruncate", "fallocate", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat", "utime",
	"utimes", "futimesat", "utimensat", "fsync", "fdatasync", "sync_file_range", "flock", "fcntl", "sendfile", "copy_file_range", "getxattr",
	"lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr", "readahead",
	"dup2", "dup3", "eventfd", "eventfd2", "signalfd", "signalfd4", "timerfd_create", "timerfd_settime", "timerfd_gettime",
	"epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
	"kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "wait4", "waitid", "prlimit64", "setrlimit", "setpgid", "setsid",
	"sched_setaffinity", "timer_create", "timer_settime", "timer_gettime", "timer_getoverrun", "timer_delete", "mlock2", "munlockall", "mseal",
}

// forking is what Spec.Fork adds.
var forking = []string{"fork", "vfork", "execve", "pidfd_open", "pidfd_send_signal"}

// driving is what Spec.Devices adds.
var driving = []string{"memfd_create", "mbind", "get_mempolicy", "set_mempolicy", "mlockall"}

// forbidden calls are known and answer EPERM, so that a program hears a plain no. All others answer ENOSYS, on which C libraries
// fall back to older calls.
var forbidden = []string{
	"socket", "socketpair", "connect", "accept", "accept4", "bind", "listen", "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg",
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "pidfd_getfd", "kcmp",
	"mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
	"unshare", "setns", "open_by_handle_at", "name_to_handle_at", "mknod", "mknodat", "swapon", "swapoff", "quotactl", "quotactl_fd", "acct",
	"add_key", "request_key", "keyctl", "bpf", "userfaultfd", "perf_event_open", "io_uring_setup", "io_uring_enter", "io_uring_register",
	"io_setup", "io_submit", "io_cancel", "io_destroy", "io_getevents",
	"kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot", "syslog", "vhangup", "nfsservctl", "lookup_dcookie",
	"iopl", "ioperm", "modify_ldt", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname",
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid", "capset", "personality",
	"shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semctl", "semtimedop", "msgget", "msgsnd", "msgrcv", "msgctl",
	"mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify", "mq_getsetattr",
	"splice", "vmsplice", "tee", "sync", "syncfs", "fanotify_init", "fanotify_mark", "inotify_init", "inotify_init1", "inotify_add_watch",
	"setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "setpriority", "ioprio_set", "sched_setscheduler",
	"sched_setparam", "sched_setattr", "remap_file_pages", "move_pages", "migrate_pages", "seccomp", "landlock_create_ruleset",
	"landlock_add_rule", "landlock_restrict_self", "memfd_secret",
}

const (
	cloneNewSpaces = 0x7e020000 // CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET
	cloneThread    = 0x00010000
	cloneParent    = 0x00008000 // a sibling instead of a child: would escape the server's wait
	atEmptyPath    = 0x1000
	// openWrites are the flags of open that make, change or cut a file: O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_TMPFILE's own bit.
	openWrites = 0x1 | 0x2 | 0x40 | 0x200 | 0x400000

	anyBits = 0xffffffff
)

// is holds where the argument, as an int, equals v.
func is(arg int, v uint32) []condition { return []condition{{arg: arg, mask: anyBits, value: v}} }

// oneOf has an alternative for each value of an int argument.
func oneOf(arg int, values ...uint32) [][]condition {
	out := make([][]condition, len(values))
	for i, v := range values {
		out[i] = is(arg, v)
	}
	return out
}

// plainIoctls ask about a descriptor and change nothing but its own flags: FIOCLEX, FIONCLEX, FIONBIO, FIONREAD, TCGETS, TIOCGWINSZ.
// TIOCSTI, which types on a terminal, is not among them.
var plainIoctls = oneOf(1, 0x5451, 0x5450, 0x5421, 0x541b, 0x5401, 0x5413)

// builder collects rules by names.
type builder struct {
	policy
	info  *arch.Info
	known func(string) bool
	err   error
}

// newBuilder starts a policy for an architecture as Go names it.
func newBuilder(goarch string, fallback uint32) (*builder, error) {
	b := &builder{policy: policy{plain: map[uint32]uint32{}, fallback: fallback}}
	switch goarch {
	case "amd64":
		b.info, b.x32 = arch.X86_64, true
	case "arm64":
		b.info = arch.AARCH64
	default:
		return nil, fmt.Errorf("couldn't make a system call filter: no table for architecture %s", goarch)
	}
	b.arch = uint32(b.info.ID)
	b.known = func(name string) bool {
		_, x := arch.X86_64.SyscallNames[name]
		_, a := arch.AARCH64.SyscallNames[name]
		return x || a
	}
	return b, nil
}

// number looks a name up; false where the architecture lacks it.
func (b *builder) number(name string) (uint32, bool) {
	n, ok := b.info.SyscallNames[name]
	if !ok && !b.known(name) && b.err == nil {
		b.err = fmt.Errorf("couldn't make a system call filter: no call is named %s", name)
	}
	return uint32(n), ok
}

// set gives names a verdict. Later ones win.
func (b *builder) set(verdict uint32, names ...string) {
	for _, name := range names {
		if n, ok := b.number(name); ok {
			b.plain[n] = verdict
		}
	}
}

// when gives a name a verdict that depends on its arguments.
func (b *builder) when(name string, otherwise uint32, alternatives ...[]condition) {
	if n, ok := b.number(name); ok {
		delete(b.plain, n)
		b.calls = append(b.calls, call{number: n, verdict: retAllow, otherwise: otherwise, alternatives: alternatives})
	}
}

// finish assembles.
func (b *builder) finish() ([]instruction, error) {
	if b.err != nil {
		return nil, b.err
	}
	return b.assemble()
}

// baseFilter is the filter of everything in a sandbox. execFD is the descriptor number through which the target is executed; when the limit of
// open files is at most execFD, no later exec can use it.
func baseFilter(goarch string, fork, devices bool, execFD int) ([]instruction, error) {
	b, err := newBuilder(goarch, errnoNosys)
	if err != nil {
		return nil, err
	}
	b.set(errnoPerm, forbidden...)
	b.set(retAllow, computing...)
	b.set(retAllow, housekeeping...)
	b.set(errnoPerm, "fork", "vfork", "execve", "memfd_create")
	noSpaces := condition{arg: 0, mask: cloneNewSpaces | cloneParent, value: 0}
	if fork {
		b.set(retAllow, forking...)
		b.when("clone", errnoPerm, []condition{noSpaces})
		b.set(retAllow, "execveat")
	} else {
		b.when("clone", errnoPerm, []condition{{arg: 0, mask: cloneNewSpaces | cloneParent | cloneThread, value: cloneThread}})
		b.when("execveat", errnoPerm, []condition{
			{arg: 0, mask: anyBits, value: uint32(execFD)}, {arg: 4, mask: anyBits, value: atEmptyPath},
		})
	}
	b.set(errnoNosys, "clone3", "openat2") // flags behind a pointer can't be judged
	if devices {
		b.set(retAllow, driving...)
		// Drivers have hundreds of ioctls. The terminal's are their own bits 0x54xx.
		b.when("ioctl", errnoPerm, append(ioctlsButTerminals(), plainIoctls...)...)
	} else {
		b.when("ioctl", errnoPerm, plainIoctls...)
	}
	b.when("prctl", errnoPerm, append(oneOf(0,
		2 /* GET_PDEATHSIG */, 3 /* GET_DUMPABLE */, 15 /* SET_NAME */, 16 /* GET_NAME */, 21 /* GET_SECCOMP */, 22, /* SET_SECCOMP: only narrower */
		23 /* CAPBSET_READ */, 27 /* GET_SECUREBITS */, 29 /* SET_TIMERSLACK */, 30 /* GET_TIMERSLACK */, 38 /* SET_NO_NEW_PRIVS */, 39, /* GET_NO_NEW_PRIVS */
		41 /* SET_THP_DISABLE */, 42 /* GET_THP_DISABLE */, 0x53564d41, /* SET_VMA: names of memory */
	), []condition{{arg: 0, mask: anyBits, value: 4 /* SET_DUMPABLE */}, {arg: 1, mask: anyBits, value: 0, wide: true}})...)
	b.when("personality", errnoPerm, is(0, anyBits), is(0, 0)) // ask only
	return b.finish()
}

// ioctlsButTerminals allows every ioctl whose second byte is not 0x54 ('T'), one alternative for each bit in which it may differ.
func ioctlsButTerminals() [][]condition {
	var out [][]condition
	for bit := uint32(0x0100); bit <= 0x8000; bit <<= 1 {
		out = append(out, []condition{{arg: 1, mask: bit, value: ^uint32(0x5400) & bit}})
	}
	return out
}

// JobFilter gives the second-stage filter for a child that a server inside a sandbox (Spec.Fork) forks for one job: an assembled classic BPF program, an array of
// struct sock_filter (8 bytes each), for this machine's architecture. A child that installs it can compute, read files it may see, write to
// descriptors it has, wait, run threads and exit. It can't fork, exec, make or change files, send signals (not even raise), change limits,
// use sockets or prctl: those answer EPERM (files: EACCES, unknown calls: ENOSYS); calls of another architecture kill.
//
// In Python, in the child, after fork and before a byte of foreign code:
//
//	import ctypes
//	libc = ctypes.CDLL(None, use_errno=True)          # in the server, before fork
//	class Prog(ctypes.Structure):
//	    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
//	program = open("/nanteos/job.bpf", "rb").read()   # in the server; Spec.Files["job.bpf"] is JobFilter's result
//	buf = ctypes.create_string_buffer(program, len(program)); prog = Prog(len(program) // 8, ctypes.addressof(buf))
//	if libc.prctl(22, ctypes.c_ulong(2), ctypes.byref(prog), ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0: os._exit(70)
//
// no_new_privs, which the call needs, is set already. What the server has to do besides, because its children share its pid namespace and its id:
//
//   - be non-dumpable before the first fork: libc.prctl(4, 0, 0, 0, 0) (PR_SET_DUMPABLE). Children inherit it. Then no job opens
//     /proc/N/mem, /proc/N/fd or /proc/N/environ of the server or of another job (the kernel refuses tracing rights); /proc hides them as well
//   - in the child close every descriptor but the job's result pipe (os.closerange), and replace 0, 1 and 2 by /dev/null or pipes of the
//     job: the server's own stdout is its answer to the host. Open what is needed before the filter: afterwards /dev/null can't be opened for writing
//   - set the job's own limits before the filter (resource.setrlimit: RLIMIT_CPU, RLIMIT_AS, RLIMIT_NPROC is shared), and timers as wanted (setitimer stays allowed)
//   - kill a job that exceeds its time with SIGKILL from the server and wait for it. The server is the first process of its namespace: the kernel keeps
//     SIGKILL of its children from it, orphans become its children (os.waitpid(-1, os.WNOHANG)), and when it dies everything dies
//   - leave SIGINT and SIGTERM at their default (as first process it then ignores them)
//   - trust nothing that a job writes: bound it, parse it as data
func JobFilter() ([]byte, error) {
	prog, err := jobFilter(runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	return encode(prog), nil
}

// jobFilter is JobFilter for any architecture.
func jobFilter(goarch string) ([]instruction, error) {
	b, err := newBuilder(goarch, errnoNosys)
	if err != nil {
		return nil, err
	}
	b.set(errnoPerm, forbidden...)
	b.set(errnoPerm, housekeeping...)
	b.set(errnoPerm, forking...)
	b.set(errnoPerm, driving...)
	b.set(errnoPerm, "execveat")
	b.set(errnoAcces, "creat", "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink",
		"symlinkat", "truncate", "ftruncate", "fallocate", "chmod", "fchmod", "fchmodat", "fchmodat2")
	b.set(retAllow, computing...)
	b.set(retAllow, "dup2", "dup3", "eventfd2", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait")
	b.set(errnoNosys, "clone3", "openat2")
	reads := func(arg int) []condition { return []condition{{arg: arg, mask: openWrites, value: 0}} }
	b.when("open", errnoAcces, reads(1))
	b.when("openat", errnoAcces, reads(2))
	b.when("clone", errnoPerm, []condition{{arg: 0, mask: cloneNewSpaces | cloneParent | cloneThread, value: cloneThread}})
	b.when("ioctl", errnoPerm, plainIoctls...)
	b.when("fcntl", errnoPerm, oneOf(1, 0 /* F_DUPFD */, 1 /* F_GETFD */, 2 /* F_SETFD */, 3 /* F_GETFL */, 1030 /* F_DUPFD_CLOEXEC */)...)
	b.when("prlimit64", errnoPerm, []condition{{arg: 0, mask: anyBits, value: 0}, {arg: 2, mask: anyBits, value: 0, wide: true}})
	b.when("prctl", errnoPerm, oneOf(0, 15 /* SET_NAME */, 16 /* GET_NAME */, 3 /* GET_DUMPABLE */, 0x53564d41 /* SET_VMA */)...)
	return b.finish()
}
