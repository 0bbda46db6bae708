//go:build amd64 || arm64

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// buildRoot makes the root that the target sees and moves into it. It runs as the first process of fresh user, pid, mount, net, ipc, uts and cgroup namespaces
// with all capabilities over them. While it works, a scratch tmpfs is the root, the host's root lies at /old and the new one grows at /new.
func buildRoot(p *plan) ([]Layer, error) {
	preferDeath("self")
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return nil, machine("couldn't make mounts private: %w", err)
	}
	scratch := ""
	for _, dir := range []string{"/tmp", "/run", "/mnt", "/var"} {
		if info, err := os.Lstat(dir); err == nil && info.IsDir() {
			scratch = dir
			break
		}
	}
	if scratch == "" {
		return nil, machine("couldn't find a folder to mount on: wanted one of /tmp, /run, /mnt, /var")
	}
	if err := unix.Mount("tmpfs", scratch, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=0755,size=1m"); err != nil {
		return nil, machine("couldn't mount tmpfs: %w", err)
	}
	if err := errors.Join(os.Mkdir(scratch+"/old", 0o755), os.Mkdir(scratch+"/new", 0o755)); err != nil {
		return nil, machine("couldn't prepare scratch root: %w", err)
	}
	if err := unix.PivotRoot(scratch, scratch+"/old"); err != nil {
		return nil, machine("couldn't change root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return nil, machine("couldn't change root: %w", err)
	}
	size := 1 << 20
	for _, data := range p.Files {
		size += len(data) + 8192
	}
	opts := "mode=0755,nr_inodes=16384,size=" + strconv.Itoa(size)
	if err := unix.Mount("tmpfs", "/new", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, opts); err != nil {
		return nil, machine("couldn't mount root: %w", err)
	}
	if err := mountTmp(p); err != nil {
		return nil, err
	}
	for _, b := range p.Binds {
		if err := bindReadOnly(b); err != nil {
			return nil, err
		}
	}
	if err := mountDevices(p.Devices); err != nil {
		return nil, err
	}
	layers := []Layer{mountProc(len(p.Devices) > 0)}
	if err := writeFiles("/new"+FilesDir, p.Files); err != nil {
		return nil, err
	}
	// Into the new root, and the old ones, scratch and host, away. The two dots are one mount on top of the other for a moment.
	if err := os.Chdir("/new"); err != nil {
		return nil, machine("couldn't enter root: %w", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return nil, machine("couldn't enter root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return nil, machine("couldn't leave the host's root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return nil, machine("couldn't enter root: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return nil, machine("couldn't make root read-only: %w", err)
	}
	_ = unix.Sethostname([]byte("sandbox"))
	return layers, nil
}

// preferDeath makes a process, and those that it starts, the first ones to end when memory runs out. It needs the host's /proc.
func preferDeath(process string) {
	_ = os.WriteFile("/proc/"+process+"/oom_score_adj", []byte("1000"), 0) // a wish: where it isn't granted limits hold all the same
}

// tmpMount are the flags and options of /tmp.
func tmpMount(p *plan) (flags uintptr, opts string) {
	flags = unix.MS_NOSUID | unix.MS_NODEV
	if !p.TmpExec {
		flags |= unix.MS_NOEXEC
	}
	return flags, fmt.Sprintf("mode=1777,size=%d,nr_inodes=%d", p.Limits.Tmp, max(256, p.Limits.Tmp/4096))
}

// mountTmp mounts the only writable folder. It comes first: Spec.ReadOnly may name folders below it.
func mountTmp(p *plan) error {
	if err := os.Mkdir("/new/tmp", 0o755); err != nil {
		return machine("couldn't make /tmp: %w", err)
	}
	flags, opts := tmpMount(p)
	if err := unix.Mount("tmpfs", "/new/tmp", "tmpfs", flags, opts); err != nil {
		return machine("couldn't mount /tmp: %w", err)
	}
	return nil
}

// remountTmp gives bubblewrap's /tmp what bubblewrap has no options for: a limit of names, and no exec.
func remountTmp(p *plan) error {
	flags, opts := tmpMount(p)
	if err := unix.Mount("", "/tmp", "", flags|unix.MS_REMOUNT, opts); err != nil {
		return machine("couldn't limit /tmp: %w", err)
	}
	return nil
}

// mountPoint makes an empty folder or file to mount on, with the folders above it.
func mountPoint(inside string, dir bool) (string, error) {
	target := "/new" + inside
	if info, err := os.Lstat(target); err == nil && info.IsDir() == dir && info.Mode()&os.ModeSymlink == 0 {
		return target, nil
	}
	parent := target
	if !dir {
		parent = filepath.Dir(target)
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", fmt.Errorf("couldn't make place for %s: %w", inside, err)
	}
	if !dir {
		f, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o444)
		if err != nil {
			return "", fmt.Errorf("couldn't make place for %s: %w", inside, err)
		}
		_ = f.Close()
	}
	return target, nil
}

// bindReadOnly shows a host path with all mounts below it.
func bindReadOnly(b bind) error {
	target, err := mountPoint(b.Inside, b.Dir)
	if err != nil {
		return err
	}
	if err := unix.Mount("/old"+b.Host, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("couldn't show %s inside: %w", b.Host, err)
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV, Propagation: unix.MS_PRIVATE}
	if err := unix.MountSetattr(unix.AT_FDCWD, target, unix.AT_RECURSIVE, &attr); err != nil {
		if errors.Is(err, unix.ENOSYS) {
			return machine("couldn't make %s read-only: the kernel is older than 5.12", b.Host)
		}
		return fmt.Errorf("couldn't make %s read-only: %w", b.Host, err)
	}
	return nil
}

// plainDevices are in every sandbox.
var plainDevices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}

// mountDevices shows device files: mknod is not for user namespaces.
func mountDevices(more []string) error {
	for _, dev := range append(append([]string{}, plainDevices...), more...) {
		info, err := os.Stat("/old" + dev)
		if err != nil {
			return fmt.Errorf("couldn't show device %s inside: %w", dev, err)
		}
		target, err := mountPoint(dev, info.IsDir())
		if err != nil {
			return err
		}
		if err := unix.Mount("/old"+dev, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("couldn't show device %s inside: %w", dev, err)
		}
		attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC, Propagation: unix.MS_PRIVATE}
		if err := unix.MountSetattr(unix.AT_FDCWD, target, unix.AT_RECURSIVE, &attr); err != nil {
			return machine("couldn't restrict device %s: %w", dev, err)
		}
	}
	for name, to := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		if err := os.Symlink(to, path.Join("/new/dev", name)); err != nil {
			return machine("couldn't link /dev/%s: %w", name, err)
		}
	}
	return nil
}

