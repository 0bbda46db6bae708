"""Answers TestInterop with what sentence-transformers computes (pip install sentence-transformers).

stdin and stdout are JSON: {"dir", "texts"} -> a vector for each text, computed one by one so that no padding is involved.
"""

import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
from sentence_transformers import SentenceTransformer

request = json.load(sys.stdin)
model = SentenceTransformer(request["dir"], device="cpu")
json.dump([[float(x) for x in model.encode(t, show_progress_bar=False)] for t in request["texts"]], sys.stdout)
