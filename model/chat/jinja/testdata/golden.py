"""Writes golden.json: what Python's Jinja makes of the snippets below under the settings of transformers.

Run: pip install jinja2 && python golden.py > golden.json
"""

import json
import sys

import jinja2.ext
from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

VARIABLES = {
    "s": "Héllo wörld",
    "pad": " \t\u00a0x y\x1c\u0085\n",
    "n": 7,
    "f": 2.5,
    "none": None,
    "yes": True,
    "l": [3, 1, 2],
    "e": [],
    "d": {"b": 1, "a": {"z": [1, 2.5, None, True, "é\"\\\n\x7f\u2028😀"], "y": {}}, "items": 5, "x-y": 2},
    "ms": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}, {"role": "assistant", "content": "A", "t": 1}],
}

EXPRESSIONS = r"""
1 + 2 * 3 - 4
7 // 2
-7 // 2
-7 % 3
7 % -3
7.5 // 2
-7.5 // 2
-7.5 % 2
7 / 2
6 / 2
1 / 0
5 % 0
2.0
1e22
1e16
0.1 + 0.2
1_000
1.5e3
'a' + 'b'
'a' + 1
1 + none
'a' ~ 1 ~ none ~ true ~ 2.0
'ab' * 3
3 * 'ab'
'a' * -1
[1] + [2]
(1, 2) + (3,)
[1] + (2,)
-n
+n
- -n
-f
-s
not n
not none
n and 0
0 or 'x'
'' or none
n and s
true and false or true
not true == false
1 < 2 < 3
1 < 3 < 2
1 == 1.0
1 == true
'1' == 1
none == none
undefined == undefined
undefined == none
[1, 2] == [1, 2]
[1] == (1,)
{'a': 1} == {'a': 1.0}
'a' < 'b'
'é' > 'z'
1 < 'a'
[1, 2] < [1, 3]
none < 1
'll' in s
'é' in s
1 in s
2 in l
5 not in l
'a' in d
1 in d
'x' in undefined
true
none
undefined
x.y
x['y']
s[0]
s[1]
s[-1]
s[100]
s[1:4]
s[::-1]
s[-3:]
s[:-3]
s[::2]
s[5:1:-2]
l[0]
l[-1]
l[-3]
l[-4]
l[3]
l[1:]
l[::-1]
l[-1:]
l[10:]
l[::0]
l['a']
e[-1]
['x'][-1]
d.b
d['b']
d.a.z
d['a']['z'][4]
d['x-y']
d.items
d['items']
d.missing
d.get('b')
d.get('q')
d.get('q', 9)
d.keys() | list
d.values() | list | length
d.items() | list | length
d.items() | first
d | length
d | list
l
(1,)
()
(1, 'a')
{'a': [1, {'b': 'c'}]}
['it\'s', "q\"", 'both\'"', 'é\n\t\x01\u200b😀']
'\x41\u00e9\U0001F600\101\n\t\\\q\''
'a' 'b'
d
1 if true else 2
1 if false else 2
1 if false
(1 if false) is defined
'a' if n > 5 else 'b' if n > 3 else 'c'
x is defined
n is defined
none is defined
x is undefined
x is none
none is none
n is not none
n is number
f is number
yes is number
n is integer
f is float
yes is boolean
yes is true
1 is true
yes is false
s is string
l is string
d is mapping
l is mapping
l is sequence
s is sequence
n is sequence
l is iterable
n is iterable
s is iterable
n is odd
n is even
n is divisibleby 7
n is divisibleby(2)
n is eq 7
n is equalto(7)
n is ne 7
n is gt 3
n is lt 3
n is ge 7
n is in l
2 is in [1, 2]
'abc' is lower
'ABC' is upper
'123' is lower
n is sameas n
raise_exception is callable
s | upper
s | lower
'straße' | upper
'ΑΣ' | lower
s | length
'hello world-foo (bar) it\'s' | title
'hello WORLD' | capitalize
pad | trim
'xxaxx' | trim('x')
'[' ~ pad.strip() ~ ']'
'[' ~ pad.lstrip() ~ ']'
'[' ~ pad.rstrip() ~ ']'
'xyaxy'.strip('xy')
'a,b,,c'.split(',')
'a,b,,c'.split(',', 1)
'a,b,,c'.rsplit(',', 1)
' a  b '.split()
'abc'.split('')
''.split(',')
''.split()
'a</t>b'.split('</t>')[-1]
'ab'.split('</t>')[-1]
'a\nb\r\nc\n'.splitlines()
'a\nb\n'.splitlines(true)
'abc'.startswith('a')
'abc'.startswith(('x', 'a'))
'abc'.endswith('bc')
'aXbX'.replace('X', '--')
'aXbX'.replace('X', '--', 1)
'ab'.replace('', '.')
'abcab'.find('b')
'éab'.find('b')
'abcab'.rfind('b')
'abc'.find('z')
'abcab'.count('ab')
'Abc'.upper()
'ABC'.lower()
'aBC dEF it\'s'.title()
'aBC dEF'.capitalize()
'12'.isdigit()
''.isdigit()
'ab1'.isalnum()
'ab'.isalpha()
' \t'.isspace()
'AB'.isupper()
'12'.isupper()
', '.join(['a', 'b'])
', '.join([1])
'abc'.removeprefix('a')
'abc'.removesuffix('c')
l | join
l | join(', ')
ms | join('/', attribute='role')
ms | map(attribute='role') | list
ms | map(attribute='t', default='?') | join(',')
ms | map(attribute='t') | join(',')
['a', 'b'] | map('upper') | list
['a', 'b'] | map('replace', 'a', 'x') | list
ms | selectattr('role', 'equalto', 'user') | list | length
ms | selectattr('role', '==', 'user') | map(attribute='content') | first
ms | rejectattr('role', 'in', ['user', 'system']) | map(attribute='content') | list
ms | selectattr('t', 'defined') | list | length
ms | selectattr('t') | list | length
[0, 1, '', 'a'] | select | list
[1, 2, 3] | select('odd') | list
[1, 2, 3] | reject('odd') | list
ms | map(attribute='role') | length
(ms | map(attribute='role'))[0]
l | first
l | last
e | first
e | last
undefined | first
s | first
s | last
l | reverse | list
s | reverse
l | sort
l | sort(reverse=true)
['b', 'A', 'c'] | sort
['b', 'A', 'c'] | sort(case_sensitive=true)
ms | sort(attribute='role') | map(attribute='role') | list
['a', 'A', 'b'] | unique | list
l | min
l | max
l | sum
e | sum
e | max
d | dictsort | length
d.a | items | list | length
undefined | items | list
undefined | length
undefined | list
undefined | upper
undefined | default('x')
none | default('x')
none | default('x', true)
'' | default('x', boolean=true)
n | default('x')
undefined | d
'12' | int
' 12 ' | int
'1.9' | int
'x' | int
'x' | int(3)
2.9 | int
none | int
'1.5' | float
'x' | float
-3 | abs
3 | string
none | string
'a\nb\n\nc' | indent
'a\nb\n\nc' | indent(2, true)
'a\nb\n\nc' | indent('> ', blank=true)
d | tojson
d | tojson(indent=2)
d | tojson(sort_keys=true)
d | tojson(separators=(',', ':'))
d.a | tojson(ensure_ascii=true)
e | tojson(indent=4)
{} | tojson(indent=4)
[[], {}, [[]]] | tojson(indent=1)
(1, 2) | tojson
none | tojson
yes | tojson
undefined | tojson
'</script>&\'' | tojson
range(3) | list
range(1, 4) | list
range(5, 0, -2) | list
range(0) | list
range(3) | length
range(3)[1]
range(1, 2, 0)
dict(a=1)
dict(a=1).a
namespace(a=1).a
namespace(a=1).b
raise_exception('stop')
'a' is defined and 'b'
[1, 2,]
{'a': 1,}
[1, 2][0]
{'a': {'b': 2}}.a.b
(1, 2)[1]
('a')
1.real
s.nope
s.nope()
n()
none.x
none['x']
1 | nofilter
1 is notest
s.__class__
d.__class__
l.append(1)
d.update({})
'%s' % 1
'a{}'.format(1)
s | replace('l', 'L')
'aaa' | replace('a', 'b', 2)
s ~ undefined
s + undefined
undefined + 1
1 == undefined
not undefined
'x' if undefined else 'y'
l == [3, 1, 2]
l | length > 2
l | length == 3 and s
'a' in ['a'] | list
-2 | abs
not 'a' in s
1 + 1 | string
'a' | upper ~ 'b'
n if n
0x10
007
0
1.
.5
'unclosed
a b
1 +
(1
[1
{1: 2}
{'a' 1}
f(
""".strip("\n").split("\n")

