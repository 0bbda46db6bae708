"""Mines and proves with PyTorch as the reference does, for interop_test.go.

Reads {"models": [{"folder", "coefficients", "prompt", "make", "tokens", "prove": [{"tokens", "prompt_length"}]}]} from standard input. For each
model and each of f32 and bf16 it proves the given sequences, makes "make" completions of the prompt, each of "tokens" tokens, and proves them
too (GRAIL specification, sections 3.4 to 3.6, 4.2 to 4.4). Prints {"versions", "models": [{dtype: {"proofs": [{"sketches", "logprobs"}],
"made": [tokens], "made_proofs": [as above]}}]}.
"""
import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import transformers
from transformers import AutoModelForCausalLM

transformers.logging.set_verbosity_error()
torch.set_num_threads(2)
torch.manual_seed(11)
Q, TOP = 2147483647, 16


def sketches(hidden, r):
    """The sketch of each row of hidden [positions][dim]."""
    at = torch.topk(hidden.abs(), TOP, dim=-1).indices.sort(dim=-1).values
    x = hidden.gather(-1, at).double()
    bucket = torch.clamp(torch.trunc(torch.log2(x.abs() + 1) * 0.8), max=7) * torch.sign(x)
    return ((bucket.long() * torch.tensor(r)).sum(dim=-1) % Q).tolist()


@torch.no_grad()
def prove(model, r, sequences):
    """One batch, padded on the right."""
    longest = max(len(s["tokens"]) for s in sequences)
    ids = torch.zeros(len(sequences), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for i, s in enumerate(sequences):
        ids[i, : len(s["tokens"])] = torch.tensor(s["tokens"])
        mask[i, : len(s["tokens"])] = 1
    hidden = model.model(input_ids=ids, attention_mask=mask).last_hidden_state
    out = []
    for i, s in enumerate(sequences):
        n, p = len(s["tokens"]), s["prompt_length"]
        rows = torch.log_softmax(model.lm_head(hidden[i, p - 1 : n - 1]).float(), dim=-1)
        logp = rows.gather(1, ids[i, p:n, None])[:, 0].tolist()
        out.append({"sketches": sketches(hidden[i, :n], r), "logprobs": [0.0] * p + logp})
    return out


@torch.no_grad()
def make(model, m):
    ids = torch.tensor([m["prompt"]])
    return model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=True, temperature=1.0, top_k=0, top_p=1.0, min_new_tokens=m["tokens"],
                          max_new_tokens=m["tokens"], num_return_sequences=m["make"], pad_token_id=0).tolist()


def run(m):
    reply = {}
    for name, dtype in ("f32", torch.float32), ("bf16", torch.bfloat16):
        model = AutoModelForCausalLM.from_pretrained(m["folder"], torch_dtype=dtype).eval()
        made = make(model, m)
        reply[name] = {"proofs": prove(model, m["coefficients"], m["prove"]), "made": made,
                       "made_proofs": prove(model, m["coefficients"], [{"tokens": t, "prompt_length": len(m["prompt"])} for t in made])}
    return reply


request = json.load(sys.stdin)
json.dump({"versions": "torch " + torch.__version__ + ", transformers " + transformers.__version__, "models": [run(m) for m in request["models"]]}, sys.stdout)
