"""Pretrained against from scratch, by the number of labels (statement 3.1)."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import workings
from workings.data.labeled import read_labeled
from workings.data.order import permutation
from workings.studies.figures import lines
from workings.studies.statistics import Interval, chosen, every, outcome, paired_difference
from workings.studies.study import Row, Scale, Study, Verdict
from workings.studies.training import assignments

BEGINS = ("scratch", "pretrained")
HELD_OUT = 2000
"""Texts that are scored and never learned from, not even without their labels."""
AT = (100, 1000, 8000)
"""The numbers of labels that the hypothesis is about."""


def conditions(scale: Scale) -> list[dict[str, Any]]:
    """With pretraining and without; the numbers of labels are rows of one measurement, since one pretraining serves them all."""
    return [{"begins": begins} for begins in BEGINS]


def measure(condition: dict[str, Any], seed: int, scale: Scale, folder: Path) -> Sequence[Row]:
    """Accuracy on held-out texts after tuning with each number of labels. From scratch, pretraining is one step that moves nothing: all else is alike."""
    texts = read_labeled("movies")
    rows = list(zip(texts.texts, texts.labels, strict=True))
    order = permutation(len(rows), 0, 0).tolist()
    pool, held = [rows[i] for i in order[HELD_OUT:]], write(folder / "held.csv", [rows[i] for i in order[:HELD_OUT]])
    whole = write(folder / "pool.csv", pool)
    learns = condition["begins"] == "pretrained"
    rates = {"pretraining.optimizer.name": "muon", "pretraining.optimizer.rate": 3e-3 * learns, "pretraining.optimizer.muon_rate": 0.02 * learns}
    rates |= {"pretraining.steps": scale["pretraining_steps"] if learns else 1}
    sizes = {f"model.body.{name}": scale[name] for name in ("width", "layers")} | {"model.body.heads": 2, "model.body.context": scale["longest"]}
    first = tune(folder / "first", seed, 1, data=whole, validation=held, pretrain="masked", set=rates | sizes | {"data.tokens": 2048}, longest=scale["longest"])
    found = []
    for labels in scale["labels"]:
        own = permutation(len(pool), seed, labels).tolist()[:labels]
        few = write(folder / "few.csv", [pool[i] for i in own])
        run = tune(folder / "run", seed, scale["steps"], data=few, validation=held, start=first.pretraining / "model", set={}, longest=scale["longest"])
        found.append({"labels": labels, "accuracy": run.scores()["accuracy"]})
    return found


def tune(out: Path, seed: int, steps: int, longest: int, set: dict[str, Any], **given: Any) -> Any:
    """A run of sentences whose weights are the last, not the best ones, so that what is scored has chosen nothing."""
    alike = {"optimizer.name": "muon", "optimizer.rate": 3e-3, "optimizer.layer_decay": 1.0, "training.evaluate_every": steps, "training.batch": 32}
    settings = alike | {"training.precision": "float32", "data.longest": longest} | set
    return workings.train("sentences", out=out, overwrite=True, steps=steps, seed=seed, set=assignments(settings), quiet=True, report=False, **given)


def write(path: Path, rows: Sequence[tuple[str, str]]) -> str:
    """A table of texts and labels; returns its name."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return str(path)


def gains(rows: list[Row]) -> dict[int, Interval]:
    """What pretraining adds to the accuracy for each number of labels."""
    counts = sorted({row["labels"] for row in rows})
    return {n: paired_difference(chosen(rows, {"labels": n}), "accuracy", {"begins": "scratch"}, {"begins": "pretrained"}) for n in counts}


def judge(rows: list[Row]) -> Verdict:
    """Whether pretraining helps over all numbers of labels and harms at none for certain; the estimate is that over all of them."""
    found, total = gains(rows), paired_difference(rows, "accuracy", {"begins": "scratch"}, {"begins": "pretrained"})
    helped, harmed = [gain for gain in found.values() if gain.low > 0], [gain for gain in found.values() if gain.high < 0]
    word = "supported" if total.low > 0 and not harmed else "depends on" if helped or total.low > 0 else "not supported here"
    each = ", ".join(f"{gain.mean:+.1%} ({gain.low:+.1%} to {gain.high:+.1%}) with {n:,}" for n, gain in found.items())
    asked = "" if total.low > 0 else f"; above 0 was asked, {outcome(rows, total.above(0))}"
    sentence = f"What pretraining adds to the accuracy: {each} labels; on average over them {total.mean:+.1%} ({total.low:+.1%} to {total.high:+.1%}){asked}."
    return Verdict(word, sentence, total.mean, total.low, total.high, "of accuracy, averaged over the numbers of labels")


def expectations(rows: list[Row]) -> dict[str, bool | None]:
    """What was expected of few, of some and of many labels."""
    few, some, many = (gains(rows)[labels] for labels in AT)
    return {
        f"At most 3 points of accuracy are gained with {AT[0]:,} labels.": few.below(0.03),
        f"2 to 5 points are gained with {AT[1]:,}.": every([some.above(0.02), some.below(0.05)]),
        f"Less than 2 points are gained with {AT[2]:,}.": many.below(0.02),
    }


def draw(rows: list[Row], figure: Any) -> None:
    """Accuracy by labels."""
    axes = figure.subplots()
    lines(axes, rows, "labels", "accuracy", "begins", "labels", "accuracy on 2,000 held-out texts", log_x=True)


STUDY = Study(
    name="pretraining",
    statement="3.1",
    title="Pretrained against from scratch",
    claim="A pretrained transformer that is fine-tuned does better on sentences than one that is trained for them alone.",
    hypothesis="Pretrained on 8,605 short texts alone, little is gained: at most 3 points of accuracy with 100 labels, 2 to 5 "
    "with 1,000, and less than 2 with 8,000.",
    varied="Where the transformer begins: random weights, or guessing hidden tokens of the same texts without their labels. The number of labels.",
    held="Tokenizer, architecture, tuning (steps, rate), the labeled texts and their order, 2,000 held-out texts. The steps of pretraining are extra compute.",
    quick=Scale(seeds=3, options={"labels": [100, 1000, 8000], "width": 64, "layers": 2, "longest": 32, "pretraining_steps": 900, "steps": 200}),
    full=Scale(seeds=3, options={"labels": [100, 300, 1000, 3000, 8000], "width": 128, "layers": 3, "longest": 48, "pretraining_steps": 3000, "steps": 400}),
    conditions=conditions,
    measure=measure,
    judge=judge,
    draw=draw,
    measures={"accuracy": "accuracy"},
    expectations=expectations,
    changed="After first trials in which little was learned: Muon, in pretraining and tuning. After a quick result with 250 steps of pretraining and "
    "120 of tuning, in which pretraining added nothing: 900 and 200.",
)
