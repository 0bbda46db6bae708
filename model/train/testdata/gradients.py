"""Computes with PyTorch what interop_test.go holds the training to.

Reads {"runs": [{"folder", "names", "decayed", "batch": [{"tokens", "weights"}], "rates", "decay", "clip", "betas", "epsilon"}]} from
standard input. For each run it takes the weighted mean cross-entropy of the batch and its gradient by autograd, in f32, then makes AdamW
steps on the same batch, and writes into the folder, in the order of the names: gradients.f32, weights.f32 (after the steps).
Prints {"versions", "runs": [{"loss", "norm", "losses"}]}; losses are those before each step.
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


def loss_of(model, batch):
    total, weights = 0.0, 0.0
    for example in batch:  # one at a time: no padding, no mask
        tokens = torch.tensor(example["tokens"])
        w = torch.tensor(example["weights"])[1:]
        logp = torch.log_softmax(model(input_ids=tokens[None]).logits[0, :-1], dim=-1)
        total = total - (w * logp.gather(1, tokens[1:, None])[:, 0]).sum()
        weights += w.abs().sum().item()
    return total / weights


def write(path, tensors):
    torch.cat([t.detach().reshape(-1) for t in tensors]).numpy().tofile(path)


def run(r):
    model = AutoModelForCausalLM.from_pretrained(r["folder"], torch_dtype=torch.float32, attn_implementation="eager").train()
    parameters = dict(model.named_parameters())
    assert set(parameters) == set(r["names"]), sorted(set(parameters) ^ set(r["names"]))
    decayed = set(r["decayed"])
    optimiser = torch.optim.AdamW([
        {"params": [parameters[n] for n in r["names"] if n in decayed], "weight_decay": r["decay"]},
        {"params": [parameters[n] for n in r["names"] if n not in decayed], "weight_decay": 0.0},
    ], lr=1.0, betas=r["betas"], eps=r["epsilon"])
    reply = {"losses": []}
    for step, rate in enumerate(r["rates"]):
        optimiser.zero_grad()
        loss = loss_of(model, r["batch"])
        loss.backward()
        if step == 0:
            write(os.path.join(r["folder"], "gradients.f32"), [parameters[n].grad for n in r["names"]])
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), r["clip"]).item()
        if step == 0:
            reply["loss"], reply["norm"] = loss.item(), norm
        reply["losses"].append(loss.item())
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
    write(os.path.join(r["folder"], "weights.f32"), [parameters[n] for n in r["names"]])
    return reply


request = json.load(sys.stdin)
json.dump({"versions": "torch " + torch.__version__ + ", transformers " + transformers.__version__, "runs": [run(r) for r in request["runs"]]}, sys.stdout)
