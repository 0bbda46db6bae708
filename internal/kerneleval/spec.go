package kerneleval

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nanteos/nanteos/internal/sandbox"
	"github.com/nanteos/nanteos/python"
	"github.com/nanteos/nanteos/task"
)

// pythonEnv is what a sandbox has to show of an interpreter.
type pythonEnv struct {
	config  Config
	program []byte
	folders []string // of the interpreter: prefixes and library folders
}

// probe asks an interpreter for its folders. It is the operator's own program, and runs nothing foreign here.
const probe = `import json, sys, sysconfig, site
paths = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix] + site.getsitepackages() + [p for p in sys.path if p]
print(json.dumps({"version": list(sys.version_info[:3]), "paths": paths}))`

// newPythonEnv looks at the interpreter. Errors wrap task.ErrNoTool.
func newPythonEnv(c Config) (*pythonEnv, error) {
	fail := func(err error) (*pythonEnv, error) {
		return nil, fmt.Errorf("couldn't use Python %s for kernels: %w: %v. Set NANTEOS_KERNEL_PYTHON to an interpreter, 3.9 or newer, with torch and triton", c.Python, task.ErrNoTool, err)
	}
	path, err := exec.LookPath(c.Python)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return fail(err)
	}
	c.Python = path
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-I", "-c", probe)
	cmd.Env = []string{}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fail(fmt.Errorf("%w: %s", err, tail(stderr.String(), 400)))
	}
	var found struct {
		Version []int
		Paths   []string
	}
	if err := json.Unmarshal(out, &found); err != nil {
		return fail(fmt.Errorf("its answer is no JSON: %w", err))
	}
	if slices.Compare(found.Version, []int{3, 9}) < 0 {
		return fail(fmt.Errorf("it is version %v", found.Version))
	}
	program, err := python.Files.ReadFile("kernel_eval.py")
	if err != nil {
		return nil, fmt.Errorf("couldn't read the program for kernels: %w", err)
	}
	folders := append(found.Paths, filepath.Dir(path))
	return &pythonEnv{config: c, program: program, folders: folders}, nil
}

// Folders of the host that programs need, where they are there: libraries, and for Triton on a GPU a C compiler, ldconfig, and the driver's libraries.
var (
	libraries = []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"}
	compilers = []string{"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/include", "/usr/libexec", "/usr/local", "/etc/alternatives", "/opt/cuda", "/usr/share/nvidia"}
	hardware  = []string{"/sys/devices", "/sys/bus/pci", "/sys/module/nvidia", "/sys/module/nvidia_uvm"}
)

// spec describes the sandbox of a role.
func (p *pythonEnv) spec(role string, gpu int) sandbox.Spec {
	c := p.config
	s := sandbox.Spec{
		Path:    c.Python,
		Args:    []string{"-I", "-B", sandbox.FilesDir + "/kernel_eval.py", role, c.Device},
		Env:     []string{"HOME=/tmp", "TMPDIR=/tmp", "TRITON_CACHE_DIR=/tmp/triton", "LANG=C.UTF-8", "PATH=/usr/local/cuda/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"},
		Files:   map[string][]byte{"kernel_eval.py": p.program},
		Fork:    true, // the nursery forks; Triton calls a compiler
		Backend: c.Sandbox,
		Limits:  sandbox.Limits{Memory: c.Memory, FileSize: 1 << 30, Tmp: 1 << 30, OpenFiles: 1024, Processes: 256},
	}
	shown := append(slices.Clone(libraries), p.folders...)
	if role == roleCandidate {
		s.Args = append(s.Args, "/tmp")
	}
	if c.Device == CPU {
		// With a device /proc is whole: PyTorch reads /proc/cpuinfo before it computes with 16-bit floats. Inside there is no terminal behind this one.
		if _, err := os.Stat("/dev/tty"); err == nil {
			s.Devices = []string{"/dev/tty"}
		}
		s.Env = append(s.Env, "TRITON_INTERPRET=1", "OMP_NUM_THREADS=1", "CUDA_VISIBLE_DEVICES=")
	} else {
		s.Env = append(s.Env, "CUDA_VISIBLE_DEVICES="+strconv.Itoa(gpu), "CUDA_DEVICE_ORDER=PCI_BUS_ID", "CUDA_MODULE_LOADING=LAZY",
			"PYTORCH_NVML_BASED_CUDA_CHECK=1")
		if dirs := driverFolders(); len(dirs) > 0 {
			s.Env = append(s.Env, "LD_LIBRARY_PATH="+strings.Join(dirs, ":"))
		}
		s.Limits.Memory, s.Limits.FileSize, s.Limits.OpenFiles, s.Limits.Processes = -1, -1, 4096, 4096
		s.TmpExec = true // Triton loads what it has compiled
		s.Devices = nvidiaDevices()
		shown = append(shown, compilers...)
		shown = append(shown, driverFolders()...)
		if len(s.Devices) > 0 {
			shown = append(shown, hardware...)
		}
	}
	s.ReadOnly = outermost(shown)
	return s
}

// nvidiaDevices lists the driver's device files. CUDA_VISIBLE_DEVICES chooses among them.
func nvidiaDevices() []string {
	var out []string
	for _, pattern := range []string{"/dev/nvidia[0-9]*", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset", "/dev/nvidia-caps/*"} {
		found, _ := filepath.Glob(pattern)
		out = append(out, found...)
	}
	return out
}

// driverFolders lists where containers and distributions put libcuda.so.1 beside the usual places.
func driverFolders() []string {
	var out []string
	for _, dir := range []string{"/usr/local/nvidia/lib64", "/usr/local/nvidia/lib", "/usr/local/cuda/compat", "/usr/lib/wsl/lib", "/run/opengl-driver/lib"} {
		if _, err := os.Stat(dir); err == nil {
			out = append(out, dir)
		}
	}
	return out
}

// outermost returns the paths that are there, without those below another one, and never the root of everything or of a home.
func outermost(paths []string) []string {
	var out []string
	slices.Sort(paths)
	for _, p := range slices.Compact(paths) {
		p = filepath.Clean(p)
		if _, err := os.Stat(p); err != nil || p == "/" || p == "/usr" && slices.Contains(paths, "/usr/lib") {
			continue
		}
		if n := len(out); n == 0 || p != out[n-1] && !strings.HasPrefix(p, out[n-1]+"/") {
			out = append(out, p)
		}
	}
	return out
}
