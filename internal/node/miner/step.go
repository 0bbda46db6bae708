package miner

import (
	"time"

	"github.com/nanteos/nanteos/grail"
)

// Step is the miner: from a state and something that happened it makes the next state and what is to be done. It reads no clock and
// touches nothing. The caller journals the new state before it performs the effects; after a restart it gives the journalled state and a
// Begin.
//
// At most one answered effect is under way (State.Pending). What comes next is decided anew from the state after every event, never from
// where the program was; that is why a restart at any point goes on instead of starting over.
func Step(rules grail.Rules, s State, e Event) (State, []Effect) {
	m := &machine{rules: rules, s: s.clone(), now: e.at()}
	switch e := e.(type) {
	case Begin:
		m.begin(e)
	case Head:
		m.s.Clock.observe(rules, e.Block, e.Now)
		m.settle()
	case Stop:
		m.stop()
	case Settled:
		m.settled(e)
	case Woke:
		m.take(e.ID, OpWait)
	case Found:
		if _, ok := m.take(e.ID, OpFind); ok {
			m.found(e)
		}
	case Loaded:
		if took, ok := m.take(e.ID, OpLoad); ok {
			m.loaded(e, took)
		}
	case Opened:
		if _, ok := m.take(e.ID, OpOpen); ok {
			m.opened(e)
		}
	case Grouped:
		if took, ok := m.take(e.ID, OpGroup); ok {
			m.grouped(e, took)
		}
	case Wrote:
		if _, ok := m.take(e.ID, OpPackage); ok {
			m.wrote(e)
		}
	case Put:
		if _, ok := m.take(e.ID, OpUpload); ok {
			m.put(e)
		}
	case Confirmed:
		if _, ok := m.take(e.ID, OpConfirm); ok {
			m.confirmed(e)
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
	// cancelled says that the effect which has just been answered had been cancelled.
	cancelled bool
}

func (m *machine) do(e Effect) { m.out = append(m.out, e) }

// ask makes the effect that make builds of its ID the pending one.
func (m *machine) ask(op Op, build func(id uint64) Effect) {
	m.s.Sequence++
	m.s.Pending = &Pending{ID: m.s.Sequence, Op: op, Since: m.now}
	m.do(build(m.s.Sequence))
}

// take ends the pending effect if the answer is its, and tells how long it took.
func (m *machine) take(id uint64, op Op) (time.Duration, bool) {
	p := m.s.Pending
	if p == nil || p.ID != id || p.Op != op {
		return 0, false
	}
	m.s.Pending, m.cancelled = nil, p.Cancelled
	return m.now.Sub(p.Since), true
}

func (m *machine) cancel() {
	if p := m.s.Pending; p != nil && !p.Cancelled {
		p.Cancelled = true
		m.do(Cancel{ID: p.ID})
	}
}

// begin joins the journalled state with the groups that were journalled after it.
func (m *machine) begin(e Begin) {
	s := &m.s
	*s = State{Plan: e.Plan, Last: s.Last, Work: s.Work, Finished: s.Finished, GroupSeconds: s.GroupSeconds, FinishSeconds: s.FinishSeconds,
		Clock: Clock{BlockSeconds: s.Clock.BlockSeconds}, Started: true}
	w := s.Work
	if w == nil {
		return
	}
	w.Current, w.Final, w.Refused, w.Timed, w.Failures = false, false, false, false, 0
	w.NotBefore, w.GroupStarted = time.Time{}, time.Time{}
	w.Ask = w.Phase == Uploading
	for _, g := range e.Groups {
		m.add(w, g)
	}
}

// add takes a group into the state unless it is there.
func (m *machine) add(w *Work, g GroupRecord) {
	for _, old := range w.Groups {
		if old.Index == g.Index {
			return
		}
	}
	w.Groups = append(w.Groups, g)
	w.Next = max(w.Next, g.Index+1)
}

// stop ends what can end at once.
func (m *machine) stop() {
	m.s.Stopping = true
	if p := m.s.Pending; p != nil {
		switch w := m.s.Work; p.Op {
		case OpGroup, OpWait, OpLoad, OpOpen:
			m.cancel()
		case OpFind:
			if w != nil && !w.Finishing && w.Phase != Packaged {
				m.cancel()
			}
		}
	}
}

// over says that a window's last block has passed.
func (m *machine) over(window int64) bool { return m.s.Clock.Head >= m.rules.WindowEnd(window) }

// left is the time until the deadline of the window in progress.
func (m *machine) left() time.Duration { return m.s.Clock.left(m.rules, m.s.Work.Window, m.now) }

// decide does the next thing there is to do. It says whether to look again.
func (m *machine) decide() bool {
	s := &m.s
	if s.Pending != nil {
		m.hurry()
		return false
	}
	if s.Work == nil || !s.Clock.Known {
		if s.Stopping {
			m.quit()
			return false
		}
		if !s.Clock.Known {
			return false
		}
		window := m.rules.WindowStart(s.Clock.Head)
		if window <= s.Last {
			return false
		}
		s.Work = &Work{Window: window}
		m.enter(Seen)
		return true
	}
	switch w := s.Work; w.Phase {
	case Seen, Generating:
		return m.make(w)
	case Packaged:
		return m.send(w)
	default:
		return m.upload(w)
	}
}

// hurry cancels a pending effect that the end of the window has overtaken.
func (m *machine) hurry() {
	w, p := m.s.Work, m.s.Pending
	if w == nil || !m.s.Clock.Known {
		return
	}
	over := m.over(w.Window)
	switch p.Op {
	case OpGroup:
		if over || m.s.groupLimit(m.rules, m.now) <= 0 {
			m.cancel()
		}
	case OpLoad:
		b := m.s.budget()
		if len(w.kept()) > 0 && m.left() < seconds(b.finish+b.safety) {
			m.cancel()
		}
	case OpWait, OpFind, OpOpen, OpUpload, OpPackage:
		if over {
			m.cancel()
		}
	}
}

func (m *machine) quit() {
	if !m.s.Quit {
		m.s.Quit = true
		m.do(Quit{})
	}
}

// wait asks for a pause until the work's NotBefore, if that is still to come.
func (m *machine) wait(w *Work) bool {
	d := w.NotBefore.Sub(m.now)
	if w.NotBefore.IsZero() || d <= 0 {
		return false
	}
	m.ask(OpWait, func(id uint64) Effect { return Wait{ID: id, For: d} })
	return true
}

// failed notes a failure and sets the pause before the next try: doubling from half a second to eight, never more than a quarter of
// the time left.
func (m *machine) failed(w *Work, f *Failure) {
	if m.cancelled {
		return // the window's end or a stop came first, which is the reason to tell
	}
	w.Failures++
	w.Reason, w.Hint = f.Reason, f.Hint
	pause := min(500*time.Millisecond<<min(w.Failures-1, 4), 8*time.Second)
	if left := m.left(); left > 0 {
		pause = min(pause, left/4)
	}
	w.NotBefore = m.now.Add(max(pause, 50*time.Millisecond))
	if n := w.Failures; n&(n-1) == 0 { // 1st, 2nd, 4th, ... so that a long outage does not flood the log
		m.fault(w, f.Reason, f.Hint)
	}
}

func (w *Work) succeeded() {
	w.Failures, w.NotBefore, w.Reason, w.Hint = 0, time.Time{}, "", ""
}
