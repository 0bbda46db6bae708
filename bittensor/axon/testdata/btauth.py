"""SDK 11's btauth/1 at one end, for the interop tests: JSON lines in, JSON lines out.

{"do": "sign", "seed", "method", "path", "body", "receiver"}           -> {"headers"}
{"do": "verify", "headers", "method", "path", "body", "receiver"}      -> {"hotkey"} or {"error"}
"""

import json
import sys

from bittensor import http_auth, wallets


def keypair(seed):
    return wallets.Keypair.create_from_seed(bytes.fromhex(seed[2:]))


for text in sys.stdin:
    line = json.loads(text)
    body = line["body"].encode()
    try:
        if line["do"] == "sign":
            headers = http_auth.sign(
                keypair(line["seed"]), method=line["method"], path=line["path"], body=body, receiver_ss58=line["receiver"]
            )
            out = {"headers": headers}
        else:
            caller = http_auth.verify(
                line["headers"], body, method=line["method"], path=line["path"], self_hotkey_ss58=line["receiver"]
            )
            out = {"hotkey": caller.hotkey_ss58}
    except http_auth.AuthError as e:
        out = {"error": type(e).__name__}
    print(json.dumps(out), flush=True)
