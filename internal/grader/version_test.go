package grader

import "testing"

func TestDifferences(t *testing.T) {
	for version, want := range map[string]struct{ empty, known bool }{
		"3.12.1": {true, true}, "3.12": {true, true}, "3.12.0rc1": {true, true}, "3.11.7": {false, true}, "3.13.0": {false, true},
		"3.10.13": {true, false}, "3.14.0": {true, false}, "3.120.1": {true, false}, "": {true, false}, "4": {true, false},
	} {
		if text, known := Differences(version); known != want.known || (text == "") != want.empty {
			t.Errorf("%q: %q, %v", version, text, known)
		}
	}
}
