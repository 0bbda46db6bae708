// Package inspect judges a window file offline, with the code and the model that a validator uses: what `nanteos preflight` and `nanteos
// explain` are made of.
//
// A validator knows some things from outside the file: who owns it, the hash of the window's block, the randomness that draws rows and
// positions, the beacon value that rows must carry. Where those are not given they are taken from the file itself, and the result says
// which: a file can't be caught lying about what was taken from its own word.
package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/grail/windowfile"
	"github.com/nanteos/nanteos/internal/checkpoint"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/checkpoints"
)

// metadataName is the file of a checkpoint folder that says what everybody does with the model; no longer than maxMetadata bytes.
const (
	metadataName = "metadata.json"
	maxMetadata  = 16 << 20
)

// ErrCheckpoint says that a folder is no checkpoint.
var ErrCheckpoint = errors.New("folder is no checkpoint")

// ErrRow says that a file has no such row.
var ErrRow = errors.New("no such row")

// Known is what is known from outside the file. Empty fields are taken from the file.
type Known struct {
	// Miner is the SS58 address of the file's owner.
	Miner string
	// Start is the window's first block.
	Start *int64
	// Hash is the hash of block Start, with 0x.
	Hash string
	// Challenge is the randomness that draws rows and positions.
	Challenge string
	// Beacon is the value that rows must carry under BindBeacon.
	Beacon string
}

// Scope says which rows are checked and how far.
type Scope struct {
	// Sample checks the rows that a validator would draw, else all.
	Sample bool
	// Row is one row to check, with every check run and the positions that deviate most.
	Row *int64
	// All runs every check on every row instead of stopping at a row's first failure.
	All bool
}

// Result is what was found.
type Result struct {
	// Report is the validator's verdict.
	Report *verify.FileReport `json:"report"`
	// Rules names the rules and Checkpoint the model that were used.
	Rules      string `json:"rules"`
	Checkpoint int64  `json:"checkpoint"`
	Model      string `json:"model"`
	// Dataset is the digest of the dataset that the problems were drawn from here, empty where the environment has none.
	Dataset string `json:"dataset,omitempty"`
	// Assumed lists what was taken from the file's own word, in plain words.
	Assumed []string `json:"assumed,omitempty"`
	// Prompt and Completion are the texts of the row that was asked for. They were written by a miner: escape them before showing them.
	Prompt     string `json:"prompt,omitempty"`
	Completion string `json:"completion,omitempty"`
}

// Inspector judges files with one model and one set of rules.
type Inspector struct {
	rules grail.Rules
	model *node.Model
	eval  *node.Evaluator
}

// Open loads the checkpoint folder: model, tokenizer and the metadata.json of its publication. The error wraps ErrCheckpoint where that is
// missing or unusable, and node.ErrPolicy where the checkpoint's environment can't be opened with the tools that environments has (nil: none).
// Close the Inspector when done.
func Open(ctx context.Context, rules grail.Rules, folder string, environments *node.Environments) (*Inspector, error) {
	meta, err := readMetadata(folder)
	if err != nil {
		return nil, err
	}
	policy, err := checkpoints.Policy(rules, meta)
	if err != nil {
		return nil, fmt.Errorf("couldn't use checkpoint %s: %w: %w", folder, ErrCheckpoint, err)
	}
	native, err := engine.Load(ctx, folder, engine.Options{Identity: engine.Identity{Name: meta.ModelName, CheckpointWindow: meta.Window}})
	if err != nil {
		return nil, fmt.Errorf("couldn't use checkpoint: %w: %w", ErrCheckpoint, err)
	}
	policy.Checkpoint, policy.ModelName = meta.Window, native.Info().Name
	m := checkpoints.NewModel(native, policy)
	m.Environments = environments
	eval, err := node.NewEvaluator(rules, m)
	if err != nil {
		m.Release()
		return nil, err
	}
	return &Inspector{rules: rules, model: m, eval: eval}, nil
}

// Close frees the model.
func (i *Inspector) Close() {
	if i.model.Release != nil {
		i.model.Release()
	}
}

