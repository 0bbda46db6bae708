"""What a miner and a validator do with the Python SDK 11, against a node: python interop_sdk11.py ENDPOINT FOLDER.

The same steps and the same output as interop_sdk.py, with the rewritten SDK.
"""

import json
import os
import sys

endpoint, folder = sys.argv[1], sys.argv[2]
os.environ["HOME"] = folder
sys.argv = sys.argv[:1]

import bittensor as bt  # noqa: E402


def seed(n):
    """The Go tests' key(n)."""
    return "0x" + (bytes([n]) + b"node").ljust(32, b"\0").hex()


def wallet(hotkey, n):
    w = bt.Wallet(name="interop", hotkey=hotkey, path=folder)
    w.regenerate_hotkey(seed=seed(n), overwrite=True, suppress=True)
    w.regenerate_coldkey(seed=seed(100), use_password=False, overwrite=True, suppress=True)
    return w


def done(answer):
    return [bool(answer.success), str(answer.error or answer.message)]


validator, newcomer = wallet("validator", 1), wallet("newcomer", 50)
chain = bt.SyncClient(endpoint)
out = {"version": bt.__version__, "block": int(chain.block)}

metagraph = chain.read("metagraph", netuid=1)
out["hotkeys"] = list(metagraph["hotkeys"])
out["permits"] = [bool(p) for p in metagraph["validator_permit"]]
out["commit_reveal"] = bool(chain.read("commit_reveal_enabled", netuid=1))

info = {"fields": [[{"Raw18": b"written by the SDK"}]]}
out["commitment"] = done(chain.submit_call(bt.calls.Commitments.set_commitment(netuid=1, info=info), validator, signer="hotkey"))
out["read_back"] = str(chain.read("commitment", netuid=1, hotkey_ss58=validator.hotkey.ss58_address).data)
out["weights"] = done(chain.execute(bt.SetWeights(netuid=1, uids=[2, 3], weights=[1.0, 0.5]), validator))
out["served"] = done(chain.execute(bt.ServeAxon(netuid=1, ip="10.1.2.3", port=8091), validator))
# the intent BurnedRegister reads a storage item of runtimes after those recorded
register = bt.calls.SubtensorModule.burned_register(netuid=1, hotkey=newcomer.hotkey.ss58_address)
out["register"] = done(chain.submit_call(register, newcomer))
chain.close()
print(json.dumps(out))
