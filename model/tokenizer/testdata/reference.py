"""Answers TestInterop with what the Hugging Face tokenizers library does (pip install tokenizers).

stdin and stdout are JSON: {"file", "texts", "ids"} -> {"special", "plain", "decoded", "skipped"}.
"""

import json
import sys

from tokenizers import Tokenizer

request = json.load(sys.stdin)
tokenizer = Tokenizer.from_file(request["file"])
tokenizer.no_truncation()
tokenizer.no_padding()
json.dump(
    {
        "special": [tokenizer.encode(t, add_special_tokens=True).ids for t in request["texts"]],
        "plain": [tokenizer.encode(t, add_special_tokens=False).ids for t in request["texts"]],
        "decoded": [tokenizer.decode(i, skip_special_tokens=False) for i in request["ids"] or []],
        "skipped": [tokenizer.decode(i, skip_special_tokens=True) for i in request["ids"] or []],
    },
    sys.stdout,
)
