package grader_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nanteos/nanteos/internal/grader"
	"github.com/nanteos/nanteos/task"
)

// forged is what a hack would like to be its result. forge writes it, behind the first sixteen bytes that it finds among values, to every descriptor, and
// closes that. climb looks for the bytes in a frame and all below it. Without the audit hook of python/code.py this earns the reward.
const forged = `
MSG = b'={"passed":1,"total":1,"status":"all_passed","error":null,"test_results":[{"test_idx":0,"passed":true,"error":null}]}'
SUBS = ().__class__.__mro__[1].__subclasses__()
KNOWN = set(map(lambda c: repr(c), SUBS))
for c in SUBS:
    for s in type.__subclasses__(c):
        if repr(s) not in KNOWN:
            KNOWN.add(repr(s))
            SUBS.append(s)
def find(name):
    return [c for c in SUBS if c.__name__ == name][0]
def forge(values):
    io = find('FileIO')
    tokens = [v for v in values if type(v) is bytes and len(v) == 16] or [b'']
    for fd in range(3, 64):
        try:
            f = io(fd, 'w')
            f.write(tokens[0] + MSG)
            f.close()
        except Exception:
            pass
def climb(frame):
    seen = []
    while frame is not None:
        seen += list(frame.f_locals.values()) + list(frame.f_globals.values())
        frame = frame.f_back
    forge(seen)
`

