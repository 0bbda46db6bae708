"""Grader of foreign Python: a fork server that runs each job in a process of its own.

It runs inside internal/sandbox, speaks over stdin and stdout, and never runs foreign code itself. A frame is four bytes of length, big-endian, and that
many bytes of JSON. The first frame from the host configures:

    {"filter": hex of the BPF program for jobs, "memory": bytes, "files": n, "result": bytes at most, "preload": bool, "lock": bool,
     "path": [for imports]}

and is answered by {"version", "ops"}. With preload, modules' own preload() runs before the first fork: big packages such as sympy. With lock the server
itself gives up what jobs of code.py must not have, so that they needn't. Then jobs come one at a time:

    {"id": n, "op": "execute", "seconds": wall limit, "job": {...}}  ->  {"id": n, "outcome": ..., "detail": text}  [, frame of the result]

outcome: "result" (a frame with the op's JSON follows), "failed" (the op raised: detail), "timeout", "died" (no result; detail has the status), "unknown"
(no such op). The host checks the result's JSON: what comes from a job's process is not to be trusted before that.

A job's process has no descriptor but /dev/null and the pipe for its one result, limits on memory and CPU, and the filter of system calls, which it
installs itself before it looks at the job. Its result has to start with the job's token, 16 random bytes. code.py says what that is worth.
"""

import builtins

__builtins__ = dict(vars(builtins))  # functions below see these, whatever a job does to the built-ins

import gc
import json
import os
import struct
import sys
from _signal import SIG_DFL, SIGALRM, SIGINT, SIGKILL, SIGPIPE, SIGTERM, signal
from os import _exit, close, closerange, dup2, fork, kill, pipe, urandom, waitpid, write
from os import read as read_some
from resource import RLIM_INFINITY, RLIMIT_AS, RLIMIT_CORE, RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_NOFILE, getrlimit, setrlimit
from select import POLLHUP, POLLIN, poll
from time import monotonic

# Everything that is needed once jobs run has a name of its own here: lock_down() of code.py empties the modules.
HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = ("code", "symbolic", "trace")
REQUEST = 64 << 20  # bytes of a frame from the host
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 4, 22, 38, 2


def read(n):
    """Exactly n bytes of stdin, or None at its end."""
    parts = []
    while n:
        part = read_some(0, min(n, 1 << 20))
        if not part:
            return None
        parts.append(part)
        n -= len(part)
    return b"".join(parts)


def receive():
    head = read(4)
    if head is None:
        return None
    size = struct.unpack(">I", head)[0]
    if size > REQUEST:
        raise ValueError("frame of %d bytes" % size)
    body = read(size)
    return None if body is None else json.loads(body)


def send(*bodies):
    """Writes frames; each is a value to encode or bytes that are JSON already."""
    data = b""
    for body in bodies:
        if type(body) is not bytes:
            body = json.dumps(body).encode()
        data += struct.pack(">I", len(body)) + body
    write_all(1, data)


def write_all(fd, data):
    while data:
        data = data[write(fd, data) :]


def load(config):
    """Loads the modules with jobs and what they import. Returns the ops by name."""
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != HERE] + config["path"]
    ops, code = {}, None
    for name in MODULES:
        path = os.path.join(HERE, name + ".py")
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as f:
            text = f.read()
        space = {"__name__": "nanteos_" + name, "__file__": path, "__builtins__": dict(vars(builtins))}
        exec(compile(text, path, "exec"), space)
        code = code or space
        ops.update({k[3:]: v for k, v in space.items() if k.startswith("op_")})
        if config["preload"] and "preload" in space:
            space["preload"]()
    code["warm"]()
    return ops, code


def prepare(program):
    """Returns the function that installs the filter in a job's process, made before because ctypes is taken apart here: it must be no use to jobs."""
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
    prctl.restype = ctypes.c_int
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    instructions = ctypes.create_string_buffer(program, len(program))
    fprog = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(instructions)))
    at = ctypes.addressof(fprog)
    disarm(ctypes)

    def install():
        if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or prctl(PR_SET_SECCOMP, MODE_FILTER, at, 0, 0):
            _exit(97)

    install.keep = (instructions, fprog)
    return install


BASICSIZE, FLAGS, ALLOC, NEW = 32, 168, 304, 312  # offsets in PyTypeObject of 64-bit builds, 3.8 to 3.13


