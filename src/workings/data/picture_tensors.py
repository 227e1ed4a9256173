"""Pictures that are tensors already, prepared for a model a batch at a time: without Pillow, on any device, of whole levels or between them, with gradients."""

import torch
from torch import Tensor

from workings.data.picture_settings import Preparation
from workings.data.pictures import numbers, prepared_pixels, sides
from workings.data.rand_augment import luminance
from workings.errors import BadInput

MODES = {"nearest": "nearest-exact", "bilinear": "bilinear", "bicubic": "bicubic"}
"""What PyTorch calls the filters of Pillow that it has; both make a pixel of the same pixels with the same weights."""


def of_channels(pictures: Tensor, channels: int) -> Tensor:
    """Gray pictures as color or color as gray, as Pillow turns one into the other. [B, 1 or 3, H, W], 0 ... 255 -> [B, channels, H, W], float32."""
    pictures = pictures.float()
    if pictures.shape[1] == channels:
        return pictures
    return pictures.expand(-1, channels, -1, -1) if pictures.shape[1] == 1 else luminance(pictures)


def prepared_tensors(pictures: Tensor, how: Preparation) -> Tensor:
    """Pictures of one size as a model wants them; resized, within about a level of `prepared`, which rounds on its way.

    pictures: uint8 or float, 0 ... 255, gray or color, [B, 1 or 3, H, W] -> [B, how.channels, H', W'], float32.
    """
    if pictures.ndim != 4 or pictures.shape[1] not in (1, 3):
        raise BadInput(f"The pictures are {list(pictures.shape)}; give [pictures, 1 or 3, height, width].")
    x, size = of_channels(pictures, how.channels), sides(pictures.shape[2], pictures.shape[3], how)
    if size == tuple(x.shape[2:]):
        return numbers(x, how)
    if how.filter not in MODES:  # rare, and left to Pillow
        return prepared_pixels(x.round().to(torch.uint8), how).to(x.device)
    smooth = how.filter != "nearest"
    for one in ((x.shape[2], size[1]), size):  # the width first; cubic polynomials go beyond the levels there are, and are cut off each time
        x = torch.nn.functional.interpolate(x, one, mode=MODES[how.filter], antialias=smooth, align_corners=False if smooth else None).clamp(0, 255)
    return numbers(x, how)
