"""What is done to a denoiser's estimate while drawing: guidance by a condition, cutting, known parts of a picture (statement 5.3a).

All of it acts on D(x, sigma), so it means the same whatever the network says; samplers derive eps from what comes out.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from workings.errors import BadInput
from workings.generation.samplers import Denoise


def guided(denoiser: Callable[..., Tensor], condition: Any = None, null: Any = None, weight: float = 0.0) -> Denoise:
    """(1 + w) D(x, sigma, condition) - w D(x, sigma, null), on all channels (Ho and Salimans 2022).

    w = 0 is the conditional model and w = -1 the one without a condition; either is asked alone. null: what stands for no condition, as trained (for classes, the
    number of classes), or a condition to keep away from.
    """
    if weight and condition is None:
        raise BadInput(f"Guidance {weight:g} needs a condition to follow, but there is none; give a label or a prompt, or leave guidance at 0.")
    if weight and null is None:
        raise BadInput(f"Guidance {weight:g} compares with what is drawn without a condition, which this model never learned; leave guidance at 0.")

    def denoise(x: Tensor, sigma: float) -> Tensor:
        if weight == 0:
            return denoiser(x, sigma, condition)
        without = denoiser(x, sigma, null)
        return without if weight == -1 else (1 + weight) * denoiser(x, sigma, condition) - weight * without

    return denoise


def clipped(denoise: Denoise, most: float) -> Denoise:
    """D cut to -most ... most; 0 leaves it."""
    return (lambda x, sigma: denoise(x, sigma).clamp(-most, most)) if most else denoise


def in_painting(denoise: Denoise, known: Tensor, mask: Tensor, eps: Tensor) -> Denoise:
    """Where the mask is true the data are known: there x is known + sigma eps and D is known, so that what is drawn around fits, and ends at the known exactly.

    known, eps: [B, ...]; mask: bool, broadcast over them.
    """
    try:
        fits = torch.broadcast_shapes(mask.shape, known.shape) == known.shape
    except RuntimeError:
        fits = False
    if not fits:
        raise BadInput(f"The mask is {list(mask.shape)} and the pictures are {list(known.shape)}; the mask must have their height and width.")

    def inside(x: Tensor, sigma: float) -> Tensor:
        return torch.where(mask, known, denoise(torch.where(mask, known + sigma * eps, x), sigma))

    return inside
