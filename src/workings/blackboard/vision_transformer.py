"""The vision transformer as it is written: one patch, one token at a time (statements 4.1a, 4.3)."""

import torch
from torch import Tensor

from workings.blackboard.embedding import placed
from workings.blackboard.functions import norm
from workings.blackboard.layer import LAYER
from workings.blackboard.parameters import Parameters, affine, under


def patch(picture: Tensor, row: int, column: int, height: int, width: int) -> Tensor:
    """The numbers of one patch, channel by channel, each row by row.  picture: [C, H, W]. Returns [C height width]."""
    channels = range(picture.shape[0])
    return torch.stack([picture[c, row * height + i, column * width + j] for c in channels for i in range(height) for j in range(width)])


def embed(picture: Tensor, parameters: Parameters, settings) -> list[Tensor]:
    """x_t = E p_t + e of every patch, in reading order (4.1a).  picture: [C, H, W]. Returns patches of [D]."""
    height, width = settings.patch_size
    places = [(row, column) for row in range(picture.shape[1] // height) for column in range(picture.shape[2] // width)]
    return [affine(patch(picture, row, column, height, width), parameters, "patches.projection") for row, column in places]


def through_layers(x: list[Tensor], stack: Parameters, settings) -> list[Tensor]:
    """x^0 -> x^L, and the last norm when the norms stand before (pre).  x: T of [D]; settings: those of the transformer. Returns T of [D]."""
    for layer in range(settings.layers):
        x = LAYER[settings.residuals](x, under(stack, f"blocks.{layer}"), settings)
    return [norm(x_t, stack, "final_norm", settings) for x_t in x] if settings.placement == "pre" else x


def tokens(picture: Tensor, parameters: Parameters, settings) -> list[Tensor]:
    """<cls>, with distillation a second token, then the patches; plus where each stands.  Returns T of [D]."""
    first = [parameters["cls"]] + ([parameters["distillation"]] if settings.distillation != "none" else [])
    x = first + embed(picture, parameters, settings)
    return [placed(x_t, t, under(parameters, "body"), settings.body) for t, x_t in enumerate(x)]


def hidden(picture: Tensor, parameters: Parameters, settings) -> list[Tensor]:
    """The transformer of the text, over patches.  Returns T of [D]."""
    return through_layers(tokens(picture, parameters, settings), under(parameters, "body"), settings.body)


def pooled(y: list[Tensor], parameters: Parameters) -> Tensor:
    """tanh(W y_0 + b)."""
    return torch.tanh(affine(y[0], parameters, "pooler"))


def heads(picture: Tensor, parameters: Parameters, settings) -> tuple[Tensor, Tensor]:
    """W y_0 + b, which learns the labels, and W' y_1 + b', which learns from a teacher (4.3); with one classifier the first twice.  Two of [classes]."""
    y = hidden(picture, parameters, settings)
    said = affine(y[0], parameters, "classifier")
    return said, affine(y[1], parameters, "distillation_classifier") if settings.distillation == "classifier" else said


def vision_transformer(picture: Tensor, parameters: Parameters, settings) -> Tensor:
    """W y_0 + b of <cls>; with two classifiers the mean of (W y_0 + b) and (W' y_1 + b') (4.3).  picture: [C, H, W]. Returns [classes].

    parameters: float64, named as in `VisionTransformer.named_parameters()`; settings: anything with the attributes of `VisionSettings`.
    """
    said, distilled = heads(picture, parameters, settings)
    return (said + distilled) / 2
