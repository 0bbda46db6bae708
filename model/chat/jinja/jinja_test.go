package jinja

import (
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
)

func render(text string, vars map[string]any, opts Options) (string, error) {
	t, err := Parse(text)
	if err != nil {
		return "", err
	}
	return t.Render(vars, opts)
}

func TestFromGo(t *testing.T) {
	vars := map[string]any{"v": []any{nil, true, 1, int64(2), 2.5, "s", map[string]any{"b": 1, "a": 2}, Pairs{{"z", 1}, {"y", []any{}}, {"z", 3}}}}
	got, err := render("{{ v }}", vars, Options{})
	if want := "[None, True, 1, 2, 2.5, 's', {'a': 2, 'b': 1}, {'z': 3, 'y': []}]"; err != nil || got != want {
		t.Errorf("%q (%v), want %q", got, err, want)
	}
	deep := any(1)
	for range 2 * maxPrint {
		deep = []any{deep}
	}
	for name, v := range map[string]any{"deep": deep, "struct": struct{}{}, "pointer": &vars, "bytes": []byte("x"), "function": func() {}} {
		if err := FromGo(v); err == nil {
			t.Errorf("%s was taken", name)
		}
		if _, err := render("{{ v }}", map[string]any{"v": v}, Options{}); err == nil {
			t.Errorf("%s was rendered", name)
		}
	}
	if err := FromGo(vars["v"]); err != nil {
		t.Error(err)
	}
}

// TestShadowing: variables come before globals, and a template's own before both.
func TestShadowing(t *testing.T) {
	for text, want := range map[string]string{"{{ range }}": "mine", "{% set range = 1 %}{{ range }}": "1", "{% for range in [2] %}{{ range }}{% endfor %}{{ range }}": "2mine"} {
		if got, err := render(text, map[string]any{"range": "mine"}, Options{}); err != nil || got != want {
			t.Errorf("%s: %q (%v), want %q", text, got, err, want)
		}
	}
}

func TestIntegers(t *testing.T) {
	vars := map[string]any{"max": math.MaxInt, "min": math.MinInt}
	for _, e := range []string{"max + 1", "min - 1", "max * 2", "min * -1", "-min", "min // -1", "max * max", "min * min", "min | abs", "1e300 | int", "max / 3"} {
		if got, err := render("{{ "+e+" }}", vars, Options{}); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s = %s (%v)", e, got, err)
		}
	}
	for e, want := range map[string]string{"max + 0": "9223372036854775807", "min + max": "-1", "max - max": "0", "min // 1": "-9223372036854775808", "min % -1": "0", "-3 * 4": "-12"} {
		if e == "min % -1" {
			continue // refused with its quotient
		}
		if got, err := render("{{ "+e+" }}", vars, Options{}); err != nil || got != want {
			t.Errorf("%s = %s (%v), want %s", e, got, err, want)
		}
	}
}

// TestBudget: a rendering that exceeds the budget fails at the same place every time, long before memory or patience end.
func TestBudget(t *testing.T) {
	for name, text := range map[string]string{
		"loops":            "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
		"conditions":       "{% for a in range(100000) %}{% for b in range(100000) if false %}{% endfor %}{% endfor %}",
		"doubled":          "{% set n = namespace(x='ab') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
		"doubled list":     "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
		"nested list":      "{% set n = namespace(x=[1]) %}{% for i in range(50) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
		"nested compared":  "{% set n = namespace(x=[1], y=[1]) %}{% for i in range(50) %}{% set n.x = [n.x, n.x] %}{% set n.y = [n.y, n.y] %}{% endfor %}{{ n.x == n.y }}",
		"nested json":      "{% set n = namespace(x=[1]) %}{% for i in range(50) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x | tojson }}",
		"repeated":         "{{ 'x' * 2000000000 }}",
		"repeated twice":   "{{ ('x' * 10000000) ~ ('x' * 10000000) }}",
		"indented":         "{{ 'a' | indent(2000000000, true) }}",
		"json indented":    "{{ [[[1]]] | tojson(indent=20000000) }}",
		"json separated":   "{{ range(9999) | list | tojson(separators=['x' * 9999, ':']) }}",
		"macros":           "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(35) }}",
		"sliced":           "{% set x = 'x' * 100000 %}{% for i in range(100000) %}{% set y = x[1:] %}{% endfor %}",
		"split":            "{% set x = 'x,' * 10000 %}{% for i in range(100000) %}{% set y = x.split(',') %}{% endfor %}",
		"searched":         "{% set x = 'x' * 100000 %}{% for i in range(100000) %}{% set y = 'y' in x %}{% endfor %}",
		"joined":           "{{ range(10000) | join('x' * 10000) }}",
		"replaced":         "{{ ('a' * 10000) | replace('a', 'b' * 10000) }}",
		"unique":           "{{ range(100000) | unique | list | length }}",
		"list of the text": "{% for i in range(100000) %}{% set y = ('x' * 1000) | list %}{% endfor %}",
	} {
		_, first := render(text, nil, Options{Budget: 1 << 21})
		_, second := render(text, nil, Options{Budget: 1 << 21})
		if !errors.Is(first, ErrLimit) || first.Error() != second.Error() {
			t.Errorf("%s: %v, then %v", name, first, second)
		}
	}
	if _, err := render("{{ 1 }}", nil, Options{Budget: 1}); !errors.Is(err, ErrLimit) {
		t.Errorf("a budget of 1: %v", err)
	}
}

