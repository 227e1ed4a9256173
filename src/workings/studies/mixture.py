"""A mixture of Gaussians, of which everything is known in closed form: its exact denoiser and its classes, so that samplers can be measured by themselves."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

BISECTIONS = 80
"""Halvings of an interval that end at the last bit of a float64."""


@dataclass(frozen=True)
class Mixture:
    """sum_k w_k N(m_k, diag v_k), float64; each part belongs to a class."""

    weights: Tensor
    """w, [K], sum 1."""
    means: Tensor
    """m, [K, D]."""
    variances: Tensor
    """v, [K, D]."""
    classes: Tensor
    """The number of each part's class, int64 [K]."""

    def logs(self, x: Tensor, sigma: float = 0.0) -> Tensor:
        """log(w_k N(x | m_k, v_k + sigma^2)) but for a constant. x: [B, D] -> [B, K]."""
        spread = self.variances + sigma**2
        return self.weights.log() - ((x[:, None] - self.means) ** 2 / spread + spread.log()).sum(-1) / 2

    def denoise(self, x: Tensor, sigma: float, label: int | None = None) -> Tensor:
        """D(x, sigma) = E[data | x] where x = data + sigma eps, of all classes or of one: `blackboard.diffusion.mixture_denoiser` for a batch. x: [B, D]."""
        logs = self.logs(x, sigma)
        if label is not None:
            logs = logs.masked_fill(self.classes != label, -math.inf)
        each = self.means + self.variances / (self.variances + sigma**2) * (x[:, None] - self.means)  # B K D
        return (logs.softmax(-1)[..., None] * each).sum(1)

    def probabilities(self, x: Tensor) -> Tensor:
        """P(class | x), what the best possible judge says. x: [B, D] -> [B, classes]."""
        parts = self.logs(x).softmax(-1)
        return torch.zeros(len(x), int(self.classes.max()) + 1, dtype=x.dtype).index_add_(1, self.classes, parts)

    def quantile(self, u: Tensor, sigma: float = 0.0) -> Tensor:
        """Where the distribution function of data + sigma eps is u, for one dimension, by bisection. u: [B] in (0, 1) -> [B, 1]."""
        means, deviations = self.means[:, 0], (self.variances[:, 0] + sigma**2).sqrt()
        low = torch.full_like(u, float((means - 12 * deviations).min()))
        high = torch.full_like(u, float((means + 12 * deviations).max()))
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            below = (self.weights * torch.special.ndtr((middle[:, None] - means) / deviations)).sum(-1) < u
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return ((low + high) / 2)[:, None]
