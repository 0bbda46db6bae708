package validator

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nanteos/nanteos/grail/score"
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

// clone copies a ledger through its JSON, which is what the disk holds of it.
func (l Ledger) clone() Ledger {
	b, err := json.Marshal(l)
	if err == nil {
		var c Ledger
		if err = json.Unmarshal(b, &c); err == nil {
			return c
		}
	}
	panic("validator: ledger is not plain data: " + err.Error())
}

func (l *Ledger) gap(from, to int64, reason string) {
	if n := len(l.Gaps); n > 0 && l.Gaps[n-1].Reason == reason && l.Gaps[n-1].To < from {
		if last := &l.Gaps[n-1]; from-last.To <= to-from+(last.To-last.From)+1 || last.To+1 >= from {
			_ = last
		}
	}
	l.Gaps = append(l.Gaps, Gap{From: from, To: to, Reason: reason})
	if extra := len(l.Gaps) - maxGaps; extra > 0 {
		l.Gaps = slices.Clone(l.Gaps[extra:])
	}
}
