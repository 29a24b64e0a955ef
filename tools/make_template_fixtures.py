"""Template fixtures: what jinja2, set up as transformers sets it up, makes of small templates and of whole ones.

usage: make_template_fixtures.py FIXTURES_DIR     (needs transformers and jinja2)

Writes FIXTURES_DIR/cases.jsonl, a line a case: {"template", "context"} with "output" or, where Python raises,
"error": true. For every *.jinja there it writes *.expected.jsonl: {"context"} with "output" or "error": the message.
Nothing is drawn by chance: the same versions give the same files.
"""
import json
import pathlib
import sys

import jinja2
import transformers
from transformers.utils.chat_template_utils import _compile_jinja_template

C = {
    "n": 7, "f": 2.5, "s": "Hello World", "e": "", "z": None, "t": True, "u": "héllo ✓ 🙂 e\u0301", "crlf": "a\r\nb",
    "l": [3, 1, 2], "words": ["banana", "Apple", "cherry", "apple"], "nested": [[1, 2], [3, 4]],
    "d": {"b": 2, "a": 1, "items": "own", "C": 3},
    "users": [{"name": "Ann", "age": 31, "tags": ["x"]}, {"name": "bob", "age": 25}, {"name": "Cy", "age": 31, "tags": []}],
    "html": "<a href=\"x\">T&amp;'</a>", "text": "one two  three\nfour\n\nfive",
}

