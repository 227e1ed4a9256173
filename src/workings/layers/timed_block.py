"""The pieces of the U-Net that convolve: the residual block that is told the time, halving and doubling (Ho et al. 2020; statement 5.3b)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.layers.dropping import Dropout
from workings.layers.group_norm import GroupNorm
from workings.layers.linear import Linear


class TimedBlock(nn.Module):
    """x -> S x + W_2 * silu(N_2(W_1 * silu(N_1(x)) + a)), with a = A silu(e) from the vector e of the time.

    With "scale-shift", a pair (s, t) = A silu(e) acts after the second norm instead: silu(N_2(.) (1 + s) + t).
    Parameters: `first_norm`, `first` W_1; `told` A [outputs, E] or [2 outputs, E]; `second_norm`, `second` W_2; `shortcut` S, a 1 x 1 convolution where the
    width changes.
    """

    def __init__(self, inputs: int, outputs: int, time_width: int, groups: int, epsilon: float, conditioning: str, dropout: float):
        super().__init__()
        pair = conditioning == "scale-shift"
        self.first_norm = GroupNorm(groups, inputs, epsilon)
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.told = Linear(time_width, 2 * outputs if pair else outputs)
        self.second_norm = GroupNorm(groups, outputs, epsilon)
        self.dropout = Dropout(dropout)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.tell = self.as_scale_and_shift if pair else self.as_addend

    def as_addend(self, told: Tensor) -> dict[str, Tensor]:
        """a."""
        return {"added": told}

    def as_scale_and_shift(self, told: Tensor) -> dict[str, Tensor]:
        """s and t."""
        scale, shift = told.chunk(2, dim=1)
        return {"scale": scale, "shift": shift}

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        """x: [B, inputs, H, W], e: silu of the time's vector, [B, E] -> [B, outputs, H, W]."""
        y = self.first(self.first_norm(x, silu=True))
        y = self.second_norm(y, silu=True, **self.tell(self.told(e)))
        y = self.dropout(y.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)  # a row of what is dropped are the channels of a pixel
        return self.shortcut(x) + self.second(y)


class Halving(nn.Module):
    """A 3 x 3 convolution of every second pixel; zeros stand around the picture, or with `end` only below and to the right. Parameters: `convolution`."""

    def __init__(self, width: int, edge: str):
        super().__init__()
        self.convolution = nn.Conv2d(width, width, 3, stride=2, padding=1 if edge == "both" else 0)
        self.padding = (0, 0, 0, 0) if edge == "both" else (0, 1, 0, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H / 2, W / 2], rounded up (rounded down with `end`)."""
        return self.convolution(F.pad(x, self.padding) if any(self.padding) else x)


def twice(weight: Tensor, dim: int) -> Tensor:
    """(w_0, w_1, w_2) -> (w_2, w_1 + w_2, w_0 + w_1, w_0) along a dimension: what each pixel adds to the four around it when there are two of it."""
    first, middle, last = weight.unbind(dim)
    return torch.stack((last, middle + last, first + middle, first), dim)


class Doubling(nn.Module):
    """Every pixel twice in each direction, then a 3 x 3 convolution W. Parameters: `convolution`.

    Two of the three pixels in a row of a window are the same, so where the size is doubled, a transposed convolution whose weights are sums of those of W says
    the same with 4/9 of the products.
    """

    def __init__(self, width: int, bias: bool = True):
        super().__init__()
        self.convolution = nn.Conv2d(width, width, 3, padding=1, bias=bias)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """[B, C, h, w] -> [B, C, *size]; size: that of the picture that was halved, where pixel (r, c) is taken from (r h / H, c w / W), rounded down."""
        if tuple(size) != (2 * x.shape[2], 2 * x.shape[3]):
            return self.convolution(F.interpolate(x, size=size, mode="nearest"))
        weight = twice(twice(self.convolution.weight, 2), 3).transpose(0, 1)
        return F.conv_transpose2d(x, weight, self.convolution.bias, stride=2, padding=1)
