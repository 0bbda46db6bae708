package kerneleval

import (
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/task/dataset"
)

// needCUDA skips a test where there is no GPU.
func needCUDA(t testing.TB) string {
	t.Helper()
	python := torchPython(t)
	if hasTorch.says != "True" {
		t.Skip("no CUDA here: on a machine with an NVIDIA GPU and a PyTorch for CUDA this test runs by itself")
	}
	return python
}

// cudaHacks need a device.
var cudaHacks = []struct{ name, kernel string }{
	{"an error that stays with the context", forward("return torch.zeros(1, device=x.device)[torch.tensor([99], device=x.device)] + torch.zeros_like(x)")},
	{"work left on a side stream", forward(`s = torch.cuda.Stream()
out = torch.zeros_like(x)
with torch.cuda.stream(s):
    torch.cuda._sleep(10**9)
    out.fill_(7)
return out`)},
	{"freed memory of others", forward("return torch.cuda.FloatTensor(*x.shape)")},
	{"all memory of the device", forward(`keep = []
try:
    while True: keep.append(torch.empty(1 << 28, device=x.device))
except RuntimeError: pass
return torch.zeros_like(x)`)},
}

const sideStream = candidateHead + `
class ModelNew(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.fc = nn.Linear(n, n)

    def forward(self, x, scale):
        out = torch.zeros(x.shape[0], self.fc.out_features, device=x.device)
        s = torch.cuda.Stream()
        s.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(s):
            torch.cuda._sleep(10**8)
            out.copy_(self.fc(x) * scale + 3.0)
        return out
`

func TestOnGPU(t *testing.T) {
	python := needCUDA(t)
	for _, quirks := range []bool{false, true} {
		p, err := New(Config{Python: python, GPUs: []int{0}, Quirks: quirks})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		start := time.Now()
		if err := p.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Logf("quirks %t: ready after %s", quirks, time.Since(start).Round(time.Millisecond))
		if r := evaluate(t, p, Harness(warmUpModel), warmUpKernel); !r.Correct {
			t.Errorf("quirks %t: a Triton kernel: got %s", quirks, show(r))
		}
		if quirks {
			continue
		}
		if r := evaluate(t, p, Harness(honest), sideStream); !r.Correct {
			t.Errorf("a right kernel on a side stream: got %s", show(r))
		}
		for _, h := range cudaHacks {
			if r := evaluate(t, p, Harness(honest), h.kernel); r.Correct || r.Infra {
				t.Errorf("%s: got %s", h.name, show(r))
			}
			if r := evaluate(t, p, Harness(honest), right); !r.Correct {
				t.Errorf("the honest candidate after %s: got %s", h.name, show(r))
			}
		}
		for _, h := range hacks {
			if r := evaluate(t, p, Harness(honest), h.kernel); r.Correct || r.Infra {
				t.Errorf("%s: got %s", h.name, show(r))
			}
		}
	}
}

// Persistent against subprocess: kernels a second, of a Triton kernel whose compilation is cached only where the process stays.
func BenchmarkOnGPU(b *testing.B) {
	python := needCUDA(b)
	benchmark(b, Config{Python: python, GPUs: []int{0}})
}

func BenchmarkOnCPU(b *testing.B) {
	benchmark(b, Config{Python: torchPython(b), Device: CPU})
}

func benchmark(b *testing.B, c Config) {
	for _, quirks := range []bool{true, false} {
		for _, backend := range []string{Persistent, Subprocess} {
			name := backend
			if quirks {
				name += "-quirks"
			}
			b.Run(name, func(b *testing.B) {
				c.Backend, c.Quirks = backend, quirks
				p, err := New(c)
				if err != nil {
					b.Fatal(err)
				}
				defer p.Close()
				if err := p.Ready(b.Context()); err != nil {
					b.Fatal(err)
				}
				start, n := time.Now(), 0
				for b.Loop() {
					if r, err := p.Evaluate(b.Context(), Harness(warmUpModel), warmUpKernel); err != nil || !r.Correct {
						b.Fatal(show(r), err)
					}
					n++
				}
				b.ReportMetric(float64(n)/time.Since(start).Seconds(), "kernels/s")
			})
		}
	}
}

