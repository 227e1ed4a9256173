"""A part of a picture is known and the rest is drawn: RePaint (Lugmayr et al. 2022), with any sampler."""

import math
from collections.abc import Callable
from itertools import count

import torch
from torch import Tensor

from workings.errors import BadInput
from workings.generation.samplers import Denoise, Noise, Watch, nobody


def beside_known(denoise: Denoise, known: Tensor, mask: Tensor, eps: Tensor) -> Denoise:
    """Where the mask is true, x is shown as known + sigma eps and D is known; elsewhere they are as they were. known, eps: [B, ...], mask: bool, broadcast."""
    return lambda x, sigma: torch.where(mask, known, denoise(torch.where(mask, known + sigma * eps, x), sigma))


def in_paint(
    sampler: Callable[..., Tensor],
    denoise: Denoise,
    x: Tensor,
    levels: Tensor,
    noise: Noise,
    known: Tensor,
    mask: Tensor,
    times: int = 1,
    watch: Watch = nobody,
) -> Tensor:
    """What is known stays exactly, and the rest is drawn around it.

    Each step is taken `times` times, going back between with x + sqrt(now^2 - then^2) n: what was drawn then meets the known part anew, and fits it better the
    more often it does. Samplers take single steps here, so that DPM-Solver++ is DDIM. sampler: of SAMPLERS; known: [B, ...]; mask: bool, broadcast over it.
    """
    check_mask(known, mask)
    number = count()
    for i in range(len(levels) - 1):
        now, then = levels[i : i + 2].tolist()
        for left in reversed(range(times if then else 1)):
            told = (lambda _, *seen, i=i: watch(i, *seen)) if left == 0 else nobody
            x = sampler(beside_known(denoise, known, mask, noise(next(number))), x, levels[i : i + 2], lambda _: noise(next(number)), told)
            if left:
                x = x + math.sqrt(now**2 - then**2) * noise(next(number))
    return x


def check_mask(known: Tensor, mask: Tensor) -> None:
    """Refuse a mask that is not of the size of the pictures."""
    try:
        fits = torch.broadcast_shapes(mask.shape, known.shape) == known.shape
    except RuntimeError:
        fits = False
    if not fits or mask.dtype != torch.bool:
        raise BadInput(f"The mask is {list(mask.shape)} of {mask.dtype} and the pictures are {list(known.shape)}; it must be true or false for their pixels.")
