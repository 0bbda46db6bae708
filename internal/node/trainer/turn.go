package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
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

// Upload is what a Published event carries beside its fields: how the checkpoint went, and what the whole model takes.
type Upload struct {
	Type       string `json:"type"`
	Bytes      int64  `json:"bytes"`
	FullBytes  int64  `json:"full_bytes"`
	Changed    int64  `json:"changed"`
	Parameters int64  `json:"parameters"`
}

// attempts is how often a turn is tried in a window whose rollouts were there.
const attempts = 3

// turn makes the turn of window w. over says that nothing is left to do in it; an error with over unset is tried again.
func (t *Trainer) turn(ctx context.Context, w, block int64) (over bool, err error) {
	began := t.cfg.Now()
	s := t.state
	length := t.cfg.Rules.WindowLength
	turn := s.Loop.Begin(w, length, t.cfg.Settings.Schedule.Total, t.cfg.Settings.Quirks)
	if turn.Data < 0 {
		return true, nil
	}
	if err := t.restore(ctx); err != nil {
		return false, err
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
	switch {
	case errors.Is(err, node.ErrNoCheckpoint):
		t.emit(status.Event{Kind: status.Skipped, Window: turn.Data, Reason: err.Error(), Hint: "there was nothing to make rollouts with"})
		return true, nil
	case errors.Is(err, node.ErrPolicy):
		return true, err
	case err != nil:
		return false, err
	case h.failed != nil && h.rollouts == 0 && !late:
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
	buffer := t.cfg.Settings.copied(t.replay)
	if len(kept) > 0 {
		buffer.Add(turn.Data, kept)
		s.Loop.Took(turn.Data)
	}
	report := Report{Miners: h.miners, Groups: len(kept), Dropped: dropped, Refused: h.refused}
	skip := func(why, hint string) (bool, error) {
		t.emit(status.Event{Kind: status.Skipped, Window: turn.Data, Rollouts: h.rollouts, Reward: mean(h), Report: report, Reason: why, Hint: hint})
		return true, nil
	}
	if _, n := buffer.Contents(); len(n) == 0 || len(kept) == 0 && !t.cfg.Settings.Quirks {
		if h.failed != nil && h.rollouts == 0 {
			return skip("no file of this window could be had: "+h.failed.Error(), "nothing is trained in this window")
		}
		return skip("no group of this window can be learnt from", fmt.Sprintf("groups need %d whole rollouts whose rewards differ", t.cfg.Settings.Filters.GroupSize))
	}
	t.broken = true // until the turn is kept
	steps, err := t.learn(ctx, &s, buffer, w, &report)
	if err == nil && steps == 0 && !t.cfg.Settings.Quirks {
		return skip("no step could be made: the gradient is not finite", "its rollouts are left out; the model stays as it is")
	}
	if err == nil {
		err = t.step("trained")
	}
	if err == nil {
		s.Turn, s.Window, s.Published, s.Uploaded, s.Ready = t.state.Turn+1, w, false, false, 0
		if t.state.Published {
			s.Parent = t.state.Window
		}
		err = t.keep(ctx, s, buffer)
	}
	if err != nil {
		if t.failedIn != w {
			t.failures, t.failedIn = 0, w
		}
		t.failures++
		return t.failures >= attempts, err
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

// trust finds the miners to learn from. Incentives are asked only when it is late: a list may still come.
func (t *Trainer) trust(ctx context.Context, window int64, late bool) (*Trusted, error) {
	m := t.peers.Metagraph()
	s := t.cfg.Settings
	trusted, err := s.Lists(ctx, t.cfg.Rules, m, t.readList, window, late)
	if trusted != nil || ctx.Err() != nil || !late && (err != nil || !s.Quirks) {
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

// learn makes the epochs of a turn and returns how many steps they took.
func (t *Trainer) learn(ctx context.Context, s *State, buffer *grpo.Replay, w int64, report *Report) (steps int, err error) {
	settings := t.cfg.Settings
	cfg := settings.GRPO
	var kl *grpo.AdaptiveKL
	if settings.Adaptive != nil {
		kl = new(*settings.Adaptive)
		if s.KL > 0 {
			kl.Value = s.KL
		}
	}
	for range settings.EpochsPerWindow {
		if kl != nil {
			cfg.KL = kl.Value
		}
		groups := buffer.Sample(settings.GroupsPerEpoch, w+int64(s.Loop.Epoch))
		report.Epoch, report.Rate, report.Replayed = s.Loop.Epoch, settings.Schedule.Rate(s.Loop.Epoch), len(groups)
		m, err := cfg.Epoch(ctx, t.model, t.cfg.Reference, groups, report.Rate, nil)
		if err != nil {
			return 0, fmt.Errorf("couldn't train on window %d: %w", s.Loop.Current, err)
		}
		steps += m.Steps - m.SkippedSteps
		report.Metrics = numbers(m)
		if kl != nil {
			kl.Observe(m.Divergence)
			s.KL = kl.Value
		}
		s.Loop.Trained()
	}
	return steps, nil
}

// numbers puts 0 for figures that are none, as steps have that were left out: JSON has no words for them.
func numbers(m grpo.Metrics) grpo.Metrics {
	v := reflect.ValueOf(&m).Elem()
	for _, f := range v.Fields() {
		if f.Kind() == reflect.Float64 && (math.IsNaN(f.Float()) || math.IsInf(f.Float(), 0)) {
			f.SetFloat(0)
		}
	}
	return m
}

// readyLimit bounds the writing of a marker: one that appears when its window is over would come as a surprise to nodes that have begun the next.
const readyLimit = 20 * time.Second

// publish publishes the current turn's model if that is still to be done.
func (t *Trainer) publish(ctx context.Context) error {
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
		if err := t.step("uploaded"); err != nil {
			return err
		}
		s.Uploaded = true
		if err := t.note(s); err != nil {
			return err
		}
		e := status.Event{Kind: status.Published, Window: s.Window, Bytes: p.Bytes, Text: p.Type, Reason: p.Reason, Seconds: t.cfg.Now().Sub(began).Seconds(),
			Report: Upload{Type: p.Type, Bytes: p.Bytes, FullBytes: p.FullBytes, Changed: p.Changed, Parameters: p.Parameters}}
		if p.Parameters > 0 {
			changed := float64(p.Changed) / float64(p.Parameters)
			e.Measured = &changed
		}
		t.emit(e)
	}
	if err := t.mark(ctx, &s); err != nil {
		return err
	}
	s.Published = true
	if err := t.note(s); err != nil {
		return err
	}
	if err := t.step("published"); err != nil {
		return err
	}
	if err := t.cfg.Publisher.Clean(ctx); err != nil && ctx.Err() == nil {
		t.emit(status.Event{Kind: status.Fault, Window: s.Window, Reason: err.Error(), Hint: "old checkpoints stay until the next publication"})
	}
	return nil
}

// mark writes the READY marker. Its window is that of the next block, by the chain as it is now: everybody uses the checkpoint after it, and who begins that
// window must see the marker. It is written down first, so that a crash in between doesn't lead to a second one.
func (t *Trainer) mark(ctx context.Context, s *State) error {
	within, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	head, err := t.cfg.Chain.Head(within)
	if err != nil {
		return fmt.Errorf("couldn't tell the window for checkpoint %d: %w", s.Window, err)
	}
	if next := t.windowOf(int64(head.Number) + 1); next > s.Ready {
		s.Ready = next
		if err := t.note(*s); err != nil {
			return err
		}
	}
	if err := t.step("ready"); err != nil {
		return err
	}
	if err := t.cfg.Publisher.Ready(within, s.Window, s.Ready); err != nil {
		return err
	}
	return t.step("marked")
}
