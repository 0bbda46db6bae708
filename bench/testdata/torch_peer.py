"""Times PyTorch (transformers) for package bench.

Usage: torch_peer.py MODEL_FOLDER THREADS float32|bfloat16

Reads one command a line and answers each with one line of JSON:

    prefill N              process N tokens, logits of the last one
    decode B N STEPS       B sequences of N tokens each (not timed), then STEPS tokens for each of them, logits of all
    train SEQUENCES N      one AdamW step on SEQUENCES sequences of N tokens, with clipping; the loss before the step
    quit
"""

import json
import os
import sys
import time

import torch
import transformers


def token(i, vocabulary):
    return (i * 7919 + 13) % vocabulary


def resident():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Torch:
    def __init__(self, folder, dtype):
        self.model = transformers.AutoModelForCausalLM.from_pretrained(folder, torch_dtype=dtype, attn_implementation="sdpa")
        self.vocabulary = self.model.config.vocab_size
        self.optimiser = None

    def tokens(self, b, begin, end):
        return torch.tensor([[token(i, self.vocabulary) for i in range(begin, end)]] * b)

    @torch.inference_mode()
    def prefill(self, n):
        ids = self.tokens(1, 0, n)
        begin = time.perf_counter()
        out = self.model(ids, use_cache=True, logits_to_keep=1)
        seconds = time.perf_counter() - begin
        return {"seconds": seconds, "best": int(out.logits[0, -1].argmax())}

    @torch.inference_mode()
    def decode(self, b, n, steps):
        past = self.model(self.tokens(b, 0, n), use_cache=True, logits_to_keep=1).past_key_values
        begin = time.perf_counter()
        for k in range(steps):
            past = self.model(self.tokens(b, n + k, n + k + 1), past_key_values=past, use_cache=True).past_key_values
        return {"seconds": time.perf_counter() - begin, "resident": resident()}

    def train(self, b, n):
        if self.optimiser is None:
            self.model.train()
            self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=1e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0)
        ids = torch.tensor([[token(i + 101 * s, self.vocabulary) for i in range(n)] for s in range(b)])
        begin = time.perf_counter()
        logits = self.model(ids, use_cache=False).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        return {"seconds": time.perf_counter() - begin, "loss": loss.item(), "resident": resident()}


def main():
    folder, threads, dtype = sys.argv[1], int(sys.argv[2]), getattr(torch, sys.argv[3])
    torch.set_num_threads(threads)
    engine = Torch(folder, dtype)
    print(json.dumps({"ready": f"torch {torch.__version__}, transformers {transformers.__version__}"}), flush=True)
    for line in sys.stdin:
        command, *args = line.split()
        if command == "quit":
            break
        print(json.dumps(getattr(engine, command)(*map(int, args))), flush=True)


main()
