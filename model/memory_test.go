package model

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
)

// sparseFolder writes a model whose weights are a hole in the file: of any size, at no cost on the disk.
func sparseFolder(t testing.TB, cfg Config, dtype string) string {
	t.Helper()
	size := map[string]int{"BF16": 2, "F16": 2, "F32": 4}[dtype]
	header, at := map[string]any{}, 0
	for _, spec := range cfg.Tensors() {
		n := Tensor{Shape: spec.Shape}.Len() * size
		header[spec.Name] = map[string]any{"dtype": dtype, "shape": spec.Shape, "data_offsets": []int{at, at + n}}
		at += n
	}
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, strings.Repeat(" ", -len(text)&7)...)
	file := append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)
	dir := t.TempDir()
	path := filepath.Join(dir, "model.safetensors")
	config, err := cfg.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600),
		os.WriteFile(path, file, 0o600),
		os.Truncate(path, int64(len(file)+at)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// packedBytes is the memory of a model's weights.
func packedBytes(m *Model) int64 {
	n := 0
	vectors := [][]float32{m.norm}
	for i := range m.layers {
		l := &m.layers[i]
		vectors = append(vectors, l.norm1, l.norm2, l.qNorm, l.kNorm, l.qkvBias, l.oBias, l.gateUpBias, l.downBias)
	}
	for _, v := range vectors {
		n += 4 * len(v)
	}
	for _, w := range m.matrices() {
		size := 4
		if w.Panel(0) == nil {
			size = 2
		}
		n += size * w.Panels() * 32 * w.K
	}
	return int64(n)
}

// peak is the most memory that the process had so far, file pages included, in bytes.
func peak() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmHWM:" {
			n, err := strconv.ParseInt(f[1], 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/self/status has no VmHWM")
}

// TestLoadMemory loads models in processes of their own and looks at the most memory that they ever had: the weights in their
// final form, and little else. Then it computes as much as it can at once, and is held to what Describe tells. The embedding is most of the model, so that a second copy of it would show.
func TestLoadMemory(t *testing.T) {
	if dir := os.Getenv("NANTEOS_TEST_LOAD"); dir != "" {
		reportLoad(t, dir)
		return
	}
	if testing.Short() {
		t.Skip("loads several hundred megabytes")
	}
	if _, err := peak(); err != nil {
		t.Skip("this system doesn't tell a process its peak memory")
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-race" && s.Value == "true" {
				t.Skip("the race detector has memory of its own")
			}
		}
	}
	shape := Config{Architecture: "Qwen2ForCausalLM", VocabSize: 65003, HiddenSize: 512, IntermediateSize: 1408, Layers: 3, Heads: 8, KVHeads: 8, HeadDim: 64,
		NormEps: 1e-6, RopeTheta: 1e6, MaxPositions: 512, TieEmbeddings: true, AttentionBias: true, BOS: -1, Pad: -1}
	for _, c := range []struct {
		dtype string
		tied  bool
	}{{"BF16", true}, {"BF16", false}, {"F16", true}, {"F32", true}} {
		cfg := shape
		cfg.TieEmbeddings = c.tied
		dir := sparseFolder(t, cfg, c.dtype)
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestLoadMemory$", "-test.v")
		cmd.Env = append(os.Environ(), "NANTEOS_TEST_LOAD="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var weights, taken, used int64
		for line := range strings.Lines(string(out)) {
			if _, rest, ok := strings.Cut(line, "loaded "); ok {
				if _, err := fmt.Sscanf(rest, "%d %d", &weights, &taken); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
			}
			if _, rest, ok := strings.Cut(line, "used "); ok {
				if _, err := fmt.Sscan(rest, &used); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
			}
		}
		d, err := Describe(dir)
		if err != nil {
			t.Fatal(err)
		}
		ratio := float64(taken) / float64(weights)
		t.Logf("%s, tied %v: %.1f MB of weights, loading took %.1f MB (x%.3f)", c.dtype, c.tied, float64(weights)/1e6, float64(taken)/1e6, ratio)
		if weights != d.LoadedBytes {
			t.Errorf("%s, tied %v: the weights take %d bytes, Describe says %d", c.dtype, c.tied, weights, d.LoadedBytes)
		}
		told := d.LoadedBytes + d.ContextBytes + d.WorkspaceBytes
		t.Logf("a sequence of %d tokens took %.1f MB, Describe says %.1f+%.1f+%.1f MB", cfg.MaxPositions, float64(used)/1e6, float64(d.LoadedBytes)/1e6,
			float64(d.ContextBytes)/1e6, float64(d.WorkspaceBytes)/1e6)
		if share := float64(used) / float64(told); share < 0.8 || share > 1.2 {
			t.Errorf("%s, tied %v: a sequence of %d tokens took %d bytes, Describe says %d", c.dtype, c.tied, cfg.MaxPositions, used, told)
		}
		if ratio > 1.25 || ratio < 0.9 {
			t.Errorf("%s, tied %v: loading %d bytes of weights took %d at its peak", c.dtype, c.tied, weights, taken)
		}
	}
}

// reportLoad is the process that loads.
func reportLoad(t *testing.T, dir string) {
	before, err := peak()
	if err != nil {
		t.Fatal(err)
	}
	m, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	after, err := peak()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("loaded %d %d", packedBytes(m), after-before)
	tokens := make([]int32, m.cfg.MaxPositions)
	if _, err := m.Replay(context.Background(), []Sequence{{Tokens: tokens}}, ReplayOptions{EOS: 1}); err != nil {
		t.Fatal(err)
	}
	if after, err = peak(); err != nil {
		t.Fatal(err)
	}
	t.Logf("used %d", after-before)
	runtime.KeepAlive(m)
}
