"""What a latent variable model is trained by: the evidence lower bound in the five steps of statement 5.1d, and the importance-weighted bound.

A model is anything with `encode(x, labels)`, which gives q(z|x), and `decode(z, labels)`, which gives p(x|z), as `layers.distributions` has them.
All values are in nats, summed over pixels and latent dimensions, one a picture; means over pictures are taken by whoever asks.
"""

import math
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from workings.layers.distributions import Likelihood, Posterior, log_standard_normal

AT_ONCE = 1 << 22
"""Numbers of drawn pictures that an estimate of the likelihood holds together."""


class LatentModel(Protocol):
    """What the bounds ask of a model."""

    def encode(self, x: Tensor, labels: Tensor | None = None) -> Posterior:
        """q(z|x). x: [B, ...]."""
        ...

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Likelihood:
        """p(x|z). z: [B, S, Z]."""
        ...


class Bound(NamedTuple):
    """A lower bound of log p(x), and what it is made of."""

    value: Tensor
    """The bound, [B]."""
    reconstruction: Tensor
    """E_q log p(x|z), [B]."""
    divergence: Tensor
    """KL(q(z|x) || p(z)), [B]."""
    objective: Tensor
    """What is maximized, [B]: the bound itself, unless KL warm-up or free bits change it."""


def elbo(model: LatentModel, x: Tensor, noise: Tensor, labels: Tensor | None = None, *, analytic: bool = True, weight: float = 1.0, free: float = 0.0) -> Bound:
    """ELBO = E_q(z|x) log p(x|z) - KL(q(z|x) || p(z)) <= log p(x), from S samples of z (5.1d; Kingma and Welling 2014).

    x: [B, C, H, W], noise: [B, S, Z] from N(0, I), labels: int64 [B]. analytic: the KL in closed form, or else from the same samples.
    What is maximized counts the KL `weight` times (KL warm-up: Bowman et al. 2016) and does not ask a dimension to fall below `free` nats (Kingma et al. 2016,
    here for each picture by itself, and for all dimensions together where the KL has no parts); the bound is reported as it is.
    """
    q = model.encode(x, labels)  # 1: mu_z and Sigma_z
    z = q.sample(noise)  # 2: samples of N(mu_z, Sigma_z), B S Z
    p = model.decode(z, labels)  # 3: mu_x and Sigma_x of every sample
    reconstruction = p.log_density(x.flatten(1)[:, None]).mean(1)  # 4: log N(x | mu_x, Sigma_x), averaged over the samples
    parts = q.divergences()[:, 0] if analytic else (q.log_density(z) - log_standard_normal(z)).mean(1, keepdim=True)
    divergence = parts.sum(1)  # 5: minus the KL from the prior
    value = reconstruction - divergence
    asked = divergence if not free else parts.clamp(min=free * z.shape[-1] / parts.shape[1]).sum(1)
    return Bound(value, reconstruction, divergence, value if weight == 1 and not free else reconstruction - weight * asked)


def log_weights(model: LatentModel, q: Posterior, x: Tensor, noise: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """log w = log p(x|z) + log p(z) - log q(z|x) of every sample, and log p(x|z) alone. q: q(z|x), noise: [B, S, Z] -> twice [B, S]."""
    z = q.sample(noise)
    likelihood = model.decode(z, labels).log_density(x.flatten(1)[:, None])
    return likelihood + log_standard_normal(z) - q.log_density(z), likelihood


def iwae(model: LatentModel, x: Tensor, noise: Tensor, labels: Tensor | None = None, *, inner: int) -> Bound:
    """IWAE_K = mean over M of log(1/K sum_k w_mk), with w = p(x|z) p(z) / q(z|x): ELBO <= IWAE_K <= log p(x), rising with K (Burda et al. 2016).

    noise: [B, M K, Z], of which each K samples that follow each other stand in one sum; inner: K. The logarithm of a sum is taken over those K alone, the mean
    over the M, and there is no KL in closed form: the divergence that is reported is that of the samples.
    """
    if noise.shape[1] % inner:
        raise ValueError(f"{noise.shape[1]} samples cannot be cut into sums of {inner}")
    weights, likelihood = log_weights(model, model.encode(x, labels), x, noise, labels)
    sums = weights.unflatten(1, (-1, inner))  # B M K
    value = (sums.logsumexp(2) - math.log(inner)).mean(1)
    reconstruction = likelihood.mean(1)
    return Bound(value, reconstruction, reconstruction - weights.mean(1), value)


@torch.no_grad()
def log_likelihood(model: LatentModel, x: Tensor, noise: Tensor, labels: Tensor | None = None, at_once: int = AT_ONCE) -> Tensor:
    """log p(x) ~ log(1/K sum_k p(x|z_k) p(z_k) / q(z_k|x)), z_k from q: importance sampling, which on average errs downwards, less with every sample.

    x: [B, C, H, W], noise: [B, K, Z] from N(0, I) -> [B]. at_once: about how many numbers of pictures are held together; how the samples are cut for it changes
    nothing.
    """
    q, total = model.encode(x, labels), x.new_full((len(x),), -math.inf, dtype=noise.dtype)
    for some in noise.split(max(1, at_once // x.numel()), 1):
        weights, _ = log_weights(model, q, x, some, labels)
        total = torch.logaddexp(total, weights.logsumexp(1))
    return total - math.log(noise.shape[1])


def bits_per_dimension(nats: float, dimensions: int, levels: int = 1) -> float:
    """nats / (D ln 2) + log2(levels): -log p(x) of a picture of D numbers as bits for each of them.

    levels: 1 for binary pictures; 256 for a density over [0, 1] of pictures with so many levels, whose noise spreads each over 1/256.

    >>> round(bits_per_dimension(784 * math.log(2), 784), 6), bits_per_dimension(0.0, 784, 256)
    (1.0, 8.0)
    """
    return nats / (dimensions * math.log(2)) + math.log2(levels)


def active_units(means: Tensor, least: float = 0.01) -> int:
    """How many dimensions of z say something: those whose mean varies over pictures by more than `least` (Burda et al. 2016). means: mu_z [N, Z]."""
    return int((means.var(0) > least).sum())
