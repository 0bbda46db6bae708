package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/grpo"
	"github.com/nanteos/nanteos/grail/score"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/grail/windowfile"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
)

// fetches is how many files are taken side by side.
const fetches = 4

// harvest is what a window's files gave.
type harvest struct {
	rows []grpo.Row
	// miners are those whose files were taken, rollouts their rows, refused those that were left out because a claim was wrong.
	miners, rollouts, refused int
	// reward is the mean over rollouts.
	reward float64
	// failed says that a file could not be had for a reason that may pass.
	failed error
}

// load takes the files of trusted miners for a window, side by side. One miner's trouble is not another's: it is told and counted.
func (t *Trainer) load(ctx context.Context, trusted *Trusted, in node.Window, deadline time.Time, m *node.Model) (harvest, error) {
	grader, err := node.NewEvaluator(t.cfg.Rules, m)
	if err != nil {
		return harvest{}, err
	}
	var mu sync.Mutex
	parts := make([][]grpo.Row, len(trusted.Hotkeys))
	var h harvest
	var wg sync.WaitGroup
	places := make(chan struct{}, fetches)
	for i, hotkey := range trusted.Hotkeys {
		if _, judged := trusted.Files[hotkey]; !judged && len(trusted.Files) > 0 && t.cfg.Settings.JudgedOnly {
			continue
		}
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			var file *score.TrustedFile
			if f, ok := trusted.Files[hotkey]; ok {
				file = &f
			}
			rows, refused, err := t.file(ctx, hotkey, file, trusted, in, deadline, m, grader)
			mu.Lock()
			defer mu.Unlock()
			h.refused += refused
			switch {
			case err == nil:
				parts[i] = rows
				h.miners++
				h.rollouts += len(rows)
			case passing(err):
				h.failed = errors.Join(h.failed, err)
			}
			if err != nil && ctx.Err() == nil {
				t.emit(status.Event{Kind: status.Skipped, Window: in.Start, Text: hotkey, Reason: err.Error(), Hint: "its rollouts are not trained on"})
			}
		})
	}
	wg.Wait()
	h.rows = slices.Concat(parts...)
	for _, r := range h.rows {
		h.reward += r.Reward / float64(max(1, len(h.rows)))
	}
	return h, ctx.Err()
}

// Errors about a miner's file.
var (
	errSwapped = errors.New("the file is not the one that validators judged")
	errNoFile  = errors.New("there is no file that counts")
	errRefused = errors.New("the file does not pass")
)

// passing tells failures on the way, which may pass, from what is wrong with a file.
func passing(err error) bool {
	return !errors.Is(err, errSwapped) && !errors.Is(err, errNoFile) && !errors.Is(err, errRefused) && !absent(err) && !errors.Is(err, windowfile.ErrCorrupt) &&
		!errors.Is(err, windowfile.ErrUnreadable) && !errors.Is(err, windowfile.ErrTooLarge)
}

// file takes one miner's file: in time, of the judged version, with rows that are the miner's own. refused counts rows that were left out.
func (t *Trainer) file(ctx context.Context, hotkey string, want *score.TrustedFile, trusted *Trusted, in node.Window, deadline time.Time, m *node.Model, grader *node.Evaluator) (rows []grpo.Row, refused int, err error) {
	defer func() {
		if r := recover(); r != nil { // a bug met by foreign bytes must not end the trainer
			rows, err = nil, fmt.Errorf("couldn't read the file of %s: it breaks the reader (%v): %w", hotkey, r, errRefused)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, t.cfg.FileLimit)
	defer cancel()
	b, err := t.peers.Bucket(hotkey)
	if err != nil {
		return nil, 0, err
	}
	r := t.cfg.Rules
	limits := bucket.Limits{Min: r.MinFileBytes, Max: r.MaxFileBytes, Deadline: deadline}
	p, err := bucket.Probe(ctx, b, bucket.WindowKey(hotkey, in.Start), false, limits)
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("couldn't look for the file of %s: %w", hotkey, err)
	case !p.Valid():
		return nil, 0, fmt.Errorf("couldn't take the file of %s (there %v, late %v, of a wrong size %v): %w", hotkey, p.Exists, p.Late, p.BadSize, errNoFile)
	case want != nil && (p.Info.ETag != want.ETag || p.Info.Size != want.Size):
		return nil, 0, fmt.Errorf("couldn't take the file of %s: %w", hotkey, errSwapped)
	}
	src := bucket.NewReaderAt(ctx, b, p.Info)
	f, err := windowfile.Open(src, p.Info.Size, windowfile.Limits{FileBytes: r.MaxFileBytes, Rows: r.MaxFileRows})
	if err != nil {
		return nil, 0, fmt.Errorf("couldn't read the file of %s: %w", hotkey, err)
	}
	if want == nil && !t.cfg.Settings.Quirks { // nobody else has looked at this file
		if err := t.judge(ctx, f, hotkey, in, m, grader); err != nil {
			return nil, 0, err
		}
	}
	raw, err := f.Rows(ctx, 0, f.NumRows())
	if errors.Is(err, bucket.ErrChanged) {
		err = errSwapped
	}
	if err != nil {
		return nil, 0, fmt.Errorf("couldn't read the file of %s: %w", hotkey, err)
	}
	for i := range raw {
		row, ok, err := t.row(ctx, hotkey, in, &raw[i], grader)
		if err != nil {
			return nil, refused, fmt.Errorf("couldn't grade row %d of %s: %w", i, hotkey, err)
		}
		if !ok {
			refused++
		}
		rows = append(rows, row)
	}
	return rows, refused, nil
}