// mountProc mounts /proc, as little of it as the kernel can: of whole it leaves out everything but processes. Containers that mask their own /proc
// keep us from mounting one; then there is none.
func mountProc(whole bool) Layer {
	layer := Layer{Name: "proc"}
	if err := os.Mkdir("/new/proc", 0o555); err != nil {
		layer.Note = err.Error()
		return layer
	}
	try := []string{"hidepid=ptraceable,subset=pid", "hidepid=2"}
	if whole {
		try = []string{"hidepid=ptraceable", "hidepid=2"}
	}
	var err error
	for _, opts := range try {
		if err = unix.Mount("proc", "/new/proc", "proc", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, opts); err == nil {
			layer.OK, layer.Note = true, "read-only, "+opts
			return layer
		}
	}
	layer.OK = true // nothing to attack
	layer.Note = "left out: the kernel refuses it (" + err.Error() + "), usual in containers that mask parts of /proc"
	return layer
}

// writeFiles writes Spec.Files into the root that becomes read-only.
func writeFiles(dir string, files map[string][]byte) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return machine("couldn't make %s: %w", FilesDir, err)
	}
	for name, data := range files {
		if err := os.WriteFile(path.Join(dir, name), data, 0o444); err != nil {
			return fmt.Errorf("couldn't write %s inside: %w", name, err)
		}
	}
	return nil
}
