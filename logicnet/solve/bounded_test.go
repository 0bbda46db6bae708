package solve

import (
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/logicnet/problems"
)

// TestBounded poses questions of every generator with the largest numbers that can be written, and the longest lists.
func TestBounded(t *testing.T) {
	var questions []string
	for _, g := range problems.Generators() {
		for _, n := range []string{"999999999999999", "999999999989", "1000000007", "1000000", "999983", "9999", "60", "0", "-1"} {
			if g.Form != "" {
				questions = append(questions, g.LegacyFrame(strings.ReplaceAll(g.Form, "%d", n)))
			}
		}
	}
	frame := func(name, text string) string {
		g, ok := problems.ByName(name)
		if !ok {
			t.Fatalf("there is no generator %q", name)
		}
		return g.LegacyFrame(text)
	}
	questions = append(questions,
		frame("combine_like_terms", strings.TrimSuffix(strings.Repeat("9999x^{9999} + ", 1000), " + ")),
		frame("perimeter_of_polygons", "The perimeter of a 4000 sided polygon with lengths of "+strings.TrimSuffix(strings.Repeat("1, ", 4000), ", ")+"cm is:"),
		frame("euclidian_norm", "Euclidian norm or L2 norm of the vector ["+strings.TrimSuffix(strings.Repeat("1.5, ", 3000), ", ")+"] is:"),
		frame("angle_btw_vectors", "angle between the vectors ["+strings.TrimSuffix(strings.Repeat("1.5, ", 900), ", ")+"] and ["+
			strings.TrimSuffix(strings.Repeat("2.5, ", 900), ", ")+"] is:"),
		strings.Repeat("what is the area of a circle with radius 5 ", 90),
		strings.Repeat("find the third angle of a triangle with angles 5, 6 ", 70),
		"What is "+strings.Repeat("(2^1000)*", 100)+"2?",
		"What is "+strings.Repeat("300!*", 50)+"2?",
		"What is "+strings.Repeat(`\frac{`, 300)+"1"+strings.Repeat(`}{2}`, 300)+"?",
		strings.Repeat("twenty ", 2000),
		strings.Repeat("$", problems4k),
		strings.Repeat(`\begin{bmatrix} 1 & 2 \\\ `, 500),
	)
	slowest, which := time.Duration(0), ""
	for _, q := range questions {
		began := time.Now()
		answer, _ := Solve(q)
		if d := time.Since(began); d > slowest {
			slowest, which = d, q
		}
		if len(answer.Value)+len(answer.Steps) > 1<<17 {
			t.Errorf("%.80q: an answer of %d bytes", q, len(answer.Value))
		}
	}
	t.Logf("slowest of %d: %s for %.120q", len(questions), slowest, which)
	if slowest > 2*time.Second {
		t.Errorf("%s for %.120q", slowest, which)
	}
}

const problems4k = 1 << 14
