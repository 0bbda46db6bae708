package grade

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// decide is the hardened rules' comparison without a judge.
func decide(t Task, answer string) (Result, bool) {
	if tooLong(answer) {
		return incorrect(ByLength, "longer than 1000 characters"), true
	}
	answer = strings.TrimSpace(answer)
	if answer == "" {
		return incorrect(ByText, "empty answer"), true
	}
	if text := canonical(answer); answer == strings.TrimSpace(t.Truth) || text != "" && text == canonical(t.Truth) {
		return correct(ByText, "same text"), true
	}
	c := newComparer(vocabulary(t))
	var truths, readings []shape
	if len(t.Truth) <= maxTruth {
		truths, readings = c.reader.readings(t.Truth), c.reader.readings(answer)
		switch c.readings(truths, readings) {
		case yes:
			return correct(ByValue, "same value"), true
		case no:
			return incorrect(ByValue, "other value"), true
		}
	}
	if f := Inspect(t, answer); f.Attack != None {
		if f.Sure {
			return Result{Outcome: Cheat, Score: -1, Method: ByFilter, Reason: string(f.Attack), Suspect: true}, true
		}
		return Result{Outcome: Incorrect, Method: ByFilter, Reason: string(f.Attack), Suspect: true}, true
	}
	if len(truths) > 0 && len(readings) == 0 {
		if r, ok := c.sentence(truths, answer); ok {
			return r, true
		}
	}
	if wordy(t, answer) {
		return incorrect(ByFilter, "not a short answer"), true
	}
	return Result{}, false
}

// canonical folds what never changes an answer: case, white space, dollar signs, the closing point, quotes, articles.
func canonical(s string) string {
	s = norm.NFC.String(strings.ToLower(plainText(s)))
	s = strings.ReplaceAll(s, "$", "")
	s = strings.Join(strings.Fields(s), " ")
	for _, article := range []string{"the ", "a ", "an "} {
		if rest, ok := strings.CutPrefix(s, article); ok && rest != "" {
			return rest
		}
	}
	return s
}

// vocabulary are the words of the question and the truth.
func vocabulary(t Task) map[string]bool {
	m := map[string]bool{}
	text := t.Question + " " + t.Truth
	if len(text) > 4*maxTruth {
		text = text[:4*maxTruth]
	}
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) }) {
		m[w] = true
	}
	if strings.Contains(text, "%") || m["percentage"] {
		m["percent"] = true
	}
	return m
}

// hedges are words that keep a sentence with the right number from being right.
var hedges = regexp.MustCompile(`(?i)\b(?:not|no|never|none|neither|nor|cannot|without|except|unless|instead|wrong|incorrect|false|if|or|maybe|perhaps|` +
	`possibly|either|between|about|approximately|roughly|almost|nearly|around|less|more|greater|fewer|least|most|over|under|above|below|exceeds?|` +
	`minus|negative|plus|half|third|quarter|double|twice|triple|times|percent|mod|modulo|squared|cubed|root|log|sin|cos|tan|dozen|hundred|thousand|` +
	`million|billion|unsure|guess|depends|undefined|impossible)\b|n't|n’t`)

// stated finds the answer that a sentence states.
var stated = regexp.MustCompile(`(?i)\b(?:answer|result|solution)(?:\s+(?:to|of|for)\s+(?:the|this)\s+[a-z]{1,12})?\s*(?:is|=|:)+\s*`)

// sentence decides answers that are sentences around one number, or that begin with yes or no.
func (c *comparer) sentence(truths []shape, answer string) (Result, bool) {
	hedged := hedges.MatchString(answer)
	if said := statement(answer); said != "" && said != answer {
		switch v := c.readings(truths, c.reader.readings(said)); {
		case v == yes && !hedged:
			return correct(ByValue, "stated value"), true
		case v == no && !hedged:
			return incorrect(ByValue, "other stated value"), true
		}
	}
	if truths[0].kind == truth {
		return leading(truths[0].yes, answer)
	}
	if !slices.ContainsFunc(truths, func(x shape) bool { return x.kind == scalar && constantNode(x.node) }) {
		return Result{}, false
	}
	found, clear := c.candidates(answer)
	switch {
	case !clear:
		return Result{}, false
	case len(found) == 0:
		return incorrect(ByValue, "no number"), true
	case len(found) > 8:
		return incorrect(ByValue, "too many numbers"), true
	}
	fits := 0
	for _, x := range found {
		if c.readings(truths, []shape{x}) != no || c.readings(truths, []shape{minus(x)}) != no {
			fits++
		}
	}
	switch {
	case fits == 0:
		return incorrect(ByValue, "other values"), true
	case fits == len(found) && !hedged && c.readings(truths, found[:1]) == yes:
		return correct(ByValue, "single value"), true
	}
	return Result{}, false
}

