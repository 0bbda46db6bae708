package bucket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/minio/minio-go/v7"
)

// Sizes at which uploads change their way (storage specification, 10.3), in bytes.
const (
	mediumUpload = 50 << 20
	largeUpload  = 500 << 20
)

// uploadPlan says how to upload size bytes: the size of a part (0: one request for all) and how many parts at a time.
func uploadPlan(size int64) (part int64, parallel int) {
	switch {
	case size <= mediumUpload || size == largeUpload:
		return 0, 1
	case size < largeUpload:
		return mediumUpload, 15
	default:
		return largeUpload, 3
	}
}

// sumName is the object's metadata that holds the SHA-256 of its content. By it a writer recognises its own object when the answer to
// the write got lost.
const sumName = "Nanteos-Sha256"

// Put stores an object: one request up to 50 MiB, parts beyond. After a failure it looks whether the object arrived all the same.
func (s *S3) Put(ctx context.Context, key string, body io.ReaderAt, size int64, opts PutOptions) (Info, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, s.fail("put", key, 0, err)
	}
	sum, err := sumOf(ctx, body, 0, size)
	if err != nil {
		return Info{}, s.fail("put", key, 0, err)
	}
	if opts.ContentSHA256 != nil && !bytes.Equal(opts.ContentSHA256, sum) {
		return Info{}, s.fail("put", key, 0, fmt.Errorf("%w: body is not the one with the SHA-256 %x", ErrContent, opts.ContentSHA256))
	}
	o := minio.PutObjectOptions{ContentType: opts.ContentType, UserMetadata: map[string]string{sumName: hex.EncodeToString(sum)}}
	if opts.IfNoneMatch {
		o.SetMatchETagExcept("*")
	}
	var attempts int
	if part, parallel := uploadPlan(size); part == 0 {
		attempts, err = s.putWhole(ctx, key, body, size, sum, o)
	} else {
		attempts, err = s.putParts(ctx, key, body, size, part, parallel, o)
	}
	// Success gives no time and a failure may be one of the answer only, so ask what is there now.
	info, own := s.confirm(ctx, key, size, sum)
	switch {
	case err == nil && own:
		return info, nil
	case err == nil:
		return Info{Key: key, Size: size}, nil // stored; the store did not say when, or another writer was faster
	case own && attempts > 1 && errors.Is(err, ErrChanged):
		return info, nil // an earlier attempt of this very call got through and its answer was lost
	case errors.Is(err, ErrChanged) && opts.IfNoneMatch:
		return Info{}, s.fail("put", key, attempts, fmt.Errorf("%w: %w", ErrExists, err))
	case own && passing(err):
		return info, nil // the object is there with this content, whatever became of the answer
	}
	return Info{}, s.fail("put", key, attempts, err)
}

// confirm looks whether the object is there with this content.
func (s *S3) confirm(ctx context.Context, key string, size int64, sum []byte) (Info, bool) {
	ctx, cancel := context.WithTimeout(ctx, confirmationTimeout)
	defer cancel()
	o, _, err := s.stat(ctx, key)
	if err != nil || o.Size != size || o.UserMetadata[sumName] != hex.EncodeToString(sum) {
		return Info{}, false
	}
	return describe(o, key), true
}

func (s *S3) putWhole(ctx context.Context, key string, body io.ReaderAt, size int64, sum []byte, o minio.PutObjectOptions) (int, error) {
	return s.attempt(ctx, s.cfg.WriteTimeout, func(ctx context.Context, _ int) error {
		_, err := s.core.PutObject(ctx, s.cfg.Bucket, key, io.NewSectionReader(body, 0, size), size, "", hex.EncodeToString(sum), o)
		return err
	})
}

// putParts uploads in parts. If one fails for good the upload is given up and its parts are removed.
func (s *S3) putParts(ctx context.Context, key string, body io.ReaderAt, size, part int64, parallel int, o minio.PutObjectOptions) (int, error) {
	var id string
	attempts, err := s.attempt(ctx, s.cfg.WriteTimeout, func(ctx context.Context, _ int) (err error) {
		id, err = s.core.NewMultipartUpload(ctx, s.cfg.Bucket, key, minio.PutObjectOptions{ContentType: o.ContentType, UserMetadata: o.UserMetadata})
		return err
	})
	if err != nil {
		return attempts, err
	}
	parts := make([]minio.CompletePart, (size+part-1)/part)
	err = s.eachPart(ctx, len(parts), parallel, func(ctx context.Context, i int) error {
		off := int64(i) * part
		n := min(part, size-off)
		sum, err := sumOf(ctx, body, off, n)
		if err != nil {
			return err
		}
		_, err = s.attempt(ctx, s.cfg.WriteTimeout, func(ctx context.Context, _ int) error {
			p, err := s.core.PutObjectPart(ctx, s.cfg.Bucket, key, id, i+1, io.NewSectionReader(body, off, n), n,
				minio.PutObjectPartOptions{Sha256Hex: hex.EncodeToString(sum)})
			parts[i] = minio.CompletePart{PartNumber: i + 1, ETag: p.ETag}
			return err
		})
		return err
	})
	if err == nil {
		o.UserMetadata = nil // it was given at the start
		attempts, err = s.attempt(ctx, s.cfg.WriteTimeout, func(ctx context.Context, try int) error {
			_, err := s.core.CompleteMultipartUpload(ctx, s.cfg.Bucket, key, id, parts, o)
			if try > 0 && errors.Is(translate(err), ErrNotFound) {
				return fmt.Errorf("%w: upload is finished already", ErrChanged) // by the attempt before; Put looks whether it is ours
			}
			return err
		})
	}
	if err != nil {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
		defer cancel()
		_ = s.core.AbortMultipartUpload(clean, s.cfg.Bucket, key, id) // the store drops it in time otherwise
	}
	return attempts, err
}

// eachPart calls f for 0..n-1, at most parallel at a time, and returns the first error after all have ended.
func (s *S3) eachPart(ctx context.Context, n, parallel int, f func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(parallel, n) {
		wg.Go(func() {
			for i := range next {
				if err := f(ctx, i); err != nil {
					cancel(err) // the first cause stays
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

func sumOf(ctx context.Context, body io.ReaderAt, off, n int64) ([]byte, error) {
	h := sha256.New()
	got, err := io.Copy(h, contextReader{ctx, io.NewSectionReader(body, off, n)})
	if err != nil {
		return nil, fmt.Errorf("couldn't read body: %w", err)
	}
	if got != n {
		return nil, fmt.Errorf("%w: body has %d bytes from offset %d, not %d", ErrContent, got, off, n)
	}
	return h.Sum(nil), nil
}

var (
	_ Bucket = (*S3)(nil)
	_ Bucket = (*Dir)(nil)
)
