"""The product y = x W^T + b through oneDNN: faster in float32 than the library that `F.linear` takes, and with a bias in bfloat16."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.layers.fast.available import autocast_type, enabled, has_bfloat16, has_onednn

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
        """dx = dy W, dW = dy^T x (where torch's own product is the faster one), db = sum of dy; can be differentiated again."""
        x, weight = ctx.saved_tensors
        dx = Linear.apply(dy.contiguous(), weight.t(), None) if ctx.needs_input_grad[0] else None
        dweight = dy.t() @ x if ctx.needs_input_grad[1] else None
        return dx, dweight, dy.sum(0) if ctx.biased else None


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = W x + b. x: [..., inputs] -> [..., outputs]."""
    dtype = autocast_type(x)
    if pays(x, weight, dtype):
        x, weight, bias = x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
        return Linear.apply(x.reshape(-1, x.shape[-1]), weight, bias).view(*x.shape[:-1], -1)
    return F.linear(x, weight, bias)


def pays(x: Tensor, weight: Tensor, dtype: torch.dtype) -> bool:
    """Whether oneDNN should be asked: large plain matrices in this machine's memory, in float32 or a bfloat16 that the processor has."""
    plain = type(x) is Tensor and type(weight) in (Tensor, nn.Parameter) and x.device.type == "cpu" and not torch.compiler.is_compiling()
    known = dtype == torch.float32 or (dtype == torch.bfloat16 and has_bfloat16())
    same = x.is_floating_point() and weight.dtype in (torch.float32, dtype)
    return plain and known and same and x.numel() * weight.shape[0] >= LEAST and enabled() and has_onednn() and not torch.jit.is_tracing()
