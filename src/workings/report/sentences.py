"""What a sentence classifier's report adds: its data, which class is taken for which, how sure and how right it is, its surest mistakes, and why it says so.

All but the last is in the run's record; that asks the run's best model.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from workings.report import figures
from workings.report.explanations import Case, why_section
from workings.report.figures import Line
from workings.report.language import percent, tint
from workings.report.pages import Section, render
from workings.report.record import Record, read_record
from workings.tasks.notable import SHOWN
from workings.tasks.sentence_classifier import TextClassifier

CLASSES = 20
"""The largest confusion matrix that is drawn."""
EXPLAINED = 3
"""How many mistakes are explained."""


def sentence_sections(run: Path) -> list[Section]:
    """The sections of a run, from the record of its best evaluation."""
    row = best_sample(read_record(run))
    facts = run / "samples" / "data.txt"
    sections = [facts_section(facts.read_text(encoding="utf-8").splitlines())] if facts.is_file() else []
    if row is not None:
        sections += [confusion_section(row["classes"], row["confusion"]), calibration_section(row["calibration"])]
        sections += [mistakes_section(row["mistakes"])] if row["mistakes"] else []
        cases = explained(run, [*row.get("right", ()), *row["mistakes"][:EXPLAINED]])
        sections += [why_section(cases)] if cases else []
    return sections


def explained(run: Path, noted: Sequence[dict[str, Any]]) -> list[Case]:
    """Why the best model of a run says what it says of texts that were noted; noted: text and label of each."""
    model = TextClassifier(run, torch.float32)
    return [Case(item["label"], *model.why(tokens)) for item, tokens in zip(noted, model.read([item["text"] for item in noted]), strict=True)]


def best_sample(record: Record) -> dict[str, Any] | None:
    """What was noted with the best evaluation."""
    best = record.best
    return next((row for row in reversed(record.of("sample")) if best and row["step"] == best["step"] and "confusion" in row), None)


def facts_section(facts: Sequence[str]) -> Section:
    """What is learned from what."""
    return Section("Data", render("facts.html", facts=facts))


def confusion_section(names: Sequence[str], table: Sequence[Sequence[int]]) -> Section:
    """How often class i is said to be class j: table [C][C]."""
    sizes = [sum(row) for row in table]
    shown = sorted(sorted(range(len(names)), key=lambda place: -sizes[place])[:CLASSES])
    rows = [
        (
            names[i],
            [(table[i][j], tint(table[i][j] / max(sizes[i], 1))) for j in shown],
            sizes[i],
            percent(table[i][i] / sizes[i]) if sizes[i] else "–",
        )
        for i in shown
    ]
    page = render("confusion.html", names=[names[place] for place in shown], rows=rows, dropped=len(names) - len(shown))
    return Section("Which is taken for which", page)


def calibration_section(bins: Sequence[Sequence[float]]) -> Section:
    """bins: of each, how many texts, their mean confidence, the part that is right; empty ones are not drawn."""
    filled = [(int(count), confidence, right) for count, confidence, right in bins if count]
    diagonal = Line("as sure as right", [0, 1], [0, 1], 1, "dashed")
    model = Line("the model", [confidence for _, confidence, _ in filled], [right for _, _, right in filled], 0, "marked")
    svg = figures.curves([diagonal, model], "sure of it", "right", "calibration")
    rows = [(count, percent(confidence), percent(right)) for count, confidence, right in filled]
    return Section("As sure as right?", render("calibration.html", svg=svg, bins=rows))


def mistakes_section(mistakes: Sequence[dict[str, Any]]) -> Section:
    """mistakes: text, label, said and probability of each, the surest first."""
    shown = [item | {"probability": percent(item["probability"]), "text": item["text"][:SHOWN]} for item in mistakes]
    return Section("Surest mistakes", render("mistakes.html", mistakes=shown))
