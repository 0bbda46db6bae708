package triton

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/grader"
	"github.com/nanteos/nanteos/internal/kerneleval"
	"github.com/nanteos/nanteos/internal/vectortest"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/answer"
)

const vectorFile = "environments/kernel.json"

type vectors struct {
	Meta    json.RawMessage
	Bounds  [2]float64     `json:"reward_bounds"`
	Parser  []parserVector `json:"parser"`
	Signals []struct {
		Code    string
		Signals signalsVector
	}
	Rubric []struct {
		Parsed     parsedVector
		Reward     float64
		Components map[string]float64
	}
	Prompts []struct {
		Code   string `json:"pytorch_code"`
		Prompt string
	}
	Steps      []stepVector `json:"env_steps"`
	Sticky     json.RawMessage
	GPUs       json.RawMessage `json:"gpu_ids"`
	Resolution []struct {
		Variable *string         `json:"GRAIL_GPU_EVAL"`
		Params   json.RawMessage `json:"env_params"`
		GPUEval  bool            `json:"gpu_eval"`
		Split    string
		Level    *int `json:"source_level"` // never set: the parameter has no effect
	} `json:"gpu_eval_resolution"`
	Registry []string `json:"registry_ids"`
	Timeouts json.RawMessage
}

type parsedVector struct {
	Code        string
	HasThinking bool            `json:"has_thinking"`
	HasSolution bool            `json:"has_solution"`
	Trailing    int             `json:"trailing_after_solution"`
	SyntaxValid bool            `json:"syntax_valid"`
	ModelNew    bool            `json:"has_model_new"`
	TritonJIT   bool            `json:"has_triton_jit"`
	Triton      bool            `json:"has_triton_import"`
	Torch       bool            `json:"has_torch_import"`
	Valid       bool            `json:"structure_valid"`
	Exec        json.RawMessage `json:"exec_result"`
}

func (v parsedVector) parsed() Parsed {
	return Parsed{v.Code, v.HasThinking, v.HasSolution, v.Trailing, v.SyntaxValid, Structure{v.ModelNew, v.TritonJIT, v.Triton, v.Torch}}
}

type parserVector struct {
	Mode, Label string
	Completion  *string
	Parsed      parsedVector
}

type signalsVector struct {
	Forward    bool `json:"forward_calls_triton"`
	Try        bool `json:"has_try_except"`
	Pass       bool `json:"model_is_pass_only"`
	Functional bool `json:"uses_nn_functional_in_forward"`
}

type stepVector struct {
	Mode       string
	GPUEval    bool               `json:"gpu_eval"`
	Backend    *task.KernelResult `json:"backend_result"`
	Test       string             `json:"test_code"`
	Completion string
	Reward     float64
	Info       struct {
		Components  map[string]float64 `json:"reward_components"`
		Cause       string             `json:"termination_cause"`
		Success     bool
		HasCode     bool               `json:"has_code"`
		SyntaxValid bool               `json:"syntax_valid"`
		Structure   bool               `json:"structure_valid"`
		ModelNew    bool               `json:"has_model_new"`
		TritonJIT   bool               `json:"has_triton_jit"`
		GPUEval     bool               `json:"gpu_eval"`
		Exec        *task.KernelResult `json:"exec_result"`
		Infra       bool               `json:"eval_infra_error"`
		Signals     map[string]bool    `json:"hacking_signals"`
	}
}

// recorded answers check as the vectors' Python did, for machines without one.
type recorded map[string]checked

func (r recorded) Ready(context.Context) error { return nil }
func (r recorded) Version() string             { return "recorded" }

func (r recorded) Do(_ context.Context, op string, job, result any) error {
	out, ok := r[job.(map[string]string)["code"]]
	if op != "check" || !ok {
		return errors.New("not recorded")
	}
	*result.(*checked) = out
	return nil
}

// learn notes what the vectors say of a completion's code.
func (r recorded) learn(t *testing.T, completion, mode string, valid, kept bool) {
	code := cpython.Strip(answer.Scan(completion, tags(t, mode)).Content)
	if code != "" {
		r[code] = checked{OK: valid, SyntaxError: !valid && kept}
	}
}

func tags(t *testing.T, mode string) task.Tags {
	m, err := task.ParseMetadataMode(mode)
	if err != nil {
		t.Fatal(err)
	}
	return m.Tags()
}

func load(t *testing.T) (v vectors, py recorded) {
	vectortest.Decode(t, vectorFile, &v)
	py = recorded{}
	for _, c := range v.Parser {
		if c.Completion != nil {
			py.learn(t, *c.Completion, c.Mode, c.Parsed.SyntaxValid, c.Parsed.Code != "")
		}
	}
	for _, c := range v.Steps {
		py.learn(t, c.Completion, c.Mode, c.Info.SyntaxValid, c.Info.HasCode)
	}
	return v, py
}

func TestVectorsKernelParser(t *testing.T) {
	v, py := load(t)
	t.Run("recorded", func(t *testing.T) { checkParser(t, v, py) })
	t.Run("python", func(t *testing.T) {
		p := grader.New(grader.Config{Interpreter: os.Getenv("NANTEOS_GRADER_PYTHON"), Workers: 1})
		defer p.Close()
		if err := p.Ready(t.Context()); err != nil {
			t.Skipf("no sandboxed Python here: %v (install CPython 3.12 and allow user namespaces, or set NANTEOS_GRADER_PYTHON)", err)
		}
		t.Logf("CPython %s", p.Version())
		checkParser(t, v, p)
	})
	vectortest.Count(t, vectorFile, len(v.Parser))
}

