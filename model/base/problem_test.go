package base

import (
	"math"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/sat"
)

// The generator of training problems and the environment must mean the same
// thing: prompt text, rendering and reward.
func TestProblemsAreThoseOfTheEnvironment(t *testing.T) {
	sizes := map[[2]int]int{}
	for seed := range uint32(300) {
		q := sat.FromSeed(seed * 2654435761)
		p := problem{variables: q.NumVars}
		for _, c := range q.Clauses {
			p.clauses = append(p.clauses, [3]literal{literal(c[0]), literal(c[1]), literal(c[2])})
		}
		p.name = strings.TrimSuffix(strings.SplitAfterN(strings.TrimPrefix(q.Prompt(), satHead), "...", 2)[0], "...")
		if p.prompt() != q.Prompt() {
			t.Fatalf("seed %d: prompts differ:\n%s\n%s", seed, p.prompt(), q.Prompt())
		}
		for _, mixture := range []float64{0, 0.5, 1} {
			text, _ := p.solve(source(14, int64(seed)), mixture)
			text = strings.TrimSuffix(text, imEnd)
			if want, got := q.Grade(text, task.Instructed.Tags()), p.grade(text); want.Reward != got.reward || want.Success != got.satisfied {
				t.Fatalf("seed %d: graded %+v, the environment says %+v\n%s", seed, got, want, text)
			}
		}
		if p.variables < 5 || p.variables > maxVariables || len(p.clauses) > maxClauses {
			t.Errorf("seed %d has %d variables and %d clauses: outside the vocabulary", seed, p.variables, len(p.clauses))
		}
		sizes[[2]int{p.variables, len(p.clauses)}]++
	}
	if len(sizes) < 20 {
		t.Errorf("only %d sizes in 300 problems", len(sizes))
	}
	user := "SAT"
	want := task.ChatML([]task.Message{{Role: "system", Content: task.Instructed.SystemPrompt()}, {Role: "user", Content: user}}, true)
	if got := render(user); got != want {
		t.Errorf("prompt is rendered as %q, the environment renders %q", got, want)
	}
}

func TestTeacherSatisfiesEverything(t *testing.T) {
	for n := range int64(2000) {
		r := source(11, n)
		p := randomProblem(r, n%2 == 0, maxVariables)
		solvable := len(p.solutions()) > 0
		text, assignment := p.solve(r, 0)
		if p.satisfied(assignment) != solvable {
			t.Fatalf("problem %d: solvable %v, teacher's answer right %v\n%s\n%s", n, solvable, p.satisfied(assignment), p.prompt(), text)
		}
		if g := p.grade(text); !g.wellFormed || g.satisfied != solvable {
			t.Fatalf("problem %d: graded %+v\n%s", n, g, text)
		}
	}
}

// Carelessness costs what the plan counts on.
func TestCarelessness(t *testing.T) {
	for _, c := range []struct{ careless, low, high float64 }{{0.2, 0.80, 0.92}, {0.5, 0.55, 0.68}, {1, 0.2, 0.34}} {
		right := 0
		const n = 1000
		for i := range int64(n) {
			r := source(12, i)
			p := randomProblem(r, false, maxVariables)
			if _, a := p.solve(r, c.careless); p.satisfied(a) {
				right++
			}
		}
		if share := float64(right) / n; share < c.low || share > c.high {
			t.Errorf("carelessness %g satisfies %.3f, want %g to %g", c.careless, share, c.low, c.high)
		}
	}
}

func TestArithmetic(t *testing.T) {
	v := NewVocabulary()
	for n := range int64(500) {
		user, answer, result := arithmetic(source(13, n))
		if !strings.HasPrefix(user, "What is ") {
			t.Fatalf("question is %q", user)
		}
		if g := gradeNumber(answer, result); !g.wellFormed || !g.satisfied {
			t.Fatalf("%q: %q is graded %+v", user, answer, g)
		}
		if gradeNumber(answer, result+1).satisfied {
			t.Fatalf("%q: a wrong result passes", user)
		}
		if k := len(v.Encode(answer)); k < 32 {
			t.Fatalf("%q: answer has %d tokens, want 32 or more", user, k)
		}
	}
}

func TestGrade(t *testing.T) {
	p := problem{variables: 3, clauses: [][3]literal{{1, 2, 3}, {-1, -2, -3}}}
	for _, c := range []struct {
		name, text string
		formed, ok bool
		reward     float64
	}{
		{"right", "</end_working_out><SOLUTION>1 0 0</SOLUTION><|im_end|>", true, true, 1.135},
		{"wrong", "</end_working_out><SOLUTION>1 1 1</SOLUTION><|im_end|>", true, false, 0.135},
		{"no reasoning", "<SOLUTION>1 0 0</SOLUTION>", false, true, 1.135},
		{"too few bits", "</end_working_out><SOLUTION>1 0</SOLUTION>", false, false, -0.155},
		{"words", "</end_working_out><SOLUTION>1 0 0 yes</SOLUTION>", false, false, -0.115},
		{"trailing", "</end_working_out><SOLUTION>1 0 0</SOLUTION> ok", false, false, -0.1103},
		{"unclosed", "</end_working_out><SOLUTION>1 0 0", false, false, -0.2},
		{"nothing", "", false, false, -0.2},
	} {
		g := p.grade(c.text)
		if g.wellFormed != c.formed || g.satisfied != c.ok || math.Abs(g.reward-c.reward) > 1e-9 {
			t.Errorf("%s: graded %+v, want formed %v, satisfied %v, reward %g", c.name, g, c.formed, c.ok, c.reward)
		}
	}
}
