package expr

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/python"
)

// sympyVersion makes an interpreter say which sympy it has.
const sympyVersion = `import sympy; print(sympy.__version__)`

// server compares the pairs on its standard input by the program that the sandbox runs.
const server = `
import json, sys, signal
exec(compile(sys.argv[1], "symbolic.py", "exec"))
sys.setrecursionlimit(3000)
def late(*_): raise TimeoutError
signal.signal(signal.SIGALRM, late)
for line in sys.stdin:
    pair = json.loads(line)
    signal.alarm(20)
    equal = op_equal(pair)["equal"]
    late_ = not signal.alarm(0)
    print(json.dumps({"equal": equal, "late": late_}), flush=True)
`

// findSympy returns an interpreter with sympy 1.14: NANTEOS_GRADER_PYTHON, or one of PATH.
func findSympy(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("NANTEOS_GRADER_PYTHON"), "python3.12", "python3"} {
		if name == "" {
			continue
		}
		out, err := exec.CommandContext(t.Context(), name, "-c", sympyVersion).Output()
		if err == nil && strings.HasPrefix(string(out), "1.14.") {
			return name
		}
	}
	t.Skip("no Python with sympy 1.14 here: python3.12 -m venv V && V/bin/pip install sympy==1.14.0, and NANTEOS_GRADER_PYTHON=V/bin/python enables this test")
	return ""
}

var pairsAsked = flag.Int("pairs", 300, "pairs of TestDifferential, a thirtieth of a second each")

// TestDifferential compares made-up pairs here and in sympy. Where this package decides, it has to decide as sympy does. The texts are of this test's own
// making, so that they may be evaluated outside the sandbox.
func TestDifferential(t *testing.T) {
	interpreter := findSympy(t)
	program, err := python.Files.ReadFile("symbolic.py")
	if err != nil {
		t.Fatal(err)
	}
	pairs := *pairsAsked
	g := &generator{rand.New(rand.NewPCG(20, 26))}
	cmd := exec.CommandContext(t.Context(), interpreter, "-W", "ignore", "-c", server, string(program))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(out)
	counts := map[Verdict]int{}
	late, open := 0, 0
	for range pairs {
		a, b := g.pair()
		line, err := json.Marshal(map[string]string{"pred": a, "gold": b})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(in, "%s\n", line); err != nil {
			t.Fatalf("couldn't ask sympy: %v: %s", err, log.String())
		}
		var sympy struct{ Equal, Late bool }
		answer, err := answers.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(answer, &sympy)
		}
		if err != nil {
			t.Fatalf("couldn't read sympy's answer to %s: %v: %s", line, err, log.String())
		}
		if sympy.Late {
			late++
			continue
		}
		got := Compare(a, b)
		counts[got.Reference]++
		switch {
		case got.Reference == Undecided && sympy.Equal:
			open++
		case got.Reference == Equal && !sympy.Equal, got.Reference == Different && sympy.Equal:
			t.Errorf("%q and %q: got %v, sympy says equal: %v", a, b, got, sympy.Equal)
		}
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("sympy: %v: %s", err, log.String())
	}
	t.Logf("of %d pairs %d are equal, %d different, %d undecided (%d of them equal), %d too slow in sympy", pairs, counts[Equal], counts[Different],
		counts[Undecided], open, late)
}

// generator makes pairs of expressions that are near each other in many ways.
type generator struct{ *rand.Rand }

func (g *generator) int(low, high int) int { return low + g.IntN(high-low+1) }

