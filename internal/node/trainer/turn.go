package trainer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/nanteos/nanteos/grail/grpo"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
)

// Report is what a Trained event carries beside its fields.
type Report struct {
	// Epoch counts from 0; Rate is its learning rate.
	Epoch int     `json:"epoch"`
	Rate  float64 `json:"rate"`
	// Miners are those whose files were taken; Groups of theirs were trained on, Replayed came from earlier windows too; Dropped tells why others were not.
	Miners   int                 `json:"miners"`
	Groups   int                 `json:"groups"`
	Replayed int                 `json:"replayed"`
	Dropped  map[grpo.Reason]int `json:"dropped,omitempty"`
	// Refused are rows with a claim that was wrong.
	Refused int          `json:"refused,omitempty"`
	Metrics grpo.Metrics `json:"metrics"`
}

// turn makes the turn of window w. over says that nothing is left to do in it; an error with over unset is tried again.
func (t *Trainer) turn(ctx context.Context, w, block int64) (over bool, err error) {
	began := t.cfg.Now()
	s := t.state
	length := t.cfg.Rules.WindowLength
	turn := s.Loop.Begin(w, length, t.cfg.Settings.Schedule.Total, t.cfg.Settings.Quirks)
	if turn.Data < 0 {
		return true, nil
	}
	if err := t.peers.Refresh(ctx); err != nil {
		return false, err
	}
	if err := t.step("trust"); err != nil {
		return false, err
	}
	late := float64(block-w) >= t.cfg.Settings.Patience*float64(length)
	trusted, err := t.trust(ctx, turn.Data, late)
	if err != nil || trusted == nil && !late {
		return false, err
	}
	if trusted == nil {
		t.emit(status.Event{Kind: status.Skipped, Window: turn.Data, Reason: "no validator vouches for a miner, and none earns incentive", Hint: "nothing is trained in this window"})
		return true, nil
	}
	h, err := t.harvest(ctx, trusted, turn.Data)
	if err != nil {
		return false, err
	}
	if h.failed != nil && h.rollouts == 0 && !late {
		return false, h.failed
	}
	if err := t.step("loaded"); err != nil {
		return false, err
	}
	groups, err := t.cfg.Settings.GRPO.Assemble(h.rows)
	if err != nil {
		return true, err
	}
	kept, dropped := t.cfg.Settings.Filters.Apply(groups)
	if len(kept) > 0 {
		t.replay.Add(turn.Data, kept)
		s.Loop.Took(turn.Data)
	}
	report := Report{Miners: h.miners, Groups: len(kept), Dropped: dropped, Refused: h.refused}
	if _, n := t.replay.Contents(); len(n) == 0 || len(kept) == 0 && !t.cfg.Settings.Quirks {
		t.emit(status.Event{Kind: status.Skipped, Window: turn.Data, Rollouts: h.rollouts, Reward: mean(h), Report: report,
			Reason: "no group of this window can be learnt from", Hint: "groups need 16 whole rollouts whose rewards differ"})
		return true, nil
	}
	for range t.cfg.Settings.EpochsPerWindow {
		if err := t.epoch(ctx, &s, w, &report); err != nil {
			return true, t.back(ctx, err)
		}
	}
	if err := t.step("trained"); err != nil {
		return false, err
	}
	s.Turn, s.Window, s.Published, s.Uploaded = t.state.Turn+1, w, false, false
	if t.state.Published {
		s.Parent = t.state.Window
	}
	if t.kl != nil {
		s.KL = t.kl.Value
	}
	if err := t.keep(ctx, s); err != nil {
		return true, t.back(ctx, err)
	}
	t.emit(status.Event{Kind: status.Trained, Window: turn.Data, Rollouts: h.rollouts, Valid: report.Groups, Reward: mean(h), Tokens: report.Metrics.Tokens,
		Seconds: t.cfg.Now().Sub(began).Seconds(), Report: report})
	return true, t.step("kept")
}

func mean(h harvest) *float64 {
	if h.rollouts == 0 {
		return nil
	}
	return &h.reward
}

// back takes the last kept turn up again after something went wrong in the middle of an epoch, so that weights are those of a turn.
func (t *Trainer) back(ctx context.Context, cause error) error {
	if errors.Is(cause, errKilled) || ctx.Err() != nil {
		return cause
	}
	return errors.Join(cause, t.model.LoadState(ctx, filepath.Join(t.turnDir(t.state.Turn), optimizerName)))
}

