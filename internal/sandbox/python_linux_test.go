//go:build amd64 || arm64

package sandbox

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// pythonSpec runs a program with the machine's python3, or skips.
func pythonSpec(t *testing.T, backend Backend, program string) Spec {
	t.Helper()
	out, err := exec.Command("python3", "-c", "import json, os, sys; print(json.dumps([os.path.realpath(sys.executable), sys.base_prefix]))").Output()
	if err != nil {
		t.Skipf("needs python3: apt-get install python3 (%v)", err)
	}
	var found []string
	if err := json.Unmarshal(out, &found); err != nil || len(found) != 2 {
		t.Fatalf("python3 says %q", out)
	}
	spec := Spec{Path: found[0], Args: []string{"-I", "/nanteos/server.py"}, Env: []string{"HOME=/tmp", "LC_ALL=C.UTF-8"}, ReadOnly: []string{found[0], found[1]},
		Files: map[string][]byte{"server.py": []byte(program)}, Backend: backend, Limits: Limits{Memory: 512 << 20, CPU: 30 * time.Second}}
	for _, dir := range []string{"/lib", "/lib64", "/usr/lib"} {
		if _, err := os.Stat(dir); err == nil {
			spec.ReadOnly = append(spec.ReadOnly, dir)
		}
	}
	if _, err := os.Open(found[0]); err != nil {
		t.Skipf("can't read %s: %v", found[0], err)
	}
	return spec
}

// forkServer is the least that a server of jobs does: JobFilter's docstring in code. Each line of stdin is a job, each line of stdout its result.
const forkServer = `
import ctypes, json, os, sys, signal, resource
libc = ctypes.CDLL(None, use_errno=True)
class Prog(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
program = open("/nanteos/job.bpf", "rb").read()
buf = ctypes.create_string_buffer(program, len(program))
prog = Prog(len(program) // 8, ctypes.addressof(buf))
assert libc.prctl(4, ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)) == 0
secret = "the next job's answer"

def child(code, w):
    devnull = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(devnull, fd)
    if w != 3:
        os.dup2(w, 3)
    os.closerange(4, 64)
    resource.setrlimit(resource.RLIMIT_CPU, (2, 2))
    if libc.prctl(22, ctypes.c_ulong(2), ctypes.byref(prog), ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
        os._exit(70)
    try:
        scope = {"__name__": "job"}
        exec(code, scope)
        answer = str(scope.get("answer"))
    except BaseException as e:
        answer = type(e).__name__ + ": " + str(e)
    data = json.dumps(answer).encode()[:4096]
    while data:
        data = data[os.write(3, data):]
    os._exit(0)

print("ready", flush=True)
for line in sys.stdin:
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        child(json.loads(line), w)
    os.close(w)
    out = b""
    while len(out) < 8192:
        more = os.read(r, 8192)
        if not more:
            break
        out += more
    os.close(r)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    print(json.dumps([json.loads(out) if out else None, status]), flush=True)
`

