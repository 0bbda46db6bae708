"""Answers TestInterop with what sentence-transformers computes (pip install sentence-transformers).

stdin and stdout are JSON: {"dir", "texts"} -> a vector for each text, computed one by one so that no padding is involved.
Exits with 3 where the package is missing.
"""

import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"  # threads that spin are slow on a busy machine
try:
    from sentence_transformers import SentenceTransformer
except ImportError:
    sys.exit(3)

request = json.load(sys.stdin)
model = SentenceTransformer(request["dir"], device="cpu")
json.dump([[float(x) for x in model.encode(t, show_progress_bar=False)] for t in request["texts"]], sys.stdout)
