package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

var (
	// errNoRanges: the server answers a range with something else.
	errNoRanges = errors.New("the server has no ranges")
	// errChanged: the server's file is not the one that was begun.
	errChanged = fmt.Errorf("%w: the file changed while it was being fetched", ErrChecksum)
)

// errEnded: the answer ended, where a length was expected before that.
var errEnded = errors.New("the transfer ended early")

// leastGain is how many bytes make an attempt one that gained something.
const leastGain = 1 << 20

// transfer brings one file into its part.
type transfer struct {
	c      *Client
	ref    Reference
	commit string
	file   File
	part   *part
	// moved hears how many bytes have arrived, negative when some are given up.
	moved func(n int64)
	retry retryTell
	// etag is the entity tag of the first answer, for files that are known by nothing else.
	etag firstTag
}

// run fetches what is missing. It begins anew when the file changes below it, twice at most.
func (t *transfer) run(ctx context.Context) error {
	for restarts := 0; ; restarts++ {
		err := t.ranges(ctx)
		if errors.Is(err, errNoRanges) {
			err = t.whole(ctx)
		}
		if !errors.Is(err, errChanged) || restarts == 2 {
			return err
		}
		if err := t.reset(); err != nil {
			return err
		}
		t.etag.forget()
	}
}

// reset gives up what has arrived.
func (t *transfer) reset() error {
	t.moved(-t.part.arrived())
	return t.part.reset()
}

// ranges fetches the missing chunks: the first alone, to learn whether the server has ranges, then the others side by side.
func (t *transfer) ranges(ctx context.Context) error {
	if t.file.Size < 0 {
		return errNoRanges
	}
	todo := t.part.pending()
	if len(todo) == 0 {
		return nil
	}
	if err := t.chunk(ctx, todo[0]); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(t.c.opt.Parallel)
	for _, i := range todo[1:] {
		g.Go(func() error { return t.chunk(ctx, i) })
	}
	return g.Wait()
}

