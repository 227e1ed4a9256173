"""Inception-v3 as FID is defined with it (Szegedy et al. 2016; Heusel et al. 2017): TensorFlow's network of 2015-12-05, with what sets it apart.

Its means over 3 x 3 pixels leave out what lies outside of the map, its last block takes the largest of them instead, norms add 0.001 to the variance, and
pictures are resized as TensorFlow 1 did, by weights of two neighbors whose first pixels lie on each other. Each of these moves a FID.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIZE, WIDTH = 299, 2048
"""The side of the pictures it sees, and its features."""
EPSILON = 1e-3
"""Added to the variance by its norms."""

Window = tuple[int, int]


class Convolution(nn.Module):
    """relu(N(W * x)), with a window of any height and width; the map keeps its size where `padded`, else loses the border."""

    def __init__(self, inputs: int, outputs: int, window: Window = (1, 1), stride: int = 1, padded: bool = True):
        super().__init__()
        padding = (window[0] // 2, window[1] // 2) if padded else 0
        self.convolution = nn.Conv2d(inputs, outputs, window, stride, padding, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H', W']."""
        return F.relu(self.norm(self.convolution(x)))


class Fork(nn.Module):
    """A wide and a high window beside each other: their channels one after the other."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.wide, self.high = Convolution(inputs, outputs, (1, 3)), Convolution(inputs, outputs, (3, 1))

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, 2 outputs, H, W]."""
        return torch.cat([self.wide(x), self.high(x)], dim=1)


POOLS = {
    "mean": lambda x: F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False),
    "max": lambda x: F.max_pool2d(x, 3, stride=1, padding=1),
    "halve": lambda x: F.max_pool2d(x, 3, stride=2),
}
"""What a block makes of 3 x 3 pixels."""


class Block(nn.Module):
    """Several ways through the same map, whose channels lie one after the other: chains of convolutions, and a pool, perhaps with a convolution after it."""

    def __init__(self, branches: list[nn.Sequential], pool: str, projection: nn.Module | None = None):
        super().__init__()
        self.branches, self.pool = nn.ModuleList(branches), POOLS[pool]
        self.projection = projection if projection is not None else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H', W']."""
        return torch.cat([*(branch(x) for branch in self.branches), self.projection(self.pool(x))], dim=1)


def chain(inputs: int, *parts: tuple) -> nn.Sequential:
    """Convolutions one after the other, each given by its outputs, window, stride and padding."""
    widths = (inputs, *(part[0] for part in parts))
    return nn.Sequential(*(Convolution(width, *part) for width, part in zip(widths, parts, strict=False)))


def square(inputs: int, pooled: int) -> Block:
    """Windows of 1 x 1, 5 x 5 and twice 3 x 3, on maps of 35 x 35."""
    branches = [chain(inputs, (64,)), chain(inputs, (48,), (64, (5, 5))), chain(inputs, (64,), (96, (3, 3)), (96, (3, 3)))]
    return Block(branches, "mean", Convolution(inputs, pooled))


def long(inner: int) -> Block:
    """Windows of 7 x 7 as 1 x 7 and 7 x 1, on maps of 17 x 17."""
    wide, high = (1, 7), (7, 1)
    once, twice = [(inner,), (inner, wide), (192, high)], [(inner,), (inner, high), (inner, wide), (inner, high), (192, wide)]
    return Block([chain(768, (192,)), chain(768, *once), chain(768, *twice)], "mean", Convolution(768, 192))


def forked(inputs: int, pool: str) -> Block:
    """Windows of 3 x 3 that end in a fork, on maps of 8 x 8."""
    once, twice = chain(inputs, (384,)), chain(inputs, (448,), (384, (3, 3)))
    return Block([chain(inputs, (320,)), once.append(Fork(384, 384)), twice.append(Fork(384, 384))], pool, Convolution(inputs, 192))


class Inception(nn.Module):
    """Pictures of levels, float [B, 3, H, W] with 0 ... 255 -> features [B, 2048], the mean over the pixels of the last map.

    Parameters: `stem.{i}`; `blocks.{b}.branches.{i}.{j}`, `.wide` and `.high` of a fork, and `.projection`; all convolutions with their norms.
    """

    def __init__(self) -> None:
        super().__init__()
        three, halved = (3, 3), (2, False)
        first = chain(3, (32, three, *halved), (32, three, 1, False), (64, three))
        second = chain(64, (80,), (192, three, 1, False))
        self.stem = nn.Sequential(*first, nn.MaxPool2d(3, stride=2), *second, nn.MaxPool2d(3, stride=2))
        smaller = Block([chain(288, (384, three, *halved)), chain(288, (64,), (96, three), (96, three, *halved))], "halve")
        long_way = chain(768, (192,), (192, (1, 7)), (192, (7, 1)), (192, three, *halved))
        smallest = Block([chain(768, (192,), (320, three, *halved)), long_way], "halve")
        blocks = [
            square(192, 32),
            square(256, 64),
            square(288, 64),
            smaller,
            *map(long, (128, 160, 160, 192)),
            smallest,
            forked(1280, "mean"),
            forked(2048, "max"),
        ]
        self.blocks = nn.Sequential(*blocks)

    def forward(self, pictures: Tensor) -> Tensor:
        """As the class says."""
        x = (resized(pictures, SIZE) - 128) / 128
        return self.blocks(self.stem(x)).mean((2, 3))


def resized(x: Tensor, side: int) -> Tensor:
    """TensorFlow 1's bilinear resizing: pixel i is what lies at i W / side, between the pixels before and behind it. [B, C, H, W] -> [B, C, side, side]."""
    for dim in (3, 2):
        place = torch.arange(side, device=x.device, dtype=torch.float32) * torch.tensor(x.shape[dim] / side, dtype=torch.float32, device=x.device)
        before = place.long()
        behind = (before + 1).clamp(max=x.shape[dim] - 1)
        part = (place - before).to(x.dtype).view(-1, *[1] * (3 - dim))
        x = x.index_select(dim, before).lerp(x.index_select(dim, behind), part)
    return x
