"""Small games to train in tests, and how a run is made, stopped, killed and compared."""

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from workings.generation.settings import WriteSettings
from workings.generation.write import write
from workings.layers.dropping import Dropout, number_places
from workings.layers.randomness import draw_key, generator, mix
from workings.objectives.next_token import IGNORE
from workings.settings import merge, to_dict
from workings.tasks.language import Language
from workings.tasks.language_settings import read_settings, resolved
from workings.training.checkpoints import Checkpoints, read
from workings.training.fit import fit
from workings.training.game import Batch, Game, Loss
from workings.training.journal import read_metrics
from workings.training.run import Run
from workings.training.settings import OptimizerSettings, TrainingSettings

Maker = Callable[[dict[str, Any]], tuple[Game, TrainingSettings, dict[str, Any]]]
"""From changes of the settings to a new game, how it is trained, and its whole config."""

SMALL = {
    "model": {"width": 16, "layers": 2, "heads": 2, "context": 12},
    "training": {"batch": 6, "steps": 20, "evaluate_every": 7, "checkpoint_every": 4, "log_every": 3, "precision": "float32", "device": "cpu"},
}


def write_text(folder: Path, length: int = 3000) -> Path:
    """A text of made-up words, always the same."""
    draw = random.Random(1)
    words = ["".join(draw.choices("abcdefgh", k=draw.randint(1, 6))) for _ in range(40)]
    path = folder / "text.txt"
    path.write_text(" ".join(draw.choices(words, k=length // 4))[:length], encoding="utf-8")
    return path


class Brief(Language):
    """The language task with short samples, to be quick."""

    def preview(self, step: int) -> dict[str, Any]:
        (written,) = write(self.players["model"], self.tokenizer, [self.prompt], WriteSettings(tokens=8, seed=step))
        return {"text": self.prompt + written.text}


class Ragged(Brief):
    """The language task on rows of different lengths: what lies beyond a row's length is not counted."""

    def batch(self, step: int, turn: int, first: int, count: int) -> Batch:
        batch = super().batch(step, turn, first, count)
        batch["targets"] = batch["targets"].clone()
        for row in range(count):
            batch["targets"][row, mix(step, first + row) % self.settings.model.context :] = IGNORE
        return batch


def language(folder: Path, *, kind: type[Language] = Brief, **changes: Any) -> Maker:
    """A maker of small language models on the text in a folder."""
    path = folder / "text.txt" if (folder / "text.txt").exists() else write_text(folder)

    def make(more: dict[str, Any]) -> tuple[Game, TrainingSettings, dict[str, Any]]:
        table = merge(merge(merge(SMALL, {"data": {"source": str(path)}}), changes), more)
        if "minutes" in more.get("training", {}):  # a budget of minutes alone, not whichever ends first
            table["training"] = {key: value for key, value in table["training"].items() if key != "steps"}
        settings = read_settings(table)
        return kind(settings), settings.training, resolved(settings)

    return make


class Generator(nn.Module):
    """Noise [B, 4] -> points [B, 2]; batch norm gives it buffers of two types."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), Dropout(0.1), nn.Linear(16, 2))
        number_places(self)

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        return self.layers(noise)


class Discriminator(nn.Module):
    """Points [B, 2] -> one logit each [B]; its first map is frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Linear(2, 16).requires_grad_(False)
        self.layers = nn.Sequential(nn.ReLU(), Dropout(0.3), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))
        number_places(self)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        return self.layers(self.features(points)).squeeze(-1)


class Points(Game):
    """Two players: one draws points, the other, who has two turns a step, tells them from points on a circle."""

    units = "points"
    fingerprint = "circle"

    def __init__(self, training: TrainingSettings):
        torch.manual_seed(mix(training.seed, 0))
        self.training = training
        self.players = {"generator": Generator(), "discriminator": Discriminator()}
        self.units_per_step = training.batch * 3
        self.seen: list[tuple[str, int, tuple[int, int], torch.Tensor]] = []

    def turns(self, step: int) -> tuple[str, ...]:
        return ("discriminator", "discriminator", "generator")

    def optimizer(self, player: str) -> OptimizerSettings:
        muon = player == "discriminator"
        return OptimizerSettings(name="muon" if muon else "adamw", rate=2e-3, average=0.0 if muon else 0.9, schedule="linear" if muon else "cosine")

    def batch(self, step: int, turn: int, first: int, count: int) -> Batch:
        draws = generator(self.training.seed, step, turn)
        rows = slice(first, first + count)
        noise = torch.randn(self.training.batch, 4, generator=draws)[rows]
        angle = torch.rand(self.training.batch, generator=draws, dtype=torch.float64)[rows] * 6.2831853
        real = torch.rand(self.training.batch, generator=draws)[rows] < 0.5
        return {"noise": noise, "angle": angle, "real": real, "row": torch.arange(first, first + count)}

    def loss(self, player: str, batch: Batch, step: int) -> Loss:
        self.seen.append((player, step, draw_key(0), batch["noise"].clone()))
        fake = self.players["generator"](batch["noise"])
        circle = torch.stack((batch["angle"].cos(), batch["angle"].sin()), -1).float()
        discriminator = self.players["discriminator"]
        if player == "generator":
            total = nn.functional.binary_cross_entropy_with_logits(discriminator(fake), torch.ones(len(fake)), reduction="sum")
            return Loss(total, len(fake))
        shown = torch.where(batch["real"][:, None], circle, fake.detach())
        logits = discriminator(shown)
        right = float(((logits > 0) == batch["real"]).sum())
        return Loss(nn.functional.binary_cross_entropy_with_logits(logits, batch["real"].float(), reduction="sum"), len(shown), {"right": right})

    def evaluate(self) -> dict[str, float]:
        points = self.players["generator"](torch.randn(64, 4, generator=generator(1)))
        return {"loss": float((points.norm(dim=-1) - 1).abs().mean())}

    def preview(self, step: int) -> dict[str, Any]:
        return {"points": self.players["generator"](torch.randn(3, 4)).tolist()}

    def save(self, folder: Path, weights: dict[str, dict[str, torch.Tensor]], scores: dict[str, Any]) -> None:
        import safetensors.torch

        folder.mkdir(exist_ok=True)
        named = {f"{player}.{name}": tensor.contiguous() for player, tensors in weights.items() for name, tensor in tensors.items()}
        (folder / "model.safetensors").write_bytes(safetensors.torch.save(named))


def points(changes: dict[str, Any]) -> tuple[Game, TrainingSettings, dict[str, Any]]:
    """A maker of the two-player game."""
    training = TrainingSettings(**merge(SMALL["training"], changes.get("training", {})))
    return Points(training), training, {"training": to_dict(training)}


def train(make: Maker, folder: Path, change: Callable[[Game], None] = lambda game: None, **changes: Any) -> str:
    """Begin a run in a folder, or go on with it; the changes are those of `training`."""
    game, settings, config = make({"training": changes})
    folder.mkdir(exist_ok=True)
    change(game)
    return fit(game, settings, Run(folder), config, quiet=True)


def signal_at(step: int, number: int = signal.SIGTERM) -> Callable[[Game], None]:
    """A change that sends this process a signal in the middle of a step, counted from 1."""

    def change(game: Game) -> None:
        inner, sent = game.batch, []

        def batch(now: int, *where: int) -> Batch:
            if now == step - 1 and not sent:
                sent.append(now)
                os.kill(os.getpid(), number)
            return inner(now, *where)

        game.batch = batch

    return change


def in_child(action: Callable[[], Any]) -> int:
    """Run something in a process of its own; returns how it ended, as `os.waitpid` says."""
    child = os.fork()
    if child == 0:
        try:
            action()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1]


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    """The newest checkpoint's: weights, optimizer, average."""
    return read(Checkpoints(folder / "checkpoints", 1).files()[-1])[0]


def rows(folder: Path) -> list[dict[str, Any]]:
    """What a run has measured, without what depends on the clock or on where it was stopped."""
    clock = ("seconds", "units_per_second", "time", "total_seconds")
    return [
        {k: v for k, v in row.items() if k not in clock} for row in read_metrics(folder / "metrics.jsonl") if row["event"] in ("train", "validation", "sample")
    ]


def assert_same_bits(one: Path, other: Path) -> None:
    """The two runs ended with the same checkpoint, the same best model and the same record."""
    a, b = tensors(one), tensors(other)
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype and torch.equal(a[name], b[name]), name
    assert (one / "model" / "model.safetensors").read_bytes() == (other / "model" / "model.safetensors").read_bytes()
    assert rows(one) == rows(other)
