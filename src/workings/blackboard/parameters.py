"""Named parameters, as the equations use them.

The blackboard writes every equation down as the lecture does: one token, one head, one layer at a time, in float64, without batches and without speed.
A sequence x_1 ... x_T is a list of T vectors. Gradients come from autograd. Only tests, studies and the documentation import it.
"""

from torch import Tensor

Parameters = dict[str, Tensor]
"""Name -> tensor, the names of `Transformer.named_parameters()`: a matrix W is [outputs, inputs] and is used as W x."""


def under(parameters: Parameters, name: str) -> Parameters:
    """The parameters whose names begin with `name.`, without that beginning."""
    return {key.removeprefix(f"{name}."): tensor for key, tensor in parameters.items() if key.startswith(f"{name}.")}


def affine(x: Tensor, parameters: Parameters, name: str) -> Tensor:
    """W x + b, or W x where the map has no bias.

    x: [inputs]; parameters: `name.weight` [outputs, inputs] and perhaps `name.bias` [outputs]. Returns [outputs].
    """
    y = parameters[f"{name}.weight"] @ x
    return y + parameters[f"{name}.bias"] if f"{name}.bias" in parameters else y


def rows(parameters: Parameters, name: str, block: int, size: int) -> Parameters:
    """The map `name` cut to the rows of one block: Q^m is rows m d ... (m + 1) d - 1 of Q, its bias likewise."""
    return {key: tensor[block * size : (block + 1) * size] for key, tensor in parameters.items() if key in (f"{name}.weight", f"{name}.bias")}


def split(x: Tensor, size: int) -> list[Tensor]:
    """The pieces of `size` elements that lie side by side in x [n size]: n vectors [size]."""
    return [x[start : start + size] for start in range(0, len(x), size)]


def plus(xs: list[Tensor], ys: list[Tensor]) -> list[Tensor]:
    """x_t + y_t for every t."""
    return [x + y for x, y in zip(xs, ys, strict=True)]
