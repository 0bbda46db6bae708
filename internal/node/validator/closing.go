package validator

import (
	"fmt"
	"slices"

	"github.com/nanteos/nanteos/grail/score"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/internal/status"
)

// close turns the judgements of a window into the next ledger (A11 to A13), to be saved in one piece. It computes from the ledger on disk and
// the judgements only, so a window that is done again after a crash gives the same.
func (m *machine) close(w *Work) {
	l := m.s.Ledger.clone()
	metrics := map[string]verify.Metrics{}
	passed := map[string]verify.Submission{}
	for _, k := range w.Selected {
		j, ok := w.Results[k]
		if !ok {
			w.Results[k] = Judgement{Hotkey: k, Outcome: Unjudged, Reason: "nobody came to judge it: " + w.Reason, Hint: w.Hint}
			continue
		}
		if j.Report == nil || j.Outcome != Accepted && j.Outcome != Failed {
			continue
		}
		metrics[k] = j.Report.Metrics
		if j.Outcome == Accepted {
			passed[k] = verify.Submission{Digests: j.Report.Digests, Total: j.Report.Rows, Upload: j.File.upload()}
		}
	}
	copies := l.Score.Copies.Window(m.rules, verify.CopyInterval(m.rules, w.Window), w.Window, passed)
	copied := map[string]verify.Violation{}
	for _, k := range copies.Copiers() {
		metrics[k] = verify.GateCopier(metrics[k])
		for _, v := range copies.Violations {
			if v.Copier == k {
				copied[k] = v
				break
			}
		}
	}
	l.Score.Close(m.rules, score.Result{Window: w.Window, Active: w.Active, Selected: w.Selected, Metrics: metrics})
	if m.s.Plan.Publish {
		list := l.Score.TrustList(m.rules, w.Window, m.s.Plan.Hotkey, w.Active, float64(m.now.UnixMicro())/1e6)
		list.Files = judgedFiles(w, list.EligibleHotkeys, copied)
		l.Trust, m.s.Trust = &list, Retry{}
	}
	m.s.Report = m.windowReport(w, metrics, copied, copies.Violations)
	for i := range m.s.Report.Miners {
		if e, ok := m.s.Report.Miners[i].event(w.Window); ok {
			m.news(e)
		}
	}
	m.weights(&l, w)
	m.s.Ledger, m.s.Work, m.s.Unsaved = l, nil, true
}

// judgedFiles are the versions of the files that passed, so that nobody is given another one afterwards.
func judgedFiles(w *Work, eligible []string, copied map[string]verify.Violation) map[string]score.TrustedFile {
	files := map[string]score.TrustedFile{}
	for k, j := range w.Results {
		if _, copy := copied[k]; !copy && j.Outcome == Accepted && j.File != nil && slices.Contains(eligible, k) {
			files[k] = score.TrustedFile{ETag: j.File.ETag, Size: j.File.Size}
		}
	}
	return files
}

// weights decides weights if an interval is over (A13). They are set after the ledger is saved.
func (m *machine) weights(l *Ledger, w *Work) {
	interval, due, mark := l.Score.Due(m.rules, w.Block)
	switch {
	case !mark:
		return
	case !due:
		l.Score.Mark(interval)
		return
	}
	neurons := make([]score.Neuron, len(w.Neurons))
	for i, n := range w.Neurons {
		neurons[i] = score.Neuron{UID: n.UID, Hotkey: n.Hotkey}
	}
	if len(neurons) == 0 {
		return // the register was never read in this window
	}
	scores, err := l.Score.Weights(m.rules, neurons)
	if err != nil {
		m.news(status.Event{Kind: status.Fault, Window: w.Window, Reason: err.Error(), Hint: "set burn_percent of the network's rules between 0 and 100"})
		return
	}
	v := NewVector(scores)
	if m.s.Report != nil {
		m.s.Report.Scores = scores
	}
	if len(v.UIDs) == 0 {
		m.news(status.Event{Kind: status.Phase, Window: w.Window, Phase: "weights", Reason: "nobody has earned a weight yet"})
		return
	}
	v.Interval, v.Window, v.Block = interval, w.Window, m.s.Head
	l.Weights, m.s.Weights = &v, Retry{}
}

// owing does what the ledger owes to the outside. It says whether something was begun or dropped.
func (m *machine) owing() bool {
	s := &m.s
	l := &s.Ledger
	limit := s.Plan.callLimit()
	if v := l.Weights; v != nil && s.Weights.Failures < s.Plan.settleAttempts() && s.Head >= 0 {
		if s.Head-v.Block > m.rules.WeightIntervalBlocks {
			m.tell(status.Event{Kind: status.Fault, Window: v.Window, Reason: fmt.Sprintf("weights of window %d were not set in time", v.Window), Hint: "the next window brings new ones"})
			m.drop(func(l *Ledger) { l.Weights = nil })
			return true
		}
		if !m.later(s.Weights) {
			m.ask(OpSettle, func(id uint64) Effect { return Settle{ID: id, Vector: *v, Limit: limit} })
			return true
		}
	}
	if t := l.Trust; t != nil && s.Trust.Failures < s.Plan.settleAttempts() && !m.later(s.Trust) {
		m.ask(OpPublish, func(id uint64) Effect { return Publish{ID: id, List: *t, Limit: limit} })
		return true
	}
	return false
}

// drop takes a debt off the ledger, to be saved.
func (m *machine) drop(f func(*Ledger)) {
	l := m.s.Ledger.clone()
	f(&l)
	m.s.Ledger, m.s.Unsaved = l, true
}

func (m *machine) settled(e Settled) {
	v := m.s.Ledger.Weights
	if v == nil {
		return
	}
	switch f := e.Failure; {
	case f == nil:
		m.drop(func(l *Ledger) {
			l.Score.Mark(v.Interval)
			l.Weights, l.Set = nil, v
		})
		m.news(status.Event{Kind: status.Weights, Window: v.Window, Block: e.Block, Weights: v.Shares})
	case f.Kind == Refusal:
		// The interval stays open: the next window brings other weights.
		m.tell(status.Event{Kind: status.Fault, Window: v.Window, Reason: f.Reason, Hint: f.Hint})
		m.drop(func(l *Ledger) { l.Weights = nil })
	default:
		m.failed(&m.s.Weights, v.Window, f)
	}
}

func (m *machine) published(e Published) {
	t := m.s.Ledger.Trust
	if t == nil {
		return
	}
	switch f := e.Failure; {
	case f == nil:
		m.drop(func(l *Ledger) { l.Trust = nil })
	case f.Kind == Refusal:
		m.tell(status.Event{Kind: status.Fault, Window: t.Window, Reason: f.Reason, Hint: f.Hint})
		m.drop(func(l *Ledger) { l.Trust = nil })
	default:
		m.failed(&m.s.Trust, t.Window, f)
	}
}