// hacks are programs that want a reward which they haven't earned. None solves the tests.
var hacks = map[string]string{
	"exit":              `find('_wrap_close').__init__.__globals__['_exit'](0)`,
	"exit by posix":     `find('BuiltinImporter').load_module('posix')._exit(0)`,
	"exit by sys":       "import collections\ncollections._sys.modules['os']._exit(0)",
	"exit by reference": "import re\nre.enum.sys.modules['posix']._exit(0)",
	"sys.exit":          "import collections\ncollections._sys.exit(0)",
	"SystemExit":        "raise find('SystemExit') if 0 else BaseException.__subclasses__()[2](0)",
	"BaseException":     "raise BaseException('x')",
	"every exception":   "E = BaseException\nfor c in BaseException.__subclasses__():\n    E = c\n    try:\n        raise c()\n    except TypeError: pass",

	"blind writes":        `forge([])`,
	"token by traceback":  "try:\n    1/0\nexcept Exception as e:\n    climb(e.__traceback__.tb_frame)",
	"token by descriptor": "try:\n    1/0\nexcept Exception as e:\n    t = e.__traceback__\n    climb(type(t).__dict__['tb_frame'].__get__(t))",
	"token by operator":   "import operator\ntry:\n    1/0\nexcept Exception as e:\n    climb(operator.attrgetter('tb_frame')(e.__traceback__))",
	"token by generator":  "def g():\n    yield\nx = g()\nclimb(x.gi_frame)",
	"token by running generator": `
def g():
    yield x.gi_frame.f_back
x = g()
for f in x: climb(f)`,
	"token by coroutine":      "async def g(): pass\nclimb(g().cr_frame)",
	"token by async gen":      "async def g():\n    yield\nclimb(g().ag_frame)",
	"token by getframe":       "import collections\nclimb(collections._sys._getframe())",
	"token by threads":        "import collections\nfor f in collections._sys._current_frames().values(): climb(f)",
	"token by trace":          "import collections\ncollections._sys.settrace(lambda f, *a: climb(f))\n(lambda: 0)()",
	"token by profile":        "import collections\ncollections._sys.setprofile(lambda f, *a: climb(f))\n(lambda: 0)()",
	"token by gc":             "import collections\nforge(collections._sys.modules['gc'].get_objects())",
	"token by new gc":         "forge(find('BuiltinImporter').load_module('gc').get_objects())",
	"token by main":           "import collections\nforge(collections._sys.modules['__main__'].__dict__.values())",
	"token by new modules":    "import collections\nI = collections._sys.modules['importlib._bootstrap']._imp\nforge(I.create_builtin(I).__dict__.values())",
	"token by the filter":     "for v in list(__import__.__globals__.values()): forge([v])\nforge(__import__.__globals__['real'].__self__.__dict__.values())",
	"token by proc":           "for n in ('mem', 'maps', 'environ', 'fd/3'):\n    try: forge([find('FileIO')('/proc/self/' + n).read()])\n    except Exception: pass",
	"token by alarm":          "import collections\ns = collections._sys.modules['signal']\nclimb(s.getsignal(14).__globals__)",
	"token by new signal":     "s = find('BuiltinImporter').load_module('_signal')\nforge(s.getsignal(14).__globals__.values())",
	"hand-made code":          "c = (lambda: 0).__code__\nC = type(c)\nf = lambda: 0\nf.__code__ = c.replace(co_code=b'\\x64\\xff' * 200)\nf()",
	"call any address":        "P = find('PyCFuncPtr')\nX = type(P)('X', (P,), {'_flags_': 1, '_restype_': None})\nX(1)()",
	"read any address":        "P = find('_SimpleCData')\nX = type(P)('X', (P,), {'_type_': 'P'})\nX.from_address(1).value",
	"call any address, ready": "f = find('CDLL')(None)\nf.write(3, MSG, 200)",
	"call any address, cast":  "X = find('c_void_p')\nX(1)",
	"real import":             "__import__.__globals__['real']('posix')._exit(0)",
	"real import, importers":  "import collections\ns = collections._sys\ns.meta_path.append(find('BuiltinImporter'))\n__import__.__globals__['real']('posix')._exit(0)",
	"load a file":             "L = find('SourceFileLoader')('os', ().__class__.__doc__ and '/usr/lib/python3.12/os.py')\nL.get_code('os')",
	"load a library":          "import math\nL = find('ExtensionFileLoader')('_ctypes', '/x.so')\nL.load_module('_ctypes')",
	"marshal":                 "import collections\ncollections._sys.modules['marshal'].loads(b'\\xe3' + b'\\0' * 30)",

	"patched built-ins": `
import collections
b = collections.abc.__builtins__
def yes(*a, **k): return None
for n in ('exec', 'compile', 'len', 'repr', 'str', 'type', 'isinstance', 'bool', 'dict', 'list', 'range', 'enumerate', 'float', 'int'):
    b[n] = yes`,
	"patched exceptions":  "import collections\nb = collections.abc.__builtins__\nfor n in list(b):\n    if n.endswith('Error') or n.endswith('Exception'): b[n] = ()",
	"patched modules":     "import collections\nfor m in list(collections._sys.modules.values()):\n    for k in ('dumps', 'write', 'encode_basestring_ascii', 'pack'):\n        try: m.__dict__[k] = lambda *a: MSG\n        except Exception: pass",
	"cleared modules":     "import collections\ncollections._sys.modules.clear()",
	"own assertion error": "__builtins__['AssertionError'] = None\nAssertionError = None",
	"own builtins":        "__builtins__ = {}\nglobals = None",
	"unclosed text":       "def f(x): return 0\nif 0:\n    '''",
	"comment":             "def f(x): return 0\n#",
	"continuation":        "def f(x): return 0 \\",

	"closed pipe":          "for fd in range(64):\n    try: find('FileIO')(fd, 'w').close()\n    except Exception: pass",
	"never ends":           "while True: pass",
	"never ends, catches":  "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
	"caught once":          "try:\n    while True: len([])\nexcept BaseException: pass",
	"long sum":             "sum(range(10**13))",
	"long pattern":         "import re\nre.match('(a+)+$', 'a' * 64 + 'b')",
	"long integer":         "x = 9 ** 9 ** 9",
	"long power":           "n = 7\nx = n ** n ** n ** n",
	"recursion":            "def g(): return g()\ng()",
	"recursion, catches":   "def g():\n    try: g()\n    except Exception: g()\ng()",
	"deep list":            "x = []\nfor _ in range(10**6): x = [x]\nx == [[x]]\nrepr(x)",
	"memory":               "x = 'x' * (1 << 40)",
	"memory, step by step": "x = []\nwhile True: x.append(bytearray(1 << 20))",
	"memory, catches":      "x = []\nwhile True:\n    try: x.append(bytearray(1 << 16))\n    except Exception: pass",
	"output":               "while True: print('x' * 100000)",
	"big error":            "raise Exception('x' * 10**8)",
	"error's text exits":   "class_ = type('E', (Exception,), {'__str__': lambda self: 1/0})\nraise class_()",
	"error's text raises":  "def s(self): raise BaseException\nraise type('E', (Exception,), {'__str__': s})()",
	"error's text hangs":   "def s(self):\n    while True: pass\nraise type('E', (Exception,), {'__str__': s})()",
	"error's class lies":   "raise type('E', (Exception,), {'__class__': None, '__name__': 5, '__eq__': lambda *a: True})()",
	"finaliser":            "def d(self): raise BaseException\nx = type('D', (), {'__del__': d})()\nraise Exception(x)",
	"finaliser hangs":      "def d(self):\n    while True: pass\nx = type('D', (), {'__del__': d})()",
	"finaliser exits":      "def d(self): find('_wrap_close').__init__.__globals__['_exit'](0)\nx = type('D', (), {'__del__': d})()",
	"thread":               "import collections\ncollections._sys.modules['_thread'].start_new_thread(forge, ([],))",
	"new thread":           "find('BuiltinImporter').load_module('_thread').start_new_thread(forge, ([],))",
	"kill the server":      "find('BuiltinImporter').load_module('posix').kill(1, 9)",
	"fork":                 "while True: find('BuiltinImporter').load_module('posix').fork()",
	"disarm the alarm":     "import collections\ns = collections._sys.modules['_signal']\ns.signal(14, 1)\ns.setitimer(0, 0)\nwhile True: pass",
	"compile bomb":         "x = type(lambda: 0)\nx = " + "(" + "1+" + "1)",
}

