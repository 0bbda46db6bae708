"""The SDK's axon with an instant handler behind LogicNet's classes, for the benchmark. It serves until its standard input ends.

axon.py PORT FOLDER SEED
"""

import json
import sys
import typing

import bittensor as bt
from bittensor.core import axon as axon_module
from bittensor.core.synapse import Synapse
from bittensor.utils import networking

networking.get_external_ip = lambda: "203.0.113.7"


class LogicSynapse(Synapse):
    logic_question: str = ""
    logic_answer: typing.Union[str, object] = ""
    logic_reasoning: str = ""
    raw_logic_question: str = ""
    ground_truth_answer: typing.Union[str, object] = ""
    category: str = ""
    timeout: int = 64
    task_uid: str = ""


class Information(Synapse):
    request_dict: dict = {}
    response_dict: dict = {}


async def inform(synapse: Information) -> Information:
    synapse.response_dict = {"epoch_volume": 512, "category": "Logic"}
    return synapse


def welcome(synapse: Information) -> typing.Tuple[bool, str]:
    return False, "All passed!"


async def solve(synapse: LogicSynapse) -> LogicSynapse:
    synapse.logic_answer = "4"
    synapse.logic_reasoning = "2 + 2 = 4"
    return synapse


def admit(synapse: LogicSynapse) -> typing.Tuple[bool, str]:
    return False, "All passed!"


wallet = (bt.Wallet if hasattr(bt, "Wallet") else bt.wallet)(name="bench", hotkey="axon", path=sys.argv[2])
wallet.set_hotkey(bt.Keypair.create_from_seed(sys.argv[3]), encrypt=False, overwrite=True)
wallet.set_coldkey(bt.Keypair.create_from_seed("0x" + "03" * 32), encrypt=False, overwrite=True)
a = axon_module.Axon(wallet=wallet, port=int(sys.argv[1]), ip="127.0.0.1", external_ip="127.0.0.1", external_port=int(sys.argv[1]))
a.attach(forward_fn=solve, blacklist_fn=admit)
a.attach(forward_fn=inform, blacklist_fn=welcome)
a.start()
print(json.dumps({"address": f"127.0.0.1:{sys.argv[1]}", "hotkey": wallet.hotkey.ss58_address, "version": bt.__version__}), flush=True)
sys.stdin.read()
a.stop()
