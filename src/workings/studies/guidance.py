"""5.3c: what classifier-free guidance buys and costs, on a mixture of Gaussians whose conditional denoiser is exact, and with a model trained on clothes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import workings
from workings.generation.guidance import guided
from workings.generation.noise_levels import noise_levels
from workings.generation.samplers import SAMPLERS
from workings.layers.randomness import generator
from workings.objectives.diffusion_settings import DiffusionSettings
from workings.objectives.noise_schedule import noise_schedule
from workings.studies.figures import legend, lines
from workings.studies.mixture import Mixture
from workings.studies.pictures import learn
from workings.studies.statistics import Interval, outcome, paired_difference
from workings.studies.study import Row, Scale, Study, Verdict, Word
from workings.studies.training import assignments
from workings.tasks.judge import open_judge
from workings.tasks.picture_parts import whole
from workings.tasks.pictures_settings import PicturesData

EXACT, TRAINED = "exact mixture", "trained on clothes"
CLASSES, PARTS = 3, 2
"""Of the mixture, and how many Gaussians a class is made of."""
WORLD, DRAWS = 0, 1
"""What is drawn from a seed: the mixture, and where the drawings begin."""
SIDE = 16
"""Of the pictures."""
USUAL = 2.0
"""The weight that is compared with none."""
GAINED, LOST = 5, 0.2
"""Points of label accuracy that it should gain at least, and the part of the variety that it should take at least."""


def world(seed: int) -> Mixture:
    """Three classes in the plane that overlap, of two Gaussians each; other ones for each seed."""
    g = generator(seed, WORLD)
    angles = 2 * torch.pi * (torch.arange(CLASSES, dtype=torch.float64) / CLASSES).repeat_interleave(PARTS)
    centers = 0.7 * torch.stack([angles.cos(), angles.sin()], 1)
    means = centers + 0.4 * torch.randn(CLASSES * PARTS, 2, generator=g, dtype=torch.float64)
    deviations = 0.25 + 0.25 * torch.rand(CLASSES * PARTS, 2, generator=g, dtype=torch.float64)
    weights = torch.full((CLASSES * PARTS,), 1 / (CLASSES * PARTS), dtype=torch.float64)
    return Mixture(weights, means, deviations**2, torch.arange(CLASSES).repeat_interleave(PARTS))


def spread(x: Tensor) -> float:
    """The root of the mean squared distance from the mean. [N, D]."""
    return float((x - x.mean(0)).square().sum(1).mean().sqrt())


def drawn(mixture: Mixture, label: int, weight: float, points: int, steps: int, g: torch.Generator) -> Tensor:
    """Points of a class under guidance, by Heun's steps on the levels of Karras et al. [points, 2]."""
    schedule = noise_schedule(DiffusionSettings(schedule="edm", prediction="edm"))
    x = schedule.start() * torch.randn(points, 2, generator=g, dtype=torch.float64)
    denoise = guided(mixture.denoise, label, weight)
    return SAMPLERS["heun"](denoise, x, noise_levels(schedule, steps, "karras"), lambda step: x)


def exact(seed: int, scale: Scale) -> list[Row]:
    """Of the mixture: the best possible judge says what a point is; spreads are compared with that of points drawn from the class itself."""
    mixture, rows = world(seed), []
    own = [own_spread(mixture, label) for label in range(CLASSES)]
    for weight in scale["weights"]:
        g, right, spreads = generator(seed, DRAWS), [], []
        for label in range(CLASSES):
            x = drawn(mixture, label, weight, scale["points"], scale["steps"], g)
            right.append(float((mixture.probabilities(x).argmax(1) == label).double().mean()))
            spreads.append(spread(x) / own[label])
        rows.append({"weight": weight, "accuracy": 100 * sum(right) / CLASSES, "variety": sum(spreads) / CLASSES})
    return rows


def own_spread(mixture: Mixture, label: int) -> float:
    """The spread of a class, in closed form: of its parts' variances and of their means."""
    own = mixture.classes == label
    weights = mixture.weights[own] / mixture.weights[own].sum()
    mean = weights @ mixture.means[own]
    return float((weights @ (mixture.variances[own] + (mixture.means[own] - mean) ** 2)).sum().sqrt())


def trained(seed: int, scale: Scale, folder: Path) -> list[Row]:
    """Of clothes: a small model that is told the class; a classifier trained beside it says what a drawing is, and spreads are those of its features."""
    judge = open_judge(learn(folder, 0, scale["judge_steps"], name="judge", model__preset="cnn", data__size=[SIDE]).folder)
    given = {"data.size": [SIDE], "model.preset": "unet-tiny", "training.evaluate_every": scale["train_steps"], "shown.steps": 4}
    steps: dict[str, Any] = dict(steps=scale["train_steps"], seed=seed)
    run = workings.train("diffusion", data="fashion", labels=True, **steps, set=assignments(given), out=folder / "run", quiet=True, report=False)
    test = whole(PicturesData(source="fashion", size=(SIDE,)))
    real = judge.features(test.pixels(torch.arange(len(test))))
    rows = []
    for weight in scale["weights"]:
        made = run.draw(scale["drawings"], guidance=weight, steps=scale["draw_steps"], sampler="dpm++", seed=seed)
        seen = judge.look(made.pictures)
        spreads = [spread(of_class(seen.features, made.labels, name)) / spread(of_class(real, test.labels, name)) for name in judge.names]
        rows.append({"weight": weight, "accuracy": 100 * judge.right(seen.logits, made.labels), "variety": sum(spreads) / len(spreads)})
    return rows


