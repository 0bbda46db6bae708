package validator

import (
	"fmt"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/status"
)

// Step is the validator: from a state and something that happened it makes the next state and what is to be done. It reads no clock and
// touches nothing. At most one answered effect is under way (State.Pending); what comes next is decided anew from the state after every event.
//
// A step computes the window that it closes but makes nothing of it known: first comes a Save, and only when that is answered verdicts
// are emitted, the trust list is published and weights are set.
func Step(rules grail.Rules, s State, e Event) (State, []Effect) {
	m := &machine{rules: rules, s: s.clone(), now: e.at()}
	switch e := e.(type) {
	case Begin:
		m.begin(e)
	case Head:
		m.s.Head = max(m.s.Head, int64(min(e.Block.Number, 1<<62)))
	case Woke:
		m.s.Alarm = time.Time{} // who still has to wait asks again
	case Stop:
		m.stop()
	case Prepared:
		if m.take(e.ID, OpPrepare) {
			m.prepared(e)
		}
	case Opened:
		if m.take(e.ID, OpOpen) {
			m.opened(e)
		}
	case Discovered:
		if m.take(e.ID, OpDiscover) {
			m.discovered(e)
		}
	case Judged:
		if m.take(e.ID, OpJudge) {
			m.judged(e)
		}
	case Saved:
		if m.take(e.ID, OpSave) {
			m.saved(e)
		}
	case Published:
		if m.take(e.ID, OpPublish) {
			m.published(e)
		}
	case Settled:
		if m.take(e.ID, OpSettle) {
			m.settled(e)
		}
	}
	for m.s.Started && !m.s.Quit && m.decide() {
	}
	return m.s, m.out
}

// machine is one step in progress.
type machine struct {
	rules grail.Rules
	s     State
	now   time.Time
	out   []Effect
}

func (m *machine) do(e Effect) { m.out = append(m.out, e) }

// ask makes the effect that build makes of its ID the pending one.
func (m *machine) ask(op Op, build func(id uint64) Effect) {
	m.s.Sequence++
	m.s.Pending = &Pending{ID: m.s.Sequence, Op: op, Since: m.now}
	m.do(build(m.s.Sequence))
}

// take ends the pending effect if the answer is its.
func (m *machine) take(id uint64, op Op) bool {
	p := m.s.Pending
	if p == nil || p.ID != id || p.Op != op {
		return false
	}
	m.s.Pending = nil
	return true
}

func (m *machine) begin(e Begin) {
	m.s.Plan, m.s.Ledger, m.s.Started = e.Plan, e.Ledger, true
}

// stop gives up the window in progress. What is being written or set is awaited.
func (m *machine) stop() {
	m.s.Stopping = true
	if p := m.s.Pending; p != nil && p.Op != OpSave && p.Op != OpSettle {
		m.do(Cancel{ID: p.ID})
	}
}

// decide does the next thing there is to do. It says whether to look again.
func (m *machine) decide() bool {
	s := &m.s
	if s.Pending != nil {
		return false
	}
	if s.Unsaved {
		if m.later(s.Save) {
			if s.Stopping {
				m.quit()
			}
			return false
		}
		m.ask(OpSave, func(id uint64) Effect { return Save{ID: id, Ledger: s.Ledger, Report: s.Report} })
		return false
	}
	if s.Stopping {
		m.quit()
		return false
	}
	if m.owing() {
		return s.Pending == nil
	}
	if s.Head < 0 {
		return false
	}
	target := m.rules.ValidationTarget(s.Head)
	if s.Work != nil {
		return m.work(s.Work, target)
	}
	last := s.Ledger.Score.LastWindow
	if target < 0 || target <= last {
		return false
	}
	if next := last + m.rules.WindowLength; last >= 0 && next < target {
		m.skipped(next, target-m.rules.WindowLength, "the validator was stopped or busy", "")
	}
	s.Work = &Work{Window: target, Block: s.Head, Began: m.now, Results: map[string]Judgement{}}
	m.enter(Preparing)
	return true
}

func (m *machine) quit() {
	if !m.s.Quit {
		m.s.Quit = true
		m.do(Quit{})
	}
}

// later says that the next try is still to come, and sees to it that it comes.
func (m *machine) later(r Retry) bool {
	if r.NotBefore.IsZero() || !m.now.Before(r.NotBefore) {
		return false
	}
	if a := m.s.Alarm; a.IsZero() || r.NotBefore.Before(a) {
		m.s.Alarm = r.NotBefore
		m.do(Wake{At: r.NotBefore})
	}
	return true
}

// failed notes a failure and sets the pause before the next try. The 1st, 2nd, 4th, ... are told.
func (m *machine) failed(r *Retry, window int64, f *Failure) {
	r.Failures++
	r.NotBefore = m.now.Add(pause(m.rules, r.Failures))
	if n := r.Failures; n&(n-1) == 0 && (f.Kind != Early || n > 4) {
		m.tell(status.Event{Kind: status.Fault, Window: window, Reason: f.Reason, Hint: f.Hint})
	}
}

// event fills in who emits.
func (m *machine) event(e status.Event) status.Event {
	e.Time, e.Node, e.Role = m.now, m.s.Plan.Name, "validator"
	if e.Hotkey == "" {
		e.Hotkey = m.s.Plan.Hotkey
	}
	return e
}

func (m *machine) tell(e status.Event) { m.do(Emit{Event: m.event(e)}) }

func (m *machine) enter(p Phase) {
	m.s.Work.Phase, m.s.Work.Retry = p, Retry{}
	m.tell(status.Event{Kind: status.Phase, Window: m.s.Work.Window, Phase: string(p)})
}

// skipped notes windows that are not processed.
func (m *machine) skipped(from, to int64, reason, hint string) {
	l := m.s.Ledger.clone()
	l.gap(from, to, m.rules.WindowLength, reason)
	m.s.Ledger = l
	if n := (to - from) / m.rules.WindowLength; n > 0 {
		reason = fmt.Sprintf("%d windows up to %d: %s", n+1, to, reason)
	}
	m.tell(status.Event{Kind: status.Skipped, Window: from, Reason: reason, Hint: hint})
}
