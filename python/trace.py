"""Programs with prints put into them, and what they print (specification grail-environments, section 13.1).

Ops: trace_inject, trace_run. A job is run in a process of its own that grader.py has forked; nothing here is ever run in the server. Both take text from a
dataset, which is foreign: trace_run executes it with all of Python's built-ins, and what keeps it in is the sandbox and the job's filter of system calls.

trace_inject {"source", "seed"} -> {"transformed", "error"}
    Walks the program's syntax tree and puts up to six prints of variables behind assignments and ifs, as random.Random(seed) decides. The tree is
    written with ast.unparse, whose output differs between minor versions of Python: the reference's is 3.12's. error is null, or what went wrong with a
    program that can't be walked (nested too deeply): there is no task then. A syntax error is no such case: the program comes back behind a comment.

trace_run {"program", "stdin", "timeout"} -> {"stdout", "failed", "reason"}
    What the program prints, and whether it ended badly. reason is "" or what ended it: "exit", "timeout", "output", or the name of an exception. A program that is
    out of time, or that prints more than OUTPUT bytes, has printed nothing. The reference starts an interpreter; here the program is executed as __main__
    of the job's own process. Its stdin is descriptor 0 up to 64 KiB, beyond that a stream in memory; its stdout is in memory, and os.write(1) goes there.
    It can import what the interpreter's own library has. The random generator begins with seed 0, and the server fixes the hash of texts (the reference's
    truths for programs that depend on either differ from run to run).

What ast.unparse of each version makes of the vectors: 3.11, 3.12 and 3.13 what 3.12 does, 3.9 and 3.10 put parentheses around targets that are tuples,
3.8 has none. Messages of syntax errors, which stand in prompts, differ between all of them, and so do nested quotes in f-strings before 3.12.
"""

import ast
import builtins
import io
import os
import random
import signal
import sys

PRINTS = 6
OUTPUT = 1 << 18  # bytes that a program may print
PIPE = 1 << 16  # bytes that a pipe holds
BEHIND_ASSIGNMENT, BEHIND_IF = 0.6, 0.4
MOST_NAMES = 3


def clean(source):
    """The program in a text that may be a fenced block of Markdown."""
    source = source.strip()
    if not source.startswith("```"):
        return source
    end = source.find("\n")
    if end >= 0:
        source = source[end:].strip()
    return source[:-3].strip() if source.endswith("```") else source


def shown(name):
    """The expression that a print has for a variable: its repr where that is the same in every process, else the name of its type."""
    text = "repr(v) if isinstance(v, (int, float, str, bool, type(None))) else type(v).__name__"
    tree = ast.parse(text, mode="eval").body
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "v":
            node.id = name
    return tree


def assigned(target):
    """The names that an assignment to a target binds."""
    if isinstance(target, ast.Name):
        return [target.id]
    if isinstance(target, (ast.Tuple, ast.List)):
        return [name for part in target.elts for name in assigned(part)]
    return []


class Injector:
    """Puts prints into a tree, in place."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.prints = 0
        self.scopes = [[]]  # names in the order in which they are bound, a list for each function around

    def bind(self, names):
        scope = self.scopes[-1]
        scope.extend(n for n in dict.fromkeys(names) if n not in scope)

    def body(self, statements):
        """The statements of a body with prints among them."""
        out = []
        for s in statements:
            if isinstance(s, ast.Assign):
                self.bind(n for t in s.targets for n in assigned(t))
            elif isinstance(s, (ast.AugAssign, ast.For, ast.AsyncFor)):
                self.bind(assigned(s.target))
            self.visit(s)
            out.append(s)
            if self.prints < PRINTS and isinstance(s, (ast.Assign, ast.AugAssign, ast.If)):
                if self.random.random() < (BEHIND_IF if isinstance(s, ast.If) else BEHIND_ASSIGNMENT):
                    out.extend(self.print())
        return out

    def print(self):
        """A print of one to three of the visible variables, in a list that is empty when there is none."""
        names = list(dict.fromkeys(n for scope in self.scopes for n in scope))
        if not names:
            return []
        count = self.random.randint(1, min(MOST_NAMES, len(names)))
        parts = [ast.Constant("__DBG_%d__" % self.prints)] + [shown(n) for n in self.random.sample(names, count)]
        self.prints += 1
        return [ast.Expr(ast.Call(ast.Name("print", ast.Load()), parts, []))]

    def visit(self, node):
        """Goes into a statement. Bodies of while, with, try and class have no prints of their own, but what is in them is gone into."""
        if isinstance(node, (ast.Assign, ast.AugAssign)):
            return
        if isinstance(node, ast.Module):
            node.body = self.body(node.body)
        elif isinstance(node, (ast.For, ast.If)):
            node.body = self.body(node.body)
            node.orelse = self.body(node.orelse)
        elif isinstance(node, ast.FunctionDef):
            self.scopes.append([])
            self.bind(a.arg for a in node.args.args)
            node.body = self.body(node.body)
            self.scopes.pop()
        else:
            for child in ast.iter_child_nodes(node):
                self.visit(child)


def op_trace_inject(job):
    source = clean(job["source"])
    try:
        try:
            tree = ast.parse(source)
        except SyntaxError as e:
            return {"transformed": "# Syntax Error in source: %s\n%s" % (e, source), "error": None}
        Injector(job["seed"]).visit(tree)
        return {"transformed": ast.unparse(ast.fix_missing_locations(tree)), "error": None}
    except (RecursionError, MemoryError, ValueError, OverflowError) as e:
        return {"transformed": "", "error": "%s: %s" % (type(e).__name__, str(e)[:200])}


class Stop(BaseException):
    """Ends a program; reason says why."""

    def __init__(self, reason):
        self.reason = reason


class Sink(io.RawIOBase):
    """Keeps what is written to descriptor 1, up to a limit."""

    def __init__(self, limit):
        self.kept, self.limit, self.full = bytearray(), limit, False

    def writable(self):
        return True

    def fileno(self):
        return 1

    def isatty(self):
        return False

    def write(self, data):
        size = len(memoryview(data).cast("B"))
        if len(self.kept) + size > self.limit:
            self.full = True
            raise Stop("output")
        self.kept += data
        return size


class Drain(io.RawIOBase):
    """Drops what is written."""

    def writable(self):
        return True

    def write(self, data):
        return len(memoryview(data).cast("B"))


def readable(data):
    """A text stream of stdin's bytes: descriptor 0 where they fit into a pipe."""
    if len(data) <= PIPE:
        try:
            into, out = os.pipe()
            try:
                if os.write(out, data) == len(data) if data else True:
                    os.dup2(into, 0)
                    return io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "r", False)), encoding="utf-8", errors="surrogateescape")
            finally:
                os.close(into)
                os.close(out)
        except OSError:
            pass
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors="surrogateescape")


