package bucket

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Dir is a bucket in a directory: an object is a file. Writes go to a temporary file that is renamed, so readers see whole objects
// only and a crash leaves nothing half written. ETags are MD5 sums as S3 gives for simple uploads. Unlike in S3, no key can be a
// folder of another: with "a" there is no "a/b".
type Dir struct {
	root string
	name string
	now  func() time.Time
}

// DirConfig describes a directory driver.
type DirConfig struct {
	// Root is the directory; it is made if missing.
	Root string
	// Now stamps the objects, time.Now when nil.
	Now func() time.Time
}

// OpenDir opens a directory as a bucket.
func OpenDir(cfg DirConfig) (*Dir, error) {
	root, err := filepath.Abs(cfg.Root)
	if err != nil {
		return nil, fmt.Errorf("couldn't open bucket directory %s: %w", cfg.Root, err)
	}
	for _, sub := range []string{"tmp", "etags"} {
		if err := os.MkdirAll(filepath.Join(root, ownFolder, sub), 0o700); err != nil {
			return nil, fmt.Errorf("couldn't open bucket directory: %w", err)
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Dir{root: root, name: filepath.Base(root), now: cfg.Now}, nil
}

// Name is the directory's name.
func (d *Dir) Name() string { return d.name }

func (d *Dir) fail(op, key string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), isNotDir(err):
		err = ErrNotFound
	case errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("%w: %w", ErrAccessDenied, err)
	}
	return &Error{Op: op, Bucket: d.name, Key: key, Attempts: 1, Err: err}
}

func (d *Dir) path(key string) string { return filepath.Join(d.root, filepath.FromSlash(key)) }

// open opens an object and describes the version it holds.
func (d *Dir) open(ctx context.Context, key string) (*os.File, Info, error) {
	if err := CheckKey(key); err != nil {
		return nil, Info{}, err
	}
	if err := ctx.Err(); err != nil {
		return nil, Info{}, err
	}
	f, err := os.Open(d.path(key))
	if err != nil {
		return nil, Info{}, err
	}
	info, err := d.describe(f, key)
	if err != nil {
		f.Close()
		return nil, Info{}, err
	}
	return f, info, nil
}

// describe gives the Info of an open object. The ETag comes from a note that Put leaves, if it is of this very file, else from
// reading the file.
func (d *Dir) describe(f *os.File, key string) (Info, error) {
	st, err := f.Stat()
	if err != nil {
		return Info{}, err
	}
	if !st.Mode().IsRegular() {
		return Info{}, fs.ErrNotExist
	}
	info := Info{Key: key, Size: st.Size(), LastModified: st.ModTime().UTC().Truncate(time.Second)}
	if note, err := os.ReadFile(d.notePath(key)); err == nil {
		if etag, ok := bytes.CutPrefix(note, []byte(identity(st)+" ")); ok && len(etag) == 32 {
			info.ETag = string(etag)
			return info, nil
		}
	}
	sum := md5.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, info.Size)); err != nil {
		return Info{}, err
	}
	info.ETag = hex.EncodeToString(sum.Sum(nil))
	return info, nil
}

func (d *Dir) notePath(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(d.root, ownFolder, "etags", hex.EncodeToString(sum[:]))
}

// identity tells a file apart from an earlier one of the same name.
func identity(st fs.FileInfo) string {
	return fmt.Sprintf("%d-%d-%d", inode(st), st.Size(), st.ModTime().UnixNano())
}

// Get opens an object.
func (d *Dir) Get(ctx context.Context, key string) (io.ReadCloser, Info, error) {
	f, info, err := d.open(ctx, key)
	if err != nil {
		return nil, Info{}, d.fail("get", key, err)
	}
	return f, info, nil
}

// GetRange reads a part of an object.
func (d *Dir) GetRange(ctx context.Context, key string, off, n int64, ifMatch string) ([]byte, error) {
	const op = "get range of"
	if off < 0 || n < 0 {
		return nil, d.fail(op, key, fmt.Errorf("%w: offset %d, length %d", ErrRange, off, n))
	}
	f, info, err := d.open(ctx, key)
	if err != nil {
		return nil, d.fail(op, key, err)
	}
	defer f.Close()
	if ifMatch != "" && ifMatch != info.ETag {
		return nil, d.fail(op, key, fmt.Errorf("%w: ETag is %s, not %s", ErrChanged, info.ETag, ifMatch))
	}
	if n == 0 {
		return nil, nil
	}
	if off >= info.Size {
		return nil, d.fail(op, key, fmt.Errorf("%w: offset %d of %d bytes", ErrRange, off, info.Size))
	}
	b := make([]byte, min(n, info.Size-off))
	if _, err := f.ReadAt(b, off); err != nil {
		return nil, d.fail(op, key, err)
	}
	return b, nil
}

// Head describes an object.
func (d *Dir) Head(ctx context.Context, key string) (Info, error) {
	f, info, err := d.open(ctx, key)
	if err != nil {
		return Info{}, d.fail("head", key, err)
	}
	return info, f.Close()
}

