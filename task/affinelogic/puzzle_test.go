package affinelogic

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/task"
)

// seeds are some seeds, the same in every run.
func seeds(n int) []uint32 {
	r := rand.New(rand.NewPCG(6, 13))
	out := []uint32{0, 1, 99_999_999}
	for len(out) < n {
		out = append(out, r.Uint32N(idRange))
	}
	return out
}

// TestOwnSolutions holds every generator against its verifier: the solution verifies, nothing near it does, and a seed makes one puzzle only.
func TestOwnSolutions(t *testing.T) {
	for _, f := range Families() {
		for _, quirks := range []bool{true, false} {
			for _, seed := range seeds(40) {
				p, err := Generate(f, seed, quirks)
				if quirks && (f == Operation || f == Cryptarithm || f == Boolean) {
					if !errors.Is(err, task.ErrNoTool) {
						t.Errorf("%s %d: got %v, want ErrNoTool", f, seed, err)
					}
					continue
				}
				if quirks && f == Dyck && errors.Is(err, ErrUnsolved) {
					continue // as in the reference
				}
				if err != nil {
					t.Errorf("%s %d: %v", f, seed, err)
					continue
				}
				if !p.Verify(p.Solution(), quirks) {
					t.Errorf("%s %d: solution %q doesn't verify", f, seed, p.Solution())
				}
				for _, wrong := range wrongs(p) {
					if p.Verify(wrong, quirks) {
						t.Errorf("%s %d, solution %q: wrong answer %q verifies", f, seed, p.Solution(), wrong)
					}
				}
				again, err := Generate(f, seed, quirks)
				if err != nil || !reflect.DeepEqual(p, again) {
					t.Errorf("%s %d: got %+v, %v, then %+v", f, seed, p, err, again)
				}
			}
		}
	}
}

// wrongs are answers that can't be right.
func wrongs(p *Puzzle) []string {
	out := []string{"", " ", "I don't know", "```python\n```", "```\n\n```", p.Question, strings.Repeat("(", 1000)}
	switch p.Family {
	case Dyck:
		out = append(out, p.Answer, p.Solution()+"()", "("+p.Solution()+")", p.Solution()[1:])
	case ReverseDyck:
		out = append(out, p.Answer, p.Solution()+" `()`", "`"+p.Answer+"()`", "`()"+p.Answer+"`")
	case ReasoningErrors:
		out = append(out, p.Answer+",99", "1,"+p.Answer, "no errors")
	case Sudoku:
		solution := []byte(p.Answer)
		solution[0], solution[1] = solution[1], solution[0]
		out = append(out, string(solution), p.Answer[:len(p.Answer)-1], p.Metadata["puzzle"].(string))
	case GameOf24:
		out = append(out, "```python\n100\n```", strings.TrimSuffix(p.Solution(), "\n```")+"+0\n```", "None")
	case Operation:
		out = append(out, `\boxed{`+p.Answer+`1}`, `\boxed{}`, p.Answer)
	case Cryptarithm:
		out = append(out, p.Answer+"0", "0"+p.Answer, "1"+p.Answer, "1 + 1 = 2", p.Solution()+" and 1 + 1 = 2")
	case Boolean:
		out = append(out, `\boxed{`+p.Answer+`,Z}`, `\boxed{}`, p.Answer)
	}
	if p.Family == GameOf24 && p.Solution() == "```python\nNone\n```" {
		return append(out[:len(out)-2], "None")
	}
	return out
}

func TestFamilies(t *testing.T) {
	for _, f := range Families() {
		got, err := ParseFamily(f.String())
		if err != nil || got != f {
			t.Errorf("%s: got %v, %v", f, got, err)
		}
	}
	if _, err := ParseFamily("chess"); !errors.Is(err, ErrTaskID) {
		t.Errorf("got %v, want ErrTaskID", err)
	}
	if got := families.String(); got != "family 9" {
		t.Errorf("got %q", got)
	}
	if _, err := Generate(families, 0, false); !errors.Is(err, ErrTaskID) {
		t.Errorf("got %v, want ErrTaskID", err)
	}
}

func TestTaskID(t *testing.T) {
	for _, c := range []struct {
		seed uint32
		want int64
	}{{0, 0}, {899_999_999, 899_999_999}, {900_000_000, 0}, {1<<32 - 1, 694_967_295}} {
		if got := TaskID(c.seed); got != c.want {
			t.Errorf("seed %d: got %d, want %d", c.seed, got, c.want)
		}
	}
	count := map[Family]int{}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		f, _, err := Decode(TaskID(r.Uint32()))
		if err != nil {
			t.Fatal(err)
		}
		count[f]++
	}
	if len(count) != len(Families()) {
		t.Errorf("seeds reach %v", count)
	}
}