EXPRESSIONS = r"""
1 + 2 * 3
(1 + 2) * 3
2 ** 3 ** 2
-2 ** 2
- 3 + 1
+n
--n
7 // 2
-7 // 2
7 // -2
7 % 3
-7 % 3
7 % -3
7.5 % 2
-7.5 % 2
7.5 // 2
-7.5 // 2
1 / 3
4 / 2
10 / 4.0
2 ** -1
2 ** 0.5
2.0 ** 3
1e3
1E-7
1.5e300
1e16
12345678901234567.0
0.1 + 0.2
1e22
1e-5
0.0001
-0.0
1_000
0x1F
0o17
0b101
1_0.5
3.0
100000000000000000000.0
123456789012345.6
1 + 1.0
true + 1
True * 3
'a' + 'b'
'a' 'b' "c"
'a' * 3
3 * 'ab'
'a' * -1
[1, 2] + [3]
[0] * 3
(1, 2) + (3,)
1 ~ 2
'a' ~ 1 ~ none ~ true ~ 1.5
n ~ -1 + 3
1 < 2 < 3
1 < 3 < 2
3 > 2 >= 2
1 == 1.0 == true
1 != 2
'a' < 'b'
'B' < 'a'
[1, 2] < [1, 3]
[1] < [1, 0]
(1, 2) >= (1, 2)
'é' > 'z'
1 in [1, 2]
4 not in [1, 2]
'a' in 'cat'
'' in 'x'
'b' in d
1 in range(3)
1.0 in [1]
not true
not 1 == 2
not true or true
true and false or true
1 and 2
0 or 'x'
none or undefined_name or 3
1 if true else 2
1 if false
1 if false else 2 if false else 3
(1 if t) ~ 'x'
n is odd
n is even
n is not even
4 is divisibleby 2
4 is divisibleby(3)
x is defined
n is defined
x is undefined
z is none
z is not none
n is number
f is number
t is number
s is number
n is integer
t is integer
f is float
n is float
t is boolean
n is boolean
t is true
n is true
false is false
0 is false
s is string
n is string
d is mapping
l is mapping
l is sequence
s is sequence
d is sequence
n is sequence
(l|map('string')) is sequence
l is iterable
n is iterable
x is iterable
range is callable
n is callable
s.upper is callable
n is sameas 7
none is sameas none
l is sameas l
[1] is sameas [1]
t is sameas 1
n is eq 7
n is == 7
n is equalto(7)
n is ne 8
n is lt 8
n is gt 8
n is ge 7
n is le 6
n is lessthan 9
n is greaterthan 9
n is in [7]
n is in([8])
'abc' is lower
'aBc' is lower
'ABC' is upper
'1' is upper
'upper' is filter
'nope' is filter
'odd' is test
'nope' is test
n is not defined or true
n + 1 is odd
s is string and n is number
'a' is escaped
('a'|safe) is escaped
n is odd if t else 3
l[0]
l[-1]
l[5]
l[1:]
l[:2]
l[::-1]
l[::2]
l[-2:]
l[5:]
l[1:2:1]
l[2:0:-1]
l[:-1]
l[-100:100]
l[::100]
l[::-100]
s[0]
s[-1]
s[1:4]
s[::-1]
s[100]
u[1]
u[6]
u[-1]
u[::-1]
crlf|length
crlf[1:3]
u|length
(1, 2, 3)[1:]
range(10)[2:8:2]
range(10)[3]
range(5)|list
range(5, 0, -2)|list
range(0)|list
range(3)
range(1, 10, 3)
d.b
d['b']
d.items
d['items']
d.missing
d.missing is defined
d['missing']
d.get('b')
d.get('q')
d.get('q', 5)
d.keys()
d.values()
d.items()
d.keys()|list
d.items()|list
d.items()|length
d.items()[0]
d.copy()
d.update
d.pop is defined
l.append
l.index(2)
l.count(3)
l.0
nested.1.0
s.upper()
s['upper']()
'a b  c'.split()
'a b  c'.split(' ')
'a,b,c'.split(',', 1)
'a,b,c'.rsplit(',', 1)
' a b c '.rsplit(None, 1)
' a b c '.split(none, 1)
'a,b'.split(sep=',')
''.split()
''.split(',')
'  x '.strip()
'xxaxx'.strip('x')
'abcab'.lstrip('ab')
'abcab'.rstrip('ab')
' \n\t x\u00a0'.strip()
s.startswith('Hell')
s.endswith('d')
s.startswith(('a', 'H'))
s.startswith('World', 6)
s.endswith('Hello', 0, 5)
s.lower()
s.title()
"they're bill's 2nd".title()
'hELLO wORLD'.capitalize()
s.swapcase()
s.replace('l', 'L')
s.replace('l', 'L', 1)
'ab'.replace('', '-')
'ab'.replace('', '-', 1)
'ab'.replace('', '-', 0)
'ab'.replace('', '-', 2)
'ab'.replace('', '-', 3)
', '.join(['a', 'b'])
'-'.join('abc')
s.find('o')
s.find('zz')
s.find('o', 5)
s.rfind('o')
s.count('l')
s.count('')
s.index('W')
u.find('✓')
'{} and {}'.format(1, 'b')
'{1} {0}'.format('a', 'b')
'{x:>5}|{x:<5}|{x:^5}'.format(x='ab')
'{:05d} {:+d} {:,} {:.2f} {:e} {:x} {:%}'.format(42, 7, 1234567, 3.14159, 12345.678, 255, 0.256)
'{0.name}'.format(n)
'{0[b]}'.format(d)
'{!r}'.format('a')
'{{}}'.format()
'{:*^9}'.format('mid')
'{:g} {:g}'.format(0.0001, 1e20)
'{:.3}'.format('abcdef')
'{:.3}'.format(3.14159)
'{:{}}'.format('x', 4)
'a\nb\r\nc'.splitlines()
'a\nb\n'.splitlines(true)
'123'.isdigit()
'²'.isdigit()
'²'.isdecimal()
'½'.isnumeric()
'12a'.isdigit()
'abc'.isalpha()
'ab1'.isalnum()
' \t'.isspace()
''.isspace()
'Ab'.isupper()
'Hello There'.istitle()
'abc'.isascii()
'prefix-x'.removeprefix('prefix-')
'x.py'.removesuffix('.py')
'42'.zfill(5)
'-42'.zfill(5)
'x'.center(4)
'xy'.center(5)
'x'.center(5, '*')
'x'.ljust(3) ~ '|'
'x'.rjust(3)
'a-b-c'.partition('-')
'a-b-c'.rpartition('-')
'abc'.partition('x')
'a\tb'.expandtabs(4)
'ß'.upper()
'ΑΣ'.lower()
'ΑΣΑ Σ'.lower()
'ǆ'.title()
'İ'.lower()|length
'straße'.casefold()
-5|abs
-5.5|abs
true|abs
n|attr('real')
d|attr('b')
s|attr('upper')
[1, 2, 3, 4, 5]|batch(2)|list
[1, 2, 3]|batch(2, 'x')|list
[]|batch(2)|list
s|capitalize
'x'|center(5)
'xy'|center(5) ~ '|'
l|count
d|length
x|length
s|length
x|default('dd')
x|d('dd')
e|default('dd')
e|default('dd', true)
z|default('dd', boolean=true)
x.y|default('dd')
d.q|default('dd')
x|default
d|dictsort
d|dictsort(true)
d|dictsort(false, 'value')
d|dictsort(reverse=true)
html|escape
html|e
1|e
html|e|e
html|forceescape
html|safe
(html|safe) + '<b>'
'<b>' + (html|safe)
('<'|e) ~ '<'
['<'|safe, '<']|join
1000000|filesizeformat
1|filesizeformat
1500|filesizeformat(true)
12|filesizeformat
l|first
[]|first
s|first
l|last
[]|last
s|last
d|first
'3.5'|float
'abc'|float
'abc'|float(1.5)
'1e3'|float
' 12 '|float
'.5'|float
'5.'|float
'1_0'|float
'inf'|float
3|float
z|float
'%s %s'|format('a', 1)
'%d %5.2f %x %r'|format(3, 2.5, 255, 'a')
'%(a)s'|format(a=1)
'%05d|%-5d|%+d|% d'|format(42, 42, 42, 42)
'%5s|%-5s|%.2s'|format('ab', 'ab', 'abc')
'%e %g %G'|format(12345.678, 0.00001234, 1e20)
'%%'|format
'%c%c'|format('a', 98)
'%o %#x %X'|format(8, 255, 255)
'%.3d'|format(5)
'%*d'|format(5, 42)
'%s' % 'x'
'%s-%s' % (1, 2)
'%s' % [1]
'%(b)s' % d
'%.0f %.0f %.0f' % (0.5, 1.5, 2.5)
'%.20f' % 0.1
users|groupby('age')
users|groupby('age')|map(attribute='grouper')|list
users|groupby('age')|map(attribute='list')|map('length')|list
['a', 'A', 'b']|groupby('')|list|length if false else 'skip'
users|groupby('city', default='?')|map('first')|list
text|indent
text|indent(2)
text|indent(2, true)
text|indent(2, first=true, blank=true)
text|indent('> ')
''|indent
'42'|int
'42.9'|int
'abc'|int
'abc'|int(9)
'0x1f'|int(base=16)
'ff'|int(0, 16)
'0b11'|int(0, 2)
'0x1f'|int(0, 0)
' 7 '|int
'1_000'|int
3.99|int
-3.99|int
z|int
l|int
true|int
d|items|list
x|items|list
l|join
l|join(', ')
users|join(', ', attribute='name')
['a', 1, none]|join('-')
'abc'|join('.')
l|list
s|list|length
'ab'|list
d|list
s|lower
users|map(attribute='name')|list
users|map(attribute='tags', default='-')|list
users|map(attribute='tags.0')|list
users|map('length')|list
words|map('upper')|join(' ')
words|map('replace', 'a', 'o')|list
l|map('string')|list
[]|map('nope')|list
l|max
l|min
words|max
words|min
words|min(case_sensitive=true)
users|max(attribute='age')
users|min(attribute='age')
[]|max
l|reject('odd')|list
l|reject|list
users|rejectattr('tags')|list|length
users|rejectattr('age', 'gt', 30)|map(attribute='name')|list
s|replace('l', 'L')
s|replace('l', 'L', 2)
123|replace(2, 'x')
l|reverse|list
s|reverse
d|reverse|list
(1, 2)|reverse|list
range(3)|reverse|list
2.5|round
3.5|round
2.675|round(2)
2.345|round(1, 'ceil')
2.345|round(1, 'floor')
42|round
1234|round(-2)
1250|round(-2)
1350|round(-2)
-2.5|round
0.5|round
1234.5678|round(-2)
1e300|round(2)
l|select('odd')|list
[0, 1, '', 'a', none]|select|list
l|select('gt', 1)|list
users|selectattr('tags')|list|length
users|selectattr('age', 'equalto', 31)|map(attribute='name')|list
users|selectattr('name', 'in', ['bob'])|list|length
users|selectattr('tags', 'defined')|list|length
(users|selectattr('age', 'gt', 99)) is true
'yes' if users|selectattr('age', 'gt', 99) else 'no'
[1, 2, 3, 4, 5]|slice(2)|list
[1, 2, 3, 4, 5]|slice(3, 'x')|list
[1, 2]|slice(3)|list
l|sort
l|sort(reverse=true)
words|sort
words|sort(case_sensitive=true)
users|sort(attribute='age,name')|map(attribute='name')|list
users|sort(attribute='age', reverse=true)|map(attribute='name')|list
['b', 'A', 'a', 'B']|sort
1|string
[1, 'a']|string
none|string
'<p>a <b>b</b></p> &amp; <!-- <i> -->c'|striptags
l|sum
users|sum(attribute='age')
l|sum(start=10)
[]|sum
[1.5, 2]|sum
[[1], [2]]|sum(start=[])
'hello wORLD-foo (bar)'|title
u|title
"they're"|title
d|tojson
d|tojson(indent=2)
nested|tojson(indent=2)
[]|tojson(indent=2)
{}|tojson(indent=2)
u|tojson
u|tojson(ensure_ascii=true)
html|tojson
d|tojson(sort_keys=true)
d|tojson(separators=(',', ':'))
{'a': [1, {'b': none}], 'c': true}|tojson
{1: 2, none: 3, true: 4, 1.5: 5}|tojson
(1, 2)|tojson
'a\nb\t"\\\x01\x7f'|tojson
1.0|tojson
1e100|tojson
l|tojson(indent=0)
l|tojson(indent='--')
'  x '|trim
'xxaxx'|trim('x')
'foo bar baz qux'|truncate(9)
'foo bar baz qux'|truncate(9, True)
'foo bar baz qux'|truncate(11)
'foo bar baz qux'|truncate(11, False, '...', 0)
'foo bar baz qux'|truncate(9, end='>')
words|unique|list
words|unique(true)|list
[1, 1.0, true, 2]|unique|list
users|unique(attribute='age')|map(attribute='name')|list
s|upper
'a b/c?d=é'|urlencode
{'a b': 'c&d', 'e': 1}|urlencode
[('a', 1)]|urlencode
'one two-three 4'|wordcount
''|wordcount
'x'|upper|lower|title
n|string ~ 'a'|upper
-1|abs
[1, 'a', "it's", 'say "x"', "both '\"", none, true, 1.5]
['\n', '\\', '\x00', 'é', '\u200b', '🙂', '\x7f', '\u00a0', '\u2028']
(1,)
()
(1, 2)
[]
{}
{'a': [1, (2, 3)], 2: {'b': none}}
{'a': 1, 'a': 2}
{1: 'a', 1.0: 'b', true: 'c'}
'\x41\u0042\103\q'
'a\
b'
"\U0001F642"
'\é'
'tab\there'
x
x ~ 'a'
x|list
x == y
x == none
x is none
not x
none
true
True
none.foo
none['foo']
n.foo
s.foo
l.foo
(n.foo).bar is defined if false else 1
namespace(a=1).a
namespace({'a': 2}, b=3).b
namespace(a=1)
namespace(a=1).b
dict(a=1, b=2)
dict([('a', 1)], b=2)
dict({'x': 1})
dict(**d)['a']
range(*[1, 4])|list
range(stop=3)|list if false else 'k'
joiner()
cycler(1, 2).next()
'a' if n else 'b'
('a' if n > 5) and 'yes'
n if n is defined else 'none'
l == [3, 1, 2]
(1, 2) == [1, 2]
{'a': 1} == {'a': 1.0}
d == d
'é' == 'e\u0301'
range(3) == range(0, 3)
d.keys() == d.copy().keys()
9007199254740993 == 9007199254740992.0
9223372036854775807 < 1e19
'%s' % none
'%s' % true
n.real
f.is_integer()
f.real
1.5|int ~ ''
[1, 2, 3][1]
{'a': {'b': [10, 20]}}.a.b[1]
'abc'[1:][0]
loop is defined
l | first + 1
(l | first) + 1
'a' in 'abc' in ['abc']
[x for x in l] if false else 1
"{'a': 1}"
'{{ not a tag }}'
'%}'
[[1, 2], {'k': '}}'}]
self is defined if false else 1
caller is defined
varargs is defined
s|default(x.y.z)
x.y
x['y']
x()
x + 1
x < 1
-x
x.y.z
n()
none + 1
'a' + 1
1 + 'a'
[1] + (2,)
'a' < 1
none < 1
1 in 5
1 in 'abc'
l|nope
l is nope
l|map('nope')|list
l|select('nope')|list
1 / 0
1 // 0
1 % 0
1.0 / 0
0 ** -1
s.nope()
l.append(1)
l.pop()
d.update({})
d.pop('a')
l|first|first
n|length
n|list
z|length
z|list
(l|map('string'))|length
(l|map('string'))[0]
l|last|last
raise_exception('boom')
raise_exception()
range(1000000)|list
range(1, 2, 0)
range()
'a'|int(base=99)
s.split('')
s.index('zz')
'{'.format()
'{} {}'.format(1)
'{0} {}'.format(1, 2)
'%d' % 'a'
'%s %s' % 'a'
'%s' % (1, 2)
'%q' % 1
[1, 'a']|sort
['a', none]|min
d|dictsort(by='nope')
{}|first|upper
{[1]: 2}
d[[1]]
d[{}]
l['a']
l[1.5]
l[none]
s[none]
l[x]
l|slice(0)|list
x|tojson
range(3)|tojson
{(1, 2): 3}|tojson
l|join(1)
l|batch(0)|list
namespace(_a=1)
cycler()
l[::0]
'x'.center(5, 'ab')
5|upper
5|capitalize
5|trim
5|title
n|attr('nope')
'abc'|attr('__class__')
s.__class__
().__class__.__bases__
s.format_map(d) if false else 1
d|xmlattr if false else 1
l|round
'a'|round
1|round('a')
users|map
users|map(attribute='name', foo=1)|list
s|replace('a')
s|upper(1)
x|int
x|float
x|abs
x|sum
x|sort
x|join
x|first
x|last
x|reverse|list
'{:{}{}}'.format('x', '>', 4)
'{:{:{:{}}}}'.format(1, 2, 3, 4)
x|upper
x|trim
x|map('upper')|list
x|dictsort
[x]
[x]|join
{'a': x}
1 if
(1
1 +
[1, 2
{'a': }
{'a' 1}
'abc
1 2
a b
.5
5.
1.a
foo(**1, 2)
foo(a=1, 2)
l[1:2, 3]
1 is odd is even
not
in l
|upper
{{ 1 }}
&
a.b.
`x`
1 if 2 else
**d
""".strip("\n").replace("'a\\\nb'", "\0").split("\n")
EXPRESSIONS = [e.replace("\0", "'a\\\nb'") for e in EXPRESSIONS]

