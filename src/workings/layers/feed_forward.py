"""The feed-forward part of a layer: y' = phi(B y + b_B), y'' = C y' + b_C (statement 1.1d)."""

import torch.nn.functional as F
from torch import Tensor, nn

from workings.layers.fast.pointwise import gelu, gelu_tanh
from workings.layers.linear import Linear

PHI = {"relu": F.relu, "gelu": gelu, "gelu-tanh": gelu_tanh, "silu": F.silu}
"""The nonlinearities of one argument."""


class FeedForward(nn.Module):
    """C phi(B z + b_B) + b_C; B is `up`, C is `down`. z: [B, T, D] -> [B, T, D]."""

    def __init__(self, width: int, inner: int, phi: str, bias: bool):
        super().__init__()
        self.up = Linear(width, inner, bias=bias)
        self.down = Linear(inner, width, bias=bias)
        self.phi = PHI[phi]

    def forward(self, z: Tensor) -> Tensor:
        """z: [B, T, D] -> [B, T, D]."""
        return self.down(self.phi(self.up(z)))


class GatedFeedForward(nn.Module):
    """C (phi(G z + b_G) * (B z + b_B)) + b_C (Shazeer 2020); G is `gate`, phi is silu unless told otherwise. z: [B, T, D] -> [B, T, D]."""

    def __init__(self, width: int, inner: int, bias: bool, phi: str = "silu"):
        super().__init__()
        self.gate = Linear(width, inner, bias=bias)
        self.up = Linear(width, inner, bias=bias)
        self.down = Linear(inner, width, bias=bias)
        self.phi = PHI[phi]

    def forward(self, z: Tensor) -> Tensor:
        """z: [B, T, D] -> [B, T, D]."""
        return self.down(self.phi(self.gate(z)) * self.up(z))


def make_feed_forward(width: int, inner: int, phi: str, bias: bool) -> nn.Module:
    """The feed-forward part that phi names."""
    return GatedFeedForward(width, inner, bias) if phi == "gated" else FeedForward(width, inner, phi, bias)
