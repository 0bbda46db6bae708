package validator

import (
	"time"

	"github.com/nanteos/nanteos/grail"
)

// Plan is what the operator can choose. The zero value of a field takes its default.
type Plan struct {
	// Name is the node's name in events, Hotkey its address.
	Name   string `json:"name"`
	Hotkey string `json:"hotkey"`
	// TestMode checks the validator's own file only.
	TestMode bool `json:"test_mode,omitempty"`
	// Publish says that there is a bucket to put trust lists into.
	Publish bool `json:"publish,omitempty"`
	// JudgeAttempts is how often a miner is tried that couldn't be judged, 3 when 0.
	JudgeAttempts int `json:"judge_attempts,omitempty"`
	// SettleAttempts is how often weights, or a trust list, are tried before the next window brings new ones, 6 when 0.
	SettleAttempts int `json:"settle_attempts,omitempty"`
	// JudgeLimit bounds the judging of one miner, 10 minutes when 0. CallLimit bounds everything else, 2 minutes when 0.
	JudgeLimit time.Duration `json:"judge_limit,omitempty"`
	CallLimit  time.Duration `json:"call_limit,omitempty"`
}

func (p Plan) judgeAttempts() int  { return or(p.JudgeAttempts, 3) }
func (p Plan) settleAttempts() int { return or(p.SettleAttempts, 6) }

func (p Plan) judgeLimit() time.Duration { return or(p.JudgeLimit, 10*time.Minute) }
func (p Plan) callLimit() time.Duration  { return or(p.CallLimit, 2*time.Minute) }

func or[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// pause is the time before try number n+1 of what failed n times: doubling from half a second to 30, and never longer than a third of a
// window by its nominal length.
func pause(rules grail.Rules, failures int) time.Duration {
	p := min(500*time.Millisecond<<min(max(failures-1, 0), 6), 30*time.Second)
	window := time.Duration(float64(rules.WindowLength) * rules.BlockSeconds * float64(time.Second))
	if window > 0 {
		p = min(p, window/3)
	}
	return max(p, 10*time.Millisecond)
}

// patience is how long no block may come before the subscription is made anew.
func patience(rules grail.Rules) time.Duration {
	return max(10*time.Second, time.Duration(10*rules.BlockSeconds*float64(time.Second)))
}
