"""The model of torch_train.py, which describes the whole: its weights in parts, what it says of targets, its gradient and its steps."""
from __future__ import annotations

import hashlib
import json
import os
import struct

import torch
import torch.distributed as dist
from torch.utils.checkpoint import checkpoint

LOGITS = 1 << 26  # values of logits that exist at a time
BETA1, BETA2, EPSILON = 0.9, 0.95, 1e-8
STATE = "nanteos-torch-1"
WEIGHTS, FIRST, SECOND = "weights.", "first_moments.", "second_moments."


class Refused(Exception):
    """A command can't be done; the worker is as it was. kind is what Go decides by."""

    def __init__(self, kind, text):
        super().__init__(text)
        self.kind = kind


# --- folders ----------------------------------------------------------------------------------------------------------


class Source:
    """The weights of a Hugging Face folder, read by parts."""

    def __init__(self, folder):
        from safetensors import safe_open

        index, single = os.path.join(folder, "model.safetensors.index.json"), os.path.join(folder, "model.safetensors")
        try:
            if os.path.exists(single):
                files = ["model.safetensors"]
            else:
                with open(index, encoding="utf-8") as f:
                    files = sorted(set(json.load(f)["weight_map"].values()))
            self.where = {}
            for name in files:
                if os.path.basename(name) != name:
                    raise Refused("model", "weights file %r lies elsewhere" % name)
                f = safe_open(os.path.join(folder, name), "pt")
                self.where.update((key, f) for key in f.keys())
        except Refused:
            raise
        except Exception as e:
            raise Refused("model", "couldn't read the weights of %s: %s: %s" % (folder, type(e).__name__, e))

    def slice(self, name):
        return self.where[name].get_slice(name)


NAMES = {"float32": "F32", "bfloat16": "BF16", "float16": "F16"}


def write_safetensors(path, entries, metadata, tensors):
    """Writes a file of entries (name, dtype, shape), whose tensors come one by one. All are taken, whatever happens: other ranks take part in making them.
    path None: writes nothing."""
    tensors = iter(tensors)
    try:
        if path is not None:
            write_tensors(path, entries, metadata, tensors)
    finally:
        for _ in tensors:
            pass