func TestParseErrors(t *testing.T) {
	for text, says := range map[string]string{
		"a\nb{% nope %}":                         "line 2: unknown statement nope",
		"{% include 'x' %}":                      "statement include",
		"\n\n{{ x | urlize }}":                   "line 3: filter urlize",
		"{{ x is sameas y }}":                    "test sameas",
		"{% for x in y recursive %}{% endfor %}": "recursive",
		"{{ f(*a) }}":                            "call with *",
		"{{ 2 ** 3 }}":                           "operator **",
		"{{ x[1, 2] }}":                          "comma",
		`{{ '\N{DASH}' }}`:                       `\N`,
		`{{ '\x4' }}`:                            `\x`,
		`{{ '\ud800' }}`:                         `\ud800`,
		"{{ '\\":                                 "string without an end",
		"{{ " + strings.Repeat("(", 500) + "1" + strings.Repeat(")", 500) + " }}": "levels",
		"{{ " + strings.Repeat("[", 500) + strings.Repeat("]", 500) + " }}":       "levels",
		strings.Repeat("{% for x in y %}", 500):                                   "levels",
		strings.Repeat(" ", maxText+1):                                            "bytes",
		"{{ 99999999999999999999 }}":                                              "64 bits",
		"{% macro f(a=1, b) %}{% endmacro %}":                                     "default",
		"{{ f(a=1, 2) }}":                                                         "without a name",
		"{% set x | upper %}y{% endset %}":                                        "filter",
		"{% if true %}":                                                           "ends before",
		"{% macro f() %}{% break %}{% endmacro %}":                                "outside of a loop",
		"{{ é€ }}":                                    "unexpected",
		"{{ x is defined is none }}":                  "",
		"{% for true in x %}{% endfor %}":             "can't assign",
		"{{ (1, 2 }}":                                 "",
		"{% set x = %}":                               "expected an expression",
		"{{ " + strings.Repeat("a if ", 500) + "a }}": "",
	} {
		_, err := Parse(text)
		if err == nil {
			if strings.Contains(text, "is none") || strings.Contains(text, "a if") {
				continue // a chain that we read and Jinja doesn't
			}
			t.Errorf("%.60q was parsed", text)
			continue
		}
		if !strings.Contains(err.Error(), says) || !errors.Is(err, ErrSyntax) && !errors.Is(err, ErrUnsupported) || len(err.Error()) > 300 {
			t.Errorf("%.60q: got %v, want %q", text, err, says)
		}
	}
}

func TestLongChainsDontOverflow(t *testing.T) {
	for _, text := range []string{"{{ 1" + strings.Repeat(" + 1", 50_000) + " }}", "{{ x" + strings.Repeat(" | upper", 20_000) + " }}", "{{ x" + strings.Repeat(".x", 100_000) + " }}", "{% if x %}" + strings.Repeat("{% elif x %}", 20_000) + "{% endif %}"} {
		if _, err := render(text, map[string]any{"x": Pairs{}}, Options{}); err != nil && !errors.Is(err, ErrRuntime) {
			t.Errorf("%.20q...: %v", text, err)
		}
	}
}

func TestConcurrent(t *testing.T) {
	g, vars := readGolden(t)
	var wg sync.WaitGroup
	for i, c := range g.Cases {
		tmpl, err := Parse(c.Template)
		if err != nil || i%7 != 0 {
			continue
		}
		want, wantErr := tmpl.Render(vars, Options{})
		for range 3 {
			wg.Go(func() {
				if got, err := tmpl.Render(vars, Options{}); got != want || (err == nil) != (wantErr == nil) {
					t.Errorf("%q: %q (%v), want %q (%v)", c.Template, got, err, want, wantErr)
				}
			})
		}
	}
	wg.Wait()
}

func FuzzRender(f *testing.F) {
	g, vars := readGolden(f)
	for _, c := range g.Cases {
		f.Add(c.Template)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := render(text, vars, Options{Budget: 1 << 20})
		if err != nil && !errors.Is(err, ErrSyntax) && !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrRuntime) && !errors.Is(err, ErrRaised) && !errors.Is(err, ErrLimit) {
			t.Fatal(err)
		}
	})
}
