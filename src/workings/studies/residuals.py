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
from workings.studies.language import learn
from workings.studies.statistics import Interval, by_seed, chosen, mean_interval, paired_difference
from workings.studies.study import Row, Scale, Study, Verdict

RESIDUALS = ("one", "none")
PLACEMENTS = {"lecture": "for attention only", "pre": "before both parts"}
NORMALIZE = {"lecture": "attention", "pre": "all"}
"""Of what attention is made from: queries and keys as printed, or all."""
WIDTH, HEADS, CONTEXT, ROWS = 64, 2, 64, 8


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
    """Whether, at the greatest depth, the residual keeps the gradient nearer to its size wherever the norms are, and whether the model learns more."""
    start, trained = chosen(rows, {"asked": "start"}), chosen(rows, {"asked": "trained"})
    deepest, depth = max(row["depth"] for row in start), max(row["depth"] for row in trained)
    kept = {(norms, name): left(start, norms, name, deepest) for norms in PLACEMENTS.values() for name in RESIDUALS}
    logs = [row | {"log": abs(math.log(row["gradient"]))} for row in chosen(start, {"depth": deepest})]
    spared = {norms: paired_difference(chosen(logs, {"norms": norms}), "log", {"residuals": "one"}, {"residuals": "none"}) for norms in PLACEMENTS.values()}
    more = [norms for norms, one in spared.items() if one.low > 0]
    gain = paired_difference(chosen(trained, {"depth": depth}), "loss", {"residuals": "one"}, {"residuals": "none"})
    word = "supported" if len(more) == len(PLACEMENTS) and gain.low > 0 else "depends on" if more or gain.low > 0 else "not supported here"
    told = "; ".join(f"norms {norms}: {kept[norms, 'one'].mean:.2g} with, {kept[norms, 'none'].mean:.2g} without" for norms in PLACEMENTS.values())
    carried = [f" With norms {norms} the gradient is carried without it too." for norms in PLACEMENTS.values() if norms not in more]
    sentence = (
        f"Of the gradient at layer {deepest} the first layer gets this part: {told}.{''.join(carried)} "
        f"Trained at {depth} layers, the residual gains {gain.mean:+.3f} nats a character ({gain.low:+.3f} to {gain.high:+.3f})."
    )
    return Verdict(word, sentence, gain.mean, gain.low, gain.high, f"nats a character that the residual gains at {depth} layers")


def left(rows: list[Row], norms: str, residuals: str, depth: int) -> Interval:
    """The part of the gradient over the seeds."""
    return mean_interval(by_seed(chosen(rows, {"norms": norms, "residuals": residuals, "depth": depth}), "gradient").values())


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
)
