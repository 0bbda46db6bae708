//go:build amd64 || arm64

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// confine takes away everything but what the target needs, and becomes the target. Credentials, seccomp filter and what prctl sets belong to a thread, so
// all of it happens on one locked thread, the one that calls exec. The order matters: what needs a right comes before the right goes.
func confine(p *plan, config *os.File, layers []Layer, tell func(status)) error {
	runtime.LockOSThread()
	unix.Umask(0o077)
	if err := os.Chdir("/tmp"); err != nil {
		return fmt.Errorf("couldn't enter /tmp: %w", err)
	}
	layer, err := restrictFiles(p)
	if err != nil {
		return err
	}
	layers = append(layers, layer)
	if err := dropRights(p.ID); err != nil {
		return err
	}
	// The death of the parent is ours. Changing ids has cleared what was asked for before; a parent that died meanwhile has closed its end of the pipe.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return machine("couldn't tie life to the parent: %w", err)
	}
	if orphaned(config) {
		return errors.New("couldn't start: the parent is gone")
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return machine("couldn't set no_new_privs: %w", err)
	}
	files, err := prepareFiles(p.Limits.OpenFiles)
	if err != nil {
		return err
	}
	prog, err := baseFilter(runtime.GOARCH, p.Fork, len(p.Devices) > 0, files)
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(prog))
	for i, in := range prog {
		filter[i] = unix.SockFilter{Code: in.code, Jt: in.jt, Jf: in.jf, K: in.k}
	}
	fprog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	layers = append(layers, Layer{Name: "seccomp", OK: true, Note: fmt.Sprintf("allow-list, %d instructions", len(filter))})

	var target target
	if !p.Probe {
		if target, err = openTarget(p, files); err != nil {
			return err
		}
	}
	closeOnExec(files)
	limits := rlimits(p, files)
	tell(status{Layers: layers})
	// From here on no memory is allocated: the limit of address space may be below what the Go runtime holds.
	for i := range limits {
		l := &limits[i]
		if _, _, e := syscall.RawSyscall6(unix.SYS_PRLIMIT64, 0, uintptr(l.what), uintptr(unsafe.Pointer(&l.limit)), 0, 0, 0); e != 0 {
			return machine("couldn't set limit %d: %w", l.what, e)
		}
	}
	if _, _, e := syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&fprog)), 0, 0, 0); e != 0 {
		return machine("couldn't install system call filter: %w", e)
	}
	if p.Probe {
		// Not only installed: it works.
		if _, _, e := syscall.RawSyscall(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM, 0); e != syscall.EPERM {
			return machine("couldn't trust the system call filter: socket answers %q", e.Error())
		}
		return nil
	}
	e := target.exec(p.Fork, files)
	runtime.KeepAlive(filter)
	if e == syscall.ENOENT || e == syscall.ENOEXEC {
		return fmt.Errorf("couldn't execute %s: %w (it has to be a binary whose loader and libraries are visible inside, not a script)", p.Path, e)
	}
	return fmt.Errorf("couldn't execute %s: %w", p.Path, e)
}

// dropRights gives up every capability for good, and becomes id unless it is negative.
func dropRights(id int) error {
	for c := uintptr(0); c <= 63; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			break // past the last capability
		}
		if errors.Is(err, unix.EPERM) {
			break // we have no right to give up, below says whether we have none at all
		}
	}
	_ = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	if id >= 0 {
		if _, _, e := syscall.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); e != 0 {
			return machine("couldn't leave groups: %w", e)
		}
		if _, _, e := syscall.RawSyscall(unix.SYS_SETRESGID, uintptr(id), uintptr(id), uintptr(id)); e != 0 {
			return machine("couldn't become group %d: %w", id, e)
		}
		if _, _, e := syscall.RawSyscall(unix.SYS_SETRESUID, uintptr(id), uintptr(id), uintptr(id)); e != 0 {
			return machine("couldn't become user %d: %w", id, e)
		}
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none, have [2]unix.CapUserData
	if err := unix.Capset(&head, &none[0]); err != nil {
		return machine("couldn't drop capabilities: %w", err)
	}
	if err := unix.Capget(&head, &have[0]); err != nil {
		return machine("couldn't check capabilities: %w", err)
	}
	if have != none {
		return machine("couldn't drop capabilities: some are left")
	}
	if uid := unix.Getuid(); uid == 0 {
		return machine("couldn't become an unprivileged user: still root")
	}
	return nil
}

