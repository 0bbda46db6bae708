package score

import (
	"errors"
	"fmt"
	"slices"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
)

// ErrState is the sentinel of a state that makes no sense: damaged, or of another version.
var ErrState = errors.New("unusable score state")

// StateVersion is the version of State that this code writes.
const StateVersion = 1

// State is all that a validator remembers between windows (A3): plain data, to be kept on disk after every window.
type State struct {
	Version int `json:"version"`
	// LastWindow is the start of the last processed window, -1 before the first.
	LastWindow int64 `json:"last_window"`
	// Processed counts windows since the start of the network's validator.
	Processed int64 `json:"processed"`
	// WeightInterval is the last interval for which weights were set or passed over, -1 before the first.
	WeightInterval int64 `json:"weight_interval"`
	// Available, Selected and Failed are the rolling histories: who uploaded, was chosen, failed.
	Available History `json:"available"`
	Selected  History `json:"selected"`
	Failed    History `json:"failed"`
	// Metrics are the results by hotkey and window, as far back as weights look.
	Metrics map[string]map[int64]verify.Metrics `json:"metrics"`
	// Copies is the memory of the copy detection.
	Copies verify.Copies `json:"copies"`
}

// NewState returns the state of a validator that has seen nothing.
func NewState() *State {
	return &State{Version: StateVersion, LastWindow: -1, WeightInterval: -1, Metrics: map[string]map[int64]verify.Metrics{}, Copies: verify.Copies{Interval: -1}}
}

// Validate says what is wrong with a state that was read from somewhere; the error wraps ErrState.
func (s *State) Validate() error {
	if s.Version != StateVersion {
		return fmt.Errorf("%w: version %d, this program reads %d", ErrState, s.Version, StateVersion)
	}
	if s.LastWindow < -1 || s.Processed < 0 || s.WeightInterval < -1 {
		return fmt.Errorf("%w: negative window, count or interval", ErrState)
	}
	for name, h := range map[string]*History{"availability": &s.Available, "selection": &s.Selected, "failure": &s.Failed} {
		if err := h.validate(name); err != nil {
			return err
		}
	}
	for k, byWindow := range s.Metrics {
		for w, m := range byWindow {
			if w < 0 || m.Checked < 0 || m.Total < 0 || m.EstimatedUnique < 0 || m.EstimatedUnique > m.Total && m.Total > 0 {
				return fmt.Errorf("%w: metrics of %s in window %d make no sense", ErrState, k, w)
			}
		}
	}
	if err := s.Copies.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	return nil
}

// Eligible returns those of the active miners that didn't fail in the windows looked back at, in their order.
func (s *State) Eligible(active []string) []string {
	failures := s.Failed.Counts()
	out := make([]string, 0, len(active))
	for _, k := range active {
		if failures[k] == 0 {
			out = append(out, k)
		}
	}
	return out
}

// Plan returns the miners to check in a window, in order, among the active ones (in metagraph order). It changes nothing.
func (s *State) Plan(r grail.Rules, windowHash string, active []string) []string {
	return SelectMiners(r, windowHash, s.Eligible(active), s.Selected.Counts())
}

// Result is what a window brought.
type Result struct {
	Window   int64
	Active   []string                  // who uploaded, in metagraph order
	Selected []string                  // who was chosen
	Metrics  map[string]verify.Metrics // of those that were judged, after copy detection
}

// Failures lists the miners with a failure, sorted.
func (w *Result) Failures() []string {
	failed := []string{}
	for k, m := range w.Metrics {
		if m.HadFailure > 0 {
			failed = append(failed, k)
		}
	}
	slices.Sort(failed)
	return failed
}

// Close takes a window's result into the histories, all at once, and forgets metrics that weights no longer look at. Taking the same
// window in again replaces it.
func (s *State) Close(r grail.Rules, w Result) {
	s.Available.Add(r.WeightWindows, w.Window, w.Active)
	s.Selected.Add(r.WeightWindows, w.Window, w.Selected)
	s.Failed.Add(r.FailureLookbackWindows, w.Window, w.Failures())
	if s.Metrics == nil {
		s.Metrics = map[string]map[int64]verify.Metrics{}
	}
	for k, byWindow := range s.Metrics {
		delete(byWindow, w.Window)
		for old := range byWindow {
			if old < w.Window-r.WindowLength*int64(r.WeightWindows) {
				delete(byWindow, old)
			}
		}
		if len(byWindow) == 0 {
			delete(s.Metrics, k)
		}
	}
	for k, m := range w.Metrics {
		if s.Metrics[k] == nil {
			s.Metrics[k] = map[int64]verify.Metrics{}
		}
		s.Metrics[k][w.Window] = m
	}
	s.Skip(w.Window)
}

// Skip counts a window as processed whose results count for nobody, because the checkpoint's policy is missing.
func (s *State) Skip(window int64) {
	if window > s.LastWindow {
		s.Processed++
	}
	s.Lose(window)
}

// Lose leaves a window behind that could not be processed at all.
func (s *State) Lose(window int64) { s.LastWindow = max(s.LastWindow, window) }

// Due tells whether weights are to be set at a block, and for which interval (A13). While a validator warms up, an interval passes
// without weights: then due is false, and the interval is to be marked as done all the same.
func (s *State) Due(r grail.Rules, block int64) (interval int64, due, mark bool) {
	interval = block / r.WeightIntervalBlocks
	if interval <= s.WeightInterval {
		return interval, false, false
	}
	if s.Processed < int64(r.WarmUpWindows) {
		return interval, false, true
	}
	return interval, true, true
}

// Mark records that weights of an interval were set, or passed over.
func (s *State) Mark(interval int64) { s.WeightInterval = max(s.WeightInterval, interval) }
