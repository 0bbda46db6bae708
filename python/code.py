"""Foreign Python code, compiled and run against tests as Grail's pooled workers do (specification grail-environments, sections 10.2 and 10.3).

Ops: check, execute, grade_code. A job is run in a process of its own that grader.py has forked; nothing here is ever run in the server.

The verdict of a test is computed inside the process that runs the foreign code: there is no other way to run `assert f([1]) == [1]` on arbitrary
objects. What is done so that foreign code can't write its own verdict:

* nothing of ours is in reach of it by name: its namespace holds a table of built-ins and nothing else; the one function of ours in that table (the
  import filter) has globals of its own; __main__ is out of sys.modules;
* ways to our frames are closed: an audit hook, which Python code can't remove, refuses frames of tracebacks and generators, sys._getframe, tracing,
  profiling, gc's object lists, hand-made code objects and ctypes;
* `().__class__.__mro__[1].__subclasses__()` and its kind reach modules that have lost what is dangerous: os and posix are emptied, the importer can
  make no new copies of built-in modules;
* our functions use a private copy of the built-ins and functions of C that were taken before, so patched built-ins or a patched json change nothing;
* a function of C that is called from nowhere in Python (an exception whose __str__ is partial(exec, ...), a finaliser, a collection, a warning, the alarm) has
  the innermost function of ours for its own: exec, globals and locals mean that one's. So every function of ours under which foreign code can act is made
  by isolated(): its globals are nothing, its locals are no secrets and can't be assigned from outside; the collector is on in them only;
* sys.monitoring is emptied, for it would call foreign code at each call and return of ours;
* the result counts only with the token of the job, which is in a local variable of a frame of ours and nowhere else;
* a process that ends early (os._exit, a crash, a signal) has no result, and a job without result has failed all its tests;
* the kernel's filter of system calls leaves compute, memory and writing to the open pipe.

What is left: whoever makes CPython itself execute machine code of his choice (a memory error in the interpreter) can read the token and forge the
verdict on his own job. He still can't leave the sandbox or touch another job. And tests that are fooled by plain Python, such as an object that is
equal to everything, are fooled: that is the reference's rule.
"""

import __future__
import _json
import builtins
import functools
import sys
import types
from _signal import ITIMER_REAL, SIGALRM, alarm, setitimer, signal
from gc import disable, enable
from sys import _getframe, addaudithook
from time import monotonic

FUTURE = __future__.annotations.compiler_flag
MESSAGE = 1000  # code points of an exception's message that are kept
FRAMES_BELOW = 7  # Python frames below tested code in a worker of the reference: a process of a pool, spawned

# What tested code finds in the reference, exactly.
PLAIN = (
    "None False True bool int float complex str bytes bytearray list tuple set frozenset dict range enumerate zip map filter sorted reversed slice "
    "abs all any min max sum len round pow divmod chr ord hex oct bin format repr print isinstance BaseException Exception AssertionError ValueError "
    "TypeError KeyError IndexError StopIteration ZeroDivisionError __build_class__ object type"
).split()
PLAIN_MODULES = "math itertools functools collections heapq bisect operator re string".split()

# Hardened rules: all of Python that computes; nothing that opens, asks, or ends the process.
REFUSED = "open input breakpoint help exit quit copyright credits license __import__ __loader__ __spec__ __name__ __package__ __doc__".split()
HARDENED_MODULES = PLAIN_MODULES + (
    "__future__ abc array calendar cmath contextlib copy dataclasses datetime decimal enum fractions json numbers random statistics struct textwrap "
    "types typing unicodedata _strptime _pylong copyreg"  # the last ones are imported by functions in C, with the filter of who calls them
).split()

# Loaded before the first fork, so that no job has to find a file: what may be imported, and what that needs later.
WARM = HARDENED_MODULES + (
    "_pylong _strptime collections.abc linecache locale reprlib tokenize traceback warnings weakref encodings.ascii encodings.latin_1 encodings.utf_16 "
    "encodings.utf_16_le encodings.utf_16_be encodings.utf_32 encodings.utf_32_le encodings.utf_32_be encodings.utf_8_sig encodings.utf_7 "
    "encodings.cp1252 encodings.cp437 encodings.idna encodings.punycode encodings.unicode_escape encodings.raw_unicode_escape encodings.rot_13 "
    "encodings.hex_codec encodings.base64_codec encodings.charmap hashlib"
).split()


