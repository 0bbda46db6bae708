package triton

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/dataset"
)

// samples are the datasets of the program's own.
type samples struct{}

func (samples) Open(_ context.Context, env string) (*dataset.Set, error) { return dataset.Sample(env) }

// always says the same of every text.
type always struct {
	checked
	err error
}

func (a always) Ready(context.Context) error { return nil }
func (a always) Version() string             { return "none" }
func (a always) Do(_ context.Context, _ string, _, result any) error {
	*result.(*checked) = a.checked
	return a.err
}

func params(t *testing.T, text string) cpython.Value {
	t.Helper()
	v, err := cpython.ParseJSON([]byte(text), cpython.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNew(t *testing.T) {
	all := task.Tools{Data: samples{}, Python: always{}, Kernels: fixed{}}
	without := func(f func(*task.Tools)) task.Tools { x := all; f(&x); return x }
	for _, c := range []struct {
		what, params string
		tools        task.Tools
		err          error
		says         string
	}{
		{"all there", `{}`, all, nil, ""},
		{"no parameters", `null`, all, nil, ""},
		{"without a GPU", `{"split":"val","level":3}`, without(func(t *task.Tools) { t.Kernels = nil }), nil, ""},
		{"all rows", `{"split":"all","gpu_eval":true}`, all, nil, ""},
		{"an unasked GPU", `{"gpu_eval":false}`, all, nil, ""},
		{"no GPU where one is asked for", `{"gpu_eval":true}`, without(func(t *task.Tools) { t.Kernels = nil }), task.ErrNoTool, "KERNEL_EVAL_GPU_IDS"},
		{"no Python", `{}`, without(func(t *task.Tools) { t.Python = nil }), task.ErrNoTool, "python3"},
		{"no data", `{}`, without(func(t *task.Tools) { t.Data = nil }), task.ErrNoTool, "nanteos data pull triton_kernel"},
		{"a test split", `{"split":"test"}`, all, dataset.ErrSplit, "train, val, all"},
		{"another environment's split", `{"split":"validation"}`, all, dataset.ErrSplit, ""},
		{"a split that is no text", `{"split":7}`, all, ErrParams, "split"},
		{"a file of the trainer's choice", `{"dataset_path":"/etc/passwd"}`, all, ErrParams, "dataset_path"},
		{"no file", `{"dataset_path":""}`, all, nil, ""},
	} {
		e, err := New(task.Options{Params: params(t, c.params), Tools: c.tools})
		if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: got %v, want %v", c.what, err, c.err)
		}
		if err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %q, want it to say %q", c.what, err, c.says)
		}
		if err == nil && e.ID() != ID {
			t.Errorf("%s: got id %s", c.what, e.ID())
		}
	}
}

const complete = "</end_working_out><SOLUTION>\nimport torch\nimport triton\n@triton.jit\ndef k(): pass\nclass ModelNew(torch.nn.Module): pass\n</SOLUTION>"

