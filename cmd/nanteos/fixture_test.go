package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/windowfile"
	"github.com/nanteos/nanteos/internal/checkpoint"
	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/devnet"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/checkpoints"
	"github.com/nanteos/nanteos/internal/node/miner"
	"github.com/nanteos/nanteos/internal/node/validator"
	"github.com/nanteos/nanteos/model/base"
)

// evidence is a folder as a devnet leaves it, made once for all tests of this package: window 30 of a small network, with honest files and
// broken ones. Tests must not write into it.
var evidence = sync.OnceValues(makeEvidence)

// evidenceFolder gives the folder to a test.
func evidenceFolder(t *testing.T) string {
	t.Helper()
	dir, err := evidence()
	if err != nil {
		t.Fatalf("couldn't make evidence: %v", err)
	}
	return dir
}

const fixtureWindow = 30

// fixture is what the files are made with.
type fixture struct {
	root   string
	rules  grail.Rules
	model  *node.Model
	eval   *node.Evaluator
	window miner.Window
	report validator.WindowReport
}

func makeEvidence() (string, error) {
	root, err := os.MkdirTemp("", "nanteos-evidence-")
	if err != nil {
		return "", err
	}
	f := &fixture{root: root}
	ctx := context.Background()
	if err := errors.Join(f.network(), os.MkdirAll(f.path("window-30"), 0o755)); err != nil {
		return "", err
	}
	if err := f.checkpoint(ctx); err != nil {
		return "", err
	}
	defer f.model.Release()
	if err := f.files(ctx); err != nil {
		return "", err
	}
	return root, f.broken()
}

func (f *fixture) path(name string) string { return filepath.Join(f.root, filepath.FromSlash(name)) }

// network makes rules and the window.
func (f *fixture) network() error {
	genesis := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rules, err := devnet.DefaultSettings().Rules(genesis)
	if err != nil {
		return err
	}
	f.rules = rules
	hash := "0x" + hex.EncodeToString(bytes.Repeat([]byte{0x3a}, 32))
	random := hex.EncodeToString(bytes.Repeat([]byte{0x5c}, 32))
	f.window = miner.Window{Window: node.Window{Start: fixtureWindow, Hash: hash, Time: genesis, Randomness: random, Round: 7, Bound: true}, Block: fixtureWindow + 1}
	f.report = validator.WindowReport{
		Window: fixtureWindow, Hash: hash, Challenge: grail.MixRandomness(hash, "challenge"), Beacon: random, Deadline: genesis, Time: genesis,
		Model: devnet.ModelName, Validator: f.honest(1).Address(), Active: 2, Eligible: 2, Checked: 2,
	}
	return f.json("rules.json", rules)
}

func (f *fixture) json(name string, v any) error {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(f.path(name), text, 0o644)
}

// checkpoint writes the base model with its metadata, and loads it.
func (f *fixture) checkpoint(ctx context.Context) error {
	dir := f.path("checkpoint")
	if err := base.WriteTo(dir); err != nil {
		return err
	}
	files, err := checkpoint.Files(dir)
	if err != nil {
		return err
	}
	meta := checkpoint.Metadata{
		Type: checkpoint.Full, ModelName: devnet.ModelName, TrainingConfig: cpython.ObjectValue(nil), EnvID: "sat", EnvParams: cpython.ObjectValue(nil),
		ThinkingMode: "instructed",
		GenerationParams: cpython.ObjectValue([]cpython.Member{
			{Key: "max_tokens", Value: cpython.IntValue(384)}, {Key: "temperature", Value: cpython.FloatValue(1)}, {Key: "top_p", Value: cpython.FloatValue(1)},
			{Key: "top_k", Value: cpython.IntValue(0)}, {Key: "repetition_penalty", Value: cpython.FloatValue(1)},
		}),
	}
	for _, name := range files {
		meta.Manifest = append(meta.Manifest, checkpoint.File{Name: name})
	}
	if err := os.WriteFile(filepath.Join(dir, "metadata.json"), meta.JSON(), 0o644); err != nil {
		return err
	}
	policy, err := checkpoints.Policy(f.rules, meta)
	if err != nil {
		return err
	}
	native, err := engine.Load(ctx, dir, engine.Options{Identity: engine.Identity{Name: devnet.ModelName}})
	if err != nil {
		return err
	}
	f.model = checkpoints.NewModel(native, policy)
	f.eval, err = node.NewEvaluator(f.rules, f.model)
	return err
}

// honest is a miner; number makes its key.
func (f *fixture) honest(number byte) *miner.Honest {
	key := sr25519.NewKeypair([sr25519.MiniSecretSize]byte{number})
	at := time.Date(2026, 1, 1, 0, 0, 1, 0, time.UTC)
	return &miner.Honest{Rules: f.rules, Hotkey: key, Model: f.model, Evaluator: f.eval, Secret: []byte{number}, Now: func() time.Time { return at }}
}

