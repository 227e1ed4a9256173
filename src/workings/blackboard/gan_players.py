"""The players themselves: deep convolutional ones (5.2b), and those that grow (5.2c), each told a label or none (5.2d)."""

import math

import torch
from torch import Tensor

from workings.blackboard.functions import relu
from workings.blackboard.gan import (
    doubled,
    equalized_convolution,
    equalized_linear,
    fade_in,
    halved,
    leaky_relu,
    minibatch_deviation,
    pixel_norm,
    plane,
    projection,
)
from workings.blackboard.parameters import Parameters, affine, under
from workings.blackboard.resnet import Picture, batch_norm, each

ROOT = math.sqrt(2)


def halving(x: Picture, W: Tensor, b: Tensor | float) -> Picture:
    """y_rc = sum over i, j < 4 of W_ij x_{2 r + i - 1, 2 c + j - 1} + b; outside of the picture x is 0.  W: [outputs, inputs, 4, 4]."""
    H, V = len(x), len(x[0])
    y = [[torch.zeros(len(W), dtype=W.dtype) + b for _ in range(V // 2)] for _ in range(H // 2)]
    for r, c in ((r, c) for r in range(H // 2) for c in range(V // 2)):
        for i, j in ((i, j) for i in range(4) for j in range(4)):
            p, q = 2 * r + i - 1, 2 * c + j - 1
            if 0 <= p < H and 0 <= q < V:
                y[r][c] = y[r][c] + W[:, :, i, j] @ x[p][q]
    return y


def doubling(x: Picture, W: Tensor) -> Picture:
    """The other way: x_rc adds W_ij^T x_rc to y_{2 r + i - 1, 2 c + j - 1}, for i, j < 4.  W: [inputs, outputs, 4, 4]."""
    H, V = 2 * len(x), 2 * len(x[0])
    y = [[torch.zeros(W.shape[1], dtype=W.dtype) for _ in range(V)] for _ in range(H)]
    for r, c in ((r, c) for r in range(H // 2) for c in range(V // 2)):
        for i, j in ((i, j) for i in range(4) for j in range(4)):
            p, q = 2 * r + i - 1, 2 * c + j - 1
            if 0 <= p < H and 0 <= q < V:
                y[p][q] = y[p][q] + W[:, :, i, j].T @ x[r][c]
    return y


def unrolled(h: Tensor, height: int, width: int) -> Picture:
    """A vector [C height width], channel after channel, as a picture."""
    C = len(h) // (height * width)
    return [[torch.stack([h[(k * height + r) * width + c] for k in range(C)]) for c in range(width)] for r in range(height)]


def rolled(x: Picture) -> Tensor:
    """The other way around."""
    return torch.stack([pixel[k] for k in range(len(x[0][0])) for row in x for pixel in row])


def dcgan_generator(zs: list[Tensor], labels: list[int] | None, parameters: Parameters, settings, training: bool) -> list[Picture]:
    """h = W z + V_y, then relu(N(h)) and a transposed convolution for each doubling, tanh at the end.

    parameters: float64, named as in `DCGANGenerator.state_dict()`; settings: anything with the attributes of `DCGANSettings`.
    """
    hs = [affine(z, parameters, "project") for z in zs]
    hs = hs if labels is None else [h + parameters["labels.weight"][y] for h, y in zip(hs, labels, strict=True)]
    xs = [unrolled(h, *settings.start) for h in hs]
    for number in range(settings.doublings):
        xs = each(batch_norm(xs, under(parameters, f"norms.{number}"), training), relu)
        xs = [doubling(x, parameters[f"doublings.{number}.weight"]) for x in xs]
    return each(xs, torch.tanh)


def dcgan_discriminator(xs: list[Picture], labels: list[int] | None, parameters: Parameters, settings, training: bool) -> list[Tensor]:
    """A convolution, a norm but in the first and leaky ReLU for each halving, then w . h + b and V_y . (sum over pixels of h)."""
    if labels is not None and settings.conditioning == "plane":
        xs = [plane(x, parameters["plane.planes.weight"][y].view(settings.start)) for x, y in zip(xs, labels, strict=True)]
    for number in range(settings.doublings):
        xs = [halving(x, parameters[f"halvings.{number}.weight"], parameters.get(f"halvings.{number}.bias", 0.0)) for x in xs]
        xs = batch_norm(xs, under(parameters, f"norms.{number}"), training) if settings.norm == "batch" and number else xs
        xs = each(xs, leaky_relu)
    scores = [affine(rolled(x), parameters, "score")[0] for x in xs]
    return scores if labels is None else judged(scores, xs, labels, parameters, settings, 1.0)


def judged(scores: list[Tensor], xs: list[Picture], labels: list[int], parameters: Parameters, settings, scale: float) -> list[Tensor]:
    """The scores, and what the projection on the label's direction adds to each where there is one."""
    if settings.conditioning == "plane":
        return scores
    return [score + projection(x, parameters["projection.directions.weight"][y], scale) for score, x, y in zip(scores, xs, labels, strict=True)]


def equal(x: Picture, parameters: Parameters, name: str, gain: float = ROOT) -> Picture:
    """An equalized convolution by its name."""
    return equalized_convolution(x, parameters[f"{name}.weight"], parameters[f"{name}.bias"], gain)


def activated(x: Picture, parameters: Parameters, name: str) -> Picture:
    """f(K * x) of an equalized convolution."""
    return each([equal(x, parameters, name)], leaky_relu)[0]


def progressive_generator(z: Tensor, label: int | None, parameters: Parameters, settings, stage: int, alpha: float) -> Picture:
    """One picture of size start 2^stage, faded in by alpha.

    parameters: float64, named as in `ProgressiveGenerator.state_dict()`; settings: anything with the attributes of `ProgressiveSettings`.
    """
    z = z / torch.sqrt((z**2).sum() / len(z) + 1e-8)
    h = equalized_linear(z, parameters["project.weight"], parameters["project.bias"], ROOT)
    h = h if label is None else h + parameters["labels.weight"][label]
    x = before = pixel_norm(each([unrolled(h, *settings.start)], leaky_relu)[0])
    for number in range(stage + 1):
        before, x = x, doubled(x) if number else x
        for place in range(2 if number else 1):
            x = pixel_norm(activated(x, parameters, f"stages.{number}.{place}"))
    drawn = equal(x, parameters, f"pictures.{stage}", 1.0)
    return drawn if alpha == 1 else fade_in(equal(before, parameters, f"pictures.{stage - 1}", 1.0), drawn, alpha)


def progressive_discriminator(xs: list[Picture], labels: list[int] | None, parameters: Parameters, settings, stage: int, alpha: float) -> list[Tensor]:
    """The scores of one group of pictures of size start 2^stage."""
    if labels is not None and settings.conditioning == "plane":
        xs = [plane(x, parameters["plane.planes.weight"][y].view(settings.start)) for x, y in zip(xs, labels, strict=True)]
    hs = [activated(x, parameters, f"pictures.{stage}") for x in xs]
    for number in range(stage, 0, -1):
        for place in range(2):
            hs = [activated(h, parameters, f"stages.{number}.{place}") for h in hs]
        hs = [halved(h) for h in hs]
        if number == stage and alpha < 1:
            olds = [activated(halved(x), parameters, f"pictures.{stage - 1}") for x in xs]
            hs = [
                [[(1 - alpha) * a + alpha * b for a, b in zip(*rows, strict=True)] for rows in zip(old, h, strict=True)]
                for old, h in zip(olds, hs, strict=True)
            ]
    hs = [activated(h, parameters, "stages.0.0") for h in minibatch_deviation(hs)]
    ends = [leaky_relu(equalized_linear(rolled(h), parameters["last.weight"], parameters["last.bias"], ROOT)) for h in hs]
    scores = [equalized_linear(end, parameters["score.weight"], parameters["score.bias"], 1.0)[0] for end in ends]
    C, pixels = settings.widths[0], settings.start[0] * settings.start[1]
    return scores if labels is None else judged(scores, hs, labels, parameters, settings, 1 / (math.sqrt(C) * pixels))
