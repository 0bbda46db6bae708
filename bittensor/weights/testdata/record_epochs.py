"""Records when the SDK foresees that the chain reveals a commit, for the tests of package weights.

    python record_epochs.py epochs.json    # in an environment with bittensor-drand==2.0.0

bittensor-drand tells the drand round, which depends on the time. With blocks of 3 s, the period of drand, it is the round due before now
plus the blocks until the reveal plus 3: so the block can be told from it. A call during which a round became due is made again.
"""
import json
import random
import sys
import time

import bittensor_drand as drand

GENESIS = 1692803367


def first_reveal(state, period):
    while True:
        before = int((time.time() - GENESIS) // 3)
        _, round = drand.get_encrypted_commit_v2(
            uids=[1], weights=[65535], version_key=0, subnet_reveal_period_epochs=period, block_time=3.0, hotkey=bytes(32), **state)
        if int((time.time() - GENESIS) // 3) == before:
            return round - before - 3 + state["current_block"]


def case(rng):
    head = rng.randrange(1000, 10_000_000)
    state = {
        "last_epoch_block": head - rng.choice([0, 1, rng.randrange(1000)]) + rng.choice([0, 0, 5]),
        "pending_epoch_at": rng.choice([0, 0, head - 3, head + 1, head + rng.randrange(600)]),
        "subnet_epoch_index": rng.randrange(1 << 40),
        "tempo": rng.choice([1, 2, 10, 99, 360, 360, 7200, 50000, 65535]),
        "blocks_since_last_step": rng.choice([0, rng.randrange(400), rng.randrange(50_390, 50_410)]),
        "current_block": head,
    }
    period = rng.choice([0, 1, 1, 1, 2, 3, 10])
    try:
        return {"state": state, "period": period, "first": first_reveal(state, period), "error": ""}
    except ValueError as e:
        return {"state": state, "period": period, "first": 0, "error": str(e)[:80]}


rng = random.Random(11)
with open(sys.argv[1], "w") as f:
    json.dump({"sdk": "bittensor-drand 2.0.0", "cases": [case(rng) for _ in range(120)]}, f, indent=0)