def of_class(features: Tensor, labels: Sequence[str], name: str) -> Tensor:
    """The rows whose label it is. [N, F]."""
    return features[torch.tensor([label == name for label in labels])]


def conditions(scale: Scale) -> list[dict[str, Any]]:
    """The worlds; in each, every weight is tried."""
    return [{"world": name} for name in scale["worlds"]]


def measure(condition: dict[str, Any], seed: int, scale: Scale, folder: Path) -> list[Row]:
    """A row for every weight."""
    return exact(seed, scale) if condition["world"] == EXACT else trained(seed, scale, folder)


def changes(rows: list[Row], measure: str) -> dict[str, Interval]:
    """For each world, from no guidance to the usual weight."""
    worlds = dict.fromkeys(row["world"] for row in rows)
    return {world: paired_difference(rows, measure, {"world": world, "weight": 0.0}, {"world": world, "weight": USUAL}) for world in worlds}


def expectations(rows: list[Row]) -> dict[str, bool | None]:
    """The parts of the hypothesis, in each world."""
    gains, losses = changes(rows, "accuracy"), changes(rows, "variety")
    right = {f"the part that is what it should be rises by at least 5 points ({world})": gain.above(GAINED) for world, gain in gains.items()}
    return right | {f"the spread within a class falls by at least a fifth ({world})": loss.below(-LOST) for world, loss in losses.items()}


def judge(rows: list[Row]) -> Verdict:
    """Whether guidance makes drawings more what they should be, and less varied."""
    gains, losses = changes(rows, "accuracy"), changes(rows, "variety")
    holds = [gains[world].low > 0 and losses[world].high < 0 for world in gains]
    word: Word = "supported" if all(holds) else "depends on" if any(gain.low > 0 for gain in gains.values()) else "not supported here"
    found = "; ".join(
        f"{world}: a weight of {USUAL:g} changes the label accuracy by {gains[world].mean:+.1f} points and the variety by {losses[world].mean:+.0%}"
        for world in gains
    )
    missed = "".join(f"; it was expected that {part}, {outcome(rows, held)}" for part, held in expectations(rows).items() if not held)
    first = gains[EXACT]
    sentence = f"{found[0].upper()}{found[1:]}{missed}."
    return Verdict(word, sentence, first.mean, first.low, first.high, f"points of label accuracy by a weight of {USUAL:g}, {EXACT}")


def draw(rows: list[Row], figure: Any) -> None:
    """Accuracy and variety against the weight."""
    left, right = figure.subplots(1, 2)
    several = len({row["world"] for row in rows}) > 1
    lines(left, rows, "weight", "accuracy", "world", "guidance weight w", "label accuracy, %", named=False)
    lines(right, rows, "weight", "variety", "world", "guidance weight w", "spread within a class, real = 1", named=False)
    left.set_ylim(top=101)  # an interval does not know that 100 % is the most
    right.set_ylim(bottom=0)
    if several:
        legend(right)


WEIGHTS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)

STUDY = Study(
    name="guidance",
    statement="5.3c",
    title="Guidance: more what was asked for, less variety",
    claim="A diffusion model draws what it is asked for; guidance, (1 + w) D(x, c) - w D(x), makes it follow more closely.",
    hypothesis="From w = 0 to w = 2 the part of the drawings that are what they should be rises by at least 5 points, and the spread within a class falls by "
    "at least a fifth.",
    varied="the guidance weight w",
    held="the denoiser, exact for a mixture of three overlapping classes in the plane (another one for each seed), so that nothing is due to learning; the "
    "first noise and the steps; in the full study also a small U-Net trained on clothes of 16 x 16, judged by a classifier",
    quick=Scale(seeds=5, options={"worlds": (EXACT,), "weights": WEIGHTS, "points": 1000, "steps": 24}),
    full=Scale(
        seeds=3,
        options={
            "worlds": (EXACT, TRAINED),
            "weights": WEIGHTS,
            "points": 4000,
            "steps": 40,
            "judge_steps": 400,
            "train_steps": 1200,
            "drawings": 500,
            "draw_steps": 12,
        },
    ),
    conditions=conditions,
    measure=measure,
    judge=judge,
    draw=draw,
    expectations=expectations,
    measures={"accuracy": "label accuracy, %", "variety": "spread of a class as a part of the real one"},
)
