package devnet

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nanteos/nanteos/internal/status"
)

// Tally is LogicNet at a glance, made of nothing but events. It is a status.Sink and safe for several goroutines.
type Tally struct {
	mu     sync.Mutex
	start  time.Time
	rows   []LogicStanding
	byKey  map[string]int
	report LogicReport
	failed bool
}

// LogicReport is what came of LogicNet.
type LogicReport struct {
	NetUID int `json:"netuid"`
	// Rounds is how many rounds began, Settings how often weights were set, FirstWeights the seconds from the start to the first, 0 for none.
	Rounds       int     `json:"rounds"`
	Settings     int     `json:"weight_settings"`
	FirstWeights float64 `json:"first_weights_seconds"`
	// Replays is how often the replayer put a captured signed request to the exact miner, Refused how often that was refused.
	Replays int `json:"replays"`
	Refused int `json:"replays_refused"`
	// Trouble is what last went wrong in a node.
	Trouble string          `json:"trouble,omitempty"`
	Miners  []LogicStanding `json:"miners"`
}

// LogicStanding is what is known of a miner of LogicNet.
type LogicStanding struct {
	UID    int    `json:"uid"`
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Hotkey string `json:"hotkey"`
	// Graded counts the answers that were decided: right, wrong, or none in time. Unscored are those that nobody could judge.
	Graded   int `json:"graded"`
	Right    int `json:"right"`
	Wrong    int `json:"wrong"`
	Silent   int `json:"silent"`
	Unscored int `json:"unscored"`
	// Reward is the mean over all that was graded.
	Reward float64 `json:"reward"`
	// Weight is the last one that was set.
	Weight float64 `json:"weight"`
	// Why is what the validator said of its last answer that was not right.
	Why string `json:"why,omitempty"`

	sum float64
}

// NewTally makes the tally of members.
func NewTally(members []Member, start time.Time) *Tally {
	t := &Tally{start: start, byKey: map[string]int{}, report: LogicReport{NetUID: LogicNetUID}}
	for _, m := range members {
		if m.Role == LogicMiner {
			t.byKey[m.Address()] = len(t.rows)
			t.rows = append(t.rows, LogicStanding{UID: m.UID, Name: m.Name, Kind: m.Kind, Hotkey: m.Address()})
		}
	}
	return t
}

// Emit takes an event in.
func (t *Tally) Emit(e status.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e.Kind {
	case status.Phase:
		if e.Phase == "questions" {
			t.report.Rounds++
		}
	case status.Fault:
		t.report.Trouble = e.Node + ": " + e.Reason
	case status.Graded:
		if i, ok := t.byKey[e.Hotkey]; ok {
			t.rows[i].grade(e)
		}
	case LogicWeights:
		t.report.Settings++
		if t.report.FirstWeights == 0 {
			t.report.FirstWeights = max(e.Time.Sub(t.start).Seconds(), 0.001)
		}
		for i := range t.rows {
			t.rows[i].Weight = e.Weights[t.rows[i].UID]
		}
	}
}

// grade books one answer.
func (s *LogicStanding) grade(e status.Event) {
	if e.Reward == nil || e.Measured == nil {
		s.Unscored++
		s.Why = e.Reason
		return
	}
	s.Graded++
	s.sum += *e.Reward
	s.Reward = s.sum / float64(s.Graded)
	switch {
	case e.Check == "":
		s.Silent++
	case *e.Measured >= 1:
		s.Right++
		return
	default:
		s.Wrong++
	}
	s.Why = join(": ", e.Check, e.Reason)
}

// replayed books what became of a captured request.
func (t *Tally) replayed(refused bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report.Replays++
	if refused {
		t.report.Refused++
	}
}

// fail says that nothing more is to be expected.
func (t *Tally) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed, t.report.Trouble = true, err.Error()
}

// settled is how often weights are set before a network that ends by itself does.
const settled = 2

// Done says that weights were set after more than one round, or never will be.
func (t *Tally) Done() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed || t.report.Settings >= settled
}

// Report is what came of it so far.
func (t *Tally) Report() LogicReport {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.report
	r.Miners = append([]LogicStanding{}, t.rows...)
	return r
}

// Line is the report in one line.
func (r *LogicReport) Line() string {
	line := fmt.Sprintf("LogicNet: round %d", r.Rounds)
	for _, m := range r.Miners {
		if m.Graded > 0 {
			line += fmt.Sprintf(", %s %d of %d right %s", strings.TrimPrefix(m.Name, "logic-"), m.Right, m.Graded, percent(m.Weight))
		}
	}
	return line
}

// Text is the report for people, at most width columns wide.
func (r *LogicReport) Text(p Palette, width int) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	head := []string{fmt.Sprintf("LogicNet: %s", count(r.Rounds, "round"))}
	if r.FirstWeights > 0 {
		head = append(head, fmt.Sprintf("first weights after %.1fs", r.FirstWeights))
	} else {
		head = append(head, "no weights were set")
	}
	if r.Replays > 0 {
		head = append(head, fmt.Sprintf("%d of %d replayed requests refused", r.Refused, r.Replays))
	}
	line("%s", p.Bold(strings.Join(head, ", ")))
	line("")
	name := 5
	for _, m := range r.Miners {
		name = max(name, len(m.Name))
	}
	line("%s", p.Dim(right("uid", 3)+"  "+pad("miner", name)+"  "+right("graded", 6)+"  "+right("right", 5)+"  "+right("wrong", 5)+"  "+right("late", 4)+"  "+
		right("reward", 6)+"  "+right("weight", 6)+"  last failed by"))
	for _, m := range r.Miners {
		weight := right(percent(m.Weight), 6)
		if m.Weight > 0 {
			weight = p.Green(weight)
		}
		row := right(fmt.Sprint(m.UID), 3) + "  " + pad(m.Name, name) + "  " + right(fmt.Sprint(m.Graded), 6) + "  " + right(fmt.Sprint(m.Right), 5) + "  " +
			right(fmt.Sprint(m.Wrong), 5) + "  " + right(fmt.Sprint(m.Silent), 4) + "  " + right(fmt.Sprintf("%.3f", m.Reward), 6) + "  " + weight
		if m.Why != "" {
			row += "  " + p.Dim(cut(plain(m.Why), max(8, width-name-49)))
		}
		line("%s", row)
	}
	return b.String()
}