def disarm(ctypes):
    """Makes it impossible to create an object of ctypes from here on: with one, Python code calls any address. __subclasses__ would lead there."""
    import _ctypes

    def peek(kind, offset):
        return ctypes.c_ulong.from_address(id(kind) + offset).value

    kinds, todo = set(), [_ctypes._SimpleCData.__base__]
    while todo:
        kind = todo.pop()
        if kind not in kinds:
            kinds.add(kind)
            todo += type.__subclasses__(kind)
    if any(peek(k, BASICSIZE) != k.__basicsize__ or peek(k, FLAGS) != k.__flags__ for k in kinds):
        return  # another layout: rather leave it as it is
    metas = {type(k) for k in kinds} - {type}
    word = ctypes.sizeof(ctypes.c_ulong)
    for kind in metas:
        ctypes.memset(id(kind) + NEW, 0, word)
    memset = ctypes.memset
    for kind in kinds:
        memset(id(kind) + NEW, 0, word)
        memset(id(kind) + ALLOC, 0, word)
    for module in (ctypes, _ctypes):
        for key in [k for k in vars(module) if not k.startswith("__")]:
            delattr(module, key)


def run(config, ops, code, install, null, request):
    """Runs one job in a process of its own. Returns the frames to answer."""
    op = ops.get(request["op"])
    if op is None:
        return ({"id": request["id"], "outcome": "unknown", "detail": str(request["op"])[:100]},)
    seconds, most, token = float(request["seconds"]), config["result"], urandom(16)
    out, into = pipe()
    pid = fork()
    if pid == 0:
        child(config, op, request["job"], code, install, null, into, token, seconds)
    close(into)
    data, timeout = collect(out, monotonic() + seconds, most + len(token) + 2)
    close(out)
    kill(pid, SIGKILL)
    status = waitpid(pid, 0)[1]
    head = {"id": request["id"], "outcome": "died", "detail": "status %d" % status}
    if data[:16] == token and len(data) <= most + 17 and data[16:17] == b"=":
        head["outcome"], head["detail"] = "result", ""
        return head, data[17:]
    if data[:16] == token and data[16:17] == b"!":
        head["outcome"], head["detail"] = "failed", data[17:2017].decode("utf-8", "replace")
    elif timeout:
        head["outcome"] = "timeout"
    elif len(data) > most:
        head["detail"] = "more than %d bytes of result" % most
    return (head,)


def collect(fd, deadline, most):
    """All that comes from fd until its end, at most so many bytes, and whether time ran out first."""
    waiting = poll()
    waiting.register(fd, POLLIN | POLLHUP)
    data = b""
    while len(data) <= most:
        left = deadline - monotonic()
        if left <= 0:
            return data, True
        if not waiting.poll(min(left * 1000 + 1, 1e9)):
            continue
        part = read_some(fd, 1 << 20)
        if not part:
            break
        data += part
    return data, False


def child(config, op, job, code, install, null, fd, token, seconds):
    """The job's process. It never returns."""
    dump, describe = code["dump"], code["describe"]
    try:
        for signum in (SIGINT, SIGTERM, SIGPIPE, SIGALRM):
            signal(signum, SIG_DFL)
        for i in (0, 1, 2):
            dup2(null, i)
        dup2(fd, 3)
        closerange(4, 256)
        limit(RLIMIT_AS, config["memory"])
        limit(RLIMIT_CPU, int(seconds) + 2)
        limit(RLIMIT_CORE, 0)
        limit(RLIMIT_NOFILE, config["files"])
        limit(RLIMIT_FSIZE, 1 << 20)
        install()
        answer = b"=" + dump(op(job)).encode()
    except BaseException as e:
        answer = b"!" + describe(e).encode("utf-8", "replace")
    try:
        write_all(3, token + answer)
    finally:
        _exit(0)


def limit(what, value):
    hard = getrlimit(what)[1]
    value = value if hard == RLIM_INFINITY else min(value, hard)
    setrlimit(what, (value, value))


def main():
    config = receive()
    if config is None:
        return
    null = os.open("/dev/null", os.O_RDWR)
    ops, code = load(config)
    install = prepare(bytes.fromhex(config["filter"]))
    version = sys.version.split()[0]
    gc.collect()
    gc.freeze()
    if config["lock"]:
        code["lock_down"]()
    send({"version": version, "ops": sorted(ops)})
    while True:
        request = receive()
        if request is None:
            return
        send(*run(config, ops, code, install, null, request))


if __name__ == "__main__":
    main()
    _exit(0)  # an ordinary end would look for what is gone
