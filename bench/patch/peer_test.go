//go:build unix

package patch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

const (
	pythonEnv = "NANTEOS_PYTHON"
	pythonHow = "set " + pythonEnv + ` to the bin/python of an environment prepared with:
  python3 -m venv venv && venv/bin/pip install torch==2.6.0 numpy zstandard xxhash`
)

// python is the reference's way, a process that makes all steps once a round.
type python struct {
	in    io.WriteCloser
	out   *bufio.Scanner
	err   *bytes.Buffer
	xor   int // bytes of zstd -1 over old xor new
	patch string
}

// round is what it answers: seconds by step.
type round struct {
	Ready   string
	Xor     int
	Seconds map[string]float64
	Bytes   int
	Hash    string
}

var startPython = sync.OnceValue(func() func(testing.TB, *setting) *python {
	var p *python
	return func(tb testing.TB, s *setting) *python {
		if p == nil {
			p = launch(tb, s)
		}
		return p
	}
})

// launch starts the program for the life of the test binary, or gives nil where it can't be had.
func launch(tb testing.TB, s *setting) *python {
	tb.Helper()
	program := os.Getenv(pythonEnv)
	if program == "" {
		tb.Logf("no comparison with Python: %s", pythonHow)
		return nil
	}
	dir, err := os.MkdirTemp("", "nanteos-patch-")
	if err != nil {
		tb.Fatal(err)
	}
	s.clean = append(s.clean, func() { _ = os.RemoveAll(dir) })
	layout := [][2]any{}
	for _, t := range s.base {
		layout = append(layout, [2]any{t.Name, t.Shape})
	}
	text, err := json.Marshal(layout)
	if err != nil {
		tb.Fatal(err)
	}
	p := &python{err: &bytes.Buffer{}, patch: filepath.Join(dir, "patch")}
	for name, data := range map[string][]byte{"base": s.baseBytes, "now": s.nowBytes, "layout": text} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	cmd := exec.Command(program, filepath.Join("testdata", "reference.py"), filepath.Join(dir, "base"), filepath.Join(dir, "now"), filepath.Join(dir, "layout"), p.patch)
	cmd.WaitDelay, cmd.Stderr = 5*time.Second, p.err
	if p.in, err = cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	p.out = bufio.NewScanner(out)
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	s.clean = append(s.clean, func() { _ = p.in.Close(); _ = cmd.Wait() })
	r := p.read(tb)
	p.xor = r.Xor
	tb.Logf("Python: %s", r.Ready)
	return p
}

func (p *python) round(tb testing.TB) round {
	tb.Helper()
	if _, err := io.WriteString(p.in, "\n"); err != nil {
		tb.Fatalf("couldn't ask Python: %v\n%s", err, p.err)
	}
	return p.read(tb)
}

func (p *python) read(tb testing.TB) (r round) {
	tb.Helper()
	if !p.out.Scan() {
		_ = p.in.Close()
		time.Sleep(100 * time.Millisecond) // for the rest of its last words
		tb.Fatalf("Python gave up:\n%s", p.err)
	}
	if err := json.Unmarshal(p.out.Bytes(), &r); err != nil {
		tb.Fatal(err)
	}
	return r
}
