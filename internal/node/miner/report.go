package miner

import (
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
)

const role = "miner"

// emit reports an event of a window.
func (m *machine) emit(w *Work, e status.Event) {
	e.Window = w.Window
	m.tell(e)
}

func (m *machine) tell(e status.Event) {
	e.Time, e.Node, e.Role, e.Hotkey, e.UID = m.now, m.s.Plan.Name, role, m.s.Plan.Hotkey, m.s.Plan.UID
	m.do(Emit{e})
}

// enter moves the window in progress to a phase.
func (m *machine) enter(p Phase) {
	m.s.Work.Phase = p
	m.emit(m.s.Work, status.Event{Kind: status.Phase, Phase: string(p), Block: m.s.Clock.Head})
}

func (m *machine) fault(w *Work, reason, hint string) {
	m.emit(w, status.Event{Kind: status.Fault, Reason: reason, Hint: hint})
}

func (m *machine) reportGroup(w *Work, g GroupRecord, took time.Duration) {
	index := g.Index
	e := status.Event{Kind: status.Group, Group: &index, Rollouts: g.Rollouts, Tokens: g.Tokens, Seconds: took.Seconds()}
	if g.Dropped {
		e.Kind, e.Check, e.Reason, e.Hint = status.Dropped, g.Check, g.Reason, g.Hint
	} else {
		reward := g.Reward
		e.Reward = &reward
	}
	m.emit(w, e)
}

func (m *machine) reportEnd(w *Work) {
	if w.Phase == Skipped {
		m.emit(w, status.Event{Kind: status.Skipped, Reason: w.Reason, Hint: w.Hint})
		return
	}
	e := status.Event{Kind: status.Upload, Rollouts: w.File.Rows, Bytes: w.File.Size, File: w.File.Key}
	if w.Timed {
		e.Seconds = m.now.Sub(w.FinishStarted).Seconds()
	}
	m.emit(w, e)
}

func deadlineOf(rules grail.Rules, end time.Time) time.Time { return node.Deadline(rules, end) }