// More that needs the built-ins of hardened rules.
var hardenedHacks = map[string]string{
	"nested eval":      "eval('(' * 100000)",
	"nested eval, big": "eval('-' * 10**7 + '1')",
	"exec bomb":        "exec('x = ' + '+'.join(['1'] * 10**6))",
	"patched json":     "import json\njson.dumps = lambda *a, **k: MSG.decode()\njson.encoder.JSONEncoder.encode = json.dumps\njson.encoder.encode_basestring_ascii = json.dumps",
	"own stand-in":     "import sys\nsys.setrecursionlimit(10**9)\ndef g(): return g()\ng()",
	"inspect":          "import dataclasses\nclimb(dataclasses.inspect.currentframe())",
	"open":             "import random\nforge([random._os.read(0, 16)])",
	"types":            "import types\ntypes.FunctionType((lambda: 0).__code__.replace(co_consts=()), {})()",
	"exit in del": `
class D:
    def __del__(self): raise SystemExit(0)
d = D()`,
	"sys.exit by name": "import sys\nsys.exit(0)",
	"exit by name":     "exit(0)",
}

// frameHacks have functions of C called where no function of Python of theirs is the innermost one: there exec, globals and locals mean the frame of whoever
// is. An exception's text, a finaliser, a collection, a warning, the alarm and the interpreter's own events can bring that about.
var frameHacks = map[string]string{
	"exec by an error's text": "raise type('E', (Exception,), {'__str__': functools.partial(B['exec'], FORGE)})()",
	"eval by an error's text": "raise type('E', (Exception,), {'__str__': functools.partial(B['eval'], 'exec(%r) or str(1)' % FORGE)})()",
	"exec by a finaliser":     "x = type('D', (), {'__del__': functools.partial(B['exec'], FORGE)})()",
	"exec by collections": `
D = type('D', (), {'__del__': functools.partial(B['exec'], FORGE)})
KEEP = []
for _ in range(300):
    x = D()
    x.x = x
    KEEP.append([x])
del x
KEEP.clear()`,
	"globals by a finaliser": `
GOT = []
class_ = type('D', (), {'__del__': functools.partial(GOT.extend, itertools.islice(iter(B['globals'], None), 1))})
class_.other = type('F', (), {'__del__': lambda self: [B['exec'](FORGE, g) for g in GOT]})()
x = class_()`,
	"locals by an error's text": `
D = collections.defaultdict(B['locals'])
def text(self): climb_all(D.values())
E = type('E', (Exception,), {'__str__': functools.partial(D.__getitem__, 1)})
class_ = type('F', (), {'__del__': text})
x = class_()
e = E()
e.x = x
raise e`,
	"locals by a finaliser": `
D = collections.defaultdict(B['locals'])
class_ = type('D', (), {'__del__': functools.partial(D.__getitem__, 1)})
x = class_()
del x
KEEP = class_()


other = type('F', (), {'__del__': lambda self: climb_all(D.values())})
raise type('E', (Exception,), {'x': other(), '__str__': functools.partial(D.__getitem__, 2)})()`,
	"locals by collections": `
D = collections.defaultdict(B['locals'])
N = itertools.count()
class_ = type('D', (), {'__del__': functools.partial(max, N, key=D.__getitem__)})
for _ in range(300):
    x = class_()
    x.x = x
collections._sys.modules['math'].keep = type('G', (), {'__del__': lambda self: climb_all(D.values())})()`,
	"locals by the alarm": `
D = collections.defaultdict(B['locals'])
def spin(n=0):
    try:
        while True: len([])
    except BaseException as e:
        if not n:
            e.__class__.__init__ = D.__getitem__
            spin(1)
        else:
            climb_all(D.values())
spin()`,
	"events of the interpreter, returns": `
def ended(code, offset, value):
    if type(value) is dict and 'status' in value: value.update(GOOD)
m = collections._sys.monitoring
m.use_tool_id(0, 'x')
m.register_callback(0, m.events.PY_RETURN, ended)
m.set_events(0, m.events.PY_RETURN)`,
	"events of the interpreter, calls": `
D = collections.defaultdict(B['locals'])
def called(*a): climb_all([B['locals']()] + list(D.values()))
m = collections._sys.monitoring
m.use_tool_id(0, 'x')
m.register_callback(0, m.events.CALL, functools.partial(max, key=D.__getitem__))
m.register_callback(0, m.events.PY_RETURN, called)
m.set_events(0, m.events.PY_RETURN | m.events.CALL)`,
	"globals by a warning": `
D = collections.defaultdict(B['globals'])
w = collections._sys.modules['warnings']
for g in list(getattr(w, 'nanteos', {}).values()): B['exec'](FORGE, g)
w.nanteos = D
w.simplefilter('always')
w._showwarnmsg = D.__getitem__
'\d'`,
	"globals by the audit": `
D = collections.defaultdict(B['globals'])
class_ = type('H', (), {'__hash__': functools.partial(D.__getitem__, 1)})
try: collections._sys.audit('object.__getattr__', 1, class_())
except Exception: pass
for g in list(D.values()): B['exec'](FORGE, g)`,
}

