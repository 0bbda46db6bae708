package axon

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestQueueServesByPriority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1, 10)
		if err := q.acquire(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []string
		for i, p := range []float64{1, 5, 3, 5, math.NaN(), -1} {
			go func() {
				if err := q.acquire(t.Context(), p); err != nil {
					t.Error(err)
				}
				mu.Lock()
				order = append(order, fmt.Sprint(i))
				mu.Unlock()
				q.release()
			}()
			synctest.Wait()
		}
		q.release()
		synctest.Wait()
		if want := []string{"1", "3", "2", "0", "4", "5"}; !slices.Equal(order, want) {
			t.Errorf("order %v, want %v", order, want)
		}
		if q.free != 1 || len(q.waiting) != 0 {
			t.Errorf("%d free, %d waiting", q.free, len(q.waiting))
		}
	})
}

func TestQueueDropsLowest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1, 2)
		_ = q.acquire(t.Context(), 0)
		results := make([]error, 4)
		for i, p := range []float64{1, 2, 3, 0} {
			go func() {
				if results[i] = q.acquire(t.Context(), p); results[i] == nil {
					q.release()
				}
			}()
			synctest.Wait()
		}
		q.release()
		synctest.Wait()
		for i, want := range []error{errOverloaded, nil, nil, errOverloaded} {
			if !errors.Is(results[i], want) {
				t.Errorf("request %d: %v, want %v", i, results[i], want)
			}
		}
	})
}

func TestQueueGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1, 5)
		_ = q.acquire(t.Context(), 0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := q.acquire(ctx, 1); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if len(q.waiting) != 0 {
			t.Error("it still waits")
		}
		q.release()
		if q.free != 1 {
			t.Errorf("%d free", q.free)
		}
	})
}

// TestQueueLosesNoSlot lets requests give up at the time at which they are served.
func TestQueueLosesNoSlot(t *testing.T) {
	q := newQueue(2, 50)
	var group sync.WaitGroup
	for i := range 400 {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i%7)*100*time.Microsecond)
			defer cancel()
			if q.acquire(ctx, float64(i%3)) == nil {
				time.Sleep(50 * time.Microsecond)
				q.release()
			}
		})
	}
	group.Wait()
	if q.free != 2 || len(q.waiting) != 0 {
		t.Errorf("%d free, %d waiting", q.free, len(q.waiting))
	}
}