// enter waits for a free transfer of the client.
func (c *Client) enter(ctx context.Context) error {
	select {
	case c.tokens <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *Client) leave() { <-c.tokens }

// chunk fetches one chunk, going on after each failure where it stopped.
func (t *transfer) chunk(ctx context.Context, i int) error {
	if err := t.c.enter(ctx); err != nil {
		return err
	}
	defer t.c.leave()
	return t.c.attempt(ctx, t.retry, func(ctx context.Context) (bool, error) {
		before, _ := t.part.missing(i)
		err := t.piece(ctx, i)
		after, to := t.part.missing(i)
		if err == nil && after < to {
			err = passing{error: fmt.Errorf("%w: %w", ErrOffline, errEnded)}
		}
		return after-before >= leastGain, err
	})
}

// piece asks for the rest of a chunk once.
func (t *transfer) piece(ctx context.Context, i int) error {
	from, to := t.part.missing(i)
	q := request{method: http.MethodGet, address: t.c.fileAddress(t.ref, t.commit, t.file.Path), from: from, to: to}
	if from == 0 && to == t.file.Size {
		q.to = 0 // the whole file: no range needed
	}
	r, err := t.c.get(ctx, q)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := t.check(r); err != nil {
		return err
	}
	switch {
	case q.to == 0 && r.status != http.StatusOK:
		return fmt.Errorf("%w: a part of a file that was asked for whole", ErrProtocol)
	case q.to > 0 && (r.status != http.StatusPartialContent || r.encoded):
		return errNoRanges
	case q.to > 0:
		if to, err = checkContentRange(r.header.Get("Content-Range"), from, to, t.file.Size); err != nil {
			return err
		}
	}
	return copyTo(r, to-from, func(b []byte) error {
		if err := t.part.write(i, b); err != nil {
			return err
		}
		t.moved(int64(len(b)))
		return nil
	})
}

// check holds an answer to what is known about the file.
func (t *transfer) check(r *response) error {
	if err := r.checkCommit(t.commit); err != nil {
		return err
	}
	switch {
	case t.file.SHA256 != "" && r.sha256 != "" && r.sha256 != t.file.SHA256:
		return errChanged
	case t.file.identity() == "" && r.etag != "" && !t.etag.agrees(r.etag):
		return errChanged
	case t.file.Size >= 0 && r.size() >= 0 && r.size() != t.file.Size:
		return errChanged
	}
	return nil
}

// checkContentRange reads "bytes a-b/size" and returns b+1. The server may give less than was asked for, but not other bytes.
func checkContentRange(s string, from, to, size int64) (int64, error) {
	wrong := fmt.Errorf("%w: other bytes than asked for (%s)", ErrProtocol, quote(s))
	rest, ok := strings.CutPrefix(strings.TrimSpace(s), "bytes ")
	span, total, ok2 := strings.Cut(rest, "/")
	first, last, ok3 := strings.Cut(span, "-")
	a, err1 := strconv.ParseInt(first, 10, 64)
	b, err2 := strconv.ParseInt(last, 10, 64)
	if !ok || !ok2 || !ok3 || err1 != nil || err2 != nil || a != from || b < a || b >= to {
		return 0, wrong
	}
	if n, err := strconv.ParseInt(total, 10, 64); total != "*" && (err != nil || n != size) {
		return 0, errChanged
	}
	return b + 1, nil
}

// copyTo hands n bytes of an answer on in pieces. An answer that ends early is a passing failure, and so is one that goes on.
func copyTo(r io.Reader, n int64, write func([]byte) error) error {
	buf := make([]byte, 256<<10)
	for n > 0 {
		k, err := r.Read(buf[:min(int64(len(buf)), n)])
		if k > 0 {
			if err := write(buf[:k]); err != nil {
				return err
			}
			n -= int64(k)
		}
		switch {
		case n == 0:
		case err == io.EOF:
			return passing{error: fmt.Errorf("%w: %w", ErrOffline, errEnded)}
		case err != nil:
			return err
		}
	}
	return nil
}

// whole fetches the file in one transfer that can't be resumed, for servers without ranges and for files of unknown size.
func (t *transfer) whole(ctx context.Context) error {
	if err := t.c.enter(ctx); err != nil {
		return err
	}
	defer t.c.leave()
	return t.c.attempt(ctx, t.retry, func(ctx context.Context) (bool, error) {
		if err := t.reset(); err != nil {
			return false, err
		}
		r, err := t.c.get(ctx, request{method: http.MethodGet, address: t.c.fileAddress(t.ref, t.commit, t.file.Path)})
		if err != nil {
			return false, err
		}
		defer r.Close()
		if r.status != http.StatusOK {
			return false, fmt.Errorf("%w: a part of a file that was asked for whole", ErrProtocol)
		}
		if err := t.check(r); err != nil {
			return false, err
		}
		if t.file.Size < 0 {
			return false, t.measure(r)
		}
		i := 0
		return false, copyTo(r, t.file.Size, func(b []byte) error {
			t.moved(int64(len(b)))
			for len(b) > 0 {
				from, to := t.part.missing(i)
				n := min(int64(len(b)), to-from)
				if err := t.part.write(i, b[:n]); err != nil {
					return err
				}
				if b = b[n:]; n == to-from {
					i++
				}
			}
			return nil
		})
	})
}

// measure fetches a file of unknown size, which ends where the answer ends.
func (t *transfer) measure(r *response) error {
	var n int64
	err := copyTo(r, t.c.opt.MaxBytes+1, func(b []byte) error {
		if n+int64(len(b)) > t.c.opt.MaxBytes {
			return fmt.Errorf("%w: %s has more than %d bytes", ErrTooLarge, quote(t.file.Path), t.c.opt.MaxBytes)
		}
		if _, err := t.part.f.WriteAt(b, n); err != nil {
			return writeError(err)
		}
		n += int64(len(b))
		return nil
	})
	if p := (passing{}); errors.As(err, &p) && errors.Is(err, errEnded) && (r.length < 0 || r.encoded || r.length == n) {
		t.moved(n)
		return nil
	}
	return err
}

// firstTag holds answers to the first one's entity tag.
type firstTag struct {
	mu  sync.Mutex
	tag string
}

func (f *firstTag) agrees(tag string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tag = orElse(f.tag, tag)
	return f.tag == tag
}

func (f *firstTag) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tag = ""
}