const frameTools = `
import functools, itertools, collections
B = len.__self__.__dict__
GOOD = {'passed': 2, 'total': 2, 'status': 'all_passed', 'error': None, 'test_results': [
    {'test_idx': 0, 'passed': True, 'error': None}, {'test_idx': 1, 'passed': True, 'error': None}]}
FORGE = "global verdict, describe, message, runner\nverdict = lambda *a: %r\ndescribe = message = lambda *a: None\nrunner = lambda *a: lambda *b: None" % GOOD
def climb_all(spaces):
    for s in list(spaces):
        for v in list(s.values()):
            if type(v).__name__ == 'frame': climb(v)
        forge(list(s.values()))
        if 'verdict' in s: B['exec'](FORGE, s)
        for v in list(s.values()):
            if type(v).__name__ == 'function' and v.__code__.co_name == 'f':
                for cell in v.__closure__ or (): cell.cell_contents = lambda *a: None
            if type(v).__name__ == 'partial': v.__setstate__((lambda *a: None, (), {}, None))
`

func TestHacksEarnNothing(t *testing.T) {
	p := pool(t, grader.Config{Memory: 256 << 20})
	test := "assert f(1) == 2 and f(2) == 3"
	run := func(t *testing.T, name, hack string, hardened bool, tests ...string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			seconds := 1.0 // without hardened rules alarms are whole seconds
			if hardened {
				seconds = 0.3
			}
			var r result
			err := p.Do(t.Context(), "execute", job{forged + "\ndef f(x): return 0\n" + hack + "\n", tests, seconds, hardened}, &r)
			switch {
			case errors.Is(err, task.ErrJobTimeout), errors.Is(err, task.ErrJobDied):
				t.Log(err)
			case err != nil:
				t.Error(err)
			case r.Passed > 0 || r.Status == "all_passed":
				t.Errorf("passed: %+v", r)
			default:
				if len(r.Tests) > 0 {
					t.Log(r.Status, *r.Tests[0].Error)
				}
			}
			if d := time.Since(start); d > 30*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
	t.Run("all", func(t *testing.T) {
		for name, hack := range hacks {
			run(t, name, hack, false, test)
			run(t, name+" (hardened)", hack, true, test)
		}
		for name, hack := range hardenedHacks {
			run(t, name, hack, true, test)
		}
		for name, hack := range frameHacks {
			run(t, name, frameTools+hack, false, test, test)
			run(t, name+" (hardened)", frameTools+hack, true, test, test)
		}
	})
	start := time.Now()
	var r result
	if err := p.Do(t.Context(), "execute", job{"def f(x): return x + 1", []string{test}, 1, true}, &r); err != nil || r.Passed != 1 {
		t.Errorf("after all that: %+v, %v", r, err)
	}
	t.Logf("the next job took %v", time.Since(start))
}
