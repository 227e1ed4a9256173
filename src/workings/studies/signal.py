"""How numbers and gradients grow from layer to layer before anything is learned, by initialization and norm, beside the closed forms (statement 6.1b)."""

import math
from collections.abc import Callable, Collection, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from workings.blackboard.signal import GAIN, backward_slope, forward_slope
from workings.layers.initialization import initialize
from workings.layers.norms import make_norm
from workings.report.figures import INK, PALETTE
from workings.studies.figures import style, values_of
from workings.studies.statistics import Interval, averaged, by_seed, chosen, every, mean_interval
from workings.studies.study import Row, Scale, Study, Verdict, Word

NORMS: dict[str, Callable[[int], nn.Module]] = {
    "none": lambda width: nn.Identity(),
    "layer": lambda width: make_norm("layer", width, 1e-5, True),
    "rms": lambda width: make_norm("rms", width, 1e-6, False),
    "batch": nn.BatchNorm1d,
}
"""Name -> the norm of a layer of so many neurons, before its ReLU."""
AFTER = ("layer", "rms", "batch")
"""Those that are norms."""
CLOSE = 0.05
"""How far a slope may be from its closed form, in nats a layer."""


def conditions(scale: Scale) -> list[dict[str, Any]]:
    """Every initialization with every norm."""
    return [{"norm": norm, "start": name} for norm, name in product(NORMS, GAIN)]


def measure(condition: dict[str, Any], seed: int, scale: Scale, folder: Path) -> Sequence[Row]:
    """The logarithm of the mean square of what leaves each layer, and of the loss's gradient by it; slopes are those of straight lines through them."""
    torch.manual_seed(seed)
    width, depth = scale["width"], scale["depth"]
    layers = nn.ModuleList(nn.Sequential(nn.Linear(width, width), NORMS[condition["norm"]](width), nn.ReLU()) for _ in range(depth))
    initialize(layers, condition["start"])
    forward, backward = sizes(layers, torch.randn(scale["rows"], width), torch.randn(scale["rows"], width))
    layer = np.arange(1, depth + 1)
    return [
        {
            "forward_slope": float(np.polyfit(layer, forward, 1)[0]),
            "backward_slope": -float(np.polyfit(layer, backward, 1)[0]),
            "forward_expected": forward_slope(condition["start"], condition["norm"]),
            "backward_expected": backward_slope(condition["start"], condition["norm"]),
            "forward": [round(value, 4) for value in forward],
            "backward": [round(value - backward[-1], 4) for value in backward],
        }
    ]


def sizes(layers: nn.ModuleList, x: Tensor, above: Tensor) -> tuple[list[float], list[float]]:
    """ln of the mean square of y^l, and of the gradient of sum(above y^L) by y^l, for l = 1 ... L.  x, above: [rows, width]."""
    ys = [x]
    for layer in layers:
        ys.append(layer(ys[-1]))
    gradients = torch.autograd.grad((ys[-1] * above).sum(), ys[1:])
    return [size(y) for y in ys[1:]], [size(gradient) for gradient in gradients]


def size(x: Tensor) -> float:
    """ln of the mean square."""
    return float(x.detach().double().square().mean().log())


def away(rows: list[Row], way: str) -> dict[tuple[str, str], Interval]:
    """How far the slopes of each norm with each start are from their closed form. way: forward or backward."""
    return averaged([row | {"away": row[f"{way}_slope"] - row[f"{way}_expected"]} for row in rows], ["norm", "start"], "away")


def close(rows: list[Row], way: str, norms: Collection[str], starts: Collection[str] = tuple(GAIN)) -> bool | None:
    """Whether the slopes of all these are those of their closed forms, within `CLOSE`."""
    return every(found.near(0.0, CLOSE) for (norm, start), found in away(rows, way).items() if norm in norms and start in starts)


