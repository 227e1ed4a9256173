"""Cross-entropy over a vocabulary in one pass: PyTorch takes a copy in float32, its log-softmax, and two more of them for the gradient."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from workings.layers.fast.available import SHORT, kernels_take
from workings.layers.fast.compiler import run

WIDEST = 1 << 17
"""The largest vocabulary: the kernel keeps a row on the stack."""


class CrossEntropy(torch.autograd.Function):
    """The sum over rows of log(sum_j e^z_j) - (1 - s) z_t - s mean(z); the gradient is found on the way and kept instead of z."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, smoothing: float, ignore: int) -> Tensor:
        """logits: z [N, V], targets: t [N] -> a scalar, float32."""
        logits, rows, width = logits.contiguous(), *logits.shape
        losses = torch.empty(rows)
        gradient = torch.empty_like(logits) if ctx.needs_input_grad[0] else None
        run("cross_entropy", gradient, losses, logits, targets.contiguous(), rows, width, float(smoothing), ignore, SHORT[logits.dtype])
        ctx.save_for_backward(gradient)
        return losses.sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dloss: Tensor) -> tuple[Tensor | None, None, None, None]:
        """dz = dL (softmax(z) - (1 - s) [j = t] - s / V)."""
        (gradient,) = ctx.saved_tensors
        return gradient if dloss == 1 else gradient * dloss.to(gradient.dtype), None, None, None


def cross_entropy(logits: Tensor, targets: Tensor, smoothing: float = 0.0, ignore: int = -100) -> Tensor:
    """-sum_n sum_j q_nj log softmax(z_n)_j with q = (1 - smoothing) [j = t_n] + smoothing / V; rows with t_n = ignore count nothing. In nats, float32 at least.

    logits: z [N, V], targets: t [N] -> a scalar.
    """
    if takes(logits, targets, ignore):
        return CrossEntropy.apply(logits, targets, smoothing, ignore)
    logits = logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits
    return F.cross_entropy(logits, targets, ignore_index=ignore, label_smoothing=smoothing, reduction="sum")


def takes(logits: Tensor, targets: Tensor, ignore: int) -> bool:
    """Whether the kernel should do it; targets that are no token are PyTorch's to refuse."""
    if not kernels_take(logits, widest=WIDEST) or targets.dtype != torch.int64 or targets.device != logits.device:
        return False
    real = targets[targets != ignore]
    return not len(real) or bool(real.min() >= 0 and real.max() < logits.shape[-1])
