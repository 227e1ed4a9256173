"""Diffusion as it is written, statement 5.3a: one vector of data at a time, one step at a time.

Steps are t = 1 ... T; betas[t - 1] is beta_t, alpha_bar(betas, 0) = 1, and z_t = sqrt(alpha_bar_t) x + sqrt(1 - alpha_bar_t) eps, as Ho et al. (2020) write it.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def linear_beta(t: int, T: int, first: float, last: float) -> float:
    """beta_t = first + (t - 1) / (T - 1) (last - first) (Ho et al. 2020)."""
    return first + (t - 1) / (T - 1) * (last - first)


def cosine_beta(t: int, T: int) -> float:
    """beta_t = min(1 - f(t) / f(t - 1), 0.999), f(t) = cos^2((t / T + s) / (1 + s) pi / 2), s = 0.008 (Nichol and Dhariwal 2021)."""

    def f(time: int) -> float:
        return math.cos((time / T + 0.008) / 1.008 * math.pi / 2) ** 2

    return min(1 - f(t) / f(t - 1), 0.999)


def karras_sigma(i: int, N: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> float:
    """sigma_i = (sigma_max^(1/rho) + i / (N - 1) (sigma_min^(1/rho) - sigma_max^(1/rho)))^rho, i = 0 ... N - 1 (Karras et al. 2022, equation 5)."""
    return (sigma_max ** (1 / rho) + i / (N - 1) * (sigma_min ** (1 / rho) - sigma_max ** (1 / rho))) ** rho


def alpha_bar(betas: list[float], t: int) -> float:
    """(1 - beta_1) ... (1 - beta_t)."""
    product = 1.0
    for beta in betas[:t]:
        product *= 1 - beta
    return product


def forward_step(z: Tensor, beta: float, eps: Tensor) -> Tensor:
    """z_t = sqrt(1 - beta_t) z_(t-1) + sqrt(beta_t) eps.  z, eps: [D]."""
    return math.sqrt(1 - beta) * z + math.sqrt(beta) * eps


def noised(x: Tensor, betas: list[float], t: int, eps: Tensor) -> Tensor:
    """z_t = sqrt(alpha_bar_t) x + sqrt(1 - alpha_bar_t) eps: all t steps at once.  x, eps: [D]."""
    kept = alpha_bar(betas, t)
    return math.sqrt(kept) * x + math.sqrt(1 - kept) * eps


def flowed(x: Tensor, t: float, eps: Tensor) -> Tensor:
    """z_t = (1 - t) x + t eps: t = 0 is data, t = 1 is noise (Liu et al. 2022)."""
    return (1 - t) * x + t * eps


def x_from_eps(z: Tensor, eps: Tensor, a: float, s: float) -> Tensor:
    """x = (z - s eps) / a, where z = a x + s eps."""
    return (z - s * eps) / a


def x_from_v(z: Tensor, v: Tensor, a: float, s: float) -> Tensor:
    """x = a z - s v, where v = a eps - s x and a^2 + s^2 = 1 (Salimans and Ho 2022)."""
    return a * z - s * v


def x_from_velocity(z: Tensor, u: Tensor, t: float) -> Tensor:
    """x = z - t u, where z = (1 - t) x + t eps and u = dz / dt = eps - x."""
    return z - t * u


def edm_denoiser(network: Callable[[Tensor, float], Tensor], x: Tensor, sigma: float, sigma_data: float) -> Tensor:
    """D = c_skip x + c_out F(c_in x; ln(sigma) / 4) (Karras et al. 2022, table 1).  x = data + sigma eps: [D]."""
    both = sigma**2 + sigma_data**2
    c_skip, c_out, c_in = sigma_data**2 / both, sigma * sigma_data / math.sqrt(both), 1 / math.sqrt(both)
    return c_skip * x + c_out * network(c_in * x, math.log(sigma) / 4)


def simple_loss(network: Callable[[Tensor, int], Tensor], x: Tensor, betas: list[float], t: int, eps: Tensor) -> Tensor:
    """|eps - eps_theta(z_t, t)|^2 (Ho et al. 2020, equation 14)."""
    return ((eps - network(noised(x, betas, t, eps), t)) ** 2).sum()


def velocity_loss(network: Callable[[Tensor, float], Tensor], x: Tensor, t: float, eps: Tensor) -> Tensor:
    """|eps - x - u_theta(z_t, t)|^2 (Liu et al. 2022)."""
    return ((eps - x - network(flowed(x, t, eps), t)) ** 2).sum()


def edm_loss(network: Callable[[Tensor, float], Tensor], x: Tensor, sigma: float, sigma_data: float, eps: Tensor) -> Tensor:
    """lambda(sigma) |D(x + sigma eps; sigma) - x|^2, lambda = (sigma^2 + sigma_data^2) / (sigma sigma_data)^2 (Karras et al. 2022, equation 2)."""
    error = edm_denoiser(network, x + sigma * eps, sigma, sigma_data) - x
    return (sigma**2 + sigma_data**2) / (sigma * sigma_data) ** 2 * (error**2).sum()


def posterior_mean(x: Tensor, z: Tensor, betas: list[float], t: int) -> Tensor:
    """The mean of q(z_(t-1) | z_t, x) (Ho et al. 2020, equation 7).  x, z: [D]."""
    before, now, beta = alpha_bar(betas, t - 1), alpha_bar(betas, t), betas[t - 1]
    return math.sqrt(before) * beta / (1 - now) * x + math.sqrt(1 - beta) * (1 - before) / (1 - now) * z


def posterior_variance(betas: list[float], t: int) -> float:
    """Its variance, (1 - alpha_bar_(t-1)) / (1 - alpha_bar_t) beta_t."""
    return (1 - alpha_bar(betas, t - 1)) / (1 - alpha_bar(betas, t)) * betas[t - 1]


def gaussian_divergence(m: Tensor, v: float, n: Tensor, w: float) -> Tensor:
    """KL(N(m, v I) || N(n, w I)) = sum_i ((m_i - n_i)^2 / w + v / w - 1 - ln(v / w)) / 2 in nats."""
    return torch.stack([((a - b) ** 2 / w + v / w - 1 - math.log(v / w)) / 2 for a, b in zip(m, n, strict=True)]).sum()


def prior_term(x: Tensor, betas: list[float]) -> Tensor:
    """L_T = KL(q(z_T | x) || N(0, I))."""
    kept = alpha_bar(betas, len(betas))
    return gaussian_divergence(math.sqrt(kept) * x, 1 - kept, torch.zeros_like(x), 1.0)


def step_term(network: Callable[[Tensor, int], Tensor], x: Tensor, betas: list[float], t: int, eps: Tensor, large: bool = False) -> Tensor:
    """L_(t-1) = KL(q(z_(t-1) | z_t, x) || p_theta(z_(t-1) | z_t)), t > 1; p has the mean of q at the x that the network means, and q's variance or beta_t."""
    z = noised(x, betas, t, eps)
    kept = alpha_bar(betas, t)
    guess = x_from_eps(z, network(z, t), math.sqrt(kept), math.sqrt(1 - kept))
    v = posterior_variance(betas, t)
    return gaussian_divergence(posterior_mean(x, z, betas, t), v, posterior_mean(guess, z, betas, t), betas[t - 1] if large else v)


