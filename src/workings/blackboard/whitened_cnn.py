"""The whitened convolutional network as it is written: one pixel, one window at a time (Jordan 2024; statement 6.2b)."""

import torch
from torch import Tensor

from workings.blackboard.cnn import halved
from workings.blackboard.functions import gelu
from workings.blackboard.parameters import Parameters, affine, under
from workings.blackboard.resnet import Picture, batch_norm, convolution, each


def squares(x: Picture) -> list[list[Tensor]]:
    """p_rc [4 C]: the pixels (r, c), (r, c + 1), (r + 1, c), (r + 1, c + 1), the four of the first channel first."""
    return [[torch.stack([x[r + i][c + j] for i in (0, 1) for j in (0, 1)], dim=1).flatten() for c in range(len(x[0]) - 1)] for r in range(len(x) - 1)]


def moments(pictures: list[Picture]) -> Tensor:
    """The mean of p p^T over all squares of all pictures [4 C, 4 C]."""
    every = [p for x in pictures for row in squares(x) for p in row]
    return torch.stack([torch.outer(p, p) for p in every]).sum(0) / len(every)


def whitening(pictures: list[Picture], epsilon: float) -> Tensor:
    """The rows e_i / sqrt(lambda_i + epsilon), then their negatives; lambda_i e_i = M e_i, M the moments [8 C, 4 C]. Each e_i may have either sign."""
    values, vectors = torch.linalg.eigh(moments(pictures))
    rows = [vectors[:, i] / torch.sqrt(values[i] + epsilon) for i in range(len(values))]
    return torch.stack([*rows, *(-row for row in rows)])


def whitened(x: Picture, W: Tensor, b: Tensor) -> Picture:
    """y_rc = W p_rc + b."""
    return [[W @ p + b for p in row] for row in squares(x)]


def activated(xs: list[Picture], added: list[Picture] | None, parameters: Parameters, pool: bool, training: bool) -> list[Picture]:
    """gelu(N(P(W * x)) + a), with P only where `pool` says so and N without a scale."""
    ys = [convolution(x, parameters["weight"], 1) for x in xs]
    ys = [halved(y, "max") for y in ys] if pool else ys
    ys = batch_norm(ys, parameters | {"weight": torch.ones_like(parameters["bias"])}, training)
    if added is not None:
        ys = [[[u + a for u, a in zip(*rows, strict=True)] for rows in zip(y, x, strict=True)] for y, x in zip(ys, added, strict=True)]
    return each(ys, gelu)


def whitened_cnn(pictures: list[Picture], parameters: Parameters, settings, training: bool = False) -> list[Tensor]:
    """gelu(W p + b), the stages, the largest over the pixels, V y / channels.

    parameters: float64, named as in `WhitenedCNN.state_dict()`; settings: anything with the attributes of `WhitenedSettings`. Returns B of [classes].
    """
    W, b = parameters["whitening.weight"].flatten(1), parameters["whitening.bias"]
    xs = each([whitened(x, W, b) for x in pictures], gelu)
    for stage in range(len(settings.widths)):
        first: list[Picture] = []
        for place in range(settings.depth):
            last = place == settings.depth - 1
            xs = activated(xs, first if last and place > 1 else None, under(parameters, f"stages.{stage}.{place}"), place == 0, training)
            first = xs if place == 0 else first
    ys = [torch.stack([pixel for row in x for pixel in row]).amax(0) for x in xs]
    return [affine(y, parameters, "classifier") / len(y) for y in ys] if settings.classes else ys
