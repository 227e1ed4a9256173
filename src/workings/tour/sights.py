"""What the tour shows of the jobs that have to do with pictures: those that were told apart, and those that were drawn three ways."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import workings
from workings.report.explained_picture import panels_of
from workings.report.language import percent
from workings.report.pages import render
from workings.report.rasters import embedded, mosaic
from workings.report.record import read_record
from workings.tasks.drawing import read_drawn
from workings.tasks.jobs import settings_module
from workings.tasks.picture_parts import whole
from workings.tasks.pictures_settings import read_settings

SMALL, PANEL = 112, 112
"""About how many pixels of a page a picture takes, and each map of one that is explained."""
TOP = 3
"""How many classes are named of each picture."""
RIGHT, WRONG = 2, 2
"""How many pictures are explained that were named right, and wrong."""
ROWS = 4
"""Drawings of each class."""


def pictures(run: Path) -> str:
    """The first test picture of each class with the likeliest classes, and some pictures with why."""
    classifier = workings.load(run)
    tested = whole(read_settings(read_record(run).config).data)
    firsts = [tested.labels.index(name) for name in classifier.class_names if name in tested.labels]
    pixels = tested.pixels(torch.tensor(firsts))
    items = [
        {
            "label": tested.labels[row],
            "said": found.name,
            "drawn": embedded(picture, SMALL),
            "classes": [(belief.name, belief.probability, percent(belief.probability)) for belief in found.classes],
        }
        for row, picture, found in zip(firsts, pixels, classifier.classify(pixels, top=TOP), strict=True)
    ]
    right = [place for place, item in enumerate(items) if item["said"] == item["label"]]
    wrong = [place for place, item in enumerate(items) if item["said"] != item["label"]]
    return render("tour_pictures.html", items=items, cases=[case_of(classifier, items[place], pixels[place]) for place in right[:RIGHT] + wrong[:WRONG]])


def case_of(classifier: Any, item: dict[str, Any], pixels: Tensor) -> dict[str, Any]:
    """A picture beside its maps. pixels: uint8 [C, H, W]."""
    why = classifier.explain(pixels)
    return item | {"probability": percent(why.probability), "panels": [(title, embedded(panel, PANEL)) for title, panel in panels_of(why)]}


def drawn(run: Path) -> dict[str, Any]:
    """ROWS drawings of each class, a class in each column; and, laid out in the same way, pictures of what was learned from."""
    config = read_record(run).config
    learned = read_drawn(settings_module(str(config["task"])).read_settings(config).data).learned
    names = workings.load(run).names
    rows = [[row for row, label in enumerate(learned.labels) if label == name][:ROWS] for name in names]
    some = learned.pixels(torch.tensor([row for across in zip(*rows, strict=True) for row in across]))
    return sheet(workings.draw(run, ROWS * len(names)).pictures, len(names)) | {"real": sheet(some, len(names)) | {"names": names}}


def sheet(pictures: Tensor, columns: int) -> dict[str, Any]:
    """Pictures in rows. uint8 [N, C, H, W]."""
    return embedded(mosaic(pictures, columns), 0, columns)
