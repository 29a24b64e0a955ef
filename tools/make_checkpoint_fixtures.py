#!/usr/bin/env python3
"""Make the checkpoints under Tests/Fixtures/checkpoints: small randomly initialised Jamba models and what Hugging Face
transformers computes with them in float32.

    pip install torch transformers safetensors
    make_checkpoint_fixtures.py OUT_DIR [NAME ...]        all of PRESETS when no name is given
    make_checkpoint_fixtures.py OUT_DIR --random SEED N   N configurations drawn at random
    make_checkpoint_fixtures.py OUT_DIR --checkpoint DIR  expected.safetensors of a checkpoint that exists, on PROMPT

expected.safetensors holds input_ids, logits, hidden_states (the embedding, then after each layer; the last one after the
final norm), greedy_ids, greedy_logits, and router_logits where there are experts.
"""
import json, os, random, sys

import torch
from safetensors.torch import save_file
from transformers import JambaConfig, JambaForCausalLM

PRESETS = {
    # Odd sizes everywhere: widths that are no multiple of 8 or 32, dt_rank 7, projection biases, no convolution bias.
    "odd": dict(seed=11, dtype="float32", vocab_size=211, hidden_size=36, intermediate_size=52, num_hidden_layers=5,
                num_attention_heads=3, num_key_value_heads=3, attn_layer_period=3, attn_layer_offset=1, num_experts=5,
                num_experts_per_tok=3, expert_layer_period=3, expert_layer_offset=2, mamba_d_state=8, mamba_d_conv=2,
                mamba_expand=3, mamba_dt_rank=7, mamba_conv_bias=False, mamba_proj_bias=True, tie_word_embeddings=True),
}


def random_preset(rnd):
    """Any configuration that the class allows, small."""
    heads = rnd.choice([1, 2, 3, 4, 6])
    hidden = heads * rnd.choice([5, 8, 16, 20])
    attention, experts = rnd.randint(1, 5), rnd.randint(1, 4)
    count = rnd.choice([1, 2, 3, 4, 8])
    return dict(seed=rnd.randrange(1 << 30), dtype=rnd.choice(["float32", "bfloat16", "float16"]), vocab_size=rnd.randint(64, 400),
                hidden_size=hidden, intermediate_size=rnd.randint(8, 150), num_hidden_layers=rnd.randint(1, 9),
                num_attention_heads=heads, num_key_value_heads=rnd.choice([d for d in range(1, heads + 1) if heads % d == 0]),
                attn_layer_period=attention, attn_layer_offset=rnd.randrange(attention), num_experts=count,
                num_experts_per_tok=rnd.randint(1, count), expert_layer_period=experts, expert_layer_offset=rnd.randrange(experts),
                mamba_d_state=rnd.choice([8, 16, 20, 64]), mamba_d_conv=rnd.randint(2, 4), mamba_expand=rnd.randint(1, 3),
                mamba_dt_rank=rnd.choice(["auto", rnd.randint(1, 40)]), mamba_conv_bias=rnd.random() < .5,
                mamba_proj_bias=rnd.random() < .5, tie_word_embeddings=rnd.random() < .5)


def randomize(name, p, config):
    """Weights large enough that every part of the model matters to the logits."""
    if "layernorm" in name: p.copy_(1 + .3 * torch.randn_like(p))
    elif name.endswith("A_log"): p.add_(.3 * torch.randn_like(p))
    elif name.endswith("dt_proj.bias"): p.copy_(torch.rand_like(p) * 4 - 5)
    elif name.endswith(".D"): p.copy_(1 + .5 * torch.randn_like(p))
    elif name.endswith("conv1d.bias"): p.copy_(.2 * torch.randn_like(p))
    elif name.endswith("proj.bias"): p.copy_(.1 * torch.randn_like(p))
    elif "conv1d.weight" in name: p.copy_(.5 * torch.randn_like(p))
    elif "embed_tokens" in name: p.copy_(.4 * torch.randn_like(p))
    elif "lm_head" in name: p.copy_(torch.randn_like(p) * config.hidden_size ** -.5 * 3)
    elif p.dim() >= 2: p.copy_(torch.randn_like(p) * 1.2 * p.shape[-1] ** -.5)


PROMPT = "Once upon a time, there was a little bear who lived in a big forest."


def expect(model, ids, new):
    """What the fixtures hold, of token ids [1, tokens] and `new` that follow greedily."""
    routed = any(count > 1 for count in model.config.layers_num_experts)
    with torch.no_grad():
        result = model(ids, use_cache=False, output_hidden_states=True, output_router_logits=routed)
        text = model.generate(ids, max_new_tokens=new, do_sample=False, eos_token_id=None, pad_token_id=0, use_cache=False)
        full = model(text, use_cache=False)
    prompt = ids.shape[1]
    tensors = {"input_ids": ids[0].int(), "logits": result.logits[0], "greedy_ids": text[0, prompt:].int(),
               "greedy_logits": full.logits[0, prompt - 1:-1], "hidden_states": torch.stack([h[0] for h in result.hidden_states])}
    routers = [r for r in (getattr(result, "router_logits", None) or []) if r is not None and r.shape[-1] > 1]
    if routers: tensors["router_logits"] = torch.stack([r.reshape(prompt, -1) for r in routers])
    return {k: v.contiguous() for k, v in tensors.items()}


def make_of_checkpoint(out, folder):
    from tokenizers import Tokenizer
    ids = Tokenizer.from_file(os.path.join(folder, "tokenizer.json")).encode(PROMPT, add_special_tokens=False).ids
    model = JambaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    os.makedirs(out, exist_ok=True)
    save_file(expect(model, torch.tensor([[model.config.bos_token_id, *ids]]), 64), os.path.join(out, "expected.safetensors"),
              metadata={"source": "transformers JambaForCausalLM float32"})


def make(out, name, preset, prompt=48, new=32):
    preset = dict(preset)
    torch.manual_seed(preset.pop("seed"))
    dtype = getattr(torch, preset.pop("dtype"))
    config = JambaConfig(**preset)
    config._experts_implementation = "eager"  # the grouped product wants aligned widths
    model = JambaForCausalLM(config).eval().float()
    with torch.no_grad():
        for key, p in model.named_parameters(): randomize(key, p, config)
    if config.tie_word_embeddings: model.tie_weights()
    folder = os.path.join(out, name)
    os.makedirs(folder, exist_ok=True)
    model = model.to(dtype)
    model.save_pretrained(folder)
    model = model.float()  # the stored values exactly
    ids = torch.randint(3, config.vocab_size, (1, prompt))
    tensors = expect(model, ids, new)
    save_file(tensors, os.path.join(folder, "expected.safetensors"),
              metadata={"source": "transformers JambaForCausalLM float32", "dtype": str(dtype)})
    print(name, json.dumps(preset), {k: tuple(v.shape) for k, v in tensors.items()})


def main():
    if len(sys.argv) < 2: sys.exit(__doc__)
    out, rest = sys.argv[1], sys.argv[2:]
    if rest[:1] == ["--random"]:
        rnd = random.Random(int(rest[1]))
        for i in range(int(rest[2])): make(out, f"random-{rest[1]}-{i}", random_preset(rnd))
    elif rest[:1] == ["--checkpoint"]: make_of_checkpoint(out, rest[1])
    else:
        for name in rest or PRESETS: make(out, name, PRESETS[name])


main()
