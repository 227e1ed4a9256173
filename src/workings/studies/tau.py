"""What the scale of the scores does: how far softmax saturates and what is left of its gradient, by width (statement 1.2d)."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workings.blackboard.attention import tau, weights
from workings.layers.randomness import generator
from workings.models.settings import TransformerSettings
from workings.report.figures import INK
from workings.studies.figures import bars, lines
from workings.studies.language import learn, told
from workings.studies.statistics import Interval, by_seed, chosen, every, mean_interval, outcome, paired_difference
from workings.studies.study import Row, Scale, Study, Verdict

SCALES = ("1", "1/sqrt(D)", "1/sqrt(d_k)")
HEADS, KEYS, QUERIES = 4, 64, 32
AT, TRAINED_AT = 1024, 128
"""The widths that the hypothesis is about: of random queries and keys, and in training."""
PART = 0.1
"""Of the gradient: where less is left, softmax is called saturated."""


def conditions(scale: Scale) -> list[dict[str, Any]]:
    """Every scale with random queries and keys at every width, and in training at a few of them."""
    random = [{"scores": "random", "tau": name, "width": width} for width in scale["widths"] for name in SCALES]
    return random + [{"scores": "trained", "tau": name, "width": width} for width in scale["trained_widths"] for name in SCALES]


def measure(condition: dict[str, Any], seed: int, scale: Scale, folder: Path) -> Sequence[Row]:
    """Of random queries and keys, or the loss of a model that was trained with that scale."""
    width = condition["width"]
    if condition["scores"] == "random":
        settings = TransformerSettings(width=width, heads=HEADS, tau=condition["tau"])
        return [saturation(settings.head_width, float(tau(0, {}, settings)), seed)]
    sizes = dict(model__width=width, model__heads=HEADS, model__layers=1, model__tau=condition["tau"], model__initialization="fan-in")
    return [{"loss": learn(folder, seed, scale["steps"], **sizes).scores()["nats_per_character"]}]


def saturation(head_width: int, scale: float, seed: int) -> Row:
    """Softmax over the scores of random q and k, whose elements are from N(0, 1) as projections of normalized x are: means over queries, and a median."""
    draw = generator(seed, head_width)
    queries = torch.randn(QUERIES, head_width, dtype=torch.float64, generator=draw)
    keys = torch.randn(QUERIES, KEYS, head_width, dtype=torch.float64, generator=draw)
    rows = [weights(q, list(k), scale) for q, k in zip(queries, keys, strict=True)]
    return {
        "entropy": sum(entropy(a) for a in rows) / QUERIES,
        "largest": sum(float(a.max()) for a in rows) / QUERIES,
        "gradient": float(torch.tensor([jacobian_size(a) for a in rows]).median()),
    }


def entropy(a: Tensor) -> float:
    """- sum_s a_s ln a_s in nats: ln S where all weigh the same, 0 where one has all.  a: [S]."""
    return float(torch.special.entr(a).sum())


def jacobian_size(a: Tensor) -> float:
    """The Frobenius norm of d softmax(s) / ds = diag(a) - a a^T: what reaches the scores of a gradient of the weights.  a: [S]."""
    return float((a.diag() - a.outer(a)).norm())


def judge(rows: list[Row]) -> Verdict:
    """Saturation of the random scores, and whether training suffers from it."""
    part, cost = gradient_left(rows), costs(rows)
    saturates = part.below(PART)
    word = "supported" if saturates and cost.low > 0 else "depends on" if saturates or cost.low > 0 else "not supported here"
    missed = "" if cost.low > 0 else f" (a gain above 0 was asked, {outcome(rows, cost.above(0))})"
    sentence = (
        f"At D = {AT:,} the largest weight is {of_random(rows, '1', AT, 'largest').mean:.2f} with tau = 1, and of the gradient that 1/sqrt(D) has "
        f"{part.mean:.2f} ({part.low:.2f} to {part.high:.2f}) is left (less than {PART} was asked, {outcome(rows, saturates)}); "
        f"trained at D = {TRAINED_AT}, 1/sqrt(D) {told(cost)} against tau = 1{missed}."
    )
    return Verdict(word, sentence, cost.mean, cost.low, cost.high, "nats a character that tau = 1 loses against 1/sqrt(D)")


def gradient_left(rows: list[Row]) -> Interval:
    """The part that tau = 1 leaves of the gradient that 1/sqrt(D) has."""
    one, other = (by_seed(chosen(rows, {"scores": "random", "tau": name, "width": AT}), "gradient") for name in SCALES[:2])
    return mean_interval(one[seed] / other[seed] for seed in one)


def costs(rows: list[Row]) -> Interval:
    """What tau = 1 costs in training against 1/sqrt(D), nats a character."""
    return paired_difference(chosen(rows, {"scores": "trained", "width": TRAINED_AT}), "loss", {"tau": "1/sqrt(D)"}, {"tau": "1"})


def of_random(rows: list[Row], name: str, width: int, measure: str) -> Interval:
    """A measure of one scale at one width."""
    return mean_interval(by_seed(chosen(rows, {"scores": "random", "tau": name, "width": width}), measure).values())


def expectations(rows: list[Row]) -> dict[str, bool | None]:
    """What was expected of random scores, and of training."""
    widths = {row["width"] for row in chosen(rows, {"scores": "random"})}
    even = every(of_random(rows, "1/sqrt(D)", width, "entropy").near(math.log(KEYS), 0.2) for width in widths)
    return {
        f"With tau = 1 the largest of {KEYS} weights is above 0.9 at D = {AT:,}.": of_random(rows, "1", AT, "largest").above(0.9),
        "Less than a tenth of the gradient is left that 1/sqrt(D) has.": gradient_left(rows).below(PART),
        f"1/sqrt(D) keeps the entropy within 0.2 nats of ln {KEYS} at every width.": even,
        f"Trained at D = {TRAINED_AT}, tau = 1 ends at least 0.05 nats a character worse.": costs(rows).above(0.05),
    }


def draw(rows: list[Row], figure: Any) -> None:
    """Entropy and gradient by width, and the loss."""
    left, middle, right = figure.subplots(1, 3)
    random, trained = chosen(rows, {"scores": "random"}), chosen(rows, {"scores": "trained"})
    lines(left, random, "width", "entropy", "tau", "width D", "entropy, nats", log_x=True, named=False)
    left.axhline(math.log(KEYS), color=INK, linewidth=0.8, linestyle=":")
    lines(middle, random, "width", "gradient", "tau", "width D", "median size of the gradient", log_x=True, log_y=True, named=False)
    bars(right, trained, "width", "loss", "tau", "width D", "nats a character")
    lowest = min(row["loss"] for row in trained)
    right.set_ylim(lowest - 0.1, max(row["loss"] for row in trained) + 0.05)


STUDY = Study(
    name="tau",
    statement="1.2d",
    title="The scale of the scores",
    claim="Scaling the scores by tau = 1/sqrt(D) is essential for numerical stability, because dot products become large.",
    hypothesis="With tau = 1 the largest of 64 weights is above 0.9 at D = 1,024, and less than a tenth of the gradient is left that 1/sqrt(D) has; "
    "1/sqrt(D) keeps the entropy within 0.2 nats of ln 64 at every width. Trained at D = 128, tau = 1 ends at least 0.05 nats a character worse.",
    varied="tau: 1, 1/sqrt(D), 1/sqrt(d_k); the width D, with 4 heads, so that d_k = D/4.",
    held="The random queries and keys; in training also weights at the start (matrices from N(0, 1/inputs)), data, steps and parameters.",
    quick=Scale(seeds=3, options={"widths": [16, 64, 256, 1024], "trained_widths": [128], "steps": 50}),
    full=Scale(seeds=5, options={"widths": [16, 64, 256, 1024, 4096], "trained_widths": [64, 128, 256], "steps": 400}),
    conditions=conditions,
    measure=measure,
    judge=judge,
    draw=draw,
    measures={
        "entropy": "entropy of the weights, nats",
        "largest": "largest weight",
        "gradient": "median norm of the softmax's Jacobian",
        "loss": "loss, nats a character",
    },
    expectations=expectations,
    changed="After the quick result: that less than a tenth is left of the gradient has to be certain, where the ratio of the means decided; "
    "the full study trains at D = 128 too, which the hypothesis is about.",
)
