"""What weight decay, dropout, early stopping and ensembling each buy where pictures are few, and together (statement 6.1c)."""

import math
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import workings
from workings.errors import counted
from workings.studies.figures import bars
from workings.studies.pictures import learn
from workings.studies.statistics import Interval, by_seed, chosen, paired_difference
from workings.studies.study import Row, Scale, Study, Verdict, Word
from workings.tasks.picture_parts import read_parts
from workings.tasks.pictures_settings import PicturesData

NETWORK: dict[str, Any] = {
    "model.preset": "mlp",
    "model.widths": [256, 128],
    "model.dropout": 0.0,
    "augmentation.preset": "none",
    "optimizer.name": "adamw",
    "optimizer.rate": 1e-3,
    "optimizer.weight_decay": 0.0,
}
DECAY: dict[str, Any] = {"optimizer.weight_decay": 1.0}
DROPOUT: dict[str, Any] = {"model.dropout": 0.5}
PART = 0.1
"""The part of the pictures that the verdict is about."""
MEMBERS = 5
"""Of an ensemble: the same network from other first weights, with the pictures in another order."""
LOOKS = 20
"""How often early stopping looks at the pictures that are held out; it keeps the weights of the lowest loss, and ends after five looks without a lower."""
HELP: dict[str, tuple[dict[str, Any], bool, int, bool]] = {
    "nothing": ({}, False, 1, False),
    "weight decay": (DECAY, False, 1, False),
    "dropout": (DROPOUT, False, 1, False),
    "early stopping": ({}, True, 1, False),
    "ensemble, same compute": ({}, False, MEMBERS, True),
    "ensemble": ({}, False, MEMBERS, False),
    "all": (DECAY | DROPOUT, True, MEMBERS, False),
}
"""Name -> settings, whether training stops early, how many members, and whether these share the steps of one."""
EACH = ("weight decay", "dropout", "early stopping", "ensemble, same compute")
"""The four of the lecture, none of which takes more compute than nothing does."""


def conditions(scale: Scale) -> list[dict[str, Any]]:
    """Every help with every part of the pictures."""
    return [{"part": part, "help": name} for part, name in product(scale["parts"], HELP)]


