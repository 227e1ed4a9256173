"""Augmentation that gradients run through, so that a discriminator of few pictures sees them, and what is drawn, in many forms (Zhao et al. 2020)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

SHIFT, HOLE = 1 / 8, 1 / 2
"""How far a picture is moved at most, as a part of its sides, and the sides of the square that is cut out."""


def color(x: Tensor, u: Tensor) -> Tensor:
    """Brightness moved by -0.5 ... 0.5, saturation times 0 ... 2, contrast times 0.5 ... 1.5. u: [B, 3]."""
    brightness, saturation, contrast = (u[:, i, None, None, None].to(x.dtype) for i in range(3))
    x = x + (brightness - 0.5)
    gray = x.mean(1, keepdim=True)
    x = gray + (x - gray) * (2 * saturation)
    level = x.mean((1, 2, 3), keepdim=True)
    return level + (x - level) * (contrast + 0.5)


def translation(x: Tensor, u: Tensor) -> Tensor:
    """Moved by up to an eighth in both directions, zeros behind. u: [B, 2]."""
    for dim in (2, 3):
        side = x.shape[dim]
        most = int(side * SHIFT + 0.5)
        moved = (u[:, dim - 2] * (2 * most + 1)).long().clamp(max=2 * most) - most  # B
        place = torch.arange(side, device=x.device) - moved[:, None]  # B side
        shape = [len(x), 1, side, 1] if dim == 2 else [len(x), 1, 1, side]
        inside = ((place >= 0) & (place < side)).view(shape)
        x = x.gather(dim, place.clamp(0, side - 1).view(shape).expand_as(x)) * inside
    return x


def cutout(x: Tensor, u: Tensor) -> Tensor:
    """A square of half the sides set to zero, its middle anywhere in the picture. u: [B, 2]."""
    covered = torch.ones_like(x[:, :1], dtype=torch.bool)
    for dim in (2, 3):
        side = x.shape[dim]
        hole = int(side * HOLE + 0.5)
        first = (u[:, dim - 2] * (side + 1 - hole % 2)).long() - hole // 2  # B
        place = torch.arange(side, device=x.device) - first[:, None]
        shape = [len(x), 1, side, 1] if dim == 2 else [len(x), 1, 1, side]
        covered = covered & ((place >= 0) & (place < hole)).view(shape)
    return x * ~covered


POLICIES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], int]] = {"color": (color, 3), "translation": (translation, 2), "cutout": (cutout, 2)}
"""Name -> what is done, and how many uniform numbers a picture needs for it."""


def numbers_needed(policy: Sequence[str]) -> int:
    """How many uniform numbers a picture needs."""
    return sum(POLICIES[name][1] for name in policy)


def augmented(x: Tensor, policy: Sequence[str], u: Tensor) -> Tensor:
    """Each picture changed as the policy says. x: [B, C, H, W] around -1 ... 1; u: uniform in [0, 1), [B, `numbers_needed(policy)`]."""
    parts = u.split([POLICIES[name][1] for name in policy], dim=1)
    for name, numbers in zip(policy, parts, strict=True):
        x = POLICIES[name][0](x, numbers)
    return x
