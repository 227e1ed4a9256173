"""What is done to a denoiser's estimate while drawing: guidance by a condition, and cutting (statements 5.3a, 5.3c).

All of it acts on D(x, sigma), so it means the same whatever the network says; samplers derive eps from what comes out.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from workings.errors import BadInput
from workings.generation.samplers import Denoise


def guided(denoiser: Callable[..., Tensor], condition: Any = None, weight: float = 0.0, null: Any = None) -> Denoise:
    """(1 + w) D(x, sigma, condition) - w D(x, sigma, null), on all channels (Ho and Salimans 2022).

    w = 0 is the conditional model and w = -1 the one without a condition; either is asked alone. null: None, which says nothing, as trained (of classes, a
    label of its own), or a condition to keep away from.
    """
    if weight and condition is None:
        raise BadInput(f"Guidance {weight:g} needs a condition to follow, but there is none; give a label or a prompt, or leave guidance at 0.")

    def denoise(x: Tensor, sigma: float) -> Tensor:
        if weight == 0:
            return denoiser(x, sigma, condition)
        without = denoiser(x, sigma, null)
        return without if weight == -1 else (1 + weight) * denoiser(x, sigma, condition) - weight * without

    return denoise


def clipped(denoise: Denoise, most: float) -> Denoise:
    """D cut to -most ... most; 0 leaves it."""
    return (lambda x, sigma: denoise(x, sigma).clamp(-most, most)) if most else denoise
