package kerneleval

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/internal/sandbox"
	"github.com/nanteos/nanteos/internal/vectortest"
	"github.com/nanteos/nanteos/python"
	"github.com/nanteos/nanteos/task"
)

func TestVectorsKernelConfiguration(t *testing.T) {
	const file = "environments/kernel.json"
	var all map[string]json.RawMessage
	vectortest.Decode(t, file, &all)
	read := func(key string, v any) {
		d := json.NewDecoder(bytes.NewReader(all[key]))
		d.DisallowUnknownFields()
		if err := d.Decode(v); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
	}
	var texts []struct {
		Error  *string
		Sticky bool
	}
	read("sticky", &texts)
	for _, c := range texts {
		if text := ""; c.Error != nil {
			text = *c.Error
			if Sticky(text) != c.Sticky {
				t.Errorf("sticky %q: got %t, want %t", text, !c.Sticky, c.Sticky)
			}
		} else if Sticky("") != c.Sticky {
			t.Errorf("no error is sticky")
		}
	}
	var lists []struct {
		Raw string
		IDs []int
	}
	read("gpu_ids", &lists)
	for _, c := range lists {
		if got := ParseGPUs(c.Raw); !slices.Equal(got, c.IDs) {
			t.Errorf("GPUs %q: got %v, want %v", c.Raw, got, c.IDs)
		}
	}
	var times []struct {
		Env     *string
		Timeout float64
	}
	read("timeouts", &times)
	for _, c := range times {
		raw := "" // unset and empty are the same
		if c.Env != nil {
			raw = *c.Env
		}
		if got := ParseTimeout(raw); got.Seconds() != c.Timeout {
			t.Errorf("timeout %q: got %s, want %v s", raw, got, c.Timeout)
		}
	}
	vectortest.Count(t, file, len(texts)+len(lists)+len(times))
}

func TestParse(t *testing.T) {
	for raw, want := range map[string]time.Duration{
		"nan": DefaultTimeout, "inf": math.MaxInt64, "-inf": math.MinInt64, "1e300": math.MaxInt64, " 2 ": 2 * time.Second, "1_0": 10 * time.Second, "0.5": 500 * time.Millisecond,
	} {
		if got := ParseTimeout(raw); got != want {
			t.Errorf("timeout %q: got %s, want %s", raw, got, want)
		}
	}
	for raw, want := range map[string]bool{"1": true, "TRUE": true, "Yes": true, "on": false, "": false, " true": false, "0": false, "false": false} {
		if got := ParseGPUEval(raw); got != want {
			t.Errorf("GRAIL_GPU_EVAL=%q: got %t, want %t", raw, got, want)
		}
	}
	if got := ParseGPUs("99999999999999999999,1"); got != nil {
		t.Errorf("an index beyond all GPUs: got %v", got)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		config Config
		err    error
		says   string
	}{
		{Config{Backend: "basilica", GPUs: []int{0}, Python: "p"}, ErrBackend, "API is not public"},
		{Config{Backend: "affinetes", GPUs: []int{0}, Python: "p"}, ErrBackend, "persistent or subprocess"},
		{Config{Backend: "Persistent", GPUs: []int{0}, Python: "p"}, ErrBackend, "Persistent"},
		{Config{Device: "tpu", GPUs: []int{0}, Python: "p"}, ErrBackend, "tpu"},
		{Config{Python: "p"}, task.ErrNoTool, "KERNEL_EVAL_GPU_IDS"},
		{Config{GPUs: []int{-1}, Python: "p"}, task.ErrNoTool, "-1"},
		{Config{GPUs: make([]int, 65), Python: "p"}, task.ErrNoTool, "64"},
		{Config{GPUs: []int{0}}, task.ErrNoTool, "NANTEOS_KERNEL_PYTHON"},
		{Config{GPUs: []int{0}, Python: "p", Timeout: -1}, task.ErrNoTool, "KERNEL_EVAL_TIMEOUT"},
		{Config{GPUs: []int{0}, Python: "/nowhere/python3"}, task.ErrNoTool, "/nowhere/python3"},
		{Config{GPUs: []int{0}, Python: "/bin/false"}, task.ErrNoTool, "/bin/false"},
	} {
		p, err := New(c.config)
		if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: got %v, want %v that says %q", c.config, err, c.err, c.says)
		}
		if p != nil {
			p.Close()
		}
	}
}

