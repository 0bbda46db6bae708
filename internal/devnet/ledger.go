package devnet

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/status"
)

// Ledger is the network at a glance, made of nothing but events. It is a status.Sink and safe for several goroutines.
type Ledger struct {
	mu     sync.Mutex
	rules  grail.Rules
	first  int64
	order  []string // names
	rows   map[string]*Standing
	byKey  map[string]*Standing
	byUID  map[int]*Standing
	head   int64
	began  int64
	rates  rates
	start  time.Time
	judged map[string][]int64 // windows by validator, in order
	set    map[string]int64   // the newest window with weights, by validator
	totals Totals
	curve  curve
}

// Standing is what is known of one member.
type Standing struct {
	UID    int    `json:"uid"`
	Name   string `json:"name"`
	Role   Role   `json:"role"`
	Kind   string `json:"kind,omitempty"`
	Hotkey string `json:"hotkey"`
	// Running says that it has started and not ended.
	Running bool `json:"-"`
	// Window and Phase are where it is; Rollouts is what a miner has made for this window.
	Window   int64  `json:"-"`
	Phase    string `json:"-"`
	Rollouts int    `json:"-"`
	// Made, Uploaded, Judged and Accepted count a miner's rollouts: finished, handed in, in files that were judged, and in files that
	// were accepted. Windows and Passed count its files that were judged, and those that passed.
	Made     int `json:"made"`
	Uploaded int `json:"uploaded"`
	Judged   int `json:"judged"`
	Accepted int `json:"accepted"`
	Windows  int `json:"windows"`
	Passed   int `json:"passed"`
	// Verdict is the last judgement that was not made for want of a file; Caught the last one that failed the miner.
	Verdict *status.Event `json:"-"`
	Caught  *status.Event `json:"-"`
	// Weight is the last weight that was set by the first validator, 0 for none.
	Weight float64 `json:"weight"`
	// Trouble is what last went wrong in the node itself.
	Trouble     string    `json:"trouble,omitempty"`
	TroubleTime time.Time `json:"-"`
}

// Totals count the whole network.
type Totals struct {
	// Windows is how many windows were judged, Settings how often weights were set, in this run.
	Windows  int `json:"windows"`
	Settings int `json:"weight_settings"`
	// FirstWeights is the time from the start of the run to the first weights, 0 for none.
	FirstWeights time.Duration `json:"-"`
	// Faults and Dropped count failures of nodes and groups that were not handed in.
	Faults  int `json:"faults"`
	Dropped int `json:"dropped_groups"`
	// Rollouts and Tokens are what miners made.
	Rollouts int `json:"rollouts"`
	Tokens   int `json:"tokens"`
}

// Picture is the state of the network at one moment.
type Picture struct {
	Time    time.Time
	Elapsed time.Duration
	// Head is the newest block, Window its window, Block its place in the window from 1.
	Head, Window int64
	Block        int
	// Rollouts and Tokens are made a second, on average over the last half minute.
	Rollouts, Tokens float64
	Totals           Totals
	Members          []Standing
	// Learning is what was learnt so far, nil before the first checkpoint that came of it.
	Learning *Learning
}

// NewLedger makes the ledger of members. first is the first window that can be mined.
func NewLedger(members []Member, rules grail.Rules, first int64) *Ledger {
	l := &Ledger{rules: rules, first: first, rows: map[string]*Standing{}, byKey: map[string]*Standing{}, byUID: map[int]*Standing{},
		judged: map[string][]int64{}, set: map[string]int64{}}
	for _, m := range members {
		s := &Standing{UID: m.UID, Name: m.Name, Role: m.Role, Kind: m.Kind, Hotkey: m.Address(), Window: -1}
		l.order = append(l.order, m.Name)
		l.rows[m.Name], l.byKey[s.Hotkey], l.byUID[m.UID] = s, s, s
	}
	return l
}

// Begin sets the start of the run, from which times are counted, and the newest block then.
func (l *Ledger) Begin(now time.Time, head int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.start, l.head, l.began = now, head, head
}

// Started is the newest block when the run began.
func (l *Ledger) Started() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.began
}

// Emit takes an event in.
func (l *Ledger) Emit(e status.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Kind == status.Block {
		l.head = max(l.head, e.Block)
		return
	}
	s := l.rows[e.Node]
	if s == nil {
		if e.Kind == status.Fault {
			l.totals.Faults++
		}
		return
	}
	l.curve.take(s, e, l.rules.WindowLength)
	switch e.Kind {
	case status.Start:
		s.Running = true
	case status.Stop:
		s.Running = false
		if e.Reason != "" {
			s.Trouble, s.TroubleTime = e.Reason, e.Time
		}
	case status.Phase:
		if e.Window != s.Window {
			s.Rollouts = 0
		}
		s.Window, s.Phase = e.Window, e.Phase
		if s.Role == Validator && e.Phase == "weights" { // nobody has earned any
			l.set[s.Name] = max(l.set[s.Name], e.Window)
		}
	case status.Group:
		s.Rollouts += e.Rollouts
		s.Made += e.Rollouts
		l.totals.Rollouts += e.Rollouts
		l.totals.Tokens += e.Tokens
		l.rates.add(e.Time, e.Rollouts, e.Tokens)
	case status.Dropped:
		l.totals.Dropped++
	case status.Upload:
		s.Uploaded += e.Rollouts
	case status.Fault, status.Skipped:
		if e.Kind == status.Skipped && e.Window < l.first {
			return // too early for any checkpoint
		}
		l.totals.Faults++
		s.Trouble, s.TroubleTime = e.Reason, e.Time
	case status.Verdict:
		l.verdict(s, e)
	case status.Weights:
		l.weights(s, e)
	}
}

