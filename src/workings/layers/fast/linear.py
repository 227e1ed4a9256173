"""The product y = x W^T + b in exact float32 through oneDNN, which is faster than the one that `F.linear` takes."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.layers.fast.available import autocast_type, enabled, has_onednn

LEAST = 1 << 24
"""Multiplications below which the call costs more than it gains."""


def product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x W^T + b by oneDNN. x: [n, inputs], weight: [outputs, inputs] -> [n, outputs]."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


class Linear(torch.autograd.Function):
    """y = x W^T + b."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """[n, inputs] -> [n, outputs]."""
        ctx.save_for_backward(x, weight)
        ctx.biased = bias is not None
        return product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """dx = dy W, dW = dy^T x (where MKL is the faster one), db = sum of dy."""
        x, weight = ctx.saved_tensors
        dx = product(dy.contiguous(), weight.t(), None) if ctx.needs_input_grad[0] else None
        dweight = dy.t() @ x if ctx.needs_input_grad[1] else None
        return dx, dweight, dy.sum(0) if ctx.biased else None


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = W x + b. x: [..., inputs] -> [..., outputs]."""
    plain = type(x) in (Tensor, nn.Parameter) and type(weight) in (Tensor, nn.Parameter) and x.device.type == "cpu"
    exact = plain and x.dtype == weight.dtype == torch.float32 and autocast_type(x) == torch.float32 and x.numel() * weight.shape[0] >= LEAST
    if exact and enabled() and has_onednn() and not torch.compiler.is_compiling() and not torch.jit.is_tracing():
        return Linear.apply(x.reshape(-1, x.shape[-1]), weight, bias).view(*x.shape[:-1], -1)
    return F.linear(x, weight, bias)
