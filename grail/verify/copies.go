package verify

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/grail"
)

// Submission is what copy detection knows about a miner that passed in a window.
type Submission struct {
	// Digests counts the completions of all rows of the file.
	Digests Digests
	// Total is the number of rows.
	Total int64
	// Upload is the upload time in unix seconds, nil when unknown.
	Upload *float64
}

// Violation is an overlap of two miners at or above a threshold.
type Violation struct {
	// Pair holds the two hotkeys, in ascending order.
	Pair [2]string `json:"pair"`
	// Shared is the number of completions in common, with multiplicity; Denominator the smaller total.
	Shared      int64   `json:"shared"`
	Denominator int64   `json:"denominator"`
	Ratio       float64 `json:"ratio"`
	Threshold   float64 `json:"threshold"`
	// Scope is "window" or "interval".
	Scope string `json:"scope"`
	// Window is the start of the window in which it was found.
	Window int64 `json:"window_start"`
	// Copier uploaded later than Victim; both are empty when the times don't tell.
	Copier string `json:"copier,omitempty"`
	Victim string `json:"victim,omitempty"`
}

// String says who copied from whom.
func (v Violation) String() string {
	who := v.Pair[0] + " and " + v.Pair[1] + " share"
	if v.Copier != "" {
		who = v.Copier + " copied from " + v.Victim + ":"
	}
	return fmt.Sprintf("%s %d of %d completions in this %s (%.1f %%, the limit is %.1f %%)", who, v.Shared, v.Denominator, v.Scope, 100*v.Ratio, 100*v.Threshold)
}

// Copies is the memory of the copy detection over one interval (A11): plain data that is kept across restarts. The zero value is an
// empty one.
type Copies struct {
	// Interval is the number of the running interval.
	Interval int64 `json:"interval"`
	// Totals and Uploads are the rows of each miner in the interval and its latest upload time.
	Totals  map[string]int64   `json:"totals"`
	Uploads map[string]float64 `json:"uploads"`
	// Overlaps counts shared completions of a pair, the hotkeys in ascending order.
	Overlaps []Overlap `json:"overlaps"`
}

// Overlap is what two miners share in the interval.
type Overlap struct {
	A string `json:"a"`
	B string `json:"b"`
	// Shared is the whole, ByA and ByB the part that arose in windows where A, or B, uploaded later. The rest is nobody's.
	Shared int64 `json:"shared"`
	ByA    int64 `json:"by_a"`
	ByB    int64 `json:"by_b"`
}

// Validate says what is wrong with a memory that was read from somewhere.
func (c *Copies) Validate() error {
	for k, v := range c.Totals {
		if v < 0 {
			return fmt.Errorf("couldn't use copy memory: total of %s is %d", k, v)
		}
	}
	for k, v := range c.Uploads {
		if math.IsNaN(v) {
			return fmt.Errorf("couldn't use copy memory: upload time of %s is not a number", k)
		}
	}
	for _, o := range c.Overlaps {
		if o.A >= o.B || o.Shared < 0 || o.ByA < 0 || o.ByB < 0 || o.ByA+o.ByB > o.Shared {
			return fmt.Errorf("couldn't use copy memory: overlap of %q and %q makes no sense", o.A, o.B)
		}
	}
	return nil
}

// CopyInterval is the number of the interval that a window belongs to.
func CopyInterval(r grail.Rules, window int64) int64 { return window / r.CopyIntervalBlocks }

// CopyReport is what a window showed.
type CopyReport struct {
	// WindowCopiers and IntervalCopiers are those who copied, sorted.
	WindowCopiers   []string
	IntervalCopiers []string
	// Violations are all overlaps beyond a threshold, sorted by scope and pair.
	Violations []Violation
}

// Copiers are the copiers of either scope, sorted.
func (c *CopyReport) Copiers() []string {
	all := append(slices.Clone(c.WindowCopiers), c.IntervalCopiers...)
	slices.Sort(all)
	return slices.Compact(all)
}