def streams(stdin, stdout):
    """Makes the streams those of descriptors 0 and 1 for whoever opens or writes them by number."""
    plain, write = builtins.open, os.write

    def open(file, mode="r", *args, **kwargs):
        if file in (0, "/dev/stdin"):
            return stdin.buffer if "b" in mode else stdin
        if file in (1, "/dev/stdout"):
            return stdout.buffer if "b" in mode else stdout
        return plain(file, mode, *args, **kwargs)

    def os_write(fd, data):
        if fd != 1:
            return write(fd, data)
        stdout.flush()
        size = stdout.buffer.write(data)
        stdout.buffer.flush()
        return size

    builtins.open = io.open = open
    os.write = os_write


def prepare(stdin, stdout):
    """Makes this process look like a fresh interpreter that runs a program."""
    sys.stdin = sys.__stdin__ = stdin
    sys.stdout = sys.__stdout__ = stdout
    sys.stderr = sys.__stderr__ = io.TextIOWrapper(io.BufferedWriter(Drain()), encoding="utf-8", errors="backslashreplace")
    sys.argv = ["program.py"]
    sys.setrecursionlimit(1000)
    streams(stdin, stdout)
    if not hasattr(builtins, "exit"):  # the module site, which the server goes without, makes them
        import _sitebuiltins

        builtins.exit, builtins.quit = _sitebuiltins.Quitter("exit", "Ctrl-D"), _sitebuiltins.Quitter("quit", "Ctrl-D")
    main = type(sys)("__main__")
    main.__dict__.update(__builtins__=builtins, __file__="program.py")
    sys.modules["__main__"] = main
    random.seed(0)
    return main.__dict__


def finish(out):
    """What an interpreter does at its end: waits for threads, calls what wants to be called, flushes."""
    threading = sys.modules.get("threading")
    for thread in threading.enumerate() if threading else ():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit = sys.modules.get("atexit")
    if atexit:
        atexit._run_exitfuncs()
    out.flush()


def op_trace_run(job):
    sink = Sink(OUTPUT)
    out = io.TextIOWrapper(io.BufferedWriter(sink, 1 << 13), encoding="utf-8", errors="strict")
    space = prepare(readable(job["stdin"].encode("utf-8", "replace")), out)
    running, late, reason = [True], [], ""

    def alarm(*_):
        late.append(True)
        if running:
            raise Stop("timeout")

    signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, job["timeout"], 0.05)  # again and again: a program may catch the first
    try:
        try:
            exec(compile(job["program"], "program.py", "exec", 0, True), space)
        except SystemExit as e:
            reason = "" if e.code is None or isinstance(e.code, int) and e.code == 0 else "exit"
        except Stop:
            raise
        except BaseException as e:
            reason = type(e).__name__
        finish(out)
    except Stop as e:
        running.clear()
        reason = e.reason
    except BaseException as e:
        running.clear()
        reason = reason or type(e).__name__
    running.clear()
    signal.setitimer(signal.ITIMER_REAL, 0)
    if sink.full:
        reason = "output"
    if late:
        reason = "timeout"
    text = "" if reason in ("timeout", "output") else bytes(sink.kept).decode("utf-8", "replace")
    return {"stdout": text.replace("\r\n", "\n").replace("\r", "\n"), "failed": reason != "", "reason": reason}
