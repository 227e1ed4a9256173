"""What a network says of noisy data, and the one table that turns it into anything else (statement 5.3a).

With z = alpha (x + sigma eps), everything that networks predict is p = a x + b eps, one row of the table. Two of z, x, eps and p give the others, so every
conversion goes through x: `clean` from a prediction, `said` to one. A preconditioning is the same as four numbers: D estimates the data from x = z / alpha,
D(x; sigma) = c_skip x + c_out F(c_in x, c_noise), where F is the network (Karras et al. 2022, equation 7).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from workings.objectives.diffusion_settings import DiffusionSettings
from workings.objectives.noise_schedule import NoiseSchedule, noise_schedule

TABLE = {
    "x0": lambda alpha, sigma: (torch.ones_like(sigma), torch.zeros_like(sigma)),
    "eps": lambda alpha, sigma: (torch.zeros_like(sigma), torch.ones_like(sigma)),
    "v": lambda alpha, sigma: (-alpha * sigma, alpha),
    "velocity": lambda alpha, sigma: (-torch.ones_like(sigma), torch.ones_like(sigma)),
}
"""(a, b) of p = a x + b eps: the data; the noise (Ho et al. 2020); v (Salimans and Ho 2022); dz / dt of a flow from data to noise (Liu et al. 2022)."""


def mixture(prediction: str, alpha: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """x = keep z + add p for a prediction p: keep = b / d, add = -alpha sigma / d, d = alpha b - alpha sigma a. alpha, sigma: float64, sigma above 0."""
    a, b = TABLE[prediction](alpha, sigma)
    divisor = alpha * b - alpha * sigma * a
    return b / divisor, -alpha * sigma / divisor


def clean(prediction: str, p: Tensor, z: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """The data x that a prediction p means, given z. alpha, sigma: broadcast over z."""
    keep, add = mixture(prediction, alpha, sigma)
    return keep * z + add * p


def said(prediction: str, x: Tensor, z: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """What a network of that kind would say to mean x, given z: a x + b (z / alpha - x) / sigma."""
    a, b = TABLE[prediction](alpha, sigma)
    return a * x + b * (z / alpha - x) / sigma


def converted(p: Tensor, given: str, wanted: str, z: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """One prediction as another: `converted(v, "v", "eps", ...)`."""
    return said(wanted, clean(given, p, z, alpha, sigma), z, alpha, sigma)


@dataclass(frozen=True)
class Coefficients:
    """D = skip x + out F(into x, noise), each float64 of the shape of sigma."""

    skip: Tensor
    out: Tensor
    into: Tensor
    noise: Tensor


class Preconditioning:
    """The four numbers of a schedule and a prediction.

    Plain predictions see z itself: c_in = alpha, and c_skip and c_out follow from the table. prediction="edm" sees data and noise together at size one, and
    says a mixture of x and eps of size one whose errors reach D as little as they can (Karras et al. 2022, table 1), for data of deviation sigma_data.
    """

    def __init__(self, settings: DiffusionSettings, schedule: NoiseSchedule | None = None):
        self.prediction, self.sigma_data = settings.prediction, settings.sigma_data
        self.schedule = schedule or noise_schedule(settings)

    def __call__(self, sigma: Tensor) -> Coefficients:
        """sigma: float64, any shape."""
        told = self.schedule.told(sigma)
        if self.prediction == "edm":
            together = (sigma**2 + self.sigma_data**2).sqrt()
            return Coefficients((self.sigma_data / together) ** 2, sigma * self.sigma_data / together, 1 / together, told)
        alpha = self.schedule.alpha(sigma)
        keep, add = mixture(self.prediction, alpha, sigma)
        return Coefficients(keep * alpha, add, alpha, told)
