"""Runs a kernel against its reference: the worker behind internal/kerneleval.

    python kernel_eval.py ROLE DEVICE [SCRATCH...]

ROLE says which part of an evaluation this process is:

whole      Harness and candidate in one process, as the reference does it: the candidate can reach everything that judges it. For `reference` rules.
reference  The trusted half: runs the harness, makes the inputs, computes the expected outputs, compares. Never runs a candidate.
candidate  The other half: a server that forks a process for each candidate. A candidate sees its own text, copies of the inputs, and nothing else;
           what it returns is bytes, which the trusted half reads as a tensor. It can't return a verdict.

DEVICE is cuda or cpu. SCRATCH are directories that the candidate server empties after each candidate.

A frame on standard input and output: length of the header (4 bytes, big endian), length of the payload (8 bytes), a JSON object, the payload: the
bytes of tensors, one after the other. Whatever foreign code prints goes nowhere: descriptor 1 is /dev/null before any is loaded.
Specification: grail-environments, sections 11.6 and 11.7.
"""
from __future__ import annotations

import base64
import ctypes
import __future__
import io
import json
import math
import os
import pickle
import select
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback

SEED, TOLERANCE, TRIALS = 42, 1e-2, 3
STANDARD = "# nanteos: standard check\n"  # the end of a harness whose outputs are compared as section 11.6 says
MAX_HEADER = 4 << 20
MAX_TEXT = 16 << 10  # characters kept of a message
CHUNK = 1 << 20
PREFIX = struct.Struct(">IQ")
ALONE = os.path.dirname(os.path.abspath(__file__)) == "/nanteos" and os.getuid() == 65534  # in the sandbox, where all processes are ours


class Gone(Exception):
    """The other end of a pipe has closed it."""


def read_exact(fd, n):
    out = bytearray(n)
    view = memoryview(out)
    while view:
        got = os.readv(fd, [view[: 64 * CHUNK]])
        if not got:
            raise Gone("pipe closed")
        view = view[got:]
    return out


def write_all(fd, data):
    view = memoryview(data).cast("B")
    while view:
        view = view[os.write(fd, view[: 64 * CHUNK]):]


def read_frame(fd, payload=True):
    """Returns (header, payload); with payload=False the payload's length, still unread."""
    size, length = PREFIX.unpack(read_exact(fd, PREFIX.size))
    if size > MAX_HEADER:
        raise Gone("header of %d bytes" % size)
    header = json.loads(bytes(read_exact(fd, size)))
    return header, (read_exact(fd, length) if payload else length)


def write_frame(fd, header, *payloads):
    text = json.dumps(header).encode()
    write_all(fd, PREFIX.pack(len(text), sum(len(p) for p in payloads)) + text)
    for p in payloads:
        write_all(fd, p)


def clip(text):
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT // 2] + "\n...\n" + text[-MAX_TEXT // 2:]


def take_standard_streams():
    """Moves the protocol away from descriptors 0 and 1, so that no print can disturb it. Returns (in, out)."""
    fd_in, fd_out = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    return fd_in, fd_out


# --- section 11.6 -----------------------------------------------------------------------------------------------------


def verdict(correct, compiled, error=None, max_diff=None):
    return {"correct": correct, "compiled": compiled, "error": error, "max_diff": max_diff}


def on_wire(result):
    """Brings a verdict, which may be whatever a check returned, into the protocol's form: max_diff as text, since JSON has no infinity."""
    error, diff = result.get("error"), result.get("max_diff")
    diff = repr(float(diff)) if isinstance(diff, (int, float)) else None
    return verdict(bool(result.get("correct")), bool(result.get("compiled")), None if error is None else clip(str(error)), diff)


def outer_failure(exc):
    return "%s: %s\n%s" % (type(exc).__name__, exc, traceback.format_exc())


