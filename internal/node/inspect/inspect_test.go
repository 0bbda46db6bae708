package inspect

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/windowfile"
	"github.com/nanteos/nanteos/internal/checkpoint"
	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/miner"
	"github.com/nanteos/nanteos/model/base"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/dataset"
)

// folder writes the base model as a checkpoint with the metadata of a window, or without any.
func folder(t *testing.T, environment string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "checkpoint")
	if err := base.WriteTo(dir); err != nil {
		t.Fatal(err)
	}
	if environment == "" {
		return dir
	}
	tokens, temperature := int64(384), 1.0
	if environment != "sat" { // noise, which would look picked at 1
		tokens, temperature = 64, 0.7
	}
	meta := checkpoint.Metadata{
		Type: checkpoint.Full, ModelName: "base", TrainingConfig: cpython.ObjectValue(nil), EnvID: environment, EnvParams: cpython.ObjectValue(nil),
		ThinkingMode: "instructed",
		GenerationParams: cpython.ObjectValue([]cpython.Member{
			{Key: "max_tokens", Value: cpython.IntValue(tokens)}, {Key: "temperature", Value: cpython.FloatValue(temperature)}, {Key: "top_p", Value: cpython.FloatValue(1)},
			{Key: "top_k", Value: cpython.IntValue(0)}, {Key: "repetition_penalty", Value: cpython.FloatValue(1)},
		}),
	}
	write(t, filepath.Join(dir, metadataName), meta.JSON())
	return dir
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestOpenRefuses(t *testing.T) {
	broken := folder(t, "sat")
	write(t, filepath.Join(broken, metadataName), []byte("{"))
	empty := folder(t, "sat")
	write(t, filepath.Join(empty, metadataName), []byte("{}"))
	weightless := folder(t, "sat")
	if err := os.Remove(filepath.Join(weightless, "model.safetensors")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		dir  string
		want error
	}{
		"no folder":           {filepath.Join(t.TempDir(), "none"), ErrCheckpoint},
		"no metadata":         {folder(t, ""), ErrCheckpoint},
		"damaged metadata":    {broken, ErrCheckpoint},
		"no policy":           {empty, ErrCheckpoint},
		"no weights":          {weightless, ErrCheckpoint},
		"unknown environment": {folder(t, "chess"), node.ErrPolicy},
	} {
		t.Run(name, func(t *testing.T) {
			i, err := Open(t.Context(), grail.Hardened(), c.dir, nil)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if i != nil {
				i.Close()
			}
		})
	}
}

// honest makes the window file of one group of the base model.
func honest(t *testing.T, i *Inspector, rules grail.Rules) (file string, hash, beacon, address string) {
	t.Helper()
	return honestWith(t, i, rules, i.eval.Dataset())
}

// honestWith makes a window file that names a dataset.
func honestWith(t *testing.T, i *Inspector, rules grail.Rules, names string) (file string, hash, beacon, address string) {
	t.Helper()
	key := sr25519.NewKeypair([sr25519.MiniSecretSize]byte{5})
	hash = "0x" + strings.Repeat("ab", 32)
	beacon = grail.BoundRandomness(hash, strings.Repeat("c", 64), 7)
	worker := &miner.Honest{Rules: rules, Hotkey: key, Model: i.model, Evaluator: i.eval, Secret: []byte{1},
		Now: func() time.Time { return time.Unix(1_700_000_000, 0) }}
	window := miner.Window{Window: node.Window{Start: 60, Hash: hash, Randomness: beacon, Bound: true}, Checkpoint: 0}
	var rows []grail.Row
	for group := int64(0); rows == nil; group++ { // a group with a short completion is refused
		var unfit *miner.Unfit
		var err error
		if rows, err = worker.Group(t.Context(), window, group); err != nil && !errors.As(err, &unfit) {
			t.Fatal(err)
		}
	}
	address = ss58.EncodeBittensor(key.Public())
	var b bytes.Buffer
	if err := windowfile.Write(&b, windowfile.Metadata{Wallet: address, WindowStart: 60, WindowLength: rules.WindowLength, Dataset: names}, rows, windowfile.Options{}); err != nil {
		t.Fatal(err)
	}
	return write(t, filepath.Join(t.TempDir(), "window.parquet"), b.Bytes()), hash, beacon, address
}

