"""4.3: what a small vision transformer gains from a convolutional teacher that learned from the same pictures."""

from pathlib import Path
from typing import Any

from workings.studies.figures import bars
from workings.studies.pictures import LARGER_VIT, SMALL_VIT, accuracy, learn
from workings.studies.statistics import averaged, paired_difference
from workings.studies.study import Row, Scale, Study, Verdict

ALONE, TAUGHT, TEACHER = "student alone", "student taught", "teacher"


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


def judge(rows: list[Row]) -> Verdict:
    """Whether the taught student is better, and where."""
    parts = sorted({row["part"] for row in rows})
    gains = {part: paired_difference(rows, "accuracy", {"part": part, "who": ALONE}, {"part": part, "who": TAUGHT}) for part in parts}
    few = gains[parts[0]]
    ahead = paired_difference(rows, "accuracy", {"part": parts[0], "who": ALONE}, {"part": parts[0], "who": TEACHER})
    better = [part for part in parts if gains[part].low > 0]
    word = "supported" if len(better) == len(parts) else "depends on" if better else "not supported here"
    told = ", ".join(f"{gain.mean:+.1f} points ({gain.low:+.1f} to {gain.high:+.1f}) with {part:.0%} of the pictures" for part, gain in gains.items())
    sentence = f"A teacher gives the student {told}; with {parts[0]:.0%} the teacher itself is {ahead.mean:+.1f} points from the student that learns alone."
    return Verdict(word, sentence, few.mean, few.low, few.high, f"points of accuracy that the teacher gives with {parts[0]:.0%} of the pictures")


def draw(rows: list[Row], figure: Any) -> None:
    """A group of bars for each part of the pictures."""
    axes = figure.subplots()
    shown = [row | {"share": f"{row['part']:.0%}"} for row in rows]
    bars(axes, shown, "share", "accuracy", "who", "part of 4,500 pictures", "accuracy on test pictures, %")
    means = [interval.mean for interval in averaged(rows, ["part", "who"], "accuracy").values()]
    axes.set_ylim(min(means) - 5, max(means) + 3)


STUDY = Study(
    name="distillation",
    statement="4.3",
    title="A student and its teacher",
    claim="A student that mimics the outputs of a teacher learns more than from the labels alone; vision transformers gain from it.",
    hypothesis="With a tenth of the pictures, a small vision transformer taught by a convolutional network is at least 1 point better than alone, "
    "and closes a quarter of the way to its teacher.",
    varied="whether the student learns from the labels alone, or from them and from its teacher's probabilities at temperature 4, which count 0.7",
    held="the student, its first weights, its batches, augmentation and number of steps; the teacher saw the same pictures and as many steps, no more data",
    quick=Scale(seeds=3, options={"parts": (0.1,), "steps": 160, "alpha": 0.7, "student": SMALL_VIT, "batch": 32}),
    full=Scale(seeds=3, options={"parts": (0.1, 0.3, 1.0), "steps": 600, "alpha": 0.7, "student": LARGER_VIT, "batch": 64}),
    conditions=conditions,
    measure=measure,
    judge=judge,
    draw=draw,
    measures={"accuracy": "accuracy on test pictures, %"},
)
