"""4.3: what a small vision transformer gains from a convolutional teacher that learned from the same pictures."""

from pathlib import Path
from typing import Any

from workings.studies.pictures import LARGER_VIT, SMALL_VIT, accuracy, by_part, draw_parts, learn, word_of
from workings.studies.statistics import Interval, by_seed, chosen, mean_interval, outcome, paired_difference
from workings.studies.study import Row, Scale, Study, Verdict

ALONE, TAUGHT, TEACHER = "student alone", "student taught", "teacher"
FEW = 0.1
"""The part of the pictures for which the hypothesis says something."""
BETTER, WAY = 1, 0.25
"""Points that the taught student should be better at least, and the part of the way to its teacher that it should close."""


def conditions(scale: Scale) -> list[dict[str, Any]]:
    """The parts of the pictures; in each, student and teacher learn from the same ones."""
    return [{"part": part} for part in scale["parts"]]


def measure(condition: dict[str, Any], seed: int, scale: Scale, folder: Path) -> list[Row]:
    """The accuracy of the teacher, of the student that learns from it, and of the same student that begins with the same weights and sees the same batches."""
    steps, part = scale["steps"], {"data.fraction": condition["part"], "training.batch": scale["batch"]}
    teacher = learn(folder, seed, steps, name="teacher", model__preset="cnn", **part)
    student = scale["student"] | part
    alone = learn(folder, seed, steps, name="alone", **student)
    taught = learn(folder, seed, steps, name="taught", distillation__teacher=str(teacher.folder), distillation__alpha=scale["alpha"], **student)
    return [{"who": who, "accuracy": accuracy(run)} for who, run in ((ALONE, alone), (TAUGHT, taught), (TEACHER, teacher))]


def gains(rows: list[Row]) -> dict[float, Interval]:
    """Points of accuracy that the teacher gives, with each part of the pictures."""
    parts = sorted({row["part"] for row in rows})
    return {part: paired_difference(rows, "accuracy", {"part": part, "who": ALONE}, {"part": part, "who": TAUGHT}) for part in parts}


def beyond_way(rows: list[Row]) -> Interval:
    """By how many points the gain is more than WAY of what the teacher is ahead."""
    alone, taught, teacher = (by_seed(chosen(rows, {"part": FEW, "who": who}), "accuracy") for who in (ALONE, TAUGHT, TEACHER))
    return mean_interval(taught[seed] - alone[seed] - WAY * (teacher[seed] - alone[seed]) for seed in alone)


def expectations(rows: list[Row]) -> dict[str, bool | None]:
    """The parts of the hypothesis."""
    return {
        "with a tenth of the pictures, the student is at least 1 point better taught than alone": gains(rows)[FEW].above(BETTER),
        "and closes a quarter of the way to its teacher": beyond_way(rows).above(0),
    }


def judge(rows: list[Row]) -> Verdict:
    """Whether the taught student is better, and where."""
    found = gains(rows)
    few = found[FEW]
    ahead = paired_difference(rows, "accuracy", {"part": FEW, "who": ALONE}, {"part": FEW, "who": TEACHER})
    sentence = (
        f"A teacher gives the student {by_part(found)}; {BETTER} or more was asked with a tenth, {outcome(rows, few.above(BETTER))}. "
        f"With a tenth the teacher itself is {abs(ahead.mean):.1f} points {'better' if ahead.mean > 0 else 'worse'} than the student that learns alone."
    )
    return Verdict(word_of(found, FEW), sentence, few.mean, few.low, few.high, f"points of accuracy that the teacher gives with {FEW:.0%} of the pictures")


def draw(rows: list[Row], figure: Any) -> None:
    """The accuracy of each, by the part of the pictures."""
    draw_parts(rows, figure, "who")


STUDY = Study(
    name="distillation",
    statement="4.3",
    title="A student and its teacher",
    claim="A student that mimics the outputs of a teacher learns more than from the labels alone; vision transformers gain from it.",
    hypothesis="With a tenth of the pictures, a small vision transformer taught by a convolutional network is at least 1 point better than alone, "
    "and closes a quarter of the way to its teacher.",
    varied="whether the student learns from the labels alone, or from them and from its teacher's probabilities at temperature 4, which count 0.7",
    held="the student, its first weights, its batches, augmentation and number of steps; the teacher saw the same pictures and as many steps, no more data. "
    "Compute is not equal: to the taught student's belong the training of its teacher and the teacher's answer to every batch",
    quick=Scale(seeds=3, options={"parts": (FEW,), "steps": 160, "alpha": 0.7, "student": SMALL_VIT, "batch": 32}),
    full=Scale(seeds=3, options={"parts": (FEW, 0.3, 1.0), "steps": 600, "alpha": 0.7, "student": LARGER_VIT, "batch": 64}),
    conditions=conditions,
    measure=measure,
    judge=judge,
    draw=draw,
    expectations=expectations,
    changed="The quick study was sized anew after first runs, in which neither network had learned enough to be compared, and again for time; the word asks "
    "for an interval above 0 since then.",
    measures={"accuracy": "accuracy on test pictures, %"},
)
