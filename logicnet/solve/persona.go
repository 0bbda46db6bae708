package solve

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/nanteos/nanteos/logicnet/problems"
)

// family recognises the questions of one generator in free wording.
type family struct {
	name  string   // of the generator
	words string   // the words besides the neutral ones that such a question may have
	need  []string // expressions that must be found
	args  []string // one expression for each number, in the order of the generator's Args: # is a number, ~ is "of", "is", "equal to", ...
	list  bool     // instead of args: all numbers, enumerated
	scale int      // decimals: Args are in units of 1/scale
	count bool     // the list may be preceded by how many numbers it has
	deny  string   // an expression that must not be found
	goal  string   // what must follow a word that asks; the first of need by default, "-" where the question asks otherwise
	build func(a problems.Args) problems.Args
}

type matcher struct {
	family
	known         map[string]bool
	needs, places []*regexp.Regexp
	deny, goal    *regexp.Regexp
}

var matchers = sync.OnceValue(func() []matcher {
	expand := strings.NewReplacer("#", `(-?[0-9]+(?:\.[0-9]+)?)`,
		"~", `(?:(?:a|an|the|of|is|are|was|being|equal|equals|to|measures|measuring|measured|at|as|exactly|=|:|just|set|given|with|that|which|value|r|h) )*`)
	var all []matcher
	for _, f := range families {
		m := matcher{family: f, known: words(f.words)}
		for _, e := range f.need {
			m.needs = append(m.needs, regexp.MustCompile(` (?:`+expand.Replace(e)+`) `))
		}
		for _, e := range f.args {
			m.places = append(m.places, regexp.MustCompile(` (?:`+expand.Replace(e)+`) `))
		}
		if f.deny != "" {
			m.deny = regexp.MustCompile(` (?:` + expand.Replace(f.deny) + `) `)
		}
		if f.goal == "" {
			m.goal = regexp.MustCompile(askingFor + `(?:` + f.need[0] + `) `)
		}
		all = append(all, m)
	}
	return all
})

