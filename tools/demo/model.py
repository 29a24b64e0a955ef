"""Jamba for training: the arithmetic of transformers' JambaForCausalLM, experts stacked, activations in `compute` dtype.

Parameters are float32; the residual stream is float32; products and what lies between them are in `compute`
(bfloat16 while training, float32 to compare with). test_demo.py holds it against transformers.
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

import ops

#: Made for models/demo: 19.5 million parameters, 9 million active, Mamba to attention 7 : 1, experts in every second layer.
CONFIG = dict(
    vocab_size=4096, hidden_size=256, intermediate_size=512, num_hidden_layers=8,
    num_attention_heads=8, num_key_value_heads=2, attn_layer_period=8, attn_layer_offset=4,
    expert_layer_period=2, expert_layer_offset=1, num_experts=8, num_experts_per_tok=2,
    mamba_d_state=16, mamba_d_conv=4, mamba_expand=2, mamba_dt_rank=16, rms_norm_eps=1e-6, tie_word_embeddings=False)


class Linear(nn.Module):
    """A product in x's dtype with a float32 weight [out, in]."""
    def __init__(self, inputs, outputs, bias=False):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x):
        return F.linear(x, self.weight.to(x.dtype), None if self.bias is None else self.bias.to(x.dtype))


class RMSNorm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(size)), eps

    def forward(self, x, dtype):
        return ops.rms_norm(x, self.weight, self.eps, dtype)


class Conv1d(nn.Module):
    """Only the parameters, under the names of a checkpoint: weight [channels, 1, taps], bias [channels]."""
    def __init__(self, channels, taps):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(channels, 1, taps)), nn.Parameter(torch.zeros(channels))


class Mamba(nn.Module):
    def __init__(self, c):
        super().__init__()
        hidden, states, rank, eps = c["hidden_size"], c["mamba_d_state"], c["mamba_dt_rank"], c["rms_norm_eps"]
        channels = hidden * c["mamba_expand"]
        self.sizes = [rank, states, states]
        self.in_proj = Linear(hidden, 2 * channels)
        self.conv1d = Conv1d(channels, c["mamba_d_conv"])
        self.x_proj = Linear(channels, sum(self.sizes))
        self.dt_layernorm, self.b_layernorm, self.c_layernorm = (RMSNorm(size, eps) for size in self.sizes)
        self.dt_proj = Linear(rank, channels, bias=True)
        self.A_log = nn.Parameter(torch.log(torch.arange(1, states + 1).float()).repeat(channels, 1))
        self.D = nn.Parameter(torch.ones(channels))
        self.out_proj = Linear(channels, hidden)

    def forward(self, x):
        xz = self.in_proj(x)
        u = ops.conv_silu(xz, self.conv1d.weight[:, 0], self.conv1d.bias)
        dt, B, C = self.x_proj(u).split(self.sizes, -1)
        raw = self.dt_proj(self.dt_layernorm(dt, x.dtype))
        B, C = self.b_layernorm(B, torch.float32), self.c_layernorm(C, torch.float32)
        return self.out_proj(ops.scan(u, raw, xz, -torch.exp(self.A_log), B, C, self.D))


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        hidden, self.heads, self.kv_heads = c["hidden_size"], c["num_attention_heads"], c["num_key_value_heads"]
        kv = hidden // self.heads * self.kv_heads
        self.q_proj, self.k_proj, self.v_proj = Linear(hidden, hidden), Linear(hidden, kv), Linear(hidden, kv)
        self.o_proj = Linear(hidden, hidden)

    def forward(self, x):
        def heads(values, count):
            return values.unflatten(-1, (count, -1)).transpose(1, 2).repeat_interleave(self.heads // count, 1)
        q, k, v = (heads(self.q_proj(x), self.heads), heads(self.k_proj(x), self.kv_heads),
                   heads(self.v_proj(x), self.kv_heads))
        return self.o_proj(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))


class MLP(nn.Module):
    def __init__(self, c):
        super().__init__()
        hidden, inner = c["hidden_size"], c["intermediate_size"]
        self.gate_proj, self.up_proj, self.down_proj = (
            Linear(hidden, inner), Linear(hidden, inner), Linear(inner, hidden))

    def forward(self, x):
        return self.down_proj(ops.swiglu(self.gate_proj(x), self.up_proj(x)))