func readMetadata(folder string) (checkpoint.Metadata, error) {
	name := filepath.Join(folder, metadataName)
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return checkpoint.Metadata{}, fmt.Errorf("couldn't find %s: %w", name, ErrCheckpoint)
	}
	if err != nil {
		return checkpoint.Metadata{}, fmt.Errorf("couldn't read checkpoint: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxMetadata+1))
	if err != nil {
		return checkpoint.Metadata{}, fmt.Errorf("couldn't read %s: %w", name, err)
	}
	if len(text) > maxMetadata {
		return checkpoint.Metadata{}, fmt.Errorf("couldn't read %s: %w: it is larger than %d bytes", name, ErrCheckpoint, maxMetadata)
	}
	meta, err := checkpoint.ParseMetadata(text)
	if err != nil {
		return checkpoint.Metadata{}, fmt.Errorf("couldn't read %s: %w: %w", name, ErrCheckpoint, err)
	}
	return meta, nil
}

// Judge checks a window file. A file that a validator refuses is a Result, not an error; an error is a fault of this side, or ErrRow.
func (i *Inspector) Judge(ctx context.Context, path string, known Known, scope Scope) (*Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't open window file: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("couldn't open window file: %w", err)
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("couldn't open window file: %s is no file", path)
	}
	info := i.model.Engine.Info()
	label := i.model.Policy.Checkpoint
	c := verify.Checker{
		Rules: i.rules,
		Window: verify.Window{
			CheckpointWindow: &label, Params: &i.model.Policy.Params, VocabSize: info.VocabSize, MaxLength: info.MaxLength, EOS: info.EOS,
			Dataset: i.eval.Dataset(),
		},
		Evaluator: i.eval, Replayer: i.model.Engine,
		Options: verify.Options{All: scope.All || scope.Row != nil},
	}
	r := &Result{Rules: name(i.rules), Checkpoint: label, Model: info.Name, Dataset: i.eval.Dataset()}
	file, err := windowfile.Open(f, st.Size(), windowfile.Limits{FileBytes: i.rules.MaxFileBytes, Rows: i.rules.MaxFileRows})
	if err != nil {
		c.Window.Miner = known.Miner
		r.Report, err = c.OpenFault(err)
		return r, err
	}
	if scope.Row != nil && (*scope.Row < 0 || *scope.Row >= file.NumRows()) {
		return nil, fmt.Errorf("couldn't find row %d of %s, which has %d rows: %w", *scope.Row, path, file.NumRows(), ErrRow)
	}
	if r.Assumed, err = fill(ctx, file, known, i.rules.BindBeacon, &c.Window); err != nil {
		r.Report, err = c.OpenFault(err)
		return r, err
	}
	switch {
	case scope.Row != nil:
		c.Options.Rows = []int64{*scope.Row}
	case !scope.Sample:
		c.Options.Rows = make([]int64, file.NumRows())
		for n := range c.Options.Rows {
			c.Options.Rows[n] = int64(n)
		}
	}
	if r.Report, err = c.Check(ctx, file); err != nil {
		return nil, fmt.Errorf("couldn't judge %s: %w", path, err)
	}
	if scope.Row != nil {
		rows, err := file.Rows(ctx, *scope.Row, *scope.Row+1)
		if err == nil && len(rows) == 1 {
			i.texts(r, &rows[0])
		}
	}
	return r, nil
}

// name tells which rules these are: "reference", "hardened", or the beginning of their digest.
func name(r grail.Rules) string {
	d := r.Digest()
	for _, known := range []string{"reference", "hardened"} {
		if k, ok := grail.RulesByName(known); ok && k.Digest() == d {
			return known
		}
	}
	return fmt.Sprintf("of digest %x", d[:6])
}

// texts decodes a row's prompt and completion as far as its ids are in the vocabulary.
func (i *Inspector) texts(r *Result, row *grail.Row) {
	tokens := row.Commit.Tokens
	for _, id := range tokens {
		if id < 0 || int(id) >= i.model.Engine.Info().VocabSize {
			return
		}
	}
	p := min(max(int(row.Commit.Rollout.PromptLength), 0), len(tokens))
	r.Prompt, r.Completion = i.model.Text.Decode(tokens[:p], true), i.model.Text.Decode(tokens[p:], true)
}

// fill completes w from what is known and, for the rest, from the file. It returns what was taken from the file. The beacon value matters
// only where the rules bind it. The error is one of the file's.
func fill(ctx context.Context, file *windowfile.File, known Known, bound bool, w *verify.Window) (assumed []string, err error) {
	meta, err := file.Metadata()
	if err != nil {
		return nil, err
	}
	w.Miner, w.Hash, w.ChallengeRandomness, w.ExpectedBeacon = known.Miner, known.Hash, known.Challenge, known.Beacon
	if w.Miner == "" {
		w.Miner = meta.Wallet
		assumed = append(assumed, "the miner is the wallet that the file names")
	}
	if known.Start != nil {
		w.Start = *known.Start
	} else {
		w.Start = meta.WindowStart
		assumed = append(assumed, "the window is the one that the file names")
	}
	if w.Hash == "" || bound && w.ExpectedBeacon == "" {
		var first grail.Row
		if file.NumRows() > 0 {
			rows, err := file.Rows(ctx, 0, 1)
			if err != nil {
				return nil, err
			}
			first = rows[0]
		}
		if w.Hash == "" {
			w.Hash = first.BlockHash
			assumed = append(assumed, "the block hash is that of the first row")
		}
		if bound && w.ExpectedBeacon == "" {
			w.ExpectedBeacon, _ = first.Commit.Beacon.Text()
			assumed = append(assumed, "the beacon value is that of the first row")
		}
	}
	if w.ChallengeRandomness == "" {
		w.ChallengeRandomness = grail.MixRandomness(w.Hash, "preflight")
		assumed = append(assumed, "the challenge is drawn here: a validator's, which nobody knows before the deadline, looks at other positions")
	}
	return assumed, nil
}
