package grade

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// MaxAnswer is the number of characters from which on a longer answer is wrong under the hardened rules. Section 10 (2).
const MaxAnswer = 1000

// maxTruth bounds what is compared by grammar; a longer truth is left to the judge.
const maxTruth = 4000

// Task is what an answer is held against.
type Task struct {
	// Question is what was asked, in the validator's words (the rewritten question).
	Question string
	// Truth is the right answer.
	Truth string
	// CheatWords are the words of the task pool that no answer may contain; reference rules only. They are matched as delivered
	// against the answer in lower case, so that a word with a capital matches nothing. Section 7.1 B.
	CheatWords []string
}

// Outcome is what became of an answer.
type Outcome string

// The outcomes.
const (
	// Correct is an answer with score 1.
	Correct Outcome = "correct"
	// Incorrect is an answer with score 0.
	Incorrect Outcome = "incorrect"
	// Partial is an answer with a score between 0 and 1, or not a number; reference rules only.
	Partial Outcome = "partial"
	// Cheat is an answer that addresses the judge rather than the question; score -1.
	Cheat Outcome = "cheat"
	// Unscored is an answer that nobody could judge: no score at all, to be left out of every mean.
	Unscored Outcome = "unscored"
)

// Method is what decided.
type Method string

// The methods.
const (
	// ByType refuses answers that are no text.
	ByType Method = "type"
	// ByLength refuses answers that are too long.
	ByLength Method = "length"
	// ByText compares the texts.
	ByText Method = "text"
	// ByNumber compares one number with one number; reference rules.
	ByNumber Method = "number"
	// ByValue compares what the texts mean in the grammar.
	ByValue Method = "value"
	// ByFilter found an attack, or text that no judge should see.
	ByFilter Method = "filter"
	// ByJudge asked a language model.
	ByJudge Method = "judge"
)

// Result is what a Grader says of an answer.
type Result struct {
	// Outcome is what became of the answer.
	Outcome Outcome
	// Score is the correctness in [0, 1], or -1 for a cheat. It is 0 and means nothing when Outcome is Unscored; under reference rules it
	// may be NaN, as the judge said.
	Score float64
	// Method is what decided.
	Method Method
	// Reason is a short word or sentence for logs and metrics. It never quotes the answer.
	Reason string
	// Suspect marks an answer that was not merely wrong: it contained an attack or misled a judge.
	Suspect bool
	// Calls is the number of judge calls that were made.
	Calls int
}

// Scored reports whether Score counts.
func (r Result) Scored() bool { return r.Outcome != Unscored }

// Options configure a Grader. The zero value of every field but Judges is usable.
type Options struct {
	// Reference chooses the rules of the Python reference; the hardened ones otherwise.
	Reference bool
	// Judges are the models to ask. Reference rules ask the first one. Hardened rules ask the first two; one alone is asked twice.
	// Without any, what arithmetic cannot decide is unscored (hardened) or, as in the reference, worth 0.5.
	Judges []Completer
	// Retries is how often a vote is asked for again when a judge fails or cannot be read; 0 means 2, negative none. Hardened rules.
	Retries int
	// Controls are other questions with their truths, best of all real ones that change often, with which a judge's vote is tested.
	// Those with the truth or the question of the task at hand are not used, and built-in ones are when none is left.
	Controls []Task
	// Rand gives canaries and delimiters; crypto/rand when nil. It must be unpredictable to miners and safe for concurrent use.
	Rand io.Reader
}

// Grader says whether answers are right. It is safe for concurrent use when its judges and Rand are.
type Grader struct {
	o Options
}

// ErrOptions means that a Grader cannot work as configured.
var ErrOptions = errors.New("invalid grading options")

// New returns a Grader.
func New(o Options) (*Grader, error) {
	for i, j := range o.Judges {
		if j == nil {
			return nil, fmt.Errorf("%w: judge %d is nil", ErrOptions, i)
		}
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	switch {
	case o.Retries == 0:
		o.Retries = 2
	case o.Retries < 0:
		o.Retries = 0
	}
	return &Grader{o: o}, nil
}

// Grade says whether answer, which is any JSON value, answers the task. An answer that is no text is wrong, for its miner only.
// The context bounds the judge's calls; when it ends, the answer is unscored (hardened) or worth 0.5 (reference).
func (g *Grader) Grade(ctx context.Context, t Task, answer any) Result {
	text, ok := answer.(string)
	if !ok {
		return Result{Outcome: Incorrect, Method: ByType, Reason: "answer is no text"}
	}
	if r, ok := g.Decide(t, text); ok {
		return r
	}
	if g.o.Reference {
		return g.rate(ctx, t, text)
	}
	return g.judge(ctx, t, text)
}

// Decide says whether answer answers the task when that needs no judge, and false when it does. It makes no calls.
func (g *Grader) Decide(t Task, answer string) (Result, bool) {
	if g.o.Reference {
		score, method, ok := compare(t.Truth, answer)
		if !ok {
			return Result{}, false
		}
		return scored(score, method, ""), true
	}
	return decide(t, answer)
}

// scored wraps a score of the reference.
func scored(score float64, m Method, reason string) Result {
	r := Result{Score: score, Method: m, Reason: reason}
	switch score {
	case 1:
		r.Outcome = Correct
	case 0:
		r.Outcome = Incorrect
	case -1:
		r.Outcome, r.Suspect = Cheat, true
	default:
		r.Outcome = Partial
	}
	return r
}

func correct(m Method, reason string) Result {
	return Result{Outcome: Correct, Score: 1, Method: m, Reason: reason}
}

func incorrect(m Method, reason string) Result {
	return Result{Outcome: Incorrect, Method: m, Reason: reason}
}

func tooLong(answer string) bool {
	return len(answer) > MaxAnswer && (len(answer) > 4*MaxAnswer || utf8.RuneCountInString(answer) > MaxAnswer)
}