var (
	plainWords = strings.NewReplacer(
		`\(`, " ", `\)`, " ", `\[`, " ", `\]`, " ", `\,`, " ", `\times`, " × ", `\cdot`, " · ", `\left`, "", `\right`, "", `\%`, "%",
		`^\circ`, " degrees ", `^{\circ}`, " degrees ", "°c", " celsius ", "°f", " fahrenheit ", "°", " degrees ", "$", "", "*", " ", "_", " ",
		"’", "'", "‘", "'", "“", " ", "”", " ", `"`, " ", "−", "-", "–", "-", "—", " , ", "…", " ", "\u00a0", " ", "½", " half ", "°", " ",
		`\begin{bmatrix}`, " [ ", `\end{bmatrix}`, " ] ", `\\\`, " | ", `\\`, " | ", "(gcd)", " ", "(lcm)", " ", "(gcf)", " ", "m^2", " m² ", "m^3", " m³ ",
	)
	counts     = regexp.MustCompile(` (?:numbers?|amount) of (?:the |all |its )?[a-z]`)
	perYear    = regexp.MustCompile(` (?:per|each|a) (?:year|annum) `)
	squareUnit = regexp.MustCompile(` square ((?:centi|milli|kilo)?met(?:er|re)s?|units?|m|cm|mm|km|inches|feet) `)
	// "How can I calculate it?" asks for what was asked before.
	reference  = regexp.MustCompile(` (?:how )?(?:can|could|would|should|do|might) (?:i|we|you|one) (?:please )?(?:help me )?(?:calculate|find|determine|compute|figure|solve|work) (?:it|this|that)(?: out)? `)
	token      = regexp.MustCompile(`-?\d+(?:\.\d+)?|[a-z0-9²³]+(?:['-][a-z0-9²³]+)*|\S`)
	grouped    = regexp.MustCompile(`\d{1,3}(?:,\d{3})+(?:[^\d,]|$)`)
	aNumber    = regexp.MustCompile(`^-?\d+(?:\.\d+)?$`)
	twoPlaces  = regexp.MustCompile(` (?:rounded |round |accurate |correct )?(?:to|with) (?:two|2) decimal (?:places|points) `)
	enumerated = regexp.MustCompile(`^(?: ,| and| &)+ $`)
	bracketed  = regexp.MustCompile(`^(?: ,| and| &| \[| \]| \|| onto| vector| the| ·| ×)+ $`)
)

// askingFor matches what asks for the quantity that follows.
const askingFor = ` (?:` + asks + `)` +
	` (?:(?:is|are|was|would|will|could|can|might|be|the|its|their|this|that|these|a|an|of|out|me|you|i|we|one|to|for|value|all|exact|total|do|does|go|about|measure|length|number|list) )*`

// asks are the words that ask in free wording.
const asks = `figure out|figuring out|work out|what|what's|find|finding|calculate|calculating|compute|computing|determine|determining|evaluate|evaluating|list`

var anyAsk = regexp.MustCompile(` (?:` + asks + `|which|how) `)

// lengthUnits are the units that a question may name, once: a mixture would have to be converted.
var lengthUnits = map[string]string{
	"m": "m", "meter": "m", "meters": "m", "metre": "m", "metres": "m", "cm": "cm", "centimeter": "cm", "centimeters": "cm",
	"centimetre": "cm", "centimetres": "cm", "unit": "unit", "units": "unit", "km": "km", "kilometers": "km", "mm": "mm", "inches": "in",
	"feet": "ft",
}

// persona answers a question whose free wording fits one family and no other.
func persona(text string) (answer Answer, ok bool) {
	if len(text) > 4096 {
		return Answer{}, false
	}
	s, numbers, fine := normalise(text)
	if !fine {
		return Answer{}, false
	}
	found := 0
	for _, m := range matchers() {
		a, fits := m.read(s, numbers)
		if !fits {
			continue
		}
		r, sound := readers()[subtopic(m.name)]
		if !sound || r.Valid != nil && !r.Valid(a) {
			return Answer{}, false // the family fits, its answer isn't known
		}
		found++
		answer, ok = plainly(r, a)
	}
	return answer, ok && found == 1
}

// normalise returns the text as words and numbers with a space around each, and where the numbers are.
func normalise(text string) (s string, numbers [][]int, ok bool) {
	s = plainWords.Replace(strings.ToLower(text))
	if grouped.MatchString(s) {
		if !strings.Contains(s, "dollar") && !strings.Contains(s, "interest") || strings.Contains(s, "[") {
			return "", nil, false // 1,234: one number or two?
		}
		s = ungroup.ReplaceAllString(s, "$1$2")
	}
	tokens := token.FindAllString(s, maxTokens+1)
	if len(tokens) > maxTokens {
		return "", nil, false
	}
	s = " "
	for _, t := range tokens {
		if t == "?" || t == "!" || t == ";" {
			t = "."
		}
		s += t + " "
	}
	s = twoPlaces.ReplaceAllString(s, " ")
	s = reference.ReplaceAllString(s, " ")
	s = squareUnit.ReplaceAllString(perYear.ReplaceAllString(s, " annually "), " $1 ")
	for at := 0; at < len(s); {
		end := strings.IndexByte(s[at:], ' ') + at
		if aNumber.MatchString(s[at:end]) {
			numbers = append(numbers, []int{at, end})
		}
		at = end + 1
	}
	return s, numbers, len(numbers) > 0
}

var ungroup = regexp.MustCompile(`(\d),(\d{3})`)

// read returns the Args that a text shows if every word of it is known and every number has its place.
func (m *matcher) read(s string, numbers [][]int) (problems.Args, bool) {
	unit := ""
	for t := range strings.FieldsSeq(s) {
		switch u, isUnit := lengthUnits[t]; {
		case neutral[t], m.known[t], aNumber.MatchString(t), strings.Contains(".,:=", t):
		case isUnit && m.known["units"]:
			if unit != "" && unit != u {
				return nil, false
			}
			unit = u
		default:
			return nil, false
		}
	}
	for i, e := range m.needs {
		if n := len(e.FindAllStringIndex(s, 2)); n == 0 || i == 0 && n > 1 {
			return nil, false
		}
	}
	if m.goal != nil && !m.wants(s) || m.deny != nil && m.deny.MatchString(s) {
		return nil, false
	}
	if !m.known["number-of"] && counts.MatchString(s) {
		return nil, false
	}
	places, ok := m.where(s, numbers)
	if !ok {
		return nil, false
	}
	a := make(problems.Args, len(places))
	for i, p := range places {
		if a[i], ok = m.number(s[p[0]:p[1]]); !ok {
			return nil, false
		}
	}
	if m.build != nil {
		a = m.build(a)
	}
	return a, a != nil
}

// wants says whether the last thing that the text asks for is the family's quantity, and that alone.
func (m *matcher) wants(s string) bool {
	all := m.goal.FindAllStringIndex(s, -1)
	if len(all) == 0 {
		return false
	}
	rest := s[all[len(all)-1][1]-1:]
	return !strings.HasPrefix(rest, " and ") && !strings.HasPrefix(rest, " or ") && !strings.HasPrefix(rest, " , ") && !anyAsk.MatchString(rest)
}

// where returns where the Args stand. No other number may be in the text.
func (m *matcher) where(s string, numbers [][]int) ([][]int, bool) {
	if m.list {
		if m.count && len(numbers) > 2 && s[numbers[0][0]:numbers[0][1]] == strconv.Itoa(len(numbers)-1) &&
			!enumerated.MatchString(s[numbers[0][1]:numbers[1][0]]) {
			numbers = numbers[1:]
		}
		between := enumerated
		if m.known["["] && m.known["|"] {
			between = bracketed
		}
		for i := 1; i < len(numbers); i++ {
			if !between.MatchString(s[numbers[i-1][1]:numbers[i][0]]) {
				return nil, false
			}
		}
		return numbers, true
	}
	if len(numbers) != len(m.args) {
		return nil, false
	}
	var places [][]int
	for _, e := range m.places {
		all := e.FindAllStringSubmatchIndex(s, 2)
		if len(all) != 1 {
			return nil, false
		}
		var at []int
		for g := 2; g < len(all[0]); g += 2 {
			if all[0][g] >= 0 {
				if at != nil {
					return nil, false
				}
				at = all[0][g : g+2]
			}
		}
		if at == nil || slices.ContainsFunc(places, func(p []int) bool { return p[0] == at[0] }) {
			return nil, false
		}
		places = append(places, at)
	}
	return places, true
}

// number reads a number in units of 1/scale; one that isn't whole in these is refused.
func (m *matcher) number(s string) (int, bool) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.Abs(f) > 1e12 || len(strings.TrimLeft(s, "-0")) > 15 {
		return 0, false
	}
	scaled := f * float64(max(1, m.scale))
	n := math.Round(scaled)
	return int(n), math.Abs(scaled-n) < 1e-6 && (m.scale > 1 || !strings.Contains(s, "."))
}
