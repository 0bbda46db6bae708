// Package affine is what the two environments of affinetes, affine_trace and affine_logic, have in common: how a completion is read and what
// reward it earns. It poses no problems of its own.
//
// The answer is what stands between the answer tags, not trimmed (package answer says which tags count). The reward is a vector of four
// components, added from left to right:
//
//	r0  0.6 x  1 if the answer is right, else 0
//	r1  0.15 x 0.5 if the thinking is closed
//	r2  0.15 x 0.3 if there is an answer block
//	r3  0.1 x  0.2 less 0.001 a code point after the answer
//
// so rewards lie between 0 and 0.74.
//
// Differences of hardened rules:
//
//	defect of the reference                                       hardened
//	success judges the first answer block, the reward the         success is that r0 is 1: both judge the same block
//	preferred one, so an abandoned draft in the reasoning can
//	make a failure a success
//	success is false for an empty answer though r0 is 1           an empty answer that is right is a success
//
// Neither environment is in the registry of the reference's validator: it fails every prompt check of a network whose env_id names one of them. They are of use for
// training and evaluation, and in networks of our own.
//
// Specification: grail-environments, section 13.
package affine

import (
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/answer"
)

// MinReward and MaxReward bound the reward.
const (
	MinReward = 0
	MaxReward = 0.74
)

// weights of the components r0 to r3: correctness, thinking, answer, no trailing.
var weights = []float64{0.6, 0.15, 0.15, 0.1}

// Grade judges a completion. correct says whether the text of an answer, untrimmed, is right; it is called at most twice.
func Grade(completion string, tags task.Tags, quirks bool, correct func(answer string) bool) task.Grade {
	r := answer.Scan(completion, tags)
	right := r.HasAnswer && correct(r.Content)
	success := right
	if quirks {
		first, ok := answer.First(completion, tags)
		switch {
		case !ok || first == "":
			success = false
		case first != r.Content:
			success = correct(first)
		}
	}
	correctness := 0.0
	if right {
		correctness = 1
	}
	g := task.Grade{
		Success: success,
		Components: []task.Component{
			{Name: "r0", Value: correctness},
			{Name: "r1", Value: r.ThinkingFormat()},
			{Name: "r2", Value: r.AnswerFormat()},
			{Name: "r3", Value: r.NoTrailing()},
		},
		Info: map[string]any{"termination_cause": "final"},
	}
	g.Reward = task.WeightedSum(weights, g.Components)
	return g
}