func checkParser(t *testing.T, v vectors, py task.Python) {
	for i, c := range v.Parser {
		completion := ""
		if c.Completion != nil {
			completion = *c.Completion
		}
		p, err := Parse(t.Context(), py, completion, tags(t, c.Mode))
		if err != nil {
			t.Fatal(err)
		}
		if p != c.Parsed.parsed() || p.StructureValid() != c.Parsed.Valid {
			t.Errorf("parser %d (%s) %q: got %+v, want %+v", i, c.Label, completion, p, c.Parsed)
		}
	}
}

func TestVectorsKernelText(t *testing.T) {
	v, _ := load(t)
	if v.Bounds != [2]float64{MinReward, MaxReward} {
		t.Errorf("reward bounds: got %v, %v, want %v", MinReward, MaxReward, v.Bounds)
	}
	for i, c := range v.Signals {
		if got := FindSignals(c.Code); got != (Signals{c.Signals.Forward, c.Signals.Try, c.Signals.Pass, c.Signals.Functional}) {
			t.Errorf("signals %d of %q: got %+v, want %+v", i, c.Code, got, c.Signals)
		}
	}
	for i, c := range v.Prompts {
		if got := Prompt(c.Code); got != c.Prompt {
			t.Errorf("prompt %d: got %q, want %q", i, got, c.Prompt)
		}
	}
	for i, c := range v.Rubric {
		exec := truthy(t, c.Parsed.Exec)
		g := Judge(c.Parsed.parsed(), exec, exec != nil)
		compare(t, i, g, c.Reward, c.Components)
	}
	vectortest.Count(t, vectorFile, len(v.Signals)+len(v.Prompts)+len(v.Rubric))
}

// truthy reads a rubric's result, which may lack fields or have 1 for true.
func truthy(t *testing.T, raw json.RawMessage) *task.KernelResult {
	v, err := cpython.ParseJSON(raw, cpython.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if v.Kind() == cpython.Null {
		return nil
	}
	correct, _ := v.Get("correct")
	return &task.KernelResult{Correct: correct.Truth()}
}

func compare(t *testing.T, i int, g task.Grade, reward float64, components map[string]float64) {
	t.Helper()
	if g.Reward != reward || len(g.Components) != len(components) {
		t.Errorf("case %d: got %+v, want reward %v of %v", i, g, reward, components)
	}
	for _, c := range g.Components {
		if want, ok := components[c.Name]; !ok || want != c.Value {
			t.Errorf("case %d: got %s = %v, want %v", i, c.Name, c.Value, want)
		}
	}
}

// fixed is a backend with one verdict.
type fixed struct {
	result task.KernelResult
	err    error
	asked  *int
}

func (f fixed) Evaluate(context.Context, string, string) (task.KernelResult, error) {
	if f.asked != nil {
		*f.asked++
	}
	return f.result, f.err
}

func TestVectorsKernelSteps(t *testing.T) {
	v, py := load(t)
	for i, c := range v.Steps {
		g := judge{python: py, tags: tags(t, c.Mode), quirks: true}
		if c.GPUEval {
			g.kernels = fixed{result: *c.Backend}
		}
		got, err := g.grade(t.Context(), c.Completion, c.Test)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, i, got, c.Reward, c.Info.Components)
		want := map[string]any{
			"termination_cause": c.Info.Cause, "has_code": c.Info.HasCode, "syntax_valid": c.Info.SyntaxValid, "structure_valid": c.Info.Structure,
			"has_model_new": c.Info.ModelNew, "has_triton_jit": c.Info.TritonJIT, "gpu_eval": c.Info.GPUEval, "eval_infra_error": c.Info.Infra,
		}
		if e := c.Info.Exec; e != nil {
			want["exec_correct"], want["exec_compiled"] = e.Correct, e.Compiled
			if e.Error != nil {
				want["exec_error"] = *e.Error
			}
			if e.MaxDiff != nil {
				want["exec_max_diff"] = *e.MaxDiff
			}
		}
		for k, v := range c.Info.Signals {
			want[k] = v
		}
		if got.Success != c.Info.Success || !equal(got.Info, want) {
			t.Errorf("step %d %q: got success %t, %v, want %t, %v", i, c.Completion, got.Success, got.Info, c.Info.Success, want)
		}
		if c.Info.Infra { // nobody is blamed when the machine failed, unless the rules are the reference's
			g.quirks = false
			if _, err := g.grade(t.Context(), c.Completion, c.Test); !errors.Is(err, ErrInfra) {
				t.Errorf("step %d without quirks: got %v, want ErrInfra", i, err)
			}
		}
	}
	vectortest.Count(t, vectorFile, len(v.Steps))
}

func equal(a, b map[string]any) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

func TestVectorsKernelParameters(t *testing.T) {
	v, _ := load(t)
	for i, c := range v.Resolution {
		params, err := cpython.ParseJSON(c.Params, cpython.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		local := c.Variable != nil && kerneleval.ParseGPUEval(*c.Variable)
		if got := GPUEval(params, local); got != c.GPUEval {
			t.Errorf("resolution %d: got %t, want %t of %s", i, got, c.GPUEval, c.Params)
		}
		if split, err := Split(params); err != nil || split != c.Split {
			t.Errorf("resolution %d: got split %q, %v, want %q", i, split, err, c.Split)
		}
		if c.Level != nil {
			t.Errorf("resolution %d: a level has an effect", i)
		}
	}
	vectortest.Count(t, vectorFile, len(v.Resolution))
}

func TestStandardCheckIsKnown(t *testing.T) {
	if kerneleval.StandardCheck != StandardCheck {
		t.Errorf("harnesses end in %q, and the evaluator looks for %q", StandardCheck, kerneleval.StandardCheck)
	}
}