func TestTask(t *testing.T) {
	asked := 0
	diff := 0.25
	wrong := "max_diff=0.250000"
	for _, c := range []struct {
		what    string
		kernels task.Kernels
		python  always
		quirks  bool
		reward  float64
		success bool
		err     error
	}{
		{"no GPU", nil, always{checked: checked{OK: true}}, false, MaxWithoutGPU, true, nil},
		{"a right kernel", fixed{result: task.KernelResult{Correct: true, Compiled: true}, asked: &asked}, always{checked: checked{OK: true}}, false, MaxReward, true, nil},
		{"a wrong kernel", fixed{result: task.KernelResult{Compiled: true, Error: &wrong, MaxDiff: &diff}, asked: &asked}, always{checked: checked{OK: true}}, false, 0.35, false, nil},
		{"a syntax error", fixed{asked: &asked}, always{checked: checked{SyntaxError: true}}, false, 0.30, false, nil},
		{"a text that breaks the compiler", fixed{asked: &asked}, always{}, false, 0.2, false, nil},
		{"a text that kills the compiler", fixed{asked: &asked}, always{err: task.ErrJobDied}, false, 0.2, false, nil},
		{"a text that compiles for ever", fixed{asked: &asked}, always{err: task.ErrJobTimeout}, false, 0.2, false, nil},
		{"a broken grader", nil, always{err: errors.New("broken")}, false, 0, false, nil},
		{"a broken GPU", fixed{result: task.KernelResult{Infra: true, Error: &wrong}, asked: &asked}, always{checked: checked{OK: true}}, false, 0, false, ErrInfra},
		{"a broken GPU with quirks", fixed{result: task.KernelResult{Infra: true, Error: &wrong}, asked: &asked}, always{checked: checked{OK: true}}, true, 0.35, false, nil},
		{"no verdict", fixed{err: errors.New("sticky"), asked: &asked}, always{checked: checked{OK: true}}, true, 0, false, ErrInfra},
	} {
		asked = 0
		e, err := New(task.Options{Tools: task.Tools{Data: samples{}, Python: c.python, Kernels: c.kernels}, Quirks: c.quirks})
		if err != nil {
			t.Fatal(err)
		}
		tk, err := e.Task(7)
		if err != nil {
			t.Fatal(err)
		}
		g, err := tk.Grade(t.Context(), complete)
		if c.what == "a broken grader" {
			if err == nil {
				t.Errorf("%s: got a verdict", c.what)
			}
			continue
		}
		if c.err != nil || err != nil {
			if !errors.Is(err, c.err) || c.err == nil {
				t.Errorf("%s: got %v, want %v", c.what, err, c.err)
			}
			continue
		}
		if d := g.Reward - c.reward; d > 1e-15 || d < -1e-15 || g.Success != c.success {
			t.Errorf("%s: got %v, success %t, want %v, %t", c.what, g.Reward, g.Success, c.reward, c.success)
		}
		if ran := c.kernels != nil && c.python.OK; ran != (asked > 0) {
			t.Errorf("%s: the kernel was run %d times", c.what, asked)
		}
		m := tk.(interface{ Metadata() map[string]any }).Metadata()
		if m["task_id"] != tk.(*Task).TaskID() || m["gpu_eval"] != (c.kernels != nil) || m["dataset"] != dataset.SampleSource {
			t.Errorf("%s: metadata %v", c.what, m)
		}
		if msgs := tk.Messages(); len(msgs) != 1 || msgs[0].Role != "user" || !strings.Contains(msgs[0].Content, "class Model(") {
			t.Errorf("%s: messages %v", c.what, msgs)
		}
	}
}

func TestInfoIsJSON(t *testing.T) {
	for _, d := range []float64{0.5, math.NaN(), math.Inf(1)} {
		g := Judge(Parsed{Code: "x"}, &task.KernelResult{Compiled: true, MaxDiff: &d}, true)
		if _, err := json.Marshal(g.Info); err != nil {
			t.Errorf("a difference of %v: %v", d, err)
		}
	}
}

func TestStructureIsUnicode(t *testing.T) {
	for _, c := range []struct {
		code string
		want Structure
	}{
		{"import\u00a0torch", Structure{TorchImport: true}},
		{"from\x1ctriton", Structure{TritonImport: true}},
		{"class\u2003ModelNew\u0085(", Structure{ModelNew: true}},
		{"class ModelNew:", Structure{}},
		{"import\u200btorch", Structure{}}, // a zero-width space is no white space
		{"importtorch", Structure{}},
		{"# @triton.jit", Structure{TritonJIT: true}},
		{"@triton_jit", Structure{}},
		{"import tritonic", Structure{TritonImport: true}},
	} {
		if got := FindStructure(c.code); got != c.want {
			t.Errorf("%q: got %+v, want %+v", c.code, got, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(complete)
	f.Add("<SOLUTION>class\u00a0ModelNew\n(</SOLUTION>")
	f.Add("try:\nexcept\x00 def forward(  ) F.")
	f.Fuzz(func(t *testing.T, completion string) {
		for _, py := range []always{{checked: checked{OK: true}}, {checked: checked{SyntaxError: true}}, {}} {
			p, err := Parse(t.Context(), py, completion, task.Instructed.Tags())
			if err != nil {
				t.Fatal(err)
			}
			g := Judge(p, nil, false)
			if g.Reward < MinReward || g.Reward > MaxWithoutGPU {
				t.Errorf("reward %v of %q", g.Reward, completion)
			}
			if p.Code == "" && (p.SyntaxValid || p.Structure != Structure{}) {
				t.Errorf("structure without code: %+v", p)
			}
		}
	})
}
