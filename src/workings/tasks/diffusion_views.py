"""What a diffusion model draws to be looked at: sheets, the way from noise, and more and more guidance (statement 5.3a)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from workings.generation.diffusion import draw, scaled
from workings.generation.diffusion_settings import DiffusionDraw, Sampler
from workings.models.denoiser import Condition, forgotten
from workings.models.diffusion_model import DiffusionModel
from workings.objectives.noise_schedule import noise_schedule
from workings.tasks.media import Medium
from workings.tasks.prompts import Prompts

GUIDANCES = (0.0, 1.0, 2.0, 4.0, 8.0)
"""From left to right in a sheet of guidance."""
ROWS, STOPS = 6, 8
"""The drawings that such sheets show, and at how many places on their way."""


@dataclass
class Shown:
    """Drawings of a model by one sampler, from the same noise whenever they are drawn."""

    model: DiffusionModel
    prompts: Prompts | None
    shape: tuple[int, int, int]
    """Of what the network sees: pictures, or their latents."""
    sampler: Sampler
    steps: int
    guidance: float
    medium: Medium
    pictures: Tensor = field(default_factory=lambda: torch.empty(0))
    """uint8 [N, C, H, W], once they are drawn."""
    way: list[Tensor] = field(default_factory=list)
    """The first of them on their way, z = alpha x: uint8 [ROWS, C, H, W] for each stop."""
    condition: Condition = None
    asked: tuple[str, ...] = ()
    labels: list[str] | None = None
    """The names of the classes that were asked for."""

    def draw(self, count: int, labels: Tensor | None, asked: Sequence[str] | None) -> "Shown":
        """Draw so many, told their class numbers or captions."""
        device = next(self.model.parameters()).device
        if self.prompts and asked is not None:
            tokens, visible = self.prompts.read(asked)
            self.condition, self.asked = self.model.condition(None, tokens.to(device), visible.to(device)), tuple(asked)
        else:
            self.condition = None if labels is None else labels.to(device)
        schedule = noise_schedule(self.model.settings.diffusion)
        seen: list[Tensor] = []

        def watch(number: int, sigma: float, x: Tensor, estimate: Tensor) -> None:
            seen.append(scaled(x[:ROWS], sigma, schedule))

        self.pictures = self.drawn(count, self.condition, self.guidance, watch)
        stops = torch.linspace(0, len(seen) - 1, min(STOPS - 1, len(seen))).round().long().tolist()
        self.way = [*(self.as_pictures(seen[stop]) for stop in stops), self.pictures[:ROWS]]
        return self

    def drawn(self, count: int, condition: Condition, guidance: float, watch=lambda *_: None) -> Tensor:
        """The first `count` noises as pictures, with this guidance. -> uint8 [count, C, H, W]."""
        how = DiffusionDraw(sampler=self.sampler, steps=self.steps, guidance=guidance)
        null = nothing_of(self.model, condition)
        x = draw(self.model, self.model.settings.diffusion, (count, *self.shape), how, condition=condition, null=null, watch=watch)
        return self.as_pictures(x)

    @torch.no_grad()
    def as_pictures(self, x: Tensor) -> Tensor:
        """What the network sees, [N, ...] -> uint8 [N, C, H, W]."""
        return self.medium.drawn(self.model.decode(x))


def nothing_of(model: DiffusionModel, condition: Condition) -> Condition:
    """The condition that says nothing of as many pictures."""
    if condition is None:
        return None
    rows = len(condition) if isinstance(condition, Tensor) else len(condition[0])
    return forgotten(condition, torch.ones(rows, dtype=torch.bool), model.settings.network)


def first_rows(condition: Condition, count: int) -> Condition:
    """That of the first pictures."""
    if condition is None or isinstance(condition, Tensor):
        return None if condition is None else condition[:count]
    return condition[0][:count], condition[1][:count]


def trajectory_sheet(shown: Shown) -> Tensor:
    """A row for each of some drawings, noise on the left: uint8 [C, rows H, stops W]."""
    rows = torch.stack(shown.way, dim=1)  # rows stops C H W
    return shown.medium.sheet(rows.flatten(0, 1), rows.shape[1])


def guidance_sheet(shown: Shown) -> Tensor:
    """A row for each of some noises, guidance growing to the right: uint8 [C, rows H, weights W]."""
    count = min(ROWS, len(shown.pictures))
    columns = [shown.drawn(count, first_rows(shown.condition, count), weight) for weight in GUIDANCES]
    return shown.medium.sheet(torch.stack(columns, dim=1).flatten(0, 1), len(GUIDANCES))
