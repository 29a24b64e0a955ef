"""Muon for the matrices inside the layers, Adam for everything else.

Muon (Jordan and others, 2024) replaces a matrix's momentum by the nearest matrix with equal singular values, found with
a few Newton-Schulz steps. For a small number of tokens it gets clearly further than Adam alone.
"""
import torch


def orthogonal(g, steps=5):
    """g [..., rows, columns] with its singular values pushed to about one; products in bfloat16."""
    a, b, c = 3.4445, -4.7750, 2.0315  # a quintic whose slope at 0 is steep and that stays near 1
    x = g.bfloat16()
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return (x.mT if tall else x).float()


class Muon(torch.optim.Optimizer):
    """For matrices [..., rows, columns]; an update's size is lr * sqrt(max(1, rows / columns)) in each direction."""

    def __init__(self, parameters, lr=0.02, momentum=0.95, weight_decay=0.1):
        super().__init__(parameters, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                update = orthogonal(p.grad.lerp(state["momentum"], group["momentum"]))
                scale = max(1, p.shape[-2] / p.shape[-1]) ** 0.5
                p.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"] * scale)


def optimizers(model, lr_muon, lr_adam):
    """[Muon, Adam] over the model's parameters; each group remembers its full rate in `peak`."""
    matrices, decayed, plain = [], [], []
    for name, p in model.named_parameters():
        inner = name.startswith("layers.") and p.dim() >= 2 and not any(
            part in name for part in ("A_log", "conv1d", "dt_proj", "x_proj", "router"))
        (matrices if inner else decayed if name in ("embed_tokens", "lm_head.weight") else plain).append(p)
    muon = Muon(matrices, lr=lr_muon)
    adam = torch.optim.AdamW([dict(params=decayed, weight_decay=0.1), dict(params=plain, weight_decay=0.0)],
                             lr=lr_adam, betas=(0.9, 0.95), fused=True)
    for optimizer in (muon, adam):
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return [muon, adam]
