"""Times llama.cpp for package bench.

Usage: llamacpp.py FOLDER_OF_SHARED_OBJECTS MODEL.gguf THREADS

Reads one command a line and answers each with one line of JSON:

    prefill N          process N tokens in an empty context, logits of the last one
    decode B N STEPS   B sequences of N tokens each (not timed), then STEPS tokens for each of them, logits of all
    quit

It needs nothing but the standard library. The parameter structs of llama.h grow with almost every release; only their beginnings are
stable, so they are passed as larger opaque blocks that the library itself filled with its defaults.
"""

import ctypes
import glob
import json
import os
import sys
import time

VOCABULARY = 49152
BLOCK = 512  # bytes; more than any parameter struct so far


class Params(ctypes.Structure):
    # The first four fields of llama_context_params: n_ctx, n_batch, n_ubatch, n_seq_max.
    _fields_ = [("head", ctypes.c_uint32 * 4), ("rest", ctypes.c_uint8 * (BLOCK - 16))]


class Batch(ctypes.Structure):
    _fields_ = [
        ("n_tokens", ctypes.c_int32),
        ("token", ctypes.POINTER(ctypes.c_int32)),
        ("embd", ctypes.c_void_p),
        ("pos", ctypes.POINTER(ctypes.c_int32)),
        ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    ]


def find(folder, name):
    found = sorted(glob.glob(os.path.join(folder, name)))
    if not found:
        sys.exit(f"no {name} in {folder}")
    return ctypes.CDLL(found[0], mode=ctypes.RTLD_GLOBAL)


def resident():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Llama:
    def __init__(self, folder, path, threads):
        find(folder, "libggml-base*.so*")
        ggml, lib = find(folder, "libggml.*so*"), find(folder, "libllama.*so*")
        ggml.ggml_backend_load_all_from_path.argtypes = [ctypes.c_char_p]
        self.lib, self.threads = lib, threads
        self.quiet = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(self.log)
        lib.llama_log_set(self.quiet, None)
        ggml.ggml_backend_load_all_from_path(os.fsencode(folder))
        lib.llama_backend_init()
        for name in ("llama_model_default_params", "llama_context_default_params"):
            getattr(lib, name).restype = Params
        lib.llama_model_load_from_file.argtypes = [ctypes.c_char_p, Params]
        lib.llama_model_load_from_file.restype = ctypes.c_void_p
        lib.llama_init_from_model.argtypes = [ctypes.c_void_p, Params]
        lib.llama_init_from_model.restype = ctypes.c_void_p
        lib.llama_set_n_threads.argtypes = [ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32]
        lib.llama_decode.argtypes = [ctypes.c_void_p, Batch]
        lib.llama_batch_init.argtypes = [ctypes.c_int32] * 3
        lib.llama_batch_init.restype = Batch
        lib.llama_free.argtypes = [ctypes.c_void_p]
        lib.llama_get_logits_ith.argtypes = [ctypes.c_void_p, ctypes.c_int32]
        lib.llama_get_logits_ith.restype = ctypes.POINTER(ctypes.c_float)
        lib.llama_print_system_info.restype = ctypes.c_char_p
        self.model = lib.llama_model_load_from_file(os.fsencode(path), lib.llama_model_default_params())
        if not self.model:
            sys.exit(f"llama.cpp couldn't load {path}: {self.last}")
        self.batch = lib.llama_batch_init(2048, 0, 1)

    last = b""

    def log(self, level, text, _):
        if level >= 3:
            self.last = text

    def context(self, positions, sequences):
        p = self.lib.llama_context_default_params()
        p.head[0], p.head[1], p.head[2], p.head[3] = positions * sequences, 2048, 512, sequences
        c = self.lib.llama_init_from_model(self.model, p)
        if not c:
            sys.exit(f"llama.cpp couldn't make a context: {self.last}")
        self.lib.llama_set_n_threads(c, self.threads, self.threads)
        return c

    def run(self, context, rows):
        """rows are (token, position, sequence, wants logits)."""
        for i, (token, pos, seq, logits) in enumerate(rows):
            self.batch.token[i], self.batch.pos[i], self.batch.logits[i] = token, pos, logits
            self.batch.n_seq_id[i] = 1
            self.batch.seq_id[i][0] = seq
        self.batch.n_tokens = len(rows)
        if self.lib.llama_decode(context, self.batch) != 0:
            sys.exit(f"llama_decode failed: {self.last}")
        return self.lib.llama_get_logits_ith(context, len(rows) - 1)  # waits for the result

    def prefill(self, n):
        c = self.context(n + 32, 1)
        rows = [(token(i), i, 0, i == n - 1) for i in range(n)]
        begin = time.perf_counter()
        logits = self.run(c, rows)
        seconds = time.perf_counter() - begin
        best = max(range(VOCABULARY), key=logits.__getitem__)
        self.lib.llama_free(c)
        return {"seconds": seconds, "best": best}

    def decode(self, b, n, steps):
        c = self.context(n + steps + 32, b)
        for s in range(b):
            self.run(c, [(token(i), i, s, i == n - 1) for i in range(n)])
        begin = time.perf_counter()
        for k in range(steps):
            self.run(c, [(token(n + k), n + k, s, 1) for s in range(b)])
        seconds = time.perf_counter() - begin
        memory = resident()
        self.lib.llama_free(c)
        return {"seconds": seconds, "resident": memory}


def token(i):
    return (i * 7919 + 13) % VOCABULARY


def main():
    engine = Llama(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    print(json.dumps({"ready": "llama.cpp, " + engine.lib.llama_print_system_info().decode().strip()}), flush=True)
    for line in sys.stdin:
        command, *args = line.split()
        if command == "quit":
            break
        print(json.dumps(getattr(engine, command)(*map(int, args))), flush=True)


main()
