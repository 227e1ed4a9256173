"""What a sentence classifier's report adds: its data, which class is taken for which, how sure and how right it is, its surest mistakes, and why it says so.

All but the last is in the run's record; that asks the run's best model.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from workings.report.classes import best_sample, calibration_section, confusion_section, facts_of
from workings.report.explanations import Case, why_section
from workings.report.language import percent
from workings.report.pages import Section, render
from workings.report.record import read_record
from workings.tasks.notable import SHOWN
from workings.tasks.sentence_classifier import TextClassifier

EXPLAINED = 3
"""How many mistakes are explained."""


def sentence_sections(run: Path) -> list[Section]:
    """The sections of a run, from the record of its best evaluation."""
    row = best_sample(read_record(run))
    sections = facts_of(run)
    if row is not None:
        sections += [confusion_section(row["classes"], row["confusion"], "texts"), calibration_section(row["calibration"], "texts")]
        sections += [mistakes_section(row["mistakes"])] if row["mistakes"] else []
        cases = explained(run, [*row.get("right", ()), *row["mistakes"][:EXPLAINED]])
        sections += [why_section(cases)] if cases else []
    return sections


def explained(run: Path, noted: Sequence[dict[str, Any]]) -> list[Case]:
    """Why the best model of a run says what it says of texts that were noted; noted: text and label of each."""
    model = TextClassifier(run, torch.float32)
    return [Case(item["label"], *model.why(tokens)) for item, tokens in zip(noted, model.read([item["text"] for item in noted]), strict=True)]


def mistakes_section(mistakes: Sequence[dict[str, Any]]) -> Section:
    """mistakes: text, label, said and probability of each, the surest first."""
    shown = [item | {"probability": percent(item["probability"]), "text": item["text"][:SHOWN]} for item in mistakes]
    return Section("Surest mistakes", render("mistakes.html", mistakes=shown))
