"""Drawing as the lecture writes it, z_(t-1) = f(z_t, t; theta): every way to take a step, in the letters of its paper (statement 5.3a)."""

import math
from collections.abc import Callable

from torch import Tensor

from workings.blackboard.diffusion import alpha_bar, x_from_eps

Step = Callable[[Tensor, int], Tensor]


def reverse(f: Step, z: Tensor, T: int) -> Tensor:
    """z_0 from z_T: z_(t-1) = f(z_t, t) for t = T ... 1.  z: [D]."""
    for t in range(T, 0, -1):
        z = f(z, t)
    return z


def ddpm(network: Step, betas: list[float], noises: list[Tensor], large: bool = False) -> Step:
    """f(z_t, t) = (z_t - beta_t / sqrt(1 - alpha_bar_t) eps_theta(z_t, t)) / sqrt(1 - beta_t) + s_t n, no noise at t = 1 (Ho et al. 2020, algorithm 2).

    s_t^2 = (1 - alpha_bar_(t-1)) / (1 - alpha_bar_t) beta_t, or beta_t if large. noises[t - 1]: n of step t.
    """

    def f(z: Tensor, t: int) -> Tensor:
        beta, now, before = betas[t - 1], alpha_bar(betas, t), alpha_bar(betas, t - 1)
        mean = (z - beta / math.sqrt(1 - now) * network(z, t)) / math.sqrt(1 - beta)
        variance = beta if large else (1 - before) / (1 - now) * beta
        return mean + math.sqrt(variance) * noises[t - 1] if t > 1 else mean

    return f


def ddim(network: Step, betas: list[float], visited: list[int], noises: list[Tensor], eta: float = 0.0) -> Step:
    """f(z, i) from step visited[i] to visited[i - 1], visited[0] = 0 (Song et al. 2021, equation 12, whose alpha is alpha_bar here).

    z' = sqrt(a') x-hat + sqrt(1 - a' - s^2) eps_theta + s n, s = eta sqrt((1 - a') / (1 - a)) sqrt(1 - a / a').
    """

    def f(z: Tensor, i: int) -> Tensor:
        a, to = alpha_bar(betas, visited[i]), alpha_bar(betas, visited[i - 1])
        eps = network(z, visited[i])
        s = eta * math.sqrt((1 - to) / (1 - a)) * math.sqrt(1 - a / to)
        x = x_from_eps(z, eps, math.sqrt(a), math.sqrt(1 - a))
        return math.sqrt(to) * x + math.sqrt(1 - to - s**2) * eps + s * noises[i - 1]

    return f


def heun(denoiser: Callable[[Tensor, float], Tensor], sigmas: list[float]) -> Step:
    """f(x, i) from sigmas[i] to sigmas[i - 1], sigmas[0] = 0 (Karras et al. 2022, algorithm 1)."""

    def f(x: Tensor, i: int) -> Tensor:
        now, then = sigmas[i], sigmas[i - 1]
        d = (x - denoiser(x, now)) / now
        ahead = x + (then - now) * d
        if then != 0:
            d_ahead = (ahead - denoiser(ahead, then)) / then
            ahead = x + (then - now) * (d / 2 + d_ahead / 2)
        return ahead

    return f


def dpm_solver(predict: Callable[[Tensor, int], Tensor], alphas: list[float], deviations: list[float], z: Tensor) -> list[Tensor]:
    """z_T ... z_0 by DPM-Solver++(2M) (Lu et al. 2022, algorithm 2), with z_i = alphas[i] x + deviations[i] eps and predict(z, i) the x that is meant.

    lambda_i = ln(alphas[i] / deviations[i]); z_i comes from z_(i+1). The first step and the last, where lambda is infinite, have no second order.
    """
    T = len(alphas) - 1
    path, guesses = [z], {}
    for i in range(T - 1, -1, -1):
        guesses[i + 1] = predict(path[-1], i + 1)
        guess = guesses[i + 1]
        if deviations[i] == 0:
            path.append(alphas[i] * guess)
            continue
        h = math.log(alphas[i] / deviations[i]) - math.log(alphas[i + 1] / deviations[i + 1])
        if i + 2 <= T:
            h_before = math.log(alphas[i + 1] / deviations[i + 1]) - math.log(alphas[i + 2] / deviations[i + 2])
            r = h_before / h
            guess = (1 + 1 / (2 * r)) * guesses[i + 1] - 1 / (2 * r) * guesses[i + 2]
        path.append(deviations[i] / deviations[i + 1] * path[-1] - alphas[i] * (math.exp(-h) - 1) * guess)
    return path


def flow(network: Callable[[Tensor, float], Tensor], times: list[float]) -> Step:
    """f(z, i) = z + (times[i - 1] - times[i]) u_theta(z, times[i]), times[0] = 0 the data's end (Liu et al. 2022)."""
    return lambda z, i: z + (times[i - 1] - times[i]) * network(z, times[i])


def guided(conditional: Tensor, unconditional: Tensor, w: float) -> Tensor:
    """(1 + w) eps(z, c) - w eps(z) (Ho and Salimans 2022, equation 6)."""
    return (1 + w) * conditional - w * unconditional