func TestJudge(t *testing.T) {
	rules := grail.Hardened()
	i, err := Open(t.Context(), rules, folder(t, "sat"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	file, hash, beacon, address := honest(t, i, rules)
	other := ss58.EncodeBittensor(sr25519.NewKeypair([sr25519.MiniSecretSize]byte{6}).Public())
	start := int64(90)
	for name, c := range map[string]struct {
		known  Known
		reason string // of the refusal, empty for a good file
		taken  int    // how many things are taken from the file
	}{
		"by its own word":    {Known{}, "", 5},
		"everything known":   {Known{Miner: address, Start: ptr(int64(60)), Hash: hash, Challenge: strings.Repeat("1", 64), Beacon: beacon}, "", 0},
		"another miner":      {Known{Miner: other}, "file:wallet_mismatch", 4},
		"another window":     {Known{Start: &start}, "file:window_mismatch", 4},
		"another block hash": {Known{Hash: "0x" + strings.Repeat("00", 32)}, "file:block_hash_mismatch", 4},
		"another beacon":     {Known{Beacon: strings.Repeat("0", 64)}, "hard:proof_valid", 4},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := i.Judge(t.Context(), file, c.known, Scope{})
			if err != nil {
				t.Fatal(err)
			}
			if r.Report.OK != (c.reason == "") || c.reason != "" && r.Report.Reason != c.reason {
				t.Errorf("ok %v, reason %q (%s), want %q", r.Report.OK, r.Report.Reason, r.Report.Cause, c.reason)
			}
			if len(r.Assumed) != c.taken {
				t.Errorf("took %d things from the file: %q, want %d", len(r.Assumed), r.Assumed, c.taken)
			}
			if r.Rules != "hardened" || r.Model != "base" {
				t.Errorf("rules %q, model %q", r.Rules, r.Model)
			}
		})
	}
}

func TestJudgeRow(t *testing.T) {
	rules := grail.Hardened()
	i, err := Open(t.Context(), rules, folder(t, "sat"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	file, _, _, _ := honest(t, i, rules)
	row := int64(3)
	r, err := i.Judge(t.Context(), file, Known{}, Scope{Row: &row})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.Report.Reports); n != 1 || r.Report.Reports[0].Row != 3 {
		t.Errorf("got %d reports", n)
	}
	if !strings.HasPrefix(r.Prompt, "<|im_start|>system") || !strings.HasSuffix(r.Completion, "<|im_end|>") {
		t.Errorf("texts are %q and %q", r.Prompt, r.Completion)
	}
	for _, bad := range []int64{-1, 16} {
		if _, err := i.Judge(t.Context(), file, Known{}, Scope{Row: &bad}); !errors.Is(err, ErrRow) {
			t.Errorf("row %d: %v", bad, err)
		}
	}
}

func TestJudgeBadFiles(t *testing.T) {
	i, err := Open(t.Context(), grail.Hardened(), folder(t, "sat"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	file, _, _, _ := honest(t, i, grail.Hardened())
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Judge(t.Context(), filepath.Join(t.TempDir(), "none"), Known{}, Scope{}); err == nil {
		t.Error("judged a file that is not there")
	}
	if _, err := i.Judge(t.Context(), t.TempDir(), Known{}, Scope{}); err == nil {
		t.Error("judged a folder")
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 0xff
	for name, content := range map[string][]byte{"empty": nil, "text": []byte("not a window file at all"), "cut": whole[:len(whole)/2], "damaged": flipped} {
		r, err := i.Judge(t.Context(), write(t, filepath.Join(t.TempDir(), "bad.parquet"), content), Known{}, Scope{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if r.Report.OK {
			t.Errorf("%s: the file passed", name)
		}
	}
}

func ptr[T any](v T) *T { return &v }

// samples are the program's own datasets.
type samples struct{}

func (samples) Open(_ context.Context, env string) (*dataset.Set, error) { return dataset.Sample(env) }

// TestDataset tells of a file whose problems were drawn from another dataset, also where nothing else differs.
func TestDataset(t *testing.T) {
	tools := func(string, task.Options) (task.Tools, error) { return task.Tools{Data: samples{}}, nil }
	rules := grail.Hardened()
	dir := folder(t, "gsm8k")
	if _, err := Open(t.Context(), rules, dir, nil); !errors.Is(err, task.ErrNoTool) {
		t.Errorf("without a dataset: %v", err)
	}
	i, err := Open(t.Context(), rules, dir, &node.Environments{Tools: tools})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	own := i.eval.Dataset()
	for name, c := range map[string]struct{ names, told string }{
		"the same": {own, ""}, "unsaid": {"", ""}, "another": {strings.Repeat("ab", 32), "abababababab"},
	} {
		file, hash, beacon, address := honestWith(t, i, rules, c.names)
		r, err := i.Judge(t.Context(), file, Known{Miner: address, Hash: hash, Beacon: beacon}, Scope{})
		if err != nil {
			t.Fatal(err)
		}
		if !r.Report.OK || r.Dataset != own || (r.Report.Dataset == "") != (c.told == "") || !strings.Contains(r.Report.Dataset, c.told) {
			t.Errorf("%s: %s, dataset %.12s, %q", name, r.Report.Cause, r.Dataset, r.Report.Dataset)
		}
	}
}
