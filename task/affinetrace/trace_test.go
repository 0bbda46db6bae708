package affinetrace_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nanteos/nanteos/internal/grader"
	"github.com/nanteos/nanteos/internal/vectortest"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/affine"
	"github.com/nanteos/nanteos/task/affinetrace"
	"github.com/nanteos/nanteos/task/dataset"
)

const vectorFile = "environments/affine.json"

type vectors struct {
	Meta        json.RawMessage
	Decode      json.RawMessage // these: package affinelogic
	LogicTasks  json.RawMessage `json:"logic_tasks"`
	LogicVerify json.RawMessage `json:"logic_verify"`
	Failing     json.RawMessage `json:"dyck_language_failing_seeds"`
	Cryptarithm json.RawMessage
	LogicTrials json.RawMessage `json:"logic_trials"`
	Inject      []struct {
		Source      string
		Seed        uint32
		Transformed string
		Stdin       string
		Stdout      string
		Failed      bool
	} `json:"trace_inject"`
	Clean []struct {
		In, Out string
	} `json:"trace_clean"`
	Prompt []struct {
		TaskID       uint32 `json:"task_id"`
		DatasetLen   int    `json:"dataset_len"`
		DatasetIndex int    `json:"dataset_index"`
		Program      string
		Inputs       string
		Prompt       string
		ExtraKeys    []string `json:"extra_keys"`
	} `json:"trace_prompt"`
	Trials []struct {
		Mode, Label string
		Expected    string `json:"expected_output"`
		Completion  string
		Reward      float64
		Components  map[string]float64
		Success     bool
	} `json:"trace_trials"`
}

func load(t *testing.T) *vectors {
	t.Helper()
	v := new(vectors)
	vectortest.Decode(t, vectorFile, v)
	return v
}

