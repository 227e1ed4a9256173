"""Uniform and normal numbers that are hashes of (key, row, column): the same for a row however a batch is cut, and no generator's state to keep."""

import torch
from torch import Tensor

from workings.layers.fast.available import kernels_take
from workings.layers.fast.compiler import run
from workings.layers.fast.dropout import bits

LEAST = 1 << 6
"""Numbers from which on a call of the kernel is faster than twenty of PyTorch's."""


def uniform(rows: int, width: int, key: int, first: int = 0, device: torch.device | str = "cpu", numbers: Tensor | None = None) -> Tensor:
    """u in (0, 1), the middles of 2^23 intervals, which float32 holds exactly, float32 [rows, width].

    key: 63 bits; first: the number of the first row in the whole batch; numbers: those of all rows after `first`, int64 [rows], where they are not 0, 1, 2, ...
    """
    u = torch.empty(rows, width, device=device)
    if not kernels_take(u, widest=1 << 31, least=LEAST):
        return ((bits(rows, width, key, first, device, numbers) >> 1).float() + 0.5) * 2.0**-23
    run("uniform", u, numbers, rows, width, key, first)
    return u


def normal(rows: int, width: int, key: int, first: int = 0, device: torch.device | str = "cpu") -> Tensor:
    """Numbers from N(0, 1), float32 [rows, width]: the normal distribution's inverse at u, which reaches 5.3 deviations. Arguments as `uniform`."""
    return torch.erfinv(2 * uniform(rows, width, key, first, device) - 1).mul_(2**0.5)
