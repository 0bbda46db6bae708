package sandbox

import "sync"

// tail keeps the last LogLimit bytes written to it. It never blocks and never fails.
type tail struct {
	mu    sync.Mutex
	buf   []byte
	total int64
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	t.total += int64(n)
	if len(p) > LogLimit {
		p = p[len(p)-LogLimit:]
	}
	if over := len(t.buf) + len(p) - LogLimit; over > 0 {
		t.buf = t.buf[:copy(t.buf, t.buf[over:])]
	}
	t.buf = append(t.buf, p...)
	return n, nil
}

// String returns what is kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}
