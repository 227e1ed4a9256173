"""The variational autoencoder as it is written, every term by hand (statements 5.1a-5.1d; Kingma and Welling 2014, Burda et al. 2016).

One picture, one sample of z at a time. A normal distribution is its mean and the lower triangular L with covariance L L^T; that of a diagonal one is diagonal.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from workings.blackboard.functions import PHI, sigmoid
from workings.blackboard.mlp import numbers
from workings.blackboard.parameters import Parameters, affine, under
from workings.blackboard.resnet import Picture, convolution, pixels

LOWEST, HIGHEST = -14.0, 6.0
"""Between which log variances are kept."""
ZERO = torch.zeros((), dtype=torch.float64)
"""What sums begin with."""


@dataclass
class Model:
    """The parameters by their names in `VAE.named_parameters()`, in float64, and the settings: anything with the attributes of `VAESettings`."""

    parameters: Parameters
    settings: Any


def phi(x: Tensor, settings) -> Tensor:
    """The nonlinearity that the settings name."""
    return torch.tanh(x) if settings.phi == "tanh" else PHI[settings.phi](x)


def one_hot(label: int, classes: int) -> Tensor:
    """A vector of zeros with a 1 at the class; without classes it is empty.  Returns [classes]."""
    return torch.tensor([1.0 if k == label else 0.0 for k in range(classes)], dtype=torch.float64)


def convolve(x: Picture, parameters: Parameters, name: str, stride: int) -> Picture:
    """W * x + b for every pixel."""
    return [[pixel + parameters[f"{name}.bias"] for pixel in row] for row in convolution(x, parameters[f"{name}.weight"], stride)]


def doubled(x: Picture, height: int, width: int) -> Picture:
    """Every pixel becomes 2 x 2, without the last row or column where the size is odd."""
    return [[x[r // 2][c // 2] for c in range(width)] for r in range(height)]


def by_channel(x: Picture) -> Tensor:
    """All numbers of a picture, channel by channel.  Returns [C H W]."""
    return numbers(torch.stack([torch.stack([torch.stack([pixel[k] for pixel in row]) for row in x]) for k in range(len(x[0][0]))]))


def hidden_layers(y: Tensor, parameters: Parameters, settings) -> Tensor:
    """y^l = phi(W^l y^{l-1} + b^l)."""
    for layer in range(len(settings.widths)):
        y = phi(affine(y, parameters, f"layers.{layer}"), settings)
    return y


def encoder_body(x: Tensor, label: int, parameters: Parameters, settings) -> Tensor:
    """The vector from which mean and covariance of z are read.  x: [C, H, W]. Returns [width]."""
    told = one_hot(label, settings.classes)
    if settings.body == "mlp":
        return hidden_layers(torch.cat([numbers(x), told]), parameters, settings)
    y = pixels(x)
    for stage in range(len(settings.widths)):
        y = [[phi(pixel, settings) for pixel in row] for row in convolve(y, parameters, f"stages.{stage}", 2)]
    return phi(affine(torch.cat([by_channel(y), told]), parameters, "hidden"), settings)


def decoder_body(z: Tensor, label: int, parameters: Parameters, settings) -> tuple[Tensor, Tensor]:
    """The numbers from which p(x|z) is read, one or two for each of a picture, and the hidden layer.  z: [Z]."""
    y = torch.cat([z, one_hot(label, settings.classes)])
    if settings.body == "mlp":
        y = hidden_layers(y, parameters, settings)
        return affine(y, parameters, "output"), y
    sizes = [tuple(settings.image_size)]
    for _ in settings.widths:
        sizes.append((math.ceil(sizes[-1][0] / 2), math.ceil(sizes[-1][1] / 2)))
    height, width = sizes.pop()
    y = phi(affine(y, parameters, "hidden"), settings)
    flat = phi(affine(y, parameters, "map"), settings)
    x = pixels(
        torch.stack([torch.stack([flat[(k * height + r) * width : (k * height + r + 1) * width] for r in range(height)]) for k in range(settings.widths[-1])])
    )
    for stage in range(len(settings.widths) - 1):
        x = [[phi(pixel, settings) for pixel in row] for row in convolve(doubled(x, *sizes.pop()), parameters, f"stages.{stage}", 1)]
    return by_channel(convolve(doubled(x, *sizes.pop()), parameters, "output", 1)), y


def encode(x: Tensor, label: int, model: Model) -> tuple[Tensor, Tensor]:
    """mu_z and L of q(z|x) = N(mu_z, L L^T) (5.1c).  x: [C, H, W]. Returns [Z] and [Z, Z]."""
    s, P = model.settings, model.parameters
    y = encoder_body(x, label, under(P, "encoder"), s)
    h = affine(y, P, "spread").clamp(LOWEST, HIGHEST)
    rows, place = [], s.latent
    for i in range(s.latent):
        row = [torch.zeros((), dtype=torch.float64)] * s.latent
        row[i] = torch.exp(h[i] / 2)
        if s.posterior == "full":
            for j in range(i):
                row[j] = h[place]
                place += 1
        rows.append(torch.stack(row))
    return affine(y, P, "mean"), torch.stack(rows)


def decode(z: Tensor, label: int, model: Model) -> tuple[Tensor, Tensor | None]:
    """mu_x and the variances sigma_x^2 of p(x|z), or the probabilities of coins and None (5.1b).  z: [Z]. Returns [D] twice."""
    s, P = model.settings, model.parameters
    out, y = decoder_body(z, label, under(P, "decoder"), s)
    if s.likelihood == "bernoulli":
        return sigmoid(out), None
    D = s.channels * s.image_size[0] * s.image_size[1]
    if s.variance == "fixed":
        return out, torch.full((D,), s.sigma**2, dtype=torch.float64)
    h = {
        "pixel": lambda: out[D:],
        "picture": lambda: affine(y, P, "output.spread").repeat(D),
        "shared": lambda: P["output.h"].repeat(D),
    }[s.variance]()
    return out[:D], s.floor**2 + torch.exp(h.clamp(max=HIGHEST))


def draw(mean: Tensor, L: Tensor, noise: Tensor) -> Tensor:
    """z = mean + L noise: a sample of N(mean, L L^T) whose gradient runs to both.  Returns [Z]."""
    return torch.stack([mean[i] + sum(L[i, j] * noise[j] for j in range(i + 1)) for i in range(len(mean))])


def log_normal(x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """log prod_i N(x_i | mean_i, variance_i)."""
    return -sum(((x[i] - mean[i]) ** 2 / (2 * variance[i]) + torch.log(2 * math.pi * variance[i]) / 2 for i in range(len(x))), ZERO)


def log_bernoulli(x: Tensor, p: Tensor) -> Tensor:
    """log prod_i p_i^x_i (1 - p_i)^(1 - x_i)."""
    return sum((x[i] * torch.log(p[i]) + (1 - x[i]) * torch.log(1 - p[i]) for i in range(len(x))), ZERO)


def log_likelihood_of(x: Tensor, mean: Tensor, variance: Tensor | None) -> Tensor:
    """log p(x|z).  x: [D]."""
    return log_bernoulli(x, mean) if variance is None else log_normal(x, mean, variance)


def log_prior(z: Tensor) -> Tensor:
    """log N(z | 0, I) (5.1a)."""
    return log_normal(z, torch.zeros_like(z), torch.ones_like(z))


def log_posterior(z: Tensor, mean: Tensor, L: Tensor) -> Tensor:
    """log N(z | mean, L L^T): with e = L^-1 (z - mean), found row by row from above, log N(e | 0, I) - log det L."""
    e: list[Tensor] = []
    for i in range(len(z)):
        e.append((z[i] - mean[i] - sum(L[i, j] * e[j] for j in range(i))) / L[i, i])
    return log_prior(torch.stack(e)) - sum((torch.log(L[i, i]) for i in range(len(z))), ZERO)


def kl(mean: Tensor, L: Tensor) -> Tensor:
    """KL(N(mean, L L^T) || N(0, I)) = (trace(L L^T) + mean . mean - Z - log det(L L^T)) / 2."""
    Z = len(mean)
    trace = sum((L[i, j] ** 2 for i in range(Z) for j in range(Z)), ZERO)
    return (trace + sum((m**2 for m in mean), ZERO) - Z - 2 * sum((torch.log(L[i, i]) for i in range(Z)), ZERO)) / 2


def elbo(x: Tensor, noises: list[Tensor], label: int, model: Model, analytic: bool) -> Tensor:
    """The five steps of 5.1d for one picture.  x: [C, H, W]; noises: one [Z] for each sample."""
    mean_z, L = encode(x, label, model)  # 1
    zs = [draw(mean_z, L, noise) for noise in noises]  # 2
    outputs = [decode(z, label, model) for z in zs]  # 3
    reconstruction = sum((log_likelihood_of(numbers(x), *output) for output in outputs), ZERO) / len(outputs)  # 4
    sampled = sum((log_posterior(z, mean_z, L) - log_prior(z) for z in zs), ZERO) / len(zs)
    return reconstruction - (kl(mean_z, L) if analytic else sampled)  # 5


def log_weight(x: Tensor, noise: Tensor, label: int, model: Model) -> Tensor:
    """log w = log p(x|z) + log p(z) - log q(z|x)."""
    mean_z, L = encode(x, label, model)
    z = draw(mean_z, L, noise)
    return log_likelihood_of(numbers(x), *decode(z, label, model)) + log_prior(z) - log_posterior(z, mean_z, L)


def iwae(x: Tensor, groups: list[list[Tensor]], label: int, model: Model) -> Tensor:
    """(1/M) sum_m log((1/K) sum_k w_mk), the largest w taken off first so that nothing overflows.  groups: M lists of K noises [Z]."""
    total = ZERO
    for group in groups:
        logs = [log_weight(x, noise, label, model) for noise in group]
        top = max(logs).detach()
        total = total + top + torch.log(sum((torch.exp(one - top) for one in logs), ZERO) / len(group))
    return total / len(groups)
