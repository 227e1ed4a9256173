"""A trained diffusion model in use: from noise, from a prompt, from a picture or around what stays of one (statements 5.3a-c)."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workings.errors import BadInput
from workings.generation.diffusion import draw, scaled
from workings.generation.diffusion_settings import DiffusionDraw
from workings.models.denoiser import Condition
from workings.models.latents import cells
from workings.objectives.noise_schedule import noise_schedule
from workings.settings import from_dict
from workings.tasks.diffusion_views import nothing_of
from workings.tasks.drawer import Drawer, Drawn
from workings.tasks.drawing import columns_for
from workings.tasks.media import medium_named
from workings.tasks.prompts import prompts_of
from workings.training.machine import autocast, choose_precision

BATCH = 64
"""Pictures that are drawn together."""
STOPS = 8
"""Places on the way from noise that a trajectory shows."""


class DiffusionDrawer(Drawer):
    """What `workings.load` gives for a diffusion model; what is said of pictures is so of clips and sets of points, as its medium holds them (5.3d)."""

    task = "diffusion"

    def __init__(self, folder: str | Path, dtype: torch.dtype | None = None):
        super().__init__(folder, dtype)
        network = self.settings.network
        self.prompts = prompts_of(self.tokenizer, self.facts)
        self.names, self.medium = network.class_names, medium_named(self.facts.get("medium", "pictures"))
        self.shape, self.latent_shape = self.settings.shape, (network.channels, *network.image_size)

    def draw(
        self,
        n: int = 16,
        *,
        label: str | Sequence[str] | None = None,
        seed: int = 0,
        temperature: float = 1.0,
        prompt: str | Sequence[str] | None = None,
        negative: str = "",
        begin: Tensor | None = None,
        mask: Tensor | None = None,
        trajectory: bool = False,
        **choices: Any,
    ) -> Drawn:
        """Pictures from noise; the first ones are the same however many are asked for.

        prompt: what to draw, one text or one for each; negative: what to keep away from (with guidance). begin: pictures, uint8 [n or 1, C, H, W], to begin
        from, changed by `strength`; with a mask (bool [H, W], true where the picture stays) the rest is drawn anew. trajectory: also the way from noise: each
        picture after its stops. Other choices are the fields of `DiffusionDraw`: sampler, steps, guidance, spacing, eta, strength.
        """
        if n < 1:
            raise BadInput(f"n is {n}; it must be at least 1.")
        if temperature != 1:
            raise BadInput("A diffusion model knows noise of one size only; leave --temperature out, and choose --guidance instead.")
        how = self.way(bool(self.names or (self.prompts and prompt)), choices | {"seed": seed})
        if negative and (self.prompts is None or not prompt or not how.guidance):
            raise BadInput(
                f"The negative prompt {negative!r} is what guidance leads away from; give a prompt and guidance too, to a model that learned captions."
            )
        prompts = self.prompts_for(prompt, n)
        labels = self.numbers_of(label, n)
        if mask is not None and mask.shape != self.shape[1:]:
            raise BadInput(f"The mask is {mask.shape[0]} x {mask.shape[1]}, but drawings are {self.shape[1]} x {self.shape[2]}; make it of their size.")
        parts = []
        for first in range(0, n, BATCH):
            rows = slice(first, min(first + BATCH, n))
            condition = self.condition(None if labels is None else labels[rows], prompts[rows] if prompts else None)
            null = self.condition(None, [negative] * (rows.stop - rows.start)) if negative and prompts else nothing_of(self.model, condition)
            some = None if begin is None else self.medium.numbers(begin.expand(n, -1, -1, -1)[rows])
            parts.append(self.from_noise(rows, how, condition, null, some, mask, STOPS if trajectory else 0))
        asked = tuple(prompts) if prompts else () if labels is None else tuple(self.names[number] for number in labels.tolist())
        columns = STOPS if trajectory else columns_for(self.names) if labels is not None and label is None else 8
        if trajectory and asked:
            asked = tuple(name for name in asked for _ in range(STOPS))
        return Drawn(torch.cat(parts), asked, columns, self.medium)

    def way(self, told: bool, choices: dict[str, Any]) -> DiffusionDraw:
        """How to draw: as chosen, else as the model was shown in training. told: whether there is a class or a prompt, which guidance follows."""
        usual = {"guidance": self.facts.get("shown", {}).get("guidance", 0.0)} if told else {}
        how = from_dict(DiffusionDraw, usual | {name: value for name, value in choices.items() if value is not None}, "draw.")
        if how.guidance and not told:
            what = "a prompt" if self.prompts else "a class or a prompt, but this model was told neither in training"
            raise BadInput(f"Guidance {how.guidance:g} follows {what}; give one, or leave --guidance out.")
        return how

    @torch.no_grad()
    def from_noise(
        self, rows: slice, how: DiffusionDraw, condition: Condition, null: Condition, begin: Tensor | None, mask: Tensor | None, stops: int, **given: Any
    ) -> Tensor:
        """Drawings of these numbers, uint8 [rows, C, H, W]; with stops, each preceded by places on its way, [rows stops, C, H, W].

        begin: pictures in -1 ... 1, [rows, C, H, W]; mask: bool [H, W]; of latents, a place stays where all of its pixels do.
        """
        trained, seen = self.settings.diffusion, []
        schedule = noise_schedule(trained)

        def watch(number: int, sigma: float, x: Tensor, estimate: Tensor) -> None:
            if stops:
                seen.append(scaled(x, sigma, schedule))
            if sys.stderr.isatty():
                print(f"\rstep {number + 1:,} of {how.steps:,}", end="", file=sys.stderr, flush=True)

        shape = (rows.stop - rows.start, *self.latent_shape)
        known = None if begin is None else self.model.encode(begin)
        kept = cells(mask, self.settings.autoencoder.cell) if mask is not None and self.settings.autoencoder else mask
        device = next(self.model.parameters()).device
        with autocast(device, choose_precision("auto", device)):
            x = draw(self.model, trained, shape, how, condition=condition, null=null, picture=known, mask=kept, first=rows.start, watch=watch, **given)
        if sys.stderr.isatty():
            print("\r", end="", file=sys.stderr)
        x = self.model.decode(x)
        if mask is not None and begin is not None:
            x = torch.where(mask, begin, x)
        if not stops:
            return self.medium.drawn(x)
        chosen = torch.linspace(0, len(seen) - 1, stops - 1).round().long().tolist()
        return torch.stack([*(self.medium.drawn(self.model.decode(seen[stop])) for stop in chosen), self.medium.drawn(x)], dim=1).flatten(0, 1)

    def decoded(self, z: Tensor, labels: Tensor | None, **choices: Any) -> Tensor:
        """Noise [N, *latent_shape], and class numbers, to pictures uint8 [N, C, H, W]; choices: `prompt`, and the fields of `DiffusionDraw`."""
        prompt = choices.pop("prompt", None)
        how = self.way(bool(self.names or (self.prompts and prompt)), choices)
        condition = self.condition(labels, self.prompts_for(prompt, len(z)))
        null = nothing_of(self.model, condition)
        return self.from_noise(slice(0, len(z)), how, condition, null, None, None, 0, eps=z)

    def condition(self, labels: Tensor | None, prompts: Sequence[str] | None) -> Condition:
        """What the network is told."""
        if prompts is None or self.prompts is None:
            return self.model.condition(labels)
        with torch.no_grad():
            vectors = self.model.condition(None, *self.prompts.read(prompts))
        assert isinstance(vectors, tuple)
        return vectors

    def prompts_for(self, prompt: str | Sequence[str] | None, n: int) -> list[str] | None:
        """A prompt for each of n drawings, or None; what the model cannot know is said."""
        if prompt is None:
            return None
        if self.prompts is None:
            raise BadInput(f"{self.folder} reads no prompts; train one with captions, as `train diffusion --data emoji` does, or leave --prompt out.")
        wanted = [prompt] * n if isinstance(prompt, str) else list(prompt)
        if len(wanted) != n:
            raise BadInput(f"{len(wanted)} prompts for {n} drawings; give one, or one for each.")
        if not all(text.strip() for text in wanted):
            print("workings: the prompt is empty, so nothing is asked for and anything may be drawn", file=sys.stderr)
        unknown = list(dict.fromkeys(word for text in wanted for word in self.prompts.unknown(text)))
        if unknown:
            print(f"workings: no caption that was learned has the words {', '.join(map(repr, unknown))}; they are guessed by their parts", file=sys.stderr)
        return wanted
