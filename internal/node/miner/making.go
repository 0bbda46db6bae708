package miner

import (
	"fmt"
	"time"

	"github.com/nanteos/nanteos/internal/status"
)

// Limits of effects that no deadline of the window bounds.
const (
	findLimit    = 30 * time.Second
	openLimit    = 30 * time.Second
	loadLimit    = 30 * time.Minute
	confirmLimit = 15 * time.Second
	// maxGroupSample bounds what one group adds to the estimate, in seconds.
	maxGroupSample = 360
)

// make goes from a window that has begun to a packaged file.
func (m *machine) make(w *Work) bool {
	s := &m.s
	kept := len(w.kept())
	if m.over(w.Window) {
		return m.skip(orElse(w.Reason, "the window ended before its groups could be uploaded"), w.Hint)
	}
	if s.Stopping && kept == 0 {
		m.quit() // a restart in the same window goes on where this ends
		return false
	}
	if !w.Finishing {
		if why := m.closing(w, kept); why != "" {
			w.Finishing, w.Closing, w.FinishStarted, w.Timed = true, why, m.now, true
		}
	}
	if w.Finishing {
		return m.finish(w, kept)
	}
	if m.wait(w) {
		return false
	}
	switch {
	case !w.Current:
		m.find(w)
	case s.Loaded == nil || *s.Loaded != *w.Checkpoint:
		m.ask(OpLoad, func(id uint64) Effect { return Load{ID: id, Checkpoint: *w.Checkpoint, Limit: loadLimit} })
	case w.Inputs == nil:
		m.ask(OpOpen, func(id uint64) Effect { return Open{ID: id, Window: w.Window, Limit: openLimit} })
	case w.Phase == Seen:
		m.enter(Generating)
		return true
	case !w.Rechecked && len(w.Groups) > 0 && s.Clock.Head >= w.Window+2:
		m.find(w)
	default:
		return m.generate(w)
	}
	return false
}

// closing says why no further group is to be made, empty when one may be.
func (m *machine) closing(w *Work, kept int) string {
	s := &m.s
	if s.Stopping {
		return "the miner stops"
	}
	if n := s.Plan.MaxGroups; n > 0 && kept >= n {
		return fmt.Sprintf("the limit of %d groups is reached", n)
	}
	if m.rules.MaxGroup > 0 && w.Next > m.rules.MaxGroup {
		return fmt.Sprintf("the rules allow no problem index above %d", m.rules.MaxGroup)
	}
	if n := m.rules.MaxFileRows; n > 0 && int64((kept+1)*m.rules.GroupSize) > n {
		return fmt.Sprintf("the rules allow no more than %d rollouts a file", n)
	}
	var bytes, largest int64
	for _, g := range w.kept() {
		bytes += g.Bytes
		largest = max(largest, g.Bytes)
	}
	if n := m.rules.MaxFileBytes; n > 0 && bytes+largest > n {
		return fmt.Sprintf("the rules allow no more than %d bytes a file", n)
	}
	// Before the model is in memory time counts only when there is something to lose.
	if w.Phase == Generating && w.Current && s.Loaded != nil || kept > 0 {
		if open, need, left := s.gate(m.rules, m.now); !open {
			return fmt.Sprintf("%.1fs are left until the deadline, a further group needs %.1fs", left.Seconds(), need.Seconds())
		}
	}
	return ""
}

// finish goes from the last group to the file: the markers once more, then the outbox.
func (m *machine) finish(w *Work, kept int) bool {
	if kept == 0 {
		reason := "no group was kept: " + w.Closing
		if n := len(w.Groups); n > 0 {
			last := w.Groups[n-1]
			reason = fmt.Sprintf("none of %d groups was kept, the last because %s", n, orElse(last.Reason, fmt.Sprintf("it was made with checkpoint %d", last.Checkpoint)))
		}
		return m.skip(reason, w.Hint)
	}
	if m.left() <= 0 {
		return m.skip(orElse(w.Reason, "the deadline passed before the file was ready"), w.Hint)
	}
	if m.wait(w) {
		return false
	}
	if !w.Final {
		m.find(w)
		return false
	}
	groups := w.kept()
	m.ask(OpPackage, func(id uint64) Effect {
		return Package{ID: id, Window: *w.Inputs, Checkpoint: *w.Checkpoint, Groups: groups, Limit: m.left()}
	})
	return false
}

func (m *machine) find(w *Work) {
	limit := findLimit
	if w.Checkpoint != nil { // a second look must not cost the upload
		limit = max(time.Second, min(limit, m.left()/2))
	}
	m.ask(OpFind, func(id uint64) Effect { return Find{ID: id, Window: w.Window, Limit: limit} })
}

