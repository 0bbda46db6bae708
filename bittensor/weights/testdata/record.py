"""Records what the Python SDK makes of weights, for the tests of package weights.

    python record.py sdk10.json    # in an environment with bittensor==10.5.0

The SDK logs to the standard output, hence the file. Floats are printed so that they read back to the same bits.
"""
import json
import random
import sys

import numpy as np

target = sys.argv.pop(1)
from bittensor.utils import weight_utils as wu


class Chain:
    def __init__(self, least, limit):
        self.least, self.limit = least, limit

    def min_allowed_weights(self, netuid):
        return self.least

    def max_weight_limit(self, netuid):
        return self.limit


class Graph:
    def __init__(self, n):
        self.n = n


def case(rng):
    n = rng.choice([1, 2, 3, 5, 8, 9, 16, 37, 64, 130, 256, 300])
    kind = rng.randrange(4)
    weights = []
    for _ in range(n):
        v = rng.random()
        if kind == 1:
            v = v ** 12
        elif kind == 2:
            v = rng.choice([0.0, 0.0, 0.0, v])
        elif kind == 3:
            v = rng.choice([0.25, 0.5, 1.0])
        weights.append(round(v, 5))
    limit = rng.choice([0, 1, 300, 2000, 6553, 20000, 32768, 65535, int(65535 * min(1, rng.uniform(1, 4) / n))]) / 65535
    least = rng.choice([0, 1, n // 2, n, n + 1, rng.randrange(n + 1)])
    quantile = rng.choice([0, 0, 1000, 16384, 32768, 50000, 65535])
    uids = list(range(n))
    out_uids, out = wu.process_weights_for_netuid(
        np.array(uids), np.array(weights), 1, Chain(least, limit), Graph(n), quantile)
    emit_uids, emit = wu.convert_weights_and_uids_for_emit(out_uids, np.array(out, dtype=np.float32))
    return {
        "weights": weights, "min_allowed": least, "max_weight": limit, "quantile": quantile,
        "out_uids": [int(u) for u in out_uids], "out": [float(v) for v in out],
        "emit_uids": emit_uids, "emit": emit,
    }


rng = random.Random(7)
cases = [case(rng) for _ in range(100)]
with open(target, "w") as f:
    json.dump({"sdk": "bittensor 10.5.0, numpy " + np.__version__, "cases": cases}, f)
