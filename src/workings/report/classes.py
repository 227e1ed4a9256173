"""What the reports of all classifiers have, whatever they tell apart: their data, which class is taken for which, how sure and how right they are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workings.report import figures
from workings.report.figures import Line
from workings.report.language import percent, tint
from workings.report.pages import Section, render
from workings.report.record import Record

CLASSES = 20
"""The largest confusion matrix that is drawn."""


def best_sample(record: Record) -> dict[str, Any] | None:
    """What was noted with the best evaluation."""
    best = record.best
    return next((row for row in reversed(record.of("sample")) if best and row["step"] == best["step"] and "confusion" in row), None)


def facts_of(run: Path) -> list[Section]:
    """What is learned from what, as the run has written it down; nothing if it has not."""
    facts = run / "samples" / "data.txt"
    return [facts_section(facts.read_text(encoding="utf-8").splitlines())] if facts.is_file() else []


def facts_section(facts: Sequence[str]) -> Section:
    """What is learned from what."""
    return Section("Data", render("facts.html", facts=facts))


def confusion_section(names: Sequence[str], table: Sequence[Sequence[int]], things: str) -> Section:
    """How often class i is said to be class j: table [C][C]. things: what they are classes of, in plural."""
    sizes = [sum(row) for row in table]
    shown = sorted(sorted(range(len(names)), key=lambda place: -sizes[place])[:CLASSES])
    rows = [
        (
            names[i],
            [(table[i][j], tint(table[i][j] / max(sizes[i], 1))) for j in shown],
            sizes[i],
            (percent(table[i][i] / sizes[i]) if table[i][i] else "0 %") if sizes[i] else "–",
        )
        for i in shown
    ]
    page = render("confusion.html", names=[names[place] for place in shown], rows=rows, dropped=len(names) - len(shown), things=things)
    return Section("Which is taken for which", page)


def calibration_section(bins: Sequence[Sequence[float]], things: str) -> Section:
    """bins: of each, how many texts or pictures, their mean confidence, the part that is right; empty ones are not drawn."""
    filled = [(int(count), confidence, right) for count, confidence, right in bins if count]
    diagonal = Line("as sure as right", [0, 1], [0, 1], 1, "dashed")
    model = Line("the model", [confidence for _, confidence, _ in filled], [right for _, _, right in filled], 0, "marked")
    svg = figures.curves([diagonal, model], "sure of it", "right", "calibration")
    rows = [(count, percent(confidence), percent(right)) for count, confidence, right in filled]
    return Section("As sure as right?", render("calibration.html", svg=svg, bins=rows, things=things))
