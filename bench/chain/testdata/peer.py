"""The Python side of the comparison in package bench/chain: the SDK's own code on the same vectors, without a network.

    python peer.py sdk|bt-decode|scalecodec FOLDER

FOLDER holds the golden vectors. The program prints a line of JSON with the versions of what it measures, reads lines with the name of a
measurement and answers each with a line {"seconds": per operation, "check": a digest of what came out}, or {} where it has no such
thing. "sdk" is the stack of bittensor 10: async-substrate-interface with cyscale, and bittensor-wallet. "bt-decode" is the decoder in Rust
that the SDK's version 9 called, "scalecodec" the Python package from which it had its addresses. Each needs its packages only.
"""
import gzip
import hashlib
import json
import os
import sys
import time
from importlib.metadata import version

answers = os.fdopen(os.dup(1), "w")
sys.stdout = sys.stderr  # the SDK logs to the standard output
which, folder = sys.argv[1:3]
sys.argv = sys.argv[:1]  # the SDK reads the arguments

GENESIS = "0x2f0555cc76fc2840a25a6ea3b9637146806f1f44b090c175ffde2a7e5ab36c03"


def read(name):
    path = os.path.join(folder, "chain", *name.split("/"))
    if os.path.exists(path):
        with open(path, "rb") as f:
            return f.read()
    with gzip.open(path + ".gz") as f:
        return f.read()


def compact(n):
    if n < 1 << 6:
        return bytes([n << 2])
    if n < 1 << 14:
        return (n << 2 | 1).to_bytes(2, "little")
    return (n << 2 | 2).to_bytes(4, "little")


def digest(*parts):
    return hashlib.sha256("\n".join(str(p) for p in parts).encode()).hexdigest()[:16]


recorded = json.loads(read("metagraph_finney343.json"))
blob = read(recorded["metadata"])
graph = read(recorded["result_file"])
api, method = recorded["api"].split("_", 1)
number_list = [i * 1_000_003 for i in range(4096)]
numbers = compact(4096) + b"".join(n.to_bytes(8, "little") for n in number_list)
pairs = compact(4096) + b"".join(i.to_bytes(2, "little") + (65535 - i).to_bytes(2, "little") for i in range(4096))
accounts = [hashlib.sha256(i.to_bytes(4, "little")).digest() for i in range(256)]


def graph_digest(m, address):
    return digest(address(m["hotkeys"][0]), address(m["coldkeys"][-1]), sum(m["total_stake"]), len(m["axons"]), m["axons"][7]["ip"])


def sdk():
    from async_substrate_interface.sync_substrate import SubstrateInterface
    from async_substrate_interface.types import Runtime, _decode_v15_metadata
    from bittensor.core.chain_data import MetagraphInfo
    from bittensor_wallet import Keypair
    from scalecodec.base import RuntimeConfigurationObject
    from scalecodec.type_registry import load_type_registry_preset
    from scalecodec.utils.ss58 import ss58_decode, ss58_encode

    def parse():
        # what SubstrateInterface.get_runtime_for_version does with the node's answer
        config = RuntimeConfigurationObject(ss58_format=42)
        config.update_type_registry(load_type_registry_preset(name="core") or {})
        metadata = _decode_v15_metadata(blob, runtime_config=config)
        return Runtime(chain="", metadata=metadata, type_registry={}, runtime_config=config, metadata_v15=metadata,
                       runtime_info={"specVersion": 343, "transactionVersion": 1})

    runtime = parse()
    # the SDK's interface without a node: all that it would ask for is known
    substrate = SubstrateInterface("ws://127.0.0.1:1", _mock=True)
    substrate.runtime = runtime
    substrate.runtime_config = runtime.runtime_config
    substrate.init_runtime = lambda *args, **kwargs: runtime
    substrate.get_block_number = lambda *args, **kwargs: 1000
    substrate.get_chain_finalised_head = lambda *args, **kwargs: GENESIS
    substrate.get_block_hash = lambda *args, **kwargs: GENESIS

    alice = Keypair.create_from_uri("//Alice")
    graph_type = f"scale_info::{runtime.runtime_api_map[api][method]['output']}"
    uids, values = list(range(256)), [65535 - i for i in range(256)]
    addresses = [ss58_encode(a, 42) for a in accounts]

    def metagraph():
        return substrate.decode_scale(graph_type, graph).value

    def extrinsic():
        call = substrate.compose_call("SubtensorModule", "set_weights",
                                      {"netuid": 1, "dests": uids, "weights": values, "version_key": 10005000})
        signed = substrate.create_signed_extrinsic(call, alice, era={"period": 128, "current": 1000}, nonce=7)
        return bytes(signed.data.data)

    return {
        "metadata": (1, parse, lambda r: digest(len(r.metadata.pallets))),
        "metagraph": (1, metagraph, lambda m: graph_digest(m, str)),
        "metagraph-object": (1, lambda: MetagraphInfo.from_dict(metagraph()), lambda m: digest(m.hotkeys[0], m.coldkeys[-1], len(m.axons))),
        "extrinsic": (1, extrinsic, lambda x: digest((x[:37] + bytes(64) + x[101:]).hex())),
        "decode-numbers": (1, lambda: substrate.decode_scale("Vec<u64>", numbers).value, lambda v: digest(len(v), sum(v))),
        "decode-pairs": (1, lambda: substrate.decode_scale("Vec<(u16, u16)>", pairs).value, lambda v: digest(len(v), sum(a * b for a, b in v))),
        "encode-numbers": (1, lambda: runtime.runtime_config.create_scale_object("Vec<u64>").encode(number_list), lambda v: digest(bytes(v.data).hex())),
        "ss58-encode": (256, lambda: [ss58_encode(a, 42) for a in accounts], lambda v: digest(*v)),
        "ss58-decode": (256, lambda: [ss58_decode(a, 42) for a in addresses], lambda v: digest(*v)),
    }


