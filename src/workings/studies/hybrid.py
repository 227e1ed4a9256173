"""4.1b: attention over the pixels of a convolutional network's last map, against further convolutions with as many parameters and as much compute."""

from pathlib import Path
from typing import Any

from workings.studies.pictures import accuracy, by_part, draw_parts, learn, word_of
from workings.studies.statistics import Interval, outcome, paired_difference
from workings.studies.study import Row, Scale, Study, Verdict
from workings.studies.training import parameters

ATTENTION, CONVOLUTION = "attention", "convolutions"
LAYERS, RESIDUAL_LAYERS = 3, 2
"""So many layers of a transformer and so many residual layers of as many channels have as many parameters, and at each pixel as many products."""
ALL, LITTLE = 1.0, 1
"""The part of the pictures for which the hypothesis says something, and the points of accuracy by which attention should change less."""
OPTIMIZER = {"optimizer.name": "adamw", "optimizer.rate": 3e-3}


def model_of(top: str, channels: int) -> dict[str, Any]:
    """The settings of a residual network of three stages of one layer, the last of so many channels, and of what is on top of the last one."""
    sizes = {"stem_width": channels // 4, "widths": [channels // 4, channels // 2, channels]}
    if top == CONVOLUTION:
        own = sizes | {"depths": [1, 1, 1 + RESIDUAL_LAYERS]}
        return OPTIMIZER | {"model.preset": "cifar-resnet-20"} | {f"model.{name}": value for name, value in own.items()}
    resnet = {f"model.resnet.{name}": value for name, value in (sizes | {"depths": [1, 1, 1]}).items()}
    return OPTIMIZER | {"model.preset": "hybrid-cifar", "model.body.layers": LAYERS, "model.body.width": channels} | resnet


def conditions(scale: Scale) -> list[dict[str, Any]]:
    """What is on top, with every part of the data."""
    return [{"part": part, "top": top} for part in scale["parts"] for top in (ATTENTION, CONVOLUTION)]


def measure(condition: dict[str, Any], seed: int, scale: Scale, folder: Path) -> list[Row]:
    """Accuracy on test pictures, and the number of parameters."""
    model = model_of(condition["top"], scale["channels"])
    run = learn(folder, seed, scale["steps"], **model, **{"data.fraction": condition["part"]})
    return [{"accuracy": accuracy(run), "parameters": parameters(run)}]


def gains(rows: list[Row]) -> dict[float, Interval]:
    """Points of accuracy that attention gives over convolutions, with each part of the data."""
    parts = sorted({row["part"] for row in rows})
    return {part: paired_difference(rows, "accuracy", {"part": part, "top": CONVOLUTION}, {"part": part, "top": ATTENTION}) for part in parts}


def expectations(rows: list[Row]) -> dict[str, bool | None]:
    """The hypothesis, which names no part of the pictures: all of them."""
    return {"it changes the accuracy by less than 1 point either way": gains(rows)[ALL].near(0, LITTLE)}


def judge(rows: list[Row]) -> Verdict:
    """Whether attention is better, beyond what seeds make."""
    found = gains(rows)
    most, (held,) = found[ALL], expectations(rows).values()
    sentence = (
        f"Attention on the last map gives {by_part(found)}, against convolutions of the same size; less than {LITTLE} either way was expected, "
        f"{outcome(rows, held)}."
    )
    return Verdict(word_of(found, ALL), sentence, most.mean, most.low, most.high, f"points of accuracy that attention gives with {ALL:.0%} of the pictures")


def draw(rows: list[Row], figure: Any) -> None:
    """The accuracy of each, by the part of the pictures."""
    draw_parts(rows, figure, "top")


STUDY = Study(
    name="hybrid",
    statement="4.1b",
    title="Attention on the last map of a convolutional network",
    claim="Attention over the last map of a residual network adds global context to it.",
    hypothesis="On clothes of 28 x 28 it changes the accuracy by less than 1 point either way: a pixel of the last map, 7 x 7, already sees most of the "
    "picture.",
    varied="what is on top of the last map of a residual network: three layers of a transformer over its 49 pixels, or two further residual layers",
    held="the network below; parameters (within 6 %) and products a picture (within 12 %, attention has the more); AdamW, its rate and the number of steps; "
    "the pictures and their order",
    quick=Scale(seeds=3, options={"parts": (ALL,), "steps": 500, "channels": 32}),
    full=Scale(seeds=3, options={"parts": (0.2, ALL), "steps": 1000, "channels": 64}),
    conditions=conditions,
    measure=measure,
    judge=judge,
    draw=draw,
    expectations=expectations,
    changed="Both networks, AdamW's rate and the number of steps were sized anew after first quick runs, in which neither had learned enough to be compared; "
    "the rate was raised a second time, to 3e-3, when both had been seen to gain seven to ten points by it.",
    measures={"accuracy": "accuracy on test pictures, %", "parameters": "parameters"},
)