// generate asks for the next group, at the pace of the plan.
func (m *machine) generate(w *Work) bool {
	s := &m.s
	if !w.GroupStarted.IsZero() && s.Plan.GroupInterval > 0 {
		if next := w.GroupStarted.Add(s.Plan.GroupInterval); next.After(m.now) {
			w.NotBefore = next
			m.wait(w)
			return false
		}
	}
	w.GroupStarted = m.now
	fresh := true
	for _, g := range w.Groups {
		fresh = fresh && g.Checkpoint != *w.Checkpoint
	}
	m.ask(OpGroup, func(id uint64) Effect {
		return Group{ID: id, Window: *w.Inputs, Block: s.Clock.Head, Checkpoint: *w.Checkpoint, Index: w.Next, Replay: fresh,
			Limit: max(s.groupLimit(m.rules, m.now), 10*time.Millisecond)}
	})
	return false
}

// found takes the answer of the READY rule. A checkpoint that differs from the one the groups were made with makes them worthless:
// validators will use the other one (quirk 58).
func (m *machine) found(e Found) {
	w := m.s.Work
	if w == nil || w.Window != e.Window {
		return
	}
	if f := e.Failure; f != nil {
		if f.Kind == Cut && m.s.Stopping && !w.Finishing {
			return
		}
		m.failed(w, f)
		b := m.s.budget()
		if (w.Finishing || w.Phase == Packaged) && m.left() < seconds(2*b.finish) {
			if w.Rechecked {
				w.Final, w.NotBefore = true, time.Time{} // the markers were read when the window was under way; later ones don't count for it
			} else {
				m.skip("nobody knows which checkpoint validators will use: "+f.Reason, f.Hint)
			}
		}
		return
	}
	w.succeeded()
	w.Rechecked = w.Rechecked || m.s.Clock.Head >= w.Window+2 // no matter whether it is the first look
	if w.Checkpoint == nil || *w.Checkpoint != e.Checkpoint {
		if w.Checkpoint != nil {
			m.fault(w, fmt.Sprintf("checkpoint %d became the window's after %d groups were made with %d; they are discarded", e.Checkpoint, len(w.kept()), *w.Checkpoint),
				"nothing to do: the trainer's READY marker came late")
		}
		checkpoint := e.Checkpoint
		w.Checkpoint, w.Current, w.Final = &checkpoint, true, false
		w.Finishing, w.File = false, nil
		if w.Phase == Packaged {
			m.enter(Generating)
		}
		return
	}
	w.Current = true
	w.Final = w.Finishing || w.Phase == Packaged
}

func (m *machine) loaded(e Loaded, took time.Duration) {
	w := m.s.Work
	if e.Failure == nil {
		m.s.Loaded = &e.Checkpoint
		m.tell(status.Event{Kind: status.Checkpoint, Window: e.Checkpoint, Text: e.Name, Seconds: took.Seconds()})
		if w != nil {
			w.succeeded()
		}
		return
	}
	m.s.Loaded = nil
	switch {
	case w == nil || e.Failure.Kind == Cut:
	case e.Failure.Kind == Unusable && w.Phase != Packaged && w.Phase != Uploading:
		m.skip(e.Failure.Reason, e.Failure.Hint)
	default:
		m.failed(w, e.Failure)
	}
}

func (m *machine) opened(e Opened) {
	w := m.s.Work
	switch {
	case w == nil:
	case e.Failure != nil && e.Failure.Kind == Cut && m.s.Stopping:
	case e.Failure != nil:
		m.failed(w, e.Failure)
	case w.Window == e.Inputs.Start:
		w.succeeded()
		inputs := e.Inputs
		w.Inputs = &inputs
	}
}

// grouped takes a group. A group that failed or was dropped has used up its number; one that was cut short has not.
func (m *machine) grouped(e Grouped, took time.Duration) {
	s, w := &m.s, m.s.Work
	if w == nil || w.Window != e.Window {
		return
	}
	if f := e.Failure; f != nil {
		if f.Kind == Cut {
			if !s.Stopping { // it ran into the end of the window, so a group takes at least that long
				s.GroupSeconds = ema(s.GroupSeconds, min(max(took.Seconds(), s.GroupSeconds), maxGroupSample))
				w.Finishing, w.Closing, w.FinishStarted, w.Timed = true, "a group did not end in time", m.now, true
			}
			return
		}
		w.Next++
		m.failed(w, f)
		return
	}
	s.GroupSeconds = ema(s.GroupSeconds, min(took.Seconds(), maxGroupSample))
	m.add(w, e.Record)
	w.Reason, w.Hint = "", ""
	m.reportGroup(w, e.Record, took)
	if !e.Record.Dropped {
		w.Failures, w.NotBefore = 0, time.Time{}
		return
	}
	w.Failures++ // a model that gives nothing usable must not spin
	w.NotBefore = m.now.Add(min(10*time.Millisecond<<min(w.Failures-1, 7), time.Second))
}

func orElse(a, b string) string {
	if a == "" {
		return b
	}
	return a
}