def write_tensors(path, entries, metadata, tensors):
    table, at = {"__metadata__": metadata}, 0
    for name, dtype, shape in entries:
        size = dtype.itemsize
        for n in shape:
            size *= n
        table[name] = {"dtype": NAMES[dtype_name(dtype)], "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    head = json.dumps(table, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    partial = path + ".partial"
    try:
        with open(partial, "wb") as f:
            f.write(struct.pack("<Q", len(head)) + head)
            for name, dtype, shape in entries:
                t = next(tensors).to(dtype).contiguous().cpu()
                if tuple(t.shape) != tuple(shape):
                    raise RuntimeError("tensor %s has shape %s, want %s" % (name, tuple(t.shape), tuple(shape)))
                f.write(memoryview(t.reshape(-1).view(torch.uint8).numpy()))
            f.flush()
            os.fsync(f.fileno())
        os.replace(partial, path)
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def dtype_name(dtype):
    return str(dtype).removeprefix("torch.")


# --- the model --------------------------------------------------------------------------------------------------------


class Scorer(torch.nn.Module):
    """What a causal model says of chosen targets. Logits exist for a chunk of rows at a time, on the way back too."""

    def __init__(self, causal):
        super().__init__()
        self.causal = causal

    def forward(self, ids, rows, targets):
        body = getattr(self.causal, self.causal.base_model_prefix)
        hidden = body(input_ids=ids, use_cache=False).last_hidden_state
        hidden = hidden.reshape(-1, hidden.shape[-1])[rows]
        head = self.causal.get_output_embeddings()

        def read(h, target):
            logs = torch.log_softmax(head(h).float(), dim=-1)
            return logs.gather(1, target[:, None])[:, 0], -(logs.exp() * logs).sum(-1)

        chunk = max(16, LOGITS // self.causal.config.vocab_size)
        parts = []
        for at in range(0, len(rows), chunk):
            h, target = hidden[at:at + chunk], targets[at:at + chunk]
            parts.append(checkpoint(read, h, target, use_reentrant=False) if torch.is_grad_enabled() else read(h, target))
        return torch.cat([p for p, _ in parts]), torch.cat([e for _, e in parts])


def on_meta(build):
    """Builds a module whose parameters have no memory yet; its buffers are real."""
    register = torch.nn.Module.register_parameter

    def without(module, name, param):
        register(module, name, param)
        if param is not None:
            module._parameters[name] = torch.nn.Parameter(param.to("meta"), requires_grad=param.requires_grad)

    torch.nn.Module.register_parameter = without
    try:
        return build()
    finally:
        torch.nn.Module.register_parameter = register


def help_fsdp_on_cpu():
    """Gives FSDP2 what PyTorch 2.6 lacks on CPUs. gloo can't reduce-scatter: the mean over ranks, each its part, by way of the whole."""

    def reduce_scatter_tensor(output, input, op=None, group=None, async_op=False):
        dist.all_reduce(input, group=group)
        rank, world = dist.get_rank(group), dist.get_world_size(group)
        output.copy_(input.view(world, -1)[rank].view_as(output) / world)

    dist.reduce_scatter_tensor = reduce_scatter_tensor
    # A CPU has one stream, in which everything happens in order; PyTorch 2.6's lacks what FSDP2 calls.
    for name, value in (("record_event", lambda self, event=None: event or torch.cpu.Event()), ("wait_event", lambda self, event: None)):
        if not hasattr(torch.cpu.Stream, name):
            setattr(torch.cpu.Stream, name, value)
    if not hasattr(torch.cpu, "Event"):
        torch.cpu.Event = type("Event", (), {"record": lambda self, stream=None: None, "wait": lambda self, stream=None: None,
                                             "synchronize": lambda self: None, "query": lambda self: True})


class Weight:
    """One parameter: what the model computes with (param), and on this rank the f32 master and its moments."""

    def __init__(self, name, param, stored):
        self.name, self.param, self.stored = name, param, stored
        self.shape, self.stride = tuple(param.shape), param.stride()
        self.decayed = len(self.shape) > 1
        self.master = self.first = self.second = None

    def local(self, t):
        return t.to_local() if hasattr(t, "to_local") else t

    def part(self, source):
        """This rank's part of a tensor that can be sliced."""
        rows = self.local(self.param.data).shape[0] if self.shape else 0
        if not hasattr(self.param, "to_local"):
            return source[:]
        chunk = -(-self.shape[0] // dist.get_world_size())
        at = min(chunk * dist.get_rank(), self.shape[0])
        return source[at:at + rows]

    def whole(self, local):
        """The tensor whose parts the ranks hold; all of them call it together."""
        if not hasattr(self.param, "to_local"):
            return local
        from torch.distributed.tensor import DTensor

        return DTensor.from_local(local, self.param.device_mesh, self.param.placements, run_check=False, shape=torch.Size(self.shape),
                                  stride=self.stride).full_tensor()

    def grad(self):
        return None if self.param.grad is None else self.local(self.param.grad)


class Trainer:
    def __init__(self, worker, folder, o):
        from transformers import AutoConfig, AutoModelForCausalLM

        self.worker, self.rank, self.world, self.device = worker, worker.rank, worker.world, worker.device
        on_gpu = worker.device.type == "cuda"
        self.decay = o.get("weight_decay") or 0.0
        self.pass_tokens = o.get("pass_tokens") or (16384 if on_gpu else 4096)
        half = (o.get("precision") or ("bfloat16" if on_gpu else "float32")) == "bfloat16"
        self.sharded = bool(o.get("shard")) or on_gpu and (self.world > 1 or half)
        if half and not self.sharded:
            raise Refused("input", "bf16 on a CPU needs shard: weights held whole are computed with in f32")
        torch.use_deterministic_algorithms(not on_gpu, warn_only=True)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        source = Source(folder)
        try:
            config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            for name in ("attention_dropout", "hidden_dropout", "embd_pdrop", "resid_pdrop", "attn_pdrop"):
                if getattr(config, name, None):
                    setattr(config, name, 0.0)
            odd = [n for n in ("final_logit_softcapping", "logits_scaling", "logit_scale", "num_local_experts", "num_experts") if getattr(config, n, None)]
            if odd:
                raise Refused("model", "a %s with %s is not supported" % (config.model_type, ", ".join(odd)))
            causal = on_meta(lambda: AutoModelForCausalLM.from_config(config, trust_remote_code=False, torch_dtype=torch.float32))
        except Refused:
            raise
        except Exception as e:
            raise Refused("model", "couldn't build the model of %s: %s: %s" % (folder, type(e).__name__, (str(e).splitlines() or [""])[0]))
        causal.tie_weights()
        causal.train()
        if not o.get("keep_activations"):
            causal.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        self.config = causal.config
        self.scorer = Scorer(causal)
        if self.sharded:
            self.shard(causal, torch.bfloat16 if half else torch.float32)
        self.materialise(source, half)
        self.steps, self.open, self.kept = 0, False, None

    def shard(self, causal, dtype):
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

        if not dist.is_initialized():
            dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
        if self.device.type == "cpu":
            help_fsdp_on_cpu()
        mesh = init_device_mesh(self.device.type, (self.world,))
        policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32)
        for layer in getattr(causal, causal.base_model_prefix).layers:
            fully_shard(layer, mesh=mesh, mp_policy=policy)
        fully_shard(self.scorer, mesh=mesh, mp_policy=policy)

    def materialise(self, source, half):
        """Gives the parameters memory and fills them and the masters."""
        buffers = [(m, n, b) for m in self.scorer.modules() for n, b in m._buffers.items() if b is not None]
        self.scorer.to_empty(device=self.device)
        for module, name, b in buffers:
            module._buffers[name] = b.to(self.device)
        self.scorer.causal.tie_weights()
        self.weights = []
        for name, param in self.scorer.named_parameters():
            name = name.removeprefix("causal.")
            if name not in source.where:
                raise Refused("model", "weight %s is missing" % name)
            stored = source.slice(name)
            if tuple(stored.get_shape()) != tuple(param.shape):
                raise Refused("model", "weight %s has shape %s, want %s" % (name, stored.get_shape(), list(param.shape)))
            dtype = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}.get(stored.get_dtype())
            if dtype is None:
                raise Refused("model", "weight %s has type %s" % (name, stored.get_dtype()))
            w = Weight(name, param, dtype)
            local = w.local(param.data)
            local.copy_(w.part(stored))
            # In bf16 FSDP2 rounds when it gathers; otherwise what is computed with is a copy of its own, rounded.
            w.master = local if half or dtype == torch.float32 else local.clone()
            w.first, w.second = torch.zeros_like(local), torch.zeros_like(local)
            self.weights.append(w)
        # As package model/safetensors orders them: wide types first, then by name.
        self.weights.sort(key=lambda w: (-w.stored.itemsize, w.name))

    def info(self):
        return {"vocabulary": self.config.vocab_size, "positions": self.config.max_position_embeddings, "sharded": self.sharded,
                "parameters": sum(torch.Size(w.shape).numel() for w in self.weights)}

    # --- batches ---

    def read_batch(self, header, payload):
        """The batch of a frame: [(tokens, prompt, completion)] and the rest of the payload."""
        tokens = torch.frombuffer(payload, dtype=torch.int32, count=sum(header["lengths"])) if header["lengths"] else torch.empty(0, dtype=torch.int32)
        batch, at = [], 0
        for n, prompt, completion in zip(header["lengths"], header["prompts"], header["completions"]):
            if prompt + completion != n or completion > 0 and prompt < 1:
                raise Refused("input", "a sequence of %d tokens with prompt %d and completion %d" % (n, prompt, completion))
            batch.append((tokens[at:at + n].long(), prompt, completion))
            at += n
        if at and (int(tokens.min()) < 0 or int(tokens.max()) >= self.config.vocab_size):
            raise Refused("input", "a token lies outside the vocabulary of %d" % self.config.vocab_size)
        return batch, payload[4 * at:]

    def plan(self, batch):
        """Deals sequences to ranks, the longest first to the one with the fewest tokens, and cuts each rank's into passes, lists of indices. With shards
        all ranks make the same number of passes: [] is one in which a rank takes part with nothing."""
        order = sorted((i for i, s in enumerate(batch) if s[2] > 0), key=lambda i: -len(batch[i][0]))
        load, mine = [0] * self.world, [[] for _ in range(self.world)]
        for i in order:
            r = min(range(self.world), key=lambda r: load[r])
            load[r] += len(batch[i][0])
            mine[r].append(i)
        plans = []
        for indices in mine:
            passes = []
            for i in indices:
                if not passes or (len(passes[-1]) + 1) * len(batch[passes[-1][0]][0]) > self.pass_tokens:
                    passes.append([])
                passes[-1].append(i)
            plans.append(passes)
        if self.sharded:
            most = max(len(p) for p in plans)
            for p in plans:
                p.extend([] for _ in range(most - len(p)))
        return plans

    def run(self, batch, indices):
        """Log-probabilities and entropies of the completions of one pass, one behind the other; of one made-up token where there are none."""
        if not indices:
            zero = torch.zeros(1, dtype=torch.int64, device=self.device)
            return self.scorer(torch.zeros(1, 2, dtype=torch.int64, device=self.device), zero, zero)
        width = max(len(batch[i][0]) for i in indices)
        ids, rows, targets = torch.zeros(len(indices), width, dtype=torch.int64), [], []
        for k, i in enumerate(indices):
            tokens, prompt, completion = batch[i]
            ids[k, : len(tokens)] = tokens
            rows.append(torch.arange(prompt - 1, prompt - 1 + completion) + k * width)
            targets.append(tokens[prompt:])
        return self.scorer(ids.to(self.device), torch.cat(rows).to(self.device), torch.cat(targets).to(self.device))

    def op_score(self, header, payload):
        """Replies with f64: all log-probabilities in the order of the sequences, then a mean entropy a sequence."""
        self.kept = None
        batch, rest = self.read_batch(header, payload)
        if rest:
            raise Refused("input", "%d bytes too many" % len(rest))
        plans = self.plan(batch)
        passes = plans[self.rank]
        keep = len(passes) == 1  # its graph serves backward; more would not be bounded
        found = []
        with torch.set_grad_enabled(keep):
            for indices in passes:
                logs, entropy = self.run(batch, indices)
                if keep:
                    self.kept = (hashlib.sha256(payload).digest(), header["prompts"], logs, entropy)
                if indices:
                    found += [logs.detach().double().cpu(), entropy.detach().double().cpu()]
        part = torch.cat(found).numpy().tobytes() if found else b""
        return {}, part, lambda parts: self.assemble(batch, plans, parts)

    def assemble(self, batch, plans, parts):
        """Puts the values of all ranks in the order of the batch."""
        logs, entropies = [torch.empty(0, dtype=torch.float64)] * len(batch), torch.zeros(len(batch), dtype=torch.float64)
        for part, passes in zip(parts, plans):
            values, at = torch.frombuffer(bytearray(part), dtype=torch.float64) if part else None, 0
            for indices in filter(None, passes):
                n = sum(batch[i][2] for i in indices)
                for i in indices:
                    c = batch[i][2]
                    logs[i], entropies[i] = values[at:at + c], values[at + n:at + n + c].mean()
                    at += c
                at += n
        return torch.cat(logs + [entropies]).numpy().tobytes()

    def op_backward(self, header, payload):
        """Takes f64 behind the batch: derivatives by all log-probabilities, then by a mean entropy a sequence."""
        kept, self.kept = self.kept, None
        batch, rest = self.read_batch(header, payload)
        total = sum(s[2] for s in batch)
        if len(rest) != 8 * (total + len(batch)):
            raise Refused("input", "%d bytes of derivatives, want %d" % (len(rest), 8 * (total + len(batch))))
        if total == 0:
            return {}, b"", None
        given = torch.frombuffer(rest, dtype=torch.float64)
        by_log, by_entropy, at = [], given[total:], 0
        for s in batch:
            by_log.append(given[at:at + s[2]])
            at += s[2]
        entropic = bool((by_entropy != 0).any())
        if kept and (kept[0] != hashlib.sha256(payload[: len(payload) - len(rest)]).digest() or kept[1] != header["prompts"]):
            kept = None
        share = float(self.world) if self.sharded else 1.0  # FSDP2 takes the mean over ranks
        for indices in self.plan(batch)[self.rank]:
            logs, entropy = kept[2:] if kept else self.run(batch, indices)
            kept = None
            if not indices:
                (logs.sum() * 0.0).backward()
                continue
            loss = (torch.cat([by_log[i] for i in indices]).mul(share).to(self.device, torch.float32) * logs).sum()
            if entropic:
                each = torch.cat([by_entropy[i].div(batch[i][2]).expand(batch[i][2]) for i in indices])
                loss = loss + (each.mul(share).to(self.device, torch.float32) * entropy).sum()
            loss.backward()
        self.open = True
        return {}, b"", None

    def forget(self):
        """Drops the gradient."""
        self.kept, self.open = None, False
        for w in self.weights:
            w.param.grad = None

    # --- steps ---

    def op_step(self, header, payload):
        """Replies with the norm as f64 and whether it was finite."""
        self.kept = None
        if not self.open:
            return self.stepped(True, 0.0)
        gradients = []
        for w in self.weights:
            g = w.grad()
            if g is None:
                g = torch.zeros_like(w.master)
            if self.world > 1 and not self.sharded:
                dist.all_reduce(g)
            gradients.append(g)
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        for g in gradients:
            for part in g.reshape(-1).split(1 << 24):
                total += part.double().square().sum()
        total = total.cpu()
        if self.world > 1 and self.sharded:
            dist.all_reduce(total)
        norm = float(total.sqrt())
        if not torch.isfinite(total):
            self.forget()
            return self.stepped(False, norm)
        rate, clip = header["rate"], header["clip"]
        scale = clip / norm if 0 < clip < norm else 1.0
        self.steps += 1
        size, root = rate / (1 - BETA1**self.steps), (1 - BETA2**self.steps) ** -0.5
        with torch.no_grad():
            for w, g in zip(self.weights, gradients):
                if scale != 1.0:
                    g.mul_(scale)
                w.first.mul_(BETA1).add_(g, alpha=1 - BETA1)
                w.second.mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
                if w.decayed:
                    w.master.mul_(1 - rate * self.decay)
                w.master.addcdiv_(w.first, w.second.sqrt().mul_(root).add_(EPSILON), value=-size)
                self.publish(w)
        self.forget()
        return self.stepped(True, norm)

    def stepped(self, finite, norm):
        return {"finite": finite, "steps": self.steps}, b"", lambda parts: struct.pack("<d", norm)  # JSON has no infinity

    def publish(self, w):
        """Rounds the master to what is computed with, where that is another tensor."""
        used = w.local(w.param.data)
        if used.data_ptr() != w.master.data_ptr():
            used.copy_(w.master.to(w.stored))

    # --- files ---

    def op_save(self, header, payload):
        """Writes the weights as model.safetensors into a folder that is there."""
        path = os.path.join(header["path"], "model.safetensors") if self.rank == 0 else None
        entries = [(w.name, w.stored, w.shape) for w in self.weights]
        write_safetensors(path, entries, {"format": "pt"}, (w.whole(w.master) for w in self.weights))
        return {}, b"", None

    def op_save_state(self, header, payload):
        path = header["path"] if self.rank == 0 else None
        entries = [(kind + w.name, torch.float32, w.shape) for kind in (WEIGHTS, FIRST, SECOND) for w in self.weights]
        tensors = (w.whole(t) for get in (lambda w: w.master, lambda w: w.first, lambda w: w.second) for w in self.weights for t in [get(w)])
        write_safetensors(path, entries, {"format": STATE, "steps": str(self.steps)}, tensors)
        return {}, b"", None

    def op_load_state(self, header, payload):
        from safetensors import safe_open

        path = header["path"]
        if not os.path.exists(path):
            raise Refused("absent", "%s is not there" % path)
        try:
            f = safe_open(path, "pt")
            meta, names = f.metadata() or {}, set(f.keys())
            steps = int(meta.get("steps", "-1")) if meta.get("format") == STATE else -1
        except Exception as e:
            raise Refused("state", "couldn't read %s: %s: %s" % (path, type(e).__name__, e))
        want = {kind + w.name: w for kind in (WEIGHTS, FIRST, SECOND) for w in self.weights}
        if steps < 0 or names != set(want):
            raise Refused("state", "%s is no training state of this model and engine" % path)
        for name, w in want.items():
            s = f.get_slice(name)
            if tuple(s.get_shape()) != w.shape or s.get_dtype() != "F32":
                raise Refused("state", "%s: %s has type %s and shape %s, want F32 and %s" % (path, name, s.get_dtype(), s.get_shape(), w.shape))
        for w in self.weights:
            for kind, t in ((WEIGHTS, w.master), (FIRST, w.first), (SECOND, w.second)):
                t.copy_(w.part(f.get_slice(kind + w.name)))
            self.publish(w)
        self.steps = steps
        self.forget()
        return {"steps": steps}, b"", None
