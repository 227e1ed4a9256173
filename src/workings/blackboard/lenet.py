"""LeNet as it is written: one picture, one window at a time (LeCun et al. 1998; statement 6.2b)."""

import torch
from torch import Tensor

from workings.blackboard.cnn import halved
from workings.blackboard.functions import relu
from workings.blackboard.parameters import Parameters, affine
from workings.blackboard.resnet import Picture


def inside(x: Picture, W: Tensor, b: Tensor) -> Picture:
    """y_rc = sum over i, j of W_ij x_{r + i, c + j} + b, where the window is inside of the picture.  W: [outputs, inputs, size, size]."""
    size = W.shape[2]
    offsets = [(i, j) for i in range(size) for j in range(size)]
    places = [[(r, c) for c in range(len(x[0]) - size + 1)] for r in range(len(x) - size + 1)]
    return [[torch.stack([W[:, :, i, j] @ x[r + i][c + j] for i, j in offsets]).sum(0) + b for r, c in row] for row in places]


def lenet(picture: Picture, parameters: Parameters, settings) -> Tensor:
    """x^s = relu(W^s * P(x^{s-1}) + b^s), y = relu(V x^S + c) of all numbers of the last map, channel by channel, W y + b.

    parameters: float64, named as in `LeNet.named_parameters()`; settings: anything with the attributes of `LeNetSettings`. Returns [classes], or y.
    """
    x = picture
    for number in range(len(settings.widths)):
        x = x if number == 0 else halved(x, "max")
        y = inside(x, parameters[f"convolutions.{number}.weight"], parameters[f"convolutions.{number}.bias"])
        x = [[relu(pixel) for pixel in row] for row in y]
    numbers = torch.stack([pixel[channel] for channel in range(settings.widths[-1]) for row in x for pixel in row])
    y = relu(affine(numbers, parameters, "hidden_layer"))
    return affine(y, parameters, "classifier") if settings.classes else y
