package checkpoint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"sync"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/cpython"
)

// parallel is how many files travel at a time.
const parallel = 4

// Signer is the trainer's hotkey. sr25519.Keypair is one.
type Signer interface {
	Sign(message []byte) ([sr25519.SignatureSize]byte, error)
}

// Files lists what a model folder offers for publication, as names with slashes: everything but hidden and the checkpoint's own files. The
// list is taken once, before anything is published, so that a second attempt publishes the same (validator specification, F35).
func Files(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if reserved[name] || name == snapshotName || hidden(name) {
			return nil
		}
		if err := checkName(name); err != nil {
			return fmt.Errorf("%w: %q %w", ErrFiles, name, err)
		}
		names = append(names, name)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't list model folder %s: %w", dir, err)
	}
	if len(names) == 0 || len(names) > maxFiles {
		return nil, fmt.Errorf("couldn't list model folder %s: %w: it has %d files, want 1 to %d", dir, ErrFiles, len(names), maxFiles)
	}
	sort.Strings(names)
	return names, nil
}

// Publish uploads a whole checkpoint: the named files of dir, then metadata.json, manifest.sig and the marker FULL. m gives all but
// Manifest and Type, which are set here. It returns the metadata as published. The checkpoint is not used before MarkReady.
// A file that changes meanwhile is an error (bucket.ErrContent). Publishing again after a failure is safe.
func Publish(ctx context.Context, bkt bucket.Bucket, dir string, files []string, m Metadata, trainer Signer) (Metadata, error) {
	fail := func(err error) (Metadata, error) {
		return Metadata{}, fmt.Errorf("couldn't publish checkpoint %d: %w", m.Window, err)
	}
	if m.Window < 0 {
		return fail(fmt.Errorf("%w: its label is negative", ErrMetadata))
	}
	if missing := m.Missing(); len(missing) > 0 {
		_, err := m.Policy()
		return fail(err) // nobody could use it
	}
	m.Manifest, m.Type, m.object = make([]File, 0, len(files)), Full, cpython.Value{}
	for _, name := range files {
		if err := checkName(name); err != nil {
			return fail(fmt.Errorf("%w: %q %w", ErrFiles, name, err))
		}
		sum, err := hashFile(ctx, filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return fail(err)
		}
		m.Manifest = append(m.Manifest, File{name, sum})
	}
	signature, err := trainer.Sign(m.SignedText())
	if err != nil {
		return fail(fmt.Errorf("couldn't sign: %w", err))
	}
	err = eachFile(ctx, m.Manifest, func(ctx context.Context, f File) error {
		return upload(ctx, bkt, bucket.FullKey(m.Window, f.Name), filepath.Join(dir, filepath.FromSlash(f.Name)), f.SHA256)
	})
	if err != nil {
		return fail(err)
	}
	for _, o := range []struct {
		name string
		text []byte
	}{{metadataName, m.JSON()}, {signatureName, []byte(hex.EncodeToString(signature[:]))}, {Full, nil}} {
		if _, err := bucket.PutBytes(ctx, bkt, bucket.FullKey(m.Window, o.name), o.text, bucket.PutOptions{}); err != nil {
			return fail(err)
		}
	}
	return m, nil
}

// MarkReady makes a published checkpoint usable in the windows after ready, which is the window in progress when the upload ended. An
// upload without the marker is one that nobody sees, so its failure is an error here (quirk 46).
func MarkReady(ctx context.Context, bkt bucket.Bucket, window, ready int64) error {
	if _, err := bucket.PutBytes(ctx, bkt, bucket.ReadyKey(window, ready), nil, bucket.PutOptions{}); err != nil {
		return fmt.Errorf("couldn't mark checkpoint %d ready: %w", window, err)
	}
	return nil
}

func upload(ctx context.Context, bkt bucket.Bucket, key, path string, sum [sha256.Size]byte) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	_, err = bkt.Put(ctx, key, f, info.Size(), bucket.PutOptions{ContentSHA256: sum[:]})
	return err
}

// eachFile runs do for all files, some at a time, and returns the first error after all have ended. After an error no new one begins.
func eachFile(ctx context.Context, files []File, do func(context.Context, File) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	places := make(chan struct{}, parallel)
	for _, f := range files {
		places <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-places }()
			if err := do(ctx, f); err != nil {
				cancel(fmt.Errorf("file %s: %w", f.Name, err))
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// hashFile returns the SHA-256 of a regular file.
func hashFile(ctx context.Context, path string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return sum, err
	}
	if !info.Mode().IsRegular() {
		return sum, fmt.Errorf("%w: %s is not a regular file", ErrFiles, filepath.Base(path))
	}
	h := sha256.New()
	if _, err := io.Copy(h, contextReader{ctx, f}); err != nil {
		return sum, err
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// contextReader ends with its context.
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
