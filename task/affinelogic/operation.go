package affinelogic

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// Definition is a made-up binary operator of an operation puzzle.
type Definition struct {
	Symbol string
	// Condition is when Conditional applies, in the words of conditions; empty where Default always applies.
	Condition   string
	Conditional string // an expression in x and y
	Default     string
	Precedence  int // 1 (of + and -) to 5; 3 is that of **
}

// condition is something that two whole numbers may fulfil.
type condition struct {
	chinese, english string
	holds            func(x, y int64) bool
}

func even(n int64) bool { return n&1 == 0 }

// conditions are those of the reference.
var conditions = []condition{
	{"x和y都是偶数", "x and y are both even", func(x, y int64) bool { return even(x) && even(y) }},
	{"x和y都是奇数", "x and y are both odd", func(x, y int64) bool { return !even(x) && !even(y) }},
	{"x是偶数", "x is even", func(x, _ int64) bool { return even(x) }},
	{"x是奇数", "x is odd", func(x, _ int64) bool { return !even(x) }},
	{"y是偶数", "y is even", func(_, y int64) bool { return even(y) }},
	{"y是奇数", "y is odd", func(_, y int64) bool { return !even(y) }},
	{"x大于y", "x is greater than y", func(x, y int64) bool { return x > y }},
	{"x小于y", "x is less than y", func(x, y int64) bool { return x < y }},
	{"x等于y", "x is equal to y", func(x, y int64) bool { return x == y }},
	{"x是3的倍数", "x is a multiple of 3", func(x, _ int64) bool { return x%3 == 0 }},
	{"y是3的倍数", "y is a multiple of 3", func(_, y int64) bool { return y%3 == 0 }},
	{"x是5的倍数", "x is a multiple of 5", func(x, _ int64) bool { return x%5 == 0 }},
	{"y是5的倍数", "y is a multiple of 5", func(_, y int64) bool { return y%5 == 0 }},
	{"x和y的和是偶数", "the sum of x and y is even", func(x, y int64) bool { return even(x + y) }},
	{"x和y的和是奇数", "the sum of x and y is odd", func(x, y int64) bool { return !even(x + y) }},
}

func findCondition(chinese string) (condition, bool) {
	i := slices.IndexFunc(conditions, func(c condition) bool { return c.chinese == chinese })
	if i < 0 {
		return condition{}, false
	}
	return conditions[i], true
}

// operationQuestion writes the question of an operation puzzle as the reference does, in Chinese or in English.
func operationQuestion(expression string, definitions []Definition, chinese bool) string {
	var b strings.Builder
	say := func(zh, en string, args ...any) {
		if chinese {
			en = zh
		}
		fmt.Fprintf(&b, en, args...)
	}
	say("定义 ", "Define ")
	for i, d := range definitions {
		if i > 0 {
			say("和 ", "and ")
		}
		say("%s，规则如下：\n", "%s, the rules are as follows:\n", d.Symbol)
		if d.Condition == "" {
			say("实数域上，x %s y = %s。\n", "on the real number field, x %s y = %s.\n", d.Symbol, d.Default)
			continue
		}
		when := d.Condition
		if c, ok := findCondition(when); ok && !chinese {
			when = c.english
		}
		say("当%s时，x %s y = %s；\n", "when %s, x %s y = %s;\n", when, d.Symbol, d.Conditional)
		say("其他情况下，x %s y = %s。\n", "otherwise, x %s y = %s.\n", d.Symbol, d.Default)
	}
	say("运算优先级：", "The precedence of operations: ")
	b.WriteString(ranking(definitions) + "。\n")
	say("括号具有最高优先级，先计算括号内的表达式。\n",
		"Parentheses have the highest priority, and the expression inside the parentheses is calculated first.\n")
	say("请计算表达式的值: %s\n请将最终答案填入\\boxed{}中。",
		"Please calculate the value of the expression: %s\nPlease fill your final answer in \\boxed{}.", expression)
	return b.String()
}

