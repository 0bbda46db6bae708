package checkpoint

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/nanteos/nanteos/internal/bucket"
)

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
