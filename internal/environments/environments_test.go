package environments_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/environments"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/catalog"
	"github.com/nanteos/nanteos/task/dataset"
)

// kit is a kit without datasets but the program's own.
func kit(t *testing.T, cfg environments.Config) *environments.Kit {
	t.Helper()
	cfg.DataDir = t.TempDir()
	k := environments.New(cfg)
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

// TestEveryEnvironment holds all of them to the contract with the real tools, under both kinds of rules.
func TestEveryEnvironment(t *testing.T) {
	k := kit(t, environments.Config{Samples: true})
	for _, id := range catalog.IDs() {
		for _, quirks := range []bool{false, true} {
			t.Run(id+map[bool]string{true: "/reference", false: "/hardened"}[quirks], func(t *testing.T) {
				e, err := k.Open(id, task.Options{Quirks: quirks})
				if errors.Is(err, task.ErrNoTool) {
					t.Skipf("%v; nanteos doctor --env %s says what to do", err, id)
				}
				if err != nil {
					t.Fatal(err)
				}
				if e.ID() != id {
					t.Errorf("it calls itself %s", e.ID())
				}
				posed := 0
				for seed := range uint32(8) {
					one, err := e.Task(seed)
					if err != nil {
						t.Logf("seed %d: %v", seed, err)
						continue
					}
					posed++
					again, err := e.Task(seed)
					if err != nil {
						t.Fatal(err)
					}
					m := one.Messages()
					if len(m) != 1 || m[0].Role != "user" || m[0].Content == "" || !slices.Equal(m, again.Messages()) {
						t.Errorf("seed %d: messages %q and %q", seed, m, again.Messages())
					}
					if d, ok := one.(task.Described); !ok || len(d.Metadata()) == 0 {
						t.Errorf("seed %d: nothing is known of the problem", seed)
					}
					if seed > 1 {
						continue
					}
					for _, completion := range []string{"", "noise </end_working_out><SOLUTION>nothing (</SOLUTION>"} {
						g, err := one.Grade(t.Context(), completion)
						if err != nil {
							t.Fatalf("seed %d: %v", seed, err)
						}
						weight := 0.0
						for _, c := range g.Components {
							weight += c.Weight
						}
						if g.Success || len(g.Components) == 0 || weight < 0.99 {
							t.Errorf("seed %d: %q gets %+v", seed, completion, g)
						}
					}
				}
				if posed == 0 {
					t.Error("no seed has a problem")
				}
			})
		}
	}
}

// A network without programs starts no interpreter.
func TestKitIsLazy(t *testing.T) {
	k := kit(t, environments.Config{GraderPython: "/nowhere"})
	for _, id := range []string{"sat", "affine_logic"} {
		if _, err := k.Open(id, task.Options{}); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	if _, err := k.Open("gsm8k", task.Options{}); !errors.Is(err, task.ErrNoTool) || !strings.Contains(err.Error(), "gsm8k") {
		t.Errorf("without a dataset: %v", err)
	}
	samples := kit(t, environments.Config{GraderPython: "/nowhere", Samples: true})
	if _, err := samples.Open("mbpp", task.Options{}); !errors.Is(err, task.ErrNoTool) || !strings.Contains(err.Error(), "/nowhere") {
		t.Errorf("without an interpreter: %v", err)
	}
	if _, err := samples.Open("triton_kernel", task.Options{}); !errors.Is(err, task.ErrNoTool) {
		t.Errorf("kernels without an interpreter: %v", err)
	}
	if _, err := samples.Open("chess", task.Options{}); !errors.Is(err, task.ErrUnknownEnvironment) {
		t.Errorf("an unknown one: %v", err)
	}
}

// A role on a network that says which dataset it uses gets that one or none, also where it is the program's own.
func TestNetworksDataset(t *testing.T) {
	own, err := dataset.Sample("gsm8k")
	if err != nil {
		t.Fatal(err)
	}
	k := kit(t, environments.Config{})
	open := func(params ...cpython.Member) (*node.Environment, error) {
		p := node.Policy{EnvID: "gsm8k"}
		if params != nil {
			p.EnvParams = cpython.ObjectValue(params)
		}
		return (&node.Environments{Tools: k.Tools}).Open(grail.Hardened(), p)
	}
	e, err := open(cpython.Member{Key: node.DatasetKey, Value: cpython.StringValue(own.Digest)})
	if err != nil || e.Dataset != own.Digest {
		t.Errorf("the sample by its digest: %+v, %v", e, err)
	}
	if _, err := open(); !errors.Is(err, node.ErrPolicy) || !errors.Is(err, task.ErrNoTool) {
		t.Errorf("any dataset, where there is none: %v", err)
	}
	if _, err := open(cpython.Member{Key: node.DatasetKey, Value: cpython.StringValue(strings.Repeat("0", 64))}); !errors.Is(err, node.ErrPolicy) {
		t.Errorf("a dataset that isn't here: %v", err)
	}
	wrong := &node.Environments{Tools: kit(t, environments.Config{Samples: true}).Tools}
	_, err = wrong.Open(grail.Hardened(), node.Policy{EnvID: "gsm8k", EnvParams: cpython.ObjectValue([]cpython.Member{
		{Key: node.DatasetKey, Value: cpython.StringValue(strings.Repeat("0", 64))},
	})})
	if !errors.Is(err, node.ErrDataset) || !strings.Contains(err.Error(), own.Digest[:16]) {
		t.Errorf("another dataset than the network's: %v", err)
	}
}

func TestDescribe(t *testing.T) {
	own, err := dataset.Sample("gsm8k")
	if err != nil {
		t.Fatal(err)
	}
	k := kit(t, environments.Config{})
	if got := k.Describe(t.Context(), "gsm8k", own.Digest); !strings.Contains(got, "sample") || !strings.Contains(got, own.Digest[:12]) {
		t.Errorf("the sample is %q", got)
	}
	if got := k.Describe(t.Context(), "gsm8k", strings.Repeat("7", 64)); !strings.Contains(got, "777777777777") {
		t.Errorf("one that isn't here is %q", got)
	}
	if set, err := k.Dataset(t.Context(), "sat"); set != nil || err != nil {
		t.Errorf("sat has the dataset %v, %v", set, err)
	}
}

func TestExamine(t *testing.T) {
	k := kit(t, environments.Config{GraderPython: "/nowhere"})
	r, err := k.Examine(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if r.Ready || r.Python.OK || r.Python.Hint == "" || r.Sympy.OK || r.Kernels.OK || r.Kernels.Hint == "" {
		t.Errorf("report: %+v", r)
	}
	if len(r.Environments) != len(catalog.IDs()) || len(r.Datasets) != len(dataset.Envs()) {
		t.Errorf("%d environments, %d datasets", len(r.Environments), len(r.Datasets))
	}
	for _, d := range r.Datasets {
		if d.OK || d.Hint == "" || d.Title == "" || d.Licence == "" || len(d.Sample) != 64 {
			t.Errorf("dataset %+v", d)
		}
	}
	for _, e := range r.Environments {
		need := environments.NeedsOf(e.ID)
		if e.Ready != (!need.Dataset && !need.Python) || e.Ready != (len(e.Missing) == 0) {
			t.Errorf("%s: %+v", e.ID, e)
		}
		if need.Dataset && !slices.Contains(e.Missing, "dataset") || need.Python && !slices.Contains(e.Missing, "python") && r.Sandbox.OK {
			t.Errorf("%s lacks %v", e.ID, e.Missing)
		}
	}
	if r, err := k.Examine(t.Context(), "sat"); err != nil || !r.Ready {
		t.Errorf("sat: %v, %v", r.Ready, err)
	}
	if _, err := k.Examine(t.Context(), "chess"); !errors.Is(err, task.ErrUnknownEnvironment) {
		t.Errorf("an unknown one: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.Examine(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call: %v", err)
	}
}

func TestExamineFindsPython(t *testing.T) {
	k := kit(t, environments.Config{})
	r, err := k.Examine(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if !r.Sandbox.OK || !r.Python.OK {
		t.Skipf("sandbox: %+v; python: %+v", r.Sandbox, r.Python)
	}
	if r.Python.Exact != strings.HasPrefix(r.Python.Version, "3.12.") || r.Python.Exact == (r.Python.Hint != "") {
		t.Errorf("python: %+v", r.Python)
	}
	if r.Sympy.OK == (r.Sympy.Hint != "") {
		t.Errorf("sympy: %+v", r.Sympy)
	}
	for _, e := range r.Environments {
		if slices.Contains(e.Missing, "python") {
			t.Errorf("%s lacks python", e.ID)
		}
	}
}

// Kernels on a GPU that isn't set up are refused when the environment is opened, not at the first kernel.
func TestKernelsAreTriedFirst(t *testing.T) {
	k := kit(t, environments.Config{Samples: true, GPUEval: "true"})
	if _, err := k.Open("mbpp", task.Options{}); errors.Is(err, task.ErrNoTool) {
		t.Skipf("%v; nanteos doctor --env mbpp says what to do", err)
	}
	if _, err := k.Tools("triton_kernel", task.Options{}); !errors.Is(err, task.ErrNoTool) {
		t.Errorf("without a GPU: %v", err)
	}
	if tools, err := k.Tools("gsm8k", task.Options{}); err != nil || tools.Kernels != nil {
		t.Errorf("an environment without kernels: %v", err)
	}
	k = kit(t, environments.Config{Samples: true, GPUEval: "yes", KernelGPUs: "0", KernelBackend: "basilica"})
	if _, err := k.Tools("triton_kernel", task.Options{}); err == nil || !strings.Contains(err.Error(), "basilica") {
		t.Errorf("a backend that isn't there: %v", err)
	}
	k = kit(t, environments.Config{Samples: true})
	asks := cpython.ObjectValue([]cpython.Member{{Key: "gpu_eval", Value: cpython.BoolValue(true)}})
	if _, err := k.Tools("triton_kernel", task.Options{Params: asks}); !errors.Is(err, task.ErrNoTool) {
		t.Errorf("a checkpoint that asks for a GPU: %v", err)
	}
	if tools, err := k.Tools("triton_kernel", task.Options{}); err != nil || tools.Kernels != nil {
		t.Errorf("kernels that nobody wants run: %v", err)
	}
}
