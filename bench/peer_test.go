package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// threads of every engine.
const threads = 2

const (
	llamaEnv  = "NANTEOS_LLAMACPP"
	pythonEnv = "NANTEOS_PYTHON"

	llamaHow = "set " + llamaEnv + ` to the folder of libllama and libggml, for example:
  npm install --ignore-scripts --prefix llama @node-llama-cpp/linux-x64@3.22.1
  export ` + llamaEnv + `=$PWD/llama/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64`
	pythonHow = "set " + pythonEnv + ` to the bin/python of an environment prepared with:
  python3 -m venv venv && venv/bin/pip install torch==2.6.0 transformers==4.57.3`
)

// reply is what a driver answers: one line of JSON, the fields of its command only.
type reply struct {
	Ready    string
	Seconds  float64
	Best     int32 // the most likely next token
	Loss     float64
	Resident int64 // bytes
}

// peer is another engine behind one of the programs in testdata.
type peer struct {
	name    string
	in      io.WriteCloser
	replies chan reply // closed when the program ends
	stderr  *bytes.Buffer
}

// start runs a driver until the test ends. The interpreter must be absolute or in the path.
func start(tb testing.TB, name, program string, args ...string) *peer {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), program, args...)
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
		tb.Fatal(err)
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
		in.Close() // the driver's loop ends with its input
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

// ask gives a command and waits for its result.
func (p *peer) ask(tb testing.TB, command string, args ...int) reply {
	tb.Helper()
	for _, a := range args {
		command += fmt.Sprint(" ", a)
	}
	if _, err := io.WriteString(p.in, command+"\n"); err != nil {
		tb.Fatalf("couldn't ask %s: %v\n%s", p.name, err, p.stderr)
	}
	return p.answer(tb)
}

func (p *peer) answer(tb testing.TB) reply {
	tb.Helper()
	select {
	case r, ok := <-p.replies:
		if !ok {
			tb.Fatalf("%s gave up:\n%s", p.name, p.stderr)
		}
		return r
	case <-time.After(5 * time.Minute):
		tb.Fatalf("%s has not answered for 5 minutes", p.name)
	}
	return reply{}
}

// llamaPeers starts llama.cpp on each of the files, by name; none where llama.cpp isn't there.
func llamaPeers(tb testing.TB, files map[string]string) []*peer {
	tb.Helper()
	folder := os.Getenv(llamaEnv)
	if folder == "" {
		tb.Logf("no comparison with llama.cpp: %s", llamaHow)
		return nil
	}
	if found, _ := filepath.Glob(filepath.Join(folder, "libllama.*so*")); len(found) == 0 {
		tb.Fatalf("no libllama in %s; %s", folder, llamaHow)
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		tb.Logf("no comparison with llama.cpp: its driver needs python3 in the path: %v", err)
		return nil
	}
	var peers []*peer
	for _, kind := range []string{"bf16", "f16"} {
		if files[kind] != "" {
			peers = append(peers, start(tb, "llama.cpp-"+kind, python, filepath.Join("testdata", "llamacpp.py"), folder, files[kind], fmt.Sprint(threads)))
		}
	}
	return peers
}

// torchPeers starts PyTorch on a model folder, once a type of numbers; none where PyTorch isn't there.
func torchPeers(tb testing.TB, folder string, types ...string) []*peer {
	tb.Helper()
	python := os.Getenv(pythonEnv)
	if python == "" {
		tb.Logf("no comparison with PyTorch: %s", pythonHow)
		return nil
	}
	if out, err := exec.CommandContext(tb.Context(), python, "-c", "import torch, transformers").CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		tb.Fatalf("%s doesn't work: %v: %s; %s", python, err, lines[len(lines)-1], pythonHow)
	}
	var peers []*peer
	for _, kind := range types {
		peers = append(peers, start(tb, "torch-"+kind, python, filepath.Join("testdata", "torch_peer.py"), folder, fmt.Sprint(threads), kind))
	}
	return peers
}
