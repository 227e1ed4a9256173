"""What every denoising network is: one function of a noisy picture, a time and a condition (statements 5.3a-c).

    network(x, time, condition) -> [B, out_channels, H, W]

    x           [B, C, H, W]
    time        [B], a number for each picture; what it counts (steps, log sigma, ...) is the schedule's business
    condition   None; labels, int64 [B]; or a text, (vectors [B, T, D], visible bool [B, T])

`classes` itself is a label too, that of nothing; a text of which nothing is visible says nothing either: guidance subtracts what the network says for these.
None says nothing of any picture.
"""

from typing import Protocol

import torch
from torch import Tensor

from workings.errors import BadInput
from workings.models.denoiser_settings import DenoiserSettings

Condition = Tensor | tuple[Tensor, Tensor] | None
"""What is told beside the picture."""


class DenoisingNetwork(Protocol):
    """A network that the samplers and the losses can use."""

    settings: DenoiserSettings

    def __call__(self, x: Tensor, time: Tensor, condition: Condition = None) -> Tensor:
        """[B, C, H, W], [B] and a condition -> [B, out_channels, H, W]."""
        ...


def check_pictures(x: Tensor, time: Tensor, settings: DenoiserSettings) -> None:
    """Refuse what are no pictures with as many channels, or no time for each."""
    if x.ndim != 4 or x.shape[1] != settings.channels:
        raise BadInput(f"The pictures are {list(x.shape)}; this network takes [pictures, {settings.channels}, height, width].")
    if time.shape != (len(x),):
        raise BadInput(f"There are {len(x)} pictures but the times are {list(time.shape)}; give one number for each picture.")


def labels_of(condition: Condition, rows: int, settings: DenoiserSettings, device: torch.device) -> Tensor | None:
    """The labels [B] of a network that is told classes, those of nothing where no condition is given; None for another network."""
    if not settings.classes:
        if isinstance(condition, Tensor):
            raise BadInput("This network is told no classes; leave the labels out, or train one with model.classes.")
        return None
    if condition is None:
        if not settings.null_class:
            raise BadInput("This network has no label for nothing (model.null_class=false), so every picture needs its class.")
        return torch.full((rows,), settings.classes, device=device)
    if not isinstance(condition, Tensor) or condition.shape != (rows,) or condition.is_floating_point():
        raise BadInput(f"This network is told classes; give one label, 0 to {settings.labels - 1}, for each of the {rows} pictures.")
    return condition


def text_of(condition: Condition, rows: int, settings: DenoiserSettings, like: Tensor) -> tuple[Tensor, Tensor] | None:
    """The vectors [B, T, D] of a network that is told texts, and which are visible [B, T], none without a condition; None for another network."""
    if not settings.text_width:
        if isinstance(condition, tuple):
            raise BadInput("This network is told no texts; leave the text out, or train one with model.text_width.")
        return None
    if condition is None:
        return like.new_zeros(rows, 1, settings.text_width), torch.zeros(rows, 1, dtype=torch.bool, device=like.device)
    if not isinstance(condition, tuple) or condition[0].shape[::2] != (rows, settings.text_width) or condition[1].shape != condition[0].shape[:2]:
        raise BadInput(f"This network is told texts; give vectors [{rows}, tokens, {settings.text_width}] and which tokens are visible, [{rows}, tokens].")
    return condition


def forgotten(condition: Condition, which: Tensor, settings: DenoiserSettings) -> Condition:
    """The condition with nothing said of some pictures, as guidance is trained (Ho and Salimans 2022). which: bool [B]."""
    if condition is None:
        return None
    if isinstance(condition, Tensor):
        if not settings.null_class:
            raise BadInput("This network has no label for nothing (model.null_class=false), so no class can be left out.")
        return condition.masked_fill(which, settings.classes)
    return condition[0], condition[1] & ~which[:, None]
