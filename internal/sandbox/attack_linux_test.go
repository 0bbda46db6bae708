//go:build amd64 || arm64

package sandbox

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// An attack runs inside a sandbox and tells what it got out of it: each line is an escape, no line is none.
type attack func(args []string, escaped func(format string, args ...any))

// runAttack is the life of an attacker: it prints its escapes and "held" or "escaped", and exits with 0 or 1.
func runAttack(name string, args []string) {
	run, ok := attacks[name]
	if !ok {
		fmt.Println("no attack is named", name)
		os.Exit(2)
	}
	code := 0
	run(args, func(format string, args ...any) {
		code = 1
		fmt.Printf("ESCAPE "+format+"\n", args...)
	})
	if code == 0 {
		fmt.Println("held")
	}
	os.Exit(code)
}

// denied says that a call was refused by permission or not known at all, and not for its arguments.
func denied(e error) bool {
	return errors.Is(e, unix.EPERM) || errors.Is(e, unix.ENOSYS) || errors.Is(e, unix.EACCES) || errors.Is(e, unix.EROFS)
}

func number(name string) (uintptr, bool) {
	info := arch.X86_64
	if runtime.GOARCH == "arm64" {
		info = arch.AARCH64
	}
	n, ok := info.SyscallNames[name]
	return uintptr(n), ok
}

