"""Dropout whose mask is a hash of (key, row, column): nothing is drawn, nothing is stored, and the backward pass makes the mask again (6.1c).

A row is the last dimension; rows are numbered through the whole batch, so `first`, the number of the first row at hand, gives the same mask
however a batch is cut. The hash mixes like lowbias32 (C. Wellons, "Prospecting for hash functions", 2018).
"""

from typing import Any

import torch
from torch import Tensor

from workings.layers.fast.available import SHORT, kernels_take
from workings.layers.fast.compiler import run

FIRST, SECOND = 0x7FEB352D, 0x846CA68B
WORD = 0xFFFFFFFF


def mix(x: Tensor) -> Tensor:
    """32 well-mixed bits of 32 bits, held in int64."""
    x = (x ^ (x >> 16)) * FIRST & WORD
    x = (x ^ (x >> 15)) * SECOND & WORD
    return x ^ (x >> 16)


def signed(x: Tensor) -> Tensor:
    """The same 32 bits as int32."""
    return torch.where(x > WORD >> 1, x - WORD - 1, x).to(torch.int32)


def bits(rows: int, width: int, key: int, first: int, device: torch.device | str = "cpu", numbers: Tensor | None = None) -> Tensor:
    """24 hashed bits an element, int32 [rows, width]. key: 63 bits; numbers: of the rows, [rows], if not 0, 1, 2, ..."""
    row = first + (torch.arange(rows, device=device) if numbers is None else numbers)
    a = mix((row & WORD) ^ (key & WORD))
    b = mix((a + (key >> 32) + (row >> 32) * 0x9E3779B9) & WORD)
    column = torch.arange(width, dtype=torch.int32, device=device)
    h = (column ^ signed(a)[:, None]) * FIRST
    h = (h ^ ((h >> 15) & 0x1FFFF) ^ signed(b)[:, None]) * (SECOND - WORD - 1)
    return (h >> 8) & 0xFFFFFF


def keep_mask(rows: int, width: int, p: float, key: int, first: int, device: torch.device | str = "cpu", numbers: Tensor | None = None) -> Tensor:
    """True where an element is kept, with probability 1 - p: [rows, width]. Other arguments as `bits`."""
    return bits(rows, width, key, first, device, numbers) >= int(p * 2**24 + 0.5)


def drop(x: Tensor, p: float, key: int, first: int, dtype: torch.dtype | None = None, numbers: Tensor | None = None) -> Tensor:
    """x m / (1 - p), in another precision if asked; no gradient."""
    dtype = dtype or x.dtype
    if kernels_take(x) and dtype in SHORT:
        x = x.contiguous()
        y = torch.empty_like(x, dtype=dtype)
        run("dropped", y, x, numbers, x.numel() // x.shape[-1], x.shape[-1], SHORT[x.dtype], SHORT[dtype], key, first, p)
        return y
    mask = keep_mask(x.numel() // max(x.shape[-1], 1), x.shape[-1], p, key, first, x.device, numbers).view(x.shape)
    wide = torch.promote_types(x.dtype, torch.float32)
    return torch.where(mask, x.to(wide) * torch.tensor(1 / (1 - p), dtype=wide), 0.0).to(dtype)


class Dropped(torch.autograd.Function):
    """y = x m / (1 - p)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, p: float, key: int, first: int, numbers: Tensor | None) -> Tensor:
        """[..., n] -> [..., n]."""
        ctx.given = p, key, first, numbers
        return drop(x, p, key, first, numbers=numbers)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None, None, None, None]:
        """dx = dy m / (1 - p): itself a dropout, so it can be differentiated again."""
        return dropout(dy, *ctx.given), None, None, None, None


def dropout(x: Tensor, p: float, key: int, first: int = 0, numbers: Tensor | None = None) -> Tensor:
    """y = x m / (1 - p) with m = 0 with probability p. x: [..., n]; key: 63 bits; first: the number of the first row of x in the whole batch.

    numbers: those of all rows after `first`, int64, where they are not 0, 1, 2, ...
    """
    return Dropped.apply(x, p, key, first, numbers)