def decoder_term(x: Tensor, mean: Tensor, deviation: float) -> Tensor:
    """L_0 = -sum_i ln of the part of N(mean_i, deviation^2) from x_i - 1/255 to x_i + 1/255, to infinity at the ends -1 and 1 (Ho et al. 2020, equation 13)."""

    def below(number: Tensor, m: Tensor) -> Tensor:
        return (1 + torch.erf((number - m) / (deviation * math.sqrt(2)))) / 2

    total = torch.zeros((), dtype=x.dtype)
    for x_i, m_i in zip(x, mean, strict=True):
        high = below(x_i + 1 / 255, m_i) if x_i < 0.999 else torch.ones_like(x_i)
        low = below(x_i - 1 / 255, m_i) if x_i > -0.999 else torch.zeros_like(x_i)
        total = total - torch.log(high - low)
    return total


def gaussian_denoiser(x: Tensor, sigma: float, m: Tensor, v: Tensor) -> Tensor:
    """E[data | x] for data from N(m, diag v) and x = data + sigma eps: m + v / (v + sigma^2) (x - m).  x, m, v: [D]."""
    return torch.stack([m_i + v_i / (v_i + sigma**2) * (x_i - m_i) for x_i, m_i, v_i in zip(x, m, v, strict=True)])


def mixture_denoiser(x: Tensor, sigma: float, weights: list[float], means: list[Tensor], variances: list[Tensor]) -> Tensor:
    """E[data | x] for data from sum_k w_k N(m_k, diag v_k): each part's E[data | x, k], weighed by P(k | x), where x given k is from N(m_k, v_k + sigma^2)."""
    logs, estimates = [], []
    for w, m, v in zip(weights, means, variances, strict=True):
        spread = v + sigma**2
        logs.append(math.log(w) - ((x - m) ** 2 / spread + torch.log(2 * math.pi * spread)).sum() / 2)
        estimates.append(gaussian_denoiser(x, sigma, m, v))
    probabilities = torch.exp(torch.stack(logs) - torch.logsumexp(torch.stack(logs), 0))
    total = torch.zeros_like(x)
    for p, estimate in zip(probabilities, estimates, strict=True):
        total = total + p * estimate
    return total
