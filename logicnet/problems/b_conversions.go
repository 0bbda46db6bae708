package problems

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// conversions returns the generators that write a number in another system.
func conversions() []*Generator {
	based := func(prefix string, base int) check {
		return func(a Args, answer string) bool {
			s, ok := strings.CutPrefix(Truth(answer), prefix)
			n, err := strconv.ParseInt(s, base, 64)
			return ok && err == nil && int(n) == a[0]
		}
	}
	return []*Generator{
		{ID: 73, Name: "binary_2s_complement", Topic: "computer_science",
			Ask: func(a Args) string { return "2's complement of $" + digits(a[0]) + " = $" },
			Parse: func(q string) (Args, bool) {
				q, ok := strings.CutPrefix(q, "2's complement of $")
				if q == " = $" {
					return Args{0}, ok
				}
				a, okay := ints(q)
				return a, ok && okay && len(a) == 1
			},
			Defaults: Params{"maxDigits": 10},
			Draw: func(r *cpython.Rand, p Params) Args {
				n := 0
				for range r.RandInt(1, p["maxDigits"]) {
					n = 10*n + r.RandInt(0, 1)
				}
				return Args{n} // which may be nothing: the reference asks for the complement of no digits, too
			},
			Valid: func(a Args) bool { return a[0] >= 0 && strings.Trim(strconv.Itoa(a[0]), "01") == "" },
			Answer: func(a Args) string {
				s := digits(a[0])
				if s == "" {
					return "$$"
				}
				n, _ := strconv.ParseUint(s, 2, 64)
				return "$" + strconv.FormatUint((1<<len(s))-n, 2) + "$"
			},
			Check: func(a Args, answer string) bool { // what follows the last one stays, it too; what precedes flips
				s := digits(a[0])
				last := strings.LastIndex(s, "1")
				if last < 0 {
					return false
				}
				flip := strings.Map(func(r rune) rune { return '0' + '1' - r }, s[:last])
				return Truth(answer) == strings.TrimLeft(flip+s[last:], "0")
			},
		},
		{ID: 79, Name: "decimal_to_hexadeci", Topic: "computer_science", Form: "Hexadecimal of $%d = $",
			Defaults: Params{"max_dec": 1000}, Wide: Params{"max_dec": 99_999_999},
			Draw: draws("0", "max_dec"), Valid: between(0, 1e14),
			Answer: func(a Args) string { return fmt.Sprintf("$%#x$", a[0]) },
			Check:  based("0x", 16),
		},
		{ID: 84, Name: "decimal_to_octal", Topic: "computer_science", Form: "The decimal number $%d$ in octal is: ",
			Defaults: Params{"max_decimal": 4096}, Wide: Params{"max_decimal": 99_999_999},
			Draw: draws("0", "max_decimal"), Valid: between(0, 1e14),
			Answer: func(a Args) string { return fmt.Sprintf("$%O$", a[0]) },
			Check:  based("0o", 8),
		},
		{ID: 85, Name: "decimal_to_roman_numerals", Topic: "misc", Form: "The number $%d$ in roman numerals is: ",
			Defaults: Params{"max_decimal": 3999}, Draw: draws("0", "max_decimal"), Valid: between(0, 3999),
			Answer: func(a Args) string { return "$" + roman(a[0]) + "$" },
			Check:  func(a Args, answer string) bool { return unroman(Truth(answer)) == a[0] },
		},
		{ID: 91, Name: "bcd_to_decimal", Topic: "computer_science", Defect: "the question shows the leading digit only",
			Defaults: Params{"max_number": 10000}, Draw: draws("1000", "max_number"),
			Ask: func(a Args) string { return "Integer of Binary Coded Decimal $" + strconv.Itoa(a[0])[:1] + " =$ " },
			Answer: func(a Args) string {
				n, _ := strconv.ParseInt(strconv.Itoa(a[0]), 16, 64)
				return dollars(int(n))
			},
		},
		{ID: 103, Name: "decimal_to_bcd", Topic: "computer_science", Form: "BCD of Decimal Number $%d = $",
			Defect:   "the answer is not the binary coded decimal",
			Defaults: Params{"max_number": 10000}, Draw: draws("1000", "max_number"), Valid: between(0, 1e14),
			Answer: func(a Args) string {
				s := ""
				for _, digit := range strconv.FormatInt(int64(a[0]), 16) {
					n, _ := strconv.ParseInt(string(digit), 16, 64)
					s += strconv.Itoa(int(n))
				}
				return "$" + s + "$"
			},
		},
		{ID: 94, Name: "base_conversion", Topic: "misc",
			Defaults: Params{"max_num": 60000, "max_base": 16}, Wide: Params{"max_num": 99_999_999, "max_base": 16},
			Draw: drawBases,
			Ask: func(a Args) string {
				return fmt.Sprintf("Convert $%s$ from base $%d$ to base $%d$.", inBase(a[0], a[1]), a[1], a[2])
			},
			Parse: func(q string) (Args, bool) {
				m := baseQuestion.FindStringSubmatch(q)
				if m == nil {
					return nil, false
				}
				from, _ := strconv.Atoi(m[2])
				to, _ := strconv.Atoi(m[3])
				if from < 2 || from > 16 || to < 2 || to > 16 {
					return nil, false
				}
				n, err := strconv.ParseInt(m[1], from, 64)
				return Args{int(n), from, to}, err == nil
			},
			Answer: func(a Args) string { return "$" + inBase(a[0], a[2]) + "$" },
			Check: func(a Args, answer string) bool {
				n := 0
				for _, d := range Truth(answer) {
					n = n*a[2] + strings.IndexRune("0123456789ABCDEF", d)
				}
				return n == a[0]
			},
		},
	}
}

var baseQuestion = regexp.MustCompile(`^Convert \$?([0-9A-F]{1,48})\$? from base \$?([0-9]{1,2})\$? to base \$?([0-9]{1,2})\$?\.$`)

func inBase(n, base int) string { return strings.ToUpper(strconv.FormatInt(int64(n), base)) }

// drawBases draws a number and two different bases, of which 10 is the most likely, then 2 and 16.
func drawBases(r *cpython.Rand, p Params) Args {
	bases := Args{10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 2, 2, 2, 2, 2, 16, 16, 16, 16, 16}
	for b := 2; b <= p["max_base"]; b++ {
		bases = append(bases, b)
	}
	n, from, to := r.RandInt(40, p["max_num"]), bases[r.Below(len(bases))], bases[r.Below(len(bases))]
	for from == to {
		from, to = bases[r.Below(len(bases))], bases[r.Below(len(bases))]
	}
	return Args{n, from, to}
}

var romans = [...]struct {
	value int
	text  string
}{{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"}, {40, "XL"}, {10, "X"}, {9, "IX"}, {5, "V"},
	{4, "IV"}, {1, "I"}}

func roman(n int) string {
	var b strings.Builder
	for _, r := range romans {
		for ; n >= r.value; n -= r.value {
			b.WriteString(r.text)
		}
	}
	return b.String()
}

// unroman reads a Roman numeral: a letter before a greater one counts negative.
func unroman(s string) int {
	values := map[byte]int{'M': 1000, 'D': 500, 'C': 100, 'L': 50, 'X': 10, 'V': 5, 'I': 1}
	n := 0
	for i := range len(s) {
		if v := values[s[i]]; i+1 < len(s) && values[s[i+1]] > v {
			n -= v
		} else {
			n += v
		}
	}
	return n
}

// digits writes a number without leading zeros, of which zero has nothing else.
func digits(n int) string { return strings.TrimLeft(strconv.Itoa(n), "0") }
