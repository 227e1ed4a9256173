"""Integrated gradients as they are written: what each token of a text does for a class (Sundararajan et al. 2017)."""

from collections.abc import Callable

import torch
from torch import Tensor


def log_odds(z: Tensor, c: int) -> Tensor:
    """log p_c / (1 - p_c) with p = softmax(z), which is z_c - log sum over k != c of exp(z_k).  z: [C]. Returns a number."""
    others = torch.stack([torch.exp(z[k]) for k in range(len(z)) if k != c])
    return z[c] - torch.log(others.sum())


def integrated_gradients(F: Callable[[list[Tensor]], Tensor], x: list[Tensor], baseline: list[Tensor], m: int) -> list[Tensor]:
    """(x_t - x'_t) . integral over a from 0 to 1 of dF / dx_t at x' + a (x - x'), by the midpoints of m equal parts.

    F: from T vectors [D] to a number; x, baseline: x_1 ... x_T and x'_1 ... x'_T, T of [D]. Returns T numbers, whose sum is F(x) - F(x') as m grows.
    """
    found = [torch.zeros((), dtype=x[0].dtype) for _ in x]
    for k in range(m):
        a = (k + 1 / 2) / m
        between = [(b_t + a * (x_t - b_t)).detach().requires_grad_() for x_t, b_t in zip(x, baseline, strict=True)]
        gradients = torch.autograd.grad(F(between), between, materialize_grads=True)
        found = [f_t + (x_t - b_t) @ g_t / m for f_t, x_t, b_t, g_t in zip(found, x, baseline, gradients, strict=True)]
    return found
