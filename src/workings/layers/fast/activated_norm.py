"""The largest of 2 x 2 pixels, and batch norm with GELU, in one pass over the numbers where PyTorch takes several.

The channels of a pixel lie side by side. With PyTorch alone, a step of the whitened network took 13 % more of the processor's time.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from workings.layers.fast.available import SHORT, WIDEST, kernels_take
from workings.layers.fast.compiler import run
from workings.layers.fast.pointwise import gelu


def takes(x: Tensor, *others: Tensor) -> bool:
    """Whether the kernels should work on maps [B, C, H, W]."""
    return kernels_take(x, *others) and x.shape[1] <= WIDEST


def by_pixel(x: Tensor) -> Tensor:
    """The same map with the channels of a pixel side by side."""
    return x.contiguous(memory_format=torch.channels_last)


class LargestOfFour(torch.autograd.Function):
    """z = the largest of each 2 x 2 pixels; of the map itself nothing is kept but which of the four it was, a byte each."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H / 2, W / 2], rounded down."""
        x = by_pixel(x)
        pictures, channels, height, width = ctx.shape = x.shape
        z = torch.empty((pictures, channels, height // 2, width // 2), dtype=x.dtype, memory_format=torch.channels_last)
        place = torch.empty_like(z, dtype=torch.uint8)
        run("largest_of_four", z, place, x, pictures, height, width, channels, SHORT[x.dtype])
        ctx.save_for_backward(place)
        return z

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dz: Tensor) -> Tensor:
        """dx = dz where the largest was, else 0."""
        pictures, channels, height, width = ctx.shape
        dx = torch.empty(ctx.shape, dtype=dz.dtype, memory_format=torch.channels_last)
        run("largest_of_four_backward", dx, by_pixel(dz), ctx.saved_tensors[0], pictures, height, width, channels, SHORT[dz.dtype])
        return dx


def largest_of_four(x: Tensor) -> Tensor:
    """`max_pool2d(x, 2)`. [B, C, H, W] -> [B, C, H / 2, W / 2], rounded down."""
    return LargestOfFour.apply(x) if takes(x) and min(x.shape[2:]) > 1 else F.max_pool2d(x, 2)


class NormGelu(torch.autograd.Function):
    """y = gelu((x - mean) / sqrt(variance + epsilon) + c + a), mean and variance of each channel over this batch."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, added: Tensor | None, bias: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
        """[B, C, H, W] -> the same, and the mean and the variance [C]."""
        x, added = by_pixel(x), None if added is None else by_pixel(added)
        (pictures, channels), pixels = x.shape[:2], x[0, 0].numel()
        middle, sums = x[0, :, 0, 0].float(), torch.empty(pictures, 2, channels)
        run("channel_sums", sums, x, middle, pictures, pixels, channels, SHORT[x.dtype])
        first, second = sums.sum(0, dtype=torch.float64) / (pictures * pixels)
        mean, variance = (middle + first).float(), (second - first * first).clamp(min=0)
        scale, y = (variance + epsilon).rsqrt().float(), torch.empty_like(x)
        run("norm_gelu", y, x, added, mean, scale, bias, pictures * pixels, channels, SHORT[x.dtype])
        ctx.save_for_backward(x, *([] if added is None else [added]), bias, mean, scale)
        variance = variance.float()
        ctx.mark_non_differentiable(mean, variance)
        return y, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor, *nothing: Tensor) -> tuple[Tensor, Tensor | None, Tensor, None]:
        """g = dy gelu'(u) is the gradient of a, its sum that of c, and dx = (g - mean(g) - z mean(g z)) / sqrt(variance + epsilon) with z the normalized x."""
        x, *added, bias, mean, scale = ctx.saved_tensors
        (pictures, channels), pixels = x.shape[:2], x[0, 0].numel()
        g, sums = torch.empty_like(x), torch.empty(pictures, 2, channels)
        of_added = added[0] if added else None
        run("norm_gelu_slopes", g, sums, by_pixel(dy), x, of_added, mean, scale, bias, pictures, pixels, channels, SHORT[x.dtype])
        total = sums.sum(0, dtype=torch.float64)
        over, along = (total / (pictures * pixels)).float()
        dx = g.clone() if added else g
        run("norm_backward", dx, x, mean, scale, over, along, pictures * pixels, channels, SHORT[x.dtype])
        return dx, g if added else None, total[0].float(), None


def norm_gelu(x: Tensor, added: Tensor | None, bias: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """gelu(N(x) + a) with batch norm N of this batch, without a scale; and the mean and the variance (divided by n) of each channel.

    x: [B, C, H, W]; added: a, likewise, or none; bias: [C]. Returns [B, C, H, W], [C], [C].
    """
    others = [] if added is None else [added]
    if takes(x, *others, bias) and bias.dtype == torch.float32 and all(a.dtype == x.dtype for a in others):
        return NormGelu.apply(x, added, bias, epsilon)
    wide = x.detach().to(torch.promote_types(x.dtype, torch.float32))
    variance, mean = torch.var_mean(wide, (0, 2, 3), correction=0)
    u = F.batch_norm(x, None, None, None, bias, True, 0.0, epsilon)
    return gelu(u if added is None else u + added), mean, variance


def known_norm_gelu(x: Tensor, added: Tensor | None, bias: Tensor, mean: Tensor, variance: Tensor, epsilon: float) -> Tensor:
    """gelu(N(x) + a) with statistics that are known. Arguments as `norm_gelu`; mean, variance: [C]. [B, C, H, W] -> the same."""
    others = [] if added is None else [added]
    wanted = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, bias, *others))
    if not wanted and takes(x, *others, bias, mean, variance) and bias.dtype == mean.dtype == torch.float32 and all(a.dtype == x.dtype for a in others):
        x, y = by_pixel(x), torch.empty_like(x, memory_format=torch.channels_last)
        others = [by_pixel(a) for a in others]
        scale = (variance + epsilon).rsqrt()
        run("norm_gelu", y, x, others[0] if others else None, mean, scale, bias, x.numel() // x.shape[1], x.shape[1], SHORT[x.dtype])
        return y
    u = F.batch_norm(x, mean, variance, None, bias, False, 0.0, epsilon)
    return gelu(u if added is None else u + added)
