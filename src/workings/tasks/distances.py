"""How far two sets of vectors lie apart: Frechet distance, kernel distance, precision and recall (how drawings are scored, statements 5.1-5.3).

The vectors are the features that a classifier has of pictures, [N, F]; everything is computed in float64.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from workings.errors import BadInput

NEIGHBORS = 3
"""k of precision and recall."""
SUBSETS, SUBSET = 100, 1000
"""Of the kernel distance: how many pairs of subsets, and how many vectors in each."""
ROWS = 256
"""Vectors whose distances to all others are held together."""


@dataclass(frozen=True)
class Gaussian:
    """A set of vectors by its first two moments."""

    mean: Tensor
    """[F]."""
    covariance: Tensor
    """[F, F], divided by N - 1. With N <= F it is singular, which the distance allows."""


def gaussian(x: Tensor) -> Gaussian:
    """The mean and the covariance of vectors [N, F]."""
    if len(x) < 2:
        raise BadInput(f"A covariance needs two vectors or more, and here is {len(x)}; draw more pictures.")
    x = x.double()
    centered = x - x.mean(0)
    return Gaussian(x.mean(0), centered.T @ centered / (len(x) - 1))


def frechet_distance(one: Gaussian, other: Gaussian) -> float:
    """d^2 = |m1 - m2|^2 + tr(S1 + S2 - 2 (S1^(1/2) S2 S1^(1/2))^(1/2)) (Dowson and Landau 1982; Heusel et al. 2017).

    With S = L L^T the trace of the root is the sum of the singular values of L1^T L2: nothing is squared and rooted again, no root of a negative number
    can arise, and S may be singular, as that of fewer vectors than features is. Such a set gives a distance that is too large: two sets of N from one
    distribution lie about in proportion to F / N apart, so compare only distances of equally many vectors.
    """
    product = factor(one.covariance).T @ factor(other.covariance)
    between = torch.linalg.svdvals(product).sum()
    found = ((one.mean - other.mean) ** 2).sum() + one.covariance.trace() + other.covariance.trace() - 2 * between
    return max(float(found), 0.0)  # of equal sets, rounding leaves less than nothing


def factor(covariance: Tensor) -> Tensor:
    """L with S = L L^T, by eigenvalues, of which rounding makes some that are 0 negative. [F, F] -> [F, F]."""
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt()


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """k(x, y) = (x . y / F + 1)^3, which compares means, variances and third moments. [N, F], [M, F] -> [N, M]."""
    k = x.double() @ y.double().T / x.shape[1] + 1
    return k * k * k  # a general power takes several times as long


def squared_mmd(x: Tensor, y: Tensor) -> float:
    """The squared maximum mean discrepancy, without bias (Gretton et al. 2012): pairs of a vector with itself do not count. It may be below 0.

    sum_{i != j} k(x_i, x_j) / (N (N - 1)) + sum_{i != j} k(y_i, y_j) / (M (M - 1)) - 2 sum_{i, j} k(x_i, y_j) / (N M).
    """
    own = [(k.sum() - k.trace()) / (len(k) * (len(k) - 1)) for k in (kernel(x, x), kernel(y, y))]
    return float(own[0] + own[1] - 2 * kernel(x, y).mean())


def kernel_distance(x: Tensor, y: Tensor, subsets: int = SUBSETS, size: int = SUBSET) -> tuple[float, float]:
    """The kernel distance of Binkowski et al. 2018: the mean of `squared_mmd` over pairs of random subsets, and its deviation over them.

    Its expectation does not depend on how many vectors there are. The subsets are the same for sets of the same sizes.
    """
    if min(len(x), len(y)) < 2:
        raise BadInput(f"The kernel distance needs two vectors or more on each side, and here are {len(x)} and {len(y)}; draw more pictures.")
    draw, size = torch.Generator().manual_seed(0), min(size, len(x), len(y))
    some = [[torch.randperm(len(z), generator=draw)[:size] for z in (x, y)] for _ in range(subsets)]
    found = torch.tensor([squared_mmd(x[rows], y[others]) for rows, others in some], dtype=torch.float64)
    return float(found.mean()), float(found.std(correction=0))


def precision_recall(drawn: Tensor, real: Tensor, k: int = NEIGHBORS) -> tuple[float, float]:
    """Improved precision and recall (Kynkaanniemi et al. 2019): what part of the drawn looks real, and what part of the real could be drawn.

    A vector belongs to a set if it lies in a ball around one of its vectors that reaches to that one's k-th nearest neighbor in the set. More vectors make
    smaller balls: take equally many of both. drawn: [N, F]; real: [M, F].
    """
    if min(len(drawn), len(real)) <= k:
        raise BadInput(f"Precision and recall need more than {k} pictures on each side, and here are {len(drawn)} drawn and {len(real)} real; draw more.")
    return covered(real, drawn, k), covered(drawn, real, k)


def covered(x: Tensor, y: Tensor, k: int) -> float:
    """The part of the y [M, F] that lie in the ball of some x [N, F], whose radius is the distance to its k-th nearest neighbor."""
    x, y = x.double(), y.double()
    radii = torch.cat([radius(some, x, first, k) for first, some in zip(range(0, len(x), ROWS), x.split(ROWS), strict=True)])
    return float(torch.cat([(apart(some, x) <= radii).any(1) for some in y.split(ROWS)]).double().mean())


def radius(some: Tensor, x: Tensor, first: int, k: int) -> Tensor:
    """The distance of each of x[first], x[first + 1], ... to its k-th nearest neighbor among the others."""
    distances = apart(some, x)
    distances[torch.arange(len(some)), first + torch.arange(len(some))] = torch.inf
    return distances.kthvalue(k, dim=1).values


def apart(x: Tensor, y: Tensor) -> Tensor:
    """|x_i - y_j|, from differences, so that equal vectors are 0 apart."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
