"""How far two sets of vectors lie apart, as it is written: one pair, one neighbor at a time (how drawings are scored, statements 5.1-5.3).

A set is a list of N vectors [F] in float64.
"""

import torch
from torch import Tensor

Vectors = list[Tensor]


def mean(xs: Vectors) -> Tensor:
    """m = 1 / N sum_i x_i."""
    return torch.stack(xs).sum(0) / len(xs)


def covariance(xs: Vectors) -> Tensor:
    """S = 1 / (N - 1) sum_i (x_i - m) (x_i - m)^T, [F, F]."""
    m = mean(xs)
    return torch.stack([torch.outer(x - m, x - m) for x in xs]).sum(0) / (len(xs) - 1)


def root(S: Tensor) -> Tensor:
    """The symmetric S^(1/2) = sum_i sqrt(l_i) v_i v_i^T of a symmetric S = sum_i l_i v_i v_i^T without negative l_i, [F, F]."""
    values, vectors = torch.linalg.eigh(S)
    return torch.stack([torch.sqrt(torch.relu(value)) * torch.outer(vector, vector) for value, vector in zip(values, vectors.T, strict=True)]).sum(0)


def frechet(m1: Tensor, S1: Tensor, m2: Tensor, S2: Tensor) -> Tensor:
    """d^2 = |m1 - m2|^2 + tr(S1 + S2 - 2 (S1^(1/2) S2 S1^(1/2))^(1/2)) of two Gaussians (Dowson and Landau 1982; Heusel et al. 2017)."""
    half = root(S1)
    return ((m1 - m2) ** 2).sum() + torch.trace(S1) + torch.trace(S2) - 2 * torch.trace(root(half @ S2 @ half))


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """k(x, y) = (x . y / F + 1)^3."""
    return (x @ y / len(x) + 1) ** 3


def squared_mmd(xs: Vectors, ys: Vectors) -> Tensor:
    """The mean of k over pairs of two different x, plus that over pairs of two different y, minus twice that over all (x, y) (Gretton et al. 2012)."""

    def own(zs: Vectors) -> Tensor:
        return torch.stack([kernel(z, w) for i, z in enumerate(zs) for j, w in enumerate(zs) if i != j]).mean()

    return own(xs) + own(ys) - 2 * torch.stack([kernel(x, y) for x in xs for y in ys]).mean()


def radius(xs: Vectors, i: int, k: int) -> Tensor:
    """The distance of x_i to its k-th nearest neighbor among the others."""
    return torch.stack([torch.sqrt(((xs[i] - x) ** 2).sum()) for j, x in enumerate(xs) if j != i]).sort().values[k - 1]


def covered(xs: Vectors, ys: Vectors, k: int) -> float:
    """The part of the y that lie in the ball of some x, whose radius is the distance to its k-th nearest neighbor (Kynkaanniemi et al. 2019, equation 2)."""
    return sum(any(torch.sqrt(((y - x) ** 2).sum()) <= radius(xs, i, k) for i, x in enumerate(xs)) for y in ys) / len(ys)