class Source:
    """A text as a module in a file of its own: Triton reads its kernels' source from there."""

    def __init__(self, text):
        fd, self.path = tempfile.mkstemp(suffix=".py")
        with os.fdopen(fd, "w", encoding="utf-8", errors="surrogatepass") as f:
            f.write(text)
        self.text = text

    def run(self):
        """Executes it and returns its namespace. __name__ is that of the built-ins, so main guards don't run."""
        code = compile(self.text, self.path, "exec", flags=__future__.annotations.compiler_flag, dont_inherit=True)
        names = {"__file__": self.path}
        exec(code, names)
        return names

    def remove(self):
        try:
            os.unlink(self.path)
        except OSError:
            pass


def seed_all(n):
    torch.manual_seed(n)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(n)


def init_inputs_of(harness, standard):
    if "get_init_inputs" in harness:
        return harness["get_init_inputs"]()
    if standard:
        raise NameError("name 'get_init_inputs' is not defined")
    return []


def to_device(values, device):
    return [v.to(device) if isinstance(v, torch.Tensor) else v for v in values]


def build(cls, init_inputs, device):
    seed_all(SEED)
    model = cls(*init_inputs)
    return model.to(device).eval()


def first(out):
    return out[0] if isinstance(out, tuple) else out


def final(worst):
    if worst <= TOLERANCE:
        return verdict(True, True, None, worst)
    return verdict(False, True, "max_diff=%.6f" % worst, worst)


def built_in_check(harness, cls, device, standard):
    """The check of the reference, with its quirks: inputs are shared, the reference runs first, a NaN difference replaces nothing."""
    init_inputs = init_inputs_of(harness, standard)
    ref = build(harness["Model"], init_inputs, device)
    new = build(cls, init_inputs, device)
    worst = 0.0
    for trial in range(TRIALS):
        torch.manual_seed(SEED + trial)
        inputs = to_device(harness["get_inputs"](), device)
        with torch.no_grad():
            want, got = first(ref(*inputs)), first(new(*inputs))
        if want.shape != got.shape:
            return verdict(False, True, "shape_mismatch: %s vs %s" % (want.shape, got.shape))
        worst = max(worst, (want.float() - got.float()).abs().max().item())
    return final(worst)


def evaluate(test, kernel, device):
    """Evaluates as the reference does (run_kernel_eval). Returns a verdict; exits of the candidate that are no Exception end the process."""
    sources = []
    try:
        sources.append(Source(test))
        harness = sources[0].run()
        if "Model" not in harness or "get_inputs" not in harness:
            return verdict(False, False, "missing_model_or_inputs")
        sources.append(Source(kernel))
        names = sources[1].run()
        if "ModelNew" not in names:
            return verdict(False, True, "no_model_new_class")
        cls, own = names["ModelNew"], harness.get("check_correctness")
        standard = own is None and test.endswith(STANDARD)
        if own is None and not standard:
            return built_in_check(harness, cls, device, False)
        try:
            seed_all(SEED)
            result = built_in_check(harness, cls, device, True) if standard else own(cls)
        except Exception as e:
            return verdict(False, True, "check_correctness_error: %s" % e)
        if isinstance(result, dict):
            return result
        if isinstance(result, bool):
            return verdict(result, True, None if result else "check_correctness_failed")
        return verdict(bool(result), True)
    except Exception as e:
        return verdict(False, False, outer_failure(e))
    finally:
        for s in sources:
            s.remove()


def healthy(device):
    """The tiny operation that a corrupted CUDA context can't do. Frees cached memory, too."""
    try:
        ok = int((torch.ones(1, device=device) + 1).item()) == 2
        if device == "cuda":
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
        return ok
    except Exception:
        return False


def serve_whole(fd_in, fd_out, device):
    while True:
        job, _ = read_frame(fd_in)
        result = on_wire(evaluate(job["test"], job["kernel"], device))
        corrupted = not healthy(device)
        write_frame(fd_out, {"verdict": result, "corrupted": corrupted})
        if corrupted:
            return