func TestEnvironment(t *testing.T) {
	for _, c := range []struct {
		quirks bool
		seed   uint32
		err    error
		family Family
	}{
		{true, 5, nil, Dyck},
		{true, 200_000_000, task.ErrNoTool, 0},
		{true, 300_000_000, task.ErrNoTool, 0},
		{true, 600_000_000, task.ErrNoTool, 0},
		{true, 900_000_000, ErrTaskID, 0},
		{true, 1<<32 - 1, ErrTaskID, 0},
		{false, 200_000_000, nil, Operation},
		{false, 300_000_000, nil, Cryptarithm},
		{false, 600_000_000, nil, Boolean},
		{false, 900_000_000, nil, Dyck},
		{false, 1<<32 - 1, nil, Boolean},
	} {
		e, err := New(task.Options{Mode: task.Native, Quirks: c.quirks})
		if err != nil {
			t.Fatal(err)
		}
		if e.ID() != ID {
			t.Errorf("got id %q", e.ID())
		}
		tk, err := e.Task(c.seed)
		if !errors.Is(err, c.err) || err == nil != (c.err == nil) {
			t.Errorf("seed %d: got %v, want %v", c.seed, err, c.err)
		}
		if err != nil {
			continue
		}
		p := tk.(*Task)
		if p.Family != c.family {
			t.Errorf("seed %d: got %s, want %s", c.seed, p.Family, c.family)
		}
		if m := tk.Messages(); len(m) != 1 || m[0].Role != "user" || m[0].Content != p.Question {
			t.Errorf("seed %d: got messages %v", c.seed, m)
		}
		m := p.Metadata()
		if m["task_type"] != c.family.String() || m["task_id"] == nil || m["answer"] == nil {
			t.Errorf("seed %d: got metadata %v", c.seed, m)
		}
		g, err := tk.Grade(t.Context(), "</think><SOLUTION>"+p.Solution()+"</SOLUTION>")
		if err != nil || !g.Success || g.Reward != 0.74 {
			t.Errorf("seed %d: got %+v, %v", c.seed, g, err)
		}
	}
}

// TestHardened has an answer for each row of the table of differences.
func TestHardened(t *testing.T) {
	game := GameVerifier{Numbers: []int{2, 3}, Operators: []string{"+", "*"}, Target: 8}
	for _, c := range []struct {
		name             string
		verifier         Verifier
		answer           string
		quirks, hardened bool
	}{
		{"a power written as two products", game, "```python\n2**3\n```", true, false},
		{"a fraction in TeX", OperationVerifier{"0.5"}, `\boxed{\frac{1}{2}}`, false, true},
		{"its numerator", OperationVerifier{"1"}, `\boxed{\frac{1}{2}}`, true, false},
		{"text in the box", OperationVerifier{"7"}, `\boxed{7 or so}`, true, false},
		{"digits in groups", OperationVerifier{"1234"}, `\boxed{1,234}`, true, true},
		{"a decimal fraction", OperationVerifier{"-6.6"}, `\boxed{-6.6}`, true, true},
		{"blanks in a list", ReasoningVerifier{"3,15"}, "Answer: 3 15", false, true},
		{"a number that repeats", CryptarithmVerifier{[]string{"A", "A", "BA"}, []string{"*"}}, "5 * 3 = 15", false, false},
		{"zeros before a number that fits", CryptarithmVerifier{[]string{"A", "B", "CA"}, []string{"*"}}, "05 * 3 = 15", true, false},
		{"commas in a list", ReasoningVerifier{"3,15"}, "Answer: 3, 15", true, true},
	} {
		if got := c.verifier.Verify(c.answer, true); got != c.quirks {
			t.Errorf("%s, quirks: got %v", c.name, got)
		}
		if got := c.verifier.Verify(c.answer, false); got != c.hardened {
			t.Errorf("%s, hardened: got %v", c.name, got)
		}
	}
}

// TestSolvable has a puzzle that only parentheses solve.
func TestSolvable(t *testing.T) {
	numbers, operators := []int{1, 3, 4, 6}, []string{"+", "-", "*", "/"}
	if n, _ := leftToRight(numbers, operators, 24); n != 0 {
		t.Errorf("got %d solutions from left to right, want none", n)
	}
	text := solve(numbers, operators, 24)
	if !(GameVerifier{Numbers: numbers, Operators: operators, Target: 24, Solvable: true}).Verify("```python\n"+text+"\n```", false) {
		t.Errorf("solution %q doesn't verify", text)
	}
	if text := solve([]int{1, 1, 1, 1}, operators, 24); text != "" {
		t.Errorf("got %q for what has no solution", text)
	}
	start := time.Now()
	if text := solve([]int{13, 14, 15, 17, 19, 20}, operators, 100_000_007); text != "" {
		t.Errorf("got %q for what has no solution", text)
	}
	t.Logf("six numbers without solution: %v", time.Since(start))
}

