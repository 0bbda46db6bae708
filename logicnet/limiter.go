package logicnet

import "time"

// strangerQuota is what the limiter allows a caller without a quota. Section 3.2.
const strangerQuota = 1

// Limiter counts requests of callers in fixed windows: the first request opens a window, one that comes later than the interval opens the
// next. Requests that are blocked count as well. It is not safe for use by several goroutines. Section 3.2.
type Limiter[K comparable] struct {
	interval time.Duration
	windows  map[K]window
}

type window struct {
	start time.Time
	count int
}

// NewLimiter returns a limiter with windows of the given length.
func NewLimiter[K comparable](interval time.Duration) *Limiter[K] {
	return &Limiter[K]{interval: interval, windows: make(map[K]window)}
}

// Count counts a request of the caller at time now and reports whether it exceeds the quota, and the how manyth of its window it is.
func (l *Limiter[K]) Count(caller K, quota float64, now time.Time) (blocked bool, count int) {
	w, ok := l.windows[caller]
	if !ok || now.Sub(w.start) > l.interval {
		w = window{start: now}
	}
	w.count++
	l.windows[caller] = w
	return float64(w.count) > quota, w.count
}

// Forget drops the windows that are over, and of those that are not the ones that keep refuses (nil keeps all). A caller whose window is
// dropped begins a new one.
func (l *Limiter[K]) Forget(now time.Time, keep func(K) bool) {
	for k, w := range l.windows {
		if now.Sub(w.start) > l.interval || keep != nil && !keep(k) {
			delete(l.windows, k)
		}
	}
}

// Len returns the number of callers that have a window.
func (l *Limiter[K]) Len() int { return len(l.windows) }
