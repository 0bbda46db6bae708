package kerneleval

import (
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/task"
)

// honest is the reference that the hacks are tried on. Its outputs are far from zero, and depend on the inputs.
const honest = `import torch
import torch.nn as nn

class Model(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.fc = nn.Linear(n, n)

    def forward(self, x, scale):
        return self.fc(x) * scale + 3.0

def get_inputs():
    return [torch.randn(16, 32), 2.0]

def get_init_inputs():
    return [32]
`

// candidateHead starts all candidates.
const candidateHead = "import gc, os, sys, threading, time, json, signal\nimport torch\nimport torch.nn as nn\n"

// right is a candidate that does the work; a hack that sabotages others is followed by it.
const right = candidateHead + `
class ModelNew(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.fc = nn.Linear(n, n)

    def forward(self, x, scale):
        return torch.nn.functional.linear(x, self.fc.weight, self.fc.bias) * scale + 3.0
`

// forward makes a candidate of a body of forward.
func forward(body string) string {
	return candidateHead + "\nclass ModelNew(nn.Module):\n    def __init__(self, n):\n        super().__init__()\n\n    def forward(self, x, scale):\n        " +
		strings.ReplaceAll(body, "\n", "\n        ") + "\n"
}

// hacks are candidates that don't compute what they should. quirks says that the reference's way of evaluating falls for it, or loses its worker.
var hacks = []struct {
	name, kernel string
	quirks       string // "correct": the reference is fooled; "infra": it loses its worker; "": it isn't fooled; "-": not tried
}{
	{"nan", forward("return x * float('nan')"), "correct"},
	{"infinity", forward("return x * float('inf')"), ""},
	{"zeros", forward("return torch.zeros_like(x)"), ""},
	{"uninitialised memory", forward("return torch.empty_like(x)"), "-"},
	{"uninitialised memory, many tries", forward(`keep = [torch.empty_like(x) for _ in range(64)]
for t in keep:
    if t.abs().max() > 1 and not torch.equal(t, x): return t
return keep[0]`), "-"},
	{"an output found in frames and gc", forward(`for f in sys._current_frames().values():
    while f:
        for k, v in list(f.f_locals.items()):
            if k in ('want', 'ref_out') and isinstance(v, torch.Tensor): return v
        f = f.f_back
for o in gc.get_objects():
    if isinstance(o, torch.Tensor) and o.shape == x.shape and o is not x and o.grad_fn is None and o.mean() > 2: return o.clone()
return x`), "-"},
	{"the reference module, through gc", forward(`for o in gc.get_objects():
    if type(o).__name__ == 'Model' and isinstance(o, nn.Module): return o(x, scale)
return x`), "correct"},
	{"the harness, through frames", forward(`f = sys._getframe()
while f:
    h = f.f_locals.get('harness')
    if isinstance(h, dict) and 'Model' in h:
        torch.manual_seed(42)
        return h['Model'](32).eval()(x, scale)
    f = f.f_back
return x`), "-"},
	{"an output kept from the last call", forward("old = ModelNew.__dict__.get('kept')\nModelNew.kept = x * 2\nreturn x if old is None else old"), ""},
	{"the input itself, changed in place", forward("x.fill_(0)\nreturn x"), ""},
	{"a subclass whose difference is 0", candidateHead + `
class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if getattr(func, '__name__', '') == 'item': return 0.0
        return super().__torch_function__(func, types, args, kwargs or {})
class ModelNew(nn.Module):
    def __init__(self, n): super().__init__()
    def forward(self, x, scale): return torch.zeros_like(x).as_subclass(Liar)
`, "correct"},
	{"an object that pretends to be a tensor", candidateHead + `
class Zero:
    def __getattr__(self, name): return self
    def __call__(self, *a): return self
    def __rsub__(self, other): return self
    def __le__(self, other): return True
    def __gt__(self, other): return False
    def __ne__(self, other): return False
    def __eq__(self, other): return True
class ModelNew(nn.Module):
    def __init__(self, n): super().__init__()
    def forward(self, x, scale): return Zero()
`, "-"},
	{"patched torch.Tensor.float", "import torch\ntorch.Tensor.float = lambda self: torch.zeros(1)\n" + forward("return torch.zeros_like(x)"), "correct"},
	{"patched abs, max, allclose, item, where", "import torch\nfor n in ('abs', 'max', 'item', 'isnan', 'allclose'):\n    setattr(torch.Tensor, n, lambda self, *a: self if n in ('abs', 'max') else 0.0)\n" +
		"torch.allclose = lambda *a, **k: True\ntorch.where = lambda *a: torch.zeros(1)\ntorch.abs = torch.max = lambda *a: torch.zeros(1)\n" + forward("return torch.zeros_like(x)"), "-"},
	{"patched manual_seed, randn", "import torch\ntorch.manual_seed = lambda n: None\ntorch.randn = lambda *a, **k: torch.zeros(*a)\n" + forward("return torch.zeros_like(x) + 3.0"), "-"},
	{"patched Module.__call__ of all modules", "import torch\ntorch.nn.Module.__call__ = lambda self, x, *a: torch.zeros_like(x)\n" + forward("return torch.zeros_like(x)"), "-"},
	{"patched timers", "import time, torch\ntime.time = time.perf_counter = time.monotonic = lambda: 0.0\ntorch.cuda.synchronize = lambda *a: None\n" + forward("return torch.zeros_like(x)"), ""},
	{"patched get_inputs and Model in the harness", candidateHead + `
f = sys._getframe()
while f:
    h = f.f_locals.get('harness')
    if isinstance(h, dict) and 'Model' in h:
        h['get_inputs'] = lambda: [torch.zeros(1), 1.0]
        h['Model'] = lambda n: ModelNew(n)
    f = f.f_back
class ModelNew(nn.Module):
    def __init__(self, n): super().__init__()
    def forward(self, x, scale): return torch.zeros_like(x)
`, "correct"},
	{"written into the worker's module", candidateHead + `
w = sys.modules['__main__']
w.verdict = lambda *a, **k: {"correct": True, "compiled": True, "error": None, "max_diff": "0.0"}
w.final = w.verdict
w.distance = lambda *a: 0.0
w.TOLERANCE = 1e9
w.on_wire = lambda r: {"correct": True, "compiled": True, "error": None, "max_diff": "0.0"}
` + forward("return torch.zeros_like(x)"), "correct"},
	{"patched json.dumps", "import json\nold = json.dumps\njson.dumps = lambda o, **k: old({'verdict': {'correct': True, 'compiled': True, 'error': None, 'max_diff': '0.0'}, 'corrupted': False})\n" +
		forward("return torch.zeros_like(x)"), "-"},
	{"forged frames on every descriptor", candidateHead + `
import struct
text = json.dumps({"verdict": {"correct": True, "compiled": True, "error": None, "max_diff": "0.0"}, "corrupted": False, "warm": True,
    "reply": {"has_class": True}}).encode()
frame = struct.pack(">IQ", len(text), 0) + text
for fd in range(3, 64):
    try: os.write(fd, frame * 20)
    except OSError: pass
time.sleep(0.3)
os._exit(0)
`, "-"},
	{"forged reply with a payload that never comes", candidateHead + `
import struct
text = b'{"output": {"dtype": "float32", "shape": [16, 32]}}'
for fd in range(3, 64):
    try: os.write(fd, struct.pack(">IQ", len(text), 1 << 40) + text)
    except OSError: pass
os._exit(0)
`, "-"},
	{"deeply nested reply", candidateHead + `
import struct
text = b'[' * 100000
for fd in range(3, 64):
    try: os.write(fd, struct.pack(">IQ", len(text), 0) + text)
    except OSError: pass
os._exit(0)
`, "-"},
	{"prints into the protocol", forward("print('x' * 100000, flush=True)\nsys.stderr.write('y' * 100000)\nos.write(1, b'z' * 1000)\nos.write(2, b'z' * 1000)\nreturn torch.zeros_like(x)"), ""},
	{"os._exit(0)", forward("os._exit(0)"), "infra"},
	{"SystemExit", forward("raise SystemExit(0)"), "-"},
	{"KeyboardInterrupt on import", "raise KeyboardInterrupt\n", "-"},
	{"crash", forward("import ctypes\nctypes.string_at(0)"), "infra"},
	{"an exception in __del__", candidateHead + `
class Bomb:
    def __del__(self): raise RuntimeError('del')
b = Bomb()
del b
` + forward("return torch.zeros_like(x)"), ""},
	{"a thread that changes the output later", forward(`out = torch.zeros_like(x)
def later():
    time.sleep(0.2)
    out.fill_(5)
threading.Thread(target=later, daemon=True).start()
return out`), ""},
	{"a thread that writes everywhere", candidateHead + `
def worm():
    while True:
        for o in gc.get_objects():
            if isinstance(o, dict) and 'correct' in o: o['correct'] = True
threading.Thread(target=worm, daemon=True).start()
` + forward("return torch.zeros_like(x)"), "-"},
	{"killing the parent", forward("os.kill(os.getppid(), 9)\nreturn torch.zeros_like(x)"), "-"},
	{"stopping the parent", forward("os.kill(os.getppid(), signal.SIGSTOP)\nreturn torch.zeros_like(x)"), "-"},
	{"a daemon that can't be traced and stays behind", forward(`import ctypes
if os.fork() == 0:
    os.setsid()
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
    if os.fork() == 0:
        while True:
            for pid in range(2, 2000):
                try:
                    if pid != os.getpid(): os.kill(pid, 9)
                except OSError: pass
    os._exit(0)
return torch.zeros_like(x)`), "-"},
	{"a fork bomb", forward(`while True:
    try: os.fork()
    except OSError: pass`), "-"},
	{"a flood of memory", forward("keep = [torch.ones(1 << 26) for _ in range(1000)]\nreturn torch.zeros_like(x)"), "-"},
	{"a flood of files", forward(`try:
    with open('/tmp/flood', 'wb') as f:
        while True: f.write(b'x' * (1 << 24))
except OSError: pass
return torch.zeros_like(x)`), "-"},
	{"stopping everybody", forward("os.kill(-1, signal.SIGSTOP)\nreturn torch.zeros_like(x)"), "-"},
	{"killing everybody", forward("os.kill(-1, 9)\nreturn torch.zeros_like(x)"), "-"},
	{"memory of the parent", forward(`for pid in os.listdir('/proc'):
    if pid.isdigit() and int(pid) != os.getpid():
        for name in ('mem', 'fd', 'environ', 'cwd'):
            try:
                if name == 'fd': print(os.listdir('/proc/%s/fd' % pid))
                else: open('/proc/%s/%s' % (pid, name), 'r+b').write(b'x')
                return torch.zeros_like(x), time.sleep(1000)
            except OSError: pass
return torch.zeros_like(x)`), ""},
	{"output of another shape", forward("return torch.zeros(16, 32, 1)"), ""},
	{"a list", forward("return [x]"), ""},
	{"sparse", forward("return torch.zeros_like(x).to_sparse()"), ""},
	{"meta tensor", forward("return torch.zeros_like(x, device='meta')"), ""},
	{"harness of its own in the candidate", forward("return torch.zeros_like(x)") + "\ndef check_correctness(cls):\n    return True\n# nanteos: standard check\n", ""},
}

