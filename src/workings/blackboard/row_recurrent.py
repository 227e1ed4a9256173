"""A recurrent network over the rows of a picture, one row and one gate at a time (statement 6.2c)."""

import torch
from torch import Tensor

from workings.blackboard.parameters import Parameters, affine, under
from workings.blackboard.recurrent import run_layer


def row(picture: Tensor, t: int) -> Tensor:
    """r_t, the numbers of row t, channel by channel.  picture: [C, H, W]. Returns [C W]."""
    return torch.cat([channel[t] for channel in picture])


def row_recurrent(picture: Tensor, parameters: Parameters, settings) -> Tensor:
    """x_t = E r_t + e; the states of each layer are the inputs of the next; W h_H + b.  picture: [C, H, W]. Returns [classes], or h_H without classes."""
    states = [affine(row(picture, t), parameters, "rows") for t in range(picture.shape[1])]
    for layer in range(settings.layers):
        states = run_layer(states, under(parameters, f"cells.{layer}"), settings.cell)
    return affine(states[-1], parameters, "classifier") if settings.classes else states[-1]