// verdict books a judgement under the miner.
func (l *Ledger) verdict(validator *Standing, e status.Event) {
	windows := l.judged[validator.Name]
	if n := len(windows); n == 0 || windows[n-1] < e.Window {
		l.judged[validator.Name] = append(windows, e.Window)
	}
	validator.Phase = "judged"
	l.totals.Windows = 0
	for _, w := range l.judged {
		l.totals.Windows = max(l.totals.Windows, len(w))
	}
	s := l.byKey[e.Hotkey]
	if s == nil || validator.Name != l.firstValidator() {
		return // several validators judge the same files; one is enough for the counts
	}
	s.Verdict = &e
	if e.Accepted == nil || e.Rollouts == 0 && e.Checked == 0 && e.Check == "no_file" {
		return
	}
	s.Windows++
	s.Judged += e.Rollouts
	if *e.Accepted {
		s.Passed++
		s.Accepted += e.Rollouts
	} else if e.Check != "no_file" {
		s.Caught = &e
	}
}

func (l *Ledger) firstValidator() string {
	for _, name := range l.order {
		if l.rows[name].Role == Validator && l.rows[name].Kind != Guest {
			return name
		}
	}
	return ""
}

// weights books a vector.
func (l *Ledger) weights(validator *Standing, e status.Event) {
	l.totals.Settings++
	validator.Phase = "weights are set"
	if l.totals.FirstWeights == 0 && !l.start.IsZero() {
		l.totals.FirstWeights = max(e.Time.Sub(l.start), time.Millisecond)
	}
	l.set[validator.Name] = max(l.set[validator.Name], e.Window)
	if validator.Name != l.firstValidator() {
		return
	}
	for uid, s := range l.byUID {
		s.Weight = e.Weights[uid]
	}
}

// Done says that every validator has judged n windows and set weights after the last of them.
func (l *Ledger) Done(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range l.order {
		if l.rows[name].Role != Validator || l.rows[name].Kind == Guest {
			continue
		}
		windows := l.judged[name]
		if len(windows) < n || l.set[name] < windows[n-1] {
			return false
		}
	}
	return true
}

// Picture returns the state of the network.
func (l *Ledger) Picture(now time.Time) Picture {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := Picture{Time: now, Head: l.head, Window: l.rules.WindowStart(l.head), Totals: l.totals}
	p.Block = int(l.head-p.Window) + 1
	if !l.start.IsZero() {
		p.Elapsed = now.Sub(l.start)
	}
	p.Rollouts, p.Tokens = l.rates.at(now, l.start)
	for _, name := range l.order {
		p.Members = append(p.Members, *l.rows[name])
	}
	p.Learning = l.curve.learning()
	return p
}

// Remember takes the curve of an earlier run in.
func (l *Ledger) Remember(lessons []Lesson) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.curve.lessons = lessons
}

// Lessons returns the curve if it has changed since it was asked for last.
func (l *Ledger) Lessons() (lessons []Lesson, changed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.curve.changed {
		return nil, false
	}
	l.curve.changed = false
	return slices.Clone(l.curve.lessons), true
}

// Weighted returns the members that have a weight, the largest first.
func (p Picture) Weighted() []Standing {
	out := slices.DeleteFunc(slices.Clone(p.Members), func(s Standing) bool { return s.Weight <= 0 })
	slices.SortStableFunc(out, func(a, b Standing) int {
		switch {
		case a.Weight > b.Weight:
			return -1
		case a.Weight < b.Weight:
			return 1
		}
		return a.UID - b.UID
	})
	return out
}

// rates remembers what was made in the last half minute.
type rates struct{ made []sample }

type sample struct {
	at               time.Time
	rollouts, tokens int
}

const rateSpan = 30 * time.Second

func (r *rates) add(at time.Time, rollouts, tokens int) {
	r.made = append(r.made, sample{at, rollouts, tokens})
	r.drop(at)
}

func (r *rates) drop(now time.Time) {
	i := slices.IndexFunc(r.made, func(s sample) bool { return now.Sub(s.at) < rateSpan })
	if i < 0 {
		i = len(r.made)
	}
	r.made = slices.Delete(r.made, 0, i)
}

// at is the average at a time; a run shorter than the span counts from its start.
func (r *rates) at(now, start time.Time) (rollouts, tokens float64) {
	r.drop(now)
	span := rateSpan
	if !start.IsZero() {
		span = min(span, now.Sub(start))
	}
	if span < time.Second {
		return 0, 0
	}
	for _, s := range r.made {
		rollouts += float64(s.rollouts)
		tokens += float64(s.tokens)
	}
	return rollouts / span.Seconds(), tokens / span.Seconds()
}

// uids lists the UIDs of a weight vector, ascending.
func uids(weights map[int]float64) []int { return slices.Sorted(maps.Keys(weights)) }
