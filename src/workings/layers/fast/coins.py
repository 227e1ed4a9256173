"""Coins for pixels: throwing them, and the log-probability of what they show with its slope in one pass, where PyTorch takes eight."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from workings.layers.fast.available import SHORT, kernels_take
from workings.layers.fast.compiler import run
from workings.layers.fast.noise import uniform


def thrown(pictures: Tensor, key: int, first: int = 0, numbers: Tensor | None = None) -> Tensor:
    """1 with probability pixel / 255, else 0. uint8 [B, ...] -> float32 [B, ...]; other arguments as `uniform`."""
    rows, width = len(pictures), pictures[0].numel()
    x = torch.empty(pictures.shape, device=pictures.device)
    if kernels_take(x.view(rows, width), widest=1 << 31):
        run("thrown", x, pictures.contiguous(), numbers, rows, width, key, first)
        return x
    return (uniform(rows, width, key, first, pictures.device, numbers).view_as(pictures) * 255 < pictures).float()


class CoinDensity(torch.autograd.Function):
    """sum_i (x_i l_i - softplus(l_i)); the slope x - sigmoid(l) is found on the way and kept instead of l."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, x: Tensor) -> Tensor:
        """logits: l [B, S, n], x: [B, 1, n] -> [B, S], float32."""
        logits, samples, width = logits.contiguous(), logits.shape[1], logits.shape[2]
        total = torch.empty(logits.shape[:2])
        slope = torch.empty_like(logits) if ctx.needs_input_grad[0] else None
        run("coin_density", total, slope, logits, x.contiguous(), total.numel(), samples, width, SHORT[logits.dtype])
        ctx.save_for_backward(slope)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dtotal: Tensor) -> tuple[Tensor, None]:
        """dl = dL (x - sigmoid(l))."""
        (slope,) = ctx.saved_tensors
        return slope * dtotal[..., None].to(slope.dtype), None


def coin_density(logits: Tensor, x: Tensor) -> Tensor:
    """The log-probability that coins with these logits show x, in nats, float32 at least. logits: l [B, S, n], x: [B, S or 1, n] -> [B, S]."""
    if x.shape[1] == 1 and x.dtype == torch.float32 and not x.requires_grad and kernels_take(logits, x):
        return CoinDensity.apply(logits, x)
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return (x * wide - F.softplus(wide, threshold=40)).sum(-1)  # beyond 40, float64 holds no difference from the logit itself
