package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/grail/grpo"
	"github.com/nanteos/nanteos/model/train"
)

// FuzzTorchFrame: whatever a worker writes is a frame or an error, and takes no more memory than came.
func FuzzTorchFrame(f *testing.F) {
	head, err := encodeTorch(map[string]any{"finite": true}, 3)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(head, 1, 2, 3))
	f.Add([]byte{0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, '{', '}'})
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255})
	f.Add([]byte("Traceback (most recent call last):"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h torchReply
		payload, err := readTorch(bytes.NewReader(b), &h, 1<<20)
		if err == nil && len(payload)+torchPrefix > len(b) {
			t.Errorf("%d bytes out of %d", len(payload), len(b))
		}
		if err != nil && !errors.Is(err, errTorchFrame) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTorchFrames(t *testing.T) {
	long := make([]byte, 5<<20) // several steps of readBytes
	long[len(long)-1] = 7
	head, err := encodeTorch(torchReply{Steps: 3}, len(long))
	if err != nil {
		t.Fatal(err)
	}
	var h torchReply
	got, err := readTorch(bytes.NewReader(append(head, long...)), &h, uint64(len(long)))
	if err != nil || h.Steps != 3 || !bytes.Equal(got, long) {
		t.Errorf("got %d bytes, %+v, %v", len(got), h, err)
	}
	if _, err := readTorch(bytes.NewReader(append(head, long...)), &h, uint64(len(long)-1)); !errors.Is(err, errTorchFrame) {
		t.Errorf("a payload beyond its bound: %v", err)
	}
	if _, err := encodeTorch(strings.Repeat("x", torchHeader), 0); !errors.Is(err, errTorchFrame) {
		t.Errorf("a long header: %v", err)
	}
	want := []float64{0, math.Inf(-1), -0.25}
	if xs, err := floats(appendFloats(nil, want), 3); err != nil || fmt.Sprint(xs) != fmt.Sprint(want) {
		t.Errorf("got %v, %v", xs, err)
	}
	if _, err := floats(make([]byte, 15), 2); !errors.Is(err, errTorchFrame) {
		t.Errorf("half a number: %v", err)
	}
}

// fakeEnv tells the fake worker how to behave.
const fakeEnv = "NANTEOS_TEST_FAKE_TORCH"

// TestTorchFakeWorker is no test: it is the worker of TestTorchWorkers, in a process of its own.
func TestTorchFakeWorker(t *testing.T) {
	how := os.Getenv(fakeEnv)
	if how == "" {
		t.Skip("the worker of another test")
	}
	say := func(h any, payload ...byte) {
		head, err := encodeTorch(h, len(payload))
		if err != nil {
			panic(err)
		}
		os.Stdout.Write(append(head, payload...))
	}
	if how == "mute" {
		time.Sleep(time.Hour)
	}
	if how == "no torch" {
		say(map[string]any{"error": torchProblem{Kind: "missing", Text: "python3 has no torch"}})
		os.Exit(1)
	}
	say(map[string]any{"torch": "2", "device": "cpu", "processes": 1})
	for {
		var h struct {
			Op string `json:"op"`
		}
		if _, err := readTorch(os.Stdin, &h, 1<<30); err != nil {
			os.Exit(0)
		}
		switch {
		case h.Op == "open":
			say(map[string]any{"vocabulary": 10, "positions": 8})
		case how == "silent":
			time.Sleep(time.Hour)
		case how == "slow" && h.Op == "backward":
			time.Sleep(time.Second)
			say(map[string]any{})
		case how == "dies":
			fmt.Fprintln(os.Stderr, "Segmentation fault")
			os.Exit(139)
		case how == "rank dies":
			fmt.Fprintln(os.Stderr, "Traceback\nnanteos: rank 1: memory: OutOfMemoryError: CUDA out of memory\n[torchrun] ...")
			os.Exit(1)
		case how == "out of memory":
			say(map[string]any{"error": torchProblem{Kind: "memory", Text: "full", Fatal: true}})
			os.Exit(3)
		case how == "prints":
			fmt.Println("Loading checkpoint shards: 100%")
		case how == "long":
			say(map[string]any{}, make([]byte, 1000)...)
		case how == "short":
			say(map[string]any{}, make([]byte, 7)...)
		case h.Op == "step":
			say(map[string]any{"finite": false, "steps": 4}, appendFloats(nil, []float64{math.Inf(1)})...)
		case h.Op == "load_state":
			say(map[string]any{"error": torchProblem{Kind: "state", Text: "another model"}})
		default:
			say(map[string]any{})
		}
	}
}

// fakeTorch opens a trainer whose worker is this test's binary.
func fakeTorch(t *testing.T, how string) (*TorchTrainer, error) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the fake worker is a shell script")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "python")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec '"+self+"' -test.run='^TestTorchFakeWorker$'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	start := 30 * time.Second
	if how == "mute" {
		start = 100 * time.Millisecond
	}
	tr, err := OpenTorch(t.Context(), dir, TorchOptions{Python: script, StartTimeout: start, Timeout: start, Env: []string{fakeEnv + "=" + how}})
	if err == nil {
		t.Cleanup(func() { tr.Close() })
	}
	return tr, err
}

var fakeBatch = []grpo.Sequence{{Tokens: []int32{1, 2, 3}, Prompt: 1, Completion: 2}}

// TestTorchWorkers: whatever becomes of a worker is an error that says so, after which the processes are gone.
func TestTorchWorkers(t *testing.T) {
	for how, want := range map[string]error{
		"dies": ErrTorchDied, "rank dies": ErrTorchMemory, "out of memory": ErrTorchMemory, "prints": ErrTorchDied, "long": ErrTorchDied, "silent": ErrTorchDied,
	} {
		t.Run(how, func(t *testing.T) {
			tr, err := fakeTorch(t, how)
			if err != nil {
				t.Fatal(err)
			}
			if how == "silent" || how == "prints" {
				tr.short = 200 * time.Millisecond
			}
			_, err = tr.Score(t.Context(), fakeBatch)
			if !errors.Is(err, want) || !errors.Is(err, ErrTorchDied) {
				t.Errorf("got %v, want %v", err, want)
			}
			t.Log(err)
			select {
			case <-tr.process.ended:
			case <-time.After(10 * time.Second):
				t.Error("the process is still there")
			}
			if _, again := tr.Step(t.Context(), 1, 1); !errors.Is(again, ErrTorchDied) {
				t.Errorf("afterwards: %v", again)
			}
			if _, err := os.Stat(tr.process.dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("its folder: %v", err)
			}
		})
	}
	t.Run("dies with words", func(t *testing.T) {
		tr, err := fakeTorch(t, "dies")
		if err != nil {
			t.Fatal(err)
		}
		if err := tr.SaveState(t.Context(), filepath.Join(t.TempDir(), "s")); err == nil || !strings.Contains(err.Error(), "Segmentation fault") {
			t.Errorf("got %v", err)
		}
	})
	if _, err := fakeTorch(t, "mute"); !errors.Is(err, ErrTorchDied) {
		t.Errorf("a worker that never speaks: %v", err)
	}
	if _, err := fakeTorch(t, "no torch"); !errors.Is(err, ErrTorchMissing) || !strings.Contains(err.Error(), "pip install torch") {
		t.Errorf("an interpreter without torch: %v", err)
	}
	if _, err := OpenTorch(t.Context(), baseFolder(t), TorchOptions{Python: "/nowhere/python"}); !errors.Is(err, ErrTorchMissing) {
		t.Errorf("no interpreter: %v", err)
	}
	if _, err := OpenTorch(t.Context(), t.TempDir(), TorchOptions{}); !errors.Is(err, ErrModel) {
		t.Errorf("an empty folder: %v", err)
	}
}

// TestTorchAnswers: what a worker that lives says is taken up, and what can't be is refused without asking it.
func TestTorchAnswers(t *testing.T) {
	tr, err := fakeTorch(t, "short")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Score(t.Context(), fakeBatch); !errors.Is(err, errTorchFrame) {
		t.Errorf("half a number: %v", err)
	}
	if tr, err = fakeTorch(t, "well"); err != nil {
		t.Fatal(err)
	}
	if norm, err := tr.Step(t.Context(), 1e-3, 1); !errors.Is(err, grpo.ErrNotFinite) || !math.IsInf(norm, 1) || tr.Steps() != 4 {
		t.Errorf("got %v, %v after %d steps", norm, err, tr.Steps())
	}
	if err := tr.LoadState(t.Context(), "x"); !errors.Is(err, train.ErrState) {
		t.Errorf("got %v", err)
	}
	for name, s := range map[string]grpo.Sequence{
		"a token outside":     {Tokens: []int32{1, 10}, Prompt: 1, Completion: 1},
		"a negative token":    {Tokens: []int32{1, -1}, Prompt: 1, Completion: 1},
		"no prompt":           {Tokens: []int32{1}, Completion: 1},
		"parts that miss one": {Tokens: []int32{1, 2, 3}, Prompt: 1, Completion: 1},
	} {
		if _, err := tr.Score(t.Context(), []grpo.Sequence{s}); !errors.Is(err, ErrTokens) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, l := range []grpo.Loss{{}, {ByLogProb: [][]float64{{1}}, ByEntropy: []float64{0}}} {
		if err := tr.Backward(t.Context(), fakeBatch, l); err == nil {
			t.Errorf("derivatives %v are taken", l.ByLogProb)
		}
	}
	if _, err := tr.Step(t.Context(), math.NaN(), 1); err == nil {
		t.Error("a rate that is no number is taken")
	}
	tr.Close()
	if _, err := tr.Score(t.Context(), fakeBatch); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	tr.Close()
}

// TestTorchCancel: the end of a context ends waiting at once; the answer that comes later is not taken for another's.
func TestTorchCancel(t *testing.T) {
	tr, err := fakeTorch(t, "slow")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	l := grpo.Loss{ByLogProb: [][]float64{{1, 1}}, ByEntropy: []float64{0}}
	began := time.Now()
	if err := tr.Backward(ctx, fakeBatch, l); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > 900*time.Millisecond {
		t.Errorf("waited %s", took)
	}
	if err := tr.LoadState(t.Context(), "x"); !errors.Is(err, train.ErrState) { // the fake's answer to this command
		t.Errorf("got %v", err)
	}
	if err := tr.Backward(ctx, fakeBatch, l); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	// Close does not wait for what is under way.
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := tr.Backward(ctx, fakeBatch, l); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	tr.Close()
	select {
	case <-tr.process.ended:
	default:
		t.Error("the process is still there")
	}
}
