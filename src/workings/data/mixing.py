"""Two pictures become one, and so do their labels: MixUp (Zhang et al. 2018) and CutMix (Yun et al. 2019), statement 4.2b.

Every row of a batch gets a partner, by a permutation of the whole batch, and a share lambda of its own. The labels are probabilities and take the same lambda
and the same permutation; nothing else is done to them. Whoever has only some rows asks `partners` for theirs, fetches those, and has the same result.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from workings.data.draws import Draws
from workings.errors import BadInput

Pair = tuple[Tensor, Tensor]
"""Pictures [B, C, H, W] and labels [B, K]."""


def probabilities(labels: Tensor, classes: int) -> Tensor:
    """1 for the class, 0 for the others. labels: int64 [B] -> float32 [B, K]."""
    return F.one_hot(labels, classes).float()


def partners(draws: Draws, total: int) -> Tensor:
    """The number in the whole batch of the partner of each row at hand, int64 [B]. total: the rows of the whole batch."""
    return draws.at(0).permutation(total)[draws.rows]


def symmetric_beta(draws: Draws, alpha: float) -> Tensor:
    """From Beta(alpha, alpha), float64 [B].

    2 lambda - 1 = s sqrt(q / (1 + q)), q = (U^(-1 / alpha) - 1) cos^2(2 pi V), s the sign of the cosine: Student's t by Bailey's polar method, drawn
    back to an interval (Devroye 1996). Nothing is rejected, so a row takes two uniform numbers whatever alpha is.
    """
    u, v = draws.uniform(2).unbind(1)
    cosine = (2 * torch.pi * v).cos()
    q = ((1 - u) ** (-1 / alpha) - 1) * cosine**2  # 1 - u is never 0
    return (1 + cosine.sign() * (q / (1 + q)).nan_to_num(1.0).sqrt()) / 2  # infinity / infinity is 1


def checked_alpha(name: str, alpha: float) -> None:
    """Refuse what Beta(alpha, alpha) does not know."""
    if not alpha > 0:
        raise BadInput(f"The alpha of {name} is {alpha}; it must be above 0 (leave {name} out to do without it).")


@dataclass(frozen=True)
class MixUp:
    """lambda x + (1 - lambda) x', lambda from Beta(alpha, alpha)."""

    alpha: float = 0.2

    def __post_init__(self) -> None:
        checked_alpha("MixUp", self.alpha)

    def __call__(self, mine: Pair, others: Pair, draws: Draws) -> Pair:
        """others: the pictures and labels of the partners. Pictures of whole levels become float32, still 0 ... 255."""
        share = symmetric_beta(draws.at(1), self.alpha).float()
        pictures, other_pictures = (pair[0] if pair[0].is_floating_point() else pair[0].float() for pair in (mine, others))
        return mixed(pictures, other_pictures, share), mixed(mine[1], others[1], share)


@dataclass(frozen=True)
class CutMix:
    """A rectangle of x' in x: sides sqrt(1 - lambda) of the picture's around a drawn middle, cut off at the border; the labels take the share that is seen."""

    alpha: float = 1.0

    def __post_init__(self) -> None:
        checked_alpha("CutMix", self.alpha)

    def __call__(self, mine: Pair, others: Pair, draws: Draws) -> Pair:
        """others: the pictures and labels of the partners."""
        inside = self.rectangles(draws, *mine[0].shape[2:])
        share = 1 - inside.float().mean((1, 2))
        return torch.where(inside[:, None], others[0], mine[0]), mixed(mine[1], others[1], share)

    def rectangles(self, draws: Draws, height: int, width: int) -> Tensor:
        """Where the partner is seen, bool [B, H, W]."""
        side = (1 - symmetric_beta(draws.at(1), self.alpha)).sqrt()
        places = draws.at(2).uniform(2)
        rows, columns = (self.between(places[:, axis], side, length) for axis, length in enumerate((height, width)))
        return rows[:, :, None] & columns[:, None]

    @staticmethod
    def between(place: Tensor, side: Tensor, length: int) -> Tensor:
        """Which of `length` pixels lie less than half of side * length from a middle, bool [B, length]."""
        half = ((side * length).long() // 2)[:, None]
        middle, pixel = (place * length).long()[:, None], torch.arange(length)
        return (pixel >= middle - half) & (pixel < middle + half)


@dataclass(frozen=True)
class Either:
    """One of several ways to mix, drawn for each batch."""

    ways: tuple[Callable[[Pair, Pair, Draws], Pair], ...] = (MixUp(0.8), CutMix(1.0))

    def __call__(self, mine: Pair, others: Pair, draws: Draws) -> Pair:
        """others: the pictures and labels of the partners."""
        one = draws.at(3).of(torch.zeros(1, dtype=torch.int64)).uniform()
        return self.ways[int(one * len(self.ways))](mine, others, draws)


def mixed(x: Tensor, other: Tensor, share: Tensor) -> Tensor:
    """lambda x + (1 - lambda) x'. share: lambda [B]."""
    share = share.to(x.dtype).view(-1, *[1] * (x.ndim - 1))
    return share * x + (1 - share) * other
