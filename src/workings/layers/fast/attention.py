"""Attention for training, written out as two products and a softmax (1.1c-d): faster than the fused kernel at short lengths, and with dropout at any.

The scores of a causal square are cut into blocks of rows; a block's products stop at its last visible column.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from workings.layers.fast.available import SHORT, WIDEST, kernels_take
from workings.layers.fast.compiler import run

BLOCK = 256
"""Rows of a causal block; smaller products would lose more than they skip."""

LONGEST = 512
"""Without dropout, longer rows go to PyTorch's fused kernel."""


class WrittenOut(torch.autograd.Function):
    """y = dropout(softmax(scale q k^T)) v for each head; the weights before dropout are kept, the mask is made again."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, causal: bool, scale: float, p: float, key: int, first: int) -> Tensor:
        """q: [N, T, d], k and v: [N, S, d] -> [N, T, d]."""
        heads, rows, columns = q.shape[0], q.shape[1], k.shape[1]
        kept = q.new_empty(heads, rows, columns)
        weights = torch.empty_like(kept) if p else kept
        block = BLOCK if causal else rows
        spans = [(start, min(start + block, rows)) for start in range(0, rows, block)]
        for start, stop in spans:
            end = stop if causal else columns
            torch.bmm(q[:, start:stop], k[:, :end].mT, out=kept[:, start:stop, :end])
        run("softmax", weights, kept, kept, heads, rows, columns, block, int(causal), scale, SHORT[q.dtype], key, first, p)
        y = torch.empty_like(q)
        for start, stop in spans:
            end = stop if causal else columns
            torch.bmm(kept[:, start:stop, :end], v[:, :end], out=y[:, start:stop])
        ctx.save_for_backward(q, k, v, weights)
        ctx.given = causal, scale, p, key, first, block, spans
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        """dq, dk, dv."""
        q, k, v, weights = ctx.saved_tensors
        causal, scale, p, key, first, block, spans = ctx.given
        heads, rows, columns = weights.shape
        dy = dy.contiguous()
        dscores = torch.empty_like(weights)
        kept = torch.empty_like(weights) if p else weights
        for start, stop in spans:
            end = stop if causal else columns
            torch.bmm(dy[:, start:stop], v[:, :end].mT, out=dscores[:, start:stop, :end])
        run("softmax_backward", dscores, kept, weights, heads, rows, columns, block, int(causal), scale, SHORT[q.dtype], key, first, p)
        dq, dk, dv = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        for start, stop in spans:
            end = stop if causal else columns
            torch.bmm(dscores[:, start:stop, :end], k[:, :end], out=dq[:, start:stop])
        for start, stop in spans if causal else [(0, columns)]:
            below = start if causal else 0
            torch.bmm(dscores[:, below:, start:stop].mT, q[:, below:], out=dk[:, start:stop])
            torch.bmm(kept[:, below:, start:stop].mT, dy[:, below:], out=dv[:, start:stop])
        return dq, dk, dv, None, None, None, None, None


def takes(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, p: float) -> bool:
    """Whether writing attention out pays here: in training, without a mask, kernels at hand, rows short or dropped."""
    learning = torch.is_grad_enabled() and (q.requires_grad or k.requires_grad or v.requires_grad)
    same = q.dtype == k.dtype == v.dtype and q.shape[-1] == v.shape[-1]
    short = k.shape[-2] <= (WIDEST if p else LONGEST)
    return learning and mask is None and same and short and kernels_take(q, k, v)


def written_out(q: Tensor, k: Tensor, v: Tensor, causal: bool, scale: float, p: float = 0.0, key: int = 0, first: int = 0) -> Tensor:
    """sum_s a_ts v_s for each head. q: [B, M, T, d], k and v: [B, M, S, d] -> [B, M, T, d]; first: the number of the first row in the whole batch."""
    flat = [x.reshape(-1, *x.shape[-2:]) for x in (q, k, v)]
    return WrittenOut.apply(*flat, causal, float(scale), float(p), key, first).view(q.shape)
