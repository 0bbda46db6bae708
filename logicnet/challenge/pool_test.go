package challenge

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestParseTask(t *testing.T) {
	for body, c := range map[string]struct {
		answer              string
		reference, hardened bool
	}{
		`{"question": "What is 2+2?", "answer": " $4$ "}`:                     {"4", true, true},
		`{"question": "What is 2+2?", "answer": 4, "id": 7}`:                  {"4", true, true},
		`{"question": "What is 2-4?", "answer": -2.0}`:                        {"-2.0", true, true},
		`{"question": "Is it?", "answer": true}`:                              {"True", true, false},
		`{"question": "Which?", "answer": ["a", 1]}`:                          {"['a', 1]", true, false},
		`{"question": "Which?", "answer": {"a": null}}`:                       {"{'a': None}", true, false},
		`{"question": " ", "answer": "4"}`:                                    {"4", true, false},
		`{"question": "What?", "answer": "$ $"}`:                              {"", true, false},
		`{"question": "` + strings.Repeat("a", maxTask+1) + `","answer":"4"}`: {"4", true, false},
		`{"question": "What?"}`:                                               {"", false, false},
		`{"answer": "4"}`:                                                     {"", false, false},
		`{"question": 5, "answer": "4"}`:                                      {"", false, false},
		`{"question": "What?", "answer": "4"`:                                 {"", false, false},
		`[]`:                                                                  {"", false, false},
		``:                                                                    {"", false, false},
	} {
		for _, reference := range []bool{true, false} {
			want := c.hardened
			if reference {
				want = c.reference
			}
			got, err := ParseTask([]byte(body), reference)
			switch {
			case want != (err == nil), err != nil && !errors.Is(err, ErrTask):
				t.Errorf("%.60s (reference %t): %v", body, reference, err)
			case err == nil && (got.Answer != c.answer || got.Question == ""):
				t.Errorf("%.60s: %.60q", body, got.Answer)
			}
		}
	}
}

func TestGroundTruthRefuses(t *testing.T) {
	for _, bad := range []string{"", "{", "nope", "1 2", strings.Repeat("[", 100000)} {
		if _, err := GroundTruth([]byte(bad)); !errors.Is(err, ErrTask) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

func TestTaskUID(t *testing.T) {
	uid, err := TaskUID(bytes.NewReader([]byte{0x9b, 0x60, 0x5e, 0x01, 5}))
	if err != nil || uid != "9b605e01" {
		t.Errorf("%q, %v", uid, err)
	}
	if _, err := TaskUID(bytes.NewReader(nil)); err == nil {
		t.Error("a uid without randomness")
	}
}

func TestChoice(t *testing.T) {
	for _, c := range []struct {
		possible, id, want string
		ok                 bool
	}{
		{"A) 1 B) 2", "B", "B. 2", true},
		{"A.\n7\nB. 8", "A", "A. 7", true},
		{"A. one line\nand another", "A", "", false},
		{"B) last\n", "B", "B. last", true},
		{"A) 1", "", "", false},
		{"A", "A", "", false},
		{"(A) x", "A", "A. x", true},
	} {
		if got, ok := Choice(c.possible, c.id); got != c.want || ok != c.ok {
			t.Errorf("%q, %s: %q, %t", c.possible, c.id, got, ok)
		}
	}
}
