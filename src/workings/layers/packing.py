"""Batches without their padding: the rows of all sequences side by side, [1, N, D], for what looks at one row at a time; attention lays them apart again."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from workings.layers.fast.available import enabled, kernels_take
from workings.layers.fast.compiler import run

PAYS = 1 / 32
"""The part of a batch that must be padding for packing to save more than it costs."""


class Packing(NamedTuple):
    """Where the visible rows of sequences [B, T] are when they stand side by side."""

    places: Tensor
    """Of each of the N rows its place b T + t, int64 [N]."""
    rows: Tensor
    """Of each place its row, -1 for padding, int64 [B, T]."""

    def pack(self, x: Tensor) -> Tensor:
        """[B, T, ...] -> [1, N, ...]."""
        return Take.apply(x.flatten(0, 1), self.places)[None]

    def unpack(self, x: Tensor) -> Tensor:
        """[1, N, ...] -> [B, T, ...], 0 in the padding."""
        return Put.apply(x[0], self.places, self.rows.numel()).unflatten(0, self.rows.shape)

    def apart(self, x: Tensor, width: int) -> Tensor:
        """The heads of each sequence for themselves, 0 in the padding: [1, N, M width] -> [B, M, T, width]."""
        return Apart.apply(x[0], self, width)

    def together(self, x: Tensor) -> Tensor:
        """The inverse of `apart`: [B, M, T, width] -> [1, N, M width]."""
        return Together.apply(x, self)[None]


class Take(torch.autograd.Function):
    """Some rows of x; none twice."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, places: Tensor) -> Tensor:
        """[rows, ...] -> [N, ...]."""
        ctx.given = places, len(x)
        return x.index_select(0, places)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
        """Each row where it came from."""
        return Put.apply(dy, *ctx.given), None


class Put(torch.autograd.Function):
    """The inverse: x at those rows of zeros."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, places: Tensor, rows: int) -> Tensor:
        """[N, ...] -> [rows, ...]."""
        ctx.places = places
        return x.new_zeros(rows, *x.shape[1:]).index_copy_(0, places, x)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None, None]:
        """Those rows."""
        return Take.apply(dy, ctx.places), None, None


class Apart(torch.autograd.Function):
    """See `Packing.apart`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, packing: Packing, width: int) -> Tensor:
        """[N, M width] -> [B, M, T, width]."""
        ctx.packing = packing
        (sequences, length), heads = packing.rows.shape, x.shape[1] // width
        if kernels_take(x):
            y = x.new_empty(sequences, heads, length, width)
            run("heads_apart", y, x.contiguous(), packing.rows, sequences, length, heads, width * x.element_size())
            return y
        y = x.new_zeros(sequences * length, x.shape[1]).index_copy_(0, packing.places, x)
        return y.view(sequences, length, heads, width).transpose(1, 2)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None, None]:
        """The rows side by side again."""
        return Together.apply(dy, ctx.packing), None, None


class Together(torch.autograd.Function):
    """See `Packing.together`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, packing: Packing) -> Tensor:
        """[B, M, T, width] -> [N, M width]."""
        ctx.packing, ctx.width = packing, x.shape[-1]
        sequences, heads, length, width = x.shape
        if kernels_take(x):
            y = x.new_empty(len(packing.places), heads * width)
            run("heads_together", y, x.contiguous(), packing.rows, sequences, length, heads, width * x.element_size())
            return y
        return x.transpose(1, 2).reshape(sequences * length, heads * width).index_select(0, packing.places)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
        """The heads for themselves again."""
        return Apart.apply(dy, ctx.packing, ctx.width), None


def packing_of(visible: Tensor | None) -> Packing | None:
    """How to pack sequences of which so much is visible, [B, T]; None where it would not pay, and where a graph is traced."""
    traced = torch.compiler.is_compiling() or torch.compiler.is_exporting() or torch.jit.is_tracing()
    if visible is None or type(visible) is not Tensor or traced or not enabled():
        return None
    places = visible.flatten().nonzero()[:, 0]
    if len(places) > (1 - PAYS) * visible.numel():
        return None
    rows = torch.full((visible.numel(),), -1, device=visible.device)
    rows[places] = torch.arange(len(places), device=visible.device)
    return Packing(places, rows.view(visible.shape))
