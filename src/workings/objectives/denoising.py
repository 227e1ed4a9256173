"""The loss of a denoiser, statement 5.3a: noise of a drawn level is added to data, and the data are to be found again."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from workings.layers.fast.noise import normal, uniform
from workings.layers.randomness import draw_key
from workings.objectives.diffusion_settings import DiffusionSettings
from workings.objectives.noise_schedule import NoiseSchedule, noise_schedule
from workings.objectives.parameterization import Preconditioning

LEVEL, NOISE, CONDITION = -1, -2, -3
"""Places of the draws, which no layer of a model has."""


def drawn_levels(settings: DiffusionSettings, schedule: NoiseSchedule, rows: int) -> Tensor:
    """The noise of each row of a batch under the current key, float64 [rows].

    "uniform": the times of the schedule equally often (whole steps, if it has steps). "normal": ln sigma from N(mean, deviation^2), cut to the schedule's ends
    (Karras et al. 2022); as sigma = t / (1 - t) in a flow, its time is then logit-normal (Esser et al. 2024).
    """
    key, first = draw_key(LEVEL)
    if settings.drawn == "normal":
        logs = settings.drawn_mean + settings.drawn_deviation * normal(rows, 1, key, first)[:, 0].double()
        return logs.exp().clamp(schedule.sigma_min, schedule.sigma_max)
    return schedule.drawn(uniform(rows, 1, key, first)[:, 0].double())


def drawn_noise(x: Tensor) -> Tensor:
    """eps from N(0, I) for each row under the current key, of the shape and type of x [B, ...]."""
    key, first = draw_key(NOISE)
    return normal(len(x), x[0].numel(), key, first, x.device).view(x.shape).to(x.dtype)


def unconditional_rows(rows: int, probability: float) -> Tensor:
    """Which rows learn without their condition, so that the model can be guided (Ho and Salimans 2022): bool [rows], under the current key."""
    key, first = draw_key(CONDITION)
    return uniform(rows, 1, key, first)[:, 0] < probability


def weights(settings: DiffusionSettings, sigma: Tensor, preconditioning: Preconditioning | None = None) -> Tensor:
    """w(sigma) of the error |D - x|^2; SNR = 1 / sigma^2. sigma: float64, any shape.

    - "uniform": 1 / c_out^2, which is 1 for the error of what the network says;
    - "eps": SNR, which is 1 for the error of eps: L_simple (Ho et al. 2020), whatever is predicted;
    - "min-snr": min(SNR, gamma) (Hang et al. 2023);
    - "edm": (sigma^2 + sigma_data^2) / (sigma sigma_data)^2 (Karras et al. 2022).
    """
    if settings.weighting == "uniform":
        return (preconditioning or Preconditioning(settings))(sigma).out ** -2
    if settings.weighting == "edm":
        return (sigma**2 + settings.sigma_data**2) / (sigma * settings.sigma_data) ** 2
    return (sigma**-2).clamp(max=settings.gamma) if settings.weighting == "min-snr" else sigma**-2


class DenoisingLoss:
    """L = sum_b w(sigma_b) |D(x_b + sigma_b eps_b; sigma_b) - x_b|^2 with drawn sigma and eps (5.3a), all a function of the key and the number of the row."""

    def __init__(self, settings: DiffusionSettings):
        self.settings, self.schedule = settings, noise_schedule(settings)
        self.preconditioning = Preconditioning(settings, self.schedule)

    def __call__(self, denoiser: Callable[..., Tensor], x: Tensor, condition: Any = None) -> Tensor:
        """x: data [B, ...] of about size one (pictures in -1 ... 1). Returns the sum of the B losses; the mean over numbers is this divided by x.numel()."""
        return self.each(denoiser, x, drawn_levels(self.settings, self.schedule, len(x)), condition).sum()

    def each(self, denoiser: Callable[..., Tensor], x: Tensor, sigma: Tensor, condition: Any = None) -> Tensor:
        """The loss of each row at a noise that is given: sigma float64 [B] -> [B]."""
        shape = (-1, *[1] * (x.ndim - 1))
        noisy = x + sigma.to(x.device, x.dtype).view(shape) * drawn_noise(x)
        error = denoiser(noisy, sigma, condition) - x
        w = weights(self.settings, sigma, self.preconditioning).to(x.device, x.dtype)
        return w * error.square().flatten(1).sum(1)
