"""From noise to data step by step, z_(t-1) = f(z_t, t; theta), statement 5.3a: one sampler a function.

All work on x = z / alpha = data + sigma eps, in which schedules differ by their levels alone, and ask only D(x, sigma), the estimate of the data. A step goes
from level `now` to `then`. Where then = 0 every sampler ends at D and adds no noise. eps-hat = (x - D) / now, whatever the network says and however D was
guided or cut.

D: denoise(x [B, ...], sigma) -> [B, ...]; levels: falling, [n + 1]; noise(i): N(0, I) for step i, of the shape of x; watch(i, then, x, D): told of every step.
"""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise

from torch import Tensor

from workings.objectives.variational_bound import ancestral_variance

Denoise = Callable[[Tensor, float], Tensor]
Noise = Callable[[int], Tensor]
Watch = Callable[[int, float, Tensor, Tensor], None]


def nobody(step: int, sigma: float, x: Tensor, estimate: Tensor) -> None:
    """Watches nothing."""


def steps(levels: Tensor) -> Iterator[tuple[int, float, float]]:
    """(i, now, then) of every step."""
    return ((i, now, then) for i, (now, then) in enumerate(pairwise(levels.tolist())))


def ddpm(denoise: Denoise, x: Tensor, levels: Tensor, noise: Noise, watch: Watch = nobody, variance: str = "small") -> Tensor:
    """x' = r x + (1 - r) D + s n, r = then^2 / now^2, s^2 = `ancestral_variance`: a draw from q(x_then | x_now, D) (Ho et al. 2020, equation 7)."""
    for i, now, then in steps(levels):
        estimate = denoise(x, now)
        r = (then / now) ** 2
        x = r * x + (1 - r) * estimate
        if then:
            x = x + math.sqrt(ancestral_variance(now, then, variance)) * noise(i)
        watch(i, then, x, estimate)
    return x


def ddim(denoise: Denoise, x: Tensor, levels: Tensor, noise: Noise, watch: Watch = nobody, eta: float = 0.0) -> Tensor:
    """x' = D + sqrt(then^2 - s^2) eps-hat + s n, s = eta times DDPM's (Song et al. 2021, equation 12); with eta = 1 it is DDPM."""
    for i, now, then in steps(levels):
        estimate = denoise(x, now)
        s = eta * math.sqrt(ancestral_variance(now, then, "small"))
        x = estimate + math.sqrt(then**2 - s**2) / now * (x - estimate)
        if s:
            x = x + s * noise(i)
        watch(i, then, x, estimate)
    return x


def euler(denoise: Denoise, x: Tensor, levels: Tensor, noise: Noise, watch: Watch = nobody) -> Tensor:
    """x' = x + (then - now) dx/dsigma with dx/dsigma = (x - D) / now (Karras et al. 2022, algorithm 1 without its correction).

    That is DDIM without noise, and Euler's step z' = z + (t' - t) dz/dt of a flow: the three differ in the levels that they are used with.
    """
    return ddim(denoise, x, levels, noise, watch)


def heun(denoise: Denoise, x: Tensor, levels: Tensor, noise: Noise, watch: Watch = nobody) -> Tensor:
    """Euler's step, then again with the mean of the slopes at both ends, except where then = 0 (Karras et al. 2022, algorithm 1): D is asked twice."""
    for i, now, then in steps(levels):
        estimate = denoise(x, now)
        ahead = estimate + then / now * (x - estimate)
        if then:
            slope = ((x - estimate) / now + (ahead - denoise(ahead, then)) / then) / 2
            ahead = x + (then - now) * slope
        x = ahead
        watch(i, then, x, estimate)
    return x


def dpm_solver(denoise: Denoise, x: Tensor, levels: Tensor, noise: Noise, watch: Watch = nobody) -> Tensor:
    """DPM-Solver++(2M): x' = (then / now) x + (1 - e^-h) (D + (D - D_before) / (2 r)), h = ln(now / then), r = h_before / h (Lu et al. 2022, algorithm 2).

    D in the middle of a step, in ln sigma, is guessed from this and the one before, so D is asked once a step. The first and the last step have D alone.
    """
    before, h_before = None, 0.0
    for i, now, then in steps(levels):
        estimate = ahead = denoise(x, now)
        if then:
            h = math.log(now / then)
            if before is not None:
                ahead = estimate + h / (2 * h_before) * (estimate - before)
            before, h_before = estimate, h
        x = ahead + then / now * (x - ahead)
        watch(i, then, x, estimate)
    return x


SAMPLERS: dict[str, Callable[..., Tensor]] = {"ddpm": ddpm, "ddim": ddim, "euler": euler, "heun": heun, "dpm++": dpm_solver}
"""Name -> (denoise, x, levels, noise, watch) -> x_0; each says its equation and its source (5.3)."""