# --- tensors as bytes -------------------------------------------------------------------------------------------------


def tensor_bytes(t):
    """The memory of a dense CPU tensor."""
    n = t.numel() * t.element_size()
    return memoryview((ctypes.c_char * n).from_address(t.data_ptr())).cast("B") if n else b""


def is_dense(t):
    expect = 1
    for stride, size in sorted((s, n) for s, n in zip(t.stride(), t.shape) if n != 1):
        if stride != expect:
            return False
        expect *= size
    return True


def describe(t):
    """Returns (description, CPU tensor to keep, its bytes). Strides survive where the tensor covers its memory exactly once."""
    cpu = t.detach().cpu()
    if not is_dense(cpu) or cpu.is_conj() or cpu.is_neg():
        cpu = cpu.resolve_conj().resolve_neg().contiguous()
    about = {"dtype": str(cpu.dtype)[6:], "shape": list(cpu.shape), "stride": list(cpu.stride()), "device": t.device.type, "grad": t.requires_grad}
    return about, cpu, tensor_bytes(cpu)


def rebuild(about, data):
    dtype = getattr(torch, about["dtype"])
    flat = torch.frombuffer(data, dtype=dtype) if len(data) else torch.empty(0, dtype=dtype)
    return flat.as_strided(about["shape"], about["stride"]).to(about["device"]).requires_grad_(about["grad"])


class Packer(pickle.Pickler):
    def __init__(self, f):
        super().__init__(f, protocol=4)
        self.tensors = []

    def persistent_id(self, obj):
        if isinstance(obj, torch.Tensor):
            self.tensors.append(describe(obj))
            return len(self.tensors) - 1
        return None


def pack(values):
    """Values from the trusted half to the candidate: a pickle whose tensors are in the payload. Never used the other way."""
    f = io.BytesIO()
    p = Packer(f)
    p.dump(values)
    return {"values": base64.b64encode(f.getvalue()).decode(), "tensors": [t[0] for t in p.tensors]}, [t[2] for t in p.tensors], p.tensors


def unpack(packed, payload):
    tensors, at = [], 0
    for about in packed["tensors"]:
        n = math.prod(about["shape"]) * getattr(torch, about["dtype"]).itemsize
        tensors.append(rebuild(about, memoryview(payload)[at:at + n]))
        at += n
    reader = pickle.Unpickler(io.BytesIO(base64.b64decode(packed["values"])))
    reader.persistent_load = tensors.__getitem__
    return reader.load()


OUTPUTS = ("float32 float64 float16 bfloat16 int8 int16 int32 int64 uint8 bool complex64 complex128").split()


def read_output(about, payload):
    """Reads what a candidate returned. Nothing in it is believed: the type is one of a list, the shape fits the bytes."""
    dtype, shape = about["dtype"], about["shape"]
    if dtype not in OUTPUTS or not isinstance(shape, list) or len(shape) > 64 or not all(type(n) is int and 0 <= n < 1 << 48 for n in shape):
        raise ValueError("output that is no tensor")
    dtype = getattr(torch, dtype)
    if math.prod(shape) * dtype.itemsize != len(payload):
        raise ValueError("output of %d bytes for shape %s" % (len(payload), shape))
    if not len(payload):
        return torch.empty(shape, dtype=dtype)
    if dtype == torch.bool:  # a byte other than 0 and 1 is no bool
        return torch.frombuffer(payload, dtype=torch.uint8).reshape(shape) != 0
    return torch.frombuffer(payload, dtype=dtype).reshape(shape)


def distance(want, got):
    """Largest absolute difference. Unlike the reference's, it is NaN where one is NaN and the other is not, and 0 between equal infinities."""
    if want.is_complex() or got.is_complex():
        want, got = want.to(torch.complex64), got.to(torch.complex64)
    else:
        want, got = want.float(), got.float()
    same = (want == got) | (want.isnan() & got.isnan())
    return torch.where(same, 0.0, (want - got).abs()).max().item()


