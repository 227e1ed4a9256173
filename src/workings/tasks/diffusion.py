"""The diffusion task: from pictures, with classes or captions or without, to a model that draws them out of noise (statements 5.3a-d, 6.3)."""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from workings.data.captions import read_captioned
from workings.data.order import Order
from workings.data.pictures import png
from workings.data.shapes import shows
from workings.errors import BadInput, counted
from workings.layers.randomness import mix, seed_draws
from workings.models.denoiser import Condition, forgotten
from workings.models.diffusion_model import DiffusionModel
from workings.models.diffusion_model_settings import DiffusionModelSettings, fitted_network
from workings.objectives.denoising import DenoisingLoss, unconditional_rows
from workings.tasks.diffusion_drawer import DiffusionDrawer
from workings.tasks.diffusion_settings import DiffusionTaskSettings
from workings.tasks.diffusion_views import GUIDANCES, Shown, guidance_sheet, trajectory_sheet
from workings.tasks.drawing import Drawing, columns_for, numbered
from workings.tasks.encoded import decibels, encode_all, fingerprint, map_shape, trained_autoencoder
from workings.tasks.guidance_scores import guidance_scores
from workings.tasks.media import check_medium, medium_of
from workings.tasks.picture_parts import Parts, watcher
from workings.tasks.prompts import Prompts, make_prompts
from workings.training.game import Batch, Loss
from workings.training.settings import OptimizerSettings
from workings.weights.folder import save_folder

MEASURED, AT_ONCE = 512, 64
"""Validation pictures whose noise is taken off in an evaluation, and how many at a time."""
CHECKED = 60
"""Prompts of shapes, or drawings that are no pictures, that are drawn and checked."""
CALLED = {"unet": "U-Net", "transformer": "transformer", "points": "transformer of points"}
"""What a network is called."""


