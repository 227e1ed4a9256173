"""How the pixels of a picture, 0 ... 255, become the values that a density is taken of: coins, gray values, or real numbers (statements 5.1b, 5.1d).

fixed:       1 with probability pixel / 255, drawn once: a hash of the whole picture and the place, so that the same picture is always the same binary picture
dynamic:     1 with probability pixel / 255, drawn anew in each step of training; in evaluation as `fixed`
gray:        pixel / 255, as it is; for coins the result is a cross-entropy and no likelihood
dequantized: (pixel + u) / 256 with u uniform in (0, 1), anew in each step, in evaluation always the same for the same picture; what a density needs, since
             numbers of which there are only 256 could be given one without bound
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from workings.layers.fast.coins import thrown
from workings.layers.fast.noise import uniform
from workings.layers.randomness import mix

BINARIZATIONS = ("fixed", "dynamic", "gray", "dequantized")
KEY = mix(784)
"""Of the draws that are always the same, for every run: what two runs are measured on has to be the same."""
MULTIPLIER = 0x9E3779B97F4A7C15 - 2**64
"""2^64 / the golden ratio, as a signed number."""


def picture_keys(pictures: Tensor) -> Tensor:
    """A hash of each picture. uint8 [B, ...] -> int64 [B]."""
    bytes = pictures.flatten(1).contiguous()
    words = F.pad(bytes, (0, -bytes.shape[1] % 8)).view(torch.int64)
    weights = torch.arange(1, words.shape[1] + 1, device=words.device) * MULTIPLIER | 1  # odd, so that no bit of a word is lost
    mixed = (words ^ (words >> 29)) * weights  # a product moves bits up alone; the shift brings some down
    return (mixed ^ (mixed >> 32)).sum(1)


def pixel_values(pictures: Tensor, how: str, key: int | None = None, first: int = 0) -> Tensor:
    """uint8 [B, C, H, W] -> float32 [B, C, H, W].

    how: one of the above. key: of the step in training, and the number of the first row in the whole batch; without a key, the draws that are always the same.
    """
    if how == "gray":
        return pictures.float() / 255
    key, first, numbers = (key, first, None) if key is not None and how != "fixed" else (KEY, 0, picture_keys(pictures))
    if how != "dequantized":
        return thrown(pictures, key, first, numbers)
    return (pictures + uniform(len(pictures), pictures[0].numel(), key, first, pictures.device, numbers).view_as(pictures)) / 256