# --- the trusted half -------------------------------------------------------------------------------------------------


class Reference:
    """The state of one job in the trusted half."""

    def __init__(self, device):
        self.device, self.source = device, None

    def close(self):
        if self.source:
            self.source.remove()
        self.__init__(self.device)

    def failed(self, exc):
        """The verdict on an exception while checking."""
        if self.standard:
            return verdict(False, True, "check_correctness_error: %s" % exc)
        return verdict(False, False, outer_failure(exc))

    def open(self, job):
        """Runs the harness and builds its model. The reply has the constructor's arguments, or the verdict that already stands; a model that
        can't be built is told only once the candidate has been loaded, as the reference has it."""
        test = job["test"]
        self.source, self.worst, self.standard = Source(test), 0.0, test.endswith(STANDARD)
        try:
            self.harness = self.source.run()
        except Exception as e:
            return {"verdict": on_wire(verdict(False, False, outer_failure(e)))}, []
        if "Model" not in self.harness or "get_inputs" not in self.harness:
            return {"verdict": on_wire(verdict(False, False, "missing_model_or_inputs"))}, []
        if "check_correctness" in self.harness:
            return {"refused": "its own check_correctness would run inside the candidate's process"}, []
        try:
            seed_all(SEED)
            init_inputs = init_inputs_of(self.harness, self.standard)
            packed, payload, self.keep = pack(init_inputs)
            self.model = build(self.harness["Model"], init_inputs, self.device)
        except Exception as e:
            return {"standard": self.standard, "later": on_wire(self.failed(e))}, []
        return {"standard": self.standard, "init": packed}, payload

    def trial(self, job):
        """Makes a trial's inputs. What the reference makes of its own copies is computed while the candidate works."""
        torch.manual_seed(SEED + job["trial"])
        try:
            inputs = self.harness["get_inputs"]()
            packed, payload, self.keep = pack(inputs)
        except Exception as e:
            return {"verdict": on_wire(self.failed(e))}, []
        self.inputs = inputs
        return {"inputs": packed}, payload

    def expect(self):
        self.want, self.error = None, None
        self.keep = None
        try:
            with torch.no_grad():
                self.want = first(self.model(*to_device(self.inputs, self.device)))
                self.want.shape
        except Exception as e:
            self.error = on_wire(self.failed(e))
        self.inputs = None

    def compare(self, job, fd, length):
        """Compares a trial's output. Returns the verdict, None while there is none yet."""
        about = job["output"]
        same = not self.error and list(self.want.shape) == about["shape"]
        if not same or length > self.want.numel() * 16:  # the widest type has 16 bytes
            while length:
                length -= len(read_exact(fd, min(length, CHUNK)))
            if self.error:
                return self.error
            if same:
                return on_wire(self.failed(ValueError("output that is longer than its shape")))
            return on_wire(verdict(False, True, "shape_mismatch: %s vs %s" % (self.want.shape, torch.Size(about["shape"]))))
        payload = read_exact(fd, length)
        try:
            diff = distance(self.want, read_output(about, payload).to(self.device))
        except Exception as e:
            return on_wire(self.failed(e))
        self.worst = diff if math.isnan(diff) or math.isnan(self.worst) else max(self.worst, diff)
        return on_wire(final(self.worst)) if job["trial"] == TRIALS - 1 else None


def serve_reference(fd_in, fd_out, device):
    state = Reference(device)
    while True:
        job, length = read_frame(fd_in, payload=False)
        op = job["op"]
        if op == "open":
            state.close()
            reply, payload = state.open(job)
            write_frame(fd_out, reply, *payload)
        elif op == "trial":
            reply, payload = state.trial(job)
            write_frame(fd_out, reply, *payload)
            if "inputs" in reply:
                state.expect()
        elif op == "compare":
            result = state.compare(job, fd_in, length)
            write_frame(fd_out, {"verdict": result})
        elif op == "close":
            state.close()
            ok = healthy(device)
            write_frame(fd_out, {"corrupted": not ok})
            if not ok:
                return