class MoE(nn.Module):
    """top_k of `num_experts`; the softmax runs over all of them and the chosen weights are not made to sum to one."""
    def __init__(self, c):
        super().__init__()
        hidden, inner, self.count, self.top_k = (
            c["hidden_size"], c["intermediate_size"], c["num_experts"], c["num_experts_per_tok"])
        self.router = Linear(hidden, self.count)
        self.gate_proj = nn.Parameter(torch.empty(self.count, inner, hidden))
        self.up_proj = nn.Parameter(torch.empty(self.count, inner, hidden))
        self.down_proj = nn.Parameter(torch.empty(self.count, hidden, inner))

    def forward(self, x):
        tokens = x.flatten(0, 1)
        probabilities = F.softmax(self.router(tokens.float()), -1)
        weights, chosen = probabilities.topk(self.top_k, -1)
        order = chosen.flatten().argsort(stable=True)
        counts = chosen.flatten().bincount(minlength=self.count)
        # Balance: the share of tokens an expert gets times the probability it is given; 1 when all are alike.
        self.share = (counts / counts.sum()).detach()
        self.balance_loss = self.count * (self.share * probabilities.mean(0)).sum()
        source = order // self.top_k
        gate, up, down = (w.to(x.dtype) for w in (self.gate_proj, self.up_proj, self.down_proj))
        outputs = [F.linear(ops.swiglu(F.linear(rows, gate[e]), F.linear(rows, up[e])), down[e])
                   for e, rows in enumerate(tokens.index_select(0, source).split(counts.tolist())) if len(rows)]
        weighted = torch.cat(outputs) * weights.flatten()[order, None].to(x.dtype)
        return torch.zeros_like(tokens).index_add(0, source, weighted).view(x.shape)


class Layer(nn.Module):
    def __init__(self, c, index):
        super().__init__()
        if index % c["attn_layer_period"] == c["attn_layer_offset"]:
            self.self_attn = Attention(c)
        else:
            self.mamba = Mamba(c)
        experts = c["num_experts"] > 1 and index % c["expert_layer_period"] == c["expert_layer_offset"]
        self.feed_forward = MoE(c) if experts else MLP(c)
        self.input_layernorm = RMSNorm(c["hidden_size"], c["rms_norm_eps"])
        self.pre_ff_layernorm = RMSNorm(c["hidden_size"], c["rms_norm_eps"])

    def forward(self, x, dtype):
        mixer = self.self_attn if hasattr(self, "self_attn") else self.mamba
        x = x + mixer(self.input_layernorm(x, dtype))
        return x + self.feed_forward(self.pre_ff_layernorm(x, dtype))


class Jamba(nn.Module):
    def __init__(self, config=CONFIG, seed=0):
        super().__init__()
        c, self.config = config, config
        self.embed_tokens = nn.Parameter(torch.empty(c["vocab_size"], c["hidden_size"]))
        self.layers = nn.ModuleList(Layer(c, i) for i in range(c["num_hidden_layers"]))
        self.final_layernorm = RMSNorm(c["hidden_size"], c["rms_norm_eps"])
        self.lm_head = Linear(c["hidden_size"], c["vocab_size"])
        self.initialise(torch.Generator().manual_seed(seed))

    @torch.no_grad()
    def initialise(self, random):
        depth = math.sqrt(2 * self.config["num_hidden_layers"])
        for name, p in self.named_parameters():
            if name.endswith(("A_log", "D", "layernorm.weight", "bias")):
                continue
            fan_in = p.shape[-1]
            p.normal_(0, 0.02 if name == "embed_tokens" else fan_in ** -0.5 / 2, generator=random)
            if name.endswith(("out_proj.weight", "o_proj.weight", "down_proj", "down_proj.weight")):
                p /= depth
            if name == "lm_head.weight" or "router" in name:
                p.mul_(0.1)
        for layer in self.layers:
            if hasattr(layer, "mamba"):  # time steps from 0.001 to 0.1, as Mamba begins
                low, high = math.log(0.001), math.log(0.1)
                bias = layer.mamba.dt_proj.bias
                dt = torch.exp(torch.rand(bias.shape, generator=random) * (high - low) + low)
                bias.copy_(dt + torch.log(-torch.expm1(-dt)))

    def forward(self, ids, dtype=torch.bfloat16):
        """ids [batch, length] -> what the head multiplies [batch, length, hidden]"""
        x = self.embed_tokens[ids]
        for layer in self.layers:
            x = layer(x, dtype)
        return self.final_layernorm(x, dtype)

    def logits(self, ids, dtype=torch.float32):
        return self.lm_head(self(ids, dtype))

    def loss(self, ids, targets, dtype=torch.bfloat16, reduction="mean"):
        """Cross entropy in nats; the head runs over parts of the tokens, whose logits would else be the largest tensor."""
        x, targets = self(ids, dtype).flatten(0, 1), targets.flatten()
        parts = [F.cross_entropy(self.lm_head(part).float(), target, reduction="none")
                 for part, target in zip(x.split(2048), targets.split(2048))]
        losses = torch.cat(parts)
        return losses.mean() if reduction == "mean" else losses.view(ids.shape)

    def balance_loss(self):
        return sum(layer.feed_forward.balance_loss for layer in self.layers if isinstance(layer.feed_forward, MoE))