// ranking writes all operators by precedence, such as "** > * = / = % = △ > + = -".
func ranking(definitions []Definition) string {
	all := []Definition{
		{Symbol: "**", Precedence: 3}, {Symbol: "*", Precedence: 2}, {Symbol: "/", Precedence: 2}, {Symbol: "%", Precedence: 2},
		{Symbol: "+", Precedence: 1}, {Symbol: "-", Precedence: 1},
	}
	all = append(all, definitions...)
	slices.SortStableFunc(all, func(a, b Definition) int { return b.Precedence - a.Precedence })
	text := all[0].Symbol
	for i, d := range all[1:] {
		relation := " > "
		if d.Precedence == all[i].Precedence {
			relation = " = "
		}
		text += relation + d.Symbol
	}
	return text
}

// OperationVerifier judges answers to operation: compute an expression with made-up operators. Answer is the number.
type OperationVerifier struct{ Answer string }

var (
	reAnyNumber = regexp.MustCompile(`-?` + reDigit + `+\.?` + reDigit + `*(?:[eE][-+]?` + reDigit + `+)?`)
	rePlain     = regexp.MustCompile(`^[-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?$`)
	reFraction  = regexp.MustCompile(`^([-+]?)\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}$`)
)

// Verify says whether the number in the last box of an answer is the right one: exactly where both are whole, else within 10^-6. With quirks, a box that holds
// no number but text counts as the first number in the text (1/2 written with \frac is 1); without, it is wrong, and \frac is a fraction.
func (v OperationVerifier) Verify(answer string, quirks bool) bool {
	box, ok := lastBox(answer)
	if !ok {
		return false
	}
	read := parseNumber
	if quirks {
		read = guessNumber
	}
	got, ok := read(box)
	if !ok {
		return false
	}
	want, ok := guessNumber(v.Answer)
	if !ok || math.IsNaN(got) || math.IsInf(got, 0) {
		return false
	}
	if got == math.Trunc(got) && want == math.Trunc(want) {
		return got == want
	}
	return math.Abs(got-want) < 1e-6
}

// lastBox returns the content of the last \boxed{}, trimmed; ok is false where there is none or its braces don't close.
func lastBox(answer string) (content string, ok bool) {
	const open = `\boxed{`
	i := strings.LastIndex(answer, open)
	if i < 0 {
		return "", false
	}
	answer = answer[i+len(open):]
	depth := 1
	for i := range len(answer) {
		switch answer[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return cpython.Strip(answer[:i]), true
			}
		}
	}
	return "", false
}

// guessNumber reads a number as the reference does.
func guessNumber(text string) (float64, bool) {
	if text == "" {
		return 0, false
	}
	text = strings.NewReplacer(`\`, "", ",", "").Replace(cpython.Strip(text))
	if !strings.ContainsAny(text, "eE") && strings.Count(text, "/") == 1 {
		numerator, denominator, _ := strings.Cut(text, "/")
		a, errA := cpython.ParseFloat(cpython.Strip(numerator))
		b, errB := cpython.ParseFloat(cpython.Strip(denominator))
		if errA == nil && errB == nil && b != 0 {
			return a / b, true
		}
	} else if f, err := cpython.ParseFloat(text); err == nil {
		return f, true
	}
	f, err := cpython.ParseFloat(reAnyNumber.FindString(text))
	return f, err == nil
}

// parseNumber reads a number that is all of the text: with digits in groups or not, a fraction, white space and dollar signs around it.
func parseNumber(text string) (float64, bool) {
	text = strings.NewReplacer(`\,`, "", ",", "", "$", "", "−", "-").Replace(text)
	text = strings.Join(strings.FieldsFunc(text, cpython.IsSpace), "")
	if m := reFraction.FindStringSubmatch(text); m != nil {
		text = m[1] + m[2] + "/" + m[3]
	}
	numerator, denominator, isFraction := strings.Cut(text, "/")
	if !rePlain.MatchString(numerator) || isFraction && !rePlain.MatchString(denominator) {
		return 0, false
	}
	f, err := strconv.ParseFloat(numerator, 64)
	if err != nil || !isFraction {
		return f, err == nil
	}
	g, err := strconv.ParseFloat(denominator, 64)
	return f / g, err == nil && g != 0
}
