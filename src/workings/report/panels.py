"""From rows to figures: one panel for each thing that was measured, whatever its name and however many players and runs."""

import math
from dataclasses import dataclass

from workings.report import figures
from workings.report.figures import Line
from workings.report.formats import duration
from workings.report.record import Record, is_number

TITLES = {
    "loss": "Loss",
    "learning_rate": "Learning rate",
    "gradient_norm": "Gradient norm",
    "units_per_second": "Speed",
    "nats_per_character": "Nats per character",
    "bits_per_byte": "Bits per byte",
    "bleu": "BLEU",
    "chrf": "chrF",
    "accuracy": "Accuracy",
    "f1": "F1, mean over the classes",
    "auroc": "AUROC",
    "calibration_error": "Calibration error",
}
ORDER = tuple(TITLES)
SAME_AS_LOSS = ("perplexity", "nats_per_character", "bits_per_byte")
"""Functions of the loss, as long as the tokens are the same; the table of scores has them."""
BASELINES = ("majority_accuracy", "frechet_floor", "kernel_floor", "kernel_deviation", "fid_floor")
"""What no training changes, or what only says how sure another score is; the table of scores has them."""


@dataclass(frozen=True)
class Panel:
    """A figure with its caption and its legend: (label, color number, style) a line; empty when one line, or one a run, says it all."""

    title: str
    svg: str
    legend: list[tuple[str, int, str]]


def base(name: str) -> str:
    """The measure without its player: generator/loss -> loss."""
    return name.rsplit("/", 1)[-1]


def series(run: Record, event: str, name: str, x: str) -> tuple[list[float], list[float]]:
    """One metric of the rows of one event against `step` or `seconds`."""
    rows = [row for row in (run.validations if event == "validation" else run.of(event)) if name in row and is_number(row.get(x))]
    return [row[x] for row in rows], [row[name] if is_number(row[name]) else math.nan for row in rows]


def lines_of(run: Record, measure: str, x: str) -> list[Line]:
    """The lines of one run in the panel of one measure, each in a color of its own; many noisy rows become a faint line and their running mean."""
    lines: list[Line] = []
    for event, style in (("train", "line"), ("validation", "marked")):
        for name in (name for name in run.measures(event) if base(name) == measure):
            at, y = series(run, event, name, x)
            player = name[: -len(measure)].rstrip("/")
            label = " ".join(part for part in (player, "validation" if style == "marked" else "training") if part)
            color = len({line.color for line in lines})
            line = Line(label, at, y, color, style)
            lines += [line] if measure == "learning_rate" else smooth(line)
    return lines


def smooth(line: Line) -> list[Line]:
    """The line, or when it has 80 rows or more a faint line and its running mean over a fortieth of them."""
    if len(line.x) < 80 or line.style == "marked":
        return [line]
    mean = figures.running_mean(line.y, len(line.x) // 40).tolist()
    return [Line("", line.x, line.y, line.color, "faint"), Line(line.label, line.x, mean, line.color, line.style)]


def overlaid(runs: list[Record], labels: list[str], measure: str, x: str) -> list[Line]:
    """The lines of several runs: a color a run; training thin when validation is there too, a second player dashed."""
    lines: list[Line] = []
    for color, (run, label) in enumerate(zip(runs, labels, strict=True)):
        validation = [name for name in run.measures("validation") if base(name) == measure]
        training = [name for name in run.measures("train") if base(name) == measure]
        for player, name in enumerate(training):
            at, y = series(run, "train", name, x)
            if len(at) >= 80 and measure != "learning_rate":
                y = figures.running_mean(y, len(at) // 40).tolist()
            lines.append(Line(label_of(label, name, measure), at, y, color, "faint" if validation else ("line", "dashed")[player > 0]))
        for name in validation:
            at, y = series(run, "validation", name, x)
            lines.append(Line(label_of(label, name, measure), at, y, color, "marked"))
    return lines


def label_of(run: str, name: str, measure: str) -> str:
    """The run's name, and the player's when there is one."""
    return f"{run} {name[: -len(measure)].rstrip('/')}".rstrip()


def time_axis(runs: list[Record]) -> tuple[float, str]:
    """Seconds in one unit of the time axis, and its label."""
    longest = max((row["seconds"] for run in runs for row in run.rows if is_number(row.get("seconds"))), default=0)
    return (1, "training time (s)") if longest < 180 else (60, "training time (min)") if longest < 3 * 3600 else (3600, "training time (h)")


def panels(runs: list[Record], prefix: str, labels: list[str] | None = None) -> list[Panel]:
    """All panels of one run, or of several with their labels laid over each other; every loss is drawn against steps and against time."""
    names = dict.fromkeys(base(name) for run in runs for event in ("train", "validation") for name in run.measures(event))
    hidden = SAME_AS_LOSS[: 2 if labels else 3] if "loss" in names else ()  # bits per byte compares models with different tokens
    hidden = (*hidden, *BASELINES)
    order = sorted((name for name in names if name not in hidden), key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    made: list[Panel] = []
    for number, measure in enumerate(order):
        for x in ("step", "seconds") if measure == "loss" else ("step",):
            lines = overlaid(runs, labels, measure, x) if labels else lines_of(runs[0], measure, x)
            lines = [line for line in lines if any(map(is_number, line.y))]
            if lines:
                made.append(panel(runs, lines, measure, x, f"{prefix}{number}{x[:2]}"))
    return made


def panel(runs: list[Record], lines: list[Line], measure: str, x: str, name: str) -> Panel:
    """One panel: the figure with units on its axes, and the legend."""
    unit = runs[0].unit_of(measure)
    size, x_label = time_axis(runs) if x == "seconds" else (1, "step")
    y_label = f"{runs[0].units} per second" if measure == "units_per_second" else ""
    y_label = y_label or measure.replace("_", " ") + (f" ({unit})" if unit else "")
    finite = [y for line in lines for y in line.y if is_number(y)]
    log = measure == "gradient_norm" and min(finite) > 0 and max(finite) > 30 * min(finite)
    drawn = [Line(line.label, [at / size for at in line.x], line.y, line.color, line.style) for line in lines]
    title = TITLES.get(measure, measure.replace("_", " ").capitalize()) + (" over time" if x == "seconds" else "")
    key = {line.label: (line.label, line.color % len(figures.PALETTE), line.style) for line in lines if line.label}
    if all(line.style == "marked" for line in lines) and len(runs) == 1:
        title += ", validation"
    return Panel(title, figures.curves(drawn, x_label, y_label, name, log), list(key.values()) if len(key) > len(runs) else [])


def timing(run: Record, row: dict) -> str:
    """The training time of a row, from its own seconds or from the nearest earlier row that has some."""
    earlier = [other["seconds"] for other in run.rows if is_number(other.get("seconds")) and (other.get("step") or 0) <= row["step"]]
    return duration(row.get("seconds", earlier[-1] if earlier else None))
