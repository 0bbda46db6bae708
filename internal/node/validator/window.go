package validator

import (
	"fmt"
	"time"

	"github.com/nanteos/nanteos/internal/status"
)

// work does the next step of the window in progress. target is the newest completed window.
func (m *machine) work(w *Work, target int64) bool {
	limit := m.s.Plan.callLimit()
	if m.later(w.Retry) {
		// Waiting is for one's own window only: what can't be had while it is the newest one is not worth the next one's time.
		if target > w.Window && w.Phase != Judging && w.Retry.Failures > 0 {
			m.lose(w, "no success until the next window was over: "+w.Reason, w.Hint)
			return true
		}
		return false
	}
	if w.Retry.Failures > 0 {
		w.Block = m.s.Head // a new try begins the turn anew
	}
	switch w.Phase {
	case Preparing:
		m.ask(OpPrepare, func(id uint64) Effect { return Prepare{ID: id, Window: w.Window, Limit: limit} })
	case Opening:
		m.ask(OpOpen, func(id uint64) Effect { return Open{ID: id, Window: w.Window, Limit: limit} })
	case Discovering:
		m.ask(OpDiscover, func(id uint64) Effect {
			return Discover{ID: id, Window: w.Window, Deadline: w.Closing.Deadline, Neurons: w.Neurons, Limit: limit}
		})
	case Judging:
		open := w.open()
		switch tries := m.s.Plan.judgeAttempts(); {
		case len(open) == 0, w.Attempts >= tries, w.Attempts > 0 && target > w.Window:
			m.close(w)
			return true
		}
		w.Attempts++
		m.ask(OpJudge, func(id uint64) Effect {
			return Judge{ID: id, Window: w.Inputs, Closing: w.Closing, Checkpoint: w.Checkpoint, Hotkeys: open, Limit: m.s.Plan.judgeLimit()}
		})
	}
	return false
}

// open lists the chosen miners without a judgement, in order.
func (w *Work) open() []string {
	var open []string
	for _, k := range w.Selected {
		if j, ok := w.Results[k]; !ok || j.Outcome == Unjudged {
			open = append(open, k)
		}
	}
	return open
}

// lose leaves a window behind: nothing is counted.
func (m *machine) lose(w *Work, reason, hint string) {
	m.skipped(w.Window, w.Window, reason, hint)
	m.s.Ledger.Score.Lose(w.Window)
	m.s.Work, m.s.Unsaved, m.s.Report = nil, true, nil
}

// retry handles a failure that may pass.
func (m *machine) retry(f *Failure) {
	w := m.s.Work
	w.Reason, w.Hint = f.Reason, f.Hint
	m.failed(&w.Retry, w.Window, f)
}

func (m *machine) prepared(e Prepared) {
	w := m.s.Work
	switch f := e.Failure; {
	case f == nil:
		w.Checkpoint, w.Model = e.Checkpoint, e.Model
		m.enter(Opening)
	case f.Kind == NoCheckpoint:
		m.lose(w, f.Reason, f.Hint)
	case f.Kind == Unusable:
		// The window counts as processed, so that the weights of earlier ones are still set, but touches no history (A4, A5).
		m.skipped(w.Window, w.Window, f.Reason, f.Hint)
		m.s.Ledger.Score.Skip(w.Window)
		m.weights(&m.s.Ledger, w)
		m.s.Work, m.s.Unsaved, m.s.Report = nil, true, nil
	default:
		m.retry(f)
	}
}

func (m *machine) opened(e Opened) {
	w := m.s.Work
	if e.Failure != nil {
		m.retry(e.Failure)
		return
	}
	w.Inputs, w.Closing, w.Neurons = e.Inputs, e.Closing, e.Neurons
	m.enter(Discovering)
	// Where the rules put the deadline after the end of the window, files may still come. A clock that is far off is not waited for.
	if wait := w.Closing.Deadline.Sub(m.now); wait > 0 {
		w.Retry.NotBefore = m.now.Add(min(wait, maxDeadlineWait))
	}
}

// maxDeadlineWait bounds the wait for a deadline that lies in the future by this machine's clock.
const maxDeadlineWait = time.Minute

// discovered chooses the miners to check (A8, A9).
func (m *machine) discovered(e Discovered) {
	w := m.s.Work
	if e.Failure != nil {
		m.retry(e.Failure)
		return
	}
	w.Found, w.Active = e.Found, nil
	for _, c := range w.Found {
		if c.Outcome == "" {
			w.Active = append(w.Active, c.Hotkey)
		}
	}
	if m.s.Plan.TestMode {
		w.Selected = nil
		for _, n := range w.Neurons {
			if n.Hotkey == m.s.Plan.Hotkey {
				w.Selected = []string{n.Hotkey}
			}
		}
	} else {
		w.Selected = m.s.Ledger.Score.Plan(m.rules, w.Inputs.Hash, w.Active)
	}
	m.enter(Judging)
}

// judged takes judgements. What couldn't be judged is tried again.
func (m *machine) judged(e Judged) {
	w := m.s.Work
	if e.Failure != nil {
		m.retry(e.Failure)
		return
	}
	failures := 0
	for _, j := range e.Results {
		w.Results[j.Hotkey] = j
		if j.Outcome == Unjudged {
			failures++
			w.Reason, w.Hint = j.Reason, j.Hint
		}
	}
	if failures > 0 && w.Attempts < m.s.Plan.judgeAttempts() {
		m.failed(&w.Retry, w.Window, &Failure{Kind: Passing, Reason: fmt.Sprintf("couldn't judge %d of %d miners: %s", failures, len(e.Results), w.Reason), Hint: w.Hint})
	}
}

// saved makes known what is now certain.
func (m *machine) saved(e Saved) {
	if e.Failure != nil {
		m.failed(&m.s.Save, m.s.Ledger.Score.LastWindow, e.Failure)
		return
	}
	m.s.Save, m.s.Unsaved, m.s.Report = Retry{}, false, nil
	for _, n := range m.s.News {
		m.do(Emit{Event: n})
	}
	m.s.News = nil
}

// news is told when the ledger is saved.
func (m *machine) news(e status.Event) { m.s.News = append(m.s.News, m.event(e)) }
