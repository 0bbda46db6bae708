package checkpoint

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/internal/bucket"
)

// fileAttempts is how often one file is fetched when its download breaks off, retryPause the first wait between, which doubles.
const (
	fileAttempts = 3
	retryPause   = 500 * time.Millisecond
)

// partial is a fresh name of a folder in the making.
func (c *Cache) partial(window int64) string {
	var id [4]byte
	rand.Read(id[:])
	return c.folder(window) + "." + strconv.Itoa(os.Getpid()) + "." + hex.EncodeToString(id[:]) + ".partial"
}

func (c *Cache) stage(window int64) (string, error) {
	dir := c.partial(window)
	return dir, os.Mkdir(dir, 0o755)
}

// download brings a whole checkpoint into dir.
func download(ctx context.Context, bkt bucket.Bucket, window int64, dir string, trainer *[sr25519.PublicKeySize]byte, limits Limits) error {
	text, err := readObject(ctx, bkt, bucket.FullKey(window, metadataName))
	if errors.Is(err, bucket.ErrNotFound) {
		if _, err := bkt.Head(ctx, bucket.DeltaKey(window, metadataName)); err == nil {
			return ErrDelta
		}
		return fmt.Errorf("%w: it has no metadata", ErrNone)
	}
	if err != nil {
		return err
	}
	m, err := ParseMetadata(text)
	if err != nil {
		return err
	}
	signature, err := readObject(ctx, bkt, bucket.FullKey(window, signatureName))
	if err != nil && !errors.Is(err, bucket.ErrNotFound) {
		return err
	}
	if err := accept(m, window, signature, trainer); err != nil {
		return err
	}
	var total atomic.Int64
	err = eachFile(ctx, m.Manifest, func(ctx context.Context, f File) error {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		pause := retryPause
		for attempt := 1; ; attempt++ {
			err := fetchFile(ctx, bkt, bucket.FullKey(window, f.Name), path, f.SHA256, &total, limits)
			if err == nil || attempt == fileAttempts || ctx.Err() != nil || final(err) {
				return err
			}
			select {
			case <-time.After(pause):
				pause *= 2
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, metadataName), bytes.NewReader(text)); err != nil {
		return err
	}
	if len(signature) > 0 {
		if err := writeFile(filepath.Join(dir, signatureName), bytes.NewReader(signature)); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

// final tells errors that another attempt would meet again.
func final(err error) bool {
	for _, target := range []error{ErrFiles, bucket.ErrTooLarge, bucket.ErrNotFound, bucket.ErrAccessDenied, bucket.ErrNoBucket, bucket.ErrKey} {
		if errors.Is(err, target) {
			return true
		}
	}
	var disk *os.PathError
	return errors.As(err, &disk)
}

// accept says whether metadata may be used for a label: a FULL of this window, with files, signed by the trainer if that is known.
func accept(m Metadata, window int64, signature []byte, trainer *[sr25519.PublicKeySize]byte) error {
	switch {
	case m.Type != Full:
		return ErrDelta
	case m.Window != window:
		// The reference would read the files of that other window (quirk 25).
		return fmt.Errorf("%w: they are of checkpoint %d", ErrMetadata, m.Window)
	case len(m.Manifest) == 0:
		// The reference would take whatever lies there, unchecked.
		return fmt.Errorf("%w: the manifest names no files", ErrMetadata)
	case trainer == nil:
		return nil
	}
	raw, err := hex.DecodeString(string(bytes.TrimSpace(signature)))
	if err != nil || len(raw) != sr25519.SignatureSize || !sr25519.Verify(*trainer, m.SignedText(), [sr25519.SignatureSize]byte(raw)) {
		return ErrSignature
	}
	return nil
}

// readObject reads metadata or signature, plain or as key.gz.
func readObject(ctx context.Context, bkt bucket.Bucket, key string) ([]byte, error) {
	body, err := openObject(ctx, bkt, key, maxMetadataBytes)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

// openObject opens key, or key.gz unpacked where only that exists; it gives at most limit bytes, and fails with ErrFiles instead of more.
func openObject(ctx context.Context, bkt bucket.Bucket, key string, limit int64) (io.ReadCloser, error) {
	body, info, err := bkt.Get(ctx, key)
	packed := false
	if errors.Is(err, bucket.ErrNotFound) {
		packed = true
		body, info, err = bkt.Get(ctx, key+".gz")
	}
	if err != nil {
		return nil, err
	}
	if info.Size > limit {
		body.Close()
		return nil, fmt.Errorf("%w: %s has %d bytes, at most %d are allowed", ErrFiles, info.Key, info.Size, limit)
	}
	var r io.Reader = body
	if packed {
		if r, err = gzip.NewReader(body); err != nil {
			body.Close()
			return nil, fmt.Errorf("couldn't unpack %s: %w", info.Key, err)
		}
	}
	o := &object{Reader: r, closer: body, left: limit, want: -1, key: info.Key}
	if !packed {
		o.want = info.Size
	}
	return o, nil
}

// object is the content of an object: it fails when there is more than it may give, and when it ends before its announced size.
type object struct {
	io.Reader
	closer     io.Closer
	left, want int64 // want is negative where the size is not known
	key        string
}

func (o *object) Read(p []byte) (int, error) {
	n, err := o.Reader.Read(p)
	o.want -= int64(n)
	if o.left -= int64(n); o.left < 0 {
		return 0, fmt.Errorf("%w: %s is larger than allowed", ErrFiles, o.key)
	}
	if err == io.EOF && o.want > 0 {
		return n, fmt.Errorf("couldn't read %s to its end: %w", o.key, io.ErrUnexpectedEOF)
	}
	return n, err
}

// Close closes the object.
func (o *object) Close() error { return o.closer.Close() }

// fetchFile brings one file to path and checks its hash. What it transferred counts towards total, failed attempts too.
func fetchFile(ctx context.Context, bkt bucket.Bucket, key, path string, want [sha256.Size]byte, total *atomic.Int64, limits Limits) error {
	body, err := openObject(ctx, bkt, key, limits.FileBytes)
	if err != nil {
		return err
	}
	defer body.Close()
	h := sha256.New()
	err = writeFile(path, contextReader{ctx, &counted{io.TeeReader(body, h), total, limits.TotalBytes}})
	if err != nil {
		return err
	}
	if [sha256.Size]byte(h.Sum(nil)) != want {
		return fmt.Errorf("%w: SHA-256 is %x, the manifest says %x", ErrFiles, h.Sum(nil), want)
	}
	return nil
}

// counted adds to a total and fails when it grows over a limit.
type counted struct {
	r     io.Reader
	total *atomic.Int64
	limit int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.total.Add(int64(n)) > c.limit {
		return 0, fmt.Errorf("%w: they are larger than %d bytes together", ErrFiles, c.limit)
	}
	return n, err
}

// writeFile writes a file and makes sure that it is on disk.
func writeFile(path string, r io.Reader) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// syncDir makes a folder's entries durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("couldn't sync %s: %w", dir, err)
	}
	return nil
}
