package logicvalidator

import (
	"context"
	"sync"
)

// each calls f for 0 to n-1, up to width at a time, and returns when all are done. After ctx has ended no more are begun.
func each(ctx context.Context, width, n int, f func(ctx context.Context, i int)) {
	var wait sync.WaitGroup
	slots := make(chan struct{}, max(1, min(width, n)))
	for i := range n {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		wait.Add(1)
		go func() {
			defer wait.Done()
			defer func() { <-slots }()
			f(ctx, i)
		}()
	}
	wait.Wait()
}
