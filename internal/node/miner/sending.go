package miner

import (
	"fmt"
	"time"
)

// wrote takes the window file.
func (m *machine) wrote(e Wrote) {
	w := m.s.Work
	if w == nil {
		return
	}
	if f := e.Failure; f != nil {
		if f.Kind == Refusal {
			m.skip(f.Reason, f.Hint)
			return
		}
		m.failed(w, f)
		return
	}
	w.succeeded()
	for _, d := range e.Dropped {
		for i := range w.Groups {
			if w.Groups[i].Index == d.Index {
				w.Groups[i] = d
				m.reportGroup(w, d, 0)
			}
		}
	}
	if e.File.Rows == 0 {
		m.skip("no group passes the checks of the whole file", "")
		return
	}
	file := e.File
	w.File = &file
	m.enter(Packaged)
}

// send goes from the file in the outbox to the intent to upload it.
func (m *machine) send(w *Work) bool {
	switch {
	case m.over(w.Window) || m.left() <= 0:
		return m.skip("the deadline passed before the upload could begin", "")
	case m.wait(w):
	case !w.Final: // after a restart the markers may have changed
		m.find(w)
	default:
		w.Ask = false
		m.enter(Uploading)
		return true
	}
	return false
}

// upload puts the file and asks the store whether it is there, until it is or the deadline has passed. Whether an attempt that failed or was
// cut short by a crash has arrived is never guessed.
func (m *machine) upload(w *Work) bool {
	file := *w.File
	if w.Ask {
		if m.over(w.Window) && w.Failures > 4 {
			return m.skip("nobody knows whether the upload arrived: "+w.Reason, orElse(w.Hint, "ask the store for "+file.Key))
		}
		if m.wait(w) {
			return false
		}
		m.ask(OpConfirm, func(id uint64) Effect { return Confirm{ID: id, File: file, Limit: confirmLimit} })
		return false
	}
	left := m.left()
	switch {
	case w.Refused:
		return m.skip(w.Reason, w.Hint)
	case m.over(w.Window) || left <= 0:
		return m.skip(orElse(w.Reason, "the upload did not arrive before the deadline"), orElse(w.Hint, "raise the safety blocks or use a faster connection"))
	case m.wait(w):
		return false
	}
	w.Attempts++
	m.ask(OpUpload, func(id uint64) Effect { return Upload{ID: id, File: file, Limit: left} })
	return false
}

func (m *machine) put(e Put) {
	w := m.s.Work
	if w == nil {
		return
	}
	w.Ask = true
	f := e.Failure
	if f == nil || f.Kind == Exists {
		w.NotBefore = time.Time{}
		return
	}
	w.Refused = f.Kind == Refusal
	m.failed(w, f)
	w.NotBefore = time.Time{} // ask at once; the pause is before the next attempt
}

func (m *machine) confirmed(e Confirmed) {
	w := m.s.Work
	if w == nil {
		return
	}
	if e.Failure != nil {
		m.failed(w, e.Failure)
		return
	}
	switch {
	case !e.Present:
		w.Ask = false
		if w.Failures > 0 && !w.Refused && !m.over(w.Window) {
			pause := min(500*time.Millisecond<<min(w.Failures-1, 4), max(m.left(), 0)/4)
			w.NotBefore = m.now.Add(pause)
		}
	case !e.Own:
		m.skip("the store holds another file under "+w.File.Key, "two miners with one hotkey? it is left as it is, since a late overwrite loses the window")
	default:
		w.succeeded()
		w.LastModified = e.LastModified
		if w.Timed {
			m.s.FinishSeconds = ema(m.s.FinishSeconds, m.now.Sub(w.FinishStarted).Seconds())
		}
		m.end(Uploaded)
	}
}

// settle compares the store's time with the true deadline as soon as the block after the window is there.
func (m *machine) settle() {
	f := m.s.Finished
	if f == nil || f.Phase != Uploaded || f.Settled || !m.over(f.Window) {
		return
	}
	if m.s.Clock.Head == m.rules.WindowEnd(f.Window) {
		m.judge(f, m.s.Clock.HeadTime)
		return
	}
	m.do(Settle{Window: f.Window})
}

func (m *machine) settled(e Settled) {
	if f := m.s.Finished; f != nil && f.Window == e.Window && !f.Settled {
		m.judge(f, e.End)
	}
}

func (m *machine) judge(f *Work, end time.Time) {
	deadline := deadlineOf(m.rules, end)
	f.Settled, f.Late = true, f.LastModified.After(deadline)
	if f.Late {
		m.fault(f, fmt.Sprintf("the file came too late: the store has it since %s, the deadline was %s", f.LastModified.UTC().Format(time.RFC3339), deadline.UTC().Format(time.RFC3339Nano)),
			"raise the safety blocks")
	}
}

// skip gives the window up.
func (m *machine) skip(reason, hint string) bool {
	m.s.Work.Reason, m.s.Work.Hint = reason, hint
	m.end(Skipped)
	return true
}

// end closes the window in progress.
func (m *machine) end(p Phase) {
	s := &m.s
	w := s.Work
	m.enter(p)
	m.reportEnd(w)
	s.Last, s.Finished, s.Work = max(s.Last, w.Window), w, nil
	m.do(Clean{Before: s.Last - s.Plan.keep()*m.rules.WindowLength})
}