// judge checks a file as a validator does.
func (t *Trainer) judge(ctx context.Context, f *windowfile.File, hotkey string, in node.Window, m *node.Model, grader *node.Evaluator) error {
	info := m.Engine.Info()
	closing, err := node.CloseWindow(ctx, t.cfg.Rules, t.cfg.Chain, t.cfg.Beacon, in.Start)
	if err != nil {
		return err
	}
	c := verify.Checker{
		Rules: t.cfg.Rules,
		Window: verify.Window{
			Miner: hotkey, Start: in.Start, Hash: in.Hash, ChallengeRandomness: closing.Challenge, ExpectedBeacon: in.ExpectedBeacon(),
			CheckpointWindow: &m.Policy.Checkpoint, Params: &m.Policy.Params, VocabSize: info.VocabSize, MaxLength: info.MaxLength, EOS: info.EOS,
			Dataset: grader.Dataset(),
		},
		Evaluator: grader, Replayer: m.Engine,
	}
	report, err := c.Check(ctx, f)
	if err != nil {
		return fmt.Errorf("couldn't check the file of %s: %w", hotkey, err)
	}
	if !report.OK {
		return fmt.Errorf("couldn't take the file of %s: %s: %w", hotkey, report.Cause, errRefused)
	}
	return nil
}

// row makes a trainable row of a file's. Under the reference's manner claims are believed. Otherwise the prompt must be the one of the window's problem,
// and reward and success are graded here; a row that claims another prompt is damaged, and takes its group with it.
func (t *Trainer) row(ctx context.Context, hotkey string, in node.Window, r *grail.Row, grader *node.Evaluator) (grpo.Row, bool, error) {
	c := &r.Commit
	out := grpo.Row{
		Miner: hotkey, Group: strconv.FormatInt(r.RolloutGroup, 10), Nonce: r.Nonce, Tokens: c.Tokens,
		Prompt: int(c.Rollout.PromptLength), Completion: int(c.Rollout.CompletionLength), Reward: c.Rollout.TotalReward, Success: c.Rollout.Success,
		LogProbs: c.Rollout.TokenLogprobs,
	}
	n := len(c.Tokens)
	if out.Prompt < 1 || out.Completion < 0 || out.Prompt+out.Completion != n || r.WindowStart != in.Start {
		out.Damaged = true
		return out, false, nil
	}
	if t.cfg.Settings.Quirks {
		return out, true, nil
	}
	seed := grail.EnvSeed(hotkey, in.Hash, r.RolloutGroup)
	prompt, err := grader.PromptTokens(ctx, seed)
	if err != nil {
		return out, false, err
	}
	if !slices.Equal(prompt, c.Tokens[:out.Prompt]) {
		out.Damaged = true
		return out, false, nil
	}
	grade, err := grader.Grade(ctx, seed, c.Tokens[out.Prompt:])
	if err != nil {
		return out, false, err
	}
	ok := agree(t.cfg.Rules, grade.Reward, out.Reward)
	out.Reward, out.Success = grade.Reward, grade.Success
	return out, ok, nil
}

// agree is the validators' tolerance for rewards.
func agree(r grail.Rules, a, b float64) bool {
	return a == b || math.Abs(a-b) <= max(r.RewardRelTolerance*max(math.Abs(a), math.Abs(b)), r.RewardAbsTolerance)
}
