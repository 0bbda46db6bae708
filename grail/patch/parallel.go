package patch

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// rangeElements is how many numbers of a tensor are one piece of work: half a megabyte of bfloat16, which a core's own cache holds.
const rangeElements = 1 << 19

// workers gives the number of goroutines for n pieces of work; 0 asks for as many as the machine runs at once.
func workers(asked, n int) int {
	if asked <= 0 {
		asked = runtime.GOMAXPROCS(0)
	}
	return max(1, min(asked, n))
}

// ordered makes n pieces of work by several goroutines and gives their results to consume in order, one at a time, on the caller's goroutine.
// At most slots results exist at a time; slot tells produce which of as many buffers is its own until consume has returned.
// The first error in order ends it; all goroutines have ended on return.
func ordered[T any](ctx context.Context, n, count int, produce func(slot, i int) (T, error), consume func(i int, v T) error) error {
	if n == 0 {
		return ctx.Err()
	}
	type result struct {
		v   T
		err error
	}
	if count == 1 {
		for i := range n {
			if err := ctx.Err(); err != nil {
				return err
			}
			v, err := produce(0, i)
			if err == nil {
				err = consume(i, v)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	slots := slotsFor(count)
	results := make([]chan result, slots)
	for i := range results {
		results[i] = make(chan result, 1)
	}
	tokens := make(chan struct{}, slots)
	for range slots {
		tokens <- struct{}{}
	}
	done := make(chan struct{})
	var next atomic.Int64
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(done)
	for range count {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-tokens:
				}
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				v, err := produce(i%slots, i)
				results[i%slots] <- result{v, err}
			}
		})
	}
	for i := range n {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case r := <-results[i%slots]:
			if r.err == nil {
				r.err = consume(i, r.v)
			}
			if r.err != nil {
				return r.err
			}
			tokens <- struct{}{}
		}
	}
	return nil
}

// slotsFor is how many results of count workers exist at a time.
func slotsFor(count int) int {
	if count == 1 {
		return 1
	}
	return 2*count + 2
}