func TestSpec(t *testing.T) {
	prefix := t.TempDir()
	for _, device := range []string{CPU, CUDA} {
		c, err := Config{Device: device, GPUs: []int{5}, Python: filepath.Join(prefix, "bin", "python3")}.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		env := &pythonEnv{config: c, program: []byte("x"), folders: []string{prefix, filepath.Join(prefix, "lib"), "/", "/usr", "/nowhere"}}
		for _, role := range []string{roleWhole, roleReference, roleCandidate} {
			s := env.spec(role, 5)
			for _, no := range []string{"/", "/usr", "/nowhere", filepath.Join(prefix, "lib"), "/root", "/home", "/etc"} {
				if slices.Contains(s.ReadOnly, no) {
					t.Errorf("%s %s shows %s", device, role, no)
				}
			}
			if !slices.Contains(s.ReadOnly, prefix) || !s.Fork || s.Args[3] != role || s.Args[4] != device {
				t.Errorf("%s %s: %+v", device, role, s)
			}
			if gpu := slices.Contains(s.Env, "CUDA_VISIBLE_DEVICES=5"); gpu != (device == CUDA) || slices.Contains(s.Env, "TRITON_INTERPRET=1") == gpu {
				t.Errorf("%s %s: environment %v", device, role, s.Env)
			}
			if (s.Limits.Memory < 0) != (device == CUDA) {
				t.Errorf("%s %s: memory %d", device, role, s.Limits.Memory)
			}
			if scratch := s.Args[len(s.Args)-1] == "/tmp"; scratch != (role == roleCandidate) {
				t.Errorf("%s %s: arguments %v", device, role, s.Args)
			}
		}
	}
}

func TestProgramKnowsTheStandardCheck(t *testing.T) {
	text, err := python.Files.ReadFile("kernel_eval.py")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`STANDARD = "` + strings.TrimSuffix(StandardCheck, "\n") + `\n"`, `"` + sandbox.FilesDir + `"`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("kernel_eval.py has no %s", want)
		}
	}
	if info, err := os.Stat("../../python/kernel_eval.py"); err != nil || info.Size() != int64(len(text)) {
		t.Errorf("kernel_eval.py isn't the one of this tree: %v", err)
	}
}

func TestFrames(t *testing.T) {
	var b bytes.Buffer
	if err := writeHeader(&b, candJob{Op: "run"}, 3); err != nil {
		t.Fatal(err)
	}
	b.WriteString("abc")
	var got candJob
	n, err := readHeader(&b, &got)
	if err != nil || n != 3 || got.Op != "run" || b.String() != "abc" {
		t.Errorf("got %d, %+v, %v, rest %q", n, got, err, b.String())
	}
	for _, bad := range []string{"", "\x00\x00\x00", "\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00", "\x00\x00\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff{}", "\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00{]",
		"\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00{}"} {
		if _, err := readHeader(strings.NewReader(bad), &got); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
	if err := writeHeader(&b, candJob{Kernel: strings.Repeat("x", maxHeader)}, 0); !errors.Is(err, errFrame) {
		t.Errorf("a header beyond bounds: got %v", err)
	}
}

// brokenPipe takes some bytes and fails then.
type brokenPipe struct{ left int }

func (b *brokenPipe) Write(p []byte) (int, error) {
	if len(p) > b.left {
		return 0, io.ErrClosedPipe
	}
	b.left -= len(p)
	return len(p), nil
}

func TestRelayLeavesNobodyInTheMiddle(t *testing.T) {
	r := strings.NewReader(strings.Repeat("x", 5<<20) + "rest")
	readErr, writeErr := relay(&brokenPipe{2 << 20}, r, 5<<20)
	if readErr != nil || !errors.Is(writeErr, io.ErrClosedPipe) || r.Len() != 4 {
		t.Errorf("a writer that fails: got %v, %v, %d bytes left", readErr, writeErr, r.Len())
	}
	var b bytes.Buffer
	readErr, writeErr = relay(&b, strings.NewReader("xyz"), 10)
	if readErr == nil || writeErr != nil || b.Len() != 10 {
		t.Errorf("a reader that ends: got %v, %v, %q", readErr, writeErr, b.String())
	}
	if readErr, writeErr = relay(io.Discard, strings.NewReader(""), 0); readErr != nil || writeErr != nil {
		t.Errorf("nothing: got %v, %v", readErr, writeErr)
	}
}

func FuzzReadHeader(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Add([]byte("\x00\x00\x00\x3a\x00\x00\x00\x00\x00\x00\x00\x08{\"reply\":{\"output\":{\"dtype\":\"float32\",\"shape\":[1,2,3]}},\"x\":1}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c candReply
		n, err := readHeader(bytes.NewReader(data), &c)
		if err == nil && (n < 0 || n > 1<<50) {
			t.Errorf("payload of %d bytes", n)
		}
		var w wholeReply
		if _, err := readHeader(bytes.NewReader(data), &w); err == nil && w.Verdict != nil {
			_, _ = w.Verdict.result()
		}
	})
}

func FuzzParseGPUs(f *testing.F) {
	f.Add("0,1")
	f.Add(" ٢ ,,-1,0x1")
	f.Fuzz(func(t *testing.T, raw string) {
		if n := len(ParseGPUs(raw)); n > strings.Count(raw, ",")+1 {
			t.Errorf("%d GPUs of %q", n, raw)
		}
		ParseTimeout(raw)
	})
}