// orphaned says that the parent has closed its end of the plan's pipe.
func orphaned(config *os.File) bool {
	fds := []unix.PollFd{{Fd: configFD, Events: unix.POLLIN}}
	_, err := unix.Poll(fds, 0)
	runtime.KeepAlive(config)
	return err == nil && fds[0].Revents&unix.POLLHUP != 0
}

// restrictFiles adds Landlock as far as the kernel has it.
func restrictFiles(p *plan) (Layer, error) {
	layer := Layer{Name: "landlock"}
	abi, err := ll.LandlockGetABIVersion()
	if err != nil || abi <= 0 {
		layer.Note = "the kernel has none or it is switched off"
		layer.Hint = "boot a kernel of 5.13 or newer with landlock in the list of lsm="
		return layer, nil
	}
	const (
		tmpRights = ll.AccessFSWriteFile | ll.AccessFSReadFile | ll.AccessFSReadDir | ll.AccessFSRemoveDir | ll.AccessFSRemoveFile |
			ll.AccessFSMakeDir | ll.AccessFSMakeReg | ll.AccessFSMakeSym | ll.AccessFSTruncate
	)
	tmp := landlock.AccessFSSet(tmpRights)
	if abi >= 2 {
		tmp |= ll.AccessFSRefer
	}
	if p.TmpExec {
		tmp |= ll.AccessFSExecute
	}
	rules := []landlock.Rule{
		landlock.PathAccess(ll.AccessFSReadDir, "/"),
		landlock.PathAccess(tmp, "/tmp"), landlock.RODirs(FilesDir), landlock.RWFiles(plainDevices...),
	}
	if p.Build || len(p.Devices) > 0 {
		rules = append(rules, landlock.RODirs("/proc").IgnoreIfMissing())
	} else {
		rules = append(rules, landlock.RODirs("/proc/self").IgnoreIfMissing()) // bubblewrap's /proc is whole: of it, the first process's own part
	}
	for _, b := range p.Binds {
		if b.Dir {
			rules = append(rules, landlock.RODirs(b.Inside))
		} else {
			rules = append(rules, landlock.ROFiles(b.Inside))
		}
	}
	for _, dev := range p.Devices {
		if info, err := os.Stat(dev); err == nil && info.IsDir() {
			rules = append(rules, landlock.RWDirs(dev).WithIoctlDev())
		} else {
			rules = append(rules, landlock.RWFiles(dev).WithIoctlDev())
		}
	}
	if err := landlock.V7.BestEffort().Restrict(rules...); err != nil {
		return layer, machine("couldn't apply landlock: %w", err)
	}
	layer.OK, layer.Note = true, fmt.Sprintf("version %d", abi)
	return layer, nil
}

// prepareFiles returns the number of the descriptor that the target is executed through: the first one past the target's limit, so that after exec
// nothing can be opened there again.
func prepareFiles(openFiles int) (int, error) {
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil {
		return 0, machine("couldn't read limit of open files: %w", err)
	}
	if now.Max < 16 {
		return 0, machine("couldn't work with a limit of %d open files", now.Max)
	}
	hard := int(min(now.Max, 1<<20))
	if openFiles < 0 || openFiles >= hard {
		openFiles = hard - 1
	}
	now.Cur = now.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &now); err != nil {
		return 0, machine("couldn't raise limit of open files: %w", err)
	}
	return openFiles, nil
}

