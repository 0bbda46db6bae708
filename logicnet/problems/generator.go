package problems

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/nanteos/nanteos/internal/cpython"
)

// ErrDraw says that a draw hit one of the cases for which the reference raises (a matrix of zeros, a division by zero). The next
// draw of the same Rand may succeed.
var ErrDraw = errors.New("the draw has no question")

// Args are the numbers that a question shows, in the order in which it shows them. Decimals are given in hundredths, texts and
// floats of full precision by a number that their generator chooses.
type Args []int

// Params bounds what a generator draws. The names are those of the reference.
type Params map[string]int

// Generator poses questions of one kind.
type Generator struct {
	ID    int    // position in the reference's table
	Name  string // the reference's name, and the sub-topic of the legacy frame
	Topic string // the reference's subject: basic_math, algebra, ...

	// Defect says why the generator must not be used: a wrong answer, or a question that nobody can answer. Empty when it is sound.
	Defect string

	// Defaults are the reference's parameters, Wide those of the hardened source: nil when the generator has so few questions that
	// they can be tabulated.
	Defaults, Wide Params

	// Draw returns the numbers of one question, nil where the reference raises.
	Draw func(r *cpython.Rand, p Params) Args

	// Form is the question with a %d for each of the Args. Where that is not enough, Ask writes the question and Parse reads it.
	Form  string
	Ask   func(a Args) string
	Parse func(question string) (Args, bool)

	// Valid says whether numbers that were read from a foreign text are such that Answer can answer within bounded time; nil means
	// always. Draw gives valid numbers only.
	Valid func(a Args) bool

	// Answer writes the reference's answer.
	Answer func(a Args) string

	// Check derives the answer in another way and says whether it is the given one. A generator without is not used by Source.
	Check func(a Args, answer string) bool

	read *regexp.Regexp // Form as an expression
}

// Generators returns every generator known, ascending by id. They are shared and must not be changed.
func Generators() []*Generator { return slices.Clone(all()) }

// ByName returns a generator by the reference's name.
func ByName(name string) (*Generator, bool) {
	for _, g := range all() {
		if g.Name == name {
			return g, true
		}
	}
	return nil, false
}

// Sound returns the generators whose questions can be answered and whose answers are right.
func Sound() []*Generator {
	return slices.DeleteFunc(Generators(), func(g *Generator) bool { return g.Defect != "" })
}

var all = sync.OnceValue(func() []*Generator {
	gs := slices.Concat(generatorsA(), generatorsB())
	slices.SortFunc(gs, func(a, b *Generator) int { return a.ID - b.ID })
	for _, g := range gs {
		if g.Form != "" {
			e := strings.ReplaceAll(regexp.QuoteMeta(g.Form), "%d", `(-?[0-9]{1,15})`)
			g.read = regexp.MustCompile(`^` + strings.ReplaceAll(e, "%%", "%") + `$`)
		}
	}
	return gs
})

// Generate draws and writes one question and its answer as the reference does; p nil stands for the reference's parameters.
// The error is ErrDraw.
func (g *Generator) Generate(r *cpython.Rand, p Params) (question, answer string, err error) {
	if p == nil {
		p = g.Defaults
	}
	a := g.Draw(r, p)
	if a == nil {
		return "", "", fmt.Errorf("couldn't generate %s: %w", g.Name, ErrDraw)
	}
	question, answer = g.Write(a)
	return question, answer, nil
}

// Write writes the question that shows a, and its answer.
func (g *Generator) Write(a Args) (question, answer string) {
	return g.ask(a), g.Answer(a)
}

func (g *Generator) ask(a Args) string {
	if g.Ask != nil {
		return g.Ask(a)
	}
	shown := make([]any, len(a))
	for i, v := range a {
		shown[i] = v
	}
	return fmt.Sprintf(g.Form, shown...)
}

// Read returns the numbers that a question of this generator shows; ok is false for any other text. Write answers what Read returns.
func (g *Generator) Read(question string) (a Args, ok bool) {
	switch {
	case len(question) > 1<<14:
		return nil, false
	case g.Parse != nil:
		if a, ok = g.Parse(question); !ok {
			return nil, false
		}
	case g.read != nil:
		m := g.read.FindStringSubmatch(question)
		if m == nil {
			return nil, false
		}
		a = make(Args, len(m)-1)
		for i, s := range m[1:] {
			n, err := strconv.Atoi(s)
			if err != nil {
				return nil, false
			}
			a[i] = n
		}
	default:
		return nil, false
	}
	if g.Valid != nil && !g.Valid(a) || g.ask(a) != question {
		return nil, false
	}
	return a, true
}

// LegacyFrame wraps a question of g as validators did until March 2025 (section 6.4): the raw question of a challenge.
func (g *Generator) LegacyFrame(question string) string {
	return "Find the solution of this math problem:\n---\nTopic: " + title(g.Topic) + ", Subtopic: " + title(g.Name) + ".\n" +
		Truth(question) + "\n---\n"
}

// Truth returns the ground truth of an answer: without dollar signs, trimmed.
func Truth(answer string) string { return cpython.Strip(strings.ReplaceAll(answer, "$", "")) }

// title returns a name of the reference as the frame shows it.
func title(name string) string {
	s := strings.ReplaceAll(name, "_", " ")
	return strings.ToUpper(s[:1]) + strings.ToLower(s[1:])
}
