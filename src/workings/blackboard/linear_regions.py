"""The linear regions of a fully connected ReLU network, as they are defined: one point, one neuron, one line at a time (statement 6.1a)."""

import math

import torch
from torch import Tensor

from workings.blackboard.parameters import Parameters, affine

Line = tuple[float, float, float]
"""(a, b, c): the points (u, v) of a plane with a u + b v + c = 0."""


def zaslavsky(n: int, d: int) -> int:
    """sum_{i <= d} C(n, i): the regions that n hyperplanes in general position cut R^d into, the most that n hyperplanes can (Zaslavsky 1975)."""
    return sum(math.comb(n, i) for i in range(d + 1))


def deep_bound(widths: list[int], d: int) -> int:
    """prod_l sum_{i <= d} C(n_l, i): no region is cut into more by layer l than n_l hyperplanes can (Raghu et al. 2017; Montufar 2017)."""
    return math.prod(zaslavsky(n, d) for n in widths)


def pattern(x: Tensor, parameters: Parameters, layers: int) -> tuple[bool, ...]:
    """Which neurons are on, W^l y^{l-1} + b^l > 0, layer by layer.  x: [inputs]; parameters: `layers.{l}.weight`, `layers.{l}.bias`.

    A region is a set of inputs with one pattern. It is convex: every neuron is affine on it, so that the pattern is a list of half spaces.
    """
    on, y = [], x
    for layer in range(layers):
        z = affine(y, parameters, f"layers.{layer}")
        on += [bool(number > 0) for number in z]
        y = torch.stack([number if number > 0 else torch.zeros_like(number) for number in z])
    return tuple(on)


def affine_map(x: Tensor, parameters: Parameters, layers: int) -> tuple[Tensor, Tensor]:
    """A and c of A x + c, what the network is on the region of x.  Returns [outputs, inputs] and [outputs].

    A = W D^L W^L ... D^1 W^1, where D^l is diagonal with 1 for a neuron that is on and 0 for one that is off.
    """
    on = pattern(x, parameters, layers)
    A, c = torch.eye(len(x), dtype=x.dtype), torch.zeros(len(x), dtype=x.dtype)
    for layer in range(layers):
        W, b = parameters[f"layers.{layer}.weight"], parameters[f"layers.{layer}.bias"]
        D = torch.diag(torch.tensor([float(is_on) for is_on in on[: len(b)]], dtype=x.dtype))
        A, c, on = D @ W @ A, D @ (W @ c + b), on[len(b) :]
    W, b = parameters["classifier.weight"], parameters["classifier.bias"]
    return W @ A, W @ c + b


def regions_seen(points: list[Tensor], parameters: Parameters, layers: int) -> int:
    """How many patterns some points have: never more than there are regions, and all of them if the points are close enough."""
    return len({pattern(x, parameters, layers) for x in points})


def crossing(one: Line, other: Line) -> tuple[float, float] | None:
    """Where two lines meet, by Cramer's rule; None if they are parallel."""
    (a, b, c), (d, e, f) = one, other
    determinant = a * e - b * d
    return None if determinant == 0 else ((b * f - c * e) / determinant, (c * d - a * f) / determinant)


def regions_in_box(lines: list[Line], half: float) -> int:
    """1 + lines that hit the square |u|, |v| < half + crossings inside it: what lines of which no three meet in a point cut it into.

    A line that is added cuts in two each region that it runs through, one more than it crosses lines on its way.
    """
    corners = [(u, v) for u in (-half, half) for v in (-half, half)]
    hits = sum(len({a * u + b * v + c > 0 for u, v in corners}) == 2 for a, b, c in lines)
    points = [crossing(one, other) for place, one in enumerate(lines) for other in lines[:place]]
    return 1 + hits + sum(point is not None and max(abs(point[0]), abs(point[1])) < half for point in points)
