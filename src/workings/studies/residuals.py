"""What the residual does for deep models: the gradient that reaches the first layer, and whether they learn (statement 1.1e)."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from workings.data.order import windows
from workings.data.sources import read_documents
from workings.data.tokenizers import train_tokenizer
from workings.models.build import build
from workings.models.settings import model_settings
from workings.objectives.next_token import next_token_loss
from workings.studies.figures import bars, lines
from workings.studies.language import learn, told
from workings.studies.statistics import Interval, by_seed, chosen, every, mean_interval, outcome, paired_difference
from workings.studies.study import Row, Scale, Study, Verdict

RESIDUALS = ("one", "none")
PLACEMENTS = {"lecture": "for attention only", "pre": "before both parts"}
NORMALIZE = {"lecture": "attention", "pre": "all"}
"""Of what attention is made from: queries and keys as printed, or all."""
WIDTH, HEADS, CONTEXT, ROWS = 64, 2, 64, 8
AT, TRAINED_AT, SHALLOW = 32, 8, 2
"""The depths that the hypothesis is about: of the gradient, and in training where it is deep and where it is not."""


def conditions(scale: Scale) -> list[dict[str, Any]]:
    """At the start with norms in both places and many depths; trained, with norms before both parts, at a few."""
    start = [
        {"asked": "start", "residuals": residuals, "norms": PLACEMENTS[place], "depth": depth}
        for place in PLACEMENTS
        for residuals in RESIDUALS
        for depth in scale["depths"]
    ]
    trained = [
        {"asked": "trained", "residuals": residuals, "norms": PLACEMENTS["pre"], "depth": depth} for depth in scale["trained_depths"] for residuals in RESIDUALS
    ]
    return start + trained


def measure(condition: dict[str, Any], seed: int, scale: Scale, folder: Path) -> Sequence[Row]:
    """The part of the gradient that is left at the first layer, or the loss after training."""
    placement = next(place for place, name in PLACEMENTS.items() if name == condition["norms"])
    switches = dict(
        residuals=condition["residuals"],
        placement=placement,
        layers=condition["depth"],
        initialization="fan-in",
        position="rotary",
        normalize=NORMALIZE[placement],
    )
    if condition["asked"] == "start":
        return [{"gradient": gradient_left(seed, switches)}]
    named = {f"model__{name}": value for name, value in switches.items()}
    return [{"loss": learn(folder, seed, scale["steps"], model__preset="lecture", **named).scores()["nats_per_character"]}]


def gradient_left(seed: int, switches: dict[str, Any]) -> float:
    """|dL / dx^1| / |dL / dx^L| of an untrained model on windows of a novel: 1 where all of the last layer's gradient reaches the first."""
    documents = read_documents("pride")
    tokenizer = train_tokenizer("character", documents, 0)
    inputs, targets = windows(tokenizer.encode(documents[0][:50_000]), CONTEXT, seed, 0, ROWS)
    torch.manual_seed(seed)
    model = build(model_settings("lecture", vocabulary=tokenizer.size, width=WIDTH, heads=HEADS, context=CONTEXT, **switches))
    record: dict[str, torch.Tensor] = {}
    loss, count = next_token_loss(model(inputs, record=record), targets)
    first, last = torch.autograd.grad(loss / count, (record["hidden.0"], record[f"hidden.{switches['layers'] - 1}"]))
    return float(first.norm() / last.norm())


def judge(rows: list[Row]) -> Verdict:
    """Whether the residual keeps the gradient nearer to its size wherever the norms are, and whether the model learns more."""
    start, gain = sizes(rows), gained(rows, TRAINED_AT)
    spared = {norms: paired_difference(chosen(start, {"norms": norms}), "off", {"residuals": "one"}, {"residuals": "none"}) for norms in PLACEMENTS.values()}
    more = [norms for norms, one in spared.items() if one.low > 0]
    word = "supported" if len(more) == len(PLACEMENTS) and gain.low > 0 else "depends on" if more or gain.low > 0 else "not supported here"
    kept = {(norms, name): left(start, norms, name) for norms in PLACEMENTS.values() for name in RESIDUALS}
    numbers = "; ".join(
        f"norms {norms}, {kept[norms, 'one'].mean:.2g} with the residual and {kept[norms, 'none'].mean:.2g} without" for norms in PLACEMENTS.values()
    )
    asked = [f" Norms {norms}: nearer to 1 with it was asked, {outcome(rows, one.above(0))}." for norms, one in spared.items() if norms not in more]
    missed = "" if gain.low > 0 else f"; a gain above 0 was asked, {outcome(rows, gain.above(0))}"
    sentence = (
        f"The gradient at the first layer is so many times that at layer {AT}: {numbers}.{''.join(asked)} "
        f"Trained at {TRAINED_AT} layers, the residual {told(gain)}{missed}."
    )
    return Verdict(word, sentence, gain.mean, gain.low, gain.high, f"nats a character that the residual gains at {TRAINED_AT} layers")


