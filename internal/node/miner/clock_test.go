package miner

import (
	"math"
	"testing"
	"time"

	"github.com/nanteos/nanteos/internal/chain"
)

func TestBlockTime(t *testing.T) {
	rules := testRules()
	var c Clock
	at := func(n uint64, s float64) {
		c.observe(rules, chain.BlockRef{Number: n, Time: epoch.Add(seconds(s))}, epoch.Add(seconds(s)))
	}
	at(5, 10)
	if c.BlockSeconds != 2 {
		t.Errorf("begins with %v", c.BlockSeconds)
	}
	at(5, 10.5) // quirk 20: the same block again changes nothing
	at(4, 11)
	if c.BlockSeconds != 2 || c.Head != 5 || !c.Seen.Equal(epoch.Add(10*time.Second)) {
		t.Errorf("an old block changed the clock: %+v", c)
	}
	at(6, 13)
	if want := 0.2*3 + 0.8*2; math.Abs(c.BlockSeconds-want) > 1e-12 {
		t.Errorf("after a block of 3 s: %v, want %v", c.BlockSeconds, want)
	}
	at(8, 17)
	if want := 0.2*2 + 0.8*2.2; math.Abs(c.BlockSeconds-want) > 1e-12 {
		t.Errorf("after two blocks of 2 s: %v, want %v", c.BlockSeconds, want)
	}
	at(9, 10_000) // the chain stood still
	if c.BlockSeconds > 5 {
		t.Errorf("after a standstill: %v", c.BlockSeconds)
	}
}

func TestDeadlineEstimate(t *testing.T) {
	rules := testRules()
	for _, test := range []struct {
		name      string
		head      int64
		lag       time.Duration // between the block and its being seen
		since     time.Duration // since it was seen
		left, eps time.Duration
	}{
		{"at the first block", 10, 0, 0, 19 * time.Second, 0},
		{"within a block", 10, 0, time.Second, 18 * time.Second, 0},
		{"seen late", 10, time.Second, 0, 18 * time.Second, 0},
		{"clock ahead by an hour", 10, time.Hour, 0, 17 * time.Second, 0}, // two blocks are believed, and the next is overdue
		{"clock behind", 10, -time.Hour, time.Second, 18 * time.Second, 0},
		{"block overdue: the deadline moves along", 15, 0, 6 * time.Second, 7 * time.Second, 0},
		{"last block overdue", 19, 0, 6 * time.Second, -time.Second, 0},
		{"over", 20, 0, 0, -time.Second, 0},
	} {
		b := epoch.Add(time.Duration(test.head) * blockTime)
		seen := b.Add(test.lag)
		c := Clock{Head: test.head, HeadTime: b, Known: true, Seen: seen, BlockSeconds: 2}
		if left := c.left(rules, 10, seen.Add(test.since)); (left - test.left).Abs() > test.eps {
			t.Errorf("%s: %s left, want %s", test.name, left, test.left)
		}
	}
}

func TestGate(t *testing.T) {
	rules := testRules()
	for _, test := range []struct {
		name   string
		head   int64
		group  float64
		finish float64
		safety int
		groups int
		open   bool
	}{
		{"unknown, at the start", 10, 0, 0, 0, 0, true},
		{"unknown, near the end", 16, 0, 0, 0, 0, false},
		{"unknown, little safety", 16, 0, 0, 1, 0, true},
		{"fits", 12, 5, 1, 0, 2, true},
		{"does not fit", 16, 5, 1, 0, 2, false},
		{"slow group, at the start", 10, 60, 1, 0, 0, true},
		{"slow group, at the start, not the first", 10, 60, 1, 0, 1, false},
		{"slow group, later", 12, 60, 1, 0, 0, false},
		{"slow upload", 10, 1, 30, 0, 0, false},
		{"no safety", 16, 5, 1, -1, 1, true},
	} {
		at := epoch.Add(time.Duration(test.head) * blockTime)
		s := State{Plan: Plan{SafetyBlocks: test.safety}, GroupSeconds: test.group, FinishSeconds: test.finish, Work: &Work{Window: 10},
			Clock: Clock{Head: test.head, HeadTime: at, Known: true, Seen: at, BlockSeconds: 2}}
		for i := range test.groups {
			s.Work.Groups = append(s.Work.Groups, GroupRecord{Index: int64(i)})
		}
		if open, need, left := s.gate(rules, at); open != test.open {
			t.Errorf("%s: open is %v, needs %s of %s", test.name, open, need, left)
		}
	}
}
