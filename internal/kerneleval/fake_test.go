package kerneleval

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nanteos/nanteos/internal/sandbox"
	"github.com/nanteos/nanteos/task"
)

// script is what a fake program does: it reads frames from in and writes frames to out until it returns, which is its end.
type script func(in io.Reader, out io.Writer)

// fakes starts fake programs, one script after the other for each role; the last one stays.
type fakes struct {
	sync.Mutex
	scripts map[string][]script
	started map[string]int
	fail    error
}

func (f *fakes) launch(ctx context.Context, role string, _ int) (*process, error) {
	f.Lock()
	defer f.Unlock()
	if f.fail != nil {
		return nil, f.fail
	}
	list := f.scripts[role]
	s := list[min(f.started[role], len(list)-1)]
	if f.started == nil {
		f.started = map[string]int{}
	}
	f.started[role]++
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	end := func() { inR.Close(); outW.Close() }
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer end()
		s(inR, outW)
	}()
	stop := context.AfterFunc(ctx, end)
	return &process{in: inW, out: outR, log: func() string { return "" }, kill: end, free: func() error { end(); <-done; stop(); return nil }}, nil
}

func (f *fakes) count(role string) int {
	f.Lock()
	defer f.Unlock()
	return f.started[role]
}

func say(out io.Writer, header any) { _ = writeHeader(out, header, 0) }

func hear(in io.Reader) (job map[string]any, err error) {
	n, err := readHeader(in, &job)
	if err == nil {
		_, err = io.CopyN(io.Discard, in, n)
	}
	return job, err
}

var greeting = map[string]any{"python": "3.12.1", "torch": "2", "triton": "3", "devices": 1, "healthy": true}

// whole is a program that answers each job with a reply.
func whole(reply any) script {
	return func(in io.Reader, out io.Writer) {
		say(out, greeting)
		for {
			if _, err := hear(in); err != nil {
				return
			}
			say(out, reply)
		}
	}
}

var (
	good      = map[string]any{"verdict": map[string]any{"correct": true, "compiled": true, "error": nil, "max_diff": "0.0"}, "corrupted": false}
	corrupted = map[string]any{"verdict": map[string]any{"correct": true, "compiled": true, "error": nil, "max_diff": "inf"}, "corrupted": true}
	broken    = map[string]any{"verdict": map[string]any{"correct": false, "compiled": true, "error": "CUDA error: an illegal memory access was encountered", "max_diff": nil}}
)

func silent(in io.Reader, out io.Writer) { say(out, greeting); _, _ = io.Copy(io.Discard, in) }
func deaf(io.Reader, io.Writer)          {}
func dies(in io.Reader, out io.Writer)   { say(out, greeting); _, _ = hear(in) }
func garbage(in io.Reader, out io.Writer) {
	say(out, greeting)
	_, _ = hear(in)
	_, _ = out.Write(make([]byte, 64))
}
func noTorch(in io.Reader, out io.Writer) {
	say(out, map[string]any{"failed": "ModuleNotFoundError: No module named 'torch'"})
	_, _ = io.Copy(io.Discard, in)
}

func fakePool(t *testing.T, c Config, f *fakes) *Pool {
	t.Helper()
	c.Python = "python3"
	c, err := c.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return newPool(c, f.launch)
}

func said(r task.KernelResult) string {
	if r.Error == nil {
		return ""
	}
	return *r.Error
}

// The table of the reference for a persistent worker.
func TestPersistentRules(t *testing.T) {
	for _, c := range []struct {
		name    string
		scripts []script
		text    string
		infra   bool
		correct bool
		started int // programs after two jobs
	}{
		{"verdicts", []script{whole(good)}, "", false, true, 1},
		{"no reply within the limit", []script{silent, whole(good)}, "timeout", true, false, 2},
		{"pipe closed while waiting", []script{dies, whole(good)}, "worker_recv_failed", true, false, 2},
		{"a reply that is no frame", []script{garbage, whole(good)}, "worker_recv_failed", true, false, 2},
		{"a reply without a verdict", []script{whole(map[string]any{}), whole(good)}, "worker_recv_failed", true, false, 2},
		{"send fails twice", []script{deaf, deaf, whole(good)}, "worker_send_failed", true, false, 3},
		{"send fails once", []script{deaf, whole(good)}, "", false, true, 2},
		{"initialisation failed", []script{noTorch, whole(good)}, "worker_init_failed", true, false, 2},
		{"reply marked corrupted", []script{whole(corrupted), whole(good)}, "", false, true, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &fakes{scripts: map[string][]script{roleWhole: c.scripts}}
			p := fakePool(t, Config{GPUs: []int{2}, Quirks: true}, f)
			defer p.Close()
			start := time.Now()
			r, err := p.Evaluate(t.Context(), "test", "kernel")
			if err != nil || said(r) != c.text || r.Infra != c.infra || r.Correct != c.correct {
				t.Errorf("%s: got %s, %v, want %q, infra %t", c.name, show(r), err, c.text, c.infra)
			}
			if took := time.Since(start); c.text == "timeout" && took != DefaultTimeout {
				t.Errorf("%s after %s, want %s", c.name, took, DefaultTimeout)
			}
			if r, err := p.Evaluate(t.Context(), "test", "kernel"); err != nil || !r.Correct {
				t.Errorf("%s: the next job: got %s, %v", c.name, show(r), err)
			}
			if n := f.count(roleWhole); n != c.started {
				t.Errorf("%s: %d programs, want %d", c.name, n, c.started)
			}
		})
	}
}

