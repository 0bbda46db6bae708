package solve

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/vectortest"
	"github.com/nanteos/nanteos/logicnet/problems"
)

// TestFramed poses questions of every sound generator in the legacy frame: no answer may differ from the truth, and almost every
// question must be answered. Generators whose questions at times have no answer, or many, may be answered less.
func TestFramed(t *testing.T) {
	seldom := map[string]float64{"binary_2s_complement": 0.8, "expanding": 0.75, "linear_equations": 0.85, "system_of_equations": 0.85, "modulo_division": 0.9,
		"intersection_of_two_lines": 0.85, "factoring": 0.4, "prime_factors": 0.9}
	asked, sure := 0, 0
	for _, g := range problems.Sound() {
		r := cpython.NewRandFromUint64(uint64(g.ID) + 1000)
		n, good := 0, 0
		for i := range 200 {
			p := g.Defaults
			if i%2 == 1 && g.Wide != nil {
				p = g.Wide
			}
			q, truth, err := g.Generate(r, p)
			if err != nil {
				continue
			}
			n++
			answer, ok := Solve(g.LegacyFrame(q))
			if !ok {
				if good == n-1 {
					t.Logf("%s: not sure of %q", g.Name, q)
				}
				continue
			}
			good++
			if answer.Value != problems.Truth(truth) && !ambiguous(g, q) {
				t.Fatalf("%s: %q: %q, want %q", g.Name, q, answer.Value, truth)
			}
			if answer.Family != g.Name || !strings.Contains(answer.Steps, answer.Value) || strings.HasPrefix(answer.Steps, "This is a question of") {
				t.Fatalf("%s: family %q, steps %q", g.Name, answer.Family, answer.Steps)
			}
		}
		least := seldom[g.Name]
		if least == 0 {
			least = 0.99
		}
		if float64(good) < least*float64(n) {
			t.Errorf("%s: sure of %d of %d only", g.Name, good, n)
		}
		asked, sure = asked+n, sure+good
	}
	t.Logf("sure of %d of %d questions of %d generators", sure, asked, len(problems.Sound()))
}

// ambiguous are the questions that have the same text for different numbers: a zero coefficient shows as a bare x, factors are
// interchangeable.
func ambiguous(g *problems.Generator, question string) bool {
	return g.Name == "expanding" && (strings.HasPrefix(question, "$(x") || strings.Contains(question, ")(x")) || g.Name == "factoring"
}

// TestUnframed asks the same without the frame. The text may be more precise there, or not answered; a number must be that of the truth
// to its precision.
func TestUnframed(t *testing.T) {
	asked, sure := 0, 0
	for _, g := range problems.Sound() {
		r := cpython.NewRandFromUint64(uint64(g.ID) + 2000)
		n, good := 0, 0
		for range 60 {
			q, truth, err := g.Generate(r, nil)
			if err != nil {
				continue
			}
			n++
			answer, ok := Solve(problems.Truth(q))
			if !ok {
				continue
			}
			good++
			want := problems.Truth(truth)
			for _, unit := range []string{" m^2", " m^3", " m/s"} {
				want = strings.TrimSuffix(want, unit)
			}
			if answer.Value == want || near(answer.Value, want, 0.006) || close(g.Name, answer.Value, want) {
				continue
			}
			t.Fatalf("%s: %q: %q (%s), want %q", g.Name, q, answer.Value, answer.Family, want)
		}
		if !mute[g.Name] && good < n*85/100 {
			t.Logf("%s: sure of %d of %d", g.Name, good, n)
		}
		asked, sure = asked+n, sure+good
	}
	t.Logf("sure of %d of %d questions", sure, asked)
	if sure < asked*8/10 {
		t.Errorf("sure of %d of %d questions only", sure, asked)
	}
}

// TestVectors answers the recorded questions as the reference does, or not at all: those without an answer, or with a wrong one.
func TestVectors(t *testing.T) {
	const file = "logicnet/mathgenerator.json"
	var set map[string]any
	vectortest.Decode(t, file, &set)
	n, sure := 0, 0
	for _, c := range set["cases"].([]any) {
		c := c.(map[string]any)
		name, _ := c["generator"].(string)
		g, known := problems.ByName(name)
		samples, _ := c["samples"].([]any)
		for _, s := range samples {
			s := s.(map[string]any)
			n++
			answer, ok := Solve(s["legacy_raw_question"].(string))
			if !ok {
				continue
			}
			sure++
			if !known || g.Defect != "" {
				t.Errorf("%s: sure of %q", name, s["question"])
			} else if answer.Value != s["ground_truth"] && !ambiguous(g, s["question"].(string)) {
				t.Errorf("%s: %q: %q, want %q", name, s["question"], answer.Value, s["ground_truth"])
			}
		}
	}
	vectortest.Count(t, file, n)
	t.Logf("sure of %d of %d", sure, n)
}

// near compares numbers and fractions.
func near(a, b string, most float64) bool {
	x, ok := number(a)
	y, okay := number(b)
	return ok && okay && math.Abs(x-y) <= most
}

func number(s string) (float64, bool) {
	if n, d, ok := strings.Cut(strings.Replace(strings.Replace(strings.TrimSuffix(s, "}"), `\frac{`, "", 1), "}{", "/", 1), "/"); ok {
		x, err := strconv.ParseFloat(n, 64)
		y, err2 := strconv.ParseFloat(d, 64)
		return x / y, err == nil && err2 == nil && y != 0
	}
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil
}

// close knows the generators that truncate.
func close(name, a, b string) bool {
	return slices.Contains([]string{"volume_cylinder", "surface_area_cylinder", "volume_cone", "surface_area_cone"}, name) && near(a, b, 1.001)
}