TEMPLATES = [
    "a\n", "a\n\n", "\n", "", "a\r\nb\r\n", "a\rb",
    "{% if true %}\nx\n{% endif %}\ny", "  {% if true %}\n  x\n  {% endif %}\n  y", "a {% if true %} x {% endif %} b",
    "a\n  {%- if true -%}\n  x\n  {%- endif -%}\n  b", "a\n  {%+ if true +%}\n  x\n  {%+ endif +%}\n  b",
    "a\n  {{ 1 }}\n  b", "a\n  {{- 1 -}}\n  b", "a  {#- c -#}  b", "a\n  {# c #}\n  b", "a\n  {#+ c +#}\n  b", "{# c #}\n\nx",
    "a {# multi\nline #}\nb", "x{#", "x{# a", "{% raw %}{{ x }}{% endraw %}", "a\n  {% raw %}\n  {{ x }}\n  {% endraw %}\nb",
    "a {%- raw -%} {{ x }} {%- endraw -%} b", "{% raw %}", "{% raw %}x", "{% raw -%} x {% endraw +%}\ny", "{%raw%}a{%endraw%}b",
    "{% raw %}a{%- endraw %}\nb", "  {%- raw %} z {% endraw %}", "a\n\n   {% set x = 1 %}\n\nb", "\t{% set x = 1 %}\tb",
    "{{ 1 }}\n{{ 2 }}\n", "{{ 1 -}}\n\n{{ 2 }}", "{{ 1 }}  {%- if true %} x{% endif %}", "{{ '}}' }}", "{{ {'a': {'b': 1}}.a.b }}",
    "{{{'a': 1}['a']}}", "{{ [1, 2][0] }}}", "{ { x } }", "{{", "{%", "a {{ 1", "a {% if", "{{ }}", "{% %}", "{{ 1 }", "%}", "}}", "#}",
    "a\u00a0{%- set x = 1 %}b", "a\u2028 {% set x = 1 %}b", "a\x0b{% set x = 1 %}\x0bb", "{{ 1 }}\r\n{% if true %}\r\nx{% endif %}",
    "{% for i in l %}{{ i }}{% endfor %}", "{% for i in [] %}x{% else %}none{% endfor %}", "{% for i in x %}x{% else %}undef{% endfor %}",
    "{% for a, b in d.items() %}{{ a }}={{ b }};{% endfor %}", "{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for a, b in [1] %}{% endfor %}", "{% for a, b in [(1, 2, 3)] %}{% endfor %}", "{% for a in 5 %}{% endfor %}", "{% for k in d %}{{ k }}{% endfor %}",
    "{% for c in 'añ' %}{{ c }}.{% endfor %}", "{% for i in l if i > 1 %}{{ loop.index }}/{{ loop.length }}:{{ i }} {% endfor %}",
    "{% for i in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }} {% endfor %}",
    "{% for i in l %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }} {% endfor %}", "{% for i in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{% endfor %}",
    "{% for i in l %}{{ loop.cycle('a', 'b') }}{% endfor %}", "{% for i in [1, 1, 2, 2, 1] %}{{ loop.changed(i) }} {% endfor %}", "{% for i in l %}{{ loop.cycle() }}{% endfor %}",
    "{% for i in l|map('string') %}{{ loop.last }}{{ loop.length }} {% endfor %}", "{% for i in l %}{{ loop }}{% endfor %}", "{% for i in l %}{{ loop|length }}{% endfor %}",
    "{% for i in l %}{% for j in l %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}", "{% for i in l %}{% set o = loop %}{% for j in [1] %}{{ o.index }}{% endfor %}{% endfor %}",
    "{% for i in l %}{% if i == 1 %}{% break %}{% endif %}{{ i }}{% endfor %}", "{% for i in l %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in l %}{% continue %}{% else %}E{% endfor %}", "{% for i in l %}{% break %}{% else %}E{% endfor %}", "{% for i in l %}{{ i }}{% break %}{% else %}E{% endfor %}", "{% for i in l %}{% if i == 2 %}{% break %}{% endif %}{% else %}E{% endfor %}",
    "{% break %}", "{% continue %}", "{% for i in l %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}", "{% for i in l %}x{% else %}{% break %}{% endfor %}",
    "{% for i in l %}{% for j in [] %}{% else %}{% break %}{% endfor %}{{ i }}{% endfor %}", "{% for i in l %}{% set x %}a{% break %}{% endset %}{% endfor %}end",
    "{% for i in l %}{% filter upper %}a{% if i == 1 %}{% continue %}{% endif %}b{% endfilter %}{% endfor %}", "{% for i in l %}{% with a = i %}{% if a == 1 %}{% break %}{% endif %}{{ a }}{% endwith %}{% endfor %}",
    "{% for i in l %}{% set x = i %}{% endfor %}{{ x is defined }}", "{% set x = 0 %}{% for i in l %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}",
    "{% set ns = namespace(x=0) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}", "{% set ns.x = 1 %}", "{% set d.x = 1 %}", "{% set ns = namespace() %}{% set ns._x = 1 %}",
    "{% set ns = namespace(found=false) %}{% for i in l if not ns.found %}{% set ns.found = true %}{{ i }}{% endfor %}",
    "{% for i in l %}{{ i }}{% endfor %}{{ i is defined }}", "{% for loop in l %}{% endfor %}", "{% for i in l %}{% set loop = 1 %}{% endfor %}", "{{ loop is defined }}",
    "{% for i in l recursive %}{{ i }}{% endfor %}" if False else "{% for i in l %}{{ loop(l) }}{% endfor %}",
    "{% for i in l if true else [] %}{% endfor %}", "{% for i in (l if true else []) %}{{ i }}{% endfor %}", "{% for i in 1, 2, 3 %}{{ i }}{% endfor %}", "{% for i in l, %}{{ i }}{% endfor %}",
    "{% for x in l %}{{ x }}{{ loop.last and 'L' or '' }}{% endfor %}", "{% for u in users if u.tags is defined and u.tags %}{{ u.name }}{% endfor %}",
    "{% for n in l if n > 1 %}{{ n }}{% endfor %}{{ n }}", "{% for i in l if loop.index %}{{ i }}{% endfor %}", "{% for k, v in d|dictsort %}{{ k }}{{ v }}{% endfor %}",
    "{% for k, v in d|items %}{{ k }}{{ v }}{{ loop.last }}{% endfor %}", "{% for g in users|groupby('age') %}{{ g.grouper }}:{{ g.list|length }};{% endfor %}", "{% for a, us in users|groupby('age') %}{{ a }}:{{ us|map(attribute='name')|join(',') }};{% endfor %}",
    "{% if e %}a{% elif z %}b{% elif n %}c{% else %}d{% endif %}", "{% if e %}a{% elif z %}b{% else %}d{% endif %}", "{% if n: %}x{% endif %}", "{% if 1, 2 %}x{% endif %}", "{% if x %}a{% endif %}b", "{% if %}{% endif %}",
    "{% if true %}", "{% if true %}{% endfor %}", "{% endif %}", "{% nope %}", "{% else %}", "{% if true %}{% else %}{% elif true %}{% endif %}", "{% 5 %}", "{% do 1 %}",
    "{% set a = 1 %}{{ a }}", "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set (a, b) = (1, 2) %}{{ a }}{{ b }}", "{% set a = 1, 2 %}{{ a }}", "{% set a, b = [1] %}", "{% set a = %}", "{% set 1 = a %}", "{% set true = 1 %}", "{% set a.b.c = 1 %}",
    "{% set ns = namespace(a=1) %}{% set ns.a, b = 5, 6 %}{{ ns.a }}{{ b }}", "{% set a %}x{{ n }}y{% endset %}[{{ a }}]", "{% set a | upper | replace('X', 'z') %}x{{ n }}y{% endset %}[{{ a }}]", "{% set a %}\n  x\n{% endset %}[{{ a }}]",
    "{% set a = 1 %}{% if true %}{% set a = 2 %}{% endif %}{{ a }}", "{% if false %}{% set n = 2 %}{% endif %}{{ n }}", "{% if true %}{% set q = 2 %}{% endif %}{{ q }}", "{% if false %}{% set q = 2 %}{% endif %}{{ q is defined }}",
    "{% for i in [1] %}{{ n }}{% endfor %}{% set n = 2 %}", "{% macro m() %}{{ n }}{% endmacro %}{{ m() }}{% set n = 2 %}{{ m() }}", "{{ n }}{% set n = 2 %}{{ n }}", "{% set n = n + 1 %}{{ n }}", "{% for i in [1] %}{% set n = n + 1 %}{{ n }}{% endfor %}{{ n }}",
    "{% set n = 1 %}{% macro m() %}{% set n = n + 1 %}{{ n }}{% endmacro %}{{ m() }}{{ m() }}{{ n }}", "{% if t %}{% set n = 5 %}{% else %}{% set m = 6 %}{% endif %}{{ n }}{{ m }}", "{% for i in l %}{% if loop.first %}{% set n = i %}{% endif %}{{ n }}{% endfor %}",
    "{% macro m(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }}|{{ m(1, c=3) }}|{{ m() }}|{{ m(b=5, a=4) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=1) }}",
    "{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, x=4) }}", "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}body{% endcall %}", "{% macro m() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b=5) m() %}{{ a }}-{{ b }}{% endcall %}",
    "{% macro m() %}{{ caller() if caller else 'no' }}{% endmacro %}{{ m() }}", "{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}", "{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}{% call m() %}{% endcall %}", "{% macro m(caller) %}{{ caller() }}{% endmacro %}", "{% macro m(caller=none) %}{{ caller is none }}{% endmacro %}{{ m() }}{% call m() %}{% endcall %}",
    "{% macro a() %}A{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}", "{% macro m() %}{{ m.name }}{{ m.arguments }}{{ m.caller }}{{ m.catch_kwargs }}{% endmacro %}{{ m() }}{{ m.name }}", "{% macro m(a, b) %}{% endmacro %}{{ m.arguments }}", "{% macro m() %}x{% endmacro %}{{ m }}",
    "{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}", "{% set ms = [] %}{% macro m(a) %}<{{ a }}>{% endmacro %}{% set ms = ms + [m] %}{{ ms[0](*[1]) }}{{ ms[0](**{'a': 2}) }}{{ ms[0](a=3) }}",
    "{% macro m(x) %}{{ x }}{{ s }}{% endmacro %}{% for s in [1, 2] %}{{ m(s) }}{% endfor %}", "{% macro m(a=1, b) %}{% endmacro %}", "{% macro m(a, a) %}{% endmacro %}", "{% macro outer() %}{% macro inner() %}in{% endmacro %}{{ inner() }}{% endmacro %}{{ outer() }}{{ inner is defined }}",
    "{% for i in l %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}", "{% if true %}{% macro m() %}ok{% endmacro %}{% endif %}{{ m() }}", "{% macro m(a=n) %}{{ a }}{% endmacro %}{{ m() }}", "{% macro m(a, b=a|upper) %}{{ b }}{% endmacro %}{{ m('x') }}", "{{ m() }}{% macro m() %}{% endmacro %}",
    "{% macro m() %}{{ kwargs.get('a', 0) }}{% endmacro %}{{ m() }}{{ m(a=1) }}", "{% macro m(x) %}{% set x = x + 1 %}{{ x }}{% endmacro %}{{ m(1) }}", "{% macro m() %}  a  {% endmacro %}[{{ m() }}][{{ m()|trim }}]", "{% macro m() %}{{ varargs|length }}{% endmacro %}{{ m(*range(3)) }}", "{% macro m() %}{% endmacro %}{{ m() is string }}{{ m()|length }}",
    "{% call x() %}{% endcall %}", "{% call 1 %}{% endcall %}", "{% call namespace() %}{% endcall %}", "{% macro m(a) %}{{ a }}{{ caller(a) }}{% endmacro %}{% for i in l %}{% call(x) m(i) %}({{ x }}{{ i }}){% endcall %}{% endfor %}",
    "{% filter upper %}a{{ s }}{% endfilter %}", "{% filter replace('a', 'b')|upper %}aXa{% endfilter %}", "{% filter nope %}{% endfilter %}", "{% filter indent(2) %}a\nb{% endfilter %}", "{% filter length %}abc{% endfilter %}", "{% set a | length %}abc{% endset %}{{ a + 1 }}", "{% macro m() %}{% endmacro %}{% call joiner()() %}{% endcall %}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}", "{% with n = n + 1 %}{{ n }}{% endwith %}{{ n }}", "{% with a = 1, b = a %}{{ b is defined }}{% endwith %}", "{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q is defined }}", "{% with a, b = (1, 2) %}{{ a }}{{ b }}{% endwith %}" if False else "{% with a = 1 %}{% with a = 2 %}{{ a }}{% endwith %}{{ a }}{% endwith %}",
    "{% generation %}x{{ n }}{% endgeneration %}y", "a\n{% generation %}\n  x\n{% endgeneration %}\ny", "{% for i in l %}{% generation %}{{ i }}{{ loop.index }}{% endgeneration %}{% endfor %}", "{% generation %}{% set q = 1 %}{% endgeneration %}{{ q is defined }}", "{% generation %}",
    "{% print 1, 'a' %}", "{% include 'x' %}", "{% import 'x' as y %}", "{% extends 'x' %}", "{% from 'x' import y %}",
    "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{% set _ = c.reset() %}{{ c.current }}", "{% set j = joiner('|') %}{% for i in l %}{{ j() }}{{ i }}{% endfor %}", "{% set j = joiner() %}{{ j() }}a{{ j() }}b",
    "{% if false %}{{ 1|nope }}{% endif %}ok", "{{ (1|nope) if false else 2 }}", "{% if true %}{{ 1|nope }}{% endif %}", "{% if false %}{% for i in l %}{{ 1|nope }}{% endfor %}{% endif %}", "{% if false %}{{ 1 is nope }}{% endif %}ok",
    "{% set g = l|map('string') %}{{ g|list }}{{ g|list }}", "{% set g = l|select('odd') %}{% for i in g %}{{ i }}{% endfor %}{{ g|list }}{% if g %}T{% endif %}", "{% set r = l|reverse %}{{ r|first }}{{ r|list }}", "{{ l|map('upper')|first }}{{ l|map(attribute='x')|list }}",
    "{% set ns = namespace(items=[]) %}{% for i in l %}{% set ns.items = ns.items + [i * 2] %}{% endfor %}{{ ns.items }}", "{% set ns = namespace() %}{{ ns.x is defined }}{% set ns.x = 1 %}{{ ns.x }}{{ ns['x'] }}{{ ns }}", "{% set ns = namespace(a=1) %}{{ ns.items }}{{ ns|tojson }}",
    "{{ strftime_now('%Y') is string }}", "{{ strftime_now('%d %b %Y')|length }}", "{{ raise_exception('no ' ~ n) }}", "{% if n != 7 %}{{ raise_exception('x') }}{% endif %}ok",
    "{{ 'a' }}{{- ' b' }}\n{{ ' c' -}}\n d", "{%- for i in l -%}\n  {{ i }}\n{%- endfor -%}", "  {%- for i in l %}\n  {{ i }}\n  {%- endfor %}\n", "{% for i in l -%}\n  {{ i }}\n{% endfor -%}\nx", "{% for i in l %}\n{{ i }}\n{% endfor %}",
    "{%if n%}x{%endif%}", "{%-if n-%} x {%-endif-%}", "{{n}}{{-n}}{{- -n}}", "{{ n -1 }}", "{{ n - 1 }}", "{{+n}}", "{{ -n }}", "{{-  n -}}", "{% set x = 1 -%}\n\n {{ x }}", "{% set x = {'a': 1} %}{{ x.a }}", "{{ {'a': 1}.a}}", "{# {{ x }} {% if %} #}y", "{{ '{#' }}", "{{ \"a'b\" ~ 'c\"d' }}",
    "{% set x %}{% for i in l %}{{ i }}{% endfor %}{% endset %}{{ x|int + 1 }}", "{% set a = namespace(b=namespace(c=1)) %}{{ a.b.c }}", "{% set m = {'k': [1, 2]} %}{{ m.k[-1] }}{{ m['k'][0] }}{{ m.get('z', {}).q }}", "{{ d.a }}{{ d.items() is iterable }}{{ d['a'] is odd }}",
    "{% for m in users %}{% if loop.nextitem is defined and loop.nextitem.age > m.age %}^{% endif %}{{ m.name }}{% endfor %}", "{{ '\\n' }}|{{ \"\\t\" }}|{{ 'a\nb' }}", "{{ 'a\r\nb' }}", "{{ u[0:3] ~ u|upper ~ u[4] }}", "{{ crlf }}",
    "{% set x = 'a' if n > 5 else 'b' %}{{ x }}", "{% set x = x or 'dflt' %}{{ x }}", "{% if x is not defined %}{% set x = true %}{% endif %}{{ x }}", "{% if n is not defined %}{% set n = 1 %}{% endif %}{{ n }}", "{% macro p(a, b=none) %}{% if b is not none %}{% set a = b %}{% endif %}{{ a }}{% endmacro %}{{ p(1) }}{{ p(1, 2) }}",
    "{{ [1, 2, 3]\n|\nlength }}", "{{ 1\n+\n2 }}", "{{ foo['bar'] }}", "{{ foo.bar }}", "{% for i in foo.bar %}{% endfor %}", "{% set _ = x.append(1) %}", "{% set _ = l.append(1) %}", "{{ d.setdefault('q', 1) }}", "{{ l.sort() }}", "{{ l.copy() }}",
    "{{ 9223372036854775807 }}", "{{ -9223372036854775807 - 1 }}", "{{ 4611686018427387904 * 1 }}", "{{ (1, [2, {'a': (3,)}]) }}", "{{ 'abc' is in 'xabcx' }}", "{{ not not n }}", "{{ not n is odd }}", "{{ n is odd and not n is even }}", "{{ (n > 5) ~ (n < 5) }}", "{{ n > 5 ~ '' }}",
]


