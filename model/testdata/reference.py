"""Computes with transformers what interop_test.go holds the engine to.

Reads {"out": folder, "gguf": file or ""} from standard input. Makes tiny random models in out/NAME as save_pretrained writes them, or takes the
GGUF file or the "files" with "tokens", and writes for each out/NAME.tokens (int32) and out/NAME.hidden (float32, [positions][hidden size], after the final norm).
Prints a list of {"name", "path", "tokens", "hidden_size", "texts", "ids"}.
"""
import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
import gguf
import tokenizers
import torch
import transformers
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config, Qwen3Config

transformers.logging.set_verbosity_error()
torch.manual_seed(7)
torch.set_num_threads(2)
request = json.load(sys.stdin)
out = request["out"]
results = []


def record(name, path, model, tokens, **more):
    with torch.no_grad():
        hidden = model.model(input_ids=torch.tensor([tokens])).last_hidden_state[0]
    torch.tensor(tokens, dtype=torch.int32).numpy().tofile(os.path.join(out, name + ".tokens"))
    hidden.float().numpy().tofile(os.path.join(out, name + ".hidden"))
    results.append({"name": name, "path": path, "tokens": len(tokens), "hidden_size": hidden.shape[1], **more})


def tiny(name, config, dtype=torch.float32, shard=None, length=150):
    config.torch_dtype = dtype
    model = AutoModelForCausalLM.from_config(config, torch_dtype=torch.float32, attn_implementation="eager")
    generator = torch.Generator().manual_seed(len(results) + 1)
    with torch.no_grad():
        for key, p in model.named_parameters():  # larger than the initial weights, so that attention has something to choose from
            p.copy_((1.0 if "norm" in key else 0.0) + (0.1 if p.dim() == 1 else 2.0 / p.shape[-1] ** 0.5) * torch.randn(p.shape, generator=generator))
    model = model.to(dtype)
    path = os.path.join(out, name)
    model.save_pretrained(path, max_shard_size=shard or "1GB")
    files = [f for f in os.listdir(path) if f.endswith(".safetensors")]
    tokens = torch.randint(0, config.vocab_size, (length,), generator=generator).tolist()
    again = AutoModelForCausalLM.from_pretrained(path, torch_dtype=torch.float32, attn_implementation="eager").eval()  # widened, rotary tables in f32
    record(name, path, again, tokens, files=len(files))


def shape(**more):
    base = dict(vocab_size=199, hidden_size=64, intermediate_size=112, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
                max_position_embeddings=256, bos_token_id=None, eos_token_id=None)
    base.update(more)
    return base


def smollm(path):
    """The tokenizer of the file as SmolLM2's own tokenizer.json sets it up; transformers does not read the pre-tokenizer's name."""
    fields = gguf.GGUFReader(path).fields
    tokens, merges, kinds = (fields["tokenizer.ggml." + k].contents() for k in ("tokens", "merges", "token_type"))
    t = tokenizers.Tokenizer(tokenizers.models.BPE({s: i for i, s in enumerate(tokens)}, [tuple(m.split(" ")) for m in merges]))
    t.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [tokenizers.pre_tokenizers.Digits(individual_digits=True), tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    t.add_special_tokens([s for s, k in zip(tokens, kinds) if k == 3])
    return t


if request.get("files"):  # tiny GGUF files, without a tokenizer
    for path in request["files"]:
        folder, file = os.path.split(path)
        model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, torch_dtype=torch.float32, attn_implementation="eager").eval()
        record(file, path, model, request["tokens"], architecture=type(model).__name__)
elif request["gguf"]:
    folder, file = os.path.split(request["gguf"])
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, torch_dtype=torch.float32, attn_implementation="eager").eval()
    tokenizer = smollm(request["gguf"])
    ids = [tokenizer.encode(t).ids for t in request["texts"]]
    record("gguf", request["gguf"], model, tokenizer.encode(request["prompt"]).ids, ids=ids)
else:
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
    llama3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
    tiny("llama", LlamaConfig(**shape(tie_word_embeddings=False)))
    tiny("llama-tied-biases-f16", LlamaConfig(**shape(tie_word_embeddings=True, attention_bias=True, mlp_bias=True, head_dim=24)), torch.float16)
    tiny("llama-llama3-sharded", LlamaConfig(**shape(rope_scaling=llama3, rope_theta=500000.0)), torch.bfloat16, "50KB")
    tiny("llama-linear", LlamaConfig(**shape(rope_scaling={"rope_type": "linear", "factor": 2.5})))
    tiny("llama-yarn", LlamaConfig(**shape(rope_scaling=dict(yarn, truncate=False, beta_fast=16.0, beta_slow=2.0))))
    tiny("qwen2", Qwen2Config(**shape(tie_word_embeddings=True)))
    tiny("qwen2-yarn-bf16", Qwen2Config(**shape(rope_scaling=dict(yarn, mscale=0.8, mscale_all_dim=0.4), rope_theta=1000000.0)), torch.bfloat16)
    tiny("qwen2-window", Qwen2Config(**shape(use_sliding_window=True, sliding_window=256, max_window_layers=1)))
    tiny("qwen3", Qwen3Config(**shape(head_dim=32, rope_theta=1000000.0)))
    tiny("qwen3-yarn-f16", Qwen3Config(**shape(head_dim=32, rope_scaling=dict(yarn, attention_factor=1.3), tie_word_embeddings=True)), torch.float16)
    tiny("qwen3-biases", Qwen3Config(**shape(head_dim=16, attention_bias=True, num_key_value_heads=1)))
json.dump({"versions": "torch " + torch.__version__ + ", transformers " + transformers.__version__, "models": results}, sys.stdout)
