package grader_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nanteos/nanteos/internal/grader"
	"github.com/nanteos/nanteos/task"
)

// python is the interpreter of the tests: NANTEOS_GRADER_PYTHON, a 3.12 of pyenv's, or what PATH has.
func python() string {
	if p := os.Getenv("NANTEOS_GRADER_PYTHON"); p != "" {
		return p
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	found, _ := filepath.Glob(filepath.Join(home, ".pyenv/versions/3.12*/bin/python3"))
	if len(found) > 0 {
		return found[len(found)-1]
	}
	return ""
}

// pool gives a pool that is ready, or skips the test.
func pool(t testing.TB, cfg grader.Config) *grader.Pool {
	t.Helper()
	if cfg.Interpreter == "" {
		cfg.Interpreter = python()
	}
	p := grader.New(cfg)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := p.Ready(t.Context()); errors.Is(err, task.ErrNoTool) {
		t.Skipf("no sandboxed Python here: %v (install CPython 3.12 and allow user namespaces, or set NANTEOS_GRADER_PYTHON)", err)
	} else if err != nil {
		t.Fatal(err)
	}
	return p
}

// job is a job of op execute or grade_code.
type job struct {
	Code     string   `json:"code"`
	Tests    []string `json:"tests"`
	Timeout  float64  `json:"timeout"`
	Hardened bool     `json:"hardened"`
}

// Limit gives a job a second more than its tests have.
func (j job) Limit() time.Duration {
	return time.Duration((j.Timeout*float64(len(j.Tests)) + 1) * float64(time.Second))
}

type result struct {
	Passed int     `json:"passed"`
	Total  int     `json:"total"`
	Status string  `json:"status"`
	Error  *string `json:"error"`
	Tests  []struct {
		Index  int     `json:"test_idx"`
		Passed bool    `json:"passed"`
		Error  *string `json:"error"`
	} `json:"test_results"`
}

func TestPoolRunsJobs(t *testing.T) {
	p := pool(t, grader.Config{Workers: 2})
	if p.Version() == "" {
		t.Error("no version after Ready")
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			var r result
			if err := p.Do(t.Context(), "execute", job{"def f(): return 1", []string{"assert f()==1", "assert f()==2"}, 5, false}, &r); err != nil {
				t.Error(err)
			} else if r.Passed != 1 || r.Total != 2 || r.Status != "some_failed" {
				t.Errorf("got %+v", r)
			}
		})
	}
	wg.Wait()
}

func TestPoolErrors(t *testing.T) {
	p := pool(t, grader.Config{Workers: 1, Result: 2000})
	ctx := t.Context()
	var r result
	if err := p.Do(ctx, "nosuch", map[string]any{}, &r); err == nil || errors.Is(err, task.ErrJobDied) {
		t.Errorf("unknown op: %v", err)
	}
	if err := p.Do(ctx, "execute", map[string]any{}, &r); !errors.Is(err, task.ErrJobDied) {
		t.Errorf("job without code: %v", err)
	}
	if err := p.Do(ctx, "execute", job{"x=1", slices.Repeat([]string{"assert 0"}, 100), 5, false}, &r); !errors.Is(err, task.ErrJobDied) {
		t.Errorf("a result that is too large: %v", err)
	}
	var strict struct{ Other int }
	if err := p.Do(ctx, "execute", job{"x=1", []string{""}, 5, false}, &strict); err == nil {
		t.Error("a result with unknown fields was taken")
	}
	if err := p.Do(ctx, "execute", job{Code: "x", Timeout: 1, Tests: []string{strings.Repeat("x", 64<<20)}}, &r); err == nil {
		t.Error("a job of 64 MiB was taken")
	}
	start := time.Now()
	err := p.Do(ctx, "execute", job{"while 1:\n try:\n  while 1: len([])\n except Exception: pass", []string{""}, 1, true}, &r)
	if !errors.Is(err, task.ErrJobTimeout) && r.Status != "timeout" || time.Since(start) > 10*time.Second {
		t.Errorf("endless job: %v %+v after %v", err, r, time.Since(start))
	}
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	start = time.Now()
	if err := p.Do(short, "execute", job{"while 1: pass", []string{""}, 30, false}, &r); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 5*time.Second {
		t.Errorf("context that ends: %v after %v", err, time.Since(start))
	}
	if err := p.Do(ctx, "execute", job{"x=1", []string{""}, 5, false}, &r); err != nil || r.Status != "all_passed" {
		t.Errorf("after all that: %v %+v", err, r)
	}
}

func TestPoolClose(t *testing.T) {
	p := pool(t, grader.Config{Workers: 2})
	started := make(chan struct{})
	done := make(chan error)
	go func() {
		close(started)
		var r result
		done <- p.Do(context.Background(), "execute", job{"while 1: pass", []string{""}, 60, false}, &r)
	}()
	<-started
	time.Sleep(200 * time.Millisecond)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, grader.ErrClosed) {
		t.Errorf("job of a closed pool: %v", err)
	}
	if err := p.Ready(t.Context()); !errors.Is(err, grader.ErrClosed) {
		t.Errorf("Ready of a closed pool: %v", err)
	}
}

func TestNoInterpreter(t *testing.T) {
	dir := t.TempDir()
	script := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	about := func(version string) string {
		return `echo '{"implementation":"CPython","version":"` + version + `","executable":"/x","stdlib":[],"mapped":[],"site":[],"bits":64,"special":false,"ctypes":true}'`
	}
	for _, c := range []struct{ path, want string }{
		{filepath.Join(dir, "missing"), "missing"},
		{script("fails", "exit 1"), "exit status 1"},
		{script("chatters", "echo hello"), "says about itself"},
		{script("old", about("3.8.18")), "install CPython 3.12"},
		{script("new", about("3.14.0")), "install CPython 3.12"},
		{script("nothere", about("3.12.0")), ""},
	} {
		p := grader.New(grader.Config{Interpreter: c.path})
		err := p.Ready(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) || c.want != "" && !errors.Is(err, task.ErrNoTool) {
			t.Errorf("%s: %v", c.path, err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Setenv("PATH", dir)
	p := grader.New(grader.Config{})
	defer p.Close()
	if err := p.Ready(t.Context()); !errors.Is(err, task.ErrNoTool) || !strings.Contains(err.Error(), "NANTEOS_GRADER_PYTHON") {
		t.Errorf("empty PATH: %v", err)
	}
}
