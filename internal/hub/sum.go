package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
)

// sum is the checksum of a file's bytes in the form of identity: git's blob SHA-1 where that is what is known, SHA-256 otherwise. The file is read
// from its beginning; size is its length.
func sum(ctx context.Context, f *os.File, size int64, asBlob bool) (string, error) {
	var h hash.Hash
	prefix := "sha256:"
	if asBlob {
		prefix, h = "blob:", sha1.New()
		fmt.Fprintf(h, "blob %d\x00", size)
	} else {
		h = sha256.New()
	}
	n, err := io.Copy(h, &interruptible{ctx, io.NewSectionReader(f, 0, size)})
	if err != nil {
		return "", fmt.Errorf("couldn't read back: %w", err)
	}
	if n != size {
		return "", fmt.Errorf("couldn't read back: %w", io.ErrUnexpectedEOF)
	}
	return prefix + hex.EncodeToString(h.Sum(nil)), nil
}

// interruptible ends reading with its context.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (r *interruptible) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}
