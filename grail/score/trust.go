package score

import (
	"errors"
	"fmt"

	"github.com/nanteos/nanteos/grail"
)

// ErrTrustList is the sentinel of a trust list that can't be used.
var ErrTrustList = errors.New("unusable trust list")

// TrustList is what a validator publishes after each window (A12): the miners that uploaded and didn't fail of late.
type TrustList struct {
	Version              int      `json:"version"`
	Window               int64    `json:"window"`
	Timestamp            float64  `json:"timestamp"` // unix seconds
	ValidatorHotkey      string   `json:"validator_hotkey"`
	EligibleHotkeys      []string `json:"eligible_hotkeys"`
	ActiveCount          int      `json:"active_count"`
	ExcludedFailureCount int      `json:"excluded_failure_count"`
	// Files are the versions of the eligible miners' window files that this validator has judged, by hotkey: a trainer that takes these and no others can't be
	// given something else afterwards. Lists of the reference have none.
	Files map[string]TrustedFile `json:"files,omitempty"`
}

// TrustedFile is a version of a window file.
type TrustedFile struct {
	ETag string `json:"etag"`
	Size int64  `json:"size"`
}

// TrustKey is the object's key.
func TrustKey(window int64) string { return fmt.Sprintf("grail/trust/trust_list_%d.json", window) }

// TrustList makes the list of a window that was closed. active is in metagraph order, now in unix seconds.
func (s *State) TrustList(r grail.Rules, window int64, validator string, active []string, now float64) TrustList {
	eligible := s.Eligible(active)
	return TrustList{
		Version: r.TrustListVersion, Window: window, Timestamp: now, ValidatorHotkey: validator, EligibleHotkeys: eligible,
		ActiveCount: len(active), ExcludedFailureCount: len(active) - len(eligible),
	}
}

// Validate checks a list that was read from a validator's bucket: version, window and author are the expected ones.
func (t *TrustList) Validate(r grail.Rules, window int64, validator string) error {
	switch {
	case t.Version != r.TrustListVersion:
		return fmt.Errorf("%w: version %d instead of %d", ErrTrustList, t.Version, r.TrustListVersion)
	case t.Window != window:
		return fmt.Errorf("%w: it is of window %d instead of %d", ErrTrustList, t.Window, window)
	case validator != "" && t.ValidatorHotkey != validator:
		return fmt.Errorf("%w: it is by %s instead of %s", ErrTrustList, t.ValidatorHotkey, validator)
	case t.ActiveCount < 0 || t.ExcludedFailureCount < 0 || t.ActiveCount-t.ExcludedFailureCount != len(t.EligibleHotkeys):
		return fmt.Errorf("%w: its counts don't add up", ErrTrustList)
	}
	return nil
}