// The references of the sample are modules that run, and each is right when it is measured against itself.
func TestSampleKernels(t *testing.T) {
	p := shared(t, false, Persistent)
	set, err := dataset.Sample("triton_kernel")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := dataset.KernelBench(set, "all", dataset.AllLevels)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows.Rows() {
		code := row.Text("code")
		candidate := strings.ReplaceAll(strings.ReplaceAll(code, "class Model(", "class ModelNew("), "super(Model,", "super(ModelNew,")
		if r := evaluate(t, p, Harness(code), candidate); !r.Correct {
			t.Errorf("%s: got %s", row.Text("name"), show(r))
		}
		wrong := strings.ReplaceAll(candidate, "def forward(", "def forward(self, *x):\n        return self.right(*x) * 1.5 + 1\n\n    def right(")
		if r := evaluate(t, p, Harness(code), wrong); r.Correct {
			t.Errorf("%s: a wrong candidate is correct: %s", row.Text("name"), show(r))
		}
	}
	t.Logf("%d modules", len(rows.Rows()))
}

func TestTritonInterpreter(t *testing.T) {
	for _, quirks := range []bool{false, true} {
		p := shared(t, quirks, Persistent)
		if err := p.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		wrong := strings.Replace(warmUpKernel, "+ 1.0", "+ 1.5", 1)
		r := evaluate(t, p, Harness(warmUpModel), wrong)
		if r.Correct || r.MaxDiff == nil || *r.MaxDiff < 0.49 || *r.MaxDiff > 0.51 {
			t.Errorf("quirks %t: a wrong kernel: got %s", quirks, show(r))
		}
	}
}

// Inputs arrive as they were made: strides, types, nesting, values that are no tensors.
func TestInputsArrive(t *testing.T) {
	harness := Harness(`import torch
import torch.nn as nn
from collections import OrderedDict

class Model(nn.Module):
    def __init__(self, size, dtype, extra):
        super().__init__()
    def forward(self, a, b, c, d, e, f, g):
        return a.sum() + b[0] + c['k'].float().sum() + d * e.size(1) + f.float().sum() + a.stride(0) + g.shape[0]

def get_inputs():
    a = torch.randn(7, 5).t()
    return [a, torch.arange(3), {'k': torch.ones(2, dtype=torch.bfloat16)}, 2, torch.randn(4, 1).expand(4, 6), torch.rand(3) > 0.5, torch.empty(0, 3)]

def get_init_inputs():
    return [torch.Size([3]), torch.float16, OrderedDict(a=[1, (2, None)])]
`)
	p := shared(t, false, Persistent)
	candidate := candidateHead + `
class ModelNew(nn.Module):
    def __init__(self, size, dtype, extra):
        super().__init__()
        assert size == torch.Size([3]) and dtype is torch.float16 and extra['a'] == [1, (2, None)], (size, dtype, extra)
    def forward(self, a, b, c, d, e, f, g):
        assert a.stride() == (1, 5) and c['k'].dtype == torch.bfloat16 and f.dtype == torch.bool and g.shape == (0, 3)
        a.add_(1)
        a.sub_(1)
        return a.sum() + b[0] + c['k'].float().sum() + d * e.size(1) + f.float().sum() + a.stride(0) + g.shape[0]
`
	if r := evaluate(t, p, harness, candidate); !r.Correct {
		t.Errorf("got %s", show(r))
	}
}

// Types of outputs, and big ones.
func TestOutputsArrive(t *testing.T) {
	p := shared(t, false, Persistent)
	for _, c := range []struct{ ref, new string }{
		{"x", "x.half()"},
		{"x", "x.bfloat16().float() * 0 + x.double()"},
		{"x > 0", "x > 0"},
		{"x.to(torch.complex64) * 1j", "x.to(torch.complex64) * 1j"},
		{"x.t()", "x.t().contiguous()"},
		{"x[:0]", "x[:0].clone()"},
		{"x.sum()", "x.sum()"},
		{"x / 0 * 0", "x * float('nan')"},
		{"x.abs() / 0", "x.abs() / 0"},
		{"torch.ones(5000, 5000)", "torch.ones(5000, 5000)"},
		{"x", "torch.nn.Parameter(x)"},
		{"x", "x + (torch.ones(1, requires_grad=True) - 1)"},
	} {
		model := "import torch\nimport torch.nn as nn\nclass Model(nn.Module):\n    def forward(self, x): return " + c.ref +
			"\ndef get_inputs(): return [torch.randn(64, 32)]\ndef get_init_inputs(): return []\n"
		r := evaluate(t, p, Harness(model), "import torch\nimport torch.nn as nn\nclass ModelNew(nn.Module):\n    def forward(self, x): return "+c.new+"\n")
		if empty := c.ref == "x[:0]"; r.Correct == empty {
			t.Errorf("%s for %s: got %s", c.new, c.ref, show(r))
		}
	}
}
