package chat

import (
	"errors"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/nanteos/nanteos/internal/cpython"
)

func render(t testing.TB, text string, messages []Message, opts Options) (string, error) {
	t.Helper()
	tmpl, err := Parse(text)
	if err != nil {
		return "", err
	}
	return tmpl.Render(messages, opts)
}

var hello = []Message{{"system", " be brief\n"}, {"user", "Hé <b> \"x\" 'y'"}}

func TestRender(t *testing.T) {
	yes, no := true, false
	ordered, err := cpython.ParseJSON([]byte(`[{"name": "f", "b": {"z": 1, "a": [true, null, 1.5, 1e22]}, "é": "\u00e9\"\\\n\u007f\ud83d\ude00"}]`), cpython.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, template string
		opts           Options
		want           string
	}{
		{"data", "plain\n", Options{}, "plain"},
		{"blocks are trimmed", "{% for m in messages %}\n    {% if m.role == 'user' %}\nU\n    {% endif %}\n{% endfor %}\nend", Options{}, "U\nend"},
		{"whitespace control", "a\n  {%- if true -%}  b  {%- endif %}\nc", Options{}, "abc"},
		{"escapes", `{{ 'a\n\tb\'c\\d' }}{{ "x\"y" }}`, Options{}, "a\n\tb'c\\dx\"y"},
		{"no autoescape", "{{ messages[1].content }}", Options{}, "Hé <b> \"x\" 'y'"},
		{"trim", "[{{ messages[0]['content'] | trim }}]", Options{}, "[be brief]"},
		{"python white space", "[{{ x.strip() }}|{{ x.lstrip() }}|{{ x | trim }}|{{ 'xxax'.rstrip('x') }}]", Options{Extra: map[string]any{"x": "\x1c\u0085a\x1f"}}, "[a|a\x1f|a|xxa]"},
		{"bos and eos", "{{ bos_token }}{{ eos_token }}", Options{BOS: "<s>", EOS: "</s>"}, "<s></s>"},
		{"undefined", "{{ bos_token is defined }}{{ enable_thinking is defined }}[{{ nothing }}]{{ tools is defined }}{{ tools }}", Options{}, "FalseFalse[]TrueNone"},
		{"thinking", "{{ enable_thinking }}{{ enable_thinking is defined and enable_thinking is false }}", Options{EnableThinking: &no}, "FalseTrue"},
		{"thinking on", "{{ enable_thinking is defined and enable_thinking is false }}", Options{EnableThinking: &yes}, "False"},
		{"generation prompt", "{% if add_generation_prompt %}G{% endif %}", Options{AddGenerationPrompt: true}, "G"},
		{"namespace", "{% set ns = namespace(n=0, s='') %}{% for m in messages[::-1] %}{% set ns.n = ns.n + 1 %}{% set ns.s = ns.s ~ m.role %}{% endfor %}{{ ns.n }}{{ ns.s }}", Options{}, "2usersystem"},
		{"scope of a loop", "{% set x = 1 %}{% for i in range(3) %}{% set x = i %}{% endfor %}{{ x }}", Options{}, "1"},
		{"block set", "{% set x %}a{{ 1 }}{% endset %}{{ x }}{{ x }}", Options{}, "a1a1"},
		{"set with condition", "{% set x = 'a' if 1 == 2 else 'b' %}{{ x }}", Options{}, "b"},
		{"loop", "{% for i in range(1, 6, 2) %}{{ loop.index0 }}{{ i }}{% if not loop.last %},{% endif %}{% endfor %}", Options{}, "01,13,25"},
		{"break and continue", "{% for i in range(9) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}", Options{}, "02"},
		{"generation", "{% generation %}\nx{% endgeneration %}", Options{}, "x"},
		{"raw", "{% raw %}{{ x }}{% endraw %}", Options{}, "{{ x }}"},
		{"comment", "a{# no #}b", Options{}, "ab"},
		{"filters", "{{ 'aXa' | lower | replace('a', 'bb') }}{{ [1, 2] | length }}{{ messages | map(attribute='role') | join('/') }}{{ none | default('d', true) }}", Options{}, "bbxbb2system/userd"},
		{"split", "{{ 'a</t>b</t>c'.split('</t>')[-1] }}{{ 'abc'.startswith('ab') }}{{ 'abc' in 'xabcx' }}", Options{}, "cTrueTrue"},
		{"items in order", "{% for k, v in tools[0].b.items() %}{{ k }}{% endfor %}{% for k, v in tools[0] | items %}{{ k }}{% endfor %}{{ tools[0].get('name') }}{{ tools[0].get('nix', 'd') }}", Options{Extra: map[string]any{"tools": ordered}}, "zanamebéfd"},
		{"tojson", "{{ tools | tojson }}", Options{Extra: map[string]any{"tools": ordered}}, `[{"name": "f", "b": {"z": 1, "a": [true, null, 1.5, 1e+22]}, "é": "é\"\\\n` + "\x7f😀" + `"}]`},
		{"tojson of messages", "{{ messages | tojson }}", Options{}, `[{"role": "system", "content": " be brief\n"}, {"role": "user", "content": "Hé <b> \"x\" 'y'"}]`},
		{"tojson ascii", "{{ 'é😀' | tojson(ensure_ascii=true) }}", Options{}, `"\u00e9\ud83d\ude00"`},
		{"tojson indent", "{{ tools | tojson(indent=2) }}", Options{Extra: map[string]any{"tools": []any{map[string]any{"b": []any{}, "a": 1}, 2.0}}}, "[\n  {\n    \"a\": 1,\n    \"b\": []\n  },\n  2.0\n]"},
		{"tojson sorted and compact", "{{ tools[0].b | tojson(sort_keys=true, separators=(',', ':')) }}", Options{Extra: map[string]any{"tools": ordered}}, `{"a":[true,null,1.5,1e+22],"z":1}`},
		{"tojson odd floats", "{{ x | tojson }}", Options{Extra: map[string]any{"x": []any{math.Inf(1), math.Inf(-1), math.NaN(), math.Copysign(0, -1)}}}, "[Infinity, -Infinity, NaN, -0.0]"},
		{"clock is not needed", "{% if strftime_now is defined %}{% if date is defined %}{{ date }}{% else %}{{ strftime_now('%Y') }}{% endif %}{% endif %}", Options{Extra: map[string]any{"date": "today"}}, "today"},
	} {
		got, err := render(t, c.template, hello, c.opts)
		if err != nil || got != c.want {
			t.Errorf("%s: %q (%v), want %q", c.name, got, err, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	deep := "x"
	for range 40 {
		deep = "[" + deep + "," + deep[:1] + "]"
	}
	for _, c := range []struct {
		name, template string
		is             error
		says           string
	}{
		{"syntax", "{% if %}", ErrTemplate, ""},
		{"open tag", "{{ x", ErrTemplate, ""},
		{"open block", "{% for a in messages %}", ErrTemplate, ""},
		{"unknown statement", "{% nope %}", ErrTemplate, "nope"},
		{"raised", "a{{ raise_exception('roles must ' + 'alternate') }}b", ErrRaised, "roles must alternate"},
		{"raised in a loop", "{% for m in messages %}{% if true %}{{ raise_exception('no') }}{% endif %}{% endfor %}", ErrRaised, "no"},
		{"number and string", "{{ 'a' + 1 }}", ErrTemplate, "operator +"},
		{"undefined attribute", "{{ nothing.x }}", ErrTemplate, "nothing"},
		{"clock", "{{ strftime_now('%Y') }}", ErrUnsupported, "strftime_now"},
		{"macro", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", ErrLimit, "macro f"},
		{"include", "{% include '/etc/passwd' %}", ErrUnsupported, "include"},
		{"import", "{% import '/chat_template' as x %}", ErrUnsupported, "import"},
		{"from", "{%- from '/chat_template' import x %}", ErrUnsupported, "from"},
		{"extends", "{% extends '/chat_template' %}", ErrUnsupported, "extends"},
		{"recursive loop", "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}", ErrUnsupported, "recursive"},
		{"multiplied", "{{ 'a' * 1000000000 }}", ErrLimit, ""},
		{"power", "{{ 9 ** 9 }}", ErrUnsupported, "**"},
		{"filter", "{{ 'a' | center(1000000000) }}", ErrUnsupported, "center"},
		{"method", "{{ 'a'.center(1000000000) }}", ErrUnsupported, "center"},
		{"appended", "{{ messages.append(1) }}", ErrTemplate, ""},
		{"long tag", "{{ " + strings.Repeat("- ", 2000) + "1 }}", ErrUnsupported, "levels"},
		{"deep blocks", strings.Repeat("{% if true %}", 2000), ErrUnsupported, "levels"},
		{"deep not", "{{ " + strings.Repeat("not ", 2000) + "1 }}", ErrUnsupported, "levels"},
		{"deep tag", "{{ " + strings.Repeat("(", 2000) + "1" + strings.Repeat(")", 2000) + " }}", ErrUnsupported, "levels"},
		{"long template", strings.Repeat("x", 1<<20), ErrUnsupported, "bytes"},
		{"range", "{% for i in range(100001) %}{% endfor %}", ErrLimit, ""},
		{"steps", "{% for i in range(100000) %}{% for j in range(100000) %}{% if true %}{% endif %}{% endfor %}{% endfor %}", ErrLimit, ""},
		{"output", "{% for i in range(1000) %}{% for i in range(1000) %}0123456789abcdef{% endfor %}{% endfor %}", ErrLimit, ""},
		{"doubled", "{% set ns = namespace(x='0123456789abcdef') %}{% for i in range(64) %}{% set ns.x = ns.x + ns.x %}{% endfor %}", ErrLimit, ""},
		{"doubled list", "{% set ns = namespace(x=[1]) %}{% for i in range(64) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}", ErrLimit, ""},
		{"doubled block", "{% set x = 'aaaaaaaaaaaaaaaa' %}" + strings.Repeat("{% set x %}{{ x }}{{ x }}{% endset %}", 40), ErrLimit, ""},
		{"replaced", "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(9) %}{% set ns.x = ns.x | replace('a', ns.x) %}{% endfor %}", ErrLimit, ""},
		{"replaced method", "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(9) %}{% set ns.x = ns.x.replace('', ns.x) %}{% endfor %}", ErrLimit, ""},
		{"joined", "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(9) %}{% set ns.x = ns.x | list | join(ns.x) %}{% endfor %}", ErrLimit, ""},
		{"cycle", "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}", ErrUnsupported, "namespace"},
		{"cycle in a list", "{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns.x }}{{ ns.x | tojson }}", ErrUnsupported, "namespace"},
		{"changed argument", "{% set messages.x = 1 %}", ErrTemplate, "namespace"},
		{"tojson indent", "{{ [[1]] | tojson(indent=100000000) }}", ErrLimit, ""},
		{"division", "{{ 1 % 0 }}", ErrTemplate, ""},
	} {
		got, err := render(t, c.template, hello, Options{})
		switch {
		case err == nil:
			t.Errorf("%s: rendered %.80q", c.name, got)
		case c.is != nil && !errors.Is(err, c.is), !strings.Contains(err.Error(), c.says):
			t.Errorf("%s: got %v, want %v with %q", c.name, err, c.is, c.says)
		case len(err.Error()) > 1000:
			t.Errorf("%s: error of %d bytes", c.name, len(err.Error()))
		}
	}
}

func TestExtraRefused(t *testing.T) {
	deep := any("x")
	for range 100 {
		deep = []any{deep}
	}
	big, err := cpython.ParseJSON([]byte("123456789012345678901234567890"), cpython.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]any{"channel": make(chan int), "struct": struct{ X int }{1}, "function": func() {}, "deep": deep, "big": big, "within": map[string]any{"a": []any{struct{}{}}}} {
		if _, err := render(t, "{{ x }}", nil, Options{Extra: map[string]any{"x": v}}); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestLongConversation(t *testing.T) {
	long := []Message{{"user", strings.Repeat("word ", 1<<20)}}
	want, err := render(t, Instructed, long, Options{AddGenerationPrompt: true})
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := parse(Instructed)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := tmpl.Render(long, Options{AddGenerationPrompt: true}); err != nil || got != want {
		t.Errorf("%d bytes (%v), want %d", len(got), err, len(want))
	}
}

func TestConcurrent(t *testing.T) {
	tmpl, err := Parse("{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{{ m.content | trim }}{% endfor %}{{ ns.n }}{{ messages | tojson }}")
	if err != nil {
		t.Fatal(err)
	}
	want, err := tmpl.Render(hello, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if got, err := tmpl.Render(hello, Options{}); err != nil || got != want {
					t.Errorf("%q (%v), want %q", got, err, want)
				}
			}
		})
	}
	wg.Wait()
}

func TestWithSystem(t *testing.T) {
	in := []Message{{"user", "a"}}
	if got := WithSystem(in, "p"); len(got) != 2 || got[0] != (Message{"system", "p"}) || len(in) != 1 {
		t.Errorf("%v", got)
	}
	own := []Message{{"system", ""}, {"user", "a"}}
	if got := WithSystem(own, "p"); len(got) != 2 || got[0].Content != "" {
		t.Errorf("%v", got)
	}
	if got := WithSystem(nil, "p"); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Instructed+" ", "content")
	f.Add("{% set ns = namespace(a=1) %}{% for m in messages[::-1] %}{%- if m.role == 'user' and not loop.first %}{{- m['content'] | trim | tojson }}{% else %}{{ raise_exception('x') }}{% endif %}{% endfor %}", "é")
	f.Add("{{ (1 + 2) ~ [1, {'a': 2}] | length }}{# c #}{% set x %}y{% endset %}{{ x[1:] }}", "")
	f.Fuzz(func(t *testing.T, text, content string) {
		tmpl, err := Parse(text)
		if err == nil {
			_, err = tmpl.Render([]Message{{"user", content}}, Options{})
		}
		if err != nil && !errors.Is(err, ErrTemplate) && !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrRaised) && !errors.Is(err, ErrLimit) {
			t.Fatal(err)
		}
	})
}
