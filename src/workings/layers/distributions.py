"""The distributions of latent variable models: normal ones, diagonal or full, and independent coins (statements 5.1a-5.1c).

Vectors are the last dimension; the one before it counts samples, and is 1 where a distribution is the same for all samples of a picture.
Densities are natural logarithms, summed over the vector, never averaged: a mean over pixels would be another bound.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from workings.layers.fast.coins import coin_density

LOG_TWO_PI = math.log(2 * math.pi)


def wide(x: Tensor) -> Tensor:
    """In float32 at least, which densities are computed in."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def log_standard_normal(z: Tensor) -> Tensor:
    """log N(z | 0, I). z: [..., n] -> [...]."""
    return -0.5 * (z.square().sum(-1) + z.shape[-1] * LOG_TWO_PI)


class DiagonalGaussian(NamedTuple):
    """N(mean, diag(exp(log_variance)))."""

    mean: Tensor
    """[B, S or 1, n]."""
    log_variance: Tensor
    """[B, S or 1, n], or what is broadcast to it."""

    def sample(self, noise: Tensor) -> Tensor:
        """mean + sigma noise: a draw whose gradient runs to mean and sigma. noise: [B, S, n], from N(0, I) -> [B, S, n]."""
        return self.mean + torch.exp(0.5 * self.log_variance) * noise

    def log_density(self, x: Tensor) -> Tensor:
        """-1/2 sum_i ((x_i - mean_i)^2 / sigma_i^2 + log sigma_i^2 + log 2 pi). x: [B, S or 1, n] -> [B, S]."""
        square = (x - self.mean).square() * torch.exp(-self.log_variance)
        return -0.5 * ((square + self.log_variance).sum(-1) + self.mean.shape[-1] * LOG_TWO_PI)

    def divergences(self) -> Tensor:
        """KL(this || N(0, I)) = 1/2 sum_i (mean_i^2 + sigma_i^2 - 1 - log sigma_i^2), dimension by dimension. -> [B, 1, n]."""
        return 0.5 * (self.mean.square() + torch.exp(self.log_variance) - 1 - self.log_variance)


class FullGaussian(NamedTuple):
    """N(mean, L L^T), given by its Cholesky factor."""

    mean: Tensor
    """[B, 1, n]."""
    factor: Tensor
    """L [B, n, n], lower triangular, its diagonal above 0."""

    def sample(self, noise: Tensor) -> Tensor:
        """mean + L noise. noise: [B, S, n], from N(0, I) -> [B, S, n]."""
        return self.mean + noise @ self.factor.mT

    def log_density(self, x: Tensor) -> Tensor:
        """-1/2 |L^-1 (x - mean)|^2 - sum_i log L_ii - n/2 log 2 pi. x: [B, S, n] -> [B, S]."""
        noise = torch.linalg.solve_triangular(self.factor, (x - self.mean).mT, upper=False).mT
        return log_standard_normal(noise) - self.log_diagonal().sum(-1)[:, None]

    def divergences(self) -> Tensor:
        """KL(this || N(0, I)) = 1/2 (|mean|^2 + sum_ij L_ij^2 - n) - sum_i log L_ii, which no dimension has alone. -> [B, 1, 1]."""
        n = self.mean.shape[-1]
        square = self.mean.square().sum((1, 2)) + self.factor.square().sum((1, 2)) - n
        return (0.5 * square - self.log_diagonal().sum(-1))[:, None, None]

    def log_diagonal(self) -> Tensor:
        """log L_ii [B, n]."""
        return self.factor.diagonal(dim1=-2, dim2=-1).log()


class Bernoulli(NamedTuple):
    """Independent coins that show 1 with probability sigmoid(logits)."""

    logits: Tensor
    """[B, S, n]."""

    @property
    def mean(self) -> Tensor:
        """The probabilities, [B, S, n]."""
        return torch.sigmoid(wide(self.logits))

    def log_density(self, x: Tensor) -> Tensor:
        """sum_i (x_i log p_i + (1 - x_i) log(1 - p_i)) = sum_i (x_i l_i - softplus(l_i)). x: [B, S or 1, n], 0 or 1 -> [B, S].

        For an x between 0 and 1 this is a cross-entropy and no density.
        """
        return coin_density(self.logits, x)


Posterior = DiagonalGaussian | FullGaussian
Likelihood = DiagonalGaussian | Bernoulli
