package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// staging is the folder beside the target in which a model comes together:
//
//	.NAME.pull/lock     held while a pull runs
//	.NAME.pull/parts/   files that are arriving, with their journals
//	.NAME.pull/files/   complete files; becomes the target by a rename
type staging struct {
	target, dir  string
	lock         *os.File
	parts, files *os.Root
}

func stagingDir(target string) string {
	return filepath.Join(filepath.Dir(target), "."+filepath.Base(target)+".pull")
}

// openStaging takes the staging folder of a target. Errors wrap ErrBusy while another pull has it.
func openStaging(target string) (*staging, error) {
	s := &staging{target: target, dir: stagingDir(target)}
	var err error
	if s.lock, err = takeLock(s.dir); err != nil {
		return nil, err
	}
	open := func(name string) *os.Root {
		dir := filepath.Join(s.dir, name)
		if err == nil {
			err = os.MkdirAll(dir, 0o755)
		}
		if err != nil {
			return nil
		}
		var r *os.Root
		r, err = os.OpenRoot(dir)
		return r
	}
	s.parts, s.files = open("parts"), open("files")
	if err != nil {
		s.close()
		return nil, fmt.Errorf("couldn't make the staging folder: %w", err)
	}
	return s, nil
}

// takeLock locks a staging folder. Between opening the lock and taking it, the pull that had it may have removed the folder: then what was
// locked is gone, and it is tried again.
func takeLock(dir string) (*os.File, error) {
	name := filepath.Join(dir, "lock")
	for range 10 {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("couldn't make the staging folder: %w", err)
		}
		f, err := lockFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if errors.Is(err, ErrBusy) {
			return nil, hinted{fmt.Errorf("couldn't take %s: %w", dir, err), "wait for the other pull to end, or give another --out"}
		}
		if err != nil {
			return nil, fmt.Errorf("couldn't take %s: %w", dir, err)
		}
		mine, err1 := f.Stat()
		there, err2 := os.Stat(name)
		if err1 == nil && err2 == nil && os.SameFile(mine, there) {
			return f, nil
		}
		_ = f.Close()
	}
	return nil, fmt.Errorf("couldn't take %s: %w", dir, ErrBusy)
}

// close gives the folder back as it is, for the next pull to go on.
func (s *staging) close() {
	for _, r := range []*os.Root{s.parts, s.files} {
		if r != nil {
			_ = r.Close()
		}
	}
	_ = s.lock.Close()
}

// remove ends the staging: nothing of it is needed any more.
func (s *staging) remove() error {
	err := os.RemoveAll(s.dir)
	s.close()
	return err
}

// place moves a complete part to its name among the files.
func (s *staging) place(part, name string) error {
	if dir := path.Dir(name); dir != "." {
		if err := s.files.MkdirAll(dir, 0o755); err != nil {
			return writeError(err)
		}
	}
	if err := os.Rename(filepath.Join(s.dir, "parts", part), filepath.Join(s.dir, "files", filepath.FromSlash(name))); err != nil {
		return writeError(err)
	}
	_ = s.parts.Remove(part + ".json")
	return nil
}

// link brings an intact file of the target in without fetching it. False where the file system can't.
func (s *staging) link(name string) bool {
	if dir := path.Dir(name); dir != "." && s.files.MkdirAll(dir, 0o755) != nil {
		return false
	}
	_ = s.files.Remove(name)
	return os.Link(filepath.Join(s.target, filepath.FromSlash(name)), filepath.Join(s.dir, "files", filepath.FromSlash(name))) == nil
}

// prune removes whatever an earlier pull of something else has left among the files.
func (s *staging) prune(keep map[string]bool) error {
	var extra []string
	err := fs.WalkDir(s.files.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !keep[name] {
			extra = append(extra, name)
		}
		return err
	})
	for _, name := range extra {
		err = errors.Join(err, s.files.Remove(name))
	}
	return err
}

// publish makes the files the target, in one step where the system can. What was there before goes away with the staging folder.
func (s *staging) publish() error {
	_ = syncDir(filepath.Join(s.dir, "files"))
	if err := swap(filepath.Join(s.dir, "files"), s.target); err != nil {
		return fmt.Errorf("couldn't put the model in place: %w", err)
	}
	_ = syncDir(filepath.Dir(s.target))
	if err := s.remove(); err != nil {
		return fmt.Errorf("couldn't clear up %s: %w", s.dir, err)
	}
	return nil
}

// swap makes from become to. What to was, if anything, is in from or in from.old afterwards.
func swap(from, to string) error {
	if err := os.Remove(to); err == nil || errors.Is(err, fs.ErrNotExist) { // absent, or an empty folder
		return os.Rename(from, to)
	}
	if exchange(from, to) == nil {
		return nil
	}
	if err := os.Rename(to, from+".old"); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return errors.Join(err, os.Rename(from+".old", to))
	}
	return nil
}

// syncDir makes renames in a folder last.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