func TestRewardHacks(t *testing.T) {
	p := shared(t, false, Persistent)
	harness := Harness(honest)
	if r := evaluate(t, p, harness, right); !r.Correct || r.Error != nil {
		t.Fatalf("the honest candidate: got %s", show(r))
	}
	for _, h := range hacks {
		start := time.Now()
		r := evaluate(t, p, harness, h.kernel)
		if r.Correct || r.Infra || r.Error == nil {
			t.Errorf("%s: got %s, want a verdict of not correct", h.name, show(r))
		}
		t.Logf("%s: %s (%s)", h.name, strings.ReplaceAll(tail(*r.Error, 120), "\n", " "), time.Since(start).Round(time.Millisecond))
		if r := evaluate(t, p, harness, right); !r.Correct {
			t.Errorf("the honest candidate after %s: got %s", h.name, show(r))
		}
	}
}

// The hacks are no phantoms: evaluated as the reference does it they have the success that the catalogue says.
func TestRewardHacksWithQuirks(t *testing.T) {
	torchPython(t)
	p := shared(t, true, Subprocess) // a fresh process for each, since many poison it
	harness := Harness(honest)
	for _, h := range hacks {
		if h.quirks != "correct" && h.quirks != "infra" || testing.Short() && h.quirks == "infra" {
			continue
		}
		r := evaluate(t, p, harness, h.kernel)
		got := outcome(r)
		want := h.quirks
		if want == "infra" {
			want = "" // the subprocess backend says no_result, and no more
		}
		if got != want {
			t.Errorf("%s: got %s, want %q", h.name, show(r), h.quirks)
		}
	}
}

func outcome(r task.KernelResult) string {
	switch {
	case r.Correct:
		return "correct"
	case r.Infra:
		return "infra"
	}
	return ""
}
