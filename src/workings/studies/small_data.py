"""4.2c: what regularization and augmentation buy a vision transformer that begins from nothing, by how many pictures there are.

Augmentation is moderate. With every augmentation there is (`--augment strong`) a first quick run lost 32 to 47 points of accuracy: after 150 steps of 64
pictures such a small model had not learned through it, which says nothing of few pictures.
"""

from itertools import product
from pathlib import Path
from typing import Any

from workings.studies.figures import bars
from workings.studies.pictures import LARGER_VIT, SMALL_VIT, accuracy, learn
from workings.studies.statistics import averaged, paired_difference
from workings.studies.study import Row, Scale, Study, Verdict

NONE: dict[str, Any] = {"optimizer.weight_decay": 0.0, "model.body.stochastic_depth": 0.0, "model.body.dropout": 0.0}
SOME: dict[str, Any] = {"optimizer.weight_decay": 0.1, "model.body.stochastic_depth": 0.1, "model.body.dropout": 0.1}
PLAIN: dict[str, Any] = {"augmentation.preset": "none"}
MIXED = PLAIN | {"augmentation.rand_augment": 1, "augmentation.magnitude": 5.0, "augmentation.mixup": 0.2}
HELP = {"neither": NONE | PLAIN, "regularization": SOME | PLAIN, "augmentation": NONE | MIXED, "both": SOME | MIXED}
"""Name -> settings of (4.2a) and of (4.2b)."""


def conditions(scale: Scale) -> list[dict[str, Any]]:
    """Every help with every part of the data."""
    return [{"part": part, "help": name} for part, name in product(scale["parts"], HELP)]


def measure(condition: dict[str, Any], seed: int, scale: Scale, folder: Path) -> list[Row]:
    """The accuracy on test pictures of one training."""
    given = scale["model"] | HELP[condition["help"]] | {"data.fraction": condition["part"]}
    return [{"accuracy": accuracy(learn(folder, seed, scale["steps"], **given))}]


def judge(rows: list[Row]) -> Verdict:
    """Whether both together gain where data are few, and more there than where they are many."""
    parts = sorted({row["part"] for row in rows})
    gains = {part: paired_difference(rows, "accuracy", {"part": part, "help": "neither"}, {"part": part, "help": "both"}) for part in parts}
    few, many = gains[parts[0]], gains[parts[-1]]
    better = [part for part, gain in gains.items() if gain.low > 0]
    word = "supported" if parts[0] in better and min(gain.mean for gain in gains.values()) > 0 else "depends on" if better else "not supported here"
    best = {part: best_help(rows, part) for part in (parts[0], parts[-1])}
    sentence = (
        f"Both together change the accuracy by {few.mean:+.1f} points ({few.low:+.1f} to {few.high:+.1f}) with {parts[0]:.0%} of the pictures and by "
        f"{many.mean:+.1f} ({many.low:+.1f} to {many.high:+.1f}) with {parts[-1]:.0%}; the best help is {best[parts[0]]} with the fewest pictures and "
        f"{best[parts[-1]]} with the most."
    )
    return Verdict(word, sentence, few.mean, few.low, few.high, f"points of accuracy that both gain with {parts[0]:.0%} of the pictures")


def best_help(rows: list[Row], part: float) -> str:
    """The help with the highest mean accuracy."""
    found = {key[1]: interval.mean for key, interval in averaged(rows, ["part", "help"], "accuracy").items() if key[0] == part}
    return max(found, key=lambda name: found[name])


def draw(rows: list[Row], figure: Any) -> None:
    """A group of bars for each part of the data."""
    shown = [row | {"part": f"{row['part']:.0%}"} for row in rows]
    axes = figure.subplots()
    bars(axes, shown, "part", "accuracy", "help", "part of 4,500 pictures", "accuracy on test pictures, %")
    axes.set_ylim(bottom=max(0, min(row["accuracy"] for row in rows) - 10))


STUDY = Study(
    name="small_data",
    statement="4.2c",
    title="Regularization and augmentation where pictures are few",
    claim="Without pretraining, regularization and augmentation together yield improvements that partly make up for it.",
    hypothesis="With a tenth of the pictures, both together raise the accuracy of a small vision transformer by 2 points or more; "
    "with all of them, after as many steps, by less.",
    varied="regularization (weight decay 0.1, stochastic depth 0.1, dropout 0.1, or none of them), augmentation (an operation of "
    "RandAugment at magnitude 5 and MixUp with alpha 0.2, or nothing), and the part of the training pictures",
    held="the vision transformer, its optimizer, and the number of steps and of pictures in a step, so that compute is the same with few pictures and with "
    "many; the test pictures, which choose nothing",
    quick=Scale(seeds=2, options={"parts": (0.1, 1.0), "steps": 200, "model": SMALL_VIT | {"training.batch": 32}}),
    full=Scale(seeds=3, options={"parts": (0.05, 0.2, 1.0), "steps": 700, "model": LARGER_VIT}),
    conditions=conditions,
    measure=measure,
    judge=judge,
    draw=draw,
    measures={"accuracy": "accuracy on test pictures, %"},
)