def warm():
    """Imports everything that jobs may use; runs in the server, once."""
    for name in WARM:
        try:
            __import__(name)
        except ImportError:  # not in every version or build
            pass
    for hardened in (False, True):
        TABLES[hardened] = tables(hardened)
    enclosed(RUN, **known(1, False, None)), enclosed(RING, stopped=None), enclosed(HOOK, events=None, frame_of=None, error=None)


def source(text):
    """Compiles a text as the reference does: a module of the name <string> with the annotations future inherited."""
    try:
        return compile(text, "<string>", "exec", FUTURE, True)
    except ValueError as e:
        if "null bytes" in str(e):  # a SyntaxError since 3.12
            raise SyntaxError(str(e)) from None
        raise


def op_check(job):
    """Says whether a text compiles: ok, or the fault of the text (syntax_error), or of the compiler's limits (neither)."""
    try:
        source(job["code"])
    except SyntaxError as e:
        return {"ok": False, "syntax_error": True, "error": message(e)}
    except BaseException as e:
        return {"ok": False, "syntax_error": False, "error": describe(e)}
    return {"ok": True, "syntax_error": False, "error": None}


def op_execute(job):
    """Runs code with each test in turn; the result is the reference's worker's."""
    code, tests = job["code"], job["tests"]
    try:
        source(code)
    except SyntaxError as e:
        return verdict(0, len(tests), "syntax_error", message(e), [])
    except BaseException as e:
        return verdict(0, len(tests), "error", describe(e), [])
    if not tests:
        return verdict(0, 0, "all_passed", None, [])
    run = runner(float(job.get("timeout", 5)), bool(job.get("hardened")))
    passed = timeouts = 0
    results = []
    for i, test in enumerate(tests):
        error = run(code + "\n\n" + test)
        results.append({"test_idx": i, "passed": error is None, "error": error})
        if error is None:
            passed += 1
        elif error == "Timeout":
            timeouts += 1
    if passed == len(tests):
        return verdict(passed, passed, "all_passed", None, results)
    status = "some_failed" if passed else "timeout" if timeouts == len(tests) else "error"
    return verdict(passed, len(tests), status, "Passed %d/%d tests" % (passed, len(tests)), results)


def op_grade_code(job):
    """Check and execute in one job."""
    check = op_check(job)
    return {"check": check, "result": op_execute(job) if check["ok"] and job["tests"] else None}


def verdict(passed, total, status, error, results):
    return {"passed": passed, "total": total, "status": status, "error": error, "test_results": results}


type_name = type.__dict__["__name__"].__get__  # whatever a metaclass says


def isolated(text, name, **known):
    """A function that is made from a text and knows nothing else than what it is given."""
    space = {"__builtins__": {k: getattr(builtins, k) for k in "ImportError abs bool bytearray bytes float int isinstance str type".split()}, **known}
    exec(text, space)
    return space[name]


CODES = {}  # of what enclosed has compiled, most of it in the server


def enclosed(text, **known):
    """The function that a text defines as f inside another one, which is given what f knows: f has no globals, so that nothing that is called under it can change it."""
    if text not in CODES:
        lines = ["def make(%s):" % ", ".join(known)] + ["    " + line for line in text.strip().splitlines()] + ["    return f"]
        CODES[text] = compile("\n".join(lines), "<string>", "exec", 0, True)
    space = {"__builtins__": {"__import__": __import__}}  # which functions of C want: compile loads unicodedata
    exec(CODES[text], space)
    make = space.pop("make")
    return make(**known)


def message(e):
    """The text of an exception, bounded. If foreign code may have made it, nothing follows but the end of the job."""
    try:
        return ("%s" % (e,))[:MESSAGE]
    except BaseException:
        return "?"


def describe(e):
    return "%s: %s" % (type_name(type(e)), message(e))


