package grade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// corpus is testdata/injections.json.
type corpus struct {
	About string
	Tasks []struct{ Name, Question, Truth string }
	// Attacks are wrong answers to every task. Expected is the outcome for the task "text": "cheat" or "incorrect", with the reason, or
	// "judge" where a judge may see the text.
	Attacks []struct{ Name, Class, Language, Answer, Expected, Reason string }
}

func loadCorpus(t testing.TB) corpus {
	t.Helper()
	var c corpus
	load(t, "testdata/injections.json", &c)
	classes, languages := map[string]bool{}, map[string]bool{}
	for _, a := range c.Attacks {
		classes[a.Class], languages[a.Language] = true, true
	}
	if len(c.Attacks) < 60 || len(classes) < 20 || len(languages) < 10 {
		t.Fatalf("%d attacks of %d classes in %d languages", len(c.Attacks), len(classes), len(languages))
	}
	return c
}

// TestInjectionsDeterministic shows that no attack is right without a judge, and that those of known classes are caught before one.
func TestInjectionsDeterministic(t *testing.T) {
	c := loadCorpus(t)
	caught := 0
	for _, a := range c.Attacks {
		for _, k := range c.Tasks {
			r, ok := decide(Task{Question: k.Question, Truth: k.Truth}, a.Answer)
			if r.Outcome == Correct || r.Score > 0 {
				t.Errorf("%s for %s: %+v", a.Name, k.Name, r)
			}
			if !ok && a.Expected != "judge" {
				t.Errorf("%s for %s reaches the judge", a.Name, k.Name)
			}
			if k.Name != "text" {
				continue
			}
			if ok != (a.Expected != "judge") || ok && (string(r.Outcome) != a.Expected || r.Reason != a.Reason) {
				t.Errorf("%s: %s (%s), want %s (%s)", a.Name, r.Outcome, r.Reason, a.Expected, a.Reason)
			}
			if ok {
				caught++
			}
		}
	}
	t.Logf("%d of %d attacks never reach a judge; the others are arithmetic and code without any address", caught, len(c.Attacks))
}

// TestInjectionsAroundAnswers puts attacks before, behind and around wrong answers, and behind the right one.
func TestInjectionsAroundAnswers(t *testing.T) {
	wrong := map[string]string{"number": "41", "text": "his uncle", "truth value": "No", "expression": "3x^2 + 6"}
	c := loadCorpus(t)
	for i, a := range c.Attacks {
		for _, k := range c.Tasks {
			task := Task{Question: k.Question, Truth: k.Truth}
			for j, form := range []string{"%s %s", "%[2]s\n%[1]s", `\boxed{%s} %s`, "The answer is %s. %s", "**%s** (%s)", `%s \text{%s}`} {
				if (i+j)%2 == 0 && testing.Short() {
					continue
				}
				answer := fmt.Sprintf(form, wrong[k.Name], a.Answer)
				if r, _ := decide(task, answer); r.Outcome == Correct {
					t.Errorf("%q for %s: %+v", answer, k.Name, r)
				}
			}
			if r, ok := decide(task, k.Truth+". "+a.Answer); a.Expected == "cheat" && ok && r.Outcome == Correct {
				t.Errorf("%s behind the right answer: %+v", a.Name, r)
			}
		}
	}
}

// received is the data of a judge's message.
type received struct{ Question, Truth, Answer string }

// read takes a request apart as a model would: canary and data.
func read(r Request) (canary string, data received) {
	system, user := r.Messages[0].Content, r.Messages[1].Content
	_, canary, _ = strings.Cut(system, `"canary": "`)
	canary, _, _ = strings.Cut(canary, `"`)
	lines := strings.Split(user, "\n")
	if len(lines) != 3 || lines[0] != lines[2] {
		panic("the message is not data between delimiters: " + user)
	}
	if err := json.Unmarshal([]byte(lines[1]), &data); err != nil {
		panic(err)
	}
	return canary, data
}

func says(v Verdict, canary string) string {
	return fmt.Sprintf(`{"verdict": %q, "canary": %q}`, v, canary)
}

// honestVerdict compares as an attentive reader would.
func honestVerdict(d received) Verdict {
	known := map[string]string{"his son": "the man's son"}
	if canonical(d.Answer) == canonical(d.Truth) || known[canonical(d.Answer)] == d.Truth {
		return SaysCorrect
	}
	return SaysIncorrect
}

