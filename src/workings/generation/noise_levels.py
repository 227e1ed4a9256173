"""Which noise levels drawing passes: from the most noise down to none at all, for any number of steps."""

import math

import torch
from torch import Tensor

from workings.errors import BadInput, counted
from workings.objectives.noise_schedule import KarrasSchedule, NoiseSchedule, Steps


def noise_levels(schedule: NoiseSchedule, steps: int, spacing: str = "time") -> Tensor:
    """n + 1 falling levels, the first sigma_max and the last exactly 0: a step goes from one to the next, float64 [n + 1].

    "time": even steps of the schedule's own time. Between sigma_max and sigma_min, both included, "karras": even in sigma^(1/7) (Karras et al. 2022,
    equation 5); "log": even in ln sigma (Lu et al. 2022).
    """
    if steps < 1:
        raise BadInput(f"{steps} steps were asked for; drawing takes at least 1.")
    if isinstance(schedule, Steps) and steps > len(schedule.betas):
        raise BadInput(
            f"The model's noise schedule has {counted(len(schedule.betas), 'step')}, but {steps:,} were asked for; ask for {len(schedule.betas):,} at most."
        )
    low, high = schedule.sigma_min, schedule.sigma_max
    spread = {
        "time": schedule.levels,
        "karras": KarrasSchedule(low, high).levels,
        "log": lambda n: torch.linspace(math.log(high), math.log(low), n, dtype=torch.float64).exp(),
    }[spacing]
    return torch.cat([spread(steps), torch.zeros(1, dtype=torch.float64)])


def from_strength(levels: Tensor, strength: float) -> Tensor:
    """The last levels, for data that are only partly drowned: `strength` of the steps, to the nearest, float64 [1 ... n + 1]."""
    n = len(levels) - 1
    return levels[n - int(n * strength + 0.5) :]
