"""Trains a language model with PyTorch: the worker behind the engine `torch` of internal/engine.

    python torch_train.py launch OPTIONS    what is started: becomes the worker, or torchrun with one worker a process
    python torch_train.py work OPTIONS      a worker

OPTIONS is a JSON object: processes, device, threads. Rank 0 answers commands on its standard input and output and broadcasts them to the other ranks. A frame is: length of
the header (4 bytes, big endian), length of the payload (8 bytes), a JSON object, the payload: little-endian arrays, one after the other. What libraries
print goes to standard error.

The loss is not known here. `score` tells log-probabilities and entropies of completions; `backward` takes the derivatives of the loss by them and adds to
the gradient; `step` makes an AdamW step. Sequences of a micro-batch are dealt to the ranks, and gradients are added up over ranks, not averaged: with any
number of processes a step is that of one.

Two ways to hold a model:

sharded     FSDP2: each rank holds a part of the f32 masters, moments and gradients, and gathers a layer when it computes it, in bf16 unless told otherwise.
            The way of GPUs. An error in the middle of a collective can't be taken back: it ends the worker.
replicated  each rank holds everything and the gradients are added up in a step. The way of CPUs, in f32.

Either way, weights that are stored in 16 bits are computed with as they would be stored, so that log-probabilities are those of the published model; steps
change the f32 masters. Padding stands right of the tokens, where causal attention never looks.
"""
from __future__ import annotations

import ctypes
import datetime
import importlib.util
import json
import os
import signal
import struct
import sys
import threading
import time
import traceback

MAX_HEADER = 4 << 20
MAX_PAYLOAD = 1 << 32
PREFIX = struct.Struct(">IQ")
NEEDED = ("torch", "transformers", "safetensors", "numpy")


class Gone(Exception):
    """The other end of a pipe has closed it."""


# --- frames -----------------------------------------------------------------------------------------------------------


def read_exact(fd, n):
    out = bytearray(n)
    view = memoryview(out)
    while view:
        got = os.readv(fd, [view[: 1 << 26]])
        if not got:
            raise Gone("pipe closed")
        view = view[got:]
    return out


def write_all(fd, data):
    view = memoryview(data).cast("B")
    while view:
        view = view[os.write(fd, view[: 1 << 26]):]


def read_frame(fd):
    size, length = PREFIX.unpack(read_exact(fd, PREFIX.size))
    if size > MAX_HEADER or length > MAX_PAYLOAD:
        raise Gone("frame of %d and %d bytes" % (size, length))
    return json.loads(bytes(read_exact(fd, size))), read_exact(fd, length)


def write_frame(fd, header, payload=b""):
    text = json.dumps(header).encode()
    write_all(fd, PREFIX.pack(len(text), len(payload)) + text)
    write_all(fd, payload)


def kind_of(e):
    """What an exception means for the caller."""
    if hasattr(e, "kind"):
        return e.kind
    text = str(e)
    if isinstance(e, MemoryError) or "out of memory" in text.lower() or "can't allocate memory" in text:
        return "memory"
    return "internal"


def describe(e):
    text = str(e) if hasattr(e, "kind") else "%s: %s" % (type(e).__name__, e)
    return {"kind": kind_of(e), "text": text if len(text) <= 4000 else text[:2000] + " ... " + text[-2000:]}


# --- processes --------------------------------------------------------------------------------------------------------


