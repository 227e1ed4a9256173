"""The time of a noisy picture becomes a vector: waves of many lengths, and a small network over them (Ho et al. 2020; statement 5.3b)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.layers.linear import Linear


def waves(time: Tensor, width: int, sines_first: bool = False, shift: int = 0, longest: float = 10_000.0) -> Tensor:
    """cos(t f_i) and sin(t f_i) with f_i = longest^(-i / (n - shift)), i < n = width / 2; cosines first unless told otherwise.

    time: [B] -> [B, width], float32 or the precision of the time if that is higher.
    """
    time = time.to(torch.promote_types(time.dtype, torch.float32))
    n = width // 2
    frequencies = (-math.log(longest) * torch.arange(n, dtype=time.dtype, device=time.device) / (n - shift)).exp()
    angle = time[:, None] * frequencies
    return torch.cat((angle.sin(), angle.cos()) if sines_first else (angle.cos(), angle.sin()), dim=-1)


class TimeEmbedding(nn.Module):
    """e = W_2 silu(W_1 waves(t) + b_1) + b_2. Parameters: `up` W_1 [E, width], b_1; `out` W_2 [E, E], b_2."""

    def __init__(self, width: int, outputs: int, sines_first: bool = False, shift: int = 0):
        super().__init__()
        self.width, self.sines_first, self.shift = width, sines_first, shift
        self.up, self.out = Linear(width, outputs), Linear(outputs, outputs)

    def forward(self, time: Tensor) -> Tensor:
        """[B] -> [B, E]."""
        return self.out(F.silu(self.up(waves(time, self.width, self.sines_first, self.shift).to(self.up.weight.dtype))))
