"""What a picture classifier's report adds: its data, which class is taken for which, how sure and how right it is, its surest mistakes, and why it says so.

All but the last is in the run's record and in the pictures that were noted with it; that asks the run's best model.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workings.report.classes import best_sample, calibration_section, confusion_section, facts_of
from workings.report.explained_picture import panels_of, total
from workings.report.filters import filter_section
from workings.report.language import percent
from workings.report.pages import Section, render
from workings.report.rasters import embedded, read_image, side_by_side
from workings.report.record import read_record
from workings.tasks.picture_classifier import PictureClassifier
from workings.tasks.picture_explanation import PictureExplanation

MISTAKES, EXPLAINED = 24, 3
"""How many mistakes are shown, and how many of them, and of what is right, are explained."""
NOTED, EXPLAINED_SIDE, AUGMENTED = 112, 168, 640
"""About how many pixels of a page a mistake, a picture that is explained, and the table of augmented ones take."""
COLUMNS = 8
"""Of the table of augmented pictures."""


def picture_sections(run: Path) -> list[Section]:
    """The sections of a run, from the record of its best evaluation and from its model."""
    row, classifier = best_sample(read_record(run)), PictureClassifier(run, torch.float32)
    augmented = run / "samples" / "augmented.png"
    sections = facts_of(run)
    sections += [augmented_section(read_image(augmented))] if augmented.is_file() else []
    if row is not None:
        sections += [confusion_section(row["classes"], row["confusion"], "pictures"), calibration_section(row["calibration"], "pictures")]
        mistakes, right = noted(run, row)
        sections += [mistakes_section(mistakes[:MISTAKES])] if mistakes else []
        cases = [(item["label"], classifier.explain(in_channels(pixels, classifier))) for item, pixels in (*right[:EXPLAINED], *mistakes[:EXPLAINED])]
        sections += [why_section(cases)] if cases else []
    return sections + filter_section(classifier.model)


def noted(run: Path, row: dict[str, Any]) -> tuple[list[tuple[dict, Tensor]], list[tuple[dict, Tensor]]]:
    """What was noted of mistakes and of what was right, each with its picture uint8 [C, H, W]; nothing if the file of pictures is gone."""
    mistakes, right = row["mistakes"], row.get("right", [])
    file = run / row.get("files", {}).get("noted.png", "")
    if not file.is_file() or not (mistakes or right):
        return [], []
    pixels = side_by_side(read_image(file), len(mistakes) + len(right))
    return list(zip(mistakes, pixels, strict=False)), list(zip(right, pixels[len(mistakes) :], strict=True))


def in_channels(pixels: Tensor, classifier: PictureClassifier) -> Tensor:
    """A picture with as many channels as the model takes: gray ones may have been kept in color, and the other way round."""
    return pixels.expand(3, -1, -1) if classifier.preparation.channels == 3 else pixels[:1]


def augmented_section(grid: Tensor) -> Section:
    """Pictures of the training as they are, and under each how the model meets it. grid: uint8 [C, rows H, columns W]."""
    return Section("Augmented pictures", render("augmented.html", drawn=embedded(grid, AUGMENTED, COLUMNS)))


def mistakes_section(mistakes: Sequence[tuple[dict[str, Any], Tensor]]) -> Section:
    """mistakes: picture (its name), label, said and probability of each, and its pixels; the surest first."""
    items = [item | {"probability": percent(item["probability"]), "drawn": embedded(pixels, NOTED)} for item, pixels in mistakes]
    return Section("Surest mistakes", render("picture_mistakes.html", mistakes=items))


def why_section(cases: Sequence[tuple[str, PictureExplanation]]) -> Section:
    """Each picture beside its maps. cases: what it is, and why the model says what it says."""
    items = [
        {
            "label": label,
            "said": why.name,
            "probability": percent(why.probability),
            "panels": [(title, embedded(pixels, EXPLAINED_SIDE)) for title, pixels in panels_of(why)],
            "total": total(why),
            "looked": None if why.rollout is None else [f"{100 * float(share):.2f} %" for share in (why.rollout.min(), why.rollout.max())],
        }
        for label, why in cases
    ]
    return Section("Why it says so", render("explained_pictures.html", cases=items, looks=any(why.rollout is not None for _, why in cases)))
