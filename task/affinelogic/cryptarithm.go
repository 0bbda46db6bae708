package affinelogic

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// CryptarithmVerifier judges answers to cryptarithm: an equation of words whose letters stand for digits, such as SEND + MORE = MONEY. Words are those of
// the equation, the last being its right side; Operators, + - or *, stand between those of the left side, and * goes first.
type CryptarithmVerifier struct {
	Words, Operators []string
}

var (
	reEquation = regexp.MustCompile(reDigit + `+(?:[` + reSpace + `]*[-+*][` + reSpace + `]*` + reDigit + `+)+[` + reSpace + `]*=[` + reSpace +
		`]*-?` + reDigit + `+`)
	reTerms = regexp.MustCompile(`^` + reDigit + `+(?:[-+*]` + reDigit + `+)*=` + reDigit + `+$`)
)

// Verify says whether the last equation in an answer holds and is the puzzle's with a digit for each letter: equal letters have equal digits, different
// letters different ones, and no word begins with 0 that has more than one letter. With quirks, zeros before a number don't count.
func (v CryptarithmVerifier) Verify(answer string, quirks bool) bool {
	all := reEquation.FindAllString(answer, -1)
	if len(all) == 0 {
		return false
	}
	equation := strings.ReplaceAll(cpython.Strip(all[len(all)-1]), " ", "")
	if !reTerms.MatchString(equation) {
		return false
	}
	var operators []string
	for _, r := range equation {
		if strings.ContainsRune("+-*", r) {
			operators = append(operators, string(r))
		}
	}
	terms := strings.FieldsFunc(equation, func(r rune) bool { return strings.ContainsRune("+-*=", r) })
	if !slices.Equal(operators, v.Operators) || len(terms) != len(v.Words) || len(terms) != len(operators)+2 {
		return false
	}
	numbers := make([]*big.Int, len(terms))
	for i, t := range terms {
		n, err := cpython.ParseInt(t)
		if err != nil || !quirks && cpython.RuneCount(t) != len(v.Words[i]) {
			return false
		}
		numbers[i] = n
	}
	return v.fits(numbers) && compute(numbers[:len(numbers)-1], operators).Cmp(numbers[len(numbers)-1]) == 0
}

// fits says whether digits can stand for letters so that the words are the numbers.
func (v CryptarithmVerifier) fits(numbers []*big.Int) bool {
	digit, letter := map[byte]byte{}, map[byte]byte{}
	for i, word := range v.Words {
		n := numbers[i].String()
		if len(n) != len(word) || len(n) > 1 && n[0] == '0' {
			return false
		}
		for j := range len(word) {
			w, d := word[j], n[j]
			if known, ok := digit[w]; ok && known != d {
				return false
			}
			if known, ok := letter[d]; ok && known != w {
				return false
			}
			digit[w], letter[d] = d, w
		}
	}
	return true
}

// compute applies operators to numbers, products first, then from left to right. There is one operator fewer than numbers.
func compute(numbers []*big.Int, operators []string) *big.Int {
	total, product, sign := new(big.Int), new(big.Int).Set(numbers[0]), "+"
	flush := func() {
		if sign == "-" {
			total.Sub(total, product)
		} else {
			total.Add(total, product)
		}
	}
	for i, op := range operators {
		if op == "*" {
			product.Mul(product, numbers[i+1])
			continue
		}
		flush()
		product, sign = new(big.Int).Set(numbers[i+1]), op
	}
	flush()
	return total
}

// cryptarithm makes a cryptarithm puzzle of our own: two to four numbers of two to five digits, four to ten different digits in all.
func cryptarithm(seed uint32) *Puzzle {
	r := cpython.NewRandFromUint64(uint64(seed))
	english := r.Below(2) == 0
	numbers, operators := []*big.Int{big.NewInt(9567), big.NewInt(1085), big.NewInt(10652)}, []string{"+"}
	for range attempts {
		if n, o, ok := drawEquation(r); ok {
			numbers, operators = n, o
			break
		}
	}
	letters := r.Sample(26, 10)
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = strings.Map(func(d rune) rune { return 'A' + rune(letters[d-'0']) }, n.String())
	}
	equation := func(terms []string) string {
		text := terms[0]
		for i, op := range operators {
			text += " " + op + " " + terms[i+1]
		}
		return text + " = " + terms[len(terms)-1]
	}
	terms := make([]string, len(numbers))
	for i, n := range numbers {
		terms[i] = n.String()
	}
	question := fmt.Sprintf("In the equation %s each letter stands for a digit, different letters for different digits, and no number begins with 0. "+
		"Find the digits that make the equation true. Please end your response with a line of this form: The answer is $EQUATION. "+
		"$EQUATION is the equation with digits in place of the letters.", equation(words))
	language := "english"
	if !english {
		language = "chinese"
		question = fmt.Sprintf("在等式 %s 中，每个字母代表一个数字，不同的字母代表不同的数字，并且任何数都不以 0 开头。请找出使等式成立的数字。"+
			"请在回答的最后一行使用以下格式：答案是 $EQUATION。$EQUATION 是将字母替换为数字后的等式。", equation(words))
	}
	answer := equation(terms)
	return &Puzzle{
		Question: question,
		Answer:   answer,
		Metadata: map[string]any{"seed": seed, "letter_words": words, "operators": operators, "operator_num": len(operators), "language": language},
		verifier: CryptarithmVerifier{words, operators},
		solution: "The answer is " + answer + ".",
	}
}

// drawEquation draws an equation; ok is false when it makes no puzzle.
func drawEquation(r *cpython.Rand) (numbers []*big.Int, operators []string, ok bool) {
	for range r.RandInt(1, 3) {
		op := []string{"+", "-"}[r.Below(2)]
		if !slices.Contains(operators, "*") && r.Float64() < 0.15 {
			op = "*"
		}
		operators = append(operators, op)
	}
	for range len(operators) + 1 {
		largest := 1
		for range r.RandInt(2, 5) {
			largest *= 10
		}
		numbers = append(numbers, big.NewInt(int64(r.RandInt(largest/10, largest-1))))
	}
	result := compute(numbers, operators)
	if result.Sign() <= 0 {
		return nil, nil, false
	}
	numbers = append(numbers, result)
	seen := map[rune]bool{}
	for _, n := range numbers {
		for _, d := range n.String() {
			seen[d] = true
		}
	}
	return numbers, operators, len(seen) >= 4
}