// target is the program, as exec wants it.
type target struct {
	path      *byte
	empty     *byte
	argv, env []*byte
}

// openTarget opens the program at descriptor fd.
func openTarget(p *plan, fd int) (target, error) {
	var t target
	file, err := unix.Open(p.Path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return t, fmt.Errorf("couldn't open %s inside: %w (is it under a read-only path, and readable for everybody?)", p.Path, err)
	}
	if err := unix.Dup3(file, fd, unix.O_CLOEXEC); err != nil {
		return t, machine("couldn't place descriptor %d: %w", fd, err)
	}
	if t.path, err = syscall.BytePtrFromString(p.Path); err != nil {
		return t, fmt.Errorf("couldn't execute %q: %w", p.Path, err)
	}
	t.empty = new(byte)
	if t.argv, err = syscall.SlicePtrFromStrings(append([]string{p.Path}, p.Args...)); err != nil {
		return t, fmt.Errorf("couldn't pass arguments: %w", err)
	}
	if t.env, err = syscall.SlicePtrFromStrings(p.Env); err != nil {
		return t, fmt.Errorf("couldn't pass environment: %w", err)
	}
	return t, nil
}

// exec becomes the target. It returns only on failure, and allocates nothing.
func (t *target) exec(byPath bool, fd int) syscall.Errno {
	argv, env := uintptr(unsafe.Pointer(&t.argv[0])), uintptr(unsafe.Pointer(&t.env[0]))
	var e syscall.Errno
	if byPath {
		_, _, e = syscall.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(t.path)), argv, env)
	} else {
		_, _, e = syscall.RawSyscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(t.empty)), argv, env, unix.AT_EMPTY_PATH, 0)
	}
	runtime.KeepAlive(t)
	return e
}

// closeOnExec marks every descriptor from 3 up: the target gets none of them.
func closeOnExec(highest int) {
	const rangeCloexec = 4 // CLOSE_RANGE_CLOEXEC
	if _, _, e := syscall.RawSyscall(unix.SYS_CLOSE_RANGE, 3, uintptr(^uint32(0)), rangeCloexec); e == 0 {
		return
	}
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err == nil {
		highest = int(min(now.Max, 1<<20))
	}
	for fd := 3; fd <= highest; fd++ {
		unix.CloseOnExec(fd)
	}
}

// rlimit is one setrlimit.
type rlimit struct {
	what  int
	limit unix.Rlimit
}

// rlimits lists the limits; that of address space comes last.
func rlimits(p *plan, files int) []rlimit {
	var out []rlimit
	add := func(what int, soft, hard uint64) {
		var now unix.Rlimit
		if err := unix.Getrlimit(what, &now); err == nil {
			soft, hard = min(soft, now.Max), min(hard, now.Max)
		}
		out = append(out, rlimit{what, unix.Rlimit{Cur: soft, Max: hard}})
	}
	add(unix.RLIMIT_CORE, 0, 0)
	add(unix.RLIMIT_NICE, 0, 0)
	add(unix.RLIMIT_RTPRIO, 0, 0)
	add(unix.RLIMIT_MSGQUEUE, 0, 0)
	add(unix.RLIMIT_SIGPENDING, 1024, 1024)
	add(unix.RLIMIT_NOFILE, uint64(files), uint64(files))
	l := p.Limits
	if l.FileSize >= 0 {
		add(unix.RLIMIT_FSIZE, uint64(l.FileSize), uint64(l.FileSize))
	}
	if l.Processes >= 0 {
		add(unix.RLIMIT_NPROC, uint64(l.Processes), uint64(l.Processes))
	}
	if l.CPU > 0 {
		seconds := uint64((l.CPU + time.Second - 1) / time.Second)
		add(unix.RLIMIT_CPU, seconds, seconds+1) // a warning signal first, death a second later
	}
	if l.Memory >= 0 {
		add(unix.RLIMIT_AS, uint64(l.Memory), uint64(l.Memory))
	}
	return out
}
