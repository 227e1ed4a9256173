"""4.2c: what regularization and augmentation buy a vision transformer that begins from nothing, by how many pictures there are.

Augmentation is moderate. With every augmentation there is (`--augment strong`) a first quick run lost 32 to 47 points of accuracy: after 150 steps of 64
pictures such a small model had not learned through it, which says nothing of few pictures.
"""

from itertools import product
from pathlib import Path
from typing import Any

from workings.studies.pictures import LARGER_VIT, SMALL_VIT, accuracy, by_part, draw_parts, learn, word_of
from workings.studies.statistics import Interval, by_seed, chosen, mean_interval, outcome, paired_difference
from workings.studies.study import Row, Scale, Study, Verdict

NONE: dict[str, Any] = {"optimizer.weight_decay": 0.0, "model.body.stochastic_depth": 0.0, "model.body.dropout": 0.0}
SOME: dict[str, Any] = {"optimizer.weight_decay": 0.1, "model.body.stochastic_depth": 0.1, "model.body.dropout": 0.1}
PLAIN: dict[str, Any] = {"augmentation.preset": "none"}
MIXED = PLAIN | {"augmentation.rand_augment": 1, "augmentation.magnitude": 5.0, "augmentation.mixup": 0.2}
HELP = {"neither": NONE | PLAIN, "regularization": SOME | PLAIN, "augmentation": NONE | MIXED, "both": SOME | MIXED}
"""Name -> settings of (4.2a) and of (4.2b)."""
FEW = 0.1
"""The part of the pictures for which the hypothesis says something."""
RAISED = 2
"""Points of accuracy that both should gain with it, at least."""


def conditions(scale: Scale) -> list[dict[str, Any]]:
    """Every help with every part of the data."""
    return [{"part": part, "help": name} for part, name in product(scale["parts"], HELP)]


def measure(condition: dict[str, Any], seed: int, scale: Scale, folder: Path) -> list[Row]:
    """The accuracy on test pictures of one training."""
    given = scale["model"] | HELP[condition["help"]] | {"data.fraction": condition["part"]}
    return [{"accuracy": accuracy(learn(folder, seed, scale["steps"], **given))}]


def gains(rows: list[Row]) -> dict[float, Interval]:
    """Points of accuracy that both together gain over neither, with each part of the pictures."""
    return {
        part: paired_difference(rows, "accuracy", {"part": part, "help": "neither"}, {"part": part, "help": "both"})
        for part in sorted({row["part"] for row in rows})
    }


def more_with_few(rows: list[Row]) -> Interval:
    """By how many points that gain is larger where pictures are few than where all are shown."""
    few, all_of_them = (
        {name: by_seed(chosen(rows, {"part": part, "help": name}), "accuracy") for name in ("neither", "both")} for part in (FEW, max(gains(rows)))
    )
    return mean_interval(few["both"][seed] - few["neither"][seed] - all_of_them["both"][seed] + all_of_them["neither"][seed] for seed in few["both"])


def expectations(rows: list[Row]) -> dict[str, bool | None]:
    """The parts of the hypothesis."""
    return {
        "with a tenth of the pictures, both together raise the accuracy by 2 points or more": gains(rows)[FEW].above(RAISED),
        "with all of them by less": more_with_few(rows).above(0),
    }


def judge(rows: list[Row]) -> Verdict:
    """Whether both together gain with a tenth of the pictures, and lose with no part of them."""
    found = gains(rows)
    few = found[FEW]
    sentence = f"Both together change the accuracy by {by_part(found)}; {RAISED} or more were asked with a tenth, {outcome(rows, few.above(RAISED))}."
    return Verdict(word_of(found, FEW), sentence, few.mean, few.low, few.high, f"points of accuracy that both gain with {FEW:.0%} of the pictures")


def draw(rows: list[Row], figure: Any) -> None:
    """The accuracy of each, by the part of the pictures."""
    draw_parts(rows, figure, "help")


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
    quick=Scale(seeds=3, options={"parts": (FEW, 1.0), "steps": 200, "model": SMALL_VIT | {"training.batch": 32}}),
    full=Scale(seeds=3, options={"parts": (0.05, FEW, 0.2, 1.0), "steps": 700, "model": LARGER_VIT}),
    conditions=conditions,
    measure=measure,
    judge=judge,
    draw=draw,
    expectations=expectations,
    changed="Augmentation was weakened after a first quick run, in which the strong one lost 32 to 47 points. After a second one the word goes by a tenth of "
    "the pictures, which the full study got for it, and by intervals.",
    measures={"accuracy": "accuracy on test pictures, %"},
)
