"""The game of a generator against a discriminator over pictures (statements 5.2a-d)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workings.data.pictures import png
from workings.layers.fast.noise import normal, uniform
from workings.layers.randomness import mix
from workings.models.architectures import name_of
from workings.models.build import build, build_discriminator
from workings.models.gan_settings import ProgressiveSettings
from workings.models.growth import Growth, growth, real_at
from workings.objectives.adversarial import DISCRIMINATOR, GENERATOR, drift, gradient_penalty, zero_centered
from workings.objectives.differentiable_augmentation import augmented, numbers_needed
from workings.tasks.drawer import BATCH, spherical
from workings.tasks.drawing import Drawing, columns_for, numbered, sheet
from workings.tasks.gan_drawer import painted
from workings.tasks.gan_health import LASTING, complaint, distance_apart, told_apart
from workings.tasks.gan_settings import GanTaskSettings, check_game, fitted
from workings.tasks.pictures import first_of
from workings.training.game import Batch, Loss
from workings.training.progress import Progress
from workings.training.settings import OptimizerSettings
from workings.weights.folder import save_folder

LATENTS, PLACES, DRAWS, SHOWN_LATENTS = 1, 2, 3, 4
"""What random numbers are for, so that no two uses share any."""
ROWS, STEPS = 8, 8
"""The rows of a sheet of drawings, and the pictures on a way between two."""
COMPARED = 256
"""Pictures among which distances are taken, and pairs are judged."""


class Gan(Drawing):
    """Two players: `generator` draws, and `discriminator` tells its drawings from real pictures.

    In a step the generator has the first turn and the discriminator the others, the first of them on the drawings that the generator's turn has made:
    they are drawn once. The discriminator thus judges what was drawn before the generator's step, and both learn from the same game.
    """

    newest = True
    settings: GanTaskSettings

    def __init__(self, settings: GanTaskSettings):
        self.batches_per_step = settings.game.turns
        super().__init__(settings)
        model = fitted(settings.model, self.shape, self.names) if isinstance(settings.model, dict) else settings.model
        check_game(settings.game, model)
        self.settings = replace(settings, model=model)
        self.model, self.game = model, settings.game
        self.stages = model.doublings if isinstance(model, ProgressiveSettings) else 0
        torch.manual_seed(mix(self.seed, 0))
        self.players = {"generator": build(model), "discriminator": build_discriminator(model)}
        self.held_targets, self.steps = numbered(self.held, self.names), 0
        self.drawn: dict[tuple[int, int, int], Tensor] = {}
        """What the generator has drawn in this step, by step, first row and number of rows."""
        self.worries = 0
        """Evaluations in a row that gave reason to complain."""
        self.scores: dict[str, Any] = {}
        self.steps_per_evaluation = self.drawings / settings.training.batch / 4

    @property
    def drawings(self) -> int:
        """How many pictures are drawn for an evaluation."""
        return self.settings.scores.drawings if self.scorer else min(COMPARED, self.settings.scores.drawings)

    def about(self) -> str:
        """What is learned from what, in a line."""
        each = ", ".join(f"{name} {sum(p.numel() for p in player.parameters()):,}" for name, player in self.players.items())
        told = f", told {len(self.names)} classes" * bool(self.names)
        return "; ".join([f"two players ({name_of(self.model)}{told}) with parameters: {each}", *self.data_facts()])

    def data_facts(self) -> list[str]:
        """The data in sentences, and how the players grow."""
        facts = super().data_facts()
        m = self.model
        if isinstance(m, ProgressiveSettings) and m.grown_after:
            shown = self.settings.training.batch * self.batches_per_step
            sizes = " -> ".join(f"{m.start[0] << stage} x {m.start[1] << stage}" for stage in range(m.doublings + 1))
            facts.append(f"the players grow {sizes}, and are grown after {m.grown_after:,} pictures, {-(-m.grown_after // shown):,} steps")
        if self.scorer:
            facts += self.scorer.facts(self.drawings)
        return facts

    def turns(self, step: int) -> tuple[str, ...]:
        """The generator's, then those of the discriminator."""
        return ("generator", *["discriminator"] * self.game.turns)

    def seen(self, step: int) -> int:
        """How many real pictures have been shown before a step."""
        return step * self.settings.training.batch * self.batches_per_step

    def growth_at(self, step: int) -> Growth:
        """How far the players have grown in a step."""
        m = self.model
        return growth(self.seen(step), self.stages, m.stable, m.fade) if isinstance(m, ProgressiveSettings) else Growth(0, 1.0)

    def begins_anew(self, step: int) -> tuple[str, ...]:
        """Both players', when they grow: what was remembered of gradients is of smaller pictures."""
        grown = step > 0 and self.growth_at(step).stage != self.growth_at(step - 1).stage
        return tuple(self.players) if grown else ()

    def optimizer(self, player: str) -> OptimizerSettings:
        """How a player learns; an average is kept of the generator alone, which is what is used afterwards."""
        o = self.settings.optimizer
        if player == "generator":
            return o
        return replace(o, average=0.0, rate=o.rate * self.game.rate, muon_rate=o.muon_rate * self.game.rate)

    def batch(self, step: int, turn: int, first: int, count: int) -> Batch:
        """pictures uint8 [count, C, H, W], latents [count, latent], the numbers of the rows; labels [count], the same for real and drawn, where there are some.

        Where the game needs them: epsilon [count], the place between real and drawn; draws [count, 2, n], what augmentation does to real and drawn pictures.
        """
        of = max(turn, 1)  # the generator's turn shares the drawings of the discriminator's first
        batch = super().batch(step, of - 1, first, count) | {"rows": torch.arange(first, first + count)}
        batch["latents"] = normal(count, self.model.latent, mix(self.seed, step, of, LATENTS), first)
        if self.game.penalty == "gradient":
            batch["epsilon"] = uniform(count, 1, mix(self.seed, step, of, PLACES), first)[:, 0]
        if self.game.augment:
            n = numbers_needed(self.game.augment)
            batch["draws"] = uniform(count, 2 * n, mix(self.seed, step, turn, DRAWS), first).view(count, 2, n)
        return batch

    def loss(self, player: str, batch: Batch, step: int) -> Loss:
        """The generator's is of its drawings' scores; the discriminator's of both kinds of scores and of its slope."""
        self.grow(step)
        self.steps = step + 1
        return self.generators(batch, step) if player == "generator" else self.discriminators(batch, step)

    def grow(self, step: int) -> None:
        """Tell both players how many pictures have been shown."""
        if self.stages:
            for player in self.players.values():
                player.seen.fill_(self.seen(step))

    def generators(self, batch: Batch, step: int) -> Loss:
        """The sum over drawings of what the generator wants; the drawings are kept for the discriminator's turn."""
        if not any(key[0] == step for key in self.drawn):
            self.drawn.clear()
        labels = batch.get("labels")
        drawn = self.players["generator"](batch["latents"], labels)
        self.drawn[key_of(batch, step)] = drawn.detach()
        scores = self.players["discriminator"](self.changed(drawn, batch, 1), labels)
        return Loss(GENERATOR[self.game.loss](scores), len(drawn))

    def discriminators(self, batch: Batch, step: int) -> Loss:
        """The sum over pairs of what the discriminator wants, with what it pays for its slope and its drift; the mean scores beside it."""
        g, labels, discriminator = self.game, batch.get("labels"), self.players["discriminator"]
        drawn = self.drawn.pop(key_of(batch, step), None)
        if drawn is None:
            with torch.no_grad():
                drawn = self.players["generator"](batch["latents"], labels)
        drawn = self.changed(drawn, batch, 1)
        real = self.changed(real_at(as_numbers(batch["pictures"]), self.growth_at(step), self.stages).to(drawn.dtype), batch, 0)
        of_real, of_drawn = discriminator(real, labels), discriminator(drawn, labels)
        total = DISCRIMINATOR[g.loss](of_real, of_drawn)
        parts = {"real": float(of_real.detach().sum()), "drawn": float(of_drawn.detach().sum())}
        if g.penalty != "none":
            penalty = self.penalty(lambda x: discriminator(x, labels), real, drawn, batch)
            total, parts["penalty"] = total + g.weight * penalty, float(penalty.detach())
        if g.drift:
            total = total + g.drift * drift(of_real)
        return Loss(total, len(real), parts)

    def penalty(self, critic: Callable[[Tensor], Tensor], real: Tensor, drawn: Tensor, batch: Batch) -> Tensor:
        """What the slope costs, in float32: of a critic of pictures, at real ones or between real and drawn ones."""
        return zero_centered(critic, real.float()) if self.game.penalty == "r1" else gradient_penalty(critic, real.float(), drawn.float(), batch["epsilon"])

    def changed(self, x: Tensor, batch: Batch, which: int) -> Tensor:
        """Pictures as the discriminator meets them, real (0) or drawn (1)."""
        return augmented(x, self.game.augment, batch["draws"][:, which]) if self.game.augment else x

    def evaluate(self) -> dict[str, float]:
        """How the game stands, and how good the drawings are where there is a judge.

        real, drawn: the discriminator's mean scores of validation pictures and of drawings; told_apart: how often a real
        one scores above a drawn one; diversity: how far drawings lie apart as a part of how far real pictures do.
        """
        z, labels = self.noise(self.drawings)
        pictures = torch.cat([painted(self.players["generator"], *self.on_device(*rows)) for rows in pieces(BATCH, z, labels)])
        some = self.order.indices(0, min(COMPARED, len(self.learned)))
        few = labels[:COMPARED] if labels is not None else None
        apart = distance_apart(self.learned.pixels(some), self.targets[some] if self.names else None)
        real, drawn = self.judged(z[:COMPARED], few)
        self.scores = {
            "real": float(real.mean()),
            "drawn": float(drawn.mean()),
            "told_apart": told_apart(real, drawn),
            "diversity": distance_apart(pictures[:COMPARED], few) / max(apart, 1e-6),
        }
        if self.scorer:
            with torch.autocast(pictures.device.type, enabled=False):
                self.scores |= self.scorer.of(pictures, [self.names[label] for label in labels.tolist()] if labels is not None else None)
        return self.scores

    @torch.no_grad()
    def judged(self, z: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        """The discriminator's scores of validation pictures and of drawings, in batches as in training: [N], [M]."""
        generator, discriminator, size = self.players["generator"], self.players["discriminator"], self.settings.training.batch
        rows = first_of(self.held, COMPARED)
        told = self.held_targets[rows] if self.names else None
        real, drawn = [], []
        for x, label in (self.on_device(*piece) for piece in pieces(size, self.held.pixels(rows), told)):
            real.append(discriminator(real_at(as_numbers(x), self.growth_at(max(0, self.steps - 1)), self.stages), label))
        for latents, label in (self.on_device(*piece) for piece in pieces(size, z, labels)):
            drawn.append(discriminator(generator(latents, label), label))
        return torch.cat(real).float().cpu(), torch.cat(drawn).float().cpu()

    def noise(self, count: int) -> tuple[Tensor, Tensor | None]:
        """Latents [count, latent] that are always the same, and labels int64 [count], each in turn, where classes are told."""
        z = normal(count, self.model.latent, mix(self.seed, SHOWN_LATENTS))
        return z, torch.arange(count) % len(self.names) if self.names else None

    def cost(self, scores: dict[str, Any]) -> float:
        """Nothing chooses: no score of a game says which drawings are best, and choosing by one would flatter it."""
        return 0.0

    def preview(self, step: int) -> dict[str, Any]:
        """How the game stands in a line; drawings from latents that are always the same, a column for each class where a few are told, and ways between two."""
        columns = columns_for(self.names)
        grid = painted(self.players["generator"], *self.on_device(*self.noise(ROWS * columns)))
        z, labels = self.noise(2 * ROWS)
        ways = torch.stack([spherical(z[:ROWS], z[ROWS:], part) for part in torch.linspace(0, 1, STEPS).tolist()], dim=1).flatten(0, 1)
        labels = None if labels is None else labels[:ROWS].repeat_interleave(STEPS)
        between = painted(self.players["generator"], *self.on_device(ways, labels))
        s = self.scores
        text = f"drawings are {s['diversity']:.2f} times as far apart as real pictures; {s['told_apart']:.0%} are told from real ones"
        text += f"; {s['label_accuracy']:.1%} are what they should be" if "label_accuracy" in s else ""
        self.complain()
        return {"text": text, "files": {"grid.png": png(sheet(grid, columns)), "interpolation.png": png(sheet(between, STEPS))}}

    def on_device(self, x: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Latents or pictures, and labels, where the players are."""
        device = next(self.players["generator"].parameters()).device
        return x.to(device), None if labels is None else labels.to(device)

    def complain(self) -> None:
        """Say what is wrong with the game when two evaluations in a row give reason; not again until it has been well."""
        said = complaint(self.scores)
        self.worries = self.worries + 1 if said else 0
        if self.worries == LASTING:
            Progress().warn(f"{said}.")

    def save(self, folder: Path, weights: dict[str, dict[str, Tensor]], scores: dict[str, Any]) -> None:
        """The generator's model folder."""
        card = f"# A model that draws\n\nTrained on {self.settings.data.source}; `workings report` writes the full card.\n"
        save_folder(folder, "gan", self.model, weights["generator"], None, card, scores=scores)


def as_numbers(pictures: Tensor) -> Tensor:
    """Pixels 0 ... 255 as numbers -1 ... 1."""
    return pictures.float() / 127.5 - 1


def key_of(batch: Batch, step: int) -> tuple[int, int, int]:
    """Which rows of which step a batch holds."""
    return step, int(batch["rows"][0]), len(batch["rows"])


def pieces(size: int, x: Tensor, labels: Tensor | None) -> Iterator[tuple[Tensor, Tensor | None]]:
    """So many rows at a time."""
    return ((x[rows], None if labels is None else labels[rows]) for rows in torch.arange(len(x)).split(size))