// attacks is the corpus. They are written for one process, and for the first one where Fork is given.
var attacks = map[string]attack{
	// hello is the job that has to work after each attack.
	"hello": func([]string, func(string, ...any)) {},

	"network": func(_ []string, escaped func(string, ...any)) {
		for _, family := range []int{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK, unix.AF_PACKET, unix.AF_VSOCK, unix.AF_ALG} {
			for _, kind := range []int{unix.SOCK_STREAM, unix.SOCK_DGRAM, unix.SOCK_RAW} {
				if fd, err := unix.Socket(family, kind, 0); err == nil {
					escaped("socket of family %d, kind %d: descriptor %d", family, kind, fd)
				}
			}
		}
		if _, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0); err == nil {
			escaped("socketpair")
		}
		if data, err := os.ReadFile("/proc/net/tcp"); err == nil && strings.Count(string(data), "\n") > 1 {
			escaped("sees the host's connections")
		}
	},

	// files gets the path of a secret of the host.
	"files": func(args []string, escaped func(string, ...any)) {
		const superuser = "/root" // its home, as everywhere on Linux
		secret := args[0]
		paths := []string{secret, "/etc/passwd", "/etc/shadow", superuser + "/.bashrc", "/etc/hostname", "/proc/1/root" + secret, "/proc/self/root" + secret,
			"/proc/self/cwd/../../.." + secret, "/proc/1/cwd/../../../" + secret, "/old" + secret, "/new" + secret, "/.." + secret, "/../../.." + secret,
			"/proc/self/environ_", "/proc/1/mountinfo_", "/var/run/docker.sock", "/run/docker.sock", "/sys/kernel/uevent_helper", "/proc/kcore",
			"/proc/kallsyms_", "/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/fuse", "/dev/net/tun", "/dev/ptmx", "/dev/tty", "/dev/shm/x"}
		for fd := range 64 {
			paths = append(paths, fmt.Sprintf("/proc/self/fd/%d/..%s", fd, secret), fmt.Sprintf("/proc/self/fd/%d%s", fd, secret))
		}
		for _, p := range paths {
			if f, err := os.Open(p); err == nil {
				escaped("opened %s", p)
				_ = f.Close()
			}
		}
		entries, err := os.ReadDir("/")
		if err != nil {
			escaped("can't even list /: %v", err) // a broken sandbox is no sandbox
		}
		for _, e := range entries {
			if !slices.Contains(strings.Fields("nanteos proc dev tmp lib lib64 usr etc home root var opt"), e.Name()) &&
				!strings.HasPrefix(args[1], "/"+e.Name()+"/") {
				escaped("/ shows %s", e.Name())
			}
		}
		home, _ := os.ReadDir(superuser)
		for _, e := range home {
			if !strings.HasPrefix(args[1], superuser+"/"+e.Name()) {
				escaped("%s shows %s", superuser, e.Name())
			}
		}
		for _, v := range os.Environ() {
			if v != "ONLY=this" && v != raceEnv {
				escaped("environment has %s", v)
			}
		}
		if host, _ := os.Hostname(); host != "sandbox" {
			escaped("knows the host's name")
		}
		if os.Getuid() == 0 || os.Geteuid() == 0 || os.Getgid() == 0 {
			escaped("is root")
		}
	},

	// writes tries every place that must not change.
	"writes": func(args []string, escaped func(string, ...any)) {
		self := args[0]
		for _, p := range []string{"/x", "/nanteos/x", "/nanteos/data", "/dev/x", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/self/mem",
			"/proc/self/oom_score_adj", "/proc/self/uid_map", "/proc/self/attr/current", "/proc/1/mem", "/proc/self/clear_refs", "/usr/x", "/lib/x",
			"/proc/self/timerslack_ns", "/proc/sys/vm/drop_caches", "/proc/self/comm", self, "/proc/self/exe", "/proc/1/exe", filepath.Join(filepath.Dir(self), "x")} {
			for _, flags := range []int{os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_CREATE, os.O_WRONLY | os.O_TRUNC, os.O_RDWR | os.O_APPEND} {
				if strings.HasPrefix(p, "/tmp/") && p != self {
					continue // the test binary lies in /tmp, whose inside namesake may be written
				}
				if f, err := os.OpenFile(p, flags, 0o644); err == nil {
					escaped("opened %s for writing", p)
					_ = f.Close()
				}
			}
		}
		for _, p := range []string{self, "/nanteos/data", "/dev/null", "/proc", "/usr"} {
			for what, err := range map[string]error{
				"chmod": unix.Chmod(p, 0o777), "rename": unix.Rename(p, "/tmp/x"), "truncate": unix.Truncate(p, 0), "unlink": unix.Unlink(p), "rmdir": unix.Rmdir(p),
				"link": unix.Link(p, "/tmp/linked"), "chown": unix.Chown(p, 1, 1), "setxattr": unix.Setxattr(p, "user.x", []byte("x"), 0),
			} {
				if err == nil {
					escaped("%s %s", what, p)
				}
			}
		}
		// The way of CVE-2019-5736: a descriptor of our program opened for reading, opened again for writing.
		if fd, err := unix.Open("/proc/self/exe", unix.O_RDONLY, 0); err == nil {
			if _, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_WRONLY, 0); err == nil {
				escaped("own program is writable through its descriptor")
			}
		}
		if err := unix.Mknod("/tmp/device", unix.S_IFBLK|0o666, int(unix.Mkdev(254, 0))); err == nil {
			escaped("made a device")
		}
		if err := os.WriteFile("/tmp/mine", []byte("x"), 0o600); err != nil {
			escaped("can't write to /tmp: %v", err)
		}
	},

	"links": func(args []string, escaped func(string, ...any)) {
		secret := args[0]
		for i, to := range []string{secret, "/../../" + secret, "/proc/1/root" + secret, "../../../../.." + secret} {
			name := fmt.Sprintf("/tmp/link%d", i)
			if err := os.Symlink(to, name); err != nil {
				continue
			}
			if data, err := os.ReadFile(name); err == nil && len(data) > 0 {
				escaped("read %s through a link", to)
			}
		}
		if fd, err := unix.Openat(unix.AT_FDCWD, strings.Repeat("../", 50)+strings.TrimPrefix(secret, "/"), unix.O_RDONLY, 0); err == nil {
			escaped("climbed out: %d", fd)
		}
	},

	"descriptors": func(_ []string, escaped func(string, ...any)) {
		for fd := 3; fd < 1<<16; fd++ {
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
				continue
			}
			if to, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err != nil || !strings.HasPrefix(to, "anon_inode:") { // the Go runtime's own
				escaped("descriptor %d came in: %s", fd, to)
			}
		}
		for fd := range 3 {
			if to, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); to != "" && !strings.HasPrefix(to, "pipe:") {
				escaped("descriptor %d is %s", fd, to)
			}
			c := byte('x')
			for _, request := range []uintptr{unix.TIOCSTI, 0x541c, unix.TIOCSTI | 1<<32} {
				if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(&c))); e != unix.EPERM {
					escaped("ioctl %#x of %d: %v", request, fd, e)
				}
			}
		}
		n := 0
		for ; n < 1<<17; n++ {
			if _, err := unix.Open("/dev/null", unix.O_RDONLY, 0); err != nil {
				break
			}
		}
		if n > 64 {
			escaped("opened %d descriptors", n)
		}
		if _, err := unix.FcntlInt(0, unix.F_DUPFD, 64); err == nil {
			escaped("a descriptor past the limit")
		}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1 << 16, Max: 1 << 16}); err == nil {
			escaped("raised the limit of descriptors")
		}
	},

	// calls tries all that is forbidden by its number, with arguments that mean nothing.
	"calls": func(_ []string, escaped func(string, ...any)) {
		for _, name := range append(slices.Clone(forbidden), "clone3", "openat2", "memfd_create") {
			n, ok := number(name)
			if !ok || name == "personality" { // 0 asks for the ordinary one, which is allowed
				continue
			}
			if _, _, e := unix.RawSyscall6(n, 0, 0, 0, 0, 0, 0); e != unix.EPERM && e != unix.ENOSYS {
				escaped("%s answers %v", name, e)
			}
		}
		for n := uintptr(463); n < 1024; n++ { // calls of the future
			if _, _, e := unix.RawSyscall6(n, 0, 0, 0, 0, 0, 0); e != unix.ENOSYS && e != unix.EPERM {
				escaped("call %d answers %v", n, e)
			}
		}
	},

	"namespaces": func(_ []string, escaped func(string, ...any)) {
		for _, flag := range []int{unix.CLONE_NEWUSER, unix.CLONE_NEWNS, unix.CLONE_NEWPID, unix.CLONE_NEWNET, unix.CLONE_NEWIPC, unix.CLONE_NEWUTS,
			unix.CLONE_NEWCGROUP, unix.CLONE_NEWTIME, unix.CLONE_NEWUSER | unix.CLONE_NEWNS} {
			if err := unix.Unshare(flag); !denied(err) {
				escaped("unshare %#x: %v", flag, err)
			}
			if flag == unix.CLONE_NEWTIME {
				continue // for clone these bits are the signal's
			}
			if pid, _, e := unix.RawSyscall6(unix.SYS_CLONE, uintptr(flag)|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0); e == 0 {
				if pid == 0 {
					unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
				}
				escaped("clone %#x", flag)
			}
		}
		if err := unix.Mount("tmpfs", "/tmp", "tmpfs", 0, ""); !denied(err) {
			escaped("mount: %v", err)
		}
		if err := unix.Mount("", "/", "", unix.MS_REMOUNT, ""); !denied(err) {
			escaped("remount: %v", err)
		}
		if err := unix.Unmount("/tmp", unix.MNT_DETACH); !denied(err) {
			escaped("unmount: %v", err)
		}
		if err := unix.Chroot("/tmp"); !denied(err) {
			escaped("chroot: %v", err)
		}
		if err := unix.PivotRoot(".", "."); !denied(err) {
			escaped("pivot_root: %v", err)
		}
	},

	"rights": checkRights,

	"prctl": func(_ []string, escaped func(string, ...any)) {
		for name, args := range map[string][2]uintptr{
			"PDEATHSIG": {unix.PR_SET_PDEATHSIG, 0}, "DUMPABLE": {unix.PR_SET_DUMPABLE, 1}, "SECUREBITS": {unix.PR_SET_SECUREBITS, 0},
			"CAP_AMBIENT": {unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE}, "PTRACER": {unix.PR_SET_PTRACER, ^uintptr(0)}, "SUBREAPER": {unix.PR_SET_CHILD_SUBREAPER, 1},
			"MM": {unix.PR_SET_MM, 1}, "KEEPCAPS": {unix.PR_SET_KEEPCAPS, 1}, "SCHED_CORE": {62, 1},
		} {
			if err := unix.Prctl(int(args[0]), args[1], 0, 0, 0); !errors.Is(err, unix.EPERM) {
				escaped("prctl %s: %v", name, err)
			}
		}
	},

	"limits": func(args []string, escaped func(string, ...any)) {
		if data, err := os.ReadFile("/proc/self/oom_score_adj"); err == nil && strings.TrimSpace(string(data)) != "1000" {
			escaped("outlives others when memory runs out: %s", data)
		}
		for _, what := range []int{unix.RLIMIT_AS, unix.RLIMIT_FSIZE, unix.RLIMIT_NOFILE, unix.RLIMIT_NPROC, unix.RLIMIT_CORE, unix.RLIMIT_CPU, unix.RLIMIT_MSGQUEUE,
			unix.RLIMIT_NICE, unix.RLIMIT_RTPRIO} {
			var now unix.Rlimit
			if err := unix.Getrlimit(what, &now); err != nil {
				escaped("can't read limit %d: %v", what, err)
			}
			if now.Max == unix.RLIM_INFINITY {
				if what != unix.RLIMIT_AS { // switched off for race-instrumented attackers
					escaped("limit %d is infinite", what)
				}
				continue
			}
			if what == unix.RLIMIT_CORE && now.Max != 0 {
				escaped("core dumps of %d bytes", now.Max)
			}
			if err := unix.Setrlimit(what, &unix.Rlimit{Cur: now.Max + 1, Max: now.Max + 1}); !errors.Is(err, unix.EPERM) {
				escaped("raised limit %d: %v", what, err)
			}
		}
	},

	// device has a device, and with it what drivers need; not more.
	"device": func(_ []string, escaped func(string, ...any)) {
		f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
		if err == nil {
			_, _, e := unix.Syscall(unix.SYS_IOCTL, f.Fd(), 0xc0204600, 0)
			if e == unix.EPERM {
				escaped("can't control the device: %v", e) // useless is broken
			}
			for _, request := range []uintptr{unix.TIOCSTI, 0x541c, unix.TIOCSETD, unix.TIOCSTI | 1<<32} {
				if _, _, e := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, 0); e != unix.EPERM {
					escaped("ioctl %#x: %v", request, e)
				}
			}
		}
		if _, err := unix.MemfdCreate("x", 0); err != nil {
			escaped("no memory file: %v", err)
		}
		if _, err := os.ReadFile("/proc/self/status"); err == nil {
			if _, err := os.ReadFile("/proc/cpuinfo"); err != nil {
				escaped("proc is not whole: %v", err)
			}
		}
		for _, p := range []string{"/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/1/mem", "/sys/kernel/uevent_helper", "/dev/kmsg"} {
			if f, err := os.OpenFile(p, os.O_WRONLY, 0); err == nil {
				escaped("opened %s for writing", p)
				_ = f.Close()
			}
		}
		for _, family := range []int{unix.AF_UNIX, unix.AF_INET} {
			if _, err := unix.Socket(family, unix.SOCK_STREAM, 0); err == nil {
				escaped("socket")
			}
		}
	},

	// memory maps until it is refused, without touching it.
	"memory": func(args []string, escaped func(string, ...any)) {
		limit, _ := strconv.Atoi(args[0])
		const step = 16 << 20
		got := 0
		for got <= limit {
			_, _, e := unix.RawSyscall6(unix.SYS_MMAP, 0, step, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, ^uintptr(0), 0)
			if e != 0 {
				return
			}
			got += step
		}
		escaped("mapped %d bytes of %d", got, limit)
	},

	// disk fills /tmp with bytes and with names.
	"disk": func(args []string, escaped func(string, ...any)) {
		limit, _ := strconv.Atoi(args[0])
		block, total := make([]byte, 1<<20), 0
		signal.Ignore(unix.SIGXFSZ)
		for i := range 64 {
			f, err := os.Create(fmt.Sprintf("/tmp/flood%d", i))
			if err != nil {
				break
			}
			for {
				n, err := f.Write(block)
				total += n
				if err != nil || total > limit {
					break
				}
			}
			_ = f.Close()
		}
		if total > limit {
			escaped("wrote %d bytes", total)
		}
		for i := range 64 {
			_ = os.Remove(fmt.Sprintf("/tmp/flood%d", i))
		}
		n := 0
		for ; n < 200_000; n++ {
			if err := unix.Mkdir(fmt.Sprintf("/tmp/d%d", n), 0o700); err != nil {
				break
			}
		}
		if n > 20_000 && args[1] == "names" {
			escaped("made %d folders", n)
		}
	},

	"flood": func(args []string, _ func(string, ...any)) {
		out := os.Stdout
		if args[0] == "stderr" {
			out = os.Stderr
		}
		block := []byte(strings.Repeat("flood ", 10_000))
		for range 2000 { // 120 MB
			if _, err := out.Write(block); err != nil {
				return
			}
		}
	},

	"stubborn": func([]string, func(string, ...any)) {
		signal.Ignore()
		fmt.Println("ready")
		for {
			time.Sleep(time.Hour)
		}
	},

	"spin": func([]string, func(string, ...any)) {
		for x := 1; x != 0; x |= 1 {
			_ = x
		}
	},

	// processes tries 100,000 of them; children wait for ever.
	"processes": func(args []string, escaped func(string, ...any)) {
		limit, _ := strconv.Atoi(args[0])
		n := 0
		for range 100_000 {
			pid, _, e := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
			if e != 0 {
				continue
			}
			if pid == 0 {
				for {
					unix.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
				}
			}
			n++
		}
		if n > limit {
			escaped("made %d processes", n)
		}
	},

	// daemon leaves a grandchild in a session of its own behind. It holds stdout: the host sees whether it died.
	"daemon": func([]string, func(string, ...any)) {
		pid, _, e := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if e == 0 && pid == 0 {
			unix.RawSyscall(unix.SYS_SETSID, 0, 0, 0)
			unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
			for {
				unix.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
			}
		}
		time.Sleep(20 * time.Millisecond)
	},

	// signals sends its child to kill it, and everything.
	"signals": func(args []string, escaped func(string, ...any)) {
		signal.Ignore(unix.SIGTERM) // the Go runtime has a handler otherwise, which a first process without one has not
		for _, pid := range []int{-1, 0} {
			if pid == 0 {
				unix.RawSyscall(unix.SYS_SETPGID, 0, 0, 0)
			}
			child, _, e := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
			if e != 0 {
				if len(args) > 0 && args[0] == "fork" {
					escaped("can't fork: %v", e)
				}
				_ = unix.Kill(-1, unix.SIGKILL)
				return
			}
			if child == 0 {
				for _, target := range []uintptr{1, ^uintptr(0)} { // its parent, the first process; everything
					for _, sig := range []uintptr{uintptr(unix.SIGKILL), uintptr(unix.SIGSTOP), uintptr(unix.SIGTERM)} {
						unix.RawSyscall(unix.SYS_KILL, target, sig, 0)
					}
				}
				unix.RawSyscall(unix.SYS_PTRACE, unix.PTRACE_ATTACH, 1, 0)
				unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
			}
			var status unix.WaitStatus
			_, _ = unix.Wait4(int(child), &status, 0, nil)
		}
	},

	// exec tries to execute anything at all, without Fork.
	"exec": func(args []string, escaped func(string, ...any)) {
		self := args[0]
		for _, p := range []string{self, "/proc/self/exe", "/usr/bin/true", "/bin/sh"} {
			if err := unix.Exec(p, []string{p}, nil); !errors.Is(err, unix.EPERM) {
				escaped("exec %s: %v", p, err)
			}
		}
		fd, err := unix.Open(self, unix.O_RDONLY, 0)
		if err != nil {
			escaped("can't open own program: %v", err)
			return
		}
		empty, argv := new(byte), [2]*byte{new(byte), nil}
		for _, n := range []int{fd, 64, 65, 1024} {
			_ = unix.Dup3(fd, n, 0)
			_, _, e := unix.RawSyscall6(unix.SYS_EXECVEAT, uintptr(n), uintptr(unsafe.Pointer(empty)), uintptr(unsafe.Pointer(&argv)), uintptr(unsafe.Pointer(&argv[1])),
				unix.AT_EMPTY_PATH, 0)
			if e != unix.EPERM && e != unix.EBADF {
				escaped("exec of descriptor %d: %v", n, e)
			}
		}
		if _, err := unix.MemfdCreate("x", 0); !denied(err) {
			escaped("memory file: %v", err)
		}
	},

	// setuid executes a setuid root program, with Fork; that one reports.
	"setuid": func(args []string, escaped func(string, ...any)) {
		if err := unix.Exec(args[0], []string{args[0], attackFlag, "whoami"}, nil); err != nil {
			fmt.Println("exec:", err) // refused is fine as well
		}
	},
	"whoami": func(_ []string, escaped func(string, ...any)) {
		if os.Geteuid() == 0 || os.Getegid() == 0 {
			escaped("is root")
		}
		checkRights(nil, escaped)
	},

	// dropped writes its program to /tmp and executes that, with Fork but without TmpExec.
	"dropped": func(args []string, escaped func(string, ...any)) {
		data, err := os.ReadFile(args[0])
		if err == nil {
			err = os.WriteFile("/tmp/dropped", data, 0o700)
		}
		if err != nil {
			escaped("couldn't drop a program: %v", err)
			return
		}
		if err := unix.Exec("/tmp/dropped", []string{"/tmp/dropped", attackFlag, "escape"}, nil); err == nil || !denied(err) {
			escaped("exec: %v", err)
		}
	},
	"escape": func(_ []string, escaped func(string, ...any)) { escaped("got here") },

	// x32 and ia32 call getpid as other architectures do; surviving is the escape.
	"x32": func(_ []string, escaped func(string, ...any)) {
		_, _, e := unix.RawSyscall(0x40000000|39, 0, 0, 0)
		escaped("survived: %v", e)
	},
	"ia32": func(_ []string, escaped func(string, ...any)) {
		code, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		if err != nil {
			escaped("no memory for code: %v", err)
			return
		}
		copy(code, []byte{0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3}) // mov eax, 20; int 0x80; ret
		entry := &code[0]
		fn := &entry
		call := *(*func())(unsafe.Pointer(&fn))
		call()
		escaped("survived")
	},

	// crash dies by a signal that dumps core.
	"crash": func([]string, func(string, ...any)) {
		signal.Reset()
		code, _ := unix.Mmap(-1, 0, 4096, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		code[0] = 1
	},

	// echo answers lines, to test the pipes.
	"echo": func(args []string, _ func(string, ...any)) {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			fmt.Println("you said", lines.Text())
		}
	},
	"exit": func(args []string, _ func(string, ...any)) {
		fmt.Fprintln(os.Stderr, "last words")
		n, _ := strconv.Atoi(args[0])
		os.Exit(n)
	},
	"kill-self": func(args []string, _ func(string, ...any)) {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Second)
	},

	// unsandboxed is a machine without user namespaces, played by one whose limit of them is 0. It does not run inside.
	"unsandboxed": func(args []string, escaped func(string, ...any)) { refuses(escaped) },

	// keeper starts a sandbox of its own on the host, says which process is its first one, and waits to be killed. It does not run inside.
	"keeper": func(args []string, escaped func(string, ...any)) { keeper(args) },
}

// checkRights looks for any right beyond an ordinary user's, and tries to get one.
func checkRights(_ []string, escaped func(string, ...any)) {
	for what, err := range map[string]error{"setuid": unix.Setresuid(0, 0, 0), "setgid": unix.Setresgid(0, 0, 0), "setgroups": unix.Setgroups([]int{0})} {
		if err == nil {
			escaped("%s", what)
		}
	}
	if groups, err := unix.Getgroups(); err != nil || slices.Contains(groups, 0) {
		escaped("is in groups %v", groups)
	}
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return // no /proc, nothing to see; the parent has checked
	}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.TrimSpace(value)
		switch name {
		case "CapInh", "CapPrm", "CapEff", "CapAmb", "CapBnd":
			if n, err := strconv.ParseUint(value, 16, 64); err != nil || n != 0 {
				escaped("%s is %s", name, value)
			}
		case "NoNewPrivs":
			if value != "1" {
				escaped("%s is %s", name, value)
			}
		case "Seccomp":
			if value != "2" {
				escaped("%s is %s", name, value)
			}
		}
	}
}
