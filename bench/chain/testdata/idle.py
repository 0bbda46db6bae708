"""Connects the Python SDK to a chain, reads a metagraph, waits and prints the resident memory in kB.

    python idle.py ws://127.0.0.1:9944
"""
import os
import sys
import time

answers = os.fdopen(os.dup(1), "w")
sys.stdout = sys.stderr  # the SDK logs to the standard output
url = sys.argv[1]
sys.argv = sys.argv[:1]  # the SDK reads the arguments

import bittensor

chain = bittensor.Subtensor(network=url)
graph = chain.get_metagraph_info(1)
neurons = len(graph.hotkeys)
del graph
time.sleep(2)
with open("/proc/self/status") as f:
    resident = next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))
print(neurons, resident, file=answers, flush=True)
