package miner

import (
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/node"
)

// Clock is the chain as the miner last saw it. The upload deadline is a time on the chain's clock, so the miner reckons with that one and uses
// its own only for what has passed since.
type Clock struct {
	// Head is the newest block and HeadTime the time that it carries; Known says that there is one.
	Head     int64     `json:"head"`
	HeadTime time.Time `json:"head_time"`
	Known    bool      `json:"known"`
	// Seen is when it was seen, by the machine's clock.
	Seen time.Time `json:"seen"`
	// BlockSeconds is a moving average of the time between blocks.
	BlockSeconds float64 `json:"block_seconds"`
}

// average is the weight of a new sample in all moving averages.
const average = 0.2

func ema(old, sample float64) float64 {
	if old == 0 {
		return sample
	}
	return float64(average*sample) + float64((1-average)*old)
}

// observe takes a new head. The estimate moves only when blocks have passed (quirk 20), by the times that they carry; a chain that stood
// still counts for little.
func (c *Clock) observe(rules grail.Rules, b chain.BlockRef, now time.Time) {
	if c.BlockSeconds == 0 {
		c.BlockSeconds = rules.BlockSeconds
	}
	n := int64(b.Number)
	if c.Known && n <= c.Head {
		return
	}
	if c.Known {
		sample := b.Time.Sub(c.HeadTime).Seconds() / float64(n-c.Head)
		if sample > 0 {
			c.BlockSeconds = ema(c.BlockSeconds, min(sample, 5*c.BlockSeconds))
		}
	}
	*c = Clock{Head: n, HeadTime: b.Time, Known: true, Seen: now, BlockSeconds: c.BlockSeconds}
}

// now returns the chain's time. A head that was old when it was seen (a slow connection, a start between two blocks) makes it later, up to
// two blocks; more is taken for a wrong clock of the machine.
func (c Clock) now(now time.Time) time.Time {
	lag := c.Seen.Sub(c.HeadTime)
	lag = max(0, min(lag, seconds(2*c.BlockSeconds)))
	return c.HeadTime.Add(lag + max(0, now.Sub(c.Seen)))
}

// deadline estimates the upload deadline of a window on the chain's clock. While the next block is overdue, the deadline moves with it.
func (c Clock) deadline(rules grail.Rules, window int64, now time.Time) time.Time {
	blocks := float64(rules.WindowEnd(window) - c.Head)
	end := c.HeadTime.Add(seconds(blocks * c.BlockSeconds))
	if blocks > 0 {
		if overdue := c.now(now).Add(seconds((blocks - 1) * c.BlockSeconds)); overdue.After(end) {
			end = overdue
		}
	}
	return node.Deadline(rules, end)
}

// left is the time until the deadline of a window.
func (c Clock) left(rules grail.Rules, window int64, now time.Time) time.Duration {
	return c.deadline(rules, window, now).Sub(c.now(now))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// budget is what the end of a window needs, in seconds.
type budget struct{ group, finish, safety float64 }

// budget reckons with what was measured, else with six blocks for a group and one for the upload (storage specification, 5.2).
func (s *State) budget() budget {
	bt := s.Clock.BlockSeconds
	b := budget{group: s.GroupSeconds, finish: s.FinishSeconds, safety: s.Plan.safety() * bt}
	if b.group == 0 {
		b.group = 6 * bt
	}
	if b.finish == 0 {
		b.finish = bt
	}
	return b
}

// gate says whether there is time for another group, and how much is needed and left. Where nothing can be lost, little is asked: before
// the first measurement a group is tried with a block's time left for it, and a window's first group is tried at the window's start whatever the
// estimate says, else one slow group would end the mining for ever.
func (s *State) gate(rules grail.Rules, now time.Time) (open bool, need, left time.Duration) {
	b := s.budget()
	left = s.Clock.left(rules, s.Work.Window, now)
	if len(s.Work.kept()) == 0 {
		b.safety /= 2 // what groupLimit leaves
	}
	if s.GroupSeconds == 0 && len(s.Work.Groups) == 0 {
		b.group = s.Clock.BlockSeconds
	}
	need = seconds(b.group + b.finish + b.safety)
	if left > need {
		return true, need, left
	}
	fresh := len(s.Work.Groups) == 0 && s.Clock.Head <= s.Work.Window+1
	return fresh && left > seconds(b.finish+b.safety), need, left
}

// groupLimit is how long a group may take before it is stopped, so that what is complete can still be uploaded.
func (s *State) groupLimit(rules grail.Rules, now time.Time) time.Duration {
	b := s.budget()
	return s.Clock.left(rules, s.Work.Window, now) - seconds(b.finish+b.safety/2)
}
