package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"
)

// Fault is what goes wrong with one call.
type Fault int

// The faults that object stores are known for.
const (
	// Works: nothing goes wrong.
	Works Fault = iota
	// Fails: an error, and nothing was done.
	Fails
	// FailsButPersists: an error, and yet it was done. It differs from Fails for writes and deletions only.
	FailsButPersists
	// Truncates: a download ends early; a range is short. An upload is stored whole.
	Truncates
	// IsSlow: the call takes the wrapper's Delay first.
	IsSlow
)

var faultNames = [...]string{"works", "fails", "fails but persists", "truncates", "is slow"}

// String names the fault.
func (f Fault) String() string {
	if int(f) < len(faultNames) {
		return faultNames[f]
	}
	return fmt.Sprintf("fault %d", int(f))
}

// ErrInjected is the error of an injected fault.
var ErrInjected = errors.New("injected fault")

// Call is one call of a Faulty bucket.
type Call struct {
	Op  string // get, range, put, head, list, delete
	Key string
	// N counts the calls of this bucket from 0.
	N int
}

// Faulty wraps a bucket with failures, for tests. Choose decides on each call; Calls tells which were made.
type Faulty struct {
	Bucket
	// Choose gives the fault of a call, Works when nil. It is called by one goroutine at a time.
	Choose func(Call) Fault
	// Delay is how long IsSlow takes.
	Delay time.Duration

	mu    sync.Mutex
	calls []Call
}

// Plan returns a Choose that gives the faults of one operation in order and Works for everything else.
func Plan(op string, faults ...Fault) func(Call) Fault {
	next := 0
	return func(c Call) Fault {
		if c.Op != op || next >= len(faults) {
			return Works
		}
		next++
		return faults[next-1]
	}
}

// Calls returns the calls so far.
func (f *Faulty) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Call(nil), f.calls...)
}

func (f *Faulty) choose(ctx context.Context, op, key string) (Fault, error) {
	f.mu.Lock()
	c := Call{Op: op, Key: key, N: len(f.calls)}
	f.calls = append(f.calls, c)
	fault := Works
	if f.Choose != nil {
		fault = f.Choose(c)
	}
	f.mu.Unlock()
	if fault == IsSlow {
		if err := sleep(ctx, f.Delay); err != nil {
			return fault, f.fail(op, key, err)
		}
	}
	if fault == Fails {
		return fault, f.fail(op, key, ErrInjected)
	}
	return fault, nil
}

func (f *Faulty) fail(op, key string, err error) error {
	return &Error{Op: op, Bucket: f.Name(), Key: key, Attempts: 1, Err: err}
}

// Get opens an object; Truncates gives the first half.
func (f *Faulty) Get(ctx context.Context, key string) (io.ReadCloser, Info, error) {
	fault, err := f.choose(ctx, "get", key)
	if err != nil {
		return nil, Info{}, err
	}
	body, info, err := f.Bucket.Get(ctx, key)
	if err == nil && fault == FailsButPersists {
		body.Close()
		return nil, Info{}, f.fail("get", key, ErrInjected)
	}
	if err == nil && fault == Truncates {
		body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(io.LimitReader(body, info.Size/2), broken{f.fail("get", key, ErrInjected)}), body}
	}
	return body, info, err
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// GetRange reads a part; Truncates is an error, since drivers check lengths.
func (f *Faulty) GetRange(ctx context.Context, key string, off, n int64, ifMatch string) ([]byte, error) {
	fault, err := f.choose(ctx, "range", key)
	if err == nil && (fault == FailsButPersists || fault == Truncates) {
		err = f.fail("get range of", key, fmt.Errorf("%w: %w", ErrContent, ErrInjected))
	}
	if err != nil {
		return nil, err
	}
	return f.Bucket.GetRange(ctx, key, off, n, ifMatch)
}

// Put stores an object.
func (f *Faulty) Put(ctx context.Context, key string, body io.ReaderAt, size int64, opts PutOptions) (Info, error) {
	fault, err := f.choose(ctx, "put", key)
	if err != nil {
		return Info{}, err
	}
	info, err := f.Bucket.Put(ctx, key, body, size, opts)
	if err == nil && fault == FailsButPersists {
		return Info{}, f.fail("put", key, ErrInjected)
	}
	return info, err
}

// Head describes an object.
func (f *Faulty) Head(ctx context.Context, key string) (Info, error) {
	fault, err := f.choose(ctx, "head", key)
	if err == nil && (fault == FailsButPersists || fault == Truncates) {
		err = f.fail("head", key, ErrInjected)
	}
	if err != nil {
		return Info{}, err
	}
	return f.Bucket.Head(ctx, key)
}

// List gives the objects; Truncates fails after the first.
func (f *Faulty) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		fault, err := f.choose(ctx, "list", prefix)
		if err == nil && fault == FailsButPersists {
			err = f.fail("list", prefix, ErrInjected)
		}
		if err != nil {
			yield(Info{}, err)
			return
		}
		given := 0
		for info, err := range f.Bucket.List(ctx, prefix) {
			if fault == Truncates && given == 1 {
				yield(Info{}, f.fail("list", prefix, ErrInjected))
				return
			}
			given++
			if !yield(info, err) {
				return
			}
		}
	}
}

// Delete removes an object.
func (f *Faulty) Delete(ctx context.Context, key string) error {
	fault, err := f.choose(ctx, "delete", key)
	if err != nil {
		return err
	}
	if err := f.Bucket.Delete(ctx, key); err != nil {
		return err
	}
	if fault == FailsButPersists {
		return f.fail("delete", key, ErrInjected)
	}
	return nil
}

var _ Bucket = (*Faulty)(nil)