// Put stores an object.
func (d *Dir) Put(ctx context.Context, key string, body io.ReaderAt, size int64, opts PutOptions) (Info, error) {
	info, err := d.put(ctx, key, body, size, opts)
	if err != nil {
		return Info{}, d.fail("put", key, err)
	}
	return info, nil
}

func (d *Dir) put(ctx context.Context, key string, body io.ReaderAt, size int64, opts PutOptions) (info Info, err error) {
	if err := CheckKey(key); err != nil {
		return info, err
	}
	tmp, err := os.CreateTemp(filepath.Join(d.root, ownFolder, "tmp"), "put-*")
	if err != nil {
		return info, err
	}
	defer os.Remove(tmp.Name()) // after a rename there is nothing left to remove
	defer tmp.Close()
	sum, check := md5.New(), sha256.New()
	n, err := io.Copy(io.MultiWriter(tmp, sum, check), contextReader{ctx, io.NewSectionReader(body, 0, size)})
	if err != nil {
		return info, err
	}
	if n != size {
		return info, fmt.Errorf("%w: body has %d bytes, not %d", ErrContent, n, size)
	}
	if opts.ContentSHA256 != nil && !bytes.Equal(opts.ContentSHA256, check.Sum(nil)) {
		return info, fmt.Errorf("%w: body is not the one with the SHA-256 %x", ErrContent, opts.ContentSHA256)
	}
	now := d.now()
	if err := errors.Join(tmp.Chmod(0o644), tmp.Sync(), os.Chtimes(tmp.Name(), now, now)); err != nil {
		return info, err
	}
	st, err := tmp.Stat()
	if err != nil {
		return info, err
	}
	if err := d.place(tmp.Name(), d.path(key), opts.IfNoneMatch); err != nil {
		return info, err
	}
	info = Info{Key: key, Size: size, ETag: hex.EncodeToString(sum.Sum(nil)), LastModified: st.ModTime().UTC().Truncate(time.Second)}
	d.note(key, identity(st)+" "+info.ETag)
	return info, nil
}

// place moves a finished file to its name, for good.
func (d *Dir) place(tmp, dst string, exclusive bool) error {
	dir := filepath.Dir(dst)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if exclusive {
		if err := os.Link(tmp, dst); errors.Is(err, fs.ErrExist) {
			return ErrExists
		} else if err != nil {
			return err
		}
	} else if err := os.Rename(tmp, dst); err != nil {
		return err
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// note remembers an ETag. It is only a cache: where it gets lost the object is read to know its ETag.
func (d *Dir) note(key, text string) {
	tmp, err := os.CreateTemp(filepath.Join(d.root, ownFolder, "tmp"), "etag-*")
	if err != nil {
		return
	}
	_, err = tmp.WriteString(text)
	if errors.Join(err, tmp.Close()) != nil || os.Rename(tmp.Name(), d.notePath(key)) != nil {
		_ = os.Remove(tmp.Name())
	}
}

// Delete removes an object.
func (d *Dir) Delete(ctx context.Context, key string) error {
	if err := errors.Join(CheckKey(key), ctx.Err()); err != nil {
		return d.fail("delete", key, err)
	}
	if st, err := os.Lstat(d.path(key)); err == nil && st.IsDir() {
		return nil // a folder is no object
	}
	if err := os.Remove(d.path(key)); err != nil && !errors.Is(err, fs.ErrNotExist) && !isNotDir(err) {
		return d.fail("delete", key, err)
	}
	_ = os.Remove(d.notePath(key))
	for dir := filepath.Dir(d.path(key)); dir != d.root && os.Remove(dir) == nil; dir = filepath.Dir(dir) {
		// empty folders go with their last object, as in S3
	}
	return nil
}

// List gives the objects under prefix.
func (d *Dir) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		if err := checkPrefix(prefix); err != nil {
			yield(Info{}, d.fail("list", prefix, err))
			return
		}
		_, err := d.walk(ctx, "", prefix, yield)
		if err != nil {
			yield(Info{}, d.fail("list", prefix, err))
		}
	}
}

// walk lists the folder ("" or with a slash at its end) in the order of keys; it reports whether to go on.
func (d *Dir) walk(ctx context.Context, folder, prefix string, yield func(Info, error) bool) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	entries, err := os.ReadDir(d.path(folder))
	if errors.Is(err, fs.ErrNotExist) || isNotDir(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		name := folder + e.Name()
		if e.IsDir() {
			name += "/"
		}
		names = append(names, name)
	}
	slices.Sort(names) // with the slash, so that keys ascend across folders
	for _, name := range names {
		switch {
		case name == ownFolder+"/":
		case strings.HasSuffix(name, "/"):
			if strings.HasPrefix(name, prefix) || strings.HasPrefix(prefix, name) {
				if more, err := d.walk(ctx, name, prefix, yield); err != nil || !more {
					return false, err
				}
			}
		case strings.HasPrefix(name, prefix):
			info, err := d.Head(ctx, name)
			if errors.Is(err, ErrNotFound) {
				continue // removed meanwhile
			}
			if err != nil {
				return false, err
			}
			if !yield(info, nil) {
				return false, nil
			}
		}
	}
	return true, nil
}

// contextReader stops reading when the context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