def sizes(rows: list[Row]) -> list[Row]:
    """The rows at the start at that depth, with the logarithm of what is left of the gradient, and how far it is from 0."""
    logs = [row | {"log": math.log(row["gradient"])} for row in chosen(rows, {"asked": "start", "depth": AT})]
    return [row | {"off": abs(row["log"])} for row in logs]


def left(start: list[Row], norms: str, residuals: str) -> Interval:
    """What is left of the gradient, the geometric mean over the seeds."""
    logs = mean_interval(by_seed(chosen(start, {"norms": norms, "residuals": residuals}), "log").values())
    return Interval(math.exp(logs.mean), math.exp(logs.low), math.exp(logs.high))


def gained(rows: list[Row], depth: int) -> Interval:
    """What the residual gains in training, nats a character."""
    return paired_difference(chosen(rows, {"asked": "trained", "depth": depth}), "loss", {"residuals": "one"}, {"residuals": "none"})


def expectations(rows: list[Row]) -> dict[str, bool | None]:
    """What was expected of the gradient, and of training."""
    start, (printed, both) = sizes(rows), PLACEMENTS.values()
    bare, kept = left(start, printed, "none"), left(start, printed, "one")
    softened = paired_difference(chosen(start, {"residuals": "none"}), "off", {"norms": both}, {"norms": printed})
    return {
        f"At {AT} layers less than a hundredth of the gradient reaches the first without residuals where norms are {printed}.": bare.below(0.01),
        "With them it is between a tenth and ten times.": every([kept.above(0.1), kept.below(10)]),
        f"Norms {both} soften that.": softened.above(0),
        f"Trained at {TRAINED_AT} layers, the residual gains at least 0.2 nats a character.": gained(rows, TRAINED_AT).above(0.2),
        f"Trained at {SHALLOW}, it gains less than 0.1.": gained(rows, SHALLOW).below(0.1),
    }


def draw(rows: list[Row], figure: Any) -> None:
    """The gradient by depth for both places of the norms, and the loss."""
    axes = figure.subplots(1, 3)
    for number, norms in enumerate(PLACEMENTS.values()):
        own = chosen(rows, {"asked": "start", "norms": norms})
        lines(axes[number], own, "depth", "gradient", "residuals", "layers", "gradient left at layer 1", log_x=True, log_y=True, named=False)
        axes[number].set_title(f"norms {norms}", fontsize="medium")
    trained = chosen(rows, {"asked": "trained"})
    bars(axes[2], trained, "depth", "loss", "residuals", "layers", "nats a character")
    axes[2].set_title("trained", fontsize="medium")
    axes[2].set_ylim(min(row["loss"] for row in trained) - 0.1)


STUDY = Study(
    name="residuals",
    statement="1.1e",
    title="The residual and depth",
    claim="The residual connection lets gradients flow through deep networks and is a key ingredient of training them.",
    hypothesis="At 32 layers less than a hundredth of the gradient reaches the first without residuals where norms are for attention only, and "
    "between a tenth and ten times of it with them; norms before both parts soften that. Trained at 8 layers, the residual gains at least 0.2 nats "
    "a character; at 2, less than 0.1.",
    varied="x + y'' or y'' alone; the depth; norms for attention only (as printed) or before both parts.",
    held="The lecture's layer with rotary positions, D = 64, matrices from N(0, 1/inputs), the same parameters; in training data, its order and steps.",
    quick=Scale(seeds=3, options={"depths": [2, 4, 8, 16, 32], "trained_depths": [2, 8], "steps": 60}),
    full=Scale(seeds=3, options={"depths": [2, 4, 8, 16, 32, 64], "trained_depths": [2, 4, 8, 16], "steps": 300}),
    conditions=conditions,
    measure=measure,
    judge=judge,
    draw=draw,
    measures={"gradient": "part of the gradient that reaches the first layer", "loss": "loss, nats a character"},
    expectations=expectations,
    changed="After first trials in which little was learned: rotary positions. The gradient was read at the embedding and is read at the output of the "
    "first layer, which all depths have. After the quick result: that the gradient is nearer to its size has to be certain, where means decided.",
)
