"""The settings of a diffusion model but for its network: noise, what is predicted, how it is weighed. Imports no torch."""

import math
from dataclasses import dataclass
from typing import Literal

from workings.errors import BadInput

Schedule = Literal["linear", "scaled-linear", "cosine", "edm", "flow"]
TABLES = ("linear", "scaled-linear", "cosine")
"""The schedules of a whole number of steps, which preserve variance: alpha^2 (1 + sigma^2) = 1."""


@dataclass(kw_only=True, frozen=True)
class DiffusionSettings:
    """The forward process z = alpha (x + sigma eps) and what is learned of it (statement 5.3a); sigma is the ratio of noise to data in every schedule."""

    schedule: Schedule = "cosine"
    """How noise grows: beta (or its root) linear, or the signal a cosine, in T steps; EDM's sigma itself; a flow's straight line (0 is data, 1 is noise)."""
    steps: int = 1000
    """T, the steps of the linear and cosine schedules."""
    beta_first: float = 1e-4
    """The variance added in the first step of the linear schedules."""
    beta_last: float = 0.02
    """The variance added in their last step."""
    sigma_min: float = 0.002
    """The least noise of EDM's schedule."""
    sigma_max: float = 80.0
    """The most noise of EDM's schedule."""
    sigma_data: float = 0.5
    """The deviation of the data's numbers, which prediction='edm' and weighting='edm' reckon with."""
    prediction: Literal["eps", "x0", "v", "velocity", "edm"] = "v"
    """What the network says: the noise, the data, v = alpha eps - alpha sigma x, the velocity eps - x of a flow, or EDM's mixture of them by noise."""
    weighting: Literal["uniform", "eps", "min-snr", "edm"] = "uniform"
    """What errors weigh: 1 on what the network says, 1 on eps, min(SNR, gamma) on x, or EDM's."""
    gamma: float = 5.0
    """Where weighting='min-snr' cuts the signal-to-noise ratio."""
    drawn: Literal["uniform", "normal"] = "uniform"
    """Which noise is trained on: all times equally often, or ln(sigma) from a normal distribution (EDM; a logit-normal time, in a flow)."""
    drawn_mean: float = -1.2
    """The mean of ln(sigma) with drawn='normal'."""
    drawn_deviation: float = 1.2
    """The deviation of ln(sigma) with drawn='normal'."""
    unconditional: float = 0.1
    """How often a condition is replaced by none in training, which guidance needs; for models with conditions."""
    variance: Literal["small", "large"] = "small"
    """Of the ancestral step and the bound: what the data leave open if they are known, or the step's own beta (schedules in steps only)."""
    clip: float = 1.0
    """Estimates of the data are cut to -clip ... clip while drawing; 0 leaves them."""

    def __post_init__(self) -> None:
        for wrong, sentence in (
            (self.steps < 2, f"diffusion.steps is {self.steps}; it must be at least 2."),
            (
                not 0 < self.beta_first <= self.beta_last < 1,
                f"diffusion.beta_first and beta_last are {self.beta_first} and {self.beta_last}; they must rise and lie between 0 and 1.",
            ),
            (
                not 0 < self.sigma_min < self.sigma_max,
                f"diffusion.sigma_min and sigma_max are {self.sigma_min} and {self.sigma_max}; they must rise and be above 0.",
            ),
            (not 0 <= self.unconditional < 1, f"diffusion.unconditional is {self.unconditional}; it must be at least 0 and below 1."),
            (not (math.isfinite(self.clip) and self.clip >= 0), f"diffusion.clip is {self.clip}; it must be 0 or a positive number."),
            (
                self.schedule == "edm" and self.prediction != "edm",
                f"diffusion.schedule='edm' adds noise of up to sigma_max to data as they are, which only prediction='edm' scales, not {self.prediction!r}.",
            ),
            (
                self.variance == "large" and self.schedule not in TABLES,
                f"diffusion.variance='large' is the beta of a step, which schedule={self.schedule!r} does not have; use variance='small'.",
            ),
        ):
            if wrong:
                raise BadInput(sentence)
        for name in ("sigma_data", "gamma", "drawn_deviation"):
            if not getattr(self, name) > 0:
                raise BadInput(f"diffusion.{name} is {getattr(self, name)}; it must be above 0.")
