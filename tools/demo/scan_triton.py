"""The selective scan on a GPU: one program for a block of channels of one sequence, states in registers.

The same function as ops.scan_reference. The way back starts from states kept every CHUNK positions and computes the
others again, so that memory holds length / CHUNK states of a channel instead of length.
"""
import torch
import triton
import triton.language as tl

BLOCK, CHUNK = 32, 32  # channels of a program; positions between two kept states


@triton.jit
def softplus(x):
    return tl.where(x > 20.0, x, tl.log(1.0 + tl.exp(tl.minimum(x, 20.0))))


@triton.jit
def forward_kernel(u_p, raw_p, z_p, A_p, B_p, C_p, D_p, out_p, kept_p, length, channels,
                   STATES: tl.constexpr, BLOCK: tl.constexpr, CHUNK: tl.constexpr):
    b, c = tl.program_id(0), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    n = tl.arange(0, STATES)
    inside = c < channels
    A = tl.load(A_p + c[:, None] * STATES + n[None, :], mask=inside[:, None], other=0.0)
    D = tl.load(D_p + c, mask=inside, other=0.0)
    chunks = tl.cdiv(length, CHUNK)
    state = tl.zeros((BLOCK, STATES), dtype=tl.float32)
    for t in range(length):
        if t % CHUNK == 0:
            at = ((b * chunks + t // CHUNK) * channels + c[:, None]) * STATES + n[None, :]
            tl.store(kept_p + at, state, mask=inside[:, None])
        row = b * length + t
        u = tl.load(u_p + row * channels + c, mask=inside, other=0.0).to(tl.float32)
        dt = softplus(tl.load(raw_p + row * channels + c, mask=inside, other=0.0).to(tl.float32))
        z = tl.load(z_p + row * 2 * channels + channels + c, mask=inside, other=0.0).to(tl.float32)
        B, C = tl.load(B_p + row * STATES + n), tl.load(C_p + row * STATES + n)
        state = state * tl.exp(dt[:, None] * A) + (dt * u)[:, None] * B[None, :]
        y = tl.sum(state * C[None, :], 1) + D * u
        tl.store(out_p + row * channels + c, y * z / (1.0 + tl.exp(-z)), mask=inside)


@triton.jit
def backward_kernel(g_p, u_p, raw_p, z_p, A_p, B_p, C_p, D_p, kept_p, scratch_p,
                    gu_p, graw_p, gz_p, gA_p, gB_p, gC_p, gD_p, length, channels,
                    STATES: tl.constexpr, BLOCK: tl.constexpr, CHUNK: tl.constexpr):
    b, block = tl.program_id(0), tl.program_id(1)
    c, n = block * BLOCK + tl.arange(0, BLOCK), tl.arange(0, STATES)
    inside, both = c < channels, (block * BLOCK + tl.arange(0, BLOCK) < channels)[:, None]
    A = tl.load(A_p + c[:, None] * STATES + n[None, :], mask=both, other=0.0)
    D = tl.load(D_p + c, mask=inside, other=0.0)
    chunks = tl.cdiv(length, CHUNK)
    own = (b * tl.num_programs(1) + block) * CHUNK * BLOCK * STATES
    cell = tl.arange(0, BLOCK)[:, None] * STATES + n[None, :]
    gstate = tl.zeros((BLOCK, STATES), dtype=tl.float32)
    gA = tl.zeros((BLOCK, STATES), dtype=tl.float32)
    gD = tl.zeros((BLOCK,), dtype=tl.float32)
    for back in range(chunks):
        chunk = chunks - 1 - back
        first, last = chunk * CHUNK, tl.minimum((chunk + 1) * CHUNK, length)
        state = tl.load(kept_p + ((b * chunks + chunk) * channels + c[:, None]) * STATES + n[None, :], mask=both, other=0.0)
        for t in range(first, last):  # the states before each position of this chunk
            tl.store(scratch_p + own + (t - first) * BLOCK * STATES + cell, state)
            row = b * length + t
            u = tl.load(u_p + row * channels + c, mask=inside, other=0.0).to(tl.float32)
            dt = softplus(tl.load(raw_p + row * channels + c, mask=inside, other=0.0).to(tl.float32))
            B = tl.load(B_p + row * STATES + n)
            state = state * tl.exp(dt[:, None] * A) + (dt * u)[:, None] * B[None, :]
        tl.debug_barrier()  # what other threads of the program stored
        for t_back in range(last - first):
            t = last - 1 - t_back
            row = b * length + t
            before = tl.load(scratch_p + own + (t - first) * BLOCK * STATES + cell)
            u = tl.load(u_p + row * channels + c, mask=inside, other=0.0).to(tl.float32)
            raw = tl.load(raw_p + row * channels + c, mask=inside, other=0.0).to(tl.float32)
            z = tl.load(z_p + row * 2 * channels + channels + c, mask=inside, other=0.0).to(tl.float32)
            g = tl.load(g_p + row * channels + c, mask=inside, other=0.0).to(tl.float32)
            B, C = tl.load(B_p + row * STATES + n), tl.load(C_p + row * STATES + n)
            dt = softplus(raw)
            decay = tl.exp(dt[:, None] * A)
            after = before * decay + (dt * u)[:, None] * B[None, :]
            y = tl.sum(after * C[None, :], 1) + D * u
            s = 1.0 / (1.0 + tl.exp(-z))
            tl.store(gz_p + row * 2 * channels + channels + c, g * y * s * (1.0 + z * (1.0 - s)), mask=inside)
            gy = g * z * s
            gstate += gy[:, None] * C[None, :]
            tl.atomic_add(gC_p + row * STATES + n, tl.sum(gy[:, None] * after, 0))
            tl.atomic_add(gB_p + row * STATES + n, tl.sum(gstate * (dt * u)[:, None], 0))
            by_b = tl.sum(gstate * B[None, :], 1)
            through = gstate * decay * before
            gA += through * dt[:, None]
            gD += gy * u
            tl.store(gu_p + row * channels + c, by_b * dt + gy * D, mask=inside)
            gdt = by_b * u + tl.sum(through * A, 1)
            tl.store(graw_p + row * channels + c, gdt / (1.0 + tl.exp(-raw)), mask=inside)
            gstate *= decay
        tl.debug_barrier()  # before the scratch memory is written again
    tl.atomic_add(gA_p + c[:, None] * STATES + n[None, :], gA, mask=both)
    tl.atomic_add(gD_p + c, gD, mask=inside)


class Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u, raw, xz, A, B, C, D):
        u, raw, xz, A, B, C, D = (x.contiguous() for x in (u, raw, xz, A, B, C, D))
        batch, length, channels = u.shape
        states = A.shape[1]
        out = torch.empty_like(u)
        kept = torch.empty(batch, triton.cdiv(length, CHUNK), channels, states, device=u.device)
        grid = (batch, triton.cdiv(channels, BLOCK))
        forward_kernel[grid](u, raw, xz, A, B, C, D, out, kept, length, channels, STATES=states, BLOCK=BLOCK, CHUNK=CHUNK)
        ctx.save_for_backward(u, raw, xz, A, B, C, D, kept)
        return out

    @staticmethod
    def backward(ctx, g):
        u, raw, xz, A, B, C, D, kept = ctx.saved_tensors
        batch, length, channels = u.shape
        states, grid = A.shape[1], (batch, triton.cdiv(channels, BLOCK))
        gu, graw, gxz = torch.empty_like(u), torch.empty_like(raw), torch.zeros_like(xz)
        gA, gB, gC, gD = (torch.zeros_like(x) for x in (A, B, C, D))
        scratch = torch.empty(grid[0] * grid[1] * CHUNK * BLOCK * states, device=u.device)
        backward_kernel[grid](g.contiguous(), u, raw, xz, A, B, C, D, kept, scratch, gu, graw, gxz, gA, gB, gC, gD,
                              length, channels, STATES=states, BLOCK=BLOCK, CHUNK=CHUNK)
        return gu, graw, gxz, gA, gB, gC, gD


def scan(*arguments):
    return Scan.apply(*arguments)