// trust finds the miners to learn from. Incentives are asked only when it is late: a list may still come.
func (t *Trainer) trust(ctx context.Context, window int64, late bool) (*Trusted, error) {
	m := t.peers.Metagraph()
	s := t.cfg.Settings
	if !late && !s.Quirks {
		s.MaxStale = 0 // wait for the list of the window itself
	}
	trusted, err := s.Lists(ctx, t.cfg.Rules, m, t.readList, window)
	if err != nil || trusted != nil || !late && !s.Quirks {
		return trusted, err
	}
	return s.ByIncentive(t.cfg.Rules, m), nil
}

// harvest takes the rollouts of a window.
func (t *Trainer) harvest(ctx context.Context, trusted *Trusted, window int64) (harvest, error) {
	in, err := node.OpenWindow(ctx, t.cfg.Rules, t.cfg.Chain, t.cfg.Beacon, window)
	if err != nil {
		return harvest{}, err
	}
	end, err := t.cfg.Chain.Block(ctx, uint64(t.cfg.Rules.WindowEnd(window)))
	if err != nil {
		return harvest{}, fmt.Errorf("couldn't tell the deadline of window %d: %w", window, err)
	}
	label, err := t.cfg.Checkpoints.Latest(ctx, window)
	if err != nil {
		return harvest{}, err
	}
	m, err := t.cfg.Checkpoints.Load(ctx, label)
	if err != nil {
		return harvest{}, err
	}
	if m.Release != nil {
		defer m.Release()
	}
	deadline := time.Time{}
	if !t.cfg.Settings.Quirks { // F21: the reference takes what comes late
		deadline = node.Deadline(t.cfg.Rules, end.Time)
	}
	return t.load(ctx, trusted, in, deadline, m)
}

// epoch makes one epoch.
func (t *Trainer) epoch(ctx context.Context, s *State, w int64, report *Report) error {
	cfg := t.cfg.Settings.GRPO
	if t.kl != nil {
		cfg.KL = t.kl.Value
	}
	groups := t.replay.Sample(t.cfg.Settings.GroupsPerEpoch, w+int64(s.Loop.Epoch))
	report.Epoch, report.Rate, report.Replayed = s.Loop.Epoch, t.cfg.Settings.Schedule.Rate(s.Loop.Epoch), len(groups)
	m, err := cfg.Epoch(ctx, t.model, t.cfg.Reference, groups, report.Rate, nil)
	if err != nil {
		return fmt.Errorf("couldn't train on window %d: %w", s.Loop.Current, err)
	}
	report.Metrics = m
	if t.kl != nil {
		t.kl.Observe(m.Divergence)
	}
	s.Loop.Trained()
	return nil
}

// publish publishes the current turn's model if that is still to be done.
func (t *Trainer) publish(ctx context.Context, block int64) error {
	if t.state.Published {
		return nil
	}
	began := t.cfg.Now()
	s := t.state
	if err := t.step("publish"); err != nil {
		return err
	}
	if !s.Uploaded {
		m := t.cfg.Metadata
		m.Window, m.ParentWindow = s.Window, max(0, s.Parent)
		m.CreatedAt = float64(t.cfg.Now().UnixMilli()) / 1000
		p, err := t.cfg.Publisher.Publish(ctx, filepath.Join(t.turnDir(s.Turn), modelName), m)
		if err != nil {
			return err
		}
		s.Uploaded = true
		if err := t.write(s); err != nil {
			return err
		}
		t.state = s
		e := status.Event{Kind: status.Published, Window: s.Window, Bytes: p.Bytes, Text: p.Type, Reason: p.Reason, Seconds: t.cfg.Now().Sub(began).Seconds()}
		if p.Parameters > 0 {
			changed := float64(p.Changed) / float64(p.Parameters)
			e.Measured = &changed
		}
		t.emit(e)
	}
	if err := t.step("uploaded"); err != nil {
		return err
	}
	ready := t.windowOf(block)
	if head, err := t.cfg.Chain.Head(ctx); err == nil {
		ready = max(ready, t.windowOf(int64(head.Number)))
	}
	if err := t.cfg.Publisher.Ready(ctx, s.Window, ready); err != nil {
		return err
	}
	if err := t.step("ready"); err != nil {
		return err
	}
	s.Published = true
	if err := t.write(s); err != nil {
		return err
	}
	t.state = s
	if err := t.cfg.Publisher.Clean(ctx); err != nil && ctx.Err() == nil {
		t.emit(status.Event{Kind: status.Fault, Window: s.Window, Reason: err.Error(), Hint: "old checkpoints stay until the next publication"})
	}
	return nil
}