// interpreter is NANTEOS_GRADER_PYTHON, a 3.12 of pyenv's, or what the pool finds.
func interpreter() string {
	if p := os.Getenv("NANTEOS_GRADER_PYTHON"); p != "" {
		return p
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	found, _ := filepath.Glob(filepath.Join(home, ".pyenv/versions/3.12*/bin/python3"))
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// pool gives a sandboxed Python, or skips the test.
func pool(t testing.TB) *grader.Pool {
	t.Helper()
	p := grader.New(grader.Config{Interpreter: interpreter(), Workers: 2})
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

// data is a dataset of given programs.
type data []dataset.Row

func (d data) Open(context.Context, string) (*dataset.Set, error) {
	return dataset.New(affinetrace.ID, "test", "none", map[string][]dataset.Row{"default/train": d})
}

func open(t testing.TB, python task.Python, quirks bool, rows ...dataset.Row) *affinetrace.Environment {
	t.Helper()
	e, err := affinetrace.New(task.Options{Mode: task.Native, Quirks: quirks, Tools: task.Tools{Data: data(rows), Python: python}})
	if err != nil {
		t.Fatal(err)
	}
	return e.(*affinetrace.Environment)
}

func TestVectorsTrials(t *testing.T) {
	v := load(t)
	for i, c := range v.Trials {
		mode, err := task.ParseMode(c.Mode)
		if err != nil {
			t.Fatal(err)
		}
		g := affine.Grade(c.Completion, mode.Tags(), true, func(answer string) bool { return affinetrace.SameWords(answer, c.Expected) })
		components := map[string]float64{}
		for _, part := range g.Components {
			components[part.Name] = part.Value
		}
		if g.Reward != c.Reward || g.Success != c.Success || !maps.Equal(components, c.Components) {
			t.Errorf("trial %d (%s) %q for %q: got %+v, want %v, %v, %v", i, c.Label, c.Completion, c.Expected, g, c.Reward, c.Success, c.Components)
		}
		if h := affine.Grade(c.Completion, mode.Tags(), false, func(answer string) bool { return affinetrace.SameWords(answer, c.Expected) }); h.Reward != g.Reward ||
			h.Success != (h.Components[0].Value == 1) {
			t.Errorf("trial %d (%s) %q, hardened: got %+v", i, c.Label, c.Completion, h)
		}
	}
	vectortest.Count(t, vectorFile, len(v.Trials))
}

type injected struct {
	Transformed string
	Error       *string
}

type ran struct {
	Stdout, Reason string
	Failed         bool
}

func TestVectorsInject(t *testing.T) {
	v, p := load(t), pool(t)
	for _, c := range v.Inject {
		var in injected
		if err := p.Do(t.Context(), "trace_inject", map[string]any{"source": c.Source, "seed": c.Seed}, &in); err != nil {
			t.Fatal(err)
		}
		if in.Transformed != c.Transformed || in.Error != nil {
			t.Errorf("seed %d: got\n%s\nwant\n%s", c.Seed, in.Transformed, c.Transformed)
		}
		var out ran
		if err := p.Do(t.Context(), "trace_run", map[string]any{"program": c.Transformed, "stdin": c.Stdin, "timeout": 10}, &out); err != nil {
			t.Fatal(err)
		}
		if out.Stdout != c.Stdout || out.Failed != c.Failed {
			t.Errorf("seed %d:\n%s\ngot %+v, want %q, %v", c.Seed, c.Transformed, out, c.Stdout, c.Failed)
		}
	}
	vectortest.Count(t, vectorFile, len(v.Inject))
}

func TestVectorsClean(t *testing.T) {
	v, p := load(t), pool(t)
	for _, c := range v.Clean {
		var in injected
		if err := p.Do(t.Context(), "trace_inject", map[string]any{"source": c.In, "seed": 0}, &in); err != nil {
			t.Fatal(err)
		}
		// What is clean is either written again, which leaves these few letters as they are, or stands behind the comment on its error.
		if _, after, broken := strings.Cut(in.Transformed, "\n"); in.Transformed != c.Out && (!broken || after != c.Out) {
			t.Errorf("%q: got %q, want %q", c.In, in.Transformed, c.Out)
		}
	}
	vectortest.Count(t, vectorFile, len(v.Clean))
}

// TestPrompt holds the prompt against that of the vectors.
func TestPrompt(t *testing.T) {
	var v map[string]json.RawMessage
	vectortest.Decode(t, "environments/prompts.json", &v)
	var want struct {
		Parts  []string `json:"prompt_parts"`
		Source string
		Tag    []string `json:"debug_tag_parts"`
	}
	if err := json.Unmarshal(v["affine_trace"], &want); err != nil {
		t.Fatal(err)
	}
	f := &fake{version: "3.12.1", do: answers(map[string]any{"stdout": "", "failed": false, "reason": ""}, nil)}
	tk, err := open(t, f, false, dataset.Row{"program": "", "inputs": "1 2"}).Task(0)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tk.Messages()[0].Content, want.Parts[0]+"print(1)"+want.Parts[1]+"1 2"+want.Parts[2]; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestVectorsPrompt(t *testing.T) {
	v, p := load(t), pool(t)
	for _, c := range v.Prompt {
		rows := make([]dataset.Row, c.DatasetLen)
		for i := range rows {
			rows[i] = dataset.Row{"program": "print('another')", "inputs": ""}
		}
		rows[c.DatasetIndex] = dataset.Row{"program": c.Program, "inputs": c.Inputs}
		for _, quirks := range []bool{true, false} {
			tk, err := open(t, p, quirks, rows...).Task(c.TaskID)
			if err != nil {
				t.Fatal(err)
			}
			want := task.Message{Role: "user", Content: c.Prompt}
			if m := tk.Messages(); len(m) != 1 || m[0] != want {
				t.Errorf("task %d: got %q, want %q", c.TaskID, m, want)
			}
			m := tk.(*affinetrace.Task).Metadata()
			if m["dataset_index"] != c.DatasetIndex {
				t.Errorf("task %d: got program %v, want %d", c.TaskID, m["dataset_index"], c.DatasetIndex)
			}
			for _, key := range c.ExtraKeys {
				if _, ok := m[key]; !ok && !(quirks && key == "ground_truth") {
					t.Errorf("task %d: metadata lack %s: %v", c.TaskID, key, m)
				}
			}
		}
	}
	vectortest.Count(t, vectorFile, len(v.Prompt))
}

// TestSamples poses every program of our own sample and grades its truth.
func TestSamples(t *testing.T) {
	p := pool(t)
	set, err := dataset.Sample(affinetrace.ID)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := set.Table("default/train")
	if err != nil {
		t.Fatal(err)
	}
	hardened, quirks := open(t, p, false, rows...), open(t, p, true, rows...)
	for seed := range uint32(len(rows)) {
		tk, err := hardened.Task(seed)
		if err != nil {
			t.Error(err)
			continue
		}
		m := tk.(*affinetrace.Task).Metadata()
		truth := m["ground_truth"].(string)
		if truth == "" || m["program_error"] != "" {
			t.Errorf("program %d: truth %q, error %v", seed, truth, m["program_error"])
		}
		for _, c := range []struct {
			answer string
			right  bool
		}{{truth, true}, {"\n  " + strings.Join(strings.Fields(truth), "\n") + " ", true}, {truth + " x", false}, {"", false}, {strings.ToUpper(truth) + "!", false}} {
			g, err := tk.Grade(t.Context(), "</think><SOLUTION>"+c.answer+"</SOLUTION>")
			if err != nil || g.Success != c.right || g.Success != (g.Reward == 0.74) {
				t.Errorf("program %d, answer %q: got %+v, %v", seed, c.answer, g, err)
			}
		}
		q, err := quirks.Task(seed)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(q.Messages(), tk.Messages()) {
			t.Errorf("program %d: prompts differ between rules", seed)
		}
		if g, err := q.Grade(t.Context(), "</think><SOLUTION>"+truth+"</SOLUTION>"); err != nil || g.Success || g.Components[0].Value != 0 {
			t.Errorf("program %d, quirks: the truth earns %+v, %v", seed, g, err)
		}
		if g, err := q.Grade(t.Context(), "</think><SOLUTION> </SOLUTION>"); err != nil || !g.Success {
			t.Errorf("program %d, quirks: a blank earns %+v, %v", seed, g, err)
		}
	}
}

// TestRun has programs of all kinds, harmless and not.
func TestRun(t *testing.T) {
	p := pool(t)
	long := strings.Repeat("x", 100_000)
	for _, c := range []struct {
		name, program, stdin, stdout, reason string
	}{
		{"input", "print(input()[::-1])", "abc\n", "cba\n", ""},
		{"all of stdin", "import sys\nprint(len(sys.stdin.read()))", long, "100000\n", ""},
		{"lines", "import sys\nfor l in sys.stdin: print(int(l) + 1)", "1\r\n2\n3", "2\n3\n4\n", ""},
		{"bytes", "import sys\nsys.stdout.buffer.write(sys.stdin.buffer.readline())", "é\n", "é\n", ""},
		{"descriptor 0", "print(sum(map(int, open(0).read().split())))", "1 2\n3", "6\n", ""},
		{"descriptors", "import os\nos.write(1, os.read(0, 100).upper())", "abc", "ABC", ""},
		{"end of stdin", "input()", "", "", "EOFError"},
		{"main", "if __name__ == '__main__':\n    print(__name__, __file__)", "", "__main__ program.py\n", ""},
		{"exit", "print(1)\nexit()\nprint(2)", "", "1\n", ""},
		{"exit code", "import sys\nprint(1)\nsys.exit(3)", "", "1\n", "exit"},
		{"exit message", "import sys\nsys.exit('no')", "", "", "exit"},
		{"exception", "print(1)\n1/0", "", "1\n", "ZeroDivisionError"},
		{"syntax", "print(1", "", "", "SyntaxError"},
		{"carriage returns", "print('a\\rb\\r\\nc')", "", "a\nb\nc\n", ""},
		{"imports", "import collections, heapq, re, datetime, decimal, json, unittest\nprint(collections.Counter('aab'))", "", "Counter({'a': 2, 'b': 1})\n", ""},
		{"random", "import random\nrandom.seed(1)\nprint(random.randint(1, 100))", "", "18\n", ""},
		{"hashes", "import sys\nprint(sys.flags.hash_randomization)", "", "0\n", ""},
		{"random without seed", "import random\nprint(random.randint(1, 1000))", "", "865\n", ""},
		{"threads", "import threading\nthreading.Thread(target=lambda: print('late')).start()", "", "late\n", ""},
		{"at exit", "import atexit\natexit.register(print, 'bye')", "", "bye\n", ""},
		{"recursion", "def f(n): return f(n + 1)\nf(0)", "", "", "RecursionError"},
		{"flood", "while True: print('x' * 1000)", "", "", "output"},
		{"big flood", "print('x' * (1 << 22))", "", "", "output"},
		{"loop", "while True: pass", "", "", "timeout"},
		{"loop that catches", "for _ in range(3):\n    try:\n        while True: pass\n    except BaseException: pass", "", "", "timeout"},
		{"sleep", "import time\ntime.sleep(30)", "", "", "timeout"},
		{"network", "import socket\ns = socket.socket()", "", "", "PermissionError"},
		{"process", "import os\nos.fork()", "", "", "PermissionError"},
		{"file", "open('/tmp/x', 'w')", "", "", "PermissionError"},
		{"host", "import os\nprint(os.path.exists('/etc/passwd'), os.path.exists('/etc/hostname'))", "", "False False\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out ran
			seconds := 20
			if c.reason == "timeout" {
				seconds = 1
			}
			if err := p.Do(t.Context(), "trace_run", map[string]any{"program": c.program, "stdin": c.stdin, "timeout": seconds}, &out); err != nil {
				t.Fatal(err)
			}
			if out.Stdout != c.stdout || out.Reason != c.reason || out.Failed != (c.reason != "") {
				t.Errorf("got %.300q, %s, want %q, %s", out.Stdout, out.Reason, c.stdout, c.reason)
			}
		})
	}
}

// fake is a Python that answers by itself.
type fake struct {
	version string
	ready   error
	do      func(op string) (any, error)
	jobs    atomic.Int32
}

func (f *fake) Ready(context.Context) error { return f.ready }
func (f *fake) Version() string             { return f.version }
func (f *fake) Do(ctx context.Context, op string, _, result any) error {
	f.jobs.Add(1)
	if _, ok := ctx.Deadline(); !ok {
		return errors.New("job without deadline")
	}
	answer, err := f.do(op)
	if err != nil {
		return err
	}
	b, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, result)
}

func answers(run any, err error) func(string) (any, error) {
	return func(op string) (any, error) {
		if op == "trace_inject" {
			return map[string]any{"transformed": "print(1)", "error": nil}, nil
		}
		return run, err
	}
}

func TestErrors(t *testing.T) {
	row := dataset.Row{"program": "print(1)", "inputs": ""}
	other := errors.New("disk on fire")
	for _, c := range []struct {
		name string
		do   func(string) (any, error)
		want error
	}{
		{"time", answers(map[string]any{"stdout": "", "failed": true, "reason": "timeout"}, nil), affinetrace.ErrNoTruth},
		{"output", answers(map[string]any{"stdout": "", "failed": true, "reason": "output"}, nil), affinetrace.ErrNoTruth},
		{"pool's time", answers(nil, task.ErrJobTimeout), affinetrace.ErrNoTruth},
		{"death", answers(nil, task.ErrJobDied), affinetrace.ErrNoTruth},
		{"machine", answers(nil, other), other},
		{"too deep", func(string) (any, error) {
			return map[string]any{"transformed": "", "error": "RecursionError: deep"}, nil
		}, affinetrace.ErrNoTruth},
		{"no prints", func(string) (any, error) { return nil, other }, other},
	} {
		f := &fake{version: "3.12.1", do: c.do}
		e := open(t, f, false, row)
		for range 2 { // a failure isn't remembered
			before := f.jobs.Load()
			if _, err := e.Task(1); !errors.Is(err, c.want) || f.jobs.Load() == before {
				t.Errorf("%s: got %v after %d jobs, want %v", c.name, err, f.jobs.Load()-before, c.want)
			}
		}
	}
	f := &fake{version: "3.12.1", do: answers(map[string]any{"stdout": " 1\n", "failed": true, "reason": "KeyError"}, nil)}
	tk, err := open(t, f, false, row).Task(1)
	if err != nil {
		t.Fatal(err)
	}
	if m := tk.(*affinetrace.Task).Metadata(); m["ground_truth"] != "1" || m["program_error"] != "KeyError" {
		t.Errorf("got %v", m)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tk.Grade(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if f := (&fake{version: "3.12.1", do: answers(nil, other)}); true {
		if _, err := open(t, f, true, row).Task(1); err != nil || f.jobs.Load() != 1 {
			t.Errorf("quirks: got %v after %d jobs, want no error after 1", err, f.jobs.Load())
		}
	}
}

func TestNew(t *testing.T) {
	row := data{{"program": "print(1)", "inputs": ""}}
	for _, c := range []struct {
		name  string
		tools task.Tools
		ok    bool
	}{
		{"nothing", task.Tools{}, false},
		{"no data", task.Tools{Python: &fake{version: "3.12.1"}}, false},
		{"no Python", task.Tools{Data: row}, false},
		{"empty data", task.Tools{Data: data{}, Python: &fake{version: "3.12.1"}}, false},
		{"Python fails", task.Tools{Data: row, Python: &fake{version: "3.12.1", ready: task.ErrNoTool}}, false},
		{"Python 3.10", task.Tools{Data: row, Python: &fake{version: "3.10.13"}}, false},
		{"Python 2", task.Tools{Data: row, Python: &fake{version: "2.7.18"}}, false},
		{"no version", task.Tools{Data: row, Python: &fake{}}, false},
		{"Python 3.11", task.Tools{Data: row, Python: &fake{version: "3.11.7"}}, true},
		{"Python 3.13", task.Tools{Data: row, Python: &fake{version: "3.13.0"}}, true},
	} {
		e, err := affinetrace.New(task.Options{Tools: c.tools})
		if c.ok && (err != nil || e.ID() != affinetrace.ID) || !c.ok && !errors.Is(err, task.ErrNoTool) && c.name != "empty data" || !c.ok && err == nil {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

// TestCache asks for tasks from many goroutines: each seed is made once, and old ones are forgotten.
func TestCache(t *testing.T) {
	f := &fake{version: "3.12.1"}
	f.do = func(op string) (any, error) {
		time.Sleep(time.Millisecond)
		return answers(map[string]any{"stdout": "1", "failed": false, "reason": ""}, nil)(op)
	}
	e := open(t, f, false, dataset.Row{"program": "print(1)", "inputs": ""})
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			if _, err := e.Task(uint32(i % 4)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := f.jobs.Load(); n != 8 {
		t.Errorf("4 seeds took %d jobs, want 8", n)
	}
	for seed := range uint32(200) {
		if _, err := e.Task(seed); err != nil {
			t.Fatal(err)
		}
	}
	before := f.jobs.Load()
	for _, seed := range []uint32{199, 100, 0} {
		if _, err := e.Task(seed); err != nil {
			t.Fatal(err)
		}
	}
	if n := f.jobs.Load() - before; n != 2 {
		t.Errorf("two seeds that are remembered and one that isn't took %d jobs, want 2", n)
	}
}

func TestSameWords(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", " \n\t", true}, {"a b", "a\u00a0\x1cb\n", true}, {"a b", "ab", false}, {"a", "A", false}, {"a\u200bb", "a b", false}, {"1 2 3", "1 2", false},
	} {
		if got := affinetrace.SameWords(c.a, c.b); got != c.want {
			t.Errorf("%q, %q: got %v", c.a, c.b, got)
		}
	}
}