def rust():
    import bt_decode

    from scalecodec.utils.ss58 import ss58_encode

    option = b"\x01" + compact(len(blob)) + blob

    def parse():
        return bt_decode.PortableRegistry.from_metadata_v15(bt_decode.MetadataV15.decode_from_metadata_option(option))

    registry = parse()
    apis = bt_decode.MetadataV15.decode_from_metadata_option(option).value()["apis"]
    output = next(m["output"] for a in apis if a["name"] == api for m in a["methods"] if m["name"] == method)

    def address(a):
        while not isinstance(a[0], int):
            a = a[0]
        return ss58_encode(bytes(a), 42)

    return {
        "metadata": (1, parse, lambda r: ""),
        "metagraph": (1, lambda: bt_decode.decode(f"scale_info::{output}", registry, graph), lambda m: graph_digest(m, address)),
        "decode-numbers": (1, lambda: bt_decode.decode("Vec<u64>", registry, numbers), lambda v: digest(len(v), sum(v))),
        "decode-pairs": (1, lambda: bt_decode.decode("Vec<(u16, u16)>", registry, pairs), lambda v: digest(len(v), sum(a * b for a, b in v))),
        "encode-numbers": (1, lambda: bt_decode.encode("Vec<u64>", registry, number_list), lambda v: digest(bytes(v).hex())),
    }


def python():
    from scalecodec.utils.ss58 import ss58_decode, ss58_encode

    addresses = [ss58_encode(a, 42) for a in accounts]
    return {
        "ss58-encode": (256, lambda: [ss58_encode(a, 42) for a in accounts], lambda v: digest(*v)),
        "ss58-decode": (256, lambda: [ss58_decode(a, 42) for a in addresses], lambda v: digest(*v)),
    }


def measure(operations, f):
    """Seconds per operation over at least a tenth of a second."""
    n, total = 0, 0.0
    while total < 0.1:
        start = time.perf_counter()
        f()
        total += time.perf_counter() - start
        n += operations
    return total / n


sides = {
    "sdk": (sdk, ["bittensor", "async-substrate-interface", "cyscale", "bittensor-wallet"]),
    "bt-decode": (rust, ["bt-decode"]),
    "scalecodec": (python, ["scalecodec"]),
}
side, packages = sides[which]
measurements = side()
print(json.dumps({"ready": f"Python {sys.version.split()[0]}, " + ", ".join(f"{p} {version(p)}" for p in packages)}), file=answers, flush=True)
for line in sys.stdin:
    answer = {}
    if (m := measurements.get(line.strip())) is not None:
        operations, f, check = m
        answer = {"seconds": measure(operations, f), "check": check(f())}
    print(json.dumps(answer), file=answers, flush=True)