# One program: None if it ended well, else the error. Whatever is left of it when it has ended goes while f is the innermost function of ours: its objects with their
# finalisers, signals on their way, and collections that are due. After that nothing foreign acts until the next program. No function of Python is among what f
# knows: whoever has one can give it other code. The name in front of an exception's text makes an exact str of whatever its __str__ returns.
RUN = """
def f(text):
    if module:
        made = modules["solution"] = module("solution")
        space, made = made.__dict__, None
    else:
        space = {}
    space["__builtins__"] = dict(table)
    error, began = None, clock()
    try:
        try:
            collect()
            if again:
                setitimer(real, seconds, again)
            else:
                alarm(seconds)
            execute(compile(text, "<string>", "exec", flags, True), space)
        finally:
            if again:
                setitimer(real, 0)
            else:
                alarm(0)
    except stopped:
        error = "Timeout"
    except anything as e:
        name = type_name(type(e))
        try:
            error = ("%s: %s" % (name, e))[: length(name) + 2 + most]
        except anything:
            error = name + ": ?"
    if again and clock() - began >= seconds:
        error = "Timeout"
    while True:
        try:
            if again:
                setitimer(real, 0)
            else:
                alarm(0)
            space = None
            modules.pop("solution", None)
            rest()
            for _ in twice:
                pass
            return error
        except anything:
            pass
"""

RING = """
def f(signum):
    raise stopped("Test timed out")
"""


def known(seconds, hardened, stopped):
    """What RUN knows."""
    return dict(
        clock=monotonic, collect=enable, rest=disable, setitimer=setitimer, alarm=alarm, real=ITIMER_REAL, execute=exec, compile=compile, flags=FUTURE,
        seconds=seconds if hardened else int(seconds), again=0.05 if hardened else 0,  # again and again: a timeout that is caught comes back
        module=types.ModuleType if hardened else None,  # a module such as any other, known by its name to dataclasses
        table=TABLES[hardened], dict=dict, modules=sys.modules, stopped=stopped, anything=BaseException, type=type, type_name=type_name, length=len,
        most=MESSAGE, twice=(1, 2),
    )


def runner(seconds, hardened):
    """Closes the ways out of foreign code and returns the function that runs one program: None if it ended well, else the error."""
    stopped = make_timeout(BaseException if hardened else Exception)
    # The interrupted frame is an argument of a handler, and no function of Python may have it: of max(signum, frame, key=ring) ring sees signum alone.
    signal(SIGALRM, functools.partial(max, key=enclosed(RING, stopped=stopped)))
    run = enclosed(RUN, **known(seconds, hardened, stopped))
    sys.setrecursionlimit(1000 + depth() - FRAMES_BELOW)
    lock_down()
    watch()
    return run


def depth():
    """How many Python frames there are below the tested code's, when a runner's caller calls run."""
    frame, n = _getframe(), 0
    while frame is not None:
        frame, n = frame.f_back, n + 1
    return n - 1  # depth and runner are counted, run is not



def make_timeout(base):
    """The exception at the end of a test's time, with nothing of ours in it."""
    return type("TimeoutException", (base,), {"__module__": "solution"})


# The import filter. It lives in a namespace of its own: foreign code has it in hands, and with it its globals.
FILTER = """
def __import__(name, globals=None, locals=None, fromlist=(), level=0):
    top = name.split('.')[0]
    if top in stands_for:
        return stands_for[top]
    if top not in allowed:
        raise ImportError("Module '" + name + "' is not allowed in sandboxed execution")
    return real(name, globals, locals, fromlist, level)
"""

# sum() of floats before 3.12 does not compensate; tested code must find 3.12's.
SUM = """
def sum(iterable, /, start=0):
    if isinstance(start, (str, bytes, bytearray)):
        return real(iterable, start)
    total, rest, floats = start, 0.0, type(start) is float
    for x in iterable:
        if type(x) is float and type(total) in (float, int, bool):
            if not floats:
                total, floats = float(total), True
                rest = 0.0
            t = total + x
            rest += (total - t) + x if abs(total) >= abs(x) else (x - t) + total
            total = t
        elif floats and type(x) in (int, bool):
            total += float(x)
        else:
            if floats and rest and rest - rest == 0:
                total += rest
            floats, rest = False, 0.0
            total = total + x
    if floats and rest and rest - rest == 0:
        total += rest
    return total
"""


TABLES = {}  # of built-ins, for plain and for hardened rules