# --- the candidate ----------------------------------------------------------------------------------------------------


def raised(exc):
    return {"raised": {"type": clip(type(exc).__name__), "message": clip(str(exc)), "trace": clip(traceback.format_exc())}}


def settle(device):
    if device == "cuda":
        torch.cuda.synchronize()


def be_candidate(fd_in, fd_out, device):
    """One candidate in a process of its own. Everything that it says is doubted by those who hear it."""
    ok = healthy(device)
    write_frame(fd_out, {"warm": ok})
    model = names = None
    while True:
        job, payload = read_frame(fd_in)
        op, reply, tail = job["op"], {}, ()
        try:
            if op == "load":
                names = Source(job["kernel"]).run()
                reply = {"has_class": "ModelNew" in names}
            elif op == "build":
                model = build(names["ModelNew"], unpack(job["init"], payload), device)
                settle(device)
            elif op == "run":
                inputs = to_device(unpack(job["inputs"], payload), device)
                with torch.no_grad():
                    out = first(model(*inputs))
                settle(device)
                out.shape
                if type(out) not in (torch.Tensor, torch.nn.Parameter):
                    raise TypeError("forward returned a %s, which is no torch.Tensor" % type(out).__name__)
                out = out.detach()
                if str(out.dtype)[6:] not in OUTPUTS:
                    out = out.float()
                out = out.cpu().resolve_conj().resolve_neg().contiguous()
                reply, tail = {"output": {"dtype": str(out.dtype)[6:], "shape": list(out.shape)}}, (tensor_bytes(out),)
        except Exception as e:
            reply, tail = raised(e), ()
        write_frame(fd_out, reply, *tail)


def libc_prctl(option, value):
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def loosen(remove, path, _):
    """Gives rights back that a candidate took, and tries again."""
    for p in (os.path.dirname(path), path):
        os.chmod(p, 0o700)
    remove(path)


