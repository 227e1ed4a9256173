"""The compact convolutional transformer as it is written: one pixel, one token at a time (Hassani et al. 2021; statements 4.1a, 6.1d)."""

import torch
from torch import Tensor

from workings.blackboard.embedding import placed
from workings.blackboard.functions import relu, softmax
from workings.blackboard.parameters import Parameters, affine, under
from workings.blackboard.resnet import Picture, convolution, each, max_pool
from workings.blackboard.vision_transformer import through_layers


def placed_pixels(x: Picture, stack: Parameters, settings) -> list[Tensor]:
    """The pixels in reading order, each with where it stands.  settings: those of the transformer. Returns T of [D]."""
    return [placed(pixel, t, stack, settings) for t, pixel in enumerate(pixel for row in x for pixel in row)]


def weighted_mean(y: list[Tensor], parameters: Parameters) -> Tensor:
    """sum_t softmax(g . y_t + c)_t y_t.  y: T of [D]. Returns [D]."""
    g, c = parameters["attention_pool.weight"][0], parameters["attention_pool.bias"][0]
    shares = softmax(torch.stack([(g * y_t).sum() + c for y_t in y]))
    return torch.stack([share * y_t for share, y_t in zip(shares, y, strict=True)]).sum(0)


def compact_transformer(picture: Picture, parameters: Parameters, settings) -> Tensor:
    """pool(relu(W * x)) of each convolution, the transformer over the pixels, their weighted mean, W y + b. Returns [classes], or the mean without classes.

    parameters: float64, named as in `CompactTransformer.named_parameters()`; settings: anything with the attributes of `CompactSettings`.
    """
    x = picture
    for number in range(len(settings.convolutions) + 1):
        x = max_pool(each([convolution(x, parameters[f"convolutions.{number}.weight"], 1)], relu)[0])
    stack = under(parameters, "body")
    y = weighted_mean(through_layers(placed_pixels(x, stack, settings.body), stack, settings.body), parameters)
    return affine(y, parameters, "classifier") if settings.classes else y
