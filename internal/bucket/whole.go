package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// PutBytes stores b under key.
func PutBytes(ctx context.Context, bkt Bucket, key string, b []byte, opts PutOptions) (Info, error) {
	return bkt.Put(ctx, key, bytes.NewReader(b), int64(len(b)), opts)
}

// ReadAll returns an object of at most limit bytes; a larger one is ErrTooLarge before anything is read.
func ReadAll(ctx context.Context, bkt Bucket, key string, limit int64) ([]byte, Info, error) {
	fail := func(err error) error { return &Error{Op: "get", Bucket: bkt.Name(), Key: key, Err: err} }
	body, info, err := bkt.Get(ctx, key)
	if err != nil {
		return nil, Info{}, err
	}
	defer body.Close()
	if info.Size > limit {
		return nil, info, fail(fmt.Errorf("%w: %d bytes are over %d", ErrTooLarge, info.Size, limit))
	}
	b := make([]byte, info.Size)
	if n, err := io.ReadFull(body, b); err != nil {
		return nil, info, fail(fmt.Errorf("%w: %d of %d bytes arrived: %w", ErrContent, n, info.Size, err))
	}
	if n, err := body.Read(make([]byte, 1)); n > 0 || err != nil && !errors.Is(err, io.EOF) {
		return nil, info, fail(fmt.Errorf("%w: more than the %d bytes announced: %w", ErrContent, info.Size, err))
	}
	return b, info, nil
}

// ListAll returns at most limit objects under prefix; where there are more it fails with ErrTooLarge.
func ListAll(ctx context.Context, bkt Bucket, prefix string, limit int) ([]Info, error) {
	var all []Info
	for info, err := range bkt.List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		if len(all) == limit {
			return nil, &Error{Op: "list", Bucket: bkt.Name(), Key: prefix, Err: fmt.Errorf("%w: more than %d objects", ErrTooLarge, limit)}
		}
		all = append(all, info)
	}
	return all, nil
}

// DeletePrefix removes all objects below a folder and returns how many. The prefix must end with a slash: without it, deleting
// checkpoint-600 deletes checkpoint-6000 as well, which happened to the reference (storage specification, quirk 42).
func DeletePrefix(ctx context.Context, bkt Bucket, prefix string) (int, error) {
	if !strings.HasSuffix(prefix, "/") || len(prefix) < 2 {
		return 0, &Error{Op: "delete", Bucket: bkt.Name(), Key: prefix, Err: fmt.Errorf("%w: a prefix to delete must end with a slash", ErrKey)}
	}
	deleted := 0
	for {
		var batch []string
		for info, err := range bkt.List(ctx, prefix) {
			if err != nil {
				return deleted, err
			}
			if batch = append(batch, info.Key); len(batch) == 1000 {
				break
			}
		}
		if len(batch) == 0 {
			return deleted, nil
		}
		for _, key := range batch {
			if err := bkt.Delete(ctx, key); err != nil {
				return deleted, err
			}
			deleted++
		}
	}
}

// ReaderAt reads ranges of one version of an object. It fails with ErrChanged once the object has been replaced by another.
type ReaderAt struct {
	ctx  context.Context
	bkt  Bucket
	info Info
	// Fetched counts the bytes that were transferred.
	fetched int64
}

// NewReaderAt makes a ReaderAt of the version that info describes. ctx bounds all its reads.
func NewReaderAt(ctx context.Context, bkt Bucket, info Info) *ReaderAt {
	return &ReaderAt{ctx: ctx, bkt: bkt, info: info}
}

// Size is the object's size in bytes.
func (r *ReaderAt) Size() int64 { return r.info.Size }

// ReadAt reads len(p) bytes from offset off with one request. It is not safe for concurrent use.
func (r *ReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if off >= r.info.Size {
		return 0, io.EOF
	}
	b, err := r.bkt.GetRange(r.ctx, r.info.Key, off, int64(len(p)), r.info.ETag)
	if err != nil {
		return 0, err
	}
	r.fetched += int64(len(b))
	n := copy(p, b)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Fetched returns how many bytes were transferred so far.
func (r *ReaderAt) Fetched() int64 { return r.fetched }
