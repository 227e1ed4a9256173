"""How much noise there is when: z = alpha(t) (x + sigma(t) eps) with eps from N(0, I), statement 5.3a.

The notation is that of Karras et al. (2022) with alpha for their s. sigma is the ratio of noise to data, so that every schedule is the same process
x + sigma eps seen in a scale of its own, and whatever draws or scores needs no other number. Time 0 is the end with the data, in every schedule; the
network is told `told`. All tables and their arithmetic are float64.
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from workings.objectives.diffusion_settings import DiffusionSettings

FLOW_TOP = 0.999
"""The last time of a flow: at time 1 nothing of the data is left, sigma is infinite and no scale makes z into x."""
CLOCK = 1000.0
"""What the network of a flow is told is its time times this, as many steps as the other schedules have."""
COSINE_OFFSET, MOST_BETA = 0.008, 0.999


class NoiseSchedule(ABC):
    """One schedule; times run from 0 (least noise) to 1 (most). Methods take and give float64 tensors of any shape."""

    sigma_min: float
    """The least noise that a network is asked about, at time 0."""
    sigma_max: float
    """The most, at time 1, where drawing begins."""

    @abstractmethod
    def alpha(self, sigma: Tensor) -> Tensor:
        """What the data are multiplied by where there is so much noise."""

    @abstractmethod
    def sigma(self, time: Tensor) -> Tensor:
        """The noise at a time."""

    @abstractmethod
    def time(self, sigma: Tensor) -> Tensor:
        """The time at which there is so much noise; times outside 0 ... 1 are cut to them."""

    def told(self, sigma: Tensor) -> Tensor:
        """c_noise: what the network is told of the noise."""
        return CLOCK * self.time(sigma)

    def drawn(self, u: Tensor) -> Tensor:
        """The noise at a time from the uniform distribution, whose u in (0, 1) is given."""
        return self.sigma(u)

    @abstractmethod
    def levels(self, n: int) -> Tensor:
        """n noise levels in even steps of time, the first sigma_max, falling, all above 0: [n]."""

    def start(self) -> float:
        """The deviation of z / alpha where drawing begins: z is from N(0, I) there."""
        return 1 / float(self.alpha(torch.tensor(self.sigma_max, dtype=torch.float64)))


class Steps(NoiseSchedule):
    """T steps z_t = sqrt(1 - beta_t) z_(t-1) + sqrt(beta_t) eps (Ho et al. 2020): alpha_t^2 = prod (1 - beta), and the variance of data of size one is kept.

    betas: float64 [T]. Between steps, ln sigma is interpolated; the network is told the number of the step, 0 ... T - 1.
    """

    def __init__(self, betas: Tensor):
        kept = torch.cumprod(1 - betas, 0)
        self.betas, self.alphas, self.sigmas = betas, kept.sqrt(), ((1 - kept) / kept).sqrt()  # T
        self.logs = self.sigmas.log()
        self.sigma_min, self.sigma_max = float(self.sigmas[0]), float(self.sigmas[-1])

    def alpha(self, sigma: Tensor) -> Tensor:
        """1 / sqrt(1 + sigma^2)."""
        return (1 + sigma**2).rsqrt()

    def sigma(self, time: Tensor) -> Tensor:
        """Exactly that of the table at whole steps."""
        place = time.clamp(0, 1) * (len(self.betas) - 1)
        near = place.round()
        place = torch.where((place - near).abs() < 1e-9, near, place)
        below = place.floor().long().clamp(max=len(self.betas) - 2)
        part = place - below
        between = torch.lerp(self.logs[below], self.logs[below + 1], part).exp()
        return torch.where(part == 0, self.sigmas[below], torch.where(part == 1, self.sigmas[below + 1], between))

    def time(self, sigma: Tensor) -> Tensor:
        """The inverse of `sigma`."""
        return self.told(sigma) / (len(self.betas) - 1)

    def told(self, sigma: Tensor) -> Tensor:
        """The number of the step, and its fractions between two."""
        log = sigma.log().clamp(self.logs[0], self.logs[-1])
        above = torch.searchsorted(self.logs, log.contiguous()).clamp(1, len(self.betas) - 1)
        low, high = self.logs[above - 1], self.logs[above]
        return above - 1 + (log - low) / (high - low)

    def drawn(self, u: Tensor) -> Tensor:
        """That of one of the T steps."""
        return self.sigmas[(u * len(self.betas)).long()]

    def levels(self, n: int) -> Tensor:
        """Steps T (n - i) / n - 1 to the nearest whole number: T - 1 first, no step twice, whether or not n divides T ("trailing", Lin et al. 2023)."""
        last = len(self.betas)
        return self.sigmas[[(2 * last * (n - i) + n) // (2 * n) - 1 for i in range(n)]]


class KarrasSchedule(NoiseSchedule):
    """Noise is added to the data as they are, alpha = 1; time is even in sigma^(1/rho), rho = 7 (Karras et al. 2022, equation 5)."""

    rho = 7.0

    def __init__(self, sigma_min: float, sigma_max: float):
        self.sigma_min, self.sigma_max = sigma_min, sigma_max
        self.ends = sigma_min ** (1 / self.rho), sigma_max ** (1 / self.rho)

    def alpha(self, sigma: Tensor) -> Tensor:
        """1."""
        return torch.ones_like(sigma)

    def sigma(self, time: Tensor) -> Tensor:
        """(sigma_min^(1/rho) + time (sigma_max^(1/rho) - sigma_min^(1/rho)))^rho."""
        low, high = self.ends
        return (low + time.clamp(0, 1) * (high - low)) ** self.rho

    def time(self, sigma: Tensor) -> Tensor:
        """The inverse of `sigma`."""
        low, high = self.ends
        return ((sigma ** (1 / self.rho) - low) / (high - low)).clamp(0, 1)

    def told(self, sigma: Tensor) -> Tensor:
        """ln(sigma) / 4."""
        return sigma.log() / 4

    def levels(self, n: int) -> Tensor:
        """From sigma_max to sigma_min, both included."""
        return self.sigma(torch.linspace(1, 0, n, dtype=torch.float64) if n > 1 else torch.ones(1, dtype=torch.float64))

    def start(self) -> float:
        """sigma_max."""
        return self.sigma_max


class Flow(NoiseSchedule):
    """The straight line from data to noise, z = (1 - t) x + t eps: t = 0 is data, t = 1 is noise (Liu et al. 2022; Lipman et al. 2022 count the other way).

    So alpha = 1 - t and sigma = t / (1 - t). Time ends at FLOW_TOP, where a thousandth of the data is left, and begins a thousandth of it from the data.
    """

    first = FLOW_TOP / CLOCK

    def __init__(self) -> None:
        self.sigma_min, self.sigma_max = self.first / (1 - self.first), FLOW_TOP / (1 - FLOW_TOP)

    def alpha(self, sigma: Tensor) -> Tensor:
        """1 - t = 1 / (1 + sigma)."""
        return 1 / (1 + sigma)

    def sigma(self, time: Tensor) -> Tensor:
        """t / (1 - t) with t even from its first to its last."""
        t = self.first + time.clamp(0, 1) * (FLOW_TOP - self.first)
        return t / (1 - t)

    def time(self, sigma: Tensor) -> Tensor:
        """The inverse of `sigma`."""
        return ((sigma / (1 + sigma) - self.first) / (FLOW_TOP - self.first)).clamp(0, 1)

    def told(self, sigma: Tensor) -> Tensor:
        """1000 t."""
        return CLOCK * sigma / (1 + sigma)

    def levels(self, n: int) -> Tensor:
        """t from 0.999 in n steps that would end at t = 0."""
        t = FLOW_TOP * torch.arange(n, 0, -1, dtype=torch.float64) / n
        return t / (1 - t)


def linear_betas(first: float, last: float, steps: int) -> Tensor:
    """beta from `first` to `last` in even steps (Ho et al. 2020). float64 [T]."""
    return torch.linspace(first, last, steps, dtype=torch.float64)


def cosine_betas(steps: int) -> Tensor:
    """beta_t = 1 - f(t) / f(t - 1), at most 0.999, f(t) = cos^2((t / T + 0.008) / 1.008 pi / 2) (Nichol and Dhariwal 2021). float64 [T]."""
    t = torch.arange(steps + 1, dtype=torch.float64) / steps
    f = ((t + COSINE_OFFSET) / (1 + COSINE_OFFSET) * math.pi / 2).cos() ** 2
    return (1 - f[1:] / f[:-1]).clamp(max=MOST_BETA)


def noise_schedule(settings: DiffusionSettings) -> NoiseSchedule:
    """The schedule of some settings."""
    first, last, steps = settings.beta_first, settings.beta_last, settings.steps
    make = {
        "linear": lambda: Steps(linear_betas(first, last, steps)),
        "scaled-linear": lambda: Steps(linear_betas(first**0.5, last**0.5, steps) ** 2),  # Rombach et al. 2022
        "cosine": lambda: Steps(cosine_betas(steps)),
        "edm": lambda: KarrasSchedule(settings.sigma_min, settings.sigma_max),
        "flow": Flow,
    }
    with torch.device("cpu"):  # numbers, even where a model's weights are left blank
        return make[settings.schedule]()
