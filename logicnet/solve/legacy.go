package solve

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/nanteos/nanteos/logicnet/problems"
)

// reader recognises the questions of one generator after their dollars are gone.
type reader struct {
	*problems.Generator
	form *regexp.Regexp // nil where the generator has its own Parse
}

var readers = sync.OnceValue(func() map[string]reader {
	all := map[string]reader{}
	for _, g := range problems.Sound() {
		r := reader{Generator: g}
		if g.Parse == nil && g.Form != "" {
			e := regexp.QuoteMeta(problems.Truth(g.Form))
			e = strings.ReplaceAll(strings.ReplaceAll(e, "%d", `(-?[0-9]{1,15})`), "%%", "%")
			r.form = regexp.MustCompile(`^` + e + `$`)
		}
		all[subtopic(g.Name)] = r
	}
	return all
})

// subtopic returns a generator's name as the legacy frame shows it.
func subtopic(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", " ")) }

// dollars says where the dollars were in questions that can't be read without.
var dollars = map[string]struct {
	text *regexp.Regexp
	with string
}{
	"binary_2s_complement":       {regexp.MustCompile(`^2's complement of ([01]+) =$`), `2's complement of $$$1 = $$`},
	"power_rule_differentiation": {regexp.MustCompile(`^Differentiate (.+)$`), `Differentiate $$$1$$`},
	"system_of_equations":        {regexp.MustCompile(`^Given (.+) and (.+), solve for x and y\.$`), `Given $$$1$$ and $$$2$$, solve for $$x$$ and $$y$$.`},
	"linear_equations": {regexp.MustCompile(`^Given the equations (.+) and (.+), solve for x and y$`),
		`Given the equations $$$1$$ and $$$2$$, solve for $$x$$ and $$y$$`},
	"intersection_of_two_lines": {regexp.MustCompile(`^Find the point of intersection of the two lines: (.+) and (.+)$`),
		`Find the point of intersection of the two lines: $$$1$$ and $$$2$$`},
	"matrix_multiplication": {regexp.MustCompile(`^Multiply (.+) and (.+)$`), `Multiply $$$1$$ and $$$2$$`},
}

// restored reads a question after putting its dollars back.
func (r reader) restored(text string) (problems.Args, bool) {
	tries := []string{"$" + text + "$", "$" + text + " $"}
	if d, ok := dollars[r.Name]; ok {
		tries = []string{d.text.ReplaceAllString(text, d.with)}
	}
	for _, q := range tries {
		if a, ok := r.Read(q); ok {
			return a, true
		}
	}
	return nil, false
}

// mute are the generators whose question alone doesn't say what is asked, or says what no one else would mean by it.
var mute = map[string]bool{
	"binary_complement_1s": true, "binary_to_decimal": true, "binary_to_hex": true, "factoring": true, "expanding": true,
	"combine_like_terms": true, "simplify_square_root": true, "fraction_to_decimal": true, "modulo_division": true,
	"dice_sum_probability": true, "confidence_interval": true, "nth_tribonacci_number": true, "compound_interest": true,
	"basic_trigonometry": true, "quotient_of_power_same_power": true,
}

// framed answers a question in the legacy frame, which names the generator: as the generator does.
func framed(topic, name, text string) (Answer, bool) {
	r, ok := readers()[strings.ToLower(name)]
	if !ok || subtopic(r.Topic) != strings.ToLower(topic) {
		return Answer{}, false
	}
	a, ok := r.read(text)
	if !ok {
		return Answer{}, false
	}
	_, answer := r.Write(a)
	if r.Check != nil && !r.Check(a, answer) {
		return Answer{}, false
	}
	return explained(r.Name, problems.Truth(answer))
}

// unframed answers a question in the exact words of one generator, and only one.
func unframed(text string) (answer Answer, ok bool) {
	found := 0
	for _, r := range readers() {
		if mute[r.Name] {
			continue
		}
		if a, fits := r.read(text); fits {
			found++
			answer, ok = plainly(r, a)
		}
	}
	return answer, ok && found == 1
}

// plainly answers a question outside of the frame: as anybody would, where the generator truncates or shows the noise of doubles.
func plainly(r reader, a problems.Args) (Answer, bool) {
	_, answer := r.Write(a)
	if r.Check != nil && !r.Check(a, answer) {
		return Answer{}, false
	}
	answer = problems.Truth(answer)
	if f := plain[r.Name]; f != nil {
		answer = f(a)
	}
	for _, unit := range []string{" m^2", " m^3", " m/s"} {
		answer = strings.TrimSuffix(answer, unit)
	}
	return explained(r.Name, answer)
}

func explained(name, value string) (Answer, bool) {
	steps := methods[name]
	if steps == "" {
		steps = "This is a question of " + subtopic(name) + "."
	}
	return Answer{Value: value, Steps: steps + " With the given numbers this yields " + value + ".", Family: name}, value != ""
}

// plain are the answers to give outside of the frame to questions that the generators answer in a way of their own.
var plain = map[string]func(a problems.Args) string{
	"volume_cylinder":       func(a problems.Args) string { return places(math.Pi * square(a[1]) * float64(a[0])) },
	"surface_area_cylinder": func(a problems.Args) string { return places(2 * math.Pi * float64(a[1]) * float64(a[0]+a[1])) },
	"volume_cone":           func(a problems.Args) string { return places(math.Pi * square(a[1]) * float64(a[0]) / 3) },
	"surface_area_cone": func(a problems.Args) string {
		r := float64(a[1])
		return places(math.Pi * r * (r + math.Hypot(r, float64(a[0]))))
	},
	"celsius_to_fahrenheit": func(a problems.Args) string {
		return decimalText(new(big.Rat).Add(big.NewRat(int64(a[0])*9, 5), big.NewRat(32, 1)))
	},
	"angle_regular_polygon": func(a problems.Args) string { return places(180 - 360/float64(a[0])) },
}

func square(n int) float64 { return float64(n) * float64(n) }

// places writes a number with at most two decimals.
func places(f float64) string {
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(f, 'f', 2, 64), "0"), ".")
}

// read returns the numbers of a question without dollars.
func (r reader) read(text string) (a problems.Args, ok bool) {
	text = strings.TrimSpace(problems.Truth(text))
	switch {
	case r.Parse != nil:
		if a, ok = r.Parse(text); !ok {
			return r.restored(text)
		}
	case r.form != nil:
		m := r.form.FindStringSubmatch(text)
		if m == nil {
			return nil, false
		}
		for _, s := range m[1:] {
			n, err := strconv.Atoi(s)
			if err != nil {
				return nil, false
			}
			a = append(a, n)
		}
	default:
		return nil, false
	}
	if r.Valid != nil && !r.Valid(a) {
		return nil, false
	}
	question, _ := r.Write(a)
	return a, problems.Truth(question) == text
}
