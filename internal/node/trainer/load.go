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
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/grail/windowfile"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
)

// fetches is how many files are taken side by side, graders how many rollouts of each are graded side by side.
const (
	fetches = 4
	graders = 4
)

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
	within, cancel := context.WithTimeout(ctx, t.loadLimit())
	defer cancel()
	var mu sync.Mutex
	parts := make([][]grpo.Row, len(trusted.Hotkeys))
	var h harvest
	var wg sync.WaitGroup
	places := make(chan struct{}, fetches)
	for i, hotkey := range trusted.Hotkeys {
		if t.cfg.Settings.JudgedOnly && !trusted.Verify && trusted.judge(hotkey) {
			continue
		}
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			p := part{t: t, hotkey: hotkey, trusted: trusted, in: in, deadline: deadline, model: m, grader: grader}
			rows, refused, err := p.load(within)
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

// loadLimit bounds the time for all files of a window: half of it. Miners whose buckets are slow must not keep the trainer from the others' files.
func (t *Trainer) loadLimit() time.Duration {
	return max(t.cfg.FileLimit, windowTime(t.cfg.Rules)/2)
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

// part is the loading of one miner's file.
type part struct {
	t        *Trainer
	hotkey   string
	trusted  *Trusted
	in       node.Window
	deadline time.Time
	model    *node.Model
	grader   *node.Evaluator
}

// load takes the file: in time, of the judged version, with rows that are the miner's own. refused counts rows with a claim that is wrong.
func (p *part) load(ctx context.Context) (rows []grpo.Row, refused int, err error) {
	defer recovered(p.hotkey, &err)
	ctx, cancel := context.WithTimeout(ctx, p.t.cfg.FileLimit)
	defer cancel()
	b, err := p.t.peers.Bucket(p.hotkey)
	if err != nil {
		return nil, 0, err
	}
	r := p.t.cfg.Rules
	limits := bucket.Limits{Min: r.MinFileBytes, Max: r.MaxFileBytes, Deadline: p.deadline}
	found, err := bucket.Probe(ctx, b, bucket.WindowKey(p.hotkey, p.in.Start), false, limits)
	want, known := p.trusted.Files[p.hotkey]
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("couldn't look for the file of %s: %w", p.hotkey, err)
	case !found.Valid():
		return nil, 0, fmt.Errorf("couldn't take the file of %s (there %v, late %v, of a wrong size %v): %w", p.hotkey, found.Exists, found.Late, found.BadSize, errNoFile)
	case known && (found.Info.ETag != want.ETag || found.Info.Size != want.Size):
		return nil, 0, fmt.Errorf("couldn't take the file of %s: %w", p.hotkey, errSwapped)
	}
	f, err := windowfile.Open(bucket.NewReaderAt(ctx, b, found.Info), found.Info.Size, windowfile.Limits{FileBytes: r.MaxFileBytes, Rows: r.MaxFileRows})
	if err != nil {
		return nil, 0, p.unread(err)
	}
	if !p.t.cfg.Settings.Quirks && p.trusted.judge(p.hotkey) {
		if err := p.judge(ctx, f); err != nil {
			return nil, 0, err
		}
	}
	raw, err := f.Rows(ctx, 0, f.NumRows())
	if err != nil {
		return nil, 0, p.unread(err)
	}
	return p.rows(ctx, raw)
}

// unread is the error of a file that can't be read: replaced while it was read, broken, or out of reach.
func (p *part) unread(err error) error {
	if errors.Is(err, bucket.ErrChanged) || errors.Is(err, bucket.ErrNotFound) {
		err = errSwapped
	}
	return fmt.Errorf("couldn't read the file of %s: %w", p.hotkey, err)
}

// recovered makes an error of a panic: a bug met by foreign bytes must not end the trainer.
func recovered(hotkey string, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("couldn't read the file of %s: it breaks the reader (%v): %w", hotkey, r, errRefused)
	}
}

// rows makes trainable rows, some side by side.
func (p *part) rows(ctx context.Context, raw []grail.Row) (rows []grpo.Row, refused int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows = make([]grpo.Row, len(raw))
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := 0
	for range min(graders, len(raw)) {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				stop := i >= len(raw) || err != nil
				mu.Unlock()
				if stop {
					return
				}
				row, ok, failed := p.guarded(ctx, &raw[i])
				mu.Lock()
				rows[i] = row
				if !ok {
					refused++
				}
				if failed != nil && err == nil {
					err = fmt.Errorf("couldn't grade row %d of %s: %w", i, p.hotkey, failed)
					cancel()
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return rows, refused, err
}

func (p *part) guarded(ctx context.Context, r *grail.Row) (row grpo.Row, ok bool, err error) {
	defer recovered(p.hotkey, &err)
	return p.row(ctx, r)
}

// judge checks a file as a validator does.
func (p *part) judge(ctx context.Context, f *windowfile.File) error {
	t, hotkey, in, m, grader := p.t, p.hotkey, p.in, p.model, p.grader
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
// and reward and success are graded here; a row that claims another prompt is damaged, and takes its group with it. So does one that the model can't be given:
// it would end the epoch of everybody.
func (p *part) row(ctx context.Context, r *grail.Row) (grpo.Row, bool, error) {
	c := &r.Commit
	out := grpo.Row{
		Miner: p.hotkey, Group: strconv.FormatInt(r.RolloutGroup, 10), Nonce: r.Nonce, Tokens: c.Tokens,
		Prompt: int(c.Rollout.PromptLength), Completion: int(c.Rollout.CompletionLength), Reward: c.Rollout.TotalReward, Success: c.Rollout.Success,
		LogProbs: c.Rollout.TokenLogprobs,
	}
	n, info := len(c.Tokens), p.model.Engine.Info()
	strange := func(id int32) bool { return id < 0 || int(id) >= info.VocabSize }
	if c.Rollout.PromptLength < 1 || c.Rollout.CompletionLength < 0 || out.Prompt+out.Completion != n ||
		r.WindowStart != p.in.Start || info.MaxLength > 0 && n > info.MaxLength || slices.ContainsFunc(c.Tokens, strange) {
		out.Damaged, out.Prompt, out.Completion = true, 0, 0
		return out, false, nil
	}
	if p.t.cfg.Settings.Quirks {
		return out, true, nil
	}
	seed := grail.EnvSeed(p.hotkey, p.in.Hash, r.RolloutGroup)
	prompt, err := p.grader.PromptTokens(ctx, seed)
	if err != nil {
		return out, false, err
	}
	if !slices.Equal(prompt, c.Tokens[:out.Prompt]) {
		out.Damaged = true
		return out, false, nil
	}
	grade, err := p.grader.Grade(ctx, seed, c.Tokens[out.Prompt:])
	if err != nil {
		return out, false, err
	}
	ok := agree(p.t.cfg.Rules, grade.Reward, out.Reward)
	out.Reward, out.Success = grade.Reward, grade.Success
	return out, ok, nil
}

// agree is the validators' tolerance for rewards.
func agree(r grail.Rules, a, b float64) bool {
	return a == b || math.Abs(a-b) <= max(r.RewardRelTolerance*max(math.Abs(a), math.Abs(b)), r.RewardAbsTolerance)
}
