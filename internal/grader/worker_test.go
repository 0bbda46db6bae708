package grader

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/task"
)

// A server that is gone is replaced, between jobs and in one; what takes two servers down with it is to blame itself.
func TestServerGoesDown(t *testing.T) {
	path := os.Getenv("NANTEOS_GRADER_PYTHON")
	p := New(Config{Interpreter: path, Workers: 1})
	defer p.Close()
	if err := p.Ready(t.Context()); errors.Is(err, task.ErrNoTool) {
		t.Skipf("no sandboxed Python here: %v (install CPython 3.12 and allow user namespaces, or set NANTEOS_GRADER_PYTHON)", err)
	} else if err != nil {
		t.Fatal(err)
	}
	down := func() *worker {
		w := <-p.groups[locked]
		w.process.Kill()
		p.groups[locked] <- w
		return w
	}
	w := down()
	<-w.process.Done()
	if err := p.Ready(t.Context()); err != nil {
		t.Errorf("after the server's end: %v", err)
	}
	down() // and this one may still be dying when the job comes
	if err := p.Ready(t.Context()); err != nil {
		t.Errorf("with a dying server: %v", err)
	}
	slow := map[string]any{"code": "while True: pass", "tests": []string{""}, "timeout": 20}
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		for t.Context().Err() == nil {
			// Every server of the job dies under it. The worker is out of the group meanwhile, so look for it by its process.
			if killServers() >= 2 {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}()
	var result map[string]any
	if err := p.Do(t.Context(), "execute", slow, &result); !errors.Is(err, task.ErrJobDied) {
		t.Errorf("a job that takes its servers down: %v", err)
	}
	<-stop
	if err := p.Ready(t.Context()); err != nil {
		t.Errorf("after that: %v", err)
	}
}

// killed counts what killServers has killed.
var killed int

// killServers kills the direct children of this process that run the grader's program, and counts how many it has killed in all.
func killServers() int {
	stats, _ := filepath.Glob("/proc/self/task/*/children")
	for _, s := range stats {
		text, err := os.ReadFile(s)
		if err != nil {
			continue
		}
		for _, pid := range strings.Fields(string(text)) {
			cmd, err := os.ReadFile("/proc/" + pid + "/cmdline")
			if err != nil || !strings.Contains(string(cmd), "grader.py") {
				continue
			}
			if jobs, _ := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children"); len(jobs) == 0 {
				continue // it is only starting
			}
			if err := kill(pid); err == nil {
				killed++
			}
		}
	}
	return killed
}

func kill(pid string) error {
	n := 0
	for _, c := range pid {
		n = 10*n + int(c-'0')
	}
	p, err := os.FindProcess(n)
	if err != nil {
		return err
	}
	return p.Kill()
}

func TestQueueIsBounded(t *testing.T) {
	p := New(Config{Interpreter: "/nowhere", Workers: 1, Queue: 1})
	defer p.Close()
	w := <-p.groups[locked] // the only worker is busy
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	for range 2 {
		go func() { done <- p.Do(ctx, "check", map[string]any{}, &struct{}{}) }()
	}
	for p.wait.Load() < 2 {
		time.Sleep(time.Millisecond)
	}
	if err := p.Do(ctx, "check", map[string]any{}, &struct{}{}); !errors.Is(err, ErrBusy) {
		t.Errorf("third job: %v", err)
	}
	cancel()
	for range 2 {
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("a job that waited: %v", err)
		}
	}
	p.groups[locked] <- w
	if err := p.Do(t.Context(), "check", func() {}, nil); err == nil {
		t.Error("a function was taken for a job")
	}
}

func TestLimits(t *testing.T) {
	p := New(Config{Timeout: 7 * time.Second})
	defer p.Close()
	for _, c := range []struct {
		job  any
		body string
		want time.Duration
	}{
		{nil, `{}`, 7 * time.Second},
		{nil, `[]`, 7 * time.Second},
		{nil, `{"timeout": 1.5}`, 3500 * time.Millisecond},
		{nil, `{"timeout": 0}`, 2 * time.Second},
		{nil, `{"timeout": -1}`, 7 * time.Second},
		{nil, `{"timeout": 1e300}`, 7 * time.Second},
		{limited(3 * time.Second), `{"timeout": 1}`, 3 * time.Second},
		{limited(-1), `{}`, time.Millisecond},
		{limited(1 << 62), `{}`, 24 * time.Hour},
	} {
		if got := p.limit(c.job, []byte(c.body)); got != c.want {
			t.Errorf("%v %s: got %v, want %v", c.job, c.body, got, c.want)
		}
	}
}

type limited time.Duration

func (l limited) Limit() time.Duration { return time.Duration(l) }
