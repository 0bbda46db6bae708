"""The Python SDK's timelock encryption, for the tests of package timelock. Needs bittensor-drand (2.0.0); asks no network.

    python sdk.py encrypt ROUND HEX...          prints the SDK's envelope of each plaintext, in hex
    python sdk.py decrypt SIGNATURE ENVELOPE... prints what the SDK opens each envelope to, in hex
"""
import sys

import bittensor_drand as drand

verb, key, *texts = sys.argv[1:]
for text in texts:
    if verb == "encrypt":
        print(drand.encrypt_at_round(bytes.fromhex(text), int(key))[0].hex())
    else:
        print(bytes(drand.decrypt_with_signature(bytes.fromhex(text), key)).hex())
