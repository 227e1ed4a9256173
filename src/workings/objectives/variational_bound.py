"""The variational bound of diffusion on -log p(x), in nats and in bits a dimension (Ho et al. 2020, equation 5), statement 5.3a.

-log p(x) <= KL(q(z_T | x) || p(z_T)) + sum_(t > 1) E KL(q(z_(t-1) | z_t, x) || p(z_(t-1) | z_t)) - E log p(x | z_1).

It holds for the steps that are taken: any falling levels are a chain of their own, and few give a looser bound of a shorter chain. Divergences do not
change when z is scaled, so all is said of z / alpha = x + sigma eps.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from workings.errors import BadInput
from workings.layers.fast.noise import normal
from workings.layers.randomness import draw_key, mix
from workings.objectives.noise_schedule import NoiseSchedule

BOUND = -4
"""The place of the draws, which no layer of a model has."""
LEVELS = 256
"""Of a number of a picture; x = 2 level / 255 - 1."""
LEAST = 1e-12
"""A probability that is less counts as this."""


@dataclass(frozen=True)
class Bound:
    """The terms in nats for each row, float64: prior [B], steps [B, n - 1] from the most noise to the least, decoder [B]."""

    prior: Tensor
    steps: Tensor
    decoder: Tensor

    @property
    def nats(self) -> Tensor:
        """The bound on -log p(x), [B]."""
        return self.prior + self.steps.sum(1) + self.decoder

    def bits(self, dimensions: int) -> Tensor:
        """Bits a dimension: nats / (D ln 2), [B]."""
        return self.nats / (dimensions * math.log(2))


def prior_divergence(x: Tensor, schedule: NoiseSchedule, sigma: float) -> Tensor:
    """KL(N(x, sigma^2 I) || N(0, s^2 I)), s the deviation where drawing begins. x: [B, ...] -> float64 [B]."""
    ratio = (sigma / schedule.start()) ** 2
    square = (x.double().flatten(1) / schedule.start()).square()
    return (square + ratio - 1 - math.log(ratio)).sum(1) / 2


def step_divergence(x: Tensor, estimate: Tensor, now: float, then: float, variance: str = "small") -> Tensor:
    """KL(q(z_then | z_now, x) || p(z_then | z_now)): two Gaussians whose means are r z + (1 - r) x and r z + (1 - r) D, r = then^2 / now^2.

    variance "small": both have that of q, then^2 (1 - r), and what is left is (SNR_then - SNR_now) |x - D|^2 / 2 (Kingma et al. 2021); "large": p has the
    step's beta (`ancestral_variance`). x, estimate: [B, ...] -> float64 [B].
    """
    r = (then / now) ** 2
    square = (x - estimate).double().flatten(1).square()
    mine, theirs = ancestral_variance(now, then, "small"), ancestral_variance(now, then, variance)
    ratio = mine / theirs
    return (ratio - 1 - math.log(ratio) + (1 - r) ** 2 * square / theirs).sum(1) / 2


def ancestral_variance(now: float, then: float, variance: str) -> float:
    """The variance of z_then / alpha_then, given z_now and the data ("small"), or beta / alpha_then^2 where variance is preserved ("large")."""
    if variance == "large":
        return (now**2 - then**2) * (1 + then**2) / (1 + now**2)
    return then**2 * (now**2 - then**2) / now**2


def decoder_nats(x: Tensor, mean: Tensor, deviation: float) -> Tensor:
    """-log p(x), p the part of N(mean, deviation^2) within half a level of x; the outermost levels have all that is beyond (Ho et al. 2020, equation 13).

    x: [B, ...], levels of pictures as 2 level / 255 - 1. Returns float64 [B].
    """
    x, mean = x.double(), mean.double()
    half = 1 / (LEVELS - 1)
    above, below = ((x + side - mean) / deviation for side in (half, -half))
    above = above.masked_fill(x > 1 - half, math.inf)
    below = below.masked_fill(x < -1 + half, -math.inf)
    flipped = above + below > 0  # taken on the side of the tail, where small differences are exact
    above, below = torch.where(flipped, -below, above), torch.where(flipped, -above, below)
    inside = torch.special.ndtr(above) - torch.special.ndtr(below)
    return -inside.clamp(min=LEAST).log().flatten(1).sum(1)


def variational_bound(
    denoiser: Callable[..., Tensor], x: Tensor, levels: Tensor, schedule: NoiseSchedule, condition: Any = None, variance: str = "small"
) -> Bound:
    """Every term of the bound once, with noise that is a function of the key, the row and the term.

    denoiser: D(x, sigma [B], condition); x: [B, ...] in -1 ... 1 in steps of 2 / 255; levels: [n + 1], from the most noise to 0, as drawing takes them.
    """
    if len(levels) < 2 or levels[-1] != 0 or not bool((levels[:-1] > levels[1:]).all()):
        raise BadInput(f"The noise levels of the bound are {levels.tolist()[:5]} ...; they must fall and end at 0.")
    key, first = draw_key(BOUND)
    steps, decoder = [], x.new_zeros(0)
    for number, (now, then) in enumerate(zip(levels.tolist(), levels[1:].tolist(), strict=False)):
        eps = normal(len(x), x[0].numel(), mix(key, number), first, x.device).view(x.shape).to(x.dtype)
        estimate = denoiser(x + now * eps, torch.full((len(x),), now, dtype=torch.float64), condition)
        if then:
            steps.append(step_divergence(x, estimate, now, then, variance))
        else:
            decoder = decoder_nats(x, estimate, float(schedule.alpha(levels[-2])) * now)
    empty = torch.zeros(len(x), 0, dtype=torch.float64)
    return Bound(prior_divergence(x, schedule, float(levels[0])), torch.stack(steps, 1) if steps else empty, decoder)
