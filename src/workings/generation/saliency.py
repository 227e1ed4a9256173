"""What each pixel does for a class: the gradient (Simonyan et al. 2014), and what it sums up to from black to the picture (Sundararajan et al. 2017)."""

from collections.abc import Callable

import torch
from torch import Tensor

from workings.generation.attribution import CLOSE, POINTS, complete, log_odds

COUNTS = (POINTS, 2 * POINTS, 4 * POINTS)
"""Of the points of the integral: a network of ReLUs has corners that no number of points smooths, and a large one is not asked quickly."""
PART = 0.02
"""How far, as a part of the whole change, the contributions may be from adding up."""


def saliency(model: Callable[[Tensor], Tensor], picture: Tensor, which: int) -> Tensor:
    """max_c |dF / dx_cij|: how much the log-odds F of a class change with the most sensitive number of each pixel.

    model: from prepared pictures [B, C, H, W] to logits [B, classes]; picture: [C, H, W]. Returns [H, W].
    """
    x = picture.detach()[None].requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(log_odds(model(x), which).sum(), x)
    return gradient[0].abs().amax(0)


def contributions(model: Callable[[Tensor], Tensor], picture: Tensor, baseline: Tensor, which: int, points: int | None = None) -> tuple[Tensor, float, float]:
    """What each pixel adds to the log-odds F of a class on the straight way from x' to x: integrated gradients, a pixel's C numbers summed up.

    model: as in `saliency`; picture, baseline: x and x', [C, H, W]; points: of the integral; as many of COUNTS as it needs if not given.
    Returns float64 [H, W], F(x) and F(x'): their difference is the sum of the first, but for the error of the integral.
    """
    size = picture.shape[1:]

    def f(pixels: Tensor) -> Tensor:  # [n, H W, C] -> [n]
        return log_odds(model(pixels.transpose(1, 2).unflatten(2, size)), which)

    x, black = (one.flatten(1).t() for one in (picture, baseline))
    with torch.no_grad():
        end, start = f(torch.stack((x, black))).tolist()
    counts = COUNTS if points is None else (points,)
    return complete(f, x, black, end - start, counts, max(CLOSE, PART * abs(end - start))).sum(1).view(size), end, start
