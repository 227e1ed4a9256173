"""The plain convolutional network as it is written: one pixel, one window at a time (statements 6.1d, 6.2b)."""

import torch
from torch import Tensor

from workings.blackboard.functions import relu
from workings.blackboard.parameters import Parameters, affine, under
from workings.blackboard.resnet import Picture, convolution, each, normalized_convolution


def halved(x: Picture, pool: str) -> Picture:
    """y_rc = the largest, or the mean, of the pixels (2 r, 2 c) ... (2 r + 1, 2 c + 1), in each channel; an odd last row or column is left out.

    Of a picture of one row, y_c is that of its pixels 2 c and 2 c + 1, and so of one column.
    """
    take = {"max": lambda some: torch.stack(some).max(0).values, "mean": lambda some: torch.stack(some).sum(0) / len(some)}[pool]
    high, wide = min(2, len(x)), min(2, len(x[0]))
    places = [[(high * r, wide * c) for c in range(len(x[0]) // wide)] for r in range(len(x) // high)]
    return [[take([x[r + i][c + j] for i in range(high) for j in range(wide)]) for r, c in row] for row in places]


def biased_convolution(x: Picture, parameters: Parameters) -> Picture:
    """W * x + b."""
    return each([convolution(x, parameters["weight"], 1)], lambda pixel: pixel + parameters["bias"])[0]


def cnn(pictures: list[Picture], parameters: Parameters, settings, training: bool = False) -> list[Tensor]:
    """Stages of relu(N(W * x)), halved after each but the last, the mean over pixels, W y + b.

    parameters: float64, named as in `CNN.state_dict()`; settings: anything with the attributes of `CNNSettings`. Returns B of [classes].
    """
    xs = pictures
    for stage, depth in enumerate(settings.depths):
        xs = xs if stage == 0 else [halved(x, settings.pool) for x in xs]
        for place in range(depth):
            part = under(parameters, f"stages.{stage}.{place}")
            ys = normalized_convolution(xs, part, 1, training) if settings.norm == "batch" else [biased_convolution(x, part) for x in xs]
            xs = each(ys, relu)
    means = [torch.stack([pixel for row in x for pixel in row]).mean(0) for x in xs]
    return [affine(y, parameters, "classifier") for y in means] if settings.classes else means
