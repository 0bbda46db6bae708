"""The way of the reference with a patch of version 3.1, step by step: compare, sort, differences, zstd; and back.

Usage: reference.py BASE NOW LAYOUT PATCH. BASE and NOW are the bfloat16 numbers of all tensors, LAYOUT is JSON [[name, [rows, columns]], ...] in order of names.
Each line of input is one round; the answer is one line of JSON with the seconds of each step. The patch is written to PATCH.
"""

import json
import struct
import sys
import time

import numpy as np
import torch
import xxhash
import zstandard

torch.set_num_threads(2)


def load(path, layout):
    raw = torch.from_file(path, size=sum(np.prod(s) for _, s in layout), dtype=torch.bfloat16).clone()
    state, at = {}, 0
    for name, shape in layout:
        n = int(np.prod(shape))
        state[name] = raw[at : at + n].view(*shape)
        at += n
    return state


def compute(base, now):
    delta = {}
    for name, new in now.items():
        matrix = new.view(new.shape[0], -1)
        rows, cols = (matrix != base[name].view(new.shape[0], -1)).nonzero(as_tuple=True)
        if len(rows):
            delta[name] = (list(new.shape), rows.to(torch.int32), cols.to(torch.int32), matrix[rows, cols])
    return delta


def narrow(x, kinds):
    low, high = int(x.min()), int(x.max())
    for kind in kinds:
        if low >= 0 and high <= np.iinfo(kind).max:
            return x.astype(kind)
    return x


def encode(delta):
    blocks, tensors, at = [], [], 0
    for name in sorted(delta):
        shape, rows, cols, values = delta[name]
        rows, cols, values = rows.numpy(), cols.numpy(), values.view(torch.int16).numpy()
        order = np.lexsort((cols, rows))
        rows, cols, values = rows[order], cols[order], values[order]
        steps = np.diff(rows, prepend=np.int32(0)).astype(np.int32)
        starts = steps != 0
        starts[0] = True
        within = np.where(starts, cols, np.diff(cols, prepend=np.int32(0))).astype(np.int32)
        steps, within = narrow(steps, [np.uint8, np.uint16]), narrow(within, [np.uint16])
        parts = [steps.tobytes(), within.tobytes(), values.tobytes()]
        sizes = [len(p) for p in parts]
        tensors.append({
            "name": name, "shape": shape, "num_nonzero": len(values), "value_dtype": "bfloat16", "row_dtype": str(steps.dtype), "col_dtype": str(within.dtype),
            "indices_offset": at, "indices_size": sizes[0] + sizes[1], "rows_size": sizes[0], "cols_size": sizes[1],
            "values_offset": at + sizes[0] + sizes[1], "values_size": sizes[2],
        })
        at += sum(sizes)
        blocks += parts
    header = json.dumps({"version": 31, "tensors": tensors}, separators=(",", ":")).encode()
    return zstandard.ZstdCompressor(level=1).compress(struct.pack("<I", len(header)) + header + b"".join(blocks))


def decode(blob):
    payload = zstandard.ZstdDecompressor().decompress(blob)
    (n,) = struct.unpack_from("<I", payload)
    delta = {}
    for e in json.loads(payload[4 : 4 + n])["tensors"]:
        at = 4 + n + e["indices_offset"]
        steps = np.frombuffer(payload[at : at + e["rows_size"]], e["row_dtype"]).astype(np.int32)
        within = np.frombuffer(payload[at + e["rows_size"] : at + e["indices_size"]], e["col_dtype"]).astype(np.int32)
        at = 4 + n + e["values_offset"]
        values = np.frombuffer(payload[at : at + e["values_size"]], np.int16).copy()
        starts = steps != 0
        starts[0] = True
        sums = np.cumsum(within, dtype=np.int32)
        places = np.nonzero(starts)[0]
        before = np.repeat(sums[places] - within[places], np.diff(np.append(places, len(within))))
        rows = np.cumsum(steps, dtype=np.int32)
        delta[e["name"]] = (e["shape"], torch.from_numpy(rows), torch.from_numpy(sums - before), torch.from_numpy(values).view(torch.bfloat16))
    return delta


def apply(base, delta):
    out = {}
    for name, old in base.items():
        new = old.clone()
        if name in delta:
            _, rows, cols, values = delta[name]
            new.view(new.shape[0], -1)[rows.long(), cols.long()] = values
        out[name] = new
    return out


def digest(state):
    h = xxhash.xxh3_128()
    for name in sorted(state):
        h.update(state[name].contiguous().view(torch.uint8).numpy())
    return h.hexdigest()


def main():
    base_path, now_path, layout_path, patch_path = sys.argv[1:]
    with open(layout_path) as f:
        layout = json.load(f)
    base, now = load(base_path, layout), load(now_path, layout)
    xor = (np.fromfile(base_path, np.uint64) ^ np.fromfile(now_path, np.uint64)).tobytes()
    size = len(zstandard.ZstdCompressor(level=1).compress(xor))
    del xor
    print(json.dumps({"ready": f"torch {torch.__version__}, numpy {np.__version__}, zstandard {zstandard.__version__}", "xor": size}), flush=True)
    for _ in sys.stdin:
        seconds = {}

        def timed(step, f, *args):
            begin = time.perf_counter()
            result = f(*args)
            seconds[step] = time.perf_counter() - begin
            return result

        delta = timed("compute", compute, base, now)
        blob = timed("encode", encode, delta)
        with open(patch_path, "wb") as f:
            f.write(blob)
        back = timed("decode", decode, blob)
        new = timed("apply", apply, base, back)
        name = timed("hash", digest, new)
        del delta, back, new
        print(json.dumps({"seconds": seconds, "bytes": len(blob), "hash": name}), flush=True)


main()
