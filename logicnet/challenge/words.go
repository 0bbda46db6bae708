package challenge

import (
	"slices"
	"strconv"
	"strings"
)

// phrases are words with a notation, longer ones first.
var phrases = []struct {
	words []string
	to    string
}{
	{[]string{"raised", "to", "the", "power", "of"}, "^"}, {[]string{"raised", "to", "the", "power"}, "^"}, {[]string{"to", "the", "power", "of"}, "^"},
	{[]string{"to", "the", "power"}, "^"}, {[]string{"is", "equal", "to"}, "="}, {[]string{"divided", "by"}, "/"}, {[]string{"multiplied", "by"}, "*"},
	{[]string{"per", "cent"}, "%"}, {[]string{"percent"}, "%"}, {[]string{"times"}, "*"}, {[]string{"plus"}, "+"}, {[]string{"minus"}, "-"},
	{[]string{"negative"}, string(negative)}, {[]string{"equals"}, "="}, {[]string{"squared"}, "^2"}, {[]string{"cubed"}, "^3"},
	{[]string{"twice"}, "2*"}, {[]string{"double"}, "2*"}, {[]string{"doubled"}, "2*"}, {[]string{"thrice"}, "3*"}, {[]string{"triple"}, "3*"},
	{[]string{"tripled"}, "3*"}, {[]string{"dozen"}, "12"}, {[]string{"one", "half"}, "1/2"}, {[]string{"half"}, "1/2"}, {[]string{"one", "quarter"}, "1/4"},
	{[]string{"quarter"}, "1/4"}, {[]string{"one", "third"}, "1/3"}, {[]string{"one", "fourth"}, "1/4"}, {[]string{"one", "fifth"}, "1/5"},
}

// words writes number words and those with a notation as digits and symbols.
func words(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if !letter(s[i]) || i > 0 && (letter(s[i-1]) || s[i-1] >= '0' && s[i-1] <= '9' || s[i-1] == '\\' || s[i-1] >= 0x80) {
			b.WriteByte(s[i])
			i++
			continue
		}
		next, ends := run(s, i, 8)
		text, n := spoken(next)
		if n == 0 {
			b.WriteString(s[i:ends[0]])
			i = ends[0]
			continue
		}
		b.WriteString(" " + text + " ")
		i = ends[n-1]
	}
	return b.String()
}

// run returns up to n words of ASCII letters from s[i] on, in lower case, that nothing but spaces or hyphens parts, and where each ends.
func run(s string, i, n int) (next []string, ends []int) {
	for len(next) < n {
		j := i
		for j < len(s) && letter(s[j]) {
			j++
		}
		if j == i || j < len(s) && s[j] >= 0x80 && len(next) > 0 {
			break
		}
		next, ends = append(next, strings.ToLower(s[i:j])), append(ends, j)
		for i = j; i < len(s) && (s[i] == ' ' || s[i] == '-'); i++ {
		}
		if i == j {
			break
		}
	}
	return next, ends
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// spoken returns what the first n of some words are in digits and symbols, and n.
func spoken(ws []string) (text string, n int) {
	for _, p := range phrases {
		if len(ws) >= len(p.words) && slices.Equal(ws[:len(p.words)], p.words) {
			return p.to, len(p.words)
		}
	}
	value, n := cardinal(ws)
	if n == 0 {
		return "", 0
	}
	text = strconv.FormatInt(value, 10)
	if n == 1 && (ws[0] == "one" || ws[0] == "first" || ws[0] == "second") {
		text = string(soft) + text
	}
	if n < len(ws) {
		if part := parts[ws[n]]; part > 0 {
			return strconv.FormatInt(value, 10) + "/" + strconv.Itoa(part), n + 1
		}
	}
	return text, n
}

// parts are the denominators that follow a number: two thirds.
var parts = map[string]int{
	"halves": 2, "thirds": 3, "quarters": 4, "fourths": 4, "fifths": 5, "sixths": 6, "sevenths": 7, "eighths": 8, "ninths": 9, "tenths": 10,
	"twelfths": 12, "hundredths": 100,
}

var (
	small = wordValues(`zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
		nineteen`, 0, 1)
	tens          = wordValues("twenty thirty forty fifty sixty seventy eighty ninety", 20, 10)
	smallOrdinals = wordValues(`zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth
		fifteenth sixteenth seventeenth eighteenth nineteenth`, 0, 1)
	tensOrdinals = wordValues("twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth", 20, 10)
	scales       = map[string]int64{"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
)

func wordValues(list string, from, step int64) map[string]int64 {
	m := map[string]int64{}
	for _, w := range strings.Fields(list) {
		m[w] = from
		from += step
	}
	return m
}

// cardinal reads the number that some words begin with, an ordinal included (twenty-first), and returns how many words it has.
func cardinal(ws []string) (value int64, n int) {
	var total, current int64
	limit := int64(1e15) // scales fall
	room := int64(1000)  // the number that may follow must be below
	for i := 0; i < len(ws); i++ {
		w := ws[i]
		if w == "and" && i > 0 && n == i && (ws[i-1] == "hundred" || scales[ws[i-1]] > 0) && i+1 < len(ws) {
			if _, unit := small[ws[i+1]]; unit || tens[ws[i+1]] > 0 {
				w = ws[i+1]
				i++
			}
		}
		v, isSmall := small[w]
		switch {
		case isSmall && v < room && (v > 0 || i == 0):
			current, room = current+v, 0
		case tens[w] > 0 && room >= 100:
			current, room = current+tens[w], 10
		case w == "hundred" && (i == 0 || current > 0 && current < 100):
			current, room = max(current, 1)*100, 100
		case scales[w] > 0 && scales[w] < limit && (i == 0 || current > 0):
			limit = scales[w]
			total, current, room = total+max(current, 1)*limit, 0, 1000
		case smallOrdinals[w] > 0 && smallOrdinals[w] < room:
			return total + current + smallOrdinals[w], i + 1
		case tensOrdinals[w] > 0 && room >= 100:
			return total + current + tensOrdinals[w], i + 1
		default:
			return total + current, n
		}
		n = i + 1
	}
	return total + current, n
}
