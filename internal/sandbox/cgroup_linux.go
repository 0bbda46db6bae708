//go:build amd64 || arm64

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// cgroup is a group of control group version 2 for one sandbox. Nil does nothing.
type cgroup struct {
	path string
	dir  *os.File
}

var cgroups atomic.Uint32

// newCgroup makes a group below our own, or below our parent's, where those may be written and give the controllers on to groups below. Nothing is moved
// or switched on that is not ours: an operator delegates (systemd: Delegate=yes with DelegateSubgroup=, containers: a writable cgroup).
func newCgroup(l Limits) (*cgroup, Layer) {
	layer := Layer{Name: "cgroup v2", Hint: "run nanteos as a systemd service with Delegate=yes and DelegateSubgroup=main; rlimits hold without it"}
	root, err := cgroupRoot()
	if err != nil {
		layer.Note = err.Error()
		return nil, layer
	}
	own, err := ownCgroup()
	if err != nil {
		layer.Note = err.Error()
		return nil, layer
	}
	g, err := makeCgroup(cgroupParents(root, own), l)
	if err != nil {
		layer.Note = err.Error()
		return nil, layer
	}
	layer.OK, layer.Hint = true, ""
	layer.Note = fmt.Sprintf("pids.max and memory.max below %s", filepath.Dir(g.path))
	return g, layer
}

// cgroupRoot finds the mount of version 2.
func cgroupRoot() (string, error) {
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		var fs unix.Statfs_t
		if unix.Statfs(dir, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC {
			return dir, nil
		}
	}
	return "", errors.New("version 2 is not mounted")
}

// ownCgroup reads the path of our group.
func ownCgroup() (string, error) {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", fmt.Errorf("couldn't read own group: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if p, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok && !strings.Contains(p, "..") {
			return p, nil
		}
	}
	return "", errors.New("we are in no group of version 2")
}

// cgroupParents lists where a group could be made.
func cgroupParents(root, own string) []string {
	parents := []string{filepath.Join(root, own)}
	if up := filepath.Dir(parents[0]); own != "/" && under(up, root) {
		parents = append(parents, up)
	}
	return parents
}

// makeCgroup makes a group with limits below the first parent that works.
func makeCgroup(parents []string, l Limits) (*cgroup, error) {
	last := errors.New("no parent group")
	for _, parent := range parents {
		data, err := os.ReadFile(filepath.Join(parent, "cgroup.subtree_control"))
		if err != nil {
			last = fmt.Errorf("couldn't read controllers: %w", err)
			continue
		}
		have := strings.Fields(string(data))
		if !slices.Contains(have, "pids") || !slices.Contains(have, "memory") {
			last = fmt.Errorf("%s doesn't give pids and memory to groups below", parent)
			continue
		}
		g := &cgroup{path: filepath.Join(parent, fmt.Sprintf("nanteos-sandbox-%d-%d", os.Getpid(), cgroups.Add(1)))}
		if err := os.Mkdir(g.path, 0o755); err != nil {
			last = fmt.Errorf("couldn't make group: %w", err)
			continue
		}
		if err := g.limit(l); err != nil {
			_ = os.Remove(g.path)
			last = err
			continue
		}
		if g.dir, err = os.Open(g.path); err != nil {
			_ = os.Remove(g.path)
			last = fmt.Errorf("couldn't open group: %w", err)
			continue
		}
		return g, nil
	}
	return nil, last
}

// limit writes the limits. Swap is switched off where the file exists, so that memory.max means memory.
func (g *cgroup) limit(l Limits) error {
	set := func(name string, v int64) error {
		if v < 0 {
			return nil
		}
		if err := os.WriteFile(filepath.Join(g.path, name), []byte(strconv.FormatInt(v, 10)), 0o644); err != nil {
			return fmt.Errorf("couldn't set %s: %w", name, err)
		}
		return nil
	}
	memory := l.Memory
	if memory >= 0 {
		memory += l.Tmp + 64<<20 // /tmp counts here, and so does the building process before exec
	}
	processes := int64(l.Processes)
	if processes >= 0 {
		processes += 16 // the threads of the building process
	}
	if err := errors.Join(set("pids.max", processes), set("memory.max", memory)); err != nil {
		return err
	}
	_ = set("memory.swap.max", 0)
	return nil
}

// kill kills all in the group, where the kernel can (5.14).
func (g *cgroup) kill() {
	if g != nil {
		_ = os.WriteFile(filepath.Join(g.path, "cgroup.kill"), []byte("1"), 0)
	}
}

// remove takes the group away. The kernel may need a moment after the last process.
func (g *cgroup) remove() {
	if g == nil {
		return
	}
	_ = g.dir.Close()
	for range 50 {
		if err := unix.Rmdir(g.path); err == nil || errors.Is(err, unix.ENOENT) {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}
