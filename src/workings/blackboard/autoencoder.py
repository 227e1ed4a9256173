"""The autoencoder with a map of latents as it is written: one pixel, one window at a time (Bohan 2023; statements 5.3b, 6.2b).

A picture is rows of pixels [C], as for the residual network; parameters are named as in `Autoencoder.named_parameters()`; settings: anything with the
attributes of `AutoencoderSettings`.
"""

import torch

from workings.blackboard.functions import relu
from workings.blackboard.gan import doubled
from workings.blackboard.parameters import Parameters, under
from workings.blackboard.resnet import Picture, convolution
from workings.blackboard.unet import biased, group_norm, pixelwise, total

EPSILON = 1e-5
"""Added to the variance inside the root."""


def block(x: Picture, parameters: Parameters, groups: int) -> Picture:
    """relu(y + W_3 * relu(W_2 * relu(W_1 * y + b_1) + b_2) + b_3), y = x, or x + V relu(N(U x)) where there is such a way."""
    if "widen.weight" in parameters:
        wide = group_norm(convolution(x, parameters["widen.weight"], 1), under(parameters, "norm"), groups, EPSILON)
        x = total(x, convolution(pixelwise(wide, relu), parameters["narrow.weight"], 1))
    y = x
    for number in (0, 1):
        y = pixelwise(biased(y, under(parameters, f"parts.{number}")), relu)
    return pixelwise(total(biased(y, under(parameters, "parts.2")), x), relu)


def blocks(x: Picture, parameters: Parameters, settings) -> Picture:
    """One after the other."""
    for number in range(settings.depth):
        x = block(x, under(parameters, str(number)), settings.groups)
    return x


def encode(picture: Picture, parameters: Parameters, settings) -> Picture:
    """z: a convolution and a block, then for every halving a convolution around every second pixel and the blocks of the smaller map, and a convolution.

    picture: H rows of W pixels in 0 ... 1. Returns H / 2^n rows of W / 2^n places [latent].
    """
    parameters = under(parameters, "encoder")
    x = block(biased(picture, under(parameters, "enter")), under(parameters, "first"), settings.groups)
    for number in range(settings.halvings):
        x = blocks(convolution(x, parameters[f"halvings.{number}.weight"], 2), under(parameters, f"blocks.{number}"), settings)
    return biased(x, under(parameters, "leave"))


def decode(z: Picture, parameters: Parameters, settings) -> Picture:
    """relu(W * 3 tanh(z / 3) + b), then for every doubling the blocks, every pixel as 2 x 2, a convolution; a block, a convolution, cut to 0 ... 1."""
    parameters = under(parameters, "decoder")
    x = pixelwise(biased(pixelwise(z, lambda place: settings.bound * torch.tanh(place / settings.bound)), under(parameters, "enter")), relu)
    for number in range(settings.halvings):
        x = doubled(blocks(x, under(parameters, f"blocks.{number}"), settings))
        x = convolution(x, parameters[f"doublings.{number}.convolution.weight"], 1)
    x = biased(block(x, under(parameters, "last"), settings.groups), under(parameters, "leave"))
    return pixelwise(x, lambda pixel: pixel.clamp(0, 1))
