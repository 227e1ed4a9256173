"""Progressive growing as a pure function of how many pictures have been seen (Karras et al. 2018, section 2; statement 5.2c)."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Growth:
    """How far two players have grown."""

    stage: int
    """How often the first size has been doubled."""
    alpha: float
    """The part of the newest size in what is drawn; 1 when it has been faded in."""


def growth(seen: int, stages: int, stable: int, fade: int) -> Growth:
    """The growth after `seen` pictures: `stable` of them at the first size, then at each of `stages` more `fade` over which it comes in, and `stable` again.

    Without any pictures to grow over, everything is there from the start.

    >>> [growth(seen, 2, 100, 50) for seen in (99, 100, 125, 150)][1:3]
    [Growth(stage=1, alpha=0.0), Growth(stage=1, alpha=0.5)]
    """
    if stages == 0 or stable + fade == 0:
        return Growth(stages, 1.0)
    if seen < stable:
        return Growth(0, 1.0)
    stage = min(1 + (seen - stable) // (stable + fade), stages)
    within = seen - stable - (stage - 1) * (stable + fade)
    return Growth(stage, min(1.0, within / fade) if fade else 1.0)


def doubled(x: Tensor, times: int = 1) -> Tensor:
    """Every pixel twice in both directions, so many times. [B, C, H, W] -> [B, C, 2^times H, 2^times W]."""
    return F.interpolate(x, scale_factor=float(2**times), mode="nearest") if times else x


def halved(x: Tensor, times: int = 1) -> Tensor:
    """The mean of each 2 x 2 pixels, so many times. [B, C, H, W] -> [B, C, H / 2^times, W / 2^times]."""
    return F.avg_pool2d(x, 2**times) if times else x


def faded(old: Tensor, new: Tensor, alpha: float) -> Tensor:
    """(1 - alpha) old + alpha new, of one shape."""
    return new if alpha == 1 else old.lerp(new, alpha)


def real_at(x: Tensor, now: Growth, stages: int) -> Tensor:
    """Real pictures as they are shown at a stage: as small as those that are drawn, and as blurred while a size fades in.

    x: of the last size, [B, C, H, W] -> [B, C, H / 2^(stages - stage), ...].
    """
    small = halved(x, stages - now.stage)
    return small if now.alpha == 1 else faded(doubled(halved(small)), small, now.alpha)
