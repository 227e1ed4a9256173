"""MNIST-1D (Greydanus and Kobak 2024): ten shapes on a line, made by code, small enough that any network learns them in seconds.

A digit is a line of 12 numbers. It is padded with zeros, stretched, scaled, moved, drowned in noise where it is not, sheared, and read at 40 places. What
tells the classes apart is a shape, wherever it lies, so it counts what a network takes for granted: neighbors, an order, or nothing.
All numbers are those of the paper's appendix and of the generator that is published with it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

CLASSES = 10
LENGTH = 40
"""The numbers of an example."""
TEMPLATES = (
    (5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5),
    (5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5),
    (5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5),
    (5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5),
    (5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5),
    (5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5),
    (5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5),
    (5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5),
)
"""The digits 0 ... 9: how far from a line each of 12 points of a stroke lies."""
HEIGHT = 1 / 6
"""Of a digit's standard deviation."""
PADDING = (36, 60)
"""The least and the most zeros behind a digit; then 72 numbers are made of all."""
PADDED = 72
SCALE, SHEAR, MOVED = 0.4, 0.75, 48
"""How far a digit's size varies around 1 and a line's slope around 0, in all; and by up to how many places it is moved, around the end."""
CORRELATED, INDEPENDENT = 0.25, 0.02
"""The deviation of the noise that is smoothed where no digit is, before it is smoothed, and of what is added everywhere."""
SMOOTH, REACH = 2.0, 8
"""Of the Gaussian that smooths it: its deviation, and how far it reaches."""
SPAN = 1.0
"""Numbers from -SPAN to SPAN become the levels of pictures; hardly any are beyond."""


def templates() -> Tensor:
    """The ten digits, each with deviation HEIGHT and beginning at 0. [10, 12]."""
    x = torch.tensor(TEMPLATES)
    x = (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True, correction=0)
    return HEIGHT * (x - x[:, :1])


def read_at(lines: Tensor, places: Tensor) -> Tensor:
    """Lines [N, L] at places between their points, [N, n], joined by straight lines."""
    low = places.floor().long().clamp(max=lines.shape[1] - 2)
    return torch.lerp(lines.gather(1, low), lines.gather(1, low + 1), places - low)


def smoothed(noise: Tensor) -> Tensor:
    """Noise [N, L] under a Gaussian window; at the ends it is mirrored."""
    window = torch.exp(-0.5 * (torch.arange(-REACH, REACH + 1) / SMOOTH) ** 2)
    ends = torch.cat([noise[:, :REACH].flip(1), noise, noise[:, -REACH:].flip(1)], 1)
    return F.conv1d(ends[:, None], (window / window.sum())[None, None])[:, 0]


def mnist1d(count: int, seed: int = 42, shuffled: bool = False) -> tuple[Tensor, Tensor]:
    """Examples float32 [count, 40] and their digits int64 [count]; any that follow each other are of all classes. shuffled: one order of places for all."""
    g = torch.Generator().manual_seed(seed)
    digits = torch.stack([torch.randperm(CLASSES, generator=g) for _ in range(-(-count // CLASSES))]).flatten()[:count]

    def drawn() -> Tensor:
        return torch.rand(count, 1, generator=g)

    stroke = templates().shape[1]
    zeros = PADDING[0] + (drawn() * (PADDING[1] - PADDING[0] + 1)).floor()
    line = F.pad(templates()[digits], (0, PADDING[1]))
    places = torch.arange(PADDED) * (stroke + zeros - 1) / (PADDED - 1)  # stretched to one length, however many zeros there are
    x = read_at(line, places) * (1 + SCALE * (drawn() - 0.5))
    move = (drawn() * MOVED).long()
    around = (torch.arange(PADDED) - move) % PADDED
    x, inside = x.gather(1, around), (places < stroke).gather(1, around)
    x = torch.where(inside, x, smoothed(CORRELATED * torch.randn(count, PADDED, generator=g)))
    x = x + INDEPENDENT * torch.randn(count, PADDED, generator=g)
    x = x - SHEAR * (drawn() - 0.5) * torch.linspace(-0.5, 0.5, PADDED)
    x = read_at(x, torch.linspace(0, PADDED - 1, LENGTH).expand(count, -1))
    return (x[:, torch.randperm(LENGTH, generator=g)] if shuffled else x), digits


def as_pictures(x: Tensor, upright: bool = False) -> Tensor:
    """Examples [N, 40] as gray pictures of one row, uint8 [N, 1, 40], or of one column, [N, 40, 1]: 256 levels, finer than the noise."""
    levels = ((x / SPAN + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return levels[:, :, None] if upright else levels[:, None, :]
