"""The picture classifiers of studies: so many steps over built-in pictures, and one score at the end, of test pictures that chose nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import workings
from workings.studies.figures import bars
from workings.studies.statistics import Interval, averaged
from workings.studies.study import Row, Word
from workings.studies.training import assignments

SETTINGS: dict[str, Any] = {"training.batch": 64}
"""What studies train with unless they say otherwise."""
SMALL_VIT: dict[str, Any] = {
    "model.preset": "vit",
    "model.body.width": 64,
    "model.body.layers": 3,
    "model.body.heads": 4,
    "model.body.ff_width": 128,
    "model.body.stochastic_depth": 0.0,
    "model.patch_size": [7, 7],
}
"""A vision transformer of a hundred thousand parameters and 17 tokens for a quick look."""
LARGER_VIT = SMALL_VIT | {"model.body.layers": 4, "model.patch_size": [4, 4]}
"""With 50 tokens."""


def learn(folder: Path, seed: int, steps: int, data: str = "fashion", name: str = "run", **settings: Any) -> Any:
    """The run of a classifier in a folder; settings: by their full names, with a dot or with __ for it, such as model__preset="cnn"."""
    given = SETTINGS | {"training.evaluate_every": steps} | {key.replace("__", "."): value for key, value in settings.items()}
    return workings.train("pictures", data=data, out=folder / name, overwrite=True, steps=steps, seed=seed, set=assignments(given), quiet=True, report=False)


def accuracy(run: Any) -> float:
    """Of the test pictures, in percent."""
    return 100 * run.tested()["accuracy"]


def word_of(gains: dict[float, Interval], at: float) -> Word:
    """Of gains by part of the pictures: supported if it is sure where the hypothesis asks for it, and nowhere surely a loss; it depends if one is sure."""
    sure = [key for key, gain in gains.items() if gain.low > 0]
    if at in sure and all(gain.high >= 0 for gain in gains.values()):
        return "supported"
    return "depends on" if sure else "not supported here"


def by_part(gains: dict[float, Interval]) -> str:
    """Points of accuracy with each part of the pictures, as a sentence lists them."""
    return ", ".join(f"{gain.mean:+.1f} points ({gain.low:+.1f} to {gain.high:+.1f}) with {part:.0%} of the pictures" for part, gain in gains.items())


def draw_parts(rows: Sequence[Row], figure: Any, by: str) -> None:
    """A group of bars for each part of the pictures, a bar for each value of a column."""
    axes = figure.subplots()
    bars(axes, [row | {"share": f"{row['part']:.0%}"} for row in rows], "share", "accuracy", by, "part of 4,500 pictures", "accuracy on test pictures, %")
    means = [interval.mean for interval in averaged(rows, ["part", by], "accuracy").values()]
    axes.set_ylim(min(means) - 5, max(means) + 3)
