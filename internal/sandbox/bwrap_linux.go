//go:build amd64 || arm64

package sandbox

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// findBubblewrap looks for a usable bwrap once.
var findBubblewrap = sync.OnceValues(func() (string, error) {
	path, err := exec.LookPath("bwrap")
	if err != nil {
		return "", fmt.Errorf("%w: bubblewrap is not installed: %s", ErrUnavailable, "install it (apt-get install bubblewrap, dnf install bubblewrap)")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	help, err := exec.CommandContext(ctx, path, "--help").Output()
	if err != nil {
		return "", fmt.Errorf("%w: couldn't run %s: %w", ErrUnavailable, path, err)
	}
	for _, option := range []string{"--size", "--as-pid-1", "--ro-bind-data", "--die-with-parent", "--info-fd", "--remount-ro"} {
		if !bytes.Contains(help, []byte(option+" ")) {
			return "", fmt.Errorf("%w: %s has no option %s: install bubblewrap 0.7.0 or newer", ErrUnavailable, path, option)
		}
	}
	return path, nil
})

// bwrapFirstFD is the first descriptor after the stage's own: bwrap's report, our program, then the files.
const (
	bwrapInfoFD = 5
	bwrapExeFD  = 6
	bwrapFileFD = 7

	// bwrapCommand is our program as bwrap executes it, by its descriptor: no path to it is visible inside.
	bwrapCommand = "/proc/self/fd/6"
)

// startBubblewrap lets bwrap make namespaces and mounts; the stage runs inside as first process and does the rest.
func startBubblewrap(p *plan, pp *pipes) (*guest, error) {
	path, err := findBubblewrap()
	if err != nil {
		return nil, err
	}
	exe, err := os.Open(selfExe)
	if err != nil {
		return nil, fmt.Errorf("couldn't open own program: %w", err)
	}
	defer exe.Close()
	info, infoIn, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("couldn't make pipes for the sandbox: %w", err)
	}
	defer info.Close()
	files := append(pp.inside(), infoIn, exe)
	data, names, err := memoryFiles(p.Files)
	defer func() {
		_ = infoIn.Close()
		for _, f := range data {
			_ = f.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	files = append(files, data...)
	inner := *p
	inner.Files = nil // bwrap writes them
	inner.Binds = append(slices.Clone(p.Binds), loaderBinds(exe, p.Binds)...)
	note := "id 65534 inside is the caller's outside"
	argv := []string{"bwrap"}
	if free, ok := freeID(); ok {
		// Root needs no user namespace: the stage becomes an id that owns nothing, in none at all. bwrap's own first process stays: bwrap outside, without
		// capabilities, may send its death on to that process, but not to one of another id.
		argv = append(argv, "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try",
			"--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP", "--cap-add", "CAP_SYS_ADMIN")
		inner.Remount = true
		inner.ID = free
		note = fmt.Sprintf("no user namespace, id %d, which owns nothing", free)
	} else {
		argv = append(argv, "--as-pid-1", "--unshare-user", "--unshare-all", "--uid", strconv.Itoa(insideID), "--gid", strconv.Itoa(insideID), "--cap-drop", "ALL")
	}
	argv = append(argv, bwrapArgs(&inner, names)...)
	*p = inner
	sys := &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	group, groupLayer := newCgroup(p.Limits)
	if group != nil {
		sys.UseCgroupFD, sys.CgroupFD = true, int(group.dir.Fd())
	}
	child, err := startFile(path, argv, files, sys)
	if err != nil {
		group.remove()
		return nil, fmt.Errorf("%w: couldn't start bubblewrap: %w", ErrUnavailable, err)
	}
	_ = infoIn.Close()
	g := &guest{
		layers: []Layer{{Name: "namespaces", OK: true, Note: "by bubblewrap: pid, net, mount, ipc, uts; " + note}, groupLayer,
			{Name: "proc", OK: true, Note: "read-only, whole; landlock leaves the first process's own part of it"}},
		failed: func(log string, err error) error {
			return fmt.Errorf("%w: bubblewrap failed: %s: %s", ErrUnavailable, lastLine(log), hint(Bubblewrap))
		},
	}
	// The first process inside, seen from here. It waits for the plan, which hasn't been sent, so its number still means it.
	first := -1
	_ = info.SetReadDeadline(time.Now().Add(setupTime))
	var said struct {
		Child int `json:"child-pid"`
	}
	if json.NewDecoder(io.LimitReader(info, 4096)).Decode(&said) == nil && said.Child > 1 {
		if fd, err := unix.PidfdOpen(said.Child, 0); err == nil {
			first = fd
			preferDeath(strconv.Itoa(said.Child))
		}
	}
	var mu sync.Mutex
	g.kill = func() {
		mu.Lock()
		defer mu.Unlock()
		group.kill()
		if first >= 0 {
			_ = unix.PidfdSendSignal(first, unix.SIGKILL, nil, 0)
		}
		_ = child.Kill()
	}
	g.wait = func() *os.ProcessState {
		state, _ := child.Wait()
		if first >= 0 {
			// bwrap may have died before its child has: by then the child has its death signal.
			fds := []unix.PollFd{{Fd: int32(first), Events: unix.POLLIN}}
			for {
				if _, err := unix.Poll(fds, int(setupTime.Milliseconds())); err != unix.EINTR {
					break
				}
			}
			mu.Lock()
			_ = unix.Close(first)
			first = -1
			mu.Unlock()
		}
		group.remove()
		return state
	}
	return g, nil
}

// bwrapArgs are the mounts, in the order in which bwrap makes them, and the command.
func bwrapArgs(p *plan, names []string) []string {
	argv := []string{"--die-with-parent", "--new-session", "--hostname", "sandbox", "--clearenv",
		"--info-fd", strconv.Itoa(bwrapInfoFD), "--perms", "1777", "--size", strconv.FormatInt(p.Limits.Tmp, 10), "--tmpfs", "/tmp"}
	made := map[string]bool{"/": true, "/tmp": true}
	for _, b := range p.Binds {
		// bwrap makes the folders above for its own eyes only.
		for i := 1; i < len(b.Inside); i++ {
			if above := b.Inside[:i]; b.Inside[i] == '/' && !made[above] {
				made[above] = true
				argv = append(argv, "--perms", "0755", "--dir", above)
			}
		}
		argv = append(argv, "--ro-bind", b.Host, b.Inside)
	}
	argv = append(argv, "--perms", "0755", "--dir", "/dev")
	for _, dev := range slices.Concat(plainDevices, p.Devices) {
		argv = append(argv, "--dev-bind", dev, dev)
	}
	argv = append(argv, "--proc", "/proc", "--perms", "0755", "--dir", FilesDir)
	for i, name := range names {
		argv = append(argv, "--perms", "0444", "--ro-bind-data", strconv.Itoa(bwrapFileFD+i), FilesDir+"/"+name)
	}
	argv = append(argv, "--remount-ro", "/proc", "--remount-ro", "/")
	return append(argv, bwrapCommand, stageName)
}

// loaderBinds are what our own program needs to be executed inside if it is linked dynamically (built with cgo): the system's libraries.
func loaderBinds(exe io.ReaderAt, have []bind) (more []bind) {
	program, err := elf.NewFile(exe)
	if err != nil || program.Section(".interp") == nil {
		return nil
	}
	for _, dir := range []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64"} {
		if slices.ContainsFunc(have, func(b bind) bool { return b.Dir && under(dir, b.Inside) }) {
			continue
		}
		if host, err := filepath.EvalSymlinks(dir); err == nil {
			more = append(more, bind{Host: host, Inside: dir, Dir: true})
		}
	}
	return more
}

// memoryFiles puts contents into files that exist nowhere.
func memoryFiles(contents map[string][]byte) (files []*os.File, names []string, err error) {
	for name, data := range contents {
		fd, err := unix.MemfdCreate("nanteos-sandbox", unix.MFD_CLOEXEC)
		if err != nil {
			return files, names, fmt.Errorf("couldn't make memory file: %w", err)
		}
		f := os.NewFile(uintptr(fd), name)
		files, names = append(files, f), append(names, name)
		if _, err := f.Write(data); err != nil {
			return files, names, fmt.Errorf("couldn't write memory file: %w", err)
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return files, names, fmt.Errorf("couldn't rewind memory file: %w", err)
		}
	}
	return files, names, nil
}

// lastLine is the last line of a program's complaints, for an error of one line.
func lastLine(log string) string {
	log = strings.TrimSpace(log)
	if i := strings.LastIndexByte(log, '\n'); i >= 0 {
		log = log[i+1:]
	}
	if log == "" {
		return "no reason given"
	}
	return log
}
