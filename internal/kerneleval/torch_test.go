package kerneleval

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nanteos/nanteos/internal/sandbox"
	"github.com/nanteos/nanteos/internal/vectortest"
	"github.com/nanteos/nanteos/task"
)

// pythonVariable names an interpreter with torch and triton for these tests; the program's own NANTEOS_KERNEL_PYTHON does as well.
const pythonVariable = "NANTEOS_PYTHON"

// torchPython returns the interpreter, and skips the test where there is none or no sandbox.
func torchPython(t testing.TB) string {
	t.Helper()
	path := cmp.Or(os.Getenv(pythonVariable), os.Getenv("NANTEOS_KERNEL_PYTHON"))
	if path == "" {
		t.Skipf("needs a Python with torch and triton: python3 -m venv v && v/bin/pip install torch setuptools && %s=$PWD/v/bin/python go test ./internal/kerneleval", pythonVariable)
	}
	hasTorch.once.Do(func() { // it takes seconds
		out, err := exec.Command(path, "-I", "-c", "import torch; print(torch.cuda.is_available())").CombinedOutput()
		hasTorch.says, hasTorch.err = strings.TrimSpace(string(out)), err
	})
	if hasTorch.err != nil {
		t.Skipf("%s=%s has no torch: %s", pythonVariable, path, tail(hasTorch.says, 200))
	}
	if r := sandbox.Probe(t.Context()); !r.OK {
		t.Skipf("no sandbox works here: %v; nanteos doctor says what to do", r.Namespaces)
	}
	return path
}

// hasTorch is what the interpreter says of torch.
var hasTorch struct {
	once sync.Once
	says string
	err  error
}

// pools are shared by the tests, since a process takes seconds to load torch.
var pools struct {
	sync.Mutex
	made map[string]*Pool
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, p := range pools.made {
		_ = p.Close()
	}
	os.Exit(code)
}

// shared returns a pool on the CPU.
func shared(t testing.TB, quirks bool, backend string) *Pool {
	t.Helper()
	python := torchPython(t)
	pools.Lock()
	defer pools.Unlock()
	key := backend
	if quirks {
		key += "+quirks"
	}
	if p := pools.made[key]; p != nil {
		return p
	}
	p, err := New(Config{Backend: backend, Python: python, Device: CPU, Quirks: quirks, Jobs: 1000, Timeout: 8 * time.Second, Memory: 6 << 30})
	if err != nil {
		t.Fatal(err)
	}
	if pools.made == nil {
		pools.made = map[string]*Pool{}
	}
	pools.made[key] = p
	return p
}

func evaluate(t testing.TB, p *Pool, test, kernel string) task.KernelResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	r, err := p.Evaluate(ctx, test, kernel)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

type evalVectors struct {
	Meta, Constants json.RawMessage
	Cases           []struct {
		Label, Harness string
		Model          string `json:"model_code"`
		Kernel         string `json:"kernel_code"`
		Result         wantResult
	}
	Custom []struct {
		Label  string
		Test   string `json:"test_code"`
		Kernel string `json:"kernel_code"`
		Result wantResult
	} `json:"custom_check"`
}

type wantResult struct {
	Correct, Compiled bool
	Error             *string
	MaxDiff           *float64 `json:"max_diff"`
	Note              any      // of a custom check: not kept
}

var fileName = regexp.MustCompile(`\(/?[^() ]*\.py, line`)

// differs says how a result differs from a recorded one, whose error is the first line and whose difference is approximate.
func (w wantResult) differs(r task.KernelResult) bool {
	if r.Correct != w.Correct || r.Compiled != w.Compiled || (r.Error == nil) != (w.Error == nil) || (r.MaxDiff == nil) != (w.MaxDiff == nil) {
		return true
	}
	if r.MaxDiff != nil && math.Abs(*r.MaxDiff-*w.MaxDiff) > 1e-5*max(1, math.Abs(*w.MaxDiff)) {
		return true
	}
	if r.Error == nil {
		return false
	}
	line, _, _ := strings.Cut(*r.Error, "\n")
	return fileName.ReplaceAllString(line, "(<file>, line") != *w.Error
}

func TestVectorsKernelEval(t *testing.T) {
	const file = "environments/kernel_eval_cpu.json"
	var v evalVectors
	vectortest.Decode(t, file, &v)
	n := 0
	for _, quirks := range []bool{true, false} {
		p := shared(t, quirks, Persistent)
		for _, c := range v.Cases {
			test := c.Model
			if c.Harness == "standard" {
				test = Harness(test)
			}
			r := evaluate(t, p, test, c.Kernel)
			if !quirks && c.Result.Correct && r.Error != nil && *r.Error == "max_diff=nan" {
				continue // the stricter verdict
			}
			if c.Result.differs(r) {
				t.Errorf("quirks %t, %s, %s: got %s, want %s", quirks, c.Label, c.Harness, show(r), show(c.Result))
			}
			n++
		}
		for _, c := range v.Custom {
			if !quirks {
				if _, err := p.Evaluate(t.Context(), c.Test, c.Kernel); !errors.Is(err, ErrHarness) {
					t.Errorf("%s: a harness that checks itself: got %v, want ErrHarness", c.Label, err)
				}
				continue
			}
			if r := evaluate(t, p, c.Test, c.Kernel); c.Result.differs(r) {
				t.Errorf("%s: got %s, want %s", c.Label, show(r), show(c.Result))
			}
			n++
		}
	}
	vectortest.Count(t, file, n)
}

func show(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return tail(string(b), 600)
}
