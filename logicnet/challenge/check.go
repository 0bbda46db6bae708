package challenge

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nanteos/nanteos/internal/cpython"
)

// ErrCheck says that a text does not put the same problem, or not that alone.
var ErrCheck = errors.New("the rewrite puts another problem")

// What a rewrite may be as long as, in characters: maxGrowth times the problem and maxExtra, but no more than maxRewrite; at least
// minRewrite, or the problem's length where that is less.
const (
	maxGrowth  = 2
	maxExtra   = 600
	maxRewrite = 4096
	minRewrite = 8
)

// Check says what is wrong with a rewrite of a task, nil when nothing is: its length, invisible characters, text that is no question,
// an answer given away, its numbers (CheckNumbers). Errors wrap ErrCheck.
func Check(t Task, rewrite string) error { return check(t, rewrite, CheckNumbers) }

// CheckAnyOrder is Check with numbers in any order (CheckNumbersAnyOrder).
func CheckAnyOrder(t Task, rewrite string) error { return check(t, rewrite, CheckNumbersAnyOrder) }

func check(t Task, rewrite string, numbers func(question, rewrite string) error) error {
	for _, err := range []error{lengthError(t.Question, rewrite), characterError(t.Question, rewrite)} {
		if err != nil {
			return err
		}
	}
	if err := instructionError(t.Question, rewrite); err != nil {
		return err
	}
	if err := numbers(t.Question, rewrite); err != nil {
		return err
	}
	return leakError(t, rewrite)
}

func lengthError(question, rewrite string) error {
	was, is := utf8.RuneCountInString(question), utf8.RuneCountInString(rewrite)
	switch {
	case cpython.Strip(rewrite) == "":
		return fmt.Errorf("%w: it is blank", ErrCheck)
	case is < min(was, minRewrite):
		return fmt.Errorf("%w: it has %d characters instead of %d", ErrCheck, is, was)
	case is > min(maxGrowth*was+maxExtra, max(maxRewrite, was)):
		return fmt.Errorf("%w: it has %d characters instead of %d", ErrCheck, is, was)
	}
	return nil
}

// characterError refuses control and invisible characters that the problem does not have.
func characterError(question, rewrite string) error {
	if !utf8.ValidString(rewrite) {
		return fmt.Errorf("%w: it is no UTF-8", ErrCheck)
	}
	for _, r := range rewrite {
		hidden := unicode.Is(unicode.Cc, r) && r != '\n' && r != '\t' && r != '\r' || unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs) || r == utf8.RuneError
		if hidden && !strings.ContainsRune(question, r) {
			return fmt.Errorf("%w: it has the character %U", ErrCheck, r)
		}
	}
	return nil
}

// instructions are texts, in lower case, of models that talk about their task instead of doing it, and of those that instruct the reader.
var instructions = []string{
	"<|", "|>", "[inst]", "[/inst]", "<<sys>>", "</s>", "<think", "</think", "```", "<original_question", "</original_question", "<question", "</question",
	"system:", "assistant:", "user:", "### ", "system prompt", "previous instruction", "prior instruction", "above instruction", "ignore all", "ignore the above",
	"ignore previous", "disregard", "as an ai", "language model", "i'm sorry", "i am sorry", "i cannot help", "i can't help", "i cannot assist",
	"i can't assist", "i'm unable to", "rephras", "rewrit", "reword", "paraphras", "specified persona", "original question", "original problem", "simulating",
	"inquisitive tone", "thoughtful tone", "meticulous tone", "enthusiastic tone", "serious tone", "playful tone", "here is the question",
	"here's the question", "here is the problem:", "here is your", "here's your", "solution:", "answer:", "final answer is", "\\boxed", "the solution is:",
	"the correct answer is", "in the same order, and add no", "do not include the solution", "to solve this, we", "to find the answer, we",
}

// instructionError refuses a rewrite with text that is no question.
func instructionError(question, rewrite string) error {
	q, r := strings.ToLower(question), strings.ToLower(straight.Replace(rewrite))
	for _, text := range instructions {
		if strings.Contains(r, text) && !strings.Contains(q, text) {
			return fmt.Errorf("%w: it says %q", ErrCheck, text)
		}
	}
	for _, opening := range []string{"sure", "certainly", "of course", "absolutely", "okay", "ok,"} {
		if rest, ok := strings.CutPrefix(r, opening); ok && !strings.HasPrefix(q, opening) && (rest == "" || strings.ContainsAny(rest[:1], "!,.: ")) {
			return fmt.Errorf("%w: it begins with %q", ErrCheck, opening)
		}
	}
	return nil
}

var straight = strings.NewReplacer("’", "'", "‘", "'")

// leakError refuses a rewrite that has the answer more often than the problem, as a word of its own. Answers that are one letter are found
// only where the text calls them the answer: CheckNumbers keeps out those that are numbers.
func leakError(t Task, rewrite string) error {
	answer := strings.Join(strings.Fields(strings.ToLower(Clean(t.Answer))), " ")
	q := strings.Join(strings.Fields(strings.ToLower(strings.ReplaceAll(t.Question, "$", ""))), " ")
	r := strings.Join(strings.Fields(strings.ToLower(strings.ReplaceAll(rewrite, "$", ""))), " ")
	if utf8.RuneCountInString(answer) > 1 && occurrences(r, answer) > occurrences(q, answer) {
		return fmt.Errorf("%w: it gives the answer", ErrCheck)
	}
	for _, before := range []string{"the answer is ", "answer = ", "the result is ", "which gives ", "which equals "} {
		_, after, ok := strings.Cut(r, before)
		if ok && answer != "" && strings.HasPrefix(after, answer) && !strings.Contains(q, before+answer) {
			return fmt.Errorf("%w: it gives the answer", ErrCheck)
		}
	}
	return nil
}

// occurrences counts where text stands in s with neither a letter nor a digit before or after.
func occurrences(s, text string) int {
	n := 0
	for at := 0; ; {
		i := strings.Index(s[at:], text)
		if i < 0 {
			return n
		}
		i += at
		before, _ := utf8.DecodeLastRuneInString(s[:i])
		after, size := utf8.DecodeRuneInString(s[i+len(text):])
		decimal := after == '.' && i+len(text)+size < len(s) && ascii(rune(s[i+len(text)+size]))
		if !wordRune(before) && !wordRune(after) && !decimal {
			n++
		}
		_, width := utf8.DecodeRuneInString(s[i:])
		at = i + width
	}
}

func wordRune(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsNumber(r))
}

// tidy takes off what models put around a rewrite: their thoughts, quotation marks, a word like "Question:".
func tidy(reply, question string) string {
	reply = cpython.Strip(reply)
	if strings.HasPrefix(reply, "<think>") {
		if _, after, ok := strings.Cut(reply, "</think>"); ok {
			reply = cpython.Strip(after)
		}
	}
	for _, label := range []string{"Question:", "Problem:", "**Question:**", "**Problem:**"} {
		if rest, ok := strings.CutPrefix(reply, label); ok && !strings.HasPrefix(question, label) {
			reply = cpython.Strip(rest)
		}
	}
	for _, q := range [][2]string{{`"`, `"`}, {"“", "”"}} {
		inner, ok1 := strings.CutPrefix(reply, q[0])
		inner, ok2 := strings.CutSuffix(inner, q[1])
		if ok1 && ok2 && !strings.Contains(inner, q[0]) && !strings.HasPrefix(question, q[0]) {
			reply = cpython.Strip(inner)
		}
	}
	return reply
}
