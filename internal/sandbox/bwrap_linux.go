//go:build amd64 || arm64

package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
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
	note := "id 65534 inside is the caller's outside"
	argv := []string{"bwrap"}
	if free, ok := freeID(); ok {
		// Root needs no user namespace: the stage becomes an id that owns nothing, in none at all.
		argv = append(argv, "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try",
			"--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP")
		inner.ID = free
		note = fmt.Sprintf("no user namespace, id %d, which owns nothing", free)
	} else {
		argv = append(argv, "--unshare-all", "--uid", strconv.Itoa(insideID), "--gid", strconv.Itoa(insideID), "--cap-drop", "ALL")
	}
	argv = append(argv, bwrapArgs(p, names)...)
	*p = inner
	child, err := startFile(path, argv, files, &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL})
	if err != nil {
		return nil, fmt.Errorf("%w: couldn't start bubblewrap: %w", ErrUnavailable, err)
	}
	_ = infoIn.Close()
	g := &guest{
		kill:   func() { _ = child.Kill() },
		layers: []Layer{{Name: "namespaces", OK: true, Note: "by bubblewrap: pid, net, mount, ipc, uts; " + note}},
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
		}
	}
	var mu sync.Mutex
	g.kill = func() {
		mu.Lock()
		defer mu.Unlock()
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
		return state
	}
	return g, nil
}

// bwrapArgs are the mounts, in the order in which bwrap makes them, and the command.
func bwrapArgs(p *plan, names []string) []string {
	argv := []string{"--as-pid-1", "--die-with-parent", "--new-session", "--hostname", "sandbox", "--clearenv",
		"--info-fd", strconv.Itoa(bwrapInfoFD), "--perms", "1777", "--size", strconv.FormatInt(p.Limits.Tmp, 10), "--tmpfs", "/tmp"}
	if !slices.ContainsFunc(p.Binds, func(b bind) bool { return under(b.Inside, "/etc") }) {
		argv = append(argv, "--dir", "/etc")
	}
	for _, b := range p.Binds {
		argv = append(argv, "--ro-bind", b.Host, b.Inside)
	}
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