class Diffusion(Drawing):
    """One player, `model`, that learns to take noise off pictures, or off what else the medium is."""

    newest = True
    settings: DiffusionTaskSettings

    def __init__(self, settings: DiffusionTaskSettings):
        self.medium = medium_of(settings.data.source)
        self.unit, self.units = self.medium.unit, self.medium.name
        check_medium(self.medium, settings.data, settings.scores)
        self.autoencoder = coder = trained_autoencoder(settings.data.latent) if settings.data.latent else None
        if coder:
            settings = replace(settings, data=replace(settings.data, channels=settings.data.channels or coder.settings.channels))
        super().__init__(settings)
        s, d = settings, settings.data
        self.seen_shape = map_shape(coder, self.shape) if coder else self.shape
        self.prompts: Prompts | None = make_prompts(s.text, self.learned.labels, d.longest) if d.prompted else None
        self.examples = self.prompts.frame(self.learned.labels) if self.prompts else None
        self.held_targets = numbered(self.held, self.names)
        if not isinstance(s.model, DiffusionModelSettings):
            body = self.prompts.body if self.prompts else None
            network = fitted_network(
                {"preset": self.medium.network} | s.model, self.seen_shape, self.names, body.width if body else 0, coder.settings.cell if coder else 1
            )
            frozen = bool(s.text.start and self.prompts)
            parts: dict[str, Any] = dict(text=body, frozen=frozen, autoencoder=coder.settings if coder else None)
            self.settings = s = replace(s, model=DiffusionModelSettings(diffusion=s.diffusion, **parts, **network))
        torch.manual_seed(mix(s.training.seed, 0))
        model = DiffusionModel(s.model)
        if self.prompts and self.prompts.weights:
            assert model.text is not None
            model.text.load_state_dict(self.prompts.weights)
        self.players = {"model": model}
        self.measured = Order(len(self.held), 0).indices(0, min(len(self.held), MEASURED))
        self.encoded = encode_all(model.latents, coder, self.learned, self.held.of(self.measured), d.flip > 0) if coder and model.latents else None
        if coder:
            self.fingerprint = hashlib.sha256((self.fingerprint + fingerprint(coder)).encode()).hexdigest()
        self.measure = DenoisingLoss(s.diffusion)
        self.flops_per_step = 3 * s.training.batch * self.flops_of_one()
        drawn = (s.shown.pictures + (s.scores.drawings if self.scorer else 0)) * s.shown.steps * (2 if self.told else 1)
        self.steps_per_evaluation = (
            (min(MEASURED, len(self.held)) + 2 * drawn + CHECKED * s.shown.steps * 2 * (self.checkable or self.medium.scored)) / s.training.batch / 3
        )

    @property
    def model(self) -> DiffusionModel:
        """The player."""
        model = self.players["model"]
        assert isinstance(model, DiffusionModel)
        return model

    @property
    def told(self) -> bool:
        """Whether the model is told classes or captions."""
        return bool(self.names or self.prompts)

    @property
    def checkable(self) -> bool:
        """Whether code can say if a picture shows its caption."""
        return self.settings.data.source.removeprefix("builtin:") == "shapes"

    def read_parts(self) -> Parts:
        """With captions in place of labels, where they are to be learned."""
        d = self.settings.data
        if not d.prompted:
            return self.medium.read(d)
        for name, usual in (("validation_source", ""), ("test_source", ""), ("fraction", 1.0), ("picture", ""), ("label", "")):
            if getattr(d, name) != usual:
                raise BadInput(f"data.{name} is not read for pictures with captions; leave it out.")
        how: dict[str, Any] = dict(size=d.size, channels=d.channels, validation=d.validation, strict=d.strict, watch=watcher() if sys.stderr.isatty() else None)
        found = read_captioned(d.source, d.captions, **how)
        assert found.validation is not None
        return Parts(found.train, found.validation, found.test, found.preparation, found.notes)

    def origin(self) -> str:
        """Where they are from."""
        return self.medium.origin(self.settings.data.source)

    def shape_fact(self) -> str:
        """What each of them is."""
        return self.medium.described(self.shape)

    def sheet(self, some: Tensor) -> Tensor:
        """Some of them to be looked at."""
        return self.medium.sheet(some)

    def about(self) -> str:
        """What is learned from what, in a line."""
        s, parameters = self.settings, sum(p.numel() for p in self.model.parameters() if p.requires_grad)
        how = f"{s.diffusion.schedule} schedule, predicting {s.diffusion.prediction}"
        return "; ".join([f"a diffusion model ({CALLED[s.model.kind]}) of {parameters:,} parameters, {how}", *self.data_facts()])

    def data_facts(self) -> list[str]:
        """The data in sentences."""
        facts = super().data_facts()
        if self.prompts:
            facts.append(f"captions of {counted(len(self.prompts.words), 'word')}, as {self.learned.labels[0]!r}")
            if self.prompts.framing.cut:
                facts.append(f"{counted(self.prompts.framing.cut, 'caption')} longer than {self.prompts.framing.room} tokens, cut")
        if self.encoded:
            size, source = " x ".join(map(str, self.seen_shape)), self.settings.data.latent
            made, pictures = self.given_back(AT_ONCE)[::-1]
            facts.append(f"learned as {size} latents of {source}, which gives pictures back at {decibels(made, pictures):.1f} dB")
        if self.scorer:
            facts += self.scorer.facts(self.settings.scores.drawings)
        return facts

    def optimizer(self, player: str) -> OptimizerSettings:
        """How the model learns."""
        return self.settings.optimizer

    def batch(self, step: int, turn: int, first: int, count: int) -> Batch:
        """Pictures, and labels or captions: tokens and visible, [count, T]."""
        batch = super().batch(step, turn, first, count)
        if self.prompts is None or self.examples is None:
            return batch
        rows = self.order.indices(step * self.settings.training.batch + first, count).tolist()
        tokens, visible = self.prompts.padded([self.examples[row] for row in rows])
        return batch | {"tokens": tokens, "visible": visible}

    def rows_of(self, rows: Tensor, mirrored: Tensor | None) -> Batch:
        """Pictures, or their latents, float32 [count, latent, h, w]."""
        return super().rows_of(rows, mirrored) if self.encoded is None else {"latents": self.encoded.rows(rows, mirrored)}

    def loss(self, player: str, batch: Batch, step: int) -> Loss:
        """The weighed squared errors of all numbers of the pictures or latents; the condition is left out of some rows, which guidance needs."""
        model = self.players["model"]
        x = batch["latents"] if "latents" in batch else self.medium.numbers(batch["pictures"])
        condition = forgotten(self.condition(batch), unconditional_rows(len(x), self.settings.diffusion.unconditional), self.settings.model.network)
        return Loss(self.measure(model, x, condition), x.numel())

    def condition(self, batch: Batch) -> Condition:
        """What the network is told of a batch."""
        return self.model.condition(batch.get("labels"), batch.get("tokens"), batch.get("visible"))

    def evaluate(self) -> dict[str, float]:
        """The loss on validation pictures, with the same noise every time; and where code can read drawings, how good they are."""
        device = next(self.model.parameters()).device
        total = torch.zeros((), dtype=torch.float64)
        for number, some in enumerate(self.measured.split(AT_ONCE)):
            seed_draws(0, number)
            batch = {"labels": self.held_targets[some]} if self.names else {}
            x = self.encoded.held[number * AT_ONCE :][: len(some)] if self.encoded else self.medium.numbers(self.held.pixels(some))
            if self.prompts:
                tokens, visible = self.prompts.read([self.held.labels[row] for row in some.tolist()])
                batch |= {"tokens": tokens, "visible": visible}
            batch = {key: tensor.to(device) for key, tensor in batch.items()}
            total += float(self.measure(self.model, x.to(device), self.condition(batch)).detach())
        scores = {"loss": float(total) / (len(self.measured) * prod(self.seen_shape))}
        if self.scorer:
            drawn = self.shown(count=self.settings.scores.drawings)
            scores |= self.scorer.of(drawn.pictures, drawn.labels)
        if self.medium.scored:
            drawn = self.shown(count=CHECKED)
            scores |= self.medium.scores(drawn.pictures, drawn.labels)
        if self.checkable:
            asked = self.held.labels[:CHECKED]
            drawn = self.shown(asked).pictures
            scores["prompt_accuracy"] = sum(shows(picture, caption) for picture, caption in zip(drawn, asked, strict=True)) / len(asked)
        return scores

    def test(self, folder: Path) -> dict[str, Any]:
        """What guidance does to the saved model's drawings, where there is something to score them by."""
        s = self.settings
        if not self.told or not ((self.scorer and self.names) or self.checkable):
            return {}
        prompts = self.held.labels[: s.scores.drawings] if self.checkable else []
        return guidance_scores(DiffusionDrawer(folder), self.scorer, s.scores.drawings, prompts, sampler=s.shown.sampler, steps=s.shown.steps)

    def shown(self, asked: Sequence[str] | None = None, count: int = 0) -> Shown:
        """Drawings from the same noise every time. asked: a caption for each; by default some of the validation pictures', or the classes in turn."""
        s, count = self.settings.shown, len(asked) if asked is not None else count or self.settings.shown.pictures
        guidance = s.guidance if self.told else 0.0
        labels = torch.arange(count) % len(self.names) if self.names else None
        if self.prompts:
            asked = asked if asked is not None else [self.held.labels[row % len(self.held)] for row in range(count)]
        shown = Shown(self.model, self.prompts, self.seen_shape, s.sampler, s.steps, guidance, self.medium).draw(count, labels, asked)
        shown.labels = [self.names[label] for label in labels.tolist()] if labels is not None else None
        return shown

    def preview(self, step: int) -> dict[str, Any]:
        """Drawings from the same noise, one on its way from noise, and what guidance does."""
        shown = self.shown()
        grid = self.medium.sheet(shown.pictures, columns_for(self.names))
        files = {"grid.png": png(grid), "trajectory.png": png(trajectory_sheet(shown))}
        text = f"drawn in {self.settings.shown.steps} steps of {self.settings.shown.sampler}"
        if self.told:
            files["guidance.png"] = png(guidance_sheet(shown))
            text += f" with guidance {self.settings.shown.guidance:g}; guidance.png: {', '.join(f'{weight:g}' for weight in GUIDANCES)}"
        if self.encoded:
            files["reconstruction.png"] = png(self.medium.sheet(torch.cat(self.given_back(8)), min(8, len(self.measured))))
        asked = [f"{caption}" for caption in shown.asked[:8]] if shown.asked else []
        return {"text": text, "files": files, **({"prompts": asked} if asked else {})}

    @torch.no_grad()
    def given_back(self, count: int) -> tuple[Tensor, Tensor]:
        """Some pictures of the validation set, and what becomes of them on the way through the autoencoder: as good as a drawing can be."""
        assert self.encoded is not None
        x = self.encoded.held[:count].to(next(self.model.parameters()).device)
        return self.held.pixels(self.measured[:count]), self.medium.drawn(self.model.decode(x))

    def save(self, folder: Path, weights: dict[str, dict[str, Tensor]], scores: dict[str, Any]) -> None:
        """The model folder, with the tokenizer and the words of the captions."""
        s = self.settings
        card = f"# A diffusion model\n\nTrained on {s.data.source}; `workings report` writes the full card.\n"
        facts: dict[str, Any] = {"medium": self.medium.name, "shown": {"sampler": s.shown.sampler, "steps": s.shown.steps, "guidance": s.shown.guidance}}
        if self.prompts:
            facts["prompts"] = self.prompts.facts()
        save_folder(folder, "diffusion", s.model, weights["model"], self.prompts.tokenizer if self.prompts else None, card, **facts, scores=scores)

    def flops_of_one(self) -> float:
        """Of one estimate of one picture, as torch counts them."""
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            self.model.eval()(torch.zeros(1, *self.seen_shape), 1.0)
        self.model.train()
        return float(counter.get_total_flops())
