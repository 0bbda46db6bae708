package affinelogic

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/internal/cpython"
)

// GameVerifier judges answers to game_of_24: make a target of numbers.
type GameVerifier struct {
	Numbers   []int
	Operators []string // of + - * /
	Target    int
	// Solvable says whether there is a solution: with quirks one that applies operators strictly from left to right, else any expression.
	Solvable bool
}

// The draws of game_of_24. What stands twice is drawn twice as often.
var (
	gameSmallest = [...]int{1, 2, 3, 5}
	gameLargest  = [...]int{9, 10, 12, 13, 15, 18, 20}
	gameCount    = [...]int{4, 4, 4, 5, 5, 6}
	gameTarget   = [...]int{24, 36, 48, 60, 72, 100}
	gameOps      = [...]string{"+-*/", "+-*/", "+-*/", "+-*", "+-"}
)

// game makes a game_of_24 puzzle. Many have no solution, and then the answer is None.
func game(seed uint32, quirks bool) *Puzzle {
	r := cpython.NewRandFromUint64(uint64(seed))
	smallest := gameSmallest[r.Below(len(gameSmallest))]
	largest := gameLargest[r.Below(len(gameLargest))]
	numbers := make([]int, gameCount[r.Below(len(gameCount))])
	target := gameTarget[r.Below(len(gameTarget))]
	operators := strings.Split(gameOps[r.Below(len(gameOps))], "")
	r = cpython.NewRandFromUint64(uint64(seed))
	for i := range numbers {
		numbers[i] = r.RandInt(smallest, largest)
	}
	slices.Sort(numbers)

	v := GameVerifier{Numbers: numbers, Operators: operators, Target: target}
	count, solution := leftToRight(numbers, operators, target)
	if solution == "" && !quirks {
		solution = solve(numbers, operators, target)
	}
	if v.Solvable = solution != ""; !v.Solvable {
		solution = "None"
	}
	template, language := int(seed%uint32(len(gameTexts))), "en"
	if template < len(gameTexts)/2 {
		language = "zh"
	}
	return &Puzzle{
		Question: strings.NewReplacer("{numbers}", printed(numbers), "{operators}", "['"+strings.Join(operators, "', '")+"']",
			"{result}", strconv.Itoa(target)).Replace(gameTexts[template]) + "\n\n" + gameInstructions[language],
		Metadata: map[string]any{
			"seed": seed, "numbers": numbers, "solutions_count": count, "operators": operators, "target": target,
			"num_of_numbers": len(numbers), "language": language, "is_solvable": v.Solvable,
		},
		verifier: v,
		solution: "```python\n" + solution + "\n```",
	}
}

// printed writes numbers as Python prints a list.
func printed(numbers []int) string {
	parts := make([]string, len(numbers))
	for i, n := range numbers {
		parts[i] = strconv.Itoa(n)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// gameTolerance is how far a value may be from the target.
const gameTolerance = 1e-10

// leftToRight counts the ways to order the numbers and put operators between them so that they make the target when they are applied strictly from left to
// right, and returns the first as an expression. Whole numbers stay far below 2^53, so doubles are exact where Python's ints are.
func leftToRight(numbers []int, operators []string, target int) (count int, expression string) {
	distinct := slices.Compact(slices.Clone(numbers))
	left := make([]int, len(distinct))
	for i, n := range distinct {
		for _, m := range numbers {
			if m == n {
				left[i]++
			}
		}
	}
	path := make([]string, 0, len(numbers)-1) // operators
	order := make([]int, 0, len(numbers))
	var step func(value float64)
	step = func(value float64) {
		if len(order) == len(numbers) {
			if math.Abs(value-float64(target)) < gameTolerance {
				if count++; count == 1 {
					expression = nested(order, path)
				}
			}
			return
		}
		for i, n := range distinct {
			if left[i] == 0 {
				continue
			}
			left[i]--
			order = append(order, n)
			if len(order) == 1 {
				step(float64(n))
			} else {
				for _, op := range operators {
					if next, err := applyDouble(op, value, float64(n)); err == nil {
						path = append(path, op)
						step(next.float)
						path = path[:len(path)-1]
					}
				}
			}
			order = order[:len(order)-1]
			left[i]++
		}
	}
	step(0)
	return count, expression
}

// nested writes operators applied from left to right.
func nested(numbers []int, operators []string) string {
	var b strings.Builder
	b.WriteString(strings.Repeat("(", len(operators)))
	b.WriteString(strconv.Itoa(numbers[0]))
	for i, op := range operators {
		b.WriteString(op + strconv.Itoa(numbers[i+1]) + ")")
	}
	return b.String()
}

// Verify says whether the last block of Python in an answer is an expression of just the puzzle's numbers whose value is the target, or None where there is
// no solution. With quirks ** and // pass for * and / written twice; without, they are operators that the puzzle doesn't have.
func (v GameVerifier) Verify(answer string, quirks bool) bool {
	text := lastPython(answer)
	if text == "" {
		return false
	}
	if text == "None" {
		return !v.Solvable
	}
	if !v.uses(text) || !quirks && (strings.Contains(text, "**") || strings.Contains(text, "//")) {
		return false
	}
	n, err := evaluate(text)
	if err != nil {
		return false
	}
	f, err := n.double()
	return err == nil && math.Abs(f-float64(v.Target)) < gameTolerance
}

// uses says whether a text has the puzzle's numbers, each as often as the puzzle, its operators and parentheses, and nothing else but white space.
func (v GameVerifier) uses(text string) bool {
	var digits []byte
	var found []string
	for _, r := range text + " " {
		if r >= '0' && r <= '9' {
			if digits = append(digits, byte(r)); len(digits) > 20 {
				return false
			}
			continue
		}
		if len(digits) > 0 {
			found = append(found, string(digits))
			digits = digits[:0]
			if len(found) > len(v.Numbers) {
				return false
			}
		}
		if !cpython.IsSpace(r) && r != '(' && r != ')' && !slices.Contains(v.Operators, string(r)) {
			return false
		}
	}
	want := make([]string, len(v.Numbers))
	for i, n := range v.Numbers {
		want[i] = strconv.Itoa(n)
	}
	slices.Sort(found)
	slices.Sort(want)
	return slices.Equal(found, want)
}

// lastPython returns the content of the last block between ```python and ```, trimmed.
func lastPython(text string) (last string) {
	for {
		_, after, ok := strings.Cut(text, "```python")
		if !ok {
			return last
		}
		block, rest, ok := strings.Cut(after, "```")
		if !ok {
			return last
		}
		last, text = cpython.Strip(block), rest
	}
}