func TestWorkerIsReplacedAfterItsJobs(t *testing.T) {
	f := &fakes{scripts: map[string][]script{roleWhole: {whole(good)}}}
	p := fakePool(t, Config{GPUs: []int{0}, Quirks: true}, f)
	for range 201 {
		if r, err := p.Evaluate(t.Context(), "t", "k"); err != nil || !r.Correct {
			t.Fatal(show(r), err)
		}
	}
	if n := f.count(roleWhole); n != 3 {
		t.Errorf("%d programs for 201 jobs, want 3", n)
	}
	p.Close()
	if _, err := p.Evaluate(t.Context(), "t", "k"); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: got %v, want ErrClosed", err)
	}
}

// The rules of the reference for a process a job.
func TestSubprocessRules(t *testing.T) {
	for _, c := range []struct {
		name    string
		scripts []script
		text    string
		err     error
		started int
	}{
		{"verdict", []script{whole(good)}, "", nil, 1},
		{"no reply", []script{silent}, "timeout", nil, 1},
		{"no result", []script{dies}, "no_result", nil, 1},
		{"garbage", []script{garbage}, "pipe_error", nil, 1},
		{"sticky once", []script{whole(broken), whole(good)}, "", nil, 2},
		{"sticky in all attempts", []script{whole(broken)}, "", ErrSticky, 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &fakes{scripts: map[string][]script{roleWhole: c.scripts}}
			p := fakePool(t, Config{Backend: Subprocess, GPUs: []int{0}, Quirks: true}, f)
			defer p.Close()
			r, err := p.Evaluate(t.Context(), "test", "kernel")
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || said(r) != c.text || r.Infra {
				t.Errorf("%s: got %s, %v, want %q, %v", c.name, show(r), err, c.text, c.err)
			}
			if n := f.count(roleWhole); n != c.started {
				t.Errorf("%s: %d programs, want %d", c.name, n, c.started)
			}
		})
	}
}

// trusted is a reference half whose verdict is right, after as many trials as there are.
func trusted(in io.Reader, out io.Writer) {
	say(out, greeting)
	for {
		job, err := hear(in)
		if err != nil {
			return
		}
		switch job["op"] {
		case "open":
			say(out, map[string]any{"standard": true, "init": map[string]any{}})
		case "trial":
			say(out, map[string]any{"inputs": map[string]any{}})
		case "compare":
			if job["trial"].(float64) == trials-1 {
				say(out, map[string]any{"verdict": good["verdict"]})
			} else {
				say(out, map[string]any{"verdict": nil})
			}
		case "close":
			say(out, map[string]any{"corrupted": false})
		}
	}
}

// nursery answers each operation with a reply; those not named are answered well. A nil reply is no answer at all.
func nursery(replies map[string]any) script {
	return func(in io.Reader, out io.Writer) {
		say(out, greeting)
		for {
			job, err := hear(in)
			if err != nil {
				return
			}
			op := job["op"].(string)
			reply, ok := replies[op]
			if !ok {
				reply = map[string]any{"warm": true, "reply": map[string]any{"has_class": true, "output": map[string]any{"dtype": "float32", "shape": []int{}}}}
			}
			if op != "end" && reply != nil {
				say(out, reply)
			}
		}
	}
}

