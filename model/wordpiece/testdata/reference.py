"""Answers the tests with what the Hugging Face tokenizers library does (pip install tokenizers).

stdin and stdout are JSON: {"file", "texts", "limit"} -> {"special", "plain", "cut"}; texts are latin-1 decoded bytes, so that
they can be invalid UTF-8. cut is special truncated to limit ids.
"""

import json
import sys

from tokenizers import Tokenizer

request = json.load(sys.stdin)
tokenizer = Tokenizer.from_file(request["file"])
tokenizer.no_truncation()
tokenizer.no_padding()
texts = [t.encode("latin-1").decode("utf-8", errors="replace") for t in request["texts"]]
answer = {
    "special": [tokenizer.encode(t, add_special_tokens=True).ids for t in texts],
    "plain": [tokenizer.encode(t, add_special_tokens=False).ids for t in texts],
}
tokenizer.enable_truncation(request["limit"])
answer["cut"] = [tokenizer.encode(t, add_special_tokens=True).ids for t in texts]
json.dump(answer, sys.stdout)
