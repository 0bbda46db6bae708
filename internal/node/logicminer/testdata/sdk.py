"""The real SDK at one end of a LogicNet connection, with classes of the reference's fields, for the interop tests.

sdk.py dendrite PORT HOTKEY   reads JSON lines {"synapse", "fields", "timeout", "seed", "hotkey"} and queries the axon with each
sdk.py axon PORT FOLDER       serves both classes as a miner until its standard input ends
"""

import asyncio
import json
import sys
import typing

import bittensor as bt
from bittensor.core import axon as axon_module, dendrite as dendrite_module
from bittensor.core.chain_data import AxonInfo
from bittensor.core.synapse import Synapse
from bittensor.utils import networking
from pydantic import Field

networking.get_external_ip = lambda: "203.0.113.7"


class LogicSynapse(Synapse):
    logic_question: str = Field("", description="The question.")
    logic_answer: typing.Union[str, object] = Field("", description="The short final answer.")
    logic_reasoning: str = Field("", description="The steps.")
    raw_logic_question: str = Field("", description="The question before a persona rephrased it.")
    ground_truth_answer: typing.Union[str, object] = Field("", description="The truth.")
    category: str = Field("", description="One of the categories in the subnet.")
    timeout: int = Field(64, description="Seconds.")
    task_uid: str = Field("", description="The task.")


class Information(Synapse):
    request_dict: dict = Field({}, description="What is asked.")
    response_dict: dict = Field({}, description="What is answered.")


CLASSES = {c.__name__: c for c in (LogicSynapse, Information)}
BLOCKED = "0x" + "05" * 32


def keypair(seed):
    return bt.Keypair.create_from_seed(seed)


async def ask(port, hotkey):
    for text in sys.stdin:
        line = json.loads(text)
        d = dendrite_module.Dendrite(keypair(line["seed"]))
        target = AxonInfo(version=0, ip="127.0.0.1", port=port, ip_type=4, hotkey=line.get("hotkey") or hotkey, coldkey="")
        synapse = CLASSES[line["synapse"]](**(line["fields"] or {}))
        for _ in range(line.get("repeat") or 1):
            (reply,) = await d.forward([target], synapse.model_copy(), timeout=line["timeout"], deserialize=False)
        print(json.dumps({"state": reply.model_dump(), "success": reply.is_success}), flush=True)
        await d.aclose_session()


async def solve(synapse: LogicSynapse) -> LogicSynapse:
    question = synapse.logic_question
    if question == "raise":
        raise ValueError("secret")
    if question == "nothing":
        return None
    if question == "slow":
        await asyncio.sleep(5)
    synapse.logic_reasoning = "R:" + question
    synapse.logic_answer = {"number": 4, "list": ["4"]}.get(question, "4")
    if question == "overwrite":  # a miner that rewrites what it was asked
        synapse.task_uid, synapse.category, synapse.ground_truth_answer = "other", "other", "4"
    return synapse


def refuse(synapse: LogicSynapse) -> typing.Tuple[bool, str]:
    return synapse.dendrite.hotkey == keypair(BLOCKED).ss58_address, "Not enough stake"


async def inform(synapse: Information) -> Information:
    synapse.response_dict = {"epoch_volume": 512, "category": "Logic"}
    return synapse


def admit(synapse: Information) -> typing.Tuple[bool, str]:
    return False, "All passed!"


def serve(port, folder):
    wallet = bt.Wallet if hasattr(bt, "Wallet") else bt.wallet
    w = wallet(name="interop", hotkey="axon", path=folder)
    w.set_hotkey(keypair("0x" + "04" * 32), encrypt=False, overwrite=True)
    w.set_coldkey(keypair("0x" + "03" * 32), encrypt=False, overwrite=True)
    a = axon_module.Axon(wallet=w, port=port, ip="127.0.0.1", external_ip="127.0.0.1", external_port=port)
    a.attach(forward_fn=solve, blacklist_fn=refuse)
    a.attach(forward_fn=inform, blacklist_fn=admit)
    a.start()
    print(json.dumps({"hotkey": w.hotkey.ss58_address}), flush=True)
    sys.stdin.read()
    a.stop()


if sys.argv[1] == "dendrite":
    asyncio.run(ask(int(sys.argv[2]), sys.argv[3]))
else:
    serve(int(sys.argv[2]), sys.argv[3])
