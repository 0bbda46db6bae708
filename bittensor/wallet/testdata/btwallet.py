"""Drives the Python wallet: one JSON command a line in, one JSON answer a line out. Its own chatter goes to stderr."""
import json
import os
import sys

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # whatever the library prints
import bittensor_wallet as bw


def run(c):
    w = bw.Wallet(name=c.get("name", "w"), hotkey=c.get("hotkey", "h"), path=c.get("path", "."))
    password = c.get("password") or None
    if c["do"] == "version":
        from importlib.metadata import version

        return version("bittensor-wallet")
    if c["do"] == "create":
        w.create_new_hotkey(use_password=False, overwrite=True, suppress=True)
        if password:
            w.create_new_coldkey(use_password=True, coldkey_password=password, overwrite=True, suppress=True)
        else:
            w.create_new_coldkey(use_password=False, overwrite=True, suppress=True)
        return None
    if c["do"] == "uri":
        w.create_coldkey_from_uri(c["uri"], use_password=False, overwrite=True, suppress=True)
        return None
    if c["do"] == "regenerate":
        w.regenerate_hotkey(seed=c["seed"], use_password=False, overwrite=True, suppress=True)
        return None
    if c["do"] == "read":
        cold = w.coldkey_file.get_keypair(password) if password else w.coldkey_file.get_keypair()
        hot = w.hotkey_file.get_keypair()
        return {
            "coldkey": cold.ss58_address,
            "coldkeypub": w.coldkeypub_file.get_keypair().ss58_address,
            "hotkey": hot.ss58_address,
            "cold_signature": cold.sign(c["message"]).hex(),
            "hot_signature": hot.sign(c["message"]).hex(),
            "variable": w.coldkey_file.env_var_name(),
        }
    if c["do"] == "verify":
        return bw.Keypair(ss58_address=c["address"]).verify(c["message"], bytes.fromhex(c["signature"]))
    raise ValueError(c["do"])


for line in sys.stdin:
    try:
        out = {"ok": run(json.loads(line))}
    except BaseException as e:  # the library panics through PyO3, too
        out = {"error": f"{type(e).__name__}: {e}"}
    print(json.dumps(out), file=answers, flush=True)