// Window adds the submissions of a window (those that passed) and reports copies. A new interval empties the memory first. Whose times
// decide over an interval is the rules' CopyAttribution: the latest of each miner, or those of the windows where the overlap arose.
func (c *Copies) Window(r grail.Rules, interval, window int64, subs map[string]Submission) CopyReport {
	if c.Interval != interval {
		*c = Copies{Interval: interval}
	}
	if c.Totals == nil {
		c.Totals = map[string]int64{}
	}
	if c.Uploads == nil {
		c.Uploads = map[string]float64{}
	}
	var rep CopyReport
	if len(subs) == 0 {
		return rep
	}
	totals, uploads := map[string]int64{}, map[string]float64{}
	for k, s := range subs {
		totals[k] = s.Total
		c.Totals[k] += s.Total
		if s.Upload != nil {
			uploads[k] = *s.Upload
			c.Uploads[k] = *s.Upload
		}
	}
	found := overlapsOf(subs)
	for _, o := range found {
		switch later(o.A, o.B, uploads) {
		case o.A:
			o.ByA = o.Shared
		case o.B:
			o.ByB = o.Shared
		}
		c.add(o)
	}
	rep.WindowCopiers, rep.Violations = judge(found, totals, r.CopyWindowThreshold, "window", window, func(o Overlap) string { return later(o.A, o.B, uploads) }, nil)
	if r.CopyAttribution == grail.CopyByWindow {
		byTimes := func(o Overlap, share func(int64) bool) string {
			a, b := share(o.ByA), share(o.ByB)
			switch {
			case a && (!b || o.ByA > o.ByB):
				return o.A
			case b && (!a || o.ByB > o.ByA):
				return o.B
			}
			return ""
		}
		var v []Violation
		rep.IntervalCopiers, v = judge(c.Overlaps, c.Totals, r.CopyIntervalThreshold, "interval", window, nil, byTimes)
		rep.Violations = append(v, rep.Violations...)
		return rep
	}
	var v []Violation
	rep.IntervalCopiers, v = judge(c.Overlaps, c.Totals, r.CopyIntervalThreshold, "interval", window, func(o Overlap) string { return later(o.A, o.B, c.Uploads) }, nil)
	rep.Violations = append(v, rep.Violations...)
	return rep
}

// later is the one who uploaded later, "" when the times are equal or one is unknown.
func later(a, b string, uploads map[string]float64) string {
	ta, oka := uploads[a]
	tb, okb := uploads[b]
	switch {
	case !oka || !okb || ta == tb:
		return ""
	case ta > tb:
		return a
	}
	return b
}

// overlapsOf counts what pairs share in one window: the smaller multiplicity of each common digest.
func overlapsOf(subs map[string]Submission) []Overlap {
	type holder struct {
		who   string
		count int
	}
	byDigest := map[string][]holder{}
	for who, s := range subs {
		for d, n := range s.Digests {
			byDigest[d] = append(byDigest[d], holder{who, n})
		}
	}
	shared := map[[2]string]int64{}
	for _, hs := range byDigest {
		for i := range hs {
			for j := range hs[:i] {
				a, b := hs[i], hs[j]
				if a.who > b.who {
					a, b = b, a
				}
				shared[[2]string{a.who, b.who}] += int64(min(a.count, b.count))
			}
		}
	}
	out := make([]Overlap, 0, len(shared))
	for k, n := range shared {
		out = append(out, Overlap{A: k[0], B: k[1], Shared: n})
	}
	slices.SortFunc(out, byPair)
	return out
}

func byPair(a, b Overlap) int {
	if c := strings.Compare(a.A, b.A); c != 0 {
		return c
	}
	return strings.Compare(a.B, b.B)
}

func (c *Copies) add(o Overlap) {
	i, ok := slices.BinarySearchFunc(c.Overlaps, o, byPair)
	if !ok {
		c.Overlaps = slices.Insert(c.Overlaps, i, o)
		return
	}
	p := &c.Overlaps[i]
	p.Shared, p.ByA, p.ByB = p.Shared+o.Shared, p.ByA+o.ByA, p.ByB+o.ByB
}

// judge finds the pairs at or above the threshold. copier names the guilty one of a pair; with directed it is asked with a function that
// says whether a part of the overlap alone reaches the threshold.
func judge(overlaps []Overlap, totals map[string]int64, threshold float64, scope string, window int64,
	copier func(Overlap) string, directed func(Overlap, func(int64) bool) string) (copiers []string, violations []Violation) {
	copiers = []string{}
	for _, o := range overlaps {
		den := min(totals[o.A], totals[o.B])
		if den <= 0 {
			continue
		}
		ratio := float64(o.Shared) / float64(den)
		if ratio < threshold {
			continue
		}
		v := Violation{Pair: [2]string{o.A, o.B}, Shared: o.Shared, Denominator: den, Ratio: ratio, Threshold: threshold, Scope: scope, Window: window}
		if directed != nil {
			v.Copier = directed(o, func(n int64) bool { return n > 0 && float64(n)/float64(den) >= threshold })
		} else {
			v.Copier = copier(o)
		}
		switch v.Copier {
		case o.A:
			v.Victim = o.B
		case o.B:
			v.Victim = o.A
		}
		if v.Copier != "" {
			copiers = append(copiers, v.Copier)
		}
		violations = append(violations, v)
	}
	slices.Sort(copiers)
	return slices.Compact(copiers), violations
}

// GateCopier is what becomes of a copier's metrics: nothing counts, and it is a failure. A miner without metrics passes nil-like zeros.
func GateCopier(m Metrics) Metrics {
	m.Valid, m.EstimatedValid, m.EstimatedSuccessful, m.EstimatedUnique, m.Successful, m.Unique = 0, 0, 0, 0, 0, 0
	m.HadFailure = 1
	return m
}