// one makes a text of one of the forms, in which # stands for a small number and @ for a symbol.
func (g *generator) one(forms ...string) string {
	var b strings.Builder
	for _, c := range forms[g.IntN(len(forms))] {
		switch c {
		case '#':
			fmt.Fprint(&b, g.int(1, 12))
		case '@':
			b.WriteByte("xyabn"[g.IntN(5)])
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

func (g *generator) number() string {
	return g.one("#", "#", "#", "-#", "#/#", "(-#)", "0.5", "0.25", "#.5", "#.0", "0.1", "#.2", "1e3", "0.[#]", "1_0", "0x1#", "1e-3", "2.50", "0")
}

func (g *generator) constant() string {
	return g.one("sqrt(#)", "#*sqrt(#)", "#**(1/2)", "#**(1/3)", "cbrt(#)", "sqrt(#/#)", "#**(2/3)", "sqrt(-#)", "root(#,3)", "1/sqrt(#)", "#j", "pi", "#*pi/#", "log(#)",
		"log(#,2)", "ln(#/#)", "exp(#)", "sin(pi/#)", "cos(#*pi/6)", "tan(pi/12)", "sec(pi/3)", "cot(#*pi/4)", "asin(1/2)", "acos(-1)", "atan(sqrt(3))", "#!",
		"binomial(8,#)", "abs(-#)", "gcd(#,#)", "max(#,#)", "floor(#/#)", "#%5", "#//2", "(#^#)", "cosh(#)", g.number())
}

func (g *generator) symbolic() string {
	return g.one("@", "@", "@", "@**2", "@**3", "sqrt(@)", "exp(@)", "sin(@)", "cos(@)", "log(@)", "f(@)", "2**@", "@**(-2)", "@**(1/2)", "abs(@)", "π", "x_1", "@*@", "0.5*@",
		g.constant(), g.number())
}

func (g *generator) tree(leaf func() string, depth int) string {
	if depth == 0 || g.IntN(5) == 0 {
		return leaf()
	}
	a := g.tree(leaf, depth-1)
	if g.IntN(5) == 0 {
		return "(" + a + ")**" + g.one("2", "3", "-1", "(1/2)", "-2", "0.5", "2.0")
	}
	return "(" + a + ")" + g.one("+", "-", "*", "*", "/") + "(" + g.tree(leaf, depth-1) + ")"
}

// rewrite changes how an expression is written, mostly not its value: A stands for it, C for another one.
func (g *generator) rewrite(a, c string) string {
	form := g.one("A", "A+0", "#*(A)/#", "2*(A)/2", "(A)+(C)-(C)", "(A)*(C)/(C)", "-(-(A))", "((A)**2)**(1/2)", "1/(1/(A))", "(A)/2+(A)/2", "(A)*1.0", "(A)+1/1000000",
		"((A)+1)**2-(A)**2-2*(A)", "exp(log(A))", "(A)**1", "sqrt(A)*sqrt(A)", "(A)-0.0", "(A)+0.1-0.1", "C")
	return strings.NewReplacer("A", a, "C", c).Replace(form)
}

// identities are pairs of forms in which x, y are symbols and p, q, r numbers, with the value of r for them.
var identities = [][2]string{
	{"(x+p)*(x+q)", "x**2+(p+q)*x+p*q"}, {"(x+y)**3", "x**3+3*x**2*y+3*x*y**2+y**3"}, {"(x-p)/(x+q)", "1-(p+q)/(x+q)"}, {"1/x+1/y", "(x+y)/(x*y)"},
	{"(x**2-y**2)/(x-y)", "x+y"}, {"sqrt(p)/(sqrt(q)+1)", "sqrt(p)*(sqrt(q)-1)/(q-1)"}, {"(x+sqrt(p))*(x-sqrt(p))", "x**2-p"},
	{"1/(x+sqrt(p))", "(x-sqrt(p))/(x**2-p)"}, {"exp(x+y)", "exp(x)*exp(y)"}, {"log(p*q)", "log(p)+log(q)"}, {"2**(x+p)", "2**x*2**p"}, {"4**x", "2**(2*x)"},
	{"(x*y)**2", "x**2*y**2"}, {"x**y*x", "x**(y+1)"}, {"0.5*(x+p)", "(x+p)/2"}, {"x*0.25+x/4", "x/2"}, {"exp(2*log(p))", "p**2"}, {"(1+pj)*(1-pj)", "1+p**2"},
	{"2^x", "2"}, {"p^q", "q^p"}, {"p,q", "p"}, {"x<p", "x"}, {"px", "p*x"}, {"f(x+y)", "f(y+x)"}, {"f(2*(x+1))", "f(2*x+2)"}, {"f((x+1)**2)", "f(x**2+2*x+1)"},
	{"sin(x+y)", "sin(y+x)"}, {"sin(2*x)", "2*sin(x)*cos(x)"}, {"log(x*(y+1))", "log(x*y+x)"}, {"sqrt(p+2*sqrt(q))", "sqrt(p)+sqrt(q)"}, {"x/y/p", "x/(p*y)"},
	{"sqrt(x*y)", "sqrt(x)*sqrt(y)"}, {"log(x**p)", "p*log(x)"}, {"p**0.5", "sqrt(p)"}, {"p!", "p*(p-1)!"}, {"~p", "-p-1"}, {"p<<q", "p*2**q"}, {"2/pj", "2*1j/p"},
}

func (g *generator) pair() (a, b string) {
	switch n := g.IntN(20); {
	case n < 7:
		pair := identities[g.IntN(len(identities))]
		fill := strings.NewReplacer("exp", "exp", "x", g.one("x", "n", "@"), "y", g.one("y", "@"), "p", g.one("#"), "q", g.one("#"), "sqrt", "sqrt")
		a, b = fill.Replace(pair[0]), fill.Replace(pair[1])
	case n < 10:
		a = g.tree(g.number, 2)
		b = g.rewrite(a, g.number())
	case n < 15:
		a = g.tree(g.constant, g.int(1, 2))
		b = g.rewrite(a, g.constant())
	default:
		a = g.tree(g.symbolic, g.int(1, 2))
		b = g.rewrite(a, g.symbolic())
	}
	if g.IntN(2) == 0 {
		return b, a
	}
	return a, b
}
