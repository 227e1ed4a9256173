"""GELU in both its forms, and layer norm, forward and backward in one pass each."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from workings.layers.fast.available import SHORT, autocast_type, kernels_take
from workings.layers.fast.compiler import run


class Gelu(torch.autograd.Function):
    """y = x F(x), with the normal distribution F or its tanh form; the slope is found on the way and kept instead of x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, form: str) -> Tensor:
        """[..., n] -> [..., n]. form: gelu or gelu_tanh."""
        x = x.contiguous()
        y, slope = torch.empty_like(x), torch.empty_like(x)
        run(form, y, slope, x, x.numel() // x.shape[-1], x.shape[-1], SHORT[x.dtype])
        ctx.save_for_backward(slope)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
        """dx = dy y'."""
        return dy * ctx.saved_tensors[0], None


def gelu(x: Tensor) -> Tensor:
    """GELU, x F(x) (Hendrycks and Gimpel 2016). [..., n] -> [..., n]."""
    return Gelu.apply(x, "gelu") if x.requires_grad and kernels_take(x) else F.gelu(x)


def gelu_tanh(x: Tensor) -> Tensor:
    """x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2, its form with tanh. [..., n] -> [..., n]."""
    return Gelu.apply(x, "gelu_tanh") if x.requires_grad and kernels_take(x) else F.gelu(x, approximate="tanh")


class LayerNorm(torch.autograd.Function):
    """y = (x - mean) / sqrt(var + epsilon) * g + c, from the precision of x to another."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, epsilon: float, dtype: torch.dtype) -> Tensor:
        """[..., n] -> [..., n]."""
        x = x.contiguous()
        rows, width = x.numel() // x.shape[-1], x.shape[-1]
        y, means, scales = torch.empty_like(x, dtype=dtype), x.new_empty(rows, dtype=torch.float32), x.new_empty(rows, dtype=torch.float32)
        run("layer_norm", y, means, scales, x, weight, bias, rows, width, float(epsilon), SHORT[x.dtype], SHORT[dtype])
        ctx.save_for_backward(x, weight, means, scales)
        ctx.biased = bias is not None
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor, Tensor | None, None, None]:
        """dx, dg and dc."""
        x, weight, means, scales = ctx.saved_tensors
        rows, width = means.numel(), x.shape[-1]
        parts = min(rows, 16)
        dx, dweight, dbias = torch.empty_like(x), weight.new_empty(parts, width), weight.new_empty(parts, width)
        run("layer_norm_backward", dx, dweight, dbias, dy.contiguous(), x, means, scales, weight, rows, width, parts, SHORT[x.dtype], SHORT[dy.dtype])
        return dx, dweight.sum(0), dbias.sum(0) if ctx.biased else None, None, None


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor | None, epsilon: float) -> Tensor:
    """Layer norm (Ba et al. 2016) of the last dimension; under autocast it answers in the precision of the product that follows. [..., n] -> [..., n]."""
    parameters = [p for p in (weight, bias) if p is not None]
    if kernels_take(x, *parameters) and all(p.dtype == torch.float32 for p in parameters) and autocast_type(x) in SHORT:
        return LayerNorm.apply(x, weight, bias, epsilon, autocast_type(x))
    return F.layer_norm(x, weight.shape, weight, bias, epsilon)