def tables(hardened):
    """The table of built-ins."""
    if hardened:
        table = {k: v for k, v in vars(builtins).items() if k not in REFUSED}
    else:
        table = {k: getattr(builtins, k) for k in PLAIN}
    if sys.version_info < (3, 12):
        table["sum"] = isolated(SUM, "sum", real=sum)
    allowed = frozenset(HARDENED_MODULES if hardened else PLAIN_MODULES)
    stands_for = {"sys": small_sys()} if hardened else {}
    table["__import__"] = isolated(FILTER, "__import__", real=__import__, allowed=allowed, stands_for=stands_for)
    return table


def small_sys():
    """Stands for sys under hardened rules: what programs compute with, and no way to anything."""
    made = types.ModuleType("sys")
    for name in "maxsize maxunicode byteorder float_info int_info hash_info version version_info getsizeof intern getrecursionlimit".split():
        setattr(made, name, getattr(sys, name))
    made.setrecursionlimit = isolated("def f(n):\n    return real(min(n, 5000))", "f", real=sys.setrecursionlimit, min=min)
    return made


# Refused whoever asks. What the standard library needs of it has other ways (sys._getframemodulename).
EVENTS = frozenset(
    "sys._getframe sys._current_frames sys._current_exceptions sys.settrace sys.setprofile sys.addaudithook gc.get_objects gc.get_referrers "
    "gc.get_referents code.__new__ marshal.load marshal.loads open os.system os.exec os.fork os.forkpty os.posix_spawn os.kill os.killpg "
    "subprocess.Popen socket.__new__ shutil.rmtree _thread.start_new_thread _thread.start_joinable_thread sys.monitoring.register_callback".split()
)
FRAME_OF = frozenset("tb_frame gi_frame cr_frame ag_frame".split())
EMPTIED = "os posix gc marshal signal _signal resource select fcntl mmap ctypes _ctypes threading subprocess _posixsubprocess".split()
UNMADE = "create_builtin create_dynamic exec_builtin exec_dynamic init_frozen get_frozen_object".split()
UNTRACED = "_getframe _current_frames _current_exceptions settrace setprofile gettrace getprofile call_tracing addaudithook _clear_type_cache _settraceallthreads _setprofileallthreads monitoring".split()
THREADS = "start_new_thread start_new start_joinable_thread interrupt_main".split()
KEPT = "PathLike fspath fsencode fsdecode sep name __name__".split()  # of os
GONE = "__main__ builtins posix os ctypes _ctypes gc _imp marshal signal _signal resource select fcntl mmap threading subprocess".split()


def lock_down():
    """Takes from this process, for good, what only we need and have taken already. The server does it once for all jobs where it serves nothing else."""
    modules = sys.modules
    if not modules.get("os", None):
        return  # done
    for name in EMPTIED:
        if name in modules:
            space = modules[name].__dict__
            kept = {k: space[k] for k in KEPT if k in space}
            space.clear()
            space.update(kept)
    if hasattr(sys, "monitoring"):  # a module without a name in modules
        sys.monitoring.__dict__.clear()
    for name, keys in (("_imp", UNMADE), ("sys", UNTRACED), ("_thread", THREADS)):
        for key in keys:
            modules[name].__dict__.pop(key, None) if name in modules else None
    for name in GONE:
        modules.pop(name, None)
    del sys.meta_path[:], sys.path[:], sys.path_hooks[:]


HOOK = """
def f(event, args):
    if event in events or event.startswith("ctypes.") or event == "object.__getattr__" and args[1] in frame_of:
        raise error(event + " is not allowed in sandboxed execution")
"""


def watch():
    """Has the interpreter ask us before it gives away a frame, and more: see EVENTS."""
    addaudithook(enclosed(HOOK, events=EVENTS, frame_of=FRAME_OF, error=RuntimeError))


QUOTE = _json.encode_basestring_ascii


def dump(value):
    """JSON of our own plain values, by nothing that foreign code could have changed."""
    kind = type(value)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is float:
        return repr(value)
    if kind is str:
        return QUOTE(value)
    if kind is list or kind is tuple:
        return "[" + ",".join([dump(v) for v in value]) + "]"
    if kind is dict:
        return "{" + ",".join([QUOTE(k) + ":" + dump(v) for k, v in value.items()]) + "}"
    raise TypeError("a result can't hold a " + type_name(kind))