// TestJobFilterInPython: a server forks a child for each job, which installs the second filter and runs what it got. Attacks fail, computation works.
func TestJobFilterInPython(t *testing.T) {
	filter, err := JobFilter()
	if err != nil {
		t.Fatal(err)
	}
	ctypes := "import ctypes; libc = ctypes.CDLL(None, use_errno=True); n = libc.%s; answer = (n, ctypes.get_errno())"
	jobs := []struct {
		name, code string
		want       func(answer string, status int) bool
	}{
		{"compute", "import math, re, json, random, itertools, collections, heapq, functools, datetime, decimal, hashlib, statistics, string, time\n" +
			"random.seed(1)\nanswer = math.factorial(20) + len(re.findall('a', 'banana')) + decimal.Decimal(2)", says("2432902008176640005")},
		{"threads", "import threading\nx = []\nt = threading.Thread(target=lambda: x.append(7)); t.start(); t.join(); answer = x", says("[7]")},
		{"timer", "import signal, time\ndef h(*a): raise ValueError('time')\nsignal.signal(signal.SIGALRM, h); signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(5)",
			says("ValueError: time")},
		{"read", "answer = len(open('/nanteos/server.py').read()) > 100", says("True")},
		{"memory", "x = bytearray(4 << 30)", contains("MemoryError")},
		{"recursion", "def f(): f()\nf()", contains("RecursionError")},
		{"fork", "import os; os.fork()", contains("PermissionError")},
		{"spawn", "import subprocess; subprocess.run(['/bin/true'])", contains("Error")},
		{"exec", "import os, sys; os.execv('/proc/self/exe', ['x'])", contains("PermissionError")},
		{"kill server", "import os; os.kill(1, 9)", contains("PermissionError")},
		{"kill all", "import os; os.kill(-1, 9)", contains("PermissionError")},
		{"kill parent", "import os; os.kill(os.getppid(), 9)", contains("PermissionError")},
		{"socket", "import socket; socket.socket()", contains("PermissionError")},
		{"socketpair", "import socket; socket.socketpair()", contains("PermissionError")},
		{"write", "open('/tmp/x', 'w')", contains("PermissionError")},
		{"append", "open('/nanteos/server.py', 'a')", contains("PermissionError")},
		{"mkdir", "import os; os.mkdir('/tmp/d')", contains("PermissionError")},
		{"tempfile", "import tempfile; tempfile.TemporaryFile()", contains("Error")},
		{"remove", "import os; os.unlink('/nanteos/server.py')", contains("PermissionError")},
		{"limits", "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 1))", contains("Error")},
		{"server's memory", "open('/proc/1/mem', 'rb')", contains("Error")},
		{"server's descriptors", "import os; answer = os.listdir('/proc/%d/fd' % os.getppid())", contains("Error")},
		{"server's answer", "open('/proc/%d/fd/1' % __import__('os').getppid(), 'wb')", contains("Error")},
		{"server's environment", "open('/proc/1/environ').read()", contains("Error")},
		{"answer on stdout", "import os; os.write(1, b'forged\\n'); answer = 1", says("1")},
		{"other descriptors", "import os\nanswer = []\nfor fd in range(4, 64):\n    try:\n        os.fstat(fd); answer.append(fd)\n    except OSError: pass", says("[]")},
		{"ptrace", fmt.Sprintf(ctypes, "ptrace(16, 1, 0, 0)"), says("(-1, 1)")},
		{"dumpable", fmt.Sprintf(ctypes, "prctl(4, 1, 0, 0, 0)"), says("(-1, 1)")},
		{"unshare", fmt.Sprintf(ctypes, "unshare(0x10000000)"), says("(-1, 1)")},
		{"shm", fmt.Sprintf(ctypes, "shmget(0, 4096, 0o1600)"), says("(-1, 1)")},
		{"memfd", fmt.Sprintf(ctypes, "memfd_create(b'x', 0)"), says("(-1, 1)")},
		{"abort", "import os; os.abort()", func(answer string, status int) bool { return status != 0 }},
		{"segfault", "import ctypes; ctypes.string_at(0)", func(_ string, status int) bool { return status != 0 }},
		{"exit", "import os; os._exit(3)", func(_ string, status int) bool { return status == 3<<8 }},
		{"spin", "while True: pass", func(_ string, status int) bool { return status == 9 }},
	}
	eachBackend(t, func(t *testing.T, backend Backend) {
		spec := pythonSpec(t, backend, forkServer)
		spec.Files["job.bpf"] = filter
		spec.Fork = true
		p, err := Start(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := p.Close(); err != nil {
				t.Errorf("the server has ended: %v\n%s", err, p.Log())
			}
		}()
		replies := json.NewDecoder(skipReady(t, p))
		for _, job := range jobs {
			line, _ := json.Marshal(job.code)
			if _, err := p.Stdin.Write(append(line, '\n')); err != nil {
				t.Fatalf("%s: %v\n%s", job.name, err, p.Log())
			}
			var reply []any
			if err := replies.Decode(&reply); err != nil || len(reply) != 2 {
				t.Fatalf("%s: no reply: %v\n%s", job.name, err, p.Log())
			}
			answer, _ := reply[0].(string)
			if status := int(reply[1].(float64)); !job.want(answer, status) {
				t.Errorf("%s: %q, status %d", job.name, answer, status)
			}
		}
	})
}

// skipReady waits for the server's first line.
func skipReady(t *testing.T, p *Process) interface{ Read([]byte) (int, error) } {
	t.Helper()
	line := make([]byte, 6)
	if _, err := p.stdout.Read(line); err != nil || string(line) != "ready\n" {
		p.Kill()
		t.Fatalf("the server says %q: %v\n%v %s", line, err, p.Wait(), p.Log())
	}
	return p.stdout
}

func says(want string) func(string, int) bool {
	return func(got string, _ int) bool { return got == want }
}

func contains(want string) func(string, int) bool {
	return func(got string, _ int) bool { return strings.Contains(got, want) }
}

// TestPythonEscapes are attacks that are natural in Python, by a first process without a second filter.
func TestPythonEscapes(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend Backend) { // what is refused below is not refused because nothing works
		if r := run(t, pythonSpec(t, backend, "import ctypes, socket, subprocess, multiprocessing; print('fine')")); r.err != nil || r.out != "fine\n" {
			t.Fatalf("%v\n%s%s", r.err, r.out, r.log)
		}
	})
	t.Run("all", func(t *testing.T) {
		for name, program := range map[string]string{
			"urllib":      "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:1', timeout=2)",
			"getaddrinfo": "import socket\nsocket.getaddrinfo('example.com', 80)",
			"passwd":      "open('/etc/passwd')",
			"proc root":   "open('/proc/1/root' + '/etc/passwd')",
			"memory":      "x = []\nwhile True: x.append(bytearray(1 << 20))",
			"system":      "import os, sys\nsys.exit(0 if os.system('id') == 0 else 1)",
			"multiprocessing": "import multiprocessing\np = multiprocessing.Process(target=print); p.start(); p.join()\n" +
				"import sys; sys.exit(0 if p.exitcode == 0 else 1)",
			"ctypes setuid": "import ctypes, sys\nsys.exit(0 if ctypes.CDLL(None).setuid(0) == 0 else 1)",
			"library":       "import ctypes, shutil, glob\nshutil.copy(sorted(glob.glob('/lib/*/libm.so.6'))[0], '/tmp/lib.so')\nctypes.CDLL('/tmp/lib.so')",
			"core":          "import ctypes; ctypes.string_at(0)",
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				eachBackend(t, func(t *testing.T, backend Backend) {
					if name == "library" && backend == Bubblewrap && os.Geteuid() != 0 {
						t.Skip("bubblewrap can't mount /tmp without exec")
					}
					if r := run(t, pythonSpec(t, backend, program)); r.err == nil {
						t.Errorf("worked: %s%s", r.out, r.log)
					}
				})
			})
		}
	})
	if cores, _ := filepath.Glob("core*"); slices.ContainsFunc(cores, func(s string) bool { return s != "core.go" }) {
		t.Errorf("core dumps: %v", cores)
	}
}
