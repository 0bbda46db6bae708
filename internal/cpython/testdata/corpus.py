"""Writes corpus.json.gz: what CPython 3.12 makes of texts that look like JSON or numbers, of float lists, of misspelt tags.

Run it with CPython 3.12 in this folder; the seed is fixed, so the file changes only when the interpreter does.
"""

import gzip
import json
import random
import re

R = random.Random(5)
JSON_ATOMS = ['null', 'true', 'NaN', '-Infinity', '0', '-0', '1e5', '-0.0', '1E400', '123456789012345678901', '"a"', '"\\ud800"',
              '"\\ud83d\\ude00"', '"é"', '[', ']', '{', '}', ',', ':', ' ', '\n', '"k":', '"k"', '\\', '"', '01', '1.', '.', 'e', '-',
              '\t"\t"', '\u00a0', '"\\u00', '/']
NUMBER_ATOMS = ['1', '2', '0', '_', '.', 'e', '+', '-', ' ', '\x1c', '\u00a0', '\u0661', 'inf', 'nan', '\n', 'E', '\u00b2', '\x00']
TAGS = ['<SOLUTION>', '</SOLUTION>', '</think>', '</end_working_out>']


def document(depth):
    r = R.random()
    if depth > 3 or r < .4:
        return R.choice(['null', 'true', 'NaN', '-Infinity', '0', '-0', '1e5', '-0.0', '1E400', '123456789012345678901', '"a\\/b"',
                         '"\\ud800"', '"\\ud83d\\ude00"', '"é\\u007f"', repr(R.uniform(-1, 1) * 10 ** R.randint(-30, 30)),
                         str(R.getrandbits(R.randint(1, 90)))])
    if r < .7:
        return '[' + ','.join(document(depth + 1) for _ in range(R.randint(0, 4))) + ']'
    keys = ['a', 'b', 'é', '\ud800', '\U0001f600', '\ue000', '', 'zz']
    return '{' + ', '.join(json.dumps(R.choice(keys)) + ':' + document(depth + 1) for _ in range(R.randint(0, 5))) + '}'


def attempt(f, *args):
    try:
        return f(*args)
    except (ValueError, RecursionError):
        return None


def layouts(text):
    v = json.loads(text)
    return [json.dumps(v, separators=(',', ':'), sort_keys=True), json.dumps(v, separators=(',', ':')), json.dumps(v)]


def documents(n):
    for i in range(n):
        text = document(0) if i % 2 else ''.join(R.choice(JSON_ATOMS) for _ in range(R.randint(1, 8)))
        if i % 10 == 1:
            k = R.randrange(len(text))
            text = text[:k] + R.choice(['', ',', '}', '"', 'x']) + text[k + 1:]
        yield {'text': text, 'layouts': attempt(layouts, text)}


def numbers(n):
    for _ in range(n):
        text = ''.join(R.choice(NUMBER_ATOMS) for _ in range(R.randint(1, 6)))
        yield {'text': text, 'int': attempt(lambda: str(int(text))), 'float': attempt(lambda: float(text).hex())}


def sums(n):
    for _ in range(n):
        xs = [R.choice([R.uniform(-1, 1) * 10 ** R.randint(-20, 20), 0.1, -0.0, 1e308, float('inf') if R.random() < .02 else 3.0])
              for _ in range(R.randint(0, 20))]
        yield {'values': [x.hex() for x in xs], 'sum': float(sum(xs)).hex()}


def misspelt(c):
    exotic = {'s': '\u017f', 'k': '\u212a', 'i': R.choice('\u0130\u0131')}
    return R.choice([c, c, c.upper(), c.lower(), exotic.get(c.lower(), c)]) if R.random() > .02 else ''


def tags(n):
    for _ in range(n):
        tag = R.choice(TAGS)
        text = 'é' * R.randint(0, 2) + ''.join(misspelt(c) for c in tag) + 'x' * R.randint(0, 2)
        m = re.search(re.escape(tag), text, re.IGNORECASE)
        yield {'text': text, 'tag': tag, 'span': list(m.span()) if m else [-1, -1], 'lower': tag.lower() in text.lower()}


corpus = {'documents': list(documents(1500)), 'numbers': list(numbers(3000)), 'sums': list(sums(400)), 'tags': list(tags(2000))}
with open('corpus.json.gz', 'wb') as raw, gzip.GzipFile('', 'wb', 9, raw, 0) as f:
    f.write(json.dumps(corpus, separators=(',', ':')).encode())
