package challenge

import (
	"fmt"
	"strings"
	"unicode"
)

// number is a number of a plain text.
type number struct {
	text       string // its digits with a sign, ^ for an exponent, and a percent sign: the same for equal numbers
	soft       bool   // a word that is often no number
	start, end int    // where it stands, in characters; the sign belongs to it
}

// maxNumbers is how many numbers a text has at most. A question with more is sent as it is.
const maxNumbers = 2000

// numbersOf returns the numbers of a plain text in their order.
func numbersOf(rs []rune) []number {
	var all []number
	brackets := 0
	for i := 0; i < len(rs); i++ {
		switch r := rs[i]; {
		case r == '[' || r == '(' || r == '{':
			brackets++
		case r == ']' || r == ')' || r == '}':
			brackets = max(0, brackets-1)
		case ascii(r), r == '.' && i+1 < len(rs) && ascii(rs[i+1]) && (i == 0 || !ascii(rs[i-1])):
			n := scan(rs, i, brackets > 0)
			all = append(all, n)
			i = n.end - 1
		case unicode.IsNumber(r): // a character that only equals itself
			all = append(all, number{text: string(r), start: i, end: i + 1})
		}
	}
	return all
}

func ascii(r rune) bool { return r >= '0' && r <= '9' }

// scan reads the number at rs[i]. In a list a comma parts numbers; elsewhere it may part thousands.
func scan(rs []rune, i int, list bool) number {
	digitsFrom := func(i int) int {
		for i < len(rs) && ascii(rs[i]) {
			i++
		}
		return i
	}
	n := number{start: i}
	end := digitsFrom(i)
	whole := string(rs[i:end])
	if len(whole) >= 1 && len(whole) <= 3 && whole[0] != '0' && !list {
		var groups strings.Builder
		at := end
		for at < len(rs) && rs[at] == ',' && digitsFrom(at+1) == at+4 {
			groups.WriteString(string(rs[at+1 : at+4]))
			at += 4
		}
		if !(at+1 < len(rs) && rs[at] == ',' && ascii(rs[at+1])) { // 1,234,5 is a list
			whole += groups.String()
			end = at
		}
	}
	n.text = whole
	if end+1 < len(rs) && rs[end] == '.' && ascii(rs[end+1]) {
		at := digitsFrom(end + 1)
		if whole == "" {
			n.text = "0"
		}
		if fraction := strings.TrimRight(string(rs[end+1:at]), "0"); fraction != "" {
			n.text += "." + fraction
		}
		end = at
	}
	n.end = end
	k := i - 1
	if k >= 0 && rs[k] == soft {
		n.soft = true
		n.start = k
		return n
	}
	for at := end; at < len(rs) && at <= end+2; at++ {
		if rs[at] == '%' {
			n.text += "%"
			n.end = at + 1
			break
		}
		if rs[at] != ' ' {
			break
		}
	}
	if at, ok := sign(rs, i); ok {
		n.text = "-" + n.text
		n.start = at
	}
	k = n.start - 1
	for k >= 0 && strings.ContainsRune(" {(", rs[k]) {
		k--
	}
	if k >= 0 && rs[k] == '^' {
		n.text = "^" + n.text // so that x^2 does not become x2
	}
	return n
}

// sign finds the sign of the number at rs[i]. A hyphen is one where nothing stands before it that something could be taken away from,
// and where the spaces say so: 5 - 3 and 5-3 have none, 5 -3 and (-3 have one.
func sign(rs []rune, i int) (at int, ok bool) {
	k := i - 1
	for k >= 0 && rs[k] == ' ' {
		k--
	}
	if k < 0 || rs[k] != '-' && rs[k] != negative {
		return 0, false
	}
	if rs[k] == negative {
		return k, true
	}
	if k > 1 && rs[k-1] == '-' && rs[k-2] == '-' {
		return 0, false // a rule
	}
	spaced := k != i-1
	p := k - 1
	for p >= 0 && rs[p] == ' ' {
		p--
	}
	if p < 0 {
		return k, true
	}
	apart := p != k-1
	switch r := rs[p]; {
	case unicode.IsLetter(r) && p > 0 && unicode.IsLetter(rs[p-1]): // a word
		return k, apart
	case unicode.IsLetter(r), unicode.IsNumber(r), strings.ContainsRune(")]}!%", r):
		return k, apart && !spaced
	}
	return k, true
}