class Nursery:
    """Forks candidates from a process that has torch loaded and no CUDA context (a context doesn't survive a fork), and clears up after them.

    It stands between a candidate and the outer world: a candidate has pipes to this process alone, which can't be traced or looked into
    (not dumpable) and which ends whatever the candidate leaves behind (orphans become its children)."""

    def __init__(self, fd_in, fd_out, device, scratch):
        self.fd_in, self.fd_out, self.device, self.scratch = fd_in, fd_out, device, scratch
        libc_prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
        libc_prctl(4, 0)  # PR_SET_DUMPABLE
        self.there = {name for top in scratch for name in os.listdir(top)}  # where the sandbox has mounts
        self.child = None
        self.fork()

    def fork(self):
        self.status = None
        down_read, down_write = os.pipe()
        up_read, up_write = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            try:
                for fd in (self.fd_in, self.fd_out, down_write, up_read):
                    os.close(fd)
                os.dup2(1, 2)  # nothing that it prints is read
                libc_prctl(4, 1)
                if self.scratch:
                    os.environ["TRITON_CACHE_DIR"] = tempfile.mkdtemp(dir=self.scratch[0])
                be_candidate(down_read, up_write, self.device)
            finally:
                os._exit(1)
        os.close(down_read)
        os.close(up_write)
        self.down, self.up, self.warm = down_write, up_read, None

    def clear(self):
        """Ends every descendant and empties the scratch directories. A crowd that outruns this ends with the whole sandbox."""
        os.close(self.down)
        os.close(self.up)
        deadline = time.monotonic() + 5
        while True:
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                break
            if time.monotonic() > deadline:
                os._exit(3)
            for pid in [-1] if ALONE else self.children():  # -1: everybody but this process, in one call that nobody outruns
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            time.sleep(0.001)
        for top in self.scratch:
            for name in set(os.listdir(top)) - self.there:
                path = os.path.join(top, name)
                try:
                    if os.path.isdir(path) and not os.path.islink(path):
                        shutil.rmtree(path, onerror=loosen)
                    else:
                        os.unlink(path)
                except Exception:
                    os._exit(3)

    def children(self):
        me = os.getpid()
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open("/proc/%s/stat" % entry, "rb") as f:
                        if int(f.read().rpartition(b")")[2].split()[1]) == me:
                            yield int(entry)
                except (OSError, IndexError, ValueError):
                    pass

    def ready(self):
        if self.warm is None:
            try:
                self.warm = bool(read_frame(self.up)[0].get("warm"))
            except Exception:
                self.warm = False
        return self.warm

    def relay(self, source, target, length):
        while length:
            data = os.read(source, min(length, CHUNK))
            if not data:
                raise Gone("payload cut short")
            write_all(target, data)
            length -= len(data)

    def forward(self, job, length):
        """Hands a frame to the candidate and its reply back. A payload that is cut short ends this server, and with it the sandbox."""
        text = json.dumps(job).encode()
        left = length
        try:
            write_all(self.down, PREFIX.pack(len(text), length) + text)
            while left:
                data = os.read(self.fd_in, min(left, CHUNK))
                if not data:
                    raise Gone("parent left")
                left -= len(data)
                write_all(self.down, data)
            self.await_reply()
            reply, size = read_frame(self.up, payload=False)
            if not isinstance(reply, dict):
                raise Gone("reply of another form")
        except (Gone, OSError, ValueError, RecursionError):
            while left:
                left -= len(read_exact(self.fd_in, min(left, CHUNK)))
            write_frame(self.fd_out, {"died": self.cause()})
            return
        text = json.dumps({"reply": reply}).encode()
        write_all(self.fd_out, PREFIX.pack(len(text), size) + text)
        self.relay(self.up, self.fd_out, size)

    def await_reply(self):
        """Waits for a reply or the candidate's end, which processes that it left behind would hide: they hold its pipe open."""
        while not select.select([self.up], [], [], 0.05)[0]:
            pid, status = os.waitpid(self.child, os.WNOHANG)
            if pid:
                self.status = status
                raise Gone("candidate ended")

    def cause(self):
        for _ in range(200):
            pid, status = (self.child, self.status) if self.status is not None else os.waitpid(self.child, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                return "exit status %d" % code if code >= 0 else "signal %d" % -code
            time.sleep(0.001)
        return "broken reply"

    def serve(self):
        while True:
            job, length = read_frame(self.fd_in, payload=False)
            if job["op"] == "begin":
                write_frame(self.fd_out, {"warm": self.ready()})
            elif job["op"] == "end":
                self.clear()
                self.fork()
            else:
                self.forward(job, length)


def main(role, device, scratch):
    fd_in, fd_out = take_standard_streams()
    global torch
    try:
        import torch

        try:
            import triton  # so that a fork has it
        except Exception:
            triton = None
        if device == "cpu":
            torch.set_num_threads(1)  # a pool of threads doesn't survive a fork
        hello = {"python": sys.version.split()[0], "torch": torch.__version__, "triton": getattr(triton, "__version__", None)}
        if device == "cuda" and role != "candidate":
            hello["devices"] = torch.cuda.device_count() if torch.cuda.is_available() else 0
            hello["name"] = torch.cuda.get_device_name(0) if hello["devices"] else None
            hello["healthy"] = hello["devices"] > 0 and healthy(device)
    except Exception as e:
        write_frame(fd_out, {"failed": clip("%s: %s" % (type(e).__name__, e))})
        return 1
    write_frame(fd_out, hello)
    try:
        if role == "whole":
            serve_whole(fd_in, fd_out, device)
        elif role == "reference":
            serve_reference(fd_in, fd_out, device)
        else:
            Nursery(fd_in, fd_out, device, scratch).serve()
    except (Gone, BrokenPipeError):
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
