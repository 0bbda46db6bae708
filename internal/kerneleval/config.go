package kerneleval

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/sandbox"
	"github.com/nanteos/nanteos/task"
)

// Sentinel errors.
var (
	// ErrBackend says that KERNEL_EVAL_BACKEND names a backend that isn't there.
	ErrBackend = errors.New("kernel evaluation backend not available")
	// ErrMachine says that an evaluation failed for reasons that are not the candidate's: no verdict.
	ErrMachine = errors.New("kernel evaluation failed on this machine")
	// ErrHarness says that a harness can't be trusted to judge: it checks results itself, beside the candidate. Only Quirks accept it.
	ErrHarness = errors.New("harness refused")
	// ErrSticky says that a kernel left the device in an error three times in a row (subprocess backend with Quirks).
	ErrSticky = errors.New("kernel failed with a sticky device error in every attempt")
	// ErrClosed says that the pool has been closed.
	ErrClosed = errors.New("kernel evaluation is closed")
)

// Backends.
const (
	Persistent = "persistent" // long-lived processes for each GPU
	Subprocess = "subprocess" // fresh ones for each kernel
)

// Devices.
const (
	CUDA = "cuda"
	CPU  = "cpu" // PyTorch on the processor, Triton in its interpreter: for tests
)

// DefaultTimeout is the limit of a kernel without KERNEL_EVAL_TIMEOUT.
const DefaultTimeout = 60 * time.Second

// Config says how kernels are evaluated. The zero values of all but Python and GPUs are usable.
type Config struct {
	// Backend is persistent (the default) or subprocess.
	Backend string
	// GPUs are physical indices, as nvidia-smi shows them. They should serve nothing else. On the CPU their number is that of the workers.
	GPUs []int
	// Timeout bounds one kernel: with Quirks the whole evaluation, otherwise the time that the candidate itself takes. Default 60 s.
	Timeout time.Duration
	// StartTimeout bounds the start of a process, torch and device included. Default 3 minutes.
	StartTimeout time.Duration
	// Python is the path of an interpreter with torch and triton, 3.9 or newer.
	Python string
	// Device is cuda (the default) or cpu.
	Device string
	// Quirks evaluates as the reference does: harness and candidate in one process, and its verdicts on infrastructure.
	Quirks bool
	// Jobs is after how many kernels a process is replaced. Default 100.
	Jobs int
	// Memory is the address space of a process on the CPU in bytes; CUDA maps more than any limit would allow. Default 16 GiB.
	Memory int64
	// MaxOutput bounds the bytes of one output. Default 16 GiB.
	MaxOutput int64
	// Sandbox chooses who builds the sandboxes.
	Sandbox sandbox.Backend
	// Log takes what operators should see; nil: nothing is logged.
	Log *slog.Logger
}

// withDefaults checks a configuration and fills it in.
func (c Config) withDefaults() (Config, error) {
	switch c.Backend {
	case "":
		c.Backend = Persistent
	case Persistent, Subprocess:
	case "basilica", "affinetes":
		return c, fmt.Errorf("couldn't use KERNEL_EVAL_BACKEND=%s: %w: the remote service's API is not public, and the reference can't evaluate there either. "+
			"Set persistent or subprocess, with a GPU of this machine in KERNEL_EVAL_GPU_IDS", c.Backend, ErrBackend)
	default:
		return c, fmt.Errorf("couldn't use KERNEL_EVAL_BACKEND=%.40q: %w: there is no such one. Set persistent or subprocess", c.Backend, ErrBackend)
	}
	switch c.Device {
	case "":
		c.Device = CUDA
	case CUDA, CPU:
	default:
		return c, fmt.Errorf("couldn't use device %.40q: %w: want cuda or cpu", c.Device, ErrBackend)
	}
	if c.Device == CPU && len(c.GPUs) == 0 {
		c.GPUs = []int{0}
	}
	if len(c.GPUs) == 0 {
		return c, fmt.Errorf("couldn't evaluate kernels: %w: no GPU is named. Set KERNEL_EVAL_GPU_IDS to the physical indices of GPUs that serve nothing "+
			"else (as nvidia-smi shows them, such as 2 or 2,3), or GRAIL_GPU_EVAL=false", task.ErrNoTool)
	}
	if i := slices.IndexFunc(c.GPUs, func(id int) bool { return id < 0 }); i >= 0 {
		return c, fmt.Errorf("couldn't evaluate kernels: %w: KERNEL_EVAL_GPU_IDS has %d: no GPU has a negative index", task.ErrNoTool, c.GPUs[i])
	}
	if len(c.GPUs) > 64 {
		return c, fmt.Errorf("couldn't evaluate kernels: %w: KERNEL_EVAL_GPU_IDS names %d GPUs: at most 64 are served", task.ErrNoTool, len(c.GPUs))
	}
	if c.Python == "" {
		return c, fmt.Errorf("couldn't evaluate kernels: %w: no Python with torch and triton is named. Set NANTEOS_KERNEL_PYTHON to one (pip install torch brings both)", task.ErrNoTool)
	}
	if c.Timeout < 0 {
		return c, fmt.Errorf("couldn't evaluate kernels: %w: KERNEL_EVAL_TIMEOUT is negative: every kernel would fail", task.ErrNoTool)
	}
	def(&c.Timeout, DefaultTimeout)
	def(&c.StartTimeout, 3*time.Minute)
	def(&c.Jobs, 100)
	def(&c.Memory, 16<<30)
	def(&c.MaxOutput, 16<<30)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// ParseGPUs reads KERNEL_EVAL_GPU_IDS: integers as Python reads them, between commas; blanks are skipped. One bad item voids the whole list.
func ParseGPUs(raw string) []int {
	var ids []int
	for item := range strings.SplitSeq(raw, ",") {
		if cpython.Strip(item) == "" {
			continue
		}
		n, err := cpython.ParseInt(item)
		if err != nil || !n.IsInt64() || n.Int64() != int64(int32(n.Int64())) {
			return nil
		}
		ids = append(ids, int(n.Int64()))
	}
	return ids
}

// ParseTimeout reads KERNEL_EVAL_TIMEOUT, seconds as Python's float() reads them. What is no number is 60 s; what no clock can count is the
// longest duration there is.
func ParseTimeout(raw string) time.Duration {
	s, err := cpython.ParseFloat(raw)
	switch {
	case err != nil || math.IsNaN(s):
		return DefaultTimeout
	case s >= math.MaxInt64/1e9:
		return math.MaxInt64
	case s <= math.MinInt64/1e9:
		return math.MinInt64
	}
	return time.Duration(math.Round(s * 1e9))
}

// ParseGPUEval reads GRAIL_GPU_EVAL: 1, true and yes, in any case, switch evaluation on.
func ParseGPUEval(raw string) bool {
	switch strings.ToLower(raw) {
	case "1", "true", "yes":
		return true
	}
	return false
}

// sticky are parts of messages that say that a CUDA context is lost.
var sticky = []string{
	"illegal memory access", "device-side assert", "an illegal instruction", "unspecified launch failure",
	"cudaerrorillegaladdress", "cudaerrorassert", "cudaerrorlaunchfailure",
}

// Sticky says whether an error text tells of a lost CUDA context.
func Sticky(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(sticky, func(s string) bool { return strings.Contains(text, s) })
}
