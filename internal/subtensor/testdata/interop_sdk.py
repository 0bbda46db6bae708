"""What a miner and a validator do with the Python SDK 9 or 10, against a node: python interop_sdk.py ENDPOINT FOLDER.

Reads the metagraph of subnet 1, sets a commitment, serves an axon and sets weights as the hotkey of UID 1. Prints one JSON object with
what it saw; the Go test compares it with the node's state.
"""

import json
import os
import sys

endpoint, folder = sys.argv[1], sys.argv[2]
os.environ["HOME"] = folder
sys.argv = sys.argv[:1]

import bittensor as bt  # noqa: E402
from bittensor_wallet import Keypair, Wallet  # noqa: E402


def seed(n):
    """The Go tests' key(n)."""
    return "0x" + (bytes([n]) + b"node").ljust(32, b"\0").hex()


def done(answer):
    """Whether a call succeeded, for all the forms in which the SDKs say it, with the reason."""
    if isinstance(answer, (bool, int)):
        return [bool(answer), ""]
    if isinstance(answer, tuple):
        return [bool(answer[0]), str(answer[1])]
    return [bool(answer.success), str(getattr(answer, "message", ""))]


wallet = Wallet(name="interop", hotkey="validator", path=folder)
wallet.set_hotkey(Keypair.create_from_seed(seed(1)), encrypt=False, overwrite=True)
wallet.set_coldkey(Keypair.create_from_seed(seed(100)), encrypt=False, overwrite=True)
wallet.set_coldkeypub(Keypair.create_from_seed(seed(100)), encrypt=False, overwrite=True)

Subtensor = getattr(bt, "Subtensor", None) or bt.subtensor
chain = Subtensor(network=endpoint)
out = {"version": bt.__version__, "block": int(chain.get_current_block())}

metagraph = chain.metagraph(1, lite=False)
out["hotkeys"] = list(metagraph.hotkeys)
out["stake"] = [float(s) for s in metagraph.S]
out["permits"] = [bool(p) for p in metagraph.validator_permit]
out["registered"] = bool(chain.is_hotkey_registered(hotkey_ss58=wallet.hotkey.ss58_address, netuid=1))
out["tempo"] = int(chain.tempo(1))
out["balance"] = float(chain.get_balance(wallet.coldkeypub.ss58_address))
hyper = chain.get_subnet_hyperparameters(1)
out["rate_limit"] = int(hyper.weights_rate_limit)
out["commit_reveal"] = bool(chain.commit_reveal_enabled(1))

if hasattr(chain, "set_commitment"):
    out["commitment"] = done(chain.set_commitment(wallet, 1, "written by the SDK"))
else:
    out["commitment"] = done(chain.commit(wallet, 1, "written by the SDK"))
out["read_back"] = chain.get_commitment(1, 1)

weights = done(chain.set_weights(wallet=wallet, netuid=1, uids=[2, 3], weights=[1.0, 0.5], wait_for_inclusion=True, wait_for_finalization=False))
out["weights"] = weights

axon = bt.Axon(wallet=wallet, ip="10.1.2.3", port=8091, external_ip="10.1.2.3", external_port=8091)
out["served"] = done(chain.serve_axon(1, axon))

other = Wallet(name="interop", hotkey="newcomer", path=folder)
other.set_hotkey(Keypair.create_from_seed(seed(50)), encrypt=False, overwrite=True)
other.set_coldkey(Keypair.create_from_seed(seed(100)), encrypt=False, overwrite=True)
other.set_coldkeypub(Keypair.create_from_seed(seed(100)), encrypt=False, overwrite=True)
out["register"] = done(chain.burned_register(other, 1))
out["newcomer"] = chain.get_uid_for_hotkey_on_subnet(other.hotkey.ss58_address, 1)
print(json.dumps(out))
