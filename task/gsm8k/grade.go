package gsm8k

import (
	"context"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/task"
	"github.com/nanteos/nanteos/task/answer"
)

// Answer is what the parser makes of a completion.
type Answer struct {
	answer.Result
	Text        string // the number, commas removed; empty where there is none
	NumericOnly bool   // the answer block holds nothing but a number
}

// Parse reads a completion as the reference does.
func Parse(completion string, tags task.Tags) Answer {
	a := Answer{Result: answer.Scan(completion, tags)}
	inside := cpython.Strip(a.Content)
	if start, end, ok := firstNumber(inside); ok {
		a.Text = cpython.Strip(dropCommas(inside[start:end]))
		a.NumericOnly = onlyNumeric(strings.ReplaceAll(inside, " ", ""))
	}
	return a
}

// onlyNumeric is the match of ^[-+]?[\d.,]+$.
func onlyNumeric(s string) bool {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r != '.' && r != ',' && !isDigit(r) }) < 0
}

// parsePlain reads a completion without the reference's quirks.
func parsePlain(completion string, tags task.Tags) Answer {
	a := Answer{Result: answer.Scan(completion, tags)}
	inside := cpython.Strip(a.Content)
	if start, end, ok := scanNumber(inside, 0, plainNumberAt); ok {
		a.Text = dropCommas(inside[start:end])
		a.NumericOnly = start == 0 && (inside[end:] == "" || inside[end:] == ".")
	}
	return a
}

const goldMark = "####"

// Gold returns the gold answer in the text of a dataset's answer: what follows the last #### on its line, else the last number, else the last line that
// isn't blank.
func Gold(text string) string {
	if gold, ok := marked(text); ok {
		return gold
	}
	if number, ok := lastNumber(text, numberAt); ok {
		return dropCommas(number)
	}
	return lastLine(text)
}

// marked finds the last match of ####\s*(.+) and strips it.
func marked(text string) (gold string, ok bool) {
	for i := 0; ; {
		at := strings.Index(text[i:], goldMark)
		if at < 0 {
			return gold, ok
		}
		at += i
		start := at + len(goldMark)
		rest := strings.TrimLeftFunc(text[start:], cpython.IsSpace)
		if rest == "" { // \s* has taken everything and gives back a last blank, if one is no newline
			blanks := strings.TrimRight(text[start:], "\n")
			if blanks == "" {
				i = at + 1
				continue
			}
			return "", true
		}
		line, _, _ := strings.Cut(rest, "\n")
		gold, ok = cpython.Strip(line), true
		i = len(text) - len(rest) + len(line)
	}
}

func lastLine(text string) string {
	last := ""
	for line := range strings.SplitSeq(text, "\n") {
		if s := cpython.Strip(line); s != "" {
			last = s
		}
	}
	return last
}

// goldNumber is Gold without its quirks: the number in it, where there is one.
func goldNumber(text string) string {
	gold, ok := marked(text)
	if !ok {
		if number, found := lastNumber(text, plainNumberAt); found {
			return dropCommas(number)
		}
		return lastLine(text)
	}
	if start, end, found := scanNumber(gold, 0, plainNumberAt); found {
		return dropCommas(gold[start:end])
	}
	return gold
}

// Normalize is what the reference compares: stripped, lower case, without a final run of white space and full stops.
func Normalize(s string) string {
	return strings.TrimRightFunc(cpython.Lower(cpython.Strip(s)), func(r rune) bool { return r == '.' || cpython.IsSpace(r) })
}

// equalNumbers compares by value where both texts are numbers, otherwise as texts.
func equalNumbers(pred, gold string) bool {
	if p, ok := value(pred); ok {
		if g, ok := value(gold); ok {
			return p.Cmp(g) == 0
		}
	}
	return Normalize(pred) == Normalize(gold)
}

// weights of the components r0 to r4: correctness, strict, thinking, answer, no trailing.
var weights = []float64{0.6, 0.15, 0.1, 0.1, 0.05}

// Grade judges a completion. It fails only when the context has ended.
func (t *Task) Grade(ctx context.Context, completion string) (task.Grade, error) {
	if err := ctx.Err(); err != nil {
		return task.Grade{}, t.errEnded(err)
	}
	var a Answer
	gold, correct := t.gold(), false
	if t.quirks {
		a = Parse(completion, t.tags)
		correct = a.Text != "" && Normalize(a.Text) == Normalize(gold)
	} else {
		a = parsePlain(completion, t.tags)
		correct = a.Text != "" && equalNumbers(a.Text, gold)
	}
	g := task.Grade{
		Success: correct,
		Components: []task.Component{
			{Name: "r0", Value: earned(correct, 1)},
			{Name: "r1", Value: earned(a.HasAnswer && a.NumericOnly && a.Trailing == 0, 0.3)},
			{Name: "r2", Value: a.ThinkingFormat()},
			{Name: "r3", Value: a.AnswerFormat()},
			{Name: "r4", Value: a.NoTrailing()},
		},
		Info: map[string]any{"gold_answer": gold, "pred_answer": a.Text, "termination_cause": "final"},
	}
	g.Reward = task.WeightedSum(weights, g.Components)
	return g, nil
}

func earned(ok bool, value float64) float64 {
	if ok {
		return value
	}
	return 0
}
