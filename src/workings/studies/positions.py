"""Which position encodings let a model learn order: a text, and lines whose second half repeats the first (statement 1.1a)."""

import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workings.errors import enumerated
from workings.report.figures import INK
from workings.studies.figures import bars
from workings.studies.language import learn
from workings.studies.statistics import Interval, chosen, every, outcome, paired_difference
from workings.studies.study import Row, Scale, Study, Verdict

ENCODINGS = ("lecture", "sinusoidal", "learned", "rotary", "none")
ALIKE = dict(model__preset="lecture", model__embedding_scale="sqrt(D)", model__initialization="fan-in", optimizer__name="muon")
"""The lecture's layer; embeddings as Vaswani et al. (2017) scale them, so that sines do not drown them; what learns order in the fewest steps."""
LETTERS, LENGTH, TIMES, LINES = "abcdefgh", 5, 4, 4000


def conditions(scale: Scale) -> list[dict[str, Any]]:
    """Every encoding on both texts."""
    return [{"text": text, "position": position} for text in ("repeats", "pride") for position in ENCODINGS]


def measure(condition: dict[str, Any], seed: int, scale: Scale, folder: Path) -> Sequence[Row]:
    """The loss of the lecture's layer with that encoding, and how far it is above what nobody can know."""
    data = "pride"
    if condition["text"] == "repeats":
        (folder / "repeats.txt").write_text(repeats(seed))
        data = str(folder / "repeats.txt")
    run = learn(folder, seed, scale["steps"][condition["text"]], data, model__position=condition["position"], **ALIKE)
    return [{"loss": run.scores()["nats_per_character"]}]


def repeats(seed: int) -> str:
    """Lines of five random letters, four times over: after the first five, the next letter is the one five places before."""
    draw = random.Random(seed)
    return "".join("".join(draw.choices(LETTERS, k=LENGTH)) * TIMES + "\n" for _ in range(LINES))


def unknowable() -> float:
    """The nats a character of these lines that no model can guess: the first five letters of each."""
    return LENGTH * math.log(len(LETTERS)) / (LENGTH * TIMES + 1)


def gains(rows: list[Row]) -> dict[str, Interval]:
    """What each encoding gains over none where order is all there is to learn, in nats a character."""
    own = chosen(rows, {"text": "repeats"})
    return {position: paired_difference(own, "loss", {"position": position}, {"position": "none"}) for position in ENCODINGS[:-1]}


def judge(rows: list[Row]) -> Verdict:
    """Whether the printed encoding gains anything over none, or only others do."""
    found = gains(rows)
    lecture, learned = found["lecture"], [position for position, gain in found.items() if gain.low > 0]
    asked = f"of the printed formula a gain above 0 was asked, {outcome(rows, lecture.above(0))}"
    if lecture.low > 0:
        word, said = "supported", "The printed encoding teaches order"
    elif learned:
        word, said = "depends on", f"Order is learned with {enumerated(learned)} positions; {asked}"
    else:
        word, said = "not supported here", f"No encoding gains anything for certain; {asked}"
    numbers = ", ".join(f"{position} {gain.mean:+.2f} ({gain.low:+.2f} to {gain.high:+.2f})" for position, gain in found.items())
    sentence = f"{said}. Nats a character gained over no positions: {numbers}."
    return Verdict(word, sentence, lecture.mean, lecture.low, lecture.high, "nats a character gained by sin(t) x range(D) over no positions")


def expectations(rows: list[Row]) -> dict[str, bool | None]:
    """What was expected of the printed encoding and of the others."""
    found, novel = gains(rows), chosen(rows, {"text": "pride"})
    behind = [paired_difference(novel, "loss", {"position": position}, {"position": "lecture"}) for position in ENCODINGS[1:]]
    held = {"On repeated letters the printed encoding gains less than 0.1 nats a character over no positions.": found["lecture"].below(0.1)}
    held |= {f"On repeated letters {position} positions gain at least 0.2.": found[position].above(0.2) for position in ENCODINGS[1:-1]}
    return held | {"On the novel the printed encoding is the worst of the five.": every(one.above(0) for one in behind)}


def draw(rows: list[Row], figure: Any) -> None:
    """The loss on each text."""
    left, right = figure.subplots(1, 2)
    for axes, text, title in ((left, "repeats", "repeated letters"), (right, "pride", "a novel")):
        bars(axes, chosen(rows, {"text": text}), "position", "loss", "text", "", "nats a character", named=False)
        axes.set_title(title, fontsize="medium")
        axes.tick_params(axis="x", labelrotation=30)
    left.axhline(unknowable(), color=INK, linewidth=0.8, linestyle=":")
    low = min(row["loss"] for row in chosen(rows, {"text": "pride"}))
    right.set_ylim(low - 0.2)


STUDY = Study(
    name="positions",
    statement="1.1a",
    title="Which positions teach order",
    claim="Adding sin(t) x range(D) to the input lets the model tell positions apart.",
    hypothesis="Not as printed: its numbers reach D - 1 = 63 and drown the token, so on repeated letters it gains less than 0.1 nats a character "
    "over no positions, while sinusoidal, learned and rotary each gain at least 0.2; on the novel it is the worst of the five.",
    varied="The encoding: sin(t) x range(D), sinusoidal, learned, rotary, none. The text: lines that repeat five random letters; a novel.",
    held="The lecture's layer (two of them, D = 64), embeddings times sqrt(D), data and its order, steps; parameters but for the learned table (4,096 more).",
    quick=Scale(seeds=3, options={"steps": {"repeats": 150, "pride": 100}}),
    full=Scale(seeds=5, options={"steps": {"repeats": 1000, "pride": 1000}}),
    conditions=conditions,
    measure=measure,
    judge=judge,
    draw=draw,
    measures={"loss": "loss, nats a character"},
    expectations=expectations,
    changed="After first trials in which little was learned: Muon, and embeddings times sqrt(D), as sines of size 1 drown smaller ones.",
)
