package axon

import (
	"container/heap"
	"context"
	"errors"
	"sync"
)

// errOverloaded says that a request found no place in the queue, or lost it to one of higher priority.
var errOverloaded = errors.New("queue is full")

// queue hands a fixed number of worker slots to waiting requests, the highest priority first and among equals the oldest.
type queue struct {
	mu      sync.Mutex
	free    int // slots that nobody holds
	limit   int // how many may wait
	order   uint64
	waiting waiters
}

type waiter struct {
	priority float64
	order    uint64
	index    int // in the heap, -1 when out of it
	granted  chan error
}

func newQueue(workers, limit int) *queue { return &queue{free: workers, limit: limit} }

// acquire waits for a slot. When the queue is full the lowest priority leaves it, be it this request or another one. The slot must be
// given back with release.
func (q *queue) acquire(ctx context.Context, priority float64) error {
	if priority != priority { // NaN
		priority = 0
	}
	q.mu.Lock()
	if q.free > 0 {
		q.free--
		q.mu.Unlock()
		return nil
	}
	w := &waiter{priority: priority, order: q.order, granted: make(chan error, 1)}
	q.order++
	heap.Push(&q.waiting, w)
	if len(q.waiting) > q.limit {
		lowest := q.waiting.lowest()
		heap.Remove(&q.waiting, lowest.index)
		lowest.granted <- errOverloaded
	}
	q.mu.Unlock()
	select {
	case err := <-w.granted:
		return err
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.index >= 0 {
		heap.Remove(&q.waiting, w.index)
		return ctx.Err()
	}
	if err := <-w.granted; err != nil {
		return err
	}
	q.releaseLocked() // granted while the context ended
	return ctx.Err()
}

func (q *queue) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.releaseLocked()
}

func (q *queue) releaseLocked() {
	if len(q.waiting) == 0 {
		q.free++
		return
	}
	heap.Pop(&q.waiting).(*waiter).granted <- nil
}

// waiters is a heap with the next request on top.
type waiters []*waiter

func (w waiters) Len() int { return len(w) }
func (w waiters) Less(i, j int) bool {
	if w[i].priority != w[j].priority {
		return w[i].priority > w[j].priority
	}
	return w[i].order < w[j].order
}
func (w waiters) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].index, w[j].index = i, j
}
func (w *waiters) Push(x any) {
	item := x.(*waiter)
	item.index = len(*w)
	*w = append(*w, item)
}
func (w *waiters) Pop() any {
	old := *w
	item := old[len(old)-1]
	item.index = -1
	*w = old[:len(old)-1]
	return item
}

// lowest returns the waiter that is served last. The queue is short, so it looks at all.
func (w waiters) lowest() *waiter {
	last := 0
	for i := range w {
		if w.Less(last, i) {
			last = i
		}
	}
	return w[last]
}
