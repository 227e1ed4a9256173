"""Group norm with SiLU, forward and backward in one call each, over maps whose pixels have their channels side by side.

PyTorch's group norm in bfloat16, its backward above all, is what makes that layout slow, in which convolutions are fastest.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from workings.layers.fast.activated_norm import by_pixel, takes
from workings.layers.fast.available import SHORT
from workings.layers.fast.compiler import run


class GroupNormSilu(torch.autograd.Function):
    """y = phi(N(x + a) s + t), phi being SiLU or nothing; mean and variance of each group of channels of a picture."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, added: Tensor | None, scale: Tensor, shift: Tensor, groups: int, epsilon: float, silu: bool) -> Tensor:
        """x: [B, C, H, W]; added: [B, C] or None; scale s, shift t: [C] or [B, C], all float32 but x -> [B, C, H, W]."""
        x = by_pixel(x)
        pictures, channels = x.shape[:2]
        y, kept = torch.empty_like(x), x.new_empty(pictures, 3, channels, dtype=torch.float32)
        given = pictures, x[0, 0].numel(), channels, groups, channels if scale.ndim == 2 else 0, int(silu), SHORT[x.dtype]
        run("group_norm", y, kept, x, added, scale, shift, *given, epsilon)
        ctx.save_for_backward(x, kept, scale, shift)
        ctx.given, ctx.has_added = given, added is not None
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        """dx, da, ds and dt."""
        x, kept, scale, shift = ctx.saved_tensors
        dx, sums = torch.empty_like(x), torch.empty_like(kept)
        run("group_norm_backward", dx, sums, by_pixel(dy.to(x.dtype)), x, kept, scale, shift, *ctx.given)
        dadded, dscale, dshift = sums.unbind(1)
        if scale.ndim == 1:
            dscale, dshift = dscale.sum(0), dshift.sum(0)
        return dx, dadded if ctx.has_added else None, dscale, dshift, None, None, None


def group_norm(
    x: Tensor, weight: Tensor, bias: Tensor, groups: int, epsilon: float, added: Tensor | None, scale: Tensor | None, shift: Tensor | None, silu: bool
) -> Tensor:
    """phi(N(x + a) (1 + s) + t) with group norm N, its gain and offset included. Arguments as `layers.group_norm.GroupNorm.forward`."""
    others = [vector for vector in (added, scale, shift) if vector is not None]
    if takes(x) and weight.dtype == bias.dtype == torch.float32 and not any(vector.dtype == torch.float64 for vector in others):
        added = None if added is None else added.float().contiguous()
        if scale is not None and shift is not None:
            gain = 1 + scale.float()
            weight, bias = gain * weight, torch.addcmul(shift.float(), gain, bias)
        return GroupNormSilu.apply(x, added, weight.contiguous(), bias.contiguous(), groups, epsilon, silu)
    z = F.group_norm(x if added is None else x + added[:, :, None, None], groups, weight, bias, epsilon)
    if scale is not None and shift is not None:
        z = z * (1 + scale[:, :, None, None]) + shift[:, :, None, None]
    return F.silu(z) if silu else z