func TestEvaluate(t *testing.T) {
	for _, c := range []struct {
		text string
		want float64
		bad  bool
	}{
		{text: "1+2*3", want: 7}, {text: "(1+2)*3", want: 9}, {text: "7/2", want: 3.5}, {text: "7//2", want: 3}, {text: "-7//2", want: -4},
		{text: "7//-2", want: -4}, {text: "2**3**2", want: 512}, {text: "-2**2", want: -4}, {text: "2**-1", want: 0.5}, {text: "--3", want: 3},
		{text: "+-+3", want: -3}, {text: "(1\n+2)", want: 3}, {text: "1\t+\f2", want: 3}, {text: "0", want: 0}, {text: "00", want: 0},
		{text: "10**30/10**29", want: 10}, {text: "1/3*3", want: 1}, {text: "6.0", bad: true}, {text: "8/(3-8/3)", want: 23.99999999999999},
		{text: "7.5//2", bad: true}, {text: "7/2//2", want: 1}, {text: "(0-1)**(1/2)", bad: true},
		{text: "1+2\n+3", bad: true}, {text: "01", bad: true}, {text: "1 2", bad: true}, {text: "", bad: true}, {text: "()", bad: true}, {text: "(1", bad: true},
		{text: "1)", bad: true}, {text: "1/0", bad: true}, {text: "1//0", bad: true}, {text: "0**-1", bad: true}, {text: "1+", bad: true}, {text: "2(3)", bad: true},
		{text: "9**9**9**9", bad: true}, {text: "1**9**9**9", bad: true}, {text: "1.5", bad: true}, {text: "1e3", bad: true}, {text: "1 +\u00a02", bad: true},
		{text: strings.Repeat("(", 190) + "1" + strings.Repeat(")", 190), want: 1},
		{text: strings.Repeat("(", 201) + "1" + strings.Repeat(")", 201), bad: true},
		{text: strings.Repeat("-", 1_000_000) + "1", bad: true}, {text: strings.Repeat("(", 1_000_000), bad: true},
	} {
		n, err := evaluate(c.text)
		if (err != nil) != c.bad {
			t.Errorf("%.40q: got %v, %v", c.text, n, err)
			continue
		}
		if err != nil {
			continue
		}
		if got, err := n.double(); err != nil || got != c.want {
			t.Errorf("%.40q: got %v, %v, want %v", c.text, got, err, c.want)
		}
	}
}

// verifiers are one of each kind.
func verifiers(t testing.TB) []Verifier {
	t.Helper()
	var out []Verifier
	for _, f := range Families() {
		p, err := Generate(f, 7, false)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p.verifier)
	}
	return append(out, GameVerifier{Numbers: []int{20, 20, 20, 20, 20, 20}, Operators: []string{"+", "-", "*", "/"}, Target: 24})
}

// TestHostile gives verifiers much of what is hard on parsers: time has to be linear, nothing is right.
func TestHostile(t *testing.T) {
	size := 1 << 14 // what grows with the square shows here too
	if testing.Short() {
		size = 1 << 12
	}
	var texts []string
	for _, piece := range []string{
		"(", "()", "`", "``` ", "```python", "```python 1```", "9", "9 ", "1,", "1+", "1+1=", "\\boxed{", "{", "}", "errors ", "thought ", "thought 3 ",
		"Answer: ", "\n", "123456789\n", "⟨", "\xff", "None", "((20+", "20**", "-", "errors 1 x", "A",
	} {
		texts = append(texts, strings.Repeat(piece, size/len(piece)), "```python\n"+strings.Repeat(piece, size/len(piece))+"\n```")
	}
	texts = append(texts, "```python\n20**20**20**20**20**20\n```", "```python\n20**(20*20*20*20)//20\n```")
	for _, v := range verifiers(t) {
		for _, text := range texts {
			start := time.Now()
			if v.Verify(text, true) || v.Verify(text, false) {
				t.Errorf("%T: %.30q verifies", v, text)
			}
			if d := time.Since(start); d > 2*time.Second {
				t.Errorf("%T: %.30q takes %v", v, text, d)
			}
		}
	}
}

// FuzzVerify gives verifiers any text: no panic, and one verdict per text.
func FuzzVerify(f *testing.F) {
	all := verifiers(f)
	for _, family := range Families() {
		p, err := Generate(family, 7, false)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p.Solution())
	}
	for _, s := range []string{"", "```python\n(1+2)*3\n```", "\\boxed{1/2}", "Answer: 1，2", "12 + 3 = 15", "`()`", "x" + strings.Repeat("`", 9)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		for _, v := range all {
			for _, quirks := range []bool{true, false} {
				first := v.Verify(answer, quirks)
				if second := v.Verify(answer, quirks); first != second {
					t.Errorf("%T: %q has two verdicts", v, answer)
				}
			}
		}
	})
}

// FuzzEvaluate gives the arithmetic any text: bounded work and no panic, and parentheses around an expression don't change it.
func FuzzEvaluate(f *testing.F) {
	for _, s := range []string{"1+2*3", "2**-1", "7//-2", "(1)", "--1", "9**9**9", "1/3", "10**400/3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 200 {
			return
		}
		a, errA := evaluate(text)
		b, errB := evaluate("(" + text + ")")
		if errA != nil || errB != nil {
			return // lines may end inside parentheses only, and a text such as 1)+(1 is an expression only inside them
		}
		if (a.whole == nil) != (b.whole == nil) || a.whole != nil && a.whole.Cmp(b.whole) != 0 && !strings.ContainsAny(text, "()") {
			t.Errorf("%q: got %v, with parentheses %v", text, a, b)
		}
	})
}