def judge(rows: list[Row]) -> Verdict:
    """Whether Xavier halves the mean square in each layer where He keeps it, and every norm keeps it whatever the start."""
    holds = every([close(rows, "forward", ["none"], ["xavier", "he"]), close(rows, "forward", AFTER)])
    word: Word = "supported" if holds else "depends on" if holds is None else "not supported here"
    plain = chosen(rows, {"norm": "none"})
    xavier, he = (mean_interval(by_seed(chosen(plain, {"start": start}), "forward_slope").values()) for start in ("xavier", "he"))
    batch = mean_interval(by_seed(chosen(rows, {"norm": "batch"}), "backward_slope").values())
    every_one = {(way, *key): found.mean for way in ("forward", "backward") for key, found in away(rows, way).items()}
    way, norm, start = worst = max(every_one, key=lambda key: abs(every_one[key]))
    sentence = (
        f"Without a norm the mean square changes by a factor of {math.exp(xavier.mean):.3f} a layer with Xavier and of {math.exp(he.mean):.3f} with He; "
        f"under batch norm gradients grow by {math.exp(batch.mean):.3f}. "
        f"The slope that is farthest from its closed form ({way}, {start}, norm {norm}) is {abs(every_one[worst]):.3f} away; {CLOSE:g} were allowed."
    )
    return Verdict(word, sentence, xavier.mean, xavier.low, xavier.high, "nats a layer, the change of the ln of the mean square with Xavier and no norm")


def expectations(rows: list[Row]) -> dict[str, bool | None]:
    """The parts of the hypothesis, each within `CLOSE`."""
    return {
        "without a norm the mean square halves in each layer with Xavier and LeCun": close(rows, "forward", ["none"], ["xavier", "lecun"]),
        "it stays with He and orthogonal weights": close(rows, "forward", ["none"], ["he", "orthogonal"]),
        "with any norm it stays whatever the initialization": close(rows, "forward", AFTER),
        "under batch norm gradients grow by 1.467 a layer": close(rows, "backward", ["batch"]),
        "all slopes are within 0.05 of their closed forms": every(close(rows, way, NORMS) for way in ("forward", "backward")),
    }


def draw(rows: list[Row], figure: Any) -> None:
    """Sizes of numbers and of gradients by layer, a column for each norm, with the closed forms dotted."""
    norms, starts = values_of(rows, "norm"), values_of(rows, "start")
    axes = figure.subplots(2, len(norms), sharex=True, sharey="row")
    for column, norm in enumerate(norms):
        for line, (way, label) in enumerate((("forward", "ln of mean square, numbers"), ("backward", "ln of mean square, gradient"))):
            own, place = chosen(rows, {"norm": norm}), axes[line, column]
            for number, start in enumerate(starts):
                group = chosen(own, {"start": start})
                values = np.array([row[way] for row in group])
                layer, mean = np.arange(1, values.shape[1] + 1), values.mean(0)
                color = PALETTE[number % len(PALETTE)]
                place.plot(layer, mean, color=color, linewidth=5 - 1.3 * number, label=start)  # thinner, so that equal ones all show
                place.fill_between(layer, values.min(0), values.max(0), color=color, alpha=0.15, linewidth=0)
                end, slope = (layer[0], group[0]["forward_expected"]) if way == "forward" else (layer[-1], -group[0]["backward_expected"])
                begun = mean[0] if way == "forward" else mean[-1]
                place.plot(layer, begun + slope * (layer - end), color=INK, linewidth=0.8, linestyle=":")
            style(place, "layer" if line else "", label if column == 0 else "")
        axes[0, column].set_title("no norm" if norm == "none" else f"{norm} norm", fontsize=8.5)
    axes[0, 0].legend(frameon=False, fontsize=7)


STUDY = Study(
    name="signal",
    statement="6.1b",
    title="The size of numbers and gradients by depth",
    claim="Initialization and normalization keep a deep network numerically stable; without the right ones, numbers and gradients vanish or explode.",
    hypothesis="Under ReLU without a norm, the mean square halves in each layer with Xavier and LeCun (slope -ln 2 = -0.693) and stays with He and orthogonal "
    "weights (0); with any norm it stays whatever the initialization; under batch norm gradients grow by pi / (pi - 1) = 1.467 a layer (slope 0.383). "
    "All slopes are within 0.05 of that.",
    changed="The word went by means at first; now the interval of a slope has to lie within 0.05 of its closed form.",
    varied="The initialization of the weights; the norm before each ReLU.",
    held="Width, depth, random inputs from N(0, 1) and gradients from above; no training, one pass.",
    quick=Scale(seeds=5, options={"width": 256, "depth": 30, "rows": 128}),
    full=Scale(seeds=10, options={"width": 512, "depth": 50, "rows": 512}),
    conditions=conditions,
    measure=measure,
    judge=judge,
    expectations=expectations,
    draw=draw,
    measures={
        "forward_slope": "change of ln mean square a layer",
        "forward_expected": "closed form",
        "backward_slope": "the same of the gradient, a layer down",
        "backward_expected": "closed form of it",
    },
    height=4.2,
)