// CheckNumbers says whether a text has the numbers of another, each as often and in the same order, and none besides. Errors wrap
// ErrCheck and name the first number that is missing or too much.
//
//   - 1,234 and 1234 are the same number, and so are 2.50 and 2.5, .5 and 0.5, ½ and 1/2 and \frac{1}{2}, x² and x^2 and x squared. 2/4 is
//     not 1/2, and 010 is not 10.
//   - -5, minus 5 and (−5) are the same, and so are 7% and 7 percent.
//   - An exponent is none but an exponent: x^2 is not x2.
//   - Inside of brackets commas part numbers, so that (613,111) are two.
//   - Number words count as digits: seventeen, twenty-one, two thirds, third, twice. The words one, first and second may be added.
//   - Of a question in the legacy frame, what stands in the frame counts: a topic such as "Fourth angle" is no number of the problem.
//   - What stands between two numbers must go on meaning the same as far as it can be told: see gapError.
func CheckNumbers(question, rewrite string) error {
	q, r := []rune(plain(unframed(question))), []rune(plain(unframed(rewrite)))
	want, got := numbersOf(q), numbersOf(r)
	if len(want) > maxNumbers || len(got) > maxNumbers {
		return fmt.Errorf("%w: more than %d numbers", ErrCheck, maxNumbers)
	}
	var first error
	for _, kept := range [][]number{got, without(got, nil), without(got, want)} {
		err := sameOrder(q, r, want, kept)
		if err == nil {
			return operations(question, q, r)
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// CheckNumbersAnyOrder is CheckNumbers for texts whose numbers may have changed places. It cannot tell 29-72 from 72-29.
func CheckNumbersAnyOrder(question, rewrite string) error {
	q, r := []rune(plain(unframed(question))), []rune(plain(unframed(rewrite)))
	count := map[string]int{}
	for _, n := range numbersOf(q) {
		count[n.text]++
	}
	var extra string
	numbers := numbersOf(r)
	for _, soft := range []bool{false, true} { // what is a number for certain comes first
		for _, n := range numbers {
			if n.soft != soft {
				continue
			}
			if count[n.text] > 0 {
				count[n.text]--
			} else if extra == "" && !n.soft {
				extra = n.text
			}
		}
	}
	for _, n := range numbersOf(q) {
		if count[n.text] > 0 {
			return fmt.Errorf("%w: %s is missing", ErrCheck, shown(n.text))
		}
	}
	if extra != "" {
		return fmt.Errorf("%w: %s is too much", ErrCheck, shown(extra))
	}
	return operations(question, q, r)
}

// without returns numbers without the soft ones; where want is given, without those alone that it does not have in their place.
func without(numbers, want []number) []number {
	var kept []number
	for _, n := range numbers {
		if n.soft && !(len(kept) < len(want) && want[len(kept)].text == n.text) {
			continue
		}
		kept = append(kept, n)
	}
	return kept
}

func sameOrder(q, r []rune, want, got []number) error {
	for i := range min(len(want), len(got)) {
		if want[i].text != got[i].text {
			return fmt.Errorf("%w: number %d is %s instead of %s", ErrCheck, i+1, shown(got[i].text), shown(want[i].text))
		}
	}
	switch {
	case len(want) > len(got):
		return fmt.Errorf("%w: %s is missing", ErrCheck, shown(want[len(got)].text))
	case len(got) > len(want):
		return fmt.Errorf("%w: %s is too much", ErrCheck, shown(got[len(want)].text))
	}
	for i := 1; i < len(want); i++ {
		if err := gapError(q[want[i-1].end:want[i].start], r[got[i-1].end:got[i].start]); err != nil {
			return fmt.Errorf("%w: between %s and %s: %w", ErrCheck, shown(want[i-1].text), shown(want[i].text), err)
		}
	}
	return nil
}

// shown shortens a number for a message.
func shown(s string) string {
	if rs := []rune(s); len(rs) > 24 {
		return string(rs[:24]) + "…"
	}
	return s
}