def render(template, context):
    try:
        return {"output": _compile_jinja_template(template).render(**context)}
    except Exception as error:
        return {"error": str(error)}


def cases():
    for expression in EXPRESSIONS:
        yield "{{ " + expression + " }}", C
    for template in TEMPLATES:
        yield template, C


USER, ASSISTANT = ({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"})
TOOLS = [
    {"type": "function", "function": {"name": "look_up", "description": "Finds \"things\" & <more>", "parameters": {"type": "object", "properties": {"what": {"type": "string"}, "limit": {"type": "integer", "default": 3}}, "required": ["what"]}}},
    {"name": "add", "parameters": {"properties": {"a": {"type": "number"}}}},
]
CALL = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "look_up", "arguments": {"what": "é", "limit": 2}}}, {"name": "add", "arguments": "{\"a\": 1}"}]}
DOCUMENTS = [{"title": "Cats", "text": "Cats purr.", "year": 1999, "long_name": True}, {"text": "Dogs bark."}]
CONVERSATIONS = [
    {"messages": [USER]},
    {"messages": []},
    {"messages": [{"role": "system", "content": "Be brief."}, USER, ASSISTANT, USER]},
    {"messages": [USER, ASSISTANT], "add_generation_prompt": False},
    {"messages": [{"role": "system", "content": ""}, USER], "tools": TOOLS},
    {"messages": [USER, CALL, {"role": "tool", "content": "{\"n\": 1}"}, {"role": "tool", "content": "2"}, ASSISTANT, USER], "tools": TOOLS},
    {"messages": [USER, ASSISTANT, USER], "documents": DOCUMENTS},
    {"messages": [USER], "documents": DOCUMENTS, "knobs": {"is_set": True, "citation_mode": "fast", "response_format": "json_object"}},
    {"messages": [USER], "documents": [], "tools": [], "knobs": None},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image"}]}]},
    {"messages": [{"role": "user", "content": "  x \r\n אבג 🙂 \"q\" <b>&amp;</b>  ", "name": "Ann"}, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nyes", "citations": [{"document_id": 0}, {"document_id": 2}]}, USER], "knobs": {"is_set": True}},
    {"messages": [{"role": "robot", "content": "?"}]},
    {"messages": [USER], "bos_token": None, "preamble": " So "},
]


def main():
    folder = pathlib.Path(sys.argv[1])
    with open(folder / "cases.jsonl", "w") as out:
        for template, context in cases():
            result = render(template, context)
            if "error" in result:
                result = {"error": True}
            if " at 0x" in result.get("output", ""):
                continue  # an address, new every time
            used = {key: value for key, value in context.items() if key in template}
            out.write(json.dumps({"template": template, "context": used, **result}, ensure_ascii=False) + "\n")
    for path in sorted(folder.glob("*.jinja")):
        with open(path.with_suffix(".expected.jsonl"), "w") as out:
            for conversation in CONVERSATIONS:
                context = {"add_generation_prompt": True, "bos_token": "<s>", **conversation}
                result = render(path.read_text(), context)
                out.write(json.dumps({"context": context, **result}, ensure_ascii=False) + "\n")
    print("jinja2", jinja2.__version__, "transformers", transformers.__version__)


main()