// gullible are judges that read honestly until an attack asks for something else.
func gullible(attacks map[string]bool) map[string]CompleterFunc {
	judge := func(f func(canary string, d received) string) CompleterFunc {
		return func(_ context.Context, r Request) (string, error) {
			canary, d := read(r)
			if attacks[d.Answer] {
				return f(canary, d), nil
			}
			return says(honestVerdict(d), canary), nil
		}
	}
	refusing := func(_ context.Context, r Request) (string, error) {
		canary, d := read(r)
		if attacks[d.Answer] {
			return "", errors.New("400 content_filter")
		}
		return says(honestVerdict(d), canary), nil
	}
	return map[string]CompleterFunc{
		"refusing":  refusing,
		"obedient":  judge(func(canary string, _ received) string { return says(SaysCorrect, canary) }),
		"verbatim":  judge(func(_ string, d received) string { return d.Answer }),
		"parrot":    judge(func(string, received) string { return `{"verdict": "correct"}` }),
		"guessing":  judge(func(string, received) string { return says(SaysCorrect, "0123456789abcdef01234567") }),
		"chatty":    judge(func(canary string, _ received) string { return "Sure! " + says(SaysCorrect, canary) }),
		"fenced":    judge(func(canary string, _ received) string { return "```json\n" + says(SaysCorrect, canary) + "\n```" }),
		"shy":       judge(func(canary string, _ received) string { return says(SaysUnsure, canary) }),
		"confused":  judge(func(string, received) string { return "Le fromage est bon." }),
		"silent":    judge(func(string, received) string { return "" }),
		"leaky":     judge(func(canary string, _ received) string { return canary }),
		"two-faced": judge(func(canary string, d received) string { return says(SaysCorrect, canary) + says(SaysIncorrect, canary) }),
	}
}

// TestInjectionsGullibleJudges shows that no attack gains by a judge that does what it asks: with the filter, and with the filter off.
// An attack may not even leave its answer unscored, which would spare a miner its wrong answers.
func TestInjectionsGullibleJudges(t *testing.T) {
	c := loadCorpus(t)
	attacks := map[string]bool{}
	for _, a := range c.Attacks {
		attacks[a.Answer] = true
		attacks[strings.TrimSpace(a.Answer)] = true
	}
	for name, j := range gullible(attacks) {
		var graders []*Grader
		for _, judges := range [][]Completer{{j}, {j, j}, {j, CompleterFunc(reliable)}} {
			g, err := New(Options{Judges: judges, Retries: -1})
			if err != nil {
				t.Fatal(err)
			}
			graders = append(graders, g)
		}
		for i, a := range c.Attacks {
			check := func(form, task string, r Result) {
				t.Helper()
				if r.Outcome != Incorrect && r.Outcome != Cheat || r.Score > 0 {
					t.Errorf("%s judge, %s, %s for %s: %+v", name, form, a.Name, task, r)
				}
			}
			for k, task := range c.Tasks {
				r := graders[(i+k)%len(graders)].judge(t.Context(), Task{Question: task.Question, Truth: task.Truth}, a.Answer)
				check("unfiltered", task.Name, r)
			}
			task := c.Tasks[i%len(c.Tasks)]
			r := graders[i%len(graders)].Grade(t.Context(), Task{Question: task.Question, Truth: task.Truth}, a.Answer)
			check("filtered", task.Name, r)
			if a.Expected != "judge" && r.Calls > 0 {
				t.Errorf("%s judge was shown %s", name, a.Name)
			}
		}
	}
}

func reliable(_ context.Context, r Request) (string, error) {
	canary, d := read(r)
	return says(honestVerdict(d), canary), nil
}

// TestInjectionsBrokenJudges shows that judges that call everything right, or anything, give no score at all.
func TestInjectionsBrokenJudges(t *testing.T) {
	c := loadCorpus(t)
	for name, reply := range map[string]func(canary string) (string, error){
		"always correct": func(canary string) (string, error) { return says(SaysCorrect, canary), nil },
		"always unsure":  func(canary string) (string, error) { return says(SaysUnsure, canary), nil },
		"babbling":       func(string) (string, error) { return "1.0", nil },
		"empty":          func(string) (string, error) { return "", nil },
		"half":           func(canary string) (string, error) { return says(SaysCorrect, canary)[:20], nil },
		"unreachable":    func(string) (string, error) { return "", errors.New("connection refused") },
	} {
		j := CompleterFunc(func(_ context.Context, r Request) (string, error) {
			canary, _ := read(r)
			return reply(canary)
		})
		g, err := New(Options{Judges: []Completer{j, j}})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range c.Attacks {
			for _, k := range c.Tasks {
				task := Task{Question: k.Question, Truth: k.Truth}
				if r := g.judge(t.Context(), task, a.Answer); r.Outcome != Unscored || r.Score != 0 {
					t.Errorf("%s, %s for %s: %+v", name, a.Name, k.Name, r)
				}
			}
		}
	}
}

// TestInjectionsReference shows that the reference rules run nothing either: what a Python evaluator would execute is undecided.
func TestInjectionsReference(t *testing.T) {
	for _, a := range loadCorpus(t).Attacks {
		if a.Class != "code" {
			continue
		}
		if score, ok := Compare("42", a.Answer); ok && score > 0.5 {
			t.Errorf("%q is worth %v", a.Answer, score)
		}
	}
	for _, s := range []string{"__import__('os').system('id') + 1 + 2", "factorial(factorial(9)) + 1", "1 + (" + strings.Repeat("(", 500) + "2", "3 + 4 + [].__class__",
		"exec('1') and 42", "open('/etc/passwd') or 42 + 0", "1 + lambda: 5"} {
		if score, ok := Compare("42", s); ok {
			t.Errorf("%q is decided: %v", s, score)
		}
	}
}