def die_with_parent():
    """Ends this process when its parent ends, however that happens."""
    parent = os.getppid()
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def take_streams(rank):
    """Moves the protocol away from descriptors 0 and 1, so that no print can disturb it. Returns (in, out), of rank 0 only."""
    fds = (os.dup(0), os.dup(1)) if rank == 0 else (-1, -1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return fds


def launch(text):
    missing = [m for m in NEEDED if importlib.util.find_spec(m) is None]
    if missing:
        write_frame(1, {"error": {"kind": "missing", "text": "%s has no %s" % (sys.executable, ", ".join(missing))}})
        return 1
    options = json.loads(text)
    n = options["processes"]
    if options.get("device") not in ("", None, "cpu", "cuda"):
        write_frame(1, {"error": {"kind": "missing", "text": "device %r is not known, want cuda or cpu" % options["device"]}})
        return 1
    if n == 1:
        return work(text)
    if os.path.exists("/sys/class/net/lo"):  # all ranks are on this machine
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        os.environ.setdefault("NCCL_SOCKET_IFNAME", "lo")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # torchrun would say that it sets it
    from torch.distributed.run import main

    main(["--nnodes", "1", "--nproc-per-node", str(n), "--max-restarts", "0", "--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0",
          "--rdzv-id", "nanteos-%d" % os.getpid(), "--local-addr", "127.0.0.1", os.path.abspath(__file__), "work", text])
    return 0


def work(text):
    rank = int(os.environ.get("RANK", "0"))
    if "TORCHELASTIC_RUN_ID" in os.environ:
        die_with_parent()
    fd_in, fd_out = take_streams(rank)
    try:
        worker = Worker(json.loads(text), rank)
    except Exception as e:
        traceback.print_exc()
        if rank == 0:
            write_frame(fd_out, {"error": describe(e)})
        return 1
    try:
        if rank == 0:
            write_frame(fd_out, worker.hello())
        return worker.serve(fd_in, fd_out)
    except (Gone, BrokenPipeError):
        return 0


class Worker:
    """One rank: takes commands, in step with the other ranks."""

    def __init__(self, options, rank):
        os.environ["HF_HUB_OFFLINE"] = "1"
        sys.modules["sklearn"] = None  # transformers would take seconds to import it, for a way to generate
        global torch, dist, Refused, Trainer
        import torch
        import torch.distributed as dist

        from torch_model import Refused, Trainer

        self.options, self.rank, self.world = options, rank, options["processes"]
        self.trainer = None
        torch.set_num_threads(options.get("threads") or max(1, (os.cpu_count() or 1) // self.world))
        device = options.get("device") or ("cuda" if torch.cuda.is_available() else "cpu")
        if device == "cuda":
            if not torch.cuda.is_available():
                raise Refused("missing", "PyTorch %s sees no CUDA device" % torch.__version__)
            if torch.cuda.device_count() < self.world:
                raise Refused("missing", "%d processes need a GPU each, PyTorch sees %d" % (self.world, torch.cuda.device_count()))
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(self.device)
        else:
            self.device = torch.device("cpu")
        forever = datetime.timedelta(days=365)  # between two commands; those who wait for a command have deadlines of their own
        if self.world > 1:
            dist.init_process_group("cpu:gloo,cuda:nccl" if device == "cuda" else "gloo", timeout=forever)
        elif device == "cuda":
            dist.init_process_group("cpu:gloo,cuda:nccl", store=dist.HashStore(), rank=0, world_size=1, timeout=forever)

    def hello(self):
        import transformers

        transformers.logging.set_verbosity_error()
        return {"torch": torch.__version__, "transformers": transformers.__version__, "python": sys.version.split()[0], "device": str(self.device.type),
                "name": torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu", "processes": self.world, "pid": os.getpid()}

    # Bytes travel as tensors on the CPU, through gloo.

    def broadcast(self, data):
        """Gives every rank what rank 0 has."""
        if self.world == 1:
            return data
        size = torch.tensor([len(data) if self.rank == 0 else 0])
        dist.broadcast(size, 0)
        if size.item() == 0:
            return bytearray()
        t = torch.frombuffer(bytearray(data), dtype=torch.uint8) if self.rank == 0 else torch.empty(size.item(), dtype=torch.uint8)
        dist.broadcast(t, 0)
        return bytearray(t.numpy().tobytes())

    def gather(self, data):
        """Gives every rank what each rank has, in their order."""
        if self.world == 1:
            return [data]
        sizes = [torch.zeros(1, dtype=torch.int64) for _ in range(self.world)]
        dist.all_gather(sizes, torch.tensor([len(data)]))
        most = max(1, max(s.item() for s in sizes))
        mine = torch.zeros(most, dtype=torch.uint8)
        if data:
            mine[: len(data)] = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        parts = [torch.empty(most, dtype=torch.uint8) for _ in range(self.world)]
        dist.all_gather(parts, mine)
        return [p.numpy().tobytes()[: s.item()] for p, s in zip(parts, sizes)]

    def serve(self, fd_in, fd_out):
        while True:
            text, payload = b"", b""
            if self.rank == 0:
                try:
                    header, payload = read_frame(fd_in)
                except Gone:
                    header = {"op": "stop"}
                text = json.dumps(header).encode()
            header, payload = json.loads(bytes(self.broadcast(text))), self.broadcast(payload)
            if header["op"] == "stop":
                return 0
            status, reply, part, finish = None, {}, b"", None
            try:
                reply, part, finish = self.do(header, payload)
            except Exception as e:
                traceback.print_exc()
                status = describe(e)
                if self.fatal(header["op"], e):
                    print("nanteos: rank %d: %s: %s" % (self.rank, status["kind"], status["text"]), file=sys.stderr, flush=True)
                    if self.rank == 0:
                        write_frame(fd_out, {"error": dict(status, fatal=True)})
                    os._exit(3)
            # Each rank learns how it went with the others.
            results = [r.split(b"\n", 1) for r in self.gather(json.dumps(status).encode() + b"\n" + part)]
            failed = [(rank, json.loads(text)) for rank, (text, _) in enumerate(results) if text != b"null"]
            if failed and self.trainer is not None:
                self.trainer.forget()
            if self.rank > 0:
                continue
            if failed:
                rank, first = failed[0]
                if self.world > 1 and first["kind"] in ("memory", "internal"):
                    first["text"] = "rank %d: %s" % (rank, first["text"])
                write_frame(fd_out, {"error": first})
            else:
                write_frame(fd_out, reply, finish([p for _, p in results]) if finish else b"")

    def fatal(self, op, e):
        """Whether an error can't be taken back: others may wait in a collective that this rank left, or the weights are half of one kind."""
        if isinstance(e, Refused) or self.trainer is None:
            return False
        return op in ("step", "load_state") or self.trainer.sharded and op in ("score", "backward")

    def do(self, header, payload):
        op = header["op"]
        if op == "open":
            self.trainer = None
            self.trainer = Trainer(self, header["dir"], header["options"])
            return self.trainer.info(), b"", None
        if self.trainer is None:
            raise Refused("input", "no model is open")
        if op not in ("score", "backward", "step", "save", "save_state", "load_state"):
            raise Refused("input", "there is no command %r" % op)
        return getattr(self.trainer, "op_" + op)(header, payload)


if __name__ == "__main__":
    sys.exit({"launch": launch, "work": work}[sys.argv[1]](sys.argv[2]))
