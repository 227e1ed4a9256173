"""Drawing with a diffusion model: noise of the right size, a denoiser, a sampler (statement 5.3a)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from workings.errors import BadInput
from workings.generation.diffusion_settings import DiffusionDraw
from workings.generation.guidance import clipped, guided
from workings.generation.in_painting import in_paint
from workings.generation.noise_levels import from_strength, noise_levels
from workings.generation.samplers import SAMPLERS, Watch, nobody
from workings.layers.fast.noise import normal
from workings.layers.randomness import mix
from workings.objectives.diffusion_settings import DiffusionSettings
from workings.objectives.noise_schedule import NoiseSchedule, noise_schedule

START = 0
"""What the first draw is for; step i draws with i + 1."""


@dataclass(frozen=True)
class Noises:
    """N(0, I) for some drawings: a function of the seed, of the number of a drawing, and of what it is for; so a drawing does not depend on those beside it."""

    seed: int
    first: int
    shape: tuple[int, ...]
    """Of all of them, [B, ...]."""

    def __call__(self, use: int) -> Tensor:
        """float32 [B, ...]."""
        width = torch.Size(self.shape[1:]).numel()
        return normal(self.shape[0], width, mix(self.seed, use), self.first).view(self.shape)


@torch.no_grad()
def draw(
    denoiser: Callable[..., Tensor],
    trained: DiffusionSettings,
    shape: Sequence[int],
    how: DiffusionDraw | None = None,
    *,
    condition: Any = None,
    null: Any = None,
    picture: Tensor | None = None,
    mask: Tensor | None = None,
    first: int = 0,
    eps: Tensor | None = None,
    watch: Watch = nobody,
) -> Tensor:
    """B drawings, float32 [B, ...].

    denoiser: D(x, sigma, condition), such as a `Denoiser`, trained with settings `trained`; shape: [B, ...]; condition, null: for `guided`.
    picture: [B, ...] in -1 ... 1, to begin from with how.strength; with a mask (bool, true where it is to stay), of which only the rest is drawn (`in_paint`).
    first: the number of the first drawing; eps: [B, ...], the noise to begin with, instead of that of the seed;
    watch: told of every step (number, sigma, x, estimate), as for a strip of the trajectory.
    """
    how = how or DiffusionDraw()
    schedule = noise_schedule(trained)
    if picture is not None and picture.shape != tuple(shape):
        raise BadInput(f"The pictures to begin from are {list(picture.shape)}, but {list(shape)} are to be drawn; they must be alike.")
    if mask is not None and picture is None:
        raise BadInput("A mask says which part of a picture stays, but there is no picture; give one too.")
    if how.guidance and not trained.unconditional and null is None:
        raise BadInput(f"Guidance {how.guidance:g} compares with what is drawn without a condition, which this model never learned; leave guidance at 0.")
    sampler, noise = sampler_of(how, trained), Noises(how.seed, first, tuple(shape))
    eps, later = noise(START) if eps is None else eps, lambda i: noise(i + 1)
    denoise = clipped(guided(denoiser, condition, how.guidance, null), trained.clip)
    levels = noise_levels(schedule, how.steps, how.spacing)
    if picture is None:
        x = schedule.start() * eps
    elif mask is None:
        levels = from_strength(levels, how.strength)
        x = picture + float(levels[0]) * eps
    else:
        return in_paint(sampler, denoise, schedule.start() * eps, levels, later, picture, mask, how.repaint, watch)
    return sampler(denoise, x, levels, later, watch)


def sampler_of(how: DiffusionDraw, trained: DiffusionSettings) -> Callable[..., Tensor]:
    """The sampler that is asked for, with what only some of them take."""
    choices: dict[str, Any] = {"ddim": dict(eta=how.eta), "ddpm": dict(variance=trained.variance)}.get(how.sampler, {})
    return partial(SAMPLERS[how.sampler], **choices)


def scaled(x: Tensor, sigma: float, schedule: NoiseSchedule) -> Tensor:
    """z = alpha x, of about size one at every level: how a trajectory is shown."""
    return float(schedule.alpha(torch.tensor(sigma, dtype=torch.float64))) * x
