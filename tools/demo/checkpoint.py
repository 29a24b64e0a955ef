"""Checkpoints in Hugging Face layout: written in bfloat16, in shards small enough for a repository, and read again."""
import json
import shutil

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from model import Jamba

SHARD = 15 << 20  # bytes; with its header a shard stays below 16 MiB


def to_checkpoint(state):
    """Names and tensors as transformers' JambaForCausalLM has them: the experts one by one."""
    for name, value in state.items():
        name = name if name.startswith("lm_head") else "model." + name
        name = name.replace("embed_tokens", "embed_tokens.weight")
        if value.dim() == 3 and name.endswith(("gate_proj", "up_proj", "down_proj")):
            prefix, projection = name.rsplit(".", 1)
            for expert, matrix in enumerate(value):
                yield f"{prefix}.experts.{expert}.{projection}.weight", matrix
        else:
            yield name, value


def save(model, folder, tokenizer_folder=None, dtype=torch.bfloat16):
    folder.mkdir(parents=True, exist_ok=True)
    shards, size = [{}], 0
    for name, value in to_checkpoint(model.state_dict()):
        value = value.detach().to("cpu", dtype).contiguous().clone()
        bytes_ = value.numel() * value.element_size()
        if shards[-1] and size + bytes_ > SHARD:
            shards.append({})
            size = 0
        shards[-1][name] = value
        size += bytes_
    for old in folder.glob("model*.safetensors"):
        old.unlink()
    where = {}
    for number, shard in enumerate(shards, 1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        save_file(shard, folder / file, metadata={"format": "pt"})
        (folder / file).chmod(0o644)
        where.update(dict.fromkeys(shard, file))
    total = sum(v.numel() * v.element_size() for shard in shards for v in shard.values())
    write(folder / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": where})
    write(folder / "config.json", dict(
        model.config, architectures=["JambaForCausalLM"], model_type="jamba", hidden_act="silu", mamba_conv_bias=True,
        mamba_proj_bias=False, max_position_embeddings=262144, bos_token_id=1, eos_token_id=[2, 5], pad_token_id=0,
        dtype=str(dtype).removeprefix("torch."), sliding_window=None))
    write(folder / "generation_config.json", {"bos_token_id": 1, "eos_token_id": [2, 5], "pad_token_id": 0})
    if tokenizer_folder:
        for file in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copyfile(tokenizer_folder / file, folder / file)


def write(path, value):
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf8")


def load(folder):
    """The model of a checkpoint that has this module's names, in float32."""
    model = Jamba(json.loads((folder / "config.json").read_text()))
    tensors = {}
    for file in sorted(folder.glob("model*.safetensors")):
        with safe_open(file, "pt") as shard:
            tensors.update((name, shard.get_tensor(name)) for name in shard.keys())
    with torch.no_grad():
        for name, part in to_checkpoint(model.state_dict()):
            part.copy_(tensors.pop(name))
    if tensors:
        raise SystemExit(f"{folder} holds tensors this model has no place for: {', '.join(sorted(tensors)[:3])} …")
    return model
