"""The VAE task: from pictures to a model of their density that draws new ones (statements 5.1a-5.1d, 6.3)."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from workings.data.order import Order
from workings.data.pictures import png
from workings.layers.fast.noise import normal
from workings.layers.pixel_values import pixel_values
from workings.layers.randomness import draw_key, mix
from workings.models.vae import VAE
from workings.objectives.elbo import Bound, elbo, iwae
from workings.settings import to_dict
from workings.tasks.drawing import COLUMNS, SHOWN, Drawing, numbered, sheet
from workings.tasks.vae_scores import AT_ONCE, Described, describe, estimated
from workings.tasks.vae_settings import VAETaskSettings
from workings.tasks.vae_views import along, best_dimensions, between, drawn, in_pairs, on_the_map
from workings.training.game import Batch, Loss
from workings.training.settings import OptimizerSettings
from workings.weights.folder import load_folder, save_folder

PIXELS, LATENTS = 1, 2
"""What a draw is for, so that the pixels of a step and its latents share nothing."""
STEPS, PAIRS, DIMENSIONS, POINTS, SIDE = 8, 4, 8, 1000, 15
"""Of what is shown: pictures on a way, ways, dimensions that are gone along, validation pictures on a map, and pictures along each side of it."""
TOLD = {
    "fixed": "pixels are coins, thrown once: the same picture is always the same binary one",
    "dynamic": "pixels are coins, thrown anew in each step; to validate and test, once",
    "gray": "pixels are gray values, so scores are no log-likelihoods and cannot be compared with those of binary pictures",
    "dequantized": "pixels are gray levels with uniform noise, so scores are densities over [0, 1]",
}


class DrawsByVAE(Drawing):
    """One player, `model`, that learns a density of pictures."""

    settings: VAETaskSettings

    def __init__(self, settings: VAETaskSettings):
        super().__init__(settings)
        channels, *size = self.shape
        s = settings
        model = replace(s.model, image_size=tuple(size), channels=channels, classes=len(self.names), class_names=self.names)
        self.settings = s = replace(s, model=model)
        self.held_targets = numbered(self.held, self.names)
        torch.manual_seed(mix(s.training.seed, 0))
        self.players = {"model": VAE(model)}
        self.flops_per_step = 3 * s.training.batch * self.flops_of_one()
        self.steps_per_evaluation = 2 * len(self.held) / s.training.batch / 3
        self.described: Described | None = None
        """What the last evaluation found."""
        self.looked = Order(len(self.held), 0).indices(0, min(len(self.held), POINTS))
        """The validation pictures that are shown, the same for every seed."""

    @property
    def model(self) -> VAE:
        """The player."""
        model = self.players["model"]
        assert isinstance(model, VAE)
        return model

    def about(self) -> str:
        """What is learned from what, in a line."""
        s = self.settings.model
        kind = "coins" if s.likelihood == "bernoulli" else f"a Gaussian with {s.variance} variance"
        what = f"a VAE of {sum(p.numel() for p in self.model.parameters()):,} parameters, latent {s.latent} ({s.posterior}), {kind}"
        return "; ".join([what, *self.data_facts()])

    def data_facts(self) -> list[str]:
        """The data in sentences."""
        coins = self.shape[0] == 3 and self.settings.model.likelihood == "bernoulli"
        crude = ["colors as coins are crude; --set model.likelihood=gaussian takes them as levels"] if coins else []
        return [*super().data_facts(), TOLD[self.settings.objective.binarization], *crude, *self.scorer.facts(self.settings.scores.drawings)]

    def optimizer(self, player: str) -> OptimizerSettings:
        """How the model learns."""
        return self.settings.optimizer

    def bound(self, step: int) -> Callable[..., Bound]:
        """What is maximized in a step."""
        o = self.settings.objective
        if o.inner > 1:
            return partial(iwae, inner=o.inner)
        weight = min(1.0, (step + 1) / o.warmup) if o.warmup else 1.0
        return partial(elbo, analytic=o.divergence == "analytic", weight=weight, free=o.free_bits)

    def loss(self, player: str, batch: Batch, step: int) -> Loss:
        """Minus what is maximized, summed over the pictures; both terms of the bound beside it."""
        o, s, model = self.settings.objective, self.settings.model, self.players["model"]
        pictures, samples = batch["pictures"], o.samples * o.inner
        x = pixel_values(pictures, o.binarization, *draw_key(PIXELS))
        noise = normal(len(pictures), samples * s.latent, *draw_key(LATENTS), pictures.device).view(len(pictures), samples, s.latent)
        bound = model(x, noise, batch.get("labels"), self.bound(step))
        parts = torch.stack([-bound.reconstruction.detach().sum(), bound.divergence.detach().sum()]).tolist()
        return Loss(-bound.objective.sum(), len(pictures), dict(zip(("reconstruction", "divergence"), parts, strict=True)))

    def evaluate(self) -> dict[str, float]:
        """The bound of every validation picture, with draws that are always the same."""
        o = self.settings.objective
        self.described = describe(self.model, self.held, self.held_targets, o.binarization, o.inner)
        if not self.scorer:
            return self.described.scores
        count = self.settings.scores.drawings
        labels = torch.arange(count) % len(self.names) if self.names else None
        z = normal(count, self.model.settings.latent, mix(0), 0, self.described.means.device)
        pictures = torch.cat([drawn(self.model, z[rows], None if labels is None else labels[rows]) for rows in torch.arange(count).split(AT_ONCE)])
        return self.described.scores | self.scorer.of(pictures, None if labels is None else [self.names[label] for label in labels.tolist()])

    def test(self, folder: Path) -> dict[str, Any]:
        """The same scores of a saved model on the test pictures, and their log-likelihood by importance sampling; in float32."""
        if self.tested is None:
            return {}
        o, targets, model = self.settings.objective, numbered(self.tested, self.names), load_folder(folder, torch.float32).model
        assert isinstance(model, VAE)
        scores = describe(model, self.tested, targets, o.binarization, o.inner).scores
        return scores | estimated(model, self.tested, targets, o.binarization, o.importance)

    def preview(self, step: int) -> dict[str, Any]:
        """Drawings from the same latents every time; what the model makes of pictures, the way between some, and what each latent dimension does."""
        described, model = self.described, self.model
        if described is None:
            return {}
        z = normal(SHOWN, model.settings.latent, mix(0), 0, described.means.device)
        labels = torch.arange(SHOWN) % len(self.names) if self.names else None
        rows = self.looked[: min(COLUMNS, len(self.looked))]
        seen, targets, means = self.held.pixels(rows), self.held_targets[rows] if self.names else None, described.means[rows]
        files = {
            "grid.png": sheet(drawn(model, z, labels)),
            "reconstruction.png": sheet(in_pairs(seen, drawn(model, means, targets)), len(rows)),
            "latent.png": sheet(along(model, means[0], best_dimensions(described.means, DIMENSIONS), targets, STEPS), STEPS),
        }
        if len(rows) > 1:
            starts, ends = means[: len(rows) // 2][:PAIRS], means[len(rows) // 2 :][:PAIRS]
            ways = between(starts, ends[: len(starts)], STEPS)
            told = targets[: len(starts)].repeat_interleave(STEPS) if targets is not None else None
            files["interpolation.png"] = sheet(drawn(model, ways, told), STEPS)
        shown: dict[str, Any] = {"divergences": described.divergences.tolist()}
        if model.settings.latent == 2:
            files["map.png"] = sheet(on_the_map(model, SIDE, 0 if self.names else None), SIDE)
            shown["points"] = described.means[self.looked].tolist()
            shown["point_labels"] = [self.held.labels[row] for row in self.looked.tolist()]
        text = (
            f"{described.scores['active_units']} of {model.settings.latent} latent dimensions say something, {described.scores['divergence']:.1f} nats in all"
        )
        return {"text": text, "files": {name: png(picture) for name, picture in files.items()}, **shown}

    def save(self, folder: Path, weights: dict[str, dict[str, Tensor]], scores: dict[str, Any]) -> None:
        """The model folder, with what pixels become and which bound was trained."""
        s = self.settings
        card = f"# A variational autoencoder\n\nTrained on {s.data.source}; `workings report` writes the full card.\n"
        facts = {"binarization": s.objective.binarization, "inner": s.objective.inner, "objective": to_dict(s.objective)}
        save_folder(folder, "vae", s.model, weights["model"], None, card, **facts, scores=scores)

    def flops_of_one(self) -> float:
        """Of the bound of one picture, as torch counts them."""
        s, o = self.settings.model, self.settings.objective
        labels = torch.zeros(1, dtype=torch.int64) if self.names else None
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            self.model(torch.zeros(1, *self.shape), torch.zeros(1, o.samples * o.inner, s.latent), labels)
        return float(counter.get_total_flops())