func TestBlame(t *testing.T) {
	cold := nursery(map[string]any{"begin": map[string]any{"warm": false}})
	well := nursery(nil)
	for _, c := range []struct {
		name       string
		references []script
		candidates []script
		text       string
		correct    bool
		err        error
	}{
		{"all well", []script{trusted}, []script{well}, "", true, nil},
		{"a candidate that hangs", []script{trusted}, []script{nursery(map[string]any{"run": nil}), well}, "timeout", false, nil},
		{"a candidate that hangs while it is loaded", []script{trusted}, []script{nursery(map[string]any{"load": nil}), well}, "timeout", false, nil},
		{"a candidate that dies", []script{trusted}, []script{nursery(map[string]any{"run": map[string]any{"died": "signal 11"}}), well}, "candidate_died: signal 11", false, nil},
		{"a reply of another form", []script{trusted}, []script{nursery(map[string]any{"run": map[string]any{"reply": 7}}), well}, "candidate_died", false, nil},
		{"no output", []script{trusted}, []script{nursery(map[string]any{"run": map[string]any{"reply": map[string]any{}}}), well}, "no output", false, nil},
		{"a shape without end", []script{trusted}, []script{nursery(map[string]any{"run": map[string]any{"reply": map[string]any{"output": map[string]any{"shape": make([]int, 65)}}}}), well},
			"output beyond all bounds", false, nil},
		{"an exception", []script{trusted}, []script{nursery(map[string]any{"run": map[string]any{"reply": map[string]any{"raised": map[string]any{"message": "m"}}}})},
			"check_correctness_error: m", false, nil},
		{"a candidate that hangs, and then the device is broken", []script{trusted}, []script{nursery(map[string]any{"run": nil}), cold}, "", false, ErrMachine},
		{"a device that is broken from the start", []script{trusted}, []script{cold}, "", false, ErrMachine},
		{"a reference half that dies once", []script{dies, trusted}, []script{well}, "", true, nil},
		{"a reference half that dies", []script{dies}, []script{well}, "", false, ErrMachine},
		{"a reference half that hangs", []script{silent}, []script{well}, "", false, ErrMachine},
		{"no torch", []script{noTorch}, []script{well}, "", false, ErrMachine},
		{"no such GPU", []script{func(in io.Reader, out io.Writer) { say(out, map[string]any{"triton": "3"}) }}, []script{well}, "", false, ErrMachine},
		{"a harness that checks itself", []script{func(in io.Reader, out io.Writer) {
			say(out, greeting)
			_, _ = hear(in)
			say(out, map[string]any{"refused": "own check"})
			_, _ = hear(in)
			say(out, map[string]any{})
		}}, []script{well}, "", false, ErrHarness},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &fakes{scripts: map[string][]script{roleReference: c.references, roleCandidate: c.candidates}}
			p := fakePool(t, Config{GPUs: []int{0}}, f)
			defer p.Close()
			r, err := p.Evaluate(t.Context(), "test", "kernel")
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || said(r) != c.text || r.Correct != c.correct || r.Infra {
				t.Errorf("%s: got %s, %v, want %q, %v", c.name, show(r), err, c.text, c.err)
			}
		})
	}
}

func TestNothingRunsWithoutASandbox(t *testing.T) {
	for _, quirks := range []bool{true, false} {
		for _, backend := range []string{Persistent, Subprocess} {
			p := fakePool(t, Config{Backend: backend, GPUs: []int{0}, Quirks: quirks}, &fakes{fail: sandbox.ErrUnavailable})
			if _, err := p.Evaluate(t.Context(), "", ""); !errors.Is(err, task.ErrNoTool) || !errors.Is(err, sandbox.ErrUnavailable) {
				t.Errorf("%s, quirks %t: got %v, want ErrNoTool", backend, quirks, err)
			}
			if err := p.Ready(t.Context()); !errors.Is(err, task.ErrNoTool) {
				t.Errorf("%s, quirks %t: Ready: got %v, want ErrNoTool", backend, quirks, err)
			}
			p.Close()
		}
	}
}

func TestReady(t *testing.T) {
	for _, quirks := range []bool{true, false} {
		ok := &fakes{scripts: map[string][]script{roleWhole: {whole(good)}, roleReference: {trusted}, roleCandidate: {nursery(nil)}}}
		p := fakePool(t, Config{GPUs: []int{0, 3}, Quirks: quirks}, ok)
		if err := p.Ready(t.Context()); err != nil {
			t.Errorf("quirks %t: %v", quirks, err)
		}
		p.Close()
		bad := &fakes{scripts: map[string][]script{roleWhole: {noTorch}, roleReference: {noTorch}, roleCandidate: {nursery(nil)}}}
		p = fakePool(t, Config{GPUs: []int{0}, Quirks: quirks}, bad)
		if err := p.Ready(t.Context()); !errors.Is(err, task.ErrNoTool) || !strings.Contains(err.Error(), "No module named 'torch'") {
			t.Errorf("quirks %t: got %v, want ErrNoTool that names torch", quirks, err)
		}
		p.Close()
	}
}

func TestContextEndsAnEvaluation(t *testing.T) {
	for _, quirks := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			f := &fakes{scripts: map[string][]script{roleWhole: {silent}, roleReference: {trusted}, roleCandidate: {nursery(map[string]any{"run": nil})}}}
			p := fakePool(t, Config{GPUs: []int{0}, Quirks: quirks}, f)
			defer p.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			go p.Evaluate(t.Context(), "", "") // so that another one waits for its turn
			time.Sleep(100 * time.Millisecond)
			if _, err := p.Evaluate(ctx, "", ""); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("quirks %t, waiting: got %v, want the context's error", quirks, err)
			}
			time.Sleep(5 * time.Minute)
			ctx, cancel = context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := p.Evaluate(ctx, "", ""); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("quirks %t, running: got %v, want the context's error", quirks, err)
			}
		})
	}
}
