"""What a person can choose when a diffusion model draws. Imports no torch, so help texts are fast."""

import math
from dataclasses import dataclass
from typing import Literal

from workings.models.settings import require

Sampler = Literal["ddpm", "ddim", "euler", "heun", "dpm++"]


@dataclass(kw_only=True, frozen=True)
class DiffusionDraw:
    """How noise becomes data: the sampler, its steps, and how much a condition counts."""

    sampler: Sampler = "dpm++"
    """DPM-Solver++(2M), best with few steps; DDIM; DDPM, the lecture's own with noise in every step; Euler or Heun, which asks the model twice a step."""
    steps: int = 25
    """How many steps to take; a schedule of T steps allows T at most."""
    spacing: Literal["time", "karras", "log"] = "time"
    """Where the steps lie: even in the schedule's time, in sigma^(1/7) (Karras et al. 2022), or in ln sigma."""
    guidance: float = 0.0
    """w of (1 + w) D(condition) - w D(none): 0 draws as trained, more follows the condition more, -1 ignores it."""
    eta: float = 0.0
    """The noise of DDIM's steps, 0 none, 1 as much as DDPM's."""
    seed: int = 0
    """Where the draws begin: the same seed and settings draw the same, whatever else is drawn beside it."""
    strength: float = 0.75
    """From a picture: how much of the way to pure noise it goes before it is drawn anew, 0 not at all, 1 all."""
    repaint: int = 5
    """Beside a known part of a picture: how often each step is taken, so that what is drawn meets it anew (Lugmayr et al. 2022)."""

    def __post_init__(self) -> None:
        require(self.steps >= 1, f"steps is {self.steps}; drawing takes at least 1.")
        require(math.isfinite(self.guidance), f"guidance is {self.guidance}; it must be a finite number, such as 0 or 3.")
        require(0 <= self.eta <= 1, f"eta is {self.eta}; it must be between 0 and 1.")
        require(
            self.eta == 0 or self.sampler == "ddim", f"eta is {self.eta}, which is the noise of sampler='ddim', not of {self.sampler!r}; use 'ddim' or eta 0."
        )
        require(0 <= self.strength <= 1, f"strength is {self.strength}; it must be between 0 and 1.")
        require(self.repaint >= 1, f"repaint is {self.repaint}; it must be at least 1.")
        require(-(2**63) <= self.seed < 2**63, f"seed is {self.seed}; it must fit in 64 bits.")