// files makes the window's files: two honest ones, and what becomes of the first when a miner lies.
func (f *fixture) files(ctx context.Context) error {
	one, two := f.honest(2), f.honest(3)
	rows, err := group(ctx, one, f.window)
	if err != nil {
		return err
	}
	copied, err := group(ctx, two, f.window)
	if err != nil {
		return err
	}
	// lie changes a deep enough copy of the first file's rows and signs it anew.
	lie := func(change func(rows []grail.Row)) []grail.Row {
		out := slices.Clone(rows)
		change(out)
		if err == nil {
			err = miner.Sign(out, one.Hotkey)
		}
		return out
	}
	zero := lie(func(rows []grail.Row) {
		for i := range rows {
			rows[i].Commit.Commitments = grail.NewCommitments(make([]int64, len(rows[i].Commit.Tokens)))
		}
	})
	reward := lie(func(rows []grail.Row) {
		rewards := make([]float64, len(rows))
		for i := range rows {
			rewards[i] = rows[i].Commit.Rollout.TotalReward
		}
		rewards[4] += 0.5
		for i, a := range grail.Advantages(rewards) {
			rows[i].Commit.Rollout.TotalReward, rows[i].Commit.Rollout.Advantage = rewards[i], a
		}
	})
	advantage := lie(func(rows []grail.Row) { rows[3].Commit.Rollout.Advantage += 0.5 })
	foreign := lie(func(rows []grail.Row) {})
	foreign[6].Signature = rows[5].Signature
	if err != nil {
		return err
	}
	for _, w := range []struct {
		name, wallet string
		rows         []grail.Row
	}{
		{"miner-1", one.Address(), rows}, {"copier", two.Address(), copied}, {"zero-sketch", one.Address(), zero}, {"false-reward", one.Address(), reward},
		{"advantage", one.Address(), advantage}, {"signature", one.Address(), foreign}, {"short", one.Address(), rows[:15]}, {"norows", one.Address(), nil},
		{"hostile", "\x1b[31mevil\x1b]0;title\a\u202e\r\n", rows},
	} {
		if err := f.write(w.name, w.wallet, w.rows); err != nil {
			return err
		}
	}
	f.judge("miner-1", validator.MinerReport{UID: 2, Hotkey: one.Address(), Outcome: validator.Accepted, Rows: 16})
	measured, limit := 0.25, 0.03
	f.judge("copier", validator.MinerReport{
		UID: 3, Hotkey: two.Address(), Outcome: validator.Failed, Check: "copycat", Rows: 16, Measured: &measured, Limit: &limit,
		Reason: "copied 4 of 16 completions (25.0 %, the limit is 3.0 %)", Hint: "hand in completions of your own",
	})
	return f.json("window-30/report.json", f.report)
}

// group makes the first group that the model is able to.
func group(ctx context.Context, h *miner.Honest, w miner.Window) ([]grail.Row, error) {
	for index := int64(0); ; index++ {
		rows, err := h.Group(ctx, w, index)
		if unfit := (*miner.Unfit)(nil); errors.As(err, &unfit) && index < 20 {
			continue
		}
		return rows, err
	}
}

func (f *fixture) write(name, wallet string, rows []grail.Row) error {
	var b bytes.Buffer
	meta := windowfile.Metadata{Wallet: wallet, WindowStart: fixtureWindow, WindowLength: f.rules.WindowLength}
	if err := windowfile.Write(&b, meta, rows, windowfile.Options{}); err != nil {
		return fmt.Errorf("file %s: %w", name, err)
	}
	return os.WriteFile(f.path("window-30/"+name+".parquet"), b.Bytes(), 0o644)
}

// judge notes what the validator said of a file.
func (f *fixture) judge(name string, r validator.MinerReport) {
	text, err := os.ReadFile(f.path("window-30/" + name + ".parquet"))
	if err == nil {
		sum := md5.Sum(text)
		r.File = &validator.Object{Key: name, Size: int64(len(text)), ETag: hex.EncodeToString(sum[:])}
	}
	f.report.Miners = append(f.report.Miners, r)
}

// broken makes what isn't a whole window file.
func (f *fixture) broken() error {
	good, err := os.ReadFile(f.path("window-30/miner-1.parquet"))
	if err != nil {
		return err
	}
	flipped := slices.Clone(good)
	for i := range 64 {
		flipped[len(flipped)/3+i] ^= 0xff
	}
	for name, text := range map[string][]byte{
		"truncated.parquet": good[:len(good)/2], "flipped.parquet": flipped, "text.parquet": []byte("this is no Parquet file\n"), "empty.parquet": nil,
	} {
		if err := os.WriteFile(f.path("window-30/"+name), text, 0o644); err != nil {
			return err
		}
	}
	// A file with a hole takes no room on the disk.
	huge := f.path("window-30/huge.parquet")
	if err := os.WriteFile(huge, good, 0o644); err != nil {
		return err
	}
	return os.Truncate(huge, f.rules.MaxFileBytes+1)
}
