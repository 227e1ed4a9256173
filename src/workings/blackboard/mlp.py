"""The fully connected network as it is written: one picture, one layer at a time (statement 6.2a)."""

import torch
from torch import Tensor

from workings.blackboard.functions import PHI, layer_norm
from workings.blackboard.parameters import Parameters, affine

EPSILON = 1e-5
"""Added to the variance."""


def numbers(picture: Tensor) -> Tensor:
    """All numbers of a picture, channel by channel, each row by row.  picture: [C, H, W]. Returns [C H W]."""
    return torch.stack([number for channel in picture for row in channel for number in row])


def mlp(picture: Tensor, parameters: Parameters, settings) -> Tensor:
    """y^l = phi(N(W^l y^{l-1} + b^l)) for every hidden layer, then W y^L + b.  picture: [C, H, W]. Returns [classes], or y^L without classes.

    parameters: float64, named as in `MLP.named_parameters()`; settings: anything with the attributes of `MLPSettings`.
    """
    y = numbers(picture)
    for layer in range(len(settings.widths)):
        y = affine(y, parameters, f"layers.{layer}")
        y = layer_norm(y, parameters[f"norms.{layer}.weight"], parameters[f"norms.{layer}.bias"], EPSILON) if settings.norm == "layer" else y
        y = PHI[settings.phi](y)
    return affine(y, parameters, "classifier") if settings.classes else y
