"""The real SDK at one end of a connection, for the interop tests.

sdk.py dendrite PORT HOTKEY   reads JSON lines {"synapse", "fields", "timeout", "seed", "hotkey"} and queries the axon with each
sdk.py axon PORT FOLDER       serves until its standard input ends
"""

import asyncio
import json
import sys
import typing

import bittensor as bt
from bittensor.core import axon as axon_module, dendrite as dendrite_module, stream
from bittensor.core.chain_data import AxonInfo
from bittensor.core.synapse import Synapse
from bittensor.utils import networking

networking.get_external_ip = lambda: "203.0.113.7"


class LogicSynapse(Synapse):
    logic_question: str = ""
    logic_answer: typing.Any = ""
    logic_reasoning: str = ""
    raw_logic_question: str = ""
    ground_truth_answer: typing.Any = ""
    category: str = ""
    task_uid: str = ""
    timeout: int = 64


class Summed(Synapse):
    terms: list[int]
    scale: float
    label: str
    options: dict = {}
    result: float = 0.0
    required_hash_fields: typing.ClassVar[tuple[str, ...]] = ("label", "terms", "scale", "options")


class Slow(Synapse):
    seconds: float = 0.0


class Absent(Synapse):
    pass


class Counted(bt.StreamingSynapse):
    upto: int = 0
    text: str = ""

    async def process_streaming_response(self, response):
        async for chunk in response.content.iter_any():
            self.text += chunk.decode()
            yield chunk.decode()

    def extract_response_json(self, response):
        return {"name": "Counted", "text": self.text, "upto": self.upto, "timeout": self.timeout}

    def deserialize(self):
        return self


CLASSES = {c.__name__: c for c in (LogicSynapse, Summed, Slow, Absent, Counted, Synapse)}


def keypair(seed):
    return bt.Keypair.create_from_seed(seed)


async def query(d, target, line):
    synapse = CLASSES[line["synapse"]](**(line["fields"] or {}))
    if isinstance(synapse, Counted):
        pieces = []
        last = None
        async for piece in d.call_stream(target, synapse, timeout=line["timeout"], deserialize=False):
            if isinstance(piece, str):
                pieces.append(piece)
            else:
                last = piece
        return {"pieces": "".join(pieces), "state": last.model_dump()}
    (reply,) = await d.forward([target], synapse, timeout=line["timeout"], deserialize=False)
    return {"state": reply.model_dump(), "success": reply.is_success}


async def run_dendrite(port, hotkey):
    for text in sys.stdin:
        line = json.loads(text)
        d = dendrite_module.Dendrite(keypair(line["seed"]))
        target = AxonInfo(version=0, ip="127.0.0.1", port=port, ip_type=4, hotkey=line.get("hotkey") or hotkey, coldkey="")
        for _ in range(line.get("repeat", 1)):
            result = await query(d, target, line)
        print(json.dumps(result), flush=True)
        await d.aclose_session()


def logic(synapse: LogicSynapse) -> LogicSynapse:
    if synapse.logic_question == "raise":
        raise ValueError("secret")
    synapse.logic_reasoning = "R:" + synapse.logic_question
    synapse.logic_answer = "4"
    return synapse


def logic_blacklist(synapse: LogicSynapse) -> typing.Tuple[bool, str]:
    return synapse.dendrite.hotkey == BLOCKED, "blocked"


def summed(synapse: Summed) -> Summed:
    synapse.result = sum(synapse.terms) * synapse.scale
    return synapse


async def slow(synapse: Slow) -> Slow:
    await asyncio.sleep(synapse.seconds)
    return synapse


def counted(synapse: Counted) -> stream.StreamingSynapse.BTStreamingResponse:
    async def pieces(send):
        for i in range(synapse.upto):
            await send({"type": "http.response.body", "body": f"{i} ".encode(), "more_body": True})
            await asyncio.sleep(0.01)

    return synapse.create_streaming_response(pieces)


BLOCKED = keypair("0x" + "05" * 32).ss58_address


def run_axon(port, folder):
    wallet = bt.Wallet if hasattr(bt, "Wallet") else bt.wallet
    w = wallet(name="interop", hotkey="axon", path=folder)
    w.set_hotkey(keypair("0x" + "04" * 32), encrypt=False, overwrite=True)
    w.set_coldkey(keypair("0x" + "03" * 32), encrypt=False, overwrite=True)
    a = axon_module.Axon(wallet=w, port=port, ip="127.0.0.1", external_ip="127.0.0.1", external_port=port)
    a.attach(forward_fn=logic, blacklist_fn=logic_blacklist)
    a.attach(forward_fn=summed)
    a.attach(forward_fn=slow)
    a.attach(forward_fn=counted)
    a.start()
    print(json.dumps({"hotkey": w.hotkey.ss58_address}), flush=True)
    sys.stdin.read()
    a.stop()


if sys.argv[1] == "dendrite":
    asyncio.run(run_dendrite(int(sys.argv[2]), sys.argv[3]))
else:
    run_axon(int(sys.argv[2]), sys.argv[3])
