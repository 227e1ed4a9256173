"""Attention over the last map of a residual network, one pixel, one token at a time (statement 4.1b)."""

import torch
from torch import Tensor

from workings.blackboard.compact_transformer import placed_pixels
from workings.blackboard.parameters import Parameters, affine, under
from workings.blackboard.resnet import Picture, maps
from workings.blackboard.vision_transformer import through_layers


def hybrid(pictures: list[Picture], parameters: Parameters, settings, training: bool = False) -> list[Tensor]:
    """x_t = the D channels of pixel t of the ResNet's last map; the transformer over all t; W mean_t y_t + b. Returns B of [classes], or the means.

    parameters: float64, named as in `Hybrid.state_dict()`; settings: anything with the attributes of `HybridSettings`.
    """
    stack = under(parameters, "body")
    xs = maps(pictures, under(parameters, "resnet"), settings.resnet, training)
    tokens = [through_layers(placed_pixels(x, stack, settings.body), stack, settings.body) for x in xs]
    means = [torch.stack(y).mean(0) for y in tokens]
    return [affine(y, parameters, "classifier") for y in means] if settings.classes else means
