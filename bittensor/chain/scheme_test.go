package chain

import (
	"errors"
	"slices"
	"testing"
)

func TestSchemeFollowsTheChain(t *testing.T) {
	spec300 := []string{"set_weights", "commit_weights", "reveal_weights", "commit_crv3_weights"}
	spec343 := []string{"set_weights", "set_mechanism_weights", "commit_weights", "commit_mechanism_weights", "commit_crv3_mechanism_weights",
		"commit_timelocked_weights", "commit_timelocked_mechanism_weights"}
	tests := []struct {
		name      string
		calls     []string
		reveal    bool
		mechanism uint8
		call      string
		method    Method
	}{
		{"direct", spec343, false, 0, "set_weights", SetDirectly},
		{"direct, mechanism", spec343, false, 1, "set_mechanism_weights", SetDirectly},
		{"direct without the old call", []string{"set_mechanism_weights"}, false, 0, "set_mechanism_weights", SetDirectly},
		{"finney today", spec343, true, 0, "commit_timelocked_mechanism_weights", CommitTimelock},
		{"finney today, mechanism", spec343, true, 1, "commit_timelocked_mechanism_weights", CommitTimelock},
		{"before mechanisms", []string{"commit_weights", "commit_crv3_weights", "commit_timelocked_weights"}, true, 0, "commit_timelocked_weights", CommitTimelock},
		{"spec 300", spec300, true, 0, "commit_crv3_weights", CommitCRV3},
		{"by hash", []string{"set_weights", "commit_weights"}, true, 0, "commit_weights", CommitHash},
		{"mechanism unknown to the runtime", spec300, true, 1, "", ""},
		{"nothing", nil, false, 0, "", ""},
	}
	for _, test := range tests {
		s, err := choose(func(call string) bool { return slices.Contains(test.calls, call) }, test.reveal, test.mechanism)
		if test.call == "" {
			if !errors.Is(err, ErrUnsupported) {
				t.Errorf("%s: %+v, %v", test.name, s, err)
			}
			continue
		}
		if err != nil || s.name != test.call || s.method != test.method {
			t.Errorf("%s: %+v, %v", test.name, s, err)
		}
	}
}