TEMPLATES = [
    "", "\n", "a\n", "a\n\n", "\r\na\r\nb\r", "{{ 1 }}\n", "a {{- 1 -}} b", "a\n {{- 1 -}}\n b", "a {%- if true -%} b {%- endif -%} c",
    "  {% if true %}\n  x\n  {% endif %}\n  y", "a  {% if true %}  b  {% endif %}  c", "{% if true %}\n\n\nx{% endif %}", "{% if true +%}\nx{% endif %}",
    "  {%+ if true %}x{% endif %}", "\t{# c #}\nx", "a {# c #} b", "  {#- c -#}  x", "{# a #}{# b #}\n  {% if true %}x{% endif %}", "x\n  {{ 1 }}\n  y", "{# {{ x }} {% if #}z",
    "{% raw %}{{ x }}{% if %}{% endraw %}", "a {%- raw -%} {{ x }} {%- endraw -%} b", "{% raw %}\n x\n {% endraw %}\ny", "{%raw%}a{%endraw%}b", "{% raw %}never",
    "{{ '}}' }}", "{{ '%}' }}", "{{ {'a': {'b': 1}}['a']['b'] }}", "{% if '%}' %}x{% endif %}", "{{ [1,2][0]}}{{'{{'}}", "{{-1}}", "{{ -1 }}", "{{+1}}",
    "{% for x in l %}{{ x }}{% endfor %}", "{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}",
    "{% for x in l %}{{ loop.previtem }}|{{ loop.nextitem }};{% endfor %}", "{% for x in l %}{{ loop.cycle('a', 'b') }}{% endfor %}", "{% for x in [1,1,2] %}{{ loop.changed(x) }}{% endfor %}",
    "{% for x in e %}x{% else %}none{% endfor %}", "{% for x in l if x > 1 %}{{ x }}{{ loop.length }}{% endfor %}", "{% for x in l if x > 9 %}x{% else %}no{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k in d %}{{ k }}{% endfor %}", "{% for a, b in [(1, 2), [3, 4]] %}{{ a }}{{ b }}{% endfor %}", "{% for a, b in [(1, 2, 3)] %}{% endfor %}",
    "{% for c in s %}{{ c }}.{% endfor %}", "{% for x in undefined %}x{% endfor %}", "{% for x in 5 %}x{% endfor %}", "{% for x in none %}x{% endfor %}", "{% for x in l %}{% for y in l %}{{ loop.depth }}{{ x }}{{ y }}{% endfor %}{% endfor %}",
    "{% for x in range(9) %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 5 %}{% break %}{% endif %}{{ x }}{% endfor %}", "{% for x in l %}{% for y in l %}{% break %}{% endfor %}{{ x }}{% endfor %}", "{% break %}",
    "{% set x = 1 %}{{ x }}", "{% set x = 1, 2 %}{{ x }}", "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set x %}a{{ n }}{% endset %}[{{ x }}]", "{% set x = 1 %}{% for i in l %}{% set x = i %}{{ x }}{% endfor %}{{ x }}",
    "{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}", "{% for i in l %}{{ x }}{% set x = i %}{{ x }}{% endfor %}", "{% set ns = namespace(x=0) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace() %}{% set ns.y = 'q' %}{{ ns.y }}{{ ns.z }}", "{% set d.x = 1 %}", "{% set q.x = 1 %}", "{% set ns = namespace(_a=1) %}", "{% set x = 'a' if n == 7 else 'b' %}{{ x }}", "{% set true = 1 %}",
    "{% if n == 7 %}a{% elif n == 8 %}b{% else %}c{% endif %}", "{% if n == 8 %}a{% elif n == 7 %}b{% else %}c{% endif %}", "{% if e %}a{% else %}b{% endif %}", "{% if undefined %}a{% endif %}b", "{% if x is defined and x.y %}a{% else %}b{% endif %}",
    "{% macro f(a, b='B') %}[{{ a }}{{ b }}]{% endmacro %}{{ f(1) }}{{ f(1, 2) }}{{ f(b=3, a=4) }}{{ f() }}", "{% macro f(a) %}{{ n }}{{ q }}{% endmacro %}{% set q = 5 %}{{ f(1) }}", "{% macro f() %}x{% endmacro %}{{ f(1) }}", "{% macro f() %}x{% endmacro %}{{ f(a=1) }}",
    "{%- macro f(x) -%}\n  {{ x }}\n{%- endmacro -%}\n{{ f('a') | upper }}", "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
    "{% for m in ms %}{% if m.role == 'user' %}{{ '<u>' + m['content'] }}{% elif loop.last %}{{ m.content ~ '!' }}{% endif %}{% endfor %}", "{% for m in ms[1:] %}{{ m.role }}{% endfor %}{{ ms[-1].content }}{{ ms[0]['role'] }}",
    "{% for m in ms[::-1] %}{% set i = (ms|length - 1) - loop.index0 %}{{ i }}{{ m.role[0] }}{% endfor %}", "{% if ms[0].role == 'system' %}{% set rest = ms[1:] %}{% else %}{% set rest = ms %}{% endif %}{{ rest | length }}",
    "{% if %}", "{% if true %}", "{% endif %}", "{% for %}{% endfor %}", "{% for x l %}{% endfor %}", "{% else %}", "{{ }}", "{{", "{%", "{#", "{% nope %}", "}}", "%}", "{ { x } }", "{{ x }", "{{ a.b.c }}", "{% if true %}{% for x in l %}{% endif %}{% endfor %}",
    "{% set x = l | map('string') %}{{ x | join }}{{ x | join }}", "{{ l | map('nope') | list }}", "{{ l | select('nope') | list }}", "a\u2028b\n {% if true %}c{% endif %}", "\u00a0\u3000{% if true %}x{% endif %}", "a\n\u00a0{% if true %}x{% endif %}", "a \x0b\n \x0c{% if true %}x{% endif %}",
    "{% if not n %}a{% else %}{{ not n }}{% endif %}", "{{ 'a' if x is defined else 'b' }}", "{% if n is not defined or n is none %}a{% else %}b{% endif %}", "{{ ms | selectattr('role', 'equalto', 'user') | list | first }}", "{%if true%}x{%endif%}", "{%- set x = 1 -%}\n{{ x }}", "{{ x }}{# a\nb #}\n{{ n }}",
]


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise TemplateError(message)


environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols])
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception

cases = []
for template in ["{{ " + e + " }}" for e in EXPRESSIONS] + TEMPLATES:
    try:
        cases.append({"template": template, "text": environment.from_string(template).render(**VARIABLES)})
    except Exception as e:
        cases.append({"template": template, "error": type(e).__name__ + ": " + str(e)})
json.dump({"variables": VARIABLES, "cases": cases}, sys.stdout, indent=0)
