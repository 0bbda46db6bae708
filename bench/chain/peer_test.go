package chain

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nanteos/nanteos/internal/vectortest"
)

const (
	pythonEnv = "NANTEOS_PYTHON"
	// olderEnv names a second Python: cyscale and scalecodec exclude each other.
	olderEnv  = "NANTEOS_PYTHON_SCALECODEC"
	pythonHow = "set " + pythonEnv + ` to the bin/python of an environment prepared with:
  python3 -m venv venv && venv/bin/pip install bittensor==10.5.0 bt-decode==0.8.0`
	olderHow = "set " + olderEnv + ` to the bin/python of an environment prepared with:
  python3 -m venv older && older/bin/pip install scalecodec==1.2.12`
)

// reply is a line of testdata/peer.py.
type reply struct {
	Ready   string
	Seconds float64 // per operation; 0 where the peer has no such thing
	Check   string
}

// peer is a side of the comparison that runs in Python.
type peer struct {
	name    string
	in      io.WriteCloser
	replies chan reply // closed when the program ends
	stderr  *bytes.Buffer
}

// sdk is the Python that has what is compared with, empty where there is none.
func sdk(tb testing.TB) string {
	tb.Helper()
	python := os.Getenv(pythonEnv)
	if python != "" {
		out, err := exec.CommandContext(tb.Context(), python, "-c", "import bittensor, bt_decode").CombinedOutput()
		if err == nil {
			return python
		}
		tb.Logf("%s has not what is compared with: %v: %s", python, err, bytes.TrimSpace(out))
	}
	tb.Logf("no comparison: %s", pythonHow)
	return ""
}

// peers starts the Python sides; none where there is no Python.
func peers(tb testing.TB) []*peer {
	tb.Helper()
	python := sdk(tb)
	if python == "" {
		return nil
	}
	// A file of the set says where it lies, packed or not.
	folder := filepath.Dir(filepath.Dir(vectortest.Path(tb, "chain/timelock.json")))
	sides := []*peer{start(tb, python, "sdk", folder), start(tb, python, "bt-decode", folder)}
	if older := os.Getenv(olderEnv); older != "" {
		sides = append(sides, start(tb, older, "scalecodec", folder))
	} else {
		tb.Logf("no comparison with scalecodec: %s", olderHow)
	}
	return sides
}

// start runs a side until the test ends.
func start(tb testing.TB, python, name, folder string) *peer {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), python, "testdata/peer.py", name, folder)
	cmd.WaitDelay = 5 * time.Second
	p := &peer{name: name, replies: make(chan reply), stderr: &bytes.Buffer{}}
	cmd.Stderr = p.stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatalf("couldn't start %s: %v; %s", python, err, pythonHow)
	}
	p.in = in
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(p.replies)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var r reply
			if json.Unmarshal(lines.Bytes(), &r) == nil {
				p.replies <- r
			}
		}
	}()
	tb.Cleanup(func() {
		in.Close() // the program ends with its input
		for range p.replies {
		}
		<-ended
		if err := cmd.Wait(); err != nil && tb.Context().Err() == nil {
			tb.Logf("%s ended with: %v", name, err)
		}
	})
	tb.Logf("%s: %s", name, p.answer(tb).Ready)
	return p
}

// ask has the peer measure something.
func (p *peer) ask(tb testing.TB, what string) reply {
	tb.Helper()
	if _, err := io.WriteString(p.in, what+"\n"); err != nil {
		tb.Fatalf("couldn't ask %s: %v\n%s", p.name, err, p.stderr)
	}
	return p.answer(tb)
}

func (p *peer) answer(tb testing.TB) reply {
	tb.Helper()
	select {
	case r, ok := <-p.replies:
		if !ok {
			tb.Fatalf("%s gave up; %s\n%s", p.name, pythonHow, p.stderr)
		}
		return r
	case <-time.After(2 * time.Minute):
		tb.Fatalf("%s has not answered for 2 minutes", p.name)
	}
	return reply{}
}