func constantNode(n *node) bool {
	names := map[string]bool{}
	n.variables(names)
	return len(names) == 0 && !n.opaque()
}

func minus(x shape) shape {
	if x.kind == scalar {
		x.node = &node{op: "neg", args: []*node{x.node}}
	}
	return x
}

// statement returns the one boxed text of an answer, or what follows its last "the answer is".
func statement(answer string) string {
	contents, _ := boxed(answer)
	slices.Sort(contents)
	if contents = slices.Compact(contents); len(contents) > 0 {
		if len(contents) > 1 {
			return ""
		}
		return contents[0]
	}
	all := stated.FindAllStringIndex(answer, -1)
	if len(all) == 0 {
		return ""
	}
	return answer[all[len(all)-1][1]:]
}

// leading decides "Yes, because …" when the other word does not occur.
func leading(want bool, answer string) (Result, bool) {
	words := strings.FieldsFunc(strings.ToLower(answer), func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' })
	polarity := func(w string) verdict {
		switch w {
		case "yes", "true":
			return yes
		case "no", "false":
			return no
		}
		return unknown
	}
	if len(words) == 0 || polarity(words[0]) == unknown {
		return Result{}, false
	}
	for _, w := range words[1:] {
		if p := polarity(w); p != unknown && p != polarity(words[0]) || w == "not" || strings.HasSuffix(w, "n't") {
			return Result{}, false
		}
	}
	if (polarity(words[0]) == yes) == want {
		return correct(ByValue, "stated truth value"), true
	}
	return incorrect(ByValue, "other truth value"), true
}

var (
	// words of a sentence, which stand between its numbers; the names that mathematics has stay.
	sentenceWord = regexp.MustCompile(`[a-zα-ω]+`)
	// wordNumbers are words that stand for numbers.
	wordNumber = regexp.MustCompile(`(?i)\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|[a-z]+teen|twenty|thirty|forty|fifty|` +
		`sixty|seventy|eighty|ninety|hundred|thousand|million|half|halves|thirds?|quarters?|fourths?|fifths?|nil|null|none|nothing|dozen|single|` +
		`once|twice|double|infinity|infinite|log|ln|sin|cos|tan|exp|mod|root|integral|sum|squared|cubed|power)\b`)
)

// candidates returns the numbers in a sentence, each value once. It is not clear what they are when numbers stand in words or in
// notation that the grammar lacks.
func (c *comparer) candidates(answer string) (found []shape, clear bool) {
	text, ok := notation(answer)
	if !ok || wordNumber.MatchString(text) {
		return nil, false
	}
	var values []value
	text = strings.ToLower(text)
	for _, run := range c.runs(text) {
		if !strings.ContainsAny(run, "0123456789") && !strings.Contains(run, "pi") {
			continue
		}
		all := c.reader.readings(run)
		if len(all) == 0 {
			return nil, false
		}
		for _, x := range flatten(all) {
			if x.kind != scalar || !constantNode(x.node) {
				return nil, false
			}
			v, err := x.node.eval(nil, c.meter)
			if err != nil {
				return nil, false
			}
			if !slices.ContainsFunc(values, func(w value) bool { return compareValues(v, w) == 0 }) {
				values = append(values, v)
				found = append(found, x)
			}
		}
	}
	return found, true
}

// runs cuts a sentence at its words and signs of relation.
func (c *comparer) runs(text string) []string {
	text = sentenceWord.ReplaceAllStringFunc(text, func(w string) string {
		if w == "pi" || w == "sqrt" || w == "root" {
			return w
		}
		return "\n"
	})
	var out []string
	for _, run := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("\n=:;\"?`<>≤≥≠∈", r) }) {
		out = append(out, strings.Trim(run, " .,'-!"))
		if i := len(out) - 1; strings.HasPrefix(strings.TrimLeft(run, " .,'"), "-") {
			out[i] = "-" + out[i]
		}
	}
	return out
}

// flatten returns all scalars in lists and lists in lists.
func flatten(all []shape) []shape {
	var out []shape
	for _, x := range all {
		if x.kind == list {
			out = append(out, flatten(x.items)...)
		} else {
			out = append(out, x)
		}
	}
	return out
}

// wordy reports whether an answer is longer than a short answer may be, which is judged by the length of the truth: miners are asked for a
// sentence, and the more text, the more room for persuasion.
func wordy(t Task, answer string) bool {
	known := vocabulary(t)
	words, news := 0, 0
	for _, w := range strings.FieldsFunc(strings.ToLower(answer), func(r rune) bool { return !unicode.IsLetter(r) }) {
		words++
		if len(w) > 3 && !known[w] && !known[singular(w)] {
			news++
		}
	}
	size := len(strings.Fields(t.Truth))
	return words > max(60, 4*size) || news > max(16, 2*size)
}
