"""The residual network as it is written: one pixel, one window at a time (He et al. 2016; statements 1.1e, 6.2b).

A picture is rows of pixels, and a pixel is the vector of its channels: picture[r][c] is x_rc [C].
"""

import math

import torch
from torch import Tensor

from workings.blackboard.functions import relu
from workings.blackboard.parameters import Parameters, affine, under

Picture = list[list[Tensor]]
"""H rows of W pixels [C]."""

EPSILON, MOMENTUM = 1e-5, 0.1
"""Of batch norm: what is added to the variance, and how much of a batch the running statistics take in."""


def pixels(picture: Tensor) -> Picture:
    """A picture of the fast path, [C, H, W], as rows of pixels."""
    return [[picture[:, r, c] for c in range(picture.shape[2])] for r in range(picture.shape[1])]


def window(x: Picture, r: int, c: int, size: int, stride: int) -> list[tuple[int, int, Tensor]]:
    """(i, j, x_{stride r + i - p, stride c + j - p}) for i, j < size with p = floor(size / 2), without what lies outside of the picture."""
    p = size // 2
    rows, columns = range(len(x)), range(len(x[0]))
    places = [(i, j, stride * r + i - p, stride * c + j - p) for i in range(size) for j in range(size)]
    return [(i, j, x[y][z]) for i, j, y, z in places if y in rows and z in columns]


def over(x: Picture, stride: int) -> list[list[tuple[int, int]]]:
    """The places (r, c) of a picture whose size is divided by the stride, rounded up."""
    return [[(r, c) for c in range(math.ceil(len(x[0]) / stride))] for r in range(math.ceil(len(x) / stride))]


def convolution(x: Picture, W: Tensor, stride: int) -> Picture:
    """y_rc = sum over i, j of W_ij x_{stride r + i - p, stride c + j - p}; outside of the picture x is 0.  W: [outputs, inputs, size, size]."""
    return [[torch.stack([W[:, :, i, j] @ pixel for i, j, pixel in window(x, *place, W.shape[2], stride)]).sum(0) for place in row] for row in over(x, stride)]


def batch_statistics(xs: list[Picture]) -> tuple[Tensor, Tensor, int]:
    """The mean and the variance of every channel over all pixels of all pictures, and the number n of those pixels; the variance is divided by n."""
    every = [pixel for x in xs for row in x for pixel in row]
    n = len(every)
    mean = torch.stack(every).sum(0) / n
    return mean, torch.stack([(pixel - mean) ** 2 for pixel in every]).sum(0) / n, n


def batch_norm(xs: list[Picture], parameters: Parameters, training: bool) -> list[Picture]:
    """(x - mean) / sqrt(variance + epsilon) * g + c of every channel (Ioffe and Szegedy 2015): of this batch in training, else the running statistics."""
    mean, variance = (parameters["running_mean"], parameters["running_var"]) if not training else batch_statistics(xs)[:2]
    scale = parameters["weight"] / torch.sqrt(variance + EPSILON)
    return [[[(pixel - mean) * scale + parameters["bias"] for pixel in row] for row in x] for x in xs]


def running_statistics(xs: list[Picture], parameters: Parameters) -> tuple[Tensor, Tensor]:
    """What the running mean and variance become: 0.9 of the old and 0.1 of the batch's, whose variance is divided by n - 1 here."""
    mean, variance, n = batch_statistics(xs)
    new = (1 - MOMENTUM) * parameters["running_mean"] + MOMENTUM * mean
    return new, (1 - MOMENTUM) * parameters["running_var"] + MOMENTUM * variance * n / (n - 1)


def normalized_convolution(xs: list[Picture], parameters: Parameters, stride: int, training: bool) -> list[Picture]:
    """N(W * x)."""
    return batch_norm([convolution(x, parameters["convolution.weight"], stride) for x in xs], under(parameters, "norm"), training)


def max_pool(x: Picture) -> Picture:
    """y_rc = the largest of the 3 x 3 pixels around (2 r, 2 c), in each channel."""
    return [[torch.stack([pixel for _, _, pixel in window(x, *place, 3, 2)]).max(0).values for place in row] for row in over(x, 2)]


def each(xs: list[Picture], function) -> list[Picture]:
    """A function of every pixel."""
    return [[[function(pixel) for pixel in row] for row in x] for x in xs]


def shortcut(xs: list[Picture], parameters: Parameters, outputs: int, stride: int, training: bool) -> list[Picture]:
    """S x: x itself where its shape stays, a 1 x 1 convolution where there is one (option B), else zeros on both sides of the channels (option A)."""
    inputs = len(xs[0][0][0])
    if "convolution.weight" in parameters:
        return normalized_convolution(xs, parameters, stride, training)
    if inputs == outputs and stride == 1:
        return xs
    before = (outputs - inputs) // 2
    after = outputs - inputs - before
    zeros = xs[0][0][0].new_zeros
    return [[[torch.cat([zeros(before), x[stride * r][stride * c], zeros(after)]) for r, c in row] for row in over(x, stride)] for x in xs]


def layer(xs: list[Picture], parameters: Parameters, outputs: int, stride: int, strides: list[int], training: bool) -> list[Picture]:
    """relu(S x + F x), F the convolutions one after the other with relu between them.  strides: of each of them."""
    ys = xs
    for number, each_stride in enumerate(strides):
        ys = ys if number == 0 else each(ys, relu)
        ys = normalized_convolution(ys, under(parameters, f"parts.{number}"), each_stride, training)
    around = shortcut(xs, under(parameters, "shortcut"), outputs, stride, training)
    return [[[relu(a + b) for a, b in zip(*rows, strict=True)] for rows in zip(x, y, strict=True)] for x, y in zip(around, ys, strict=True)]


def maps(pictures: list[Picture], parameters: Parameters, settings, training: bool = False) -> list[Picture]:
    """The stem and the stages: the last map of each picture. Arguments as `resnet`."""
    xs = each(normalized_convolution(pictures, under(parameters, "stem"), 2 if settings.stem == "7x7" else 1, training), relu)
    xs = [max_pool(x) for x in xs] if settings.stem == "7x7" else xs
    for number, (outputs, depth) in enumerate(zip(settings.widths, settings.depths, strict=True)):
        for place in range(depth):
            stride = 2 if place == 0 and (number > 0 or settings.halve_first) else 1
            strides = {"basic": [stride, 1], "bottleneck": [stride, 1, 1] if settings.halve_in == "1x1" else [1, stride, 1]}[settings.layer]
            xs = layer(xs, under(parameters, f"stages.{number}.{place}"), outputs, stride, strides, training)
    return xs


def resnet(pictures: list[Picture], parameters: Parameters, settings, training: bool = False) -> list[Tensor]:
    """The stem, the stages, the mean over pixels, W y + b.

    parameters: float64, named as in `ResNet.state_dict()`; settings: anything with the attributes of `ResNetSettings`. Returns B of [classes].
    """
    xs = maps(pictures, parameters, settings, training)
    means = [torch.stack([pixel for row in x for pixel in row]).mean(0) for x in xs]
    return [affine(y, parameters, "classifier") for y in means] if settings.classes else means
