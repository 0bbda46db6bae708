package grader_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nanteos/nanteos/internal/grader"
	"github.com/nanteos/nanteos/task"
)

var soak = flag.Int("soak", 150, "jobs of TestSoak")

// What a network sends, in the order of its harmlessness; every job but the first kind fails, and none does anything to the others.
var bombs = []string{
	"while True: print('x' * 100000)",
	"raise Exception('x' * 10**7)",
	"x = []\nwhile True: x.append(bytearray(1 << 20))",
	"def g(): return g()\ng()",
	"x = 'x' * (1 << 40)",
	"for i in range(10**9): pass",
	"for fd in range(64):\n    try: find('FileIO')(fd, 'w').close()\n    except Exception: pass",
	"while True: find('BuiltinImporter').load_module('posix').fork()",
	"exec('x = ' + '+'.join(['1'] * 10**5))",
}

// TestSoak runs jobs of all kinds at the same time through one pool. Verdicts of honest ones are right, and nothing is left of any: no process, no file, no
// mount, no memory. go test -run Soak ./internal/grader -soak 5000 is the long form.
func TestSoak(t *testing.T) {
	p := pool(t, grader.Config{Memory: 256 << 20})
	honest := func(i int) job {
		return job{fmt.Sprintf("def f(x): return x + %d", i), []string{fmt.Sprintf("assert f(1) == %d", i+1), "assert f(1) == -1"}, 20, i%2 == 0}
	}
	var wrong, graded, failures atomic.Int64
	all := func(n int) {
		var next atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
					var r result
					if i%10 == 0 {
						err := p.Do(t.Context(), "execute", job{forged + bombs[i/10%len(bombs)], []string{"assert f(1) == 2"}, 0.2, true}, &r)
						if r.Passed > 0 || err != nil && !errors.Is(err, task.ErrJobTimeout) && !errors.Is(err, task.ErrJobDied) {
							failures.Add(1)
							t.Errorf("bomb %d: %+v, %v", i/10%len(bombs), r, err)
						}
						continue
					}
					graded.Add(1)
					if err := p.Do(t.Context(), "execute", honest(i), &r); err != nil || r.Passed != 1 || r.Total != 2 {
						wrong.Add(1)
						t.Errorf("job %d: %+v, %v", i, r, err)
					}
				}
			})
		}
		wg.Wait()
	}
	all(40) // all workers are up, all pools are filled
	servers, before, rss := processes(t), mine(t), resident(t)
	start := time.Now()
	all(*soak)
	took := time.Since(start)
	if after := processes(t); len(after) > len(servers) {
		t.Errorf("processes before %v, after %v", servers, after)
	}
	if after := mine(t); after > before+8 {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	t.Logf("%d jobs, %d honest, %d of them wrong, %d faults, %v, %.0f a second; resident kB before (this process, servers): %v, after: %v", *soak, graded.Load(), wrong.Load(),
		failures.Load(), took, float64(*soak)/took.Seconds(), rss, resident(t))
	for i, kb := range resident(t) {
		if i < len(rss) && kb > rss[i]+64<<10 {
			t.Errorf("process %d grew from %d to %d kB", i, rss[i], kb)
		}
	}
}

// processes are the direct children of this process that are no zombies, by pid.
func processes(t *testing.T) (pids []string) {
	t.Helper()
	files, _ := filepath.Glob("/proc/self/task/*/children")
	for _, f := range files {
		text, _ := os.ReadFile(f)
		pids = append(pids, strings.Fields(string(text))...)
	}
	return pids
}

// mine counts this process's descriptors.
func mine(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(entries)
}

// resident are the kB in memory of this process and of its children.
func resident(t *testing.T) (kb []int) {
	t.Helper()
	runtime.GC()
	for _, pid := range append([]string{"self"}, processes(t)...) {
		text, _ := os.ReadFile("/proc/" + pid + "/status")
		var n int
		if _, rest, ok := strings.Cut(string(text), "VmRSS:"); ok {
			_, _ = fmt.Sscan(rest, &n)
		}
		kb = append(kb, n)
	}
	return kb
}
