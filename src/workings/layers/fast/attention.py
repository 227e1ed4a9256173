"""Attention for training, written out as two products and a softmax (1.1c-d): faster than the fused kernel at short lengths, and with dropout at any.

A few heads are done at a time, so that their scores stay in the cache from one product to the next. Long causal squares are cut into blocks of
rows, whose products stop at the last visible column. Padding is hidden by its place: the products are done in full, the softmax leaves it out.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from workings.layers.fast.available import SHORT, WIDEST, kernels_take
from workings.layers.fast.compiler import run
from workings.layers.masks import Mask

BLOCK = 256
"""Rows of a causal block; smaller products lose more than they skip."""

PIECE = {torch.bfloat16: 1 << 21, torch.float32: 1 << 24}
"""Bytes of scores that are worked on at a time; float32's products of a few heads lose more than the cache gains."""

LONGEST = 512
"""Without dropout, longer rows go to PyTorch's fused kernel."""


class WrittenOut(torch.autograd.Function):
    """y = dropout(softmax(scale q k^T)) v for each head; the weights before dropout are kept, the mask is made again."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, bounds: Tensor | None, causal: bool, scale: float, p: float, key: int, first: int) -> Tensor:
        """q: [N, T, d], k and v: [N, S, d]; bounds: int64 [N, 2], or None where every column counts -> [N, T, d]."""
        heads, rows, columns = q.shape[0], q.shape[1], k.shape[1]
        weights, y = q.new_empty(heads, rows, columns), torch.empty_like(q)
        spans, block = blocks(rows, columns, BLOCK if causal else 0)
        for some in pieces(heads, PIECE[q.dtype] // (rows * columns * q.element_size())):
            w, count, row = weights[some], some.stop - some.start, first + some.start * rows
            kept = torch.empty_like(w) if p else w
            for at, seen in spans:
                torch.bmm(q[some, at], k[some, seen].mT, out=kept[:, at, seen])
            run("softmax", w, kept, kept, within(bounds, some), count, rows, columns, block, int(causal), scale, SHORT[q.dtype], key, row, p)
            for at, seen in spans:
                torch.bmm(kept[:, at, seen], v[some, seen], out=y[some, at])
        ctx.save_for_backward(q, k, v, weights)
        ctx.given = bounds, causal, scale, p, key, first
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        """dq, dk, dv."""
        q, k, v, weights = ctx.saved_tensors
        bounds, causal, scale, p, key, first = ctx.given
        heads, rows, columns = weights.shape
        dy = dy.contiguous()
        dq, dk, dv = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        spans, block = blocks(rows, columns, BLOCK if causal else 0)
        for some in pieces(heads, PIECE[q.dtype] // (rows * columns * q.element_size())):
            w, count, row = weights[some], some.stop - some.start, first + some.start * rows
            dscores = torch.empty_like(w)
            kept = torch.empty_like(w) if p else w
            for at, seen in spans:
                torch.bmm(dy[some, at], v[some, seen].mT, out=dscores[:, at, seen])
            run("softmax_backward", dscores, kept, w, within(bounds, some), count, rows, columns, block, int(causal), scale, SHORT[q.dtype], key, row, p)
            for at, seen in spans:
                torch.bmm(dscores[:, at, seen], k[some, seen], out=dq[some, at])
            for at, below in [(at, slice(at.start, rows)) for at, _ in spans] if causal else [(slice(0, columns), slice(0, rows))]:
                torch.bmm(dscores[:, below, at].mT, q[some, below], out=dk[some, at])
                torch.bmm(kept[:, below, at].mT, dy[some, below], out=dv[some, at])
        return dq, dk, dv, None, None, None, None, None, None


def blocks(rows: int, columns: int, block: int) -> tuple[list[tuple[slice, slice]], int]:
    """Which rows are multiplied together, with the columns that they may see; and how many rows such a block has. block: 0 where every column may be seen."""
    if not block:
        return [(slice(0, rows), slice(0, columns))], rows
    ends = [(start, min(start + block, rows)) for start in range(0, rows, block)]
    return [(slice(start, end), slice(0, end)) for start, end in ends], block


def pieces(heads: int, fitting: int) -> list[slice]:
    """Heads whose scores are worked on together, at least one for each thread."""
    step = max(fitting, torch.get_num_threads(), 1)
    return [slice(start, min(start + step, heads)) for start in range(0, heads, step)]


def within(bounds: Tensor | None, some: slice) -> Tensor | None:
    """The bounds of some heads, if there are any."""
    return None if bounds is None else bounds[some]


def takes(q: Tensor, k: Tensor, v: Tensor, mask: Mask, p: float) -> bool:
    """Whether writing attention out pays here: kernels at hand, rows short or dropped; in training nothing hidden but by place, in use nothing and bfloat16.

    In use, PyTorch's kernel took 1.4 to 1.9 times as long in bfloat16 at 64 and 256 rows; in float32 it is as fast.
    """
    learning = torch.is_grad_enabled() and (q.requires_grad or k.requires_grad or v.requires_grad)
    whole = q.dtype == torch.bfloat16 and mask.seen is None and not mask.causal and q.shape[-2] > 1
    placed = mask.seen is None or mask.spans is not None
    same = q.dtype == k.dtype == v.dtype and q.shape[-1] == v.shape[-1]
    short = k.shape[-2] <= (WIDEST if p else LONGEST)
    return (placed if learning else whole) and same and short and kernels_take(q, k, v)


def written_out(q: Tensor, k: Tensor, v: Tensor, mask: Mask, scale: float, p: float = 0.0, key: int = 0, first: int = 0) -> Tensor:
    """sum_s a_ts v_s for each head. q: [B, M, T, d], k and v: [B, M, S, d], with S = T if causal; the mask without `seen`, or with `spans` -> [B, M, T, d].

    p, key and first: as in `dropout`, of the weights [B, M, T, S].
    """
    flat = [x.reshape(-1, *x.shape[-2:]) for x in (q, k, v)]
    bounds = None if mask.spans is None else mask.spans.repeat_interleave(q.shape[1], 0)
    return WrittenOut.apply(*flat, bounds, mask.causal, float(scale), float(p), key, first).view(q.shape)
