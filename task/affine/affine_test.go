package affine_test

import (
	"testing"

	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/affine"
)

// TestGrade has completions to which "7" is the right answer, or the empty one. The vectors of the two environments have many more.
func TestGrade(t *testing.T) {
	const draft = "maybe <SOLUTION>7</SOLUTION></think><SOLUTION>8</SOLUTION>"
	for _, c := range []struct {
		name, completion, right string
		reward                  float64
		quirks, hardened        bool // success
	}{
		{"right", "</think><SOLUTION>7</SOLUTION>", "7", affine.MaxReward, true, true},
		{"not trimmed", "</think><SOLUTION>7\n</SOLUTION>", "7", 0.14, false, false},
		{"a right draft, a wrong answer", draft, "7", 0.14, true, false},
		{"a wrong draft, a right answer", draft, "8", 0.74, false, true},
		{"empty and right", "<SOLUTION></SOLUTION>", "", 0.665, false, true},
		{"no answer", "</think>7", "7", 0.075, false, false},
		{"no answer, empty would be right", "7", "", affine.MinReward, false, false},
		{"nothing", "", "7", affine.MinReward, false, false},
		{"text behind", "</think><SOLUTION>7</SOLUTION><|im_end|>", "7", 0.739, true, true},
	} {
		for _, quirks := range []bool{true, false} {
			want := c.hardened
			if quirks {
				want = c.quirks
			}
			g := affine.Grade(c.completion, task.Native.Tags(), quirks, func(answer string) bool { return answer == c.right })
			if d := g.Reward - c.reward; d > 1e-12 || d < -1e-12 || g.Success != want || len(g.Components) != 4 || g.Info["termination_cause"] != "final" {
				t.Errorf("%s, quirks %v: got %+v, want reward %v, success %v", c.name, quirks, g, c.reward, want)
			}
		}
	}
}
