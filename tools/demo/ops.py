"""The operators that dominate training: in plain PyTorch (the specification), in C++ on a CPU, in Triton on a GPU.

Each function picks by the device of its first argument. `REFERENCE = True` takes the plain ones everywhere.
"""
import functools
import os
import pathlib

import torch
import torch.nn.functional as F

REFERENCE = False


@functools.cache
def cpu():
    """The C++ operators, compiled on first use (a compiler and ninja are needed)."""
    from torch.utils.cpp_extension import load
    source = pathlib.Path(__file__).with_name("ops.cpp")
    return load(name="train_demo_ops", sources=[str(source)], verbose=bool(os.environ.get("VERBOSE")),
                extra_cflags=["-O3", "-march=native", "-mprefer-vector-width=512", "-ffast-math", "-fopenmp"])


def fused(x):
    return x.device.type == "cpu" and not REFERENCE


# Specification --------------------------------------------------------------------------------------------------------

def rms_norm_reference(x, weight, eps, dtype):
    x = x.float()
    return (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * weight).to(dtype)


def swiglu_reference(gate, up):
    return F.silu(gate) * up


def conv_silu_reference(x, weight, bias):
    """x [batch, length, >= channels], weight [channels, taps]: causal convolution over the first columns, then SiLU."""
    channels, taps = weight.shape
    padded = F.pad(x[..., :channels].float(), (0, 0, taps - 1, 0))
    total = bias + sum(padded[:, k:k + x.shape[1]] * weight[:, k] for k in range(taps))
    return F.silu(total).to(x.dtype)


def scan_reference(u, raw, xz, A, B, C, D):
    """h[t] = exp(dt A) h[t-1] + dt u B[t]; y = (h C[t] + D u) silu(z), dt = softplus(raw); float32 inside.

    u, raw [batch, length, channels]; xz [batch, length, 2 channels], z its second half; A [channels, states];
    B, C [batch, length, states]; D [channels].
    """
    dtype, z = u.dtype, xz[..., u.shape[-1]:].float()
    u, dt = u.float(), F.softplus(raw.float())
    state = u.new_zeros(u.shape[0], u.shape[2], A.shape[1])
    outputs = []
    for t in range(u.shape[1]):
        state = state * torch.exp(dt[:, t, :, None] * A) + (dt[:, t] * u[:, t])[..., None] * B[:, t, None]
        outputs.append((state * C[:, t, None]).sum(-1))
    return ((torch.stack(outputs, 1) + D * u) * F.silu(z)).to(dtype)


# C++ ------------------------------------------------------------------------------------------------------------------

class RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, eps, dtype):
        rows = x.reshape(-1, x.shape[-1]).contiguous()
        ctx.save_for_backward(rows, weight)
        ctx.eps = eps
        return cpu().rms_norm(rows, weight, eps, dtype == torch.bfloat16).view(x.shape)

    @staticmethod
    def backward(ctx, g):
        rows, weight = ctx.saved_tensors
        gx, gw = cpu().rms_norm_backward(g.reshape(rows.shape).contiguous(), rows, weight, ctx.eps)
        return gx.view(g.shape), gw, None, None


class SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, gate, up):
        gate, up = gate.contiguous(), up.contiguous()
        ctx.save_for_backward(gate, up)
        return cpu().swiglu(gate, up)

    @staticmethod
    def backward(ctx, g):
        return tuple(cpu().swiglu_backward(g.contiguous(), *ctx.saved_tensors))


class ConvSiLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        x = x.contiguous()
        ctx.save_for_backward(x, weight, bias)
        return cpu().conv_silu(x, weight, bias)

    @staticmethod
    def backward(ctx, g):
        return tuple(cpu().conv_silu_backward(g.contiguous(), *ctx.saved_tensors))


class Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, *arguments):
        arguments = [a.contiguous() for a in arguments]
        ctx.save_for_backward(*arguments)
        return cpu().scan(*arguments)

    @staticmethod
    def backward(ctx, g):
        return tuple(cpu().scan_backward(g.contiguous(), *ctx.saved_tensors))


# What the model calls -------------------------------------------------------------------------------------------------

def rms_norm(x, weight, eps, dtype):
    return RMSNorm.apply(x, weight, eps, dtype) if fused(x) else rms_norm_reference(x, weight, eps, dtype)


def swiglu(gate, up):
    return SwiGLU.apply(gate, up) if fused(gate) else swiglu_reference(gate, up)


def conv_silu(x, weight, bias):
    return ConvSiLU.apply(x, weight, bias) if fused(x) else conv_silu_reference(x, weight, bias)


def scan(u, raw, xz, A, B, C, D):
    if fused(u):
        return Scan.apply(u, raw, xz, A, B, C, D)
    if u.device.type == "cuda" and not REFERENCE:
        from scan_triton import scan as triton_scan
        return triton_scan(u, raw, xz, A, B, C, D)
    return scan_reference(u, raw, xz, A, B, C, D)
