// Package bucket reads and writes the objects that nodes exchange: window files, checkpoints, trust lists.
//
// A bucket is a flat set of objects under text keys, as S3 defines it. Each node writes one bucket of its own and reads those of the
// others, with read keys that their owners put on the chain (see [ReadCredentials]). What an object store promises, and all that this
// package relies on: an object appears whole or not at all, the last write wins, a read can be tied to one version by its ETag, and
// the store stamps each object with its own clock in whole seconds. That stamp decides whether a window file was in time.
//
// Drivers: [S3] for any S3 store (R2, MinIO, the embedded one), [Dir] for a directory. [Server] is the embedded S3 server. [Faulty]
// wraps a driver with failures for tests. All drivers pass one suite of contract tests.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
	"unicode/utf8"
)

// Bucket is one bucket of an object store. Every call ends with its context; drivers bound each attempt besides.
type Bucket interface {
	// Name is the bucket's name, for messages.
	Name() string
	// Get opens an object. The body must be closed; it is of the version that Info describes, even if the object is replaced meanwhile.
	Get(ctx context.Context, key string) (io.ReadCloser, Info, error)
	// GetRange returns n bytes from offset off, fewer where the object ends before. It fails with ErrRange where off is at or after the
	// end and n is not 0, and with ErrChanged where ifMatch is not empty and not the object's ETag.
	GetRange(ctx context.Context, key string, off, n int64, ifMatch string) ([]byte, error)
	// Put stores size bytes of body under key. It reads body from the start, perhaps several times and at several offsets at once.
	// When it fails the object may nevertheless be there: the answer of a write can get lost.
	Put(ctx context.Context, key string, body io.ReaderAt, size int64, opts PutOptions) (Info, error)
	// Head describes an object.
	Head(ctx context.Context, key string) (Info, error)
	// List gives the objects whose keys begin with prefix, ascending by key. It ends after the first error.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
	// Delete removes an object. It is no error if there is none.
	Delete(ctx context.Context, key string) error
}

// Info describes a version of an object.
type Info struct {
	Key  string
	Size int64
	// ETag names the version, without quotes. Two versions with the same content may have the same.
	ETag string
	// LastModified is when the store took the version, by the store's clock, in whole seconds, UTC.
	LastModified time.Time
}

// PutOptions are conditions of a write.
type PutOptions struct {
	// IfNoneMatch refuses to replace an object with ErrExists.
	IfNoneMatch bool
	// ContentSHA256 is the SHA-256 of the whole body where the caller knows it, else nil. A body that differs is refused with ErrContent.
	ContentSHA256 []byte
	// ContentType is application/octet-stream when empty.
	ContentType string
}

// Errors among which a caller decides.
var (
	// ErrNotFound: no object has that key.
	ErrNotFound = errors.New("no such object")
	// ErrNoBucket: the bucket does not exist.
	ErrNoBucket = errors.New("no such bucket")
	// ErrAccessDenied: the credentials are wrong or do not allow this. Trying again is useless.
	ErrAccessDenied = errors.New("access denied")
	// ErrChanged: the object is no longer the version asked for. Start again with Head.
	ErrChanged = errors.New("object has changed")
	// ErrExists: the object is there already.
	ErrExists = errors.New("object exists already")
	// ErrTooLarge: more bytes or more objects than the caller's limit or the store's.
	ErrTooLarge = errors.New("too large")
	// ErrRange: the range begins after the end.
	ErrRange = errors.New("range is outside the object")
	// ErrContent: the body is not what ContentSHA256 says, or arrived cut short.
	ErrContent = errors.New("content differs")
	// ErrKey: the key is not one that all drivers can hold.
	ErrKey = errors.New("invalid key")
)

// Error says which operation on which object failed. It wraps one of the errors above where one fits.
type Error struct {
	Op     string // get, get range of, put, head, list, delete
	Bucket string
	Key    string
	// Hint is what to do next, or empty.
	Hint string
	// Attempts is how often it was tried.
	Attempts int
	Err      error
}

// Error gives operation, object, cause and hint in one line.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "couldn't %s %s/%s", e.Op, e.Bucket, e.Key)
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " in %d attempts", e.Attempts)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	if e.Hint != "" {
		fmt.Fprintf(&b, " (%s)", e.Hint)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// maxKey is S3's limit of a key, in bytes; maxSegment is what file systems take between two slashes.
const (
	maxKey     = 1024
	maxSegment = 255
)

// CheckKey refuses, with ErrKey, a key that a driver could not hold or would hold in another place: empty, too long, not UTF-8, with
// control characters or backslashes, or with an empty, "." or ".." segment.
func CheckKey(key string) error {
	why := ""
	switch {
	case key == "":
		why = "it is empty"
	case len(key) > maxKey:
		why = fmt.Sprintf("it has %d bytes, over %d", len(key), maxKey)
	case !utf8.ValidString(key):
		why = "it is not UTF-8"
	case strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }):
		why = "it has a control character or a backslash"
	}
	if why == "" {
		for s := range strings.SplitSeq(key, "/") {
			switch {
			case s == "":
				why = "it has an empty part between slashes"
			case s == "." || s == "..":
				why = "it has the part " + s
			case len(s) > maxSegment:
				why = fmt.Sprintf("it has a part of %d bytes, over %d", len(s), maxSegment)
			case s == ownFolder:
				why = "it has the part " + ownFolder + ", which drivers use"
			}
		}
	}
	if why != "" {
		return fmt.Errorf("%w %.80q: %s", ErrKey, key, why)
	}
	return nil
}

// ownFolder is where the directory driver keeps its own files.
const ownFolder = ".nanteos-bucket"

// checkPrefix refuses a prefix that no valid key can begin with and that could lead a driver elsewhere.
func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	return CheckKey(strings.TrimSuffix(prefix, "/"))
}
