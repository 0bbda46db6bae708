"""Records what version 11 of the Python SDK makes of weights, for the tests of package weights.

    python record11.py sdk11.json    # in an environment with bittensor==11.3.0, Python before 3.12

From Python 3.12 on, sum() compensates for rounding; the last bits of clipped weights then differ.
"""
import json
import random
import sys

from bittensor.intents.weights import clip_to_max_weight, normalize


def case(rng):
    n = rng.choice([1, 2, 3, 5, 16, 64, 130, 256])
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
        weights.append(round(v, 6))
    limit = rng.choice([0, 1, 300, 2000, 6553, 20000, 32768, 65534, 65535, int(65535 * min(1, rng.uniform(1, 4) / n))])
    clipped = weights
    if limit < 65535 and sum(weights) > 0:
        clipped = clip_to_max_weight(weights, limit / 65535)
    uids, values = normalize(list(range(n)), clipped)
    return {"weights": weights, "limit": limit, "clipped": clipped, "uids": uids, "values": values}


rng = random.Random(13)
with open(sys.argv[1], "w") as f:
    json.dump({"sdk": "bittensor 11.3.0", "cases": [case(rng) for _ in range(100)]}, f)
