package grader_test

import (
	"testing"

	"github.com/nanteos/nanteos/internal/grader"
)

// programs are what people write. Hardened rules run them all.
var programs = map[string]string{
	"class": `
class Base:
    count = 0
    def __init__(self, x): self.x = x
    @property
    def double(self): return self.x * 2
    @staticmethod
    def one(): return 1
    @classmethod
    def make(cls, x): return cls(x)
class Child(Base):
    def __init__(self, x): super().__init__(x + 1)
    def __lt__(self, other): return self.x < other.x
def f(x): return Child.make(x).x - 0 * Base.one()`,
	"main guard": "def f(x): return x + 1\nif __name__ == '__main__':\n    f(input())",
	"typing": `
from typing import List, Optional, NamedTuple, TypedDict, Protocol, Generic, TypeVar, Any, get_type_hints
T = TypeVar('T')
class P(NamedTuple):
    x: int
    y: Optional[int] = None
class D(TypedDict):
    x: int
class S(Protocol):
    def go(self) -> int: ...
class B(Generic[T]):
    def __init__(self, v: T): self.v = v
def f(x: List[int]) -> Any:
    get_type_hints(P)
    return P(x).x + B[int](1).v + len(D())`,
	"dataclass": `
from dataclasses import dataclass, field, asdict, replace
from typing import ClassVar, List
@dataclass(order=True, frozen=True)
class A:
    x: int
    k: "ClassVar[int]" = 7
    xs: List[int] = field(default_factory=list)
def f(x): return asdict(replace(A(1), x=x))['x'] + 1`,
	"enum": `
from enum import Enum, IntEnum, Flag, auto
class C(Enum):
    A = auto()
    B = auto()
E = IntEnum('E', 'X Y')
def f(x): return x + C.A.value * E.X`,
	"abc": `
from abc import ABC, abstractmethod
class A(ABC):
    @abstractmethod
    def go(self): ...
class B(A):
    def go(self): return 1
def f(x):
    try:
        A()
    except TypeError:
        return x + B().go()`,
	"named tuple": "from collections import namedtuple, OrderedDict, ChainMap\nP = namedtuple('P', 'a b')\ndef f(x): return P(x, 1).a + P(x, 1)._asdict()['b']",
	"functools": `
from functools import singledispatch, cached_property, partial, total_ordering, wraps, lru_cache
@singledispatch
def g(x): return None
@g.register(int)
def _(x): return x + 1
class A:
    @cached_property
    def v(self): return 1
def f(x): return partial(g, x)() * A().v`,
	"contextlib": `
from contextlib import contextmanager, suppress, ExitStack
@contextmanager
def one():
    try:
        yield 1
    finally:
        pass
def f(x):
    with suppress(KeyError), ExitStack() as s, one() as v:
        s.callback(lambda: None)
        return x + v`,
	"random":       "import random\nrandom.seed(1)\ndef f(x): return x + (1 if 0 <= random.random() < 1 else random.choice([2]))",
	"datetime":     "from datetime import datetime, timedelta, date\ndef f(x): return (datetime.strptime('2024-01-0%d' % x, '%Y-%m-%d') + timedelta(days=1)).day",
	"big division": "def f(x): return int(str(x)) + (10**20000 // (10**19999) - 9)",
	"numbers":      "from decimal import Decimal, getcontext\nfrom fractions import Fraction\nimport statistics, cmath, numbers\ndef f(x): return int(Decimal(x) + Fraction(1).numerator * statistics.mean([1]))",
	"copy":         "import copy, json, string, textwrap, struct, array, calendar\ndef f(x): return json.loads(json.dumps(copy.deepcopy({'a': [x]})))['a'][0] + 1",
	"sys":          "import sys\nsys.setrecursionlimit(3000)\ndef f(x): return x + 1 if x < sys.maxsize else -sys.maxsize",
	"deep":         "import sys\nsys.setrecursionlimit(3000)\ndef g(n): return 0 if n == 0 else 1 + g(n - 1)\ndef f(x): return x + g(2000) - 1999",
	"iterators":    "def g():\n    yield from iter([1, 2])\ndef f(x):\n    it = g()\n    return x + next(it) + 0 * next(it, 0) + (next(it, None) is not None)",
	"exceptions":   "class E(RuntimeError):\n    def __init__(self, n): super().__init__(n); self.n = n\ndef f(x):\n    try:\n        raise E(x)\n    except (AttributeError, NotImplementedError): return 0\n    except E as e: return e.n + 1\n    finally: pass",
	"reflection":   "def f(x): return getattr(x, 'real') + hasattr(x, 'imag') * callable(f) * issubclass(bool, int) * (id(x) == id(x)) * (hash(1) == 1)",
	"eval":         "def f(x): return eval('x + 1', {'x': x}) if isinstance(x, int) else None",
	"match":        "def f(x):\n    match [x, 1]:\n        case [int(a), b]: return a + b\n        case _: return 0",
	"walrus":       "def f(x): return y + 1 if (y := x) else 1",
	"encodings":    "def f(x): return x + len('é'.encode('utf-16-le')) - len('é'.encode('latin-1')) + len('a'.encode('cp1252')) - 1",
	"big integer":  "def f(x): return x + (10 ** 4000 + 1) // 10 ** 4000",
	"regex":        "import re\ndef f(x): return int(re.sub(r'(?P<d>\\d)', lambda m: str(int(m['d']) + 1), str(x)))",
	"names":        "def f(x):\n    import unicodedata\n    return x + (unicodedata.name('\\N{BULLET}') == 'BULLET')",
	"string hash":  "def f(x): return x + len({'a', 'b'} - {'a'})",
	"global":       "n = 0\ndef f(x):\n    global n\n    n = x\n    return globals()['n'] + 1",
	"bisect":       "import bisect, heapq, itertools, operator, math\ndef f(x): return bisect.bisect([1, 2], x) + 1 if x < 2 else heapq.nsmallest(1, [x + 1])[0]",
	"async":        "async def g(x): return x + 1\ndef f(x):\n    c = g(x)\n    try:\n        c.send(None)\n    except StopIteration as e:\n        return e.value",
}

func TestHardenedRunsOrdinaryPrograms(t *testing.T) {
	p := pool(t, grader.Config{})
	for name, program := range programs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r result
			if err := p.Do(t.Context(), "execute", job{program, []string{"assert f(1) == 2", "assert f(2) == 3"}, 5, true}, &r); err != nil {
				t.Error(err)
			} else if r.Passed != 2 {
				t.Errorf("%s: %s", r.Status, *r.Tests[0].Error)
			}
		})
	}
}

// What one job leaves behind, the next doesn't find.
func TestJobsAreAlone(t *testing.T) {
	p := pool(t, grader.Config{Workers: 1})
	for range 3 {
		var r result
		leave := "import math, string\nassert math.pi > 3.1 and string.digits[0] == '0' and not hasattr(math, 'mine')\nmath.pi = 3\nstring.digits = 'x'\nmath.mine = 1"
		if err := p.Do(t.Context(), "execute", job{leave, []string{""}, 5, true}, &r); err != nil || r.Passed != 1 {
			t.Errorf("%+v, %v", r, err)
		}
	}
}
