package validator

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nanteos/nanteos/grail/score"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
)

// ErrLedger says that what the data folder holds can't be used: damaged, or of another network, validator or version.
var ErrLedger = errors.New("validator's ledger is unusable")

// LedgerVersion is the version of Ledger that this code writes.
const LedgerVersion = 1

// maxGaps bounds the windows that are remembered as skipped.
const maxGaps = 64

// Ledger is what a validator remembers across restarts. It is written in one piece.
type Ledger struct {
	Version int `json:"version"`
	// Hotkey is the validator, Rules the digest of the network's rules in hex.
	Hotkey string `json:"hotkey"`
	Rules  string `json:"rules"`
	// Score holds histories, metrics and copy detection.
	Score *score.State `json:"score"`
	// Weights are decided and not yet confirmed by the chain, nil for none. Set are the last confirmed ones.
	Weights *Vector `json:"weights,omitempty"`
	Set     *Vector `json:"set,omitempty"`
	// Trust is a trust list that is still to be published, nil for none.
	Trust *score.TrustList `json:"trust,omitempty"`
	// Gaps are the last windows that were not processed, and why.
	Gaps []Gap `json:"gaps,omitempty"`
}

// Gap is a run of windows that were not processed.
type Gap struct {
	From   int64  `json:"from"`
	To     int64  `json:"to"`
	Reason string `json:"reason"`
}

// NewLedger is the ledger of a validator that has seen nothing. rules is the digest of the network's rules in hex.
func NewLedger(hotkey, rules string) Ledger {
	return Ledger{Version: LedgerVersion, Hotkey: hotkey, Rules: rules, Score: score.NewState()}
}

// Validate says why a ledger that was read from somewhere can't be used; the error wraps ErrLedger.
func (l *Ledger) Validate(hotkey, rules string) error {
	switch {
	case l.Version != LedgerVersion:
		return fmt.Errorf("%w: version %d, this program reads %d", ErrLedger, l.Version, LedgerVersion)
	case l.Hotkey != hotkey:
		return fmt.Errorf("%w: it belongs to %s, not to %s; use another data folder", ErrLedger, l.Hotkey, hotkey)
	case l.Rules != rules:
		return fmt.Errorf("%w: it was written under other rules (digest %.16s, now %.16s); use another data folder", ErrLedger, l.Rules, rules)
	case l.Score == nil:
		return fmt.Errorf("%w: it has no histories", ErrLedger)
	}
	if err := l.Score.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrLedger, err)
	}
	for _, v := range []*Vector{l.Weights, l.Set} {
		if v != nil && len(v.UIDs) != len(v.Values) {
			return fmt.Errorf("%w: weights with %d UIDs and %d values", ErrLedger, len(v.UIDs), len(v.Values))
		}
	}
	return nil
}

// clone copies what closing a window changes.
func (l Ledger) clone() Ledger {
	s := *l.Score
	for _, h := range []*score.History{&s.Available, &s.Selected, &s.Failed} {
		h.Rolls = slices.Clone(h.Rolls)
	}
	s.Metrics = make(map[string]map[int64]verify.Metrics, len(l.Score.Metrics))
	for k, byWindow := range l.Score.Metrics {
		s.Metrics[k] = maps.Clone(byWindow)
	}
	s.Copies.Totals = maps.Clone(s.Copies.Totals)
	s.Copies.Uploads = maps.Clone(s.Copies.Uploads)
	s.Copies.Overlaps = slices.Clone(s.Copies.Overlaps)
	l.Score = &s
	l.Gaps = slices.Clone(l.Gaps)
	return l
}

// gap notes windows that were not processed; a run that goes on with the same reason is one entry.
func (l *Ledger) gap(from, to, step int64, reason string) {
	if n := len(l.Gaps); n > 0 && l.Gaps[n-1].Reason == reason && l.Gaps[n-1].To+step == from {
		l.Gaps[n-1].To = to
		return
	}
	l.Gaps = append(l.Gaps, Gap{From: from, To: to, Reason: reason})
	if extra := len(l.Gaps) - maxGaps; extra > 0 {
		l.Gaps = slices.Clone(l.Gaps[extra:])
	}
}

// Phase is how far a window has come.
type Phase string

// The phases of a window.
const (
	Preparing   Phase = "preparing"
	Opening     Phase = "opening"
	Discovering Phase = "discovering"
	Judging     Phase = "judging"
)

// State is what the validator decides by. Only the Ledger outlives the process.
type State struct {
	Plan   Plan
	Ledger Ledger
	// Head is the newest block, -1 before the first is seen.
	Head int64
	// Work is the window in progress, nil between windows.
	Work *Work
	// Unsaved says that the Ledger is ahead of the disk. Report goes with it, and News are emitted once it is saved.
	Unsaved bool
	Report  *WindowReport
	News    []status.Event

	// Sequence numbers the effects; Pending is the one whose answer is awaited.
	Sequence uint64
	Pending  *Pending
	// Save, Weights and Trust count failures of these effects in a row.
	Save, Weights, Trust Retry
	// Alarm is when a Wake was asked for, zero for none.
	Alarm time.Time
	// Started, Stopping and Quit are the process's beginning and end.
	Started, Stopping, Quit bool
}

// Retry is the patience with something that failed.
type Retry struct {
	Failures  int
	NotBefore time.Time
}

// Pending is an effect that was asked for and not answered.
type Pending struct {
	ID    uint64
	Op    Op
	Since time.Time
}

// Work is one window in progress.
type Work struct {
	Window int64
	// Block is the newest block when the window was begun, or tried again, by which the cadence of weights goes.
	Block int64
	Phase Phase
	Began time.Time
	Retry Retry
	// Reason and Hint say what last went wrong.
	Reason, Hint string

	Checkpoint int64
	Model      string
	Inputs     node.Window
	Closing    node.Closing
	// Neurons is the register in the order of UIDs, Found what their buckets hold, in the same order.
	Neurons []Neuron
	Found   []Candidate
	// Active uploaded in time, Selected are checked, in this order.
	Active, Selected []string
	// Results are the judgements so far.
	Results map[string]Judgement
	// Attempts counts the rounds of judging.
	Attempts int
}

// Neuron is what the validator needs of a neuron.
type Neuron struct {
	UID    int    `json:"uid"`
	Hotkey string `json:"hotkey"`
	// Permit says that it may validate, so that it need not mine.
	Permit bool `json:"permit,omitempty"`
}

// NewState is the state of a process that starts.
func NewState() State { return State{Head: -1} }

func (s State) clone() State {
	if s.Work != nil {
		w := *s.Work
		w.Results = maps.Clone(w.Results)
		s.Work = &w
	}
	if s.Pending != nil {
		p := *s.Pending
		s.Pending = &p
	}
	s.News = slices.Clone(s.News)
	return s
}