def measure(condition: dict[str, Any], seed: int, scale: Scale, folder: Path) -> Sequence[Row]:
    """Accuracy and loss on test pictures, and accuracy on those that were learned from."""
    changes, early, members, shared = HELP[condition["help"]]
    part, steps = condition["part"], scale["steps"] // (MEMBERS if shared else 1)
    stopping = {"tuning.watch": "loss", "training.evaluate_every": max(1, steps // LOOKS), "training.patience": 5} if early else {}
    given: dict[str, Any] = NETWORK | changes | {"data.fraction": part, "training.evaluate_every": steps} | stopping
    runs = [learn(folder, MEMBERS * seed + member, steps, "fashion", f"member-{member}", **given) for member in range(members)]
    taken = sum(run.newest() for run in runs)
    model = runs[0].folder
    if members > 1:
        model = folder / "ensemble"
        workings.combine(*(run.folder for run in runs), out=model)
    said, parts = workings.load(model), read_parts(PicturesData(source="fashion", fraction=part))
    test, learned = said.evaluate(parts.tested), said.evaluate(parts.learned)
    return [{"accuracy": 100 * test["accuracy"], "loss": test["loss"], "learned": 100 * learned["accuracy"], "steps": taken}]


def gains(rows: list[Row], measure: str) -> dict[str, Interval]:
    """What each help adds to a measure against nothing, with `PART` of the pictures."""
    own = chosen(rows, {"part": PART})
    return {name: paired_difference(own, measure, {"help": "nothing"}, {"help": name}) for name in HELP if name != "nothing"}


def judge(rows: list[Row]) -> Verdict:
    """Which of the four of equal compute gain accuracy; the number is that of the least sure one."""
    gained = gains(rows, "accuracy")
    sure = [name for name in EACH if gained[name].above(0.0)]
    lost = [name for name in EACH if gained[name].below(0.0)]
    unsettled = [name for name in EACH if name not in (*sure, *lost)]
    word: Word = "supported" if len(sure) == len(EACH) else "depends on" if sure else "not supported here"
    listed = ", ".join(f"{name} {gained[name].mean:+.1f} ({gained[name].low:+.1f} to {gained[name].high:+.1f})" for name in EACH)
    more = ", ".join(f"{name} {found.mean:+.1f}" for name, found in gained.items() if name not in EACH)
    apart = ((sure, "beyond chance are"), (lost, "below 0 are"), (unsettled, f"not settled by {counted(len(by_seed(rows, 'accuracy')), 'seed')} are"))
    said = "; ".join(f"{words} {', '.join(names)}" for names, words in apart if names)
    less = ", ".join(f"{name} {found.mean:+.2f}" for name, found in gains(rows, "loss").items() if found.below(0.0))
    sentence = (
        f"With {PART:.0%} of the pictures, points of accuracy gained: {listed}, where more than 0 is asked of each; {said}. "
        f"With about five times the compute: {more}. The test loss falls beyond chance, in nats, by {less or 'none'}."
    )
    least = min(EACH, key=lambda name: gained[name].low)
    one = gained[least]
    return Verdict(
        word, sentence, one.mean, one.low, one.high, f"points of accuracy gained by {least}, the least sure of the four, with {PART:.0%} of the pictures"
    )


def expectations(rows: list[Row]) -> dict[str, bool | None]:
    """The parts of the hypothesis."""
    gained = gains(rows, "accuracy")
    factor = gains([row | {"log": math.log(row["loss"])} for row in rows], "log")["early stopping"]
    return {
        "an ensemble of five gains at least 1 point of accuracy": gained["ensemble"].above(1.0),
        "dropout gains at least half a point": gained["dropout"].above(0.5),
        "weight decay gains less than half a point": gained["weight decay"].below(0.5),
        "early stopping gains less than half a point": gained["early stopping"].below(0.5),
        "early stopping takes a tenth off the test loss": factor.below(math.log(0.9)),
        "all together gain at least 2 points": gained["all"].above(2.0),
    }


def draw(rows: list[Row], figure: Any) -> None:
    """Accuracy on test pictures and on learned ones, and the loss, by help, with the fewest pictures; further parts beside them."""
    parts = sorted({row["part"] for row in rows})
    axes = figure.subplots(2, len(parts), squeeze=False, sharex=True, sharey="row")
    for column, part in enumerate(parts):
        own = [row | {"help": row["help"].replace(" ", "\n"), "of": "test pictures"} for row in chosen(rows, {"part": part})]
        both = own + [row | {"of": "learned pictures", "accuracy": row["learned"]} for row in own]
        upper, lower = axes[:, column]
        bars(upper, both, "help", "accuracy", "of", "", "accuracy, %" if column == 0 else "", named=column == len(parts) - 1)
        upper.set_ylim(min(row["accuracy"] for row in rows) - 8, 101)
        bars(lower, own, "help", "loss", "of", "", "test loss, nats" if column == 0 else "", named=False)
        upper.set_title(f"{part:.0%} of the pictures", fontsize=8.5)
        lower.tick_params(axis="x", labelsize=7 if len(parts) == 1 else 5)


STUDY = Study(
    name="regularizers",
    statement="6.1c",
    title="What regularization and ensembling buy",
    claim="Weight decay, dropout, early stopping and model ensembling help prevent overfitting and improve generalization.",
    hypothesis="With a tenth of the pictures (450), an ensemble of five gains at least 1 point of accuracy, dropout at least half a point, weight decay and "
    "early stopping less than half a point each, though early stopping takes a tenth off the test loss; all together gain at least 2 points.",
    changed="The quick study has 300 steps instead of 500, as its first runs took too long. The word went by all together too, at five times the compute; "
    "now it goes by the four helps that take no more than nothing does.",
    varied="What is done against overfitting: weight decay 1.0 (times a rate of 0.001), dropout 0.5, early stopping, an ensemble of five, all, or nothing.",
    held="The network (256 and 128 neurons), AdamW and its rate, pictures, held-out pictures, test pictures. The first four helps take no more steps than "
    "nothing does: the five of the ensemble share them; the last two take five times as many.",
    quick=Scale(seeds=3, options={"parts": [0.1], "steps": 300}),
    full=Scale(seeds=3, options={"parts": [0.1, 1.0], "steps": 1000}),
    conditions=conditions,
    measure=measure,
    judge=judge,
    expectations=expectations,
    draw=draw,
    measures={
        "accuracy": "accuracy on test pictures, %",
        "loss": "test loss, nats",
        "learned": "accuracy on learned pictures, %",
        "steps": "steps taken in all",
    },
    height=4.2,
)
