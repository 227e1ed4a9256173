"""What the settings of every job that learns to draw have in common: the pictures, and how drawings are scored. Imports no torch."""

from dataclasses import dataclass
from typing import Any

from workings.errors import BadInput, suggest
from workings.settings import from_dict, merge
from workings.tasks.pictures_settings import PicturesData
from workings.training.settings import check


@dataclass(kw_only=True, frozen=True)
class DrawingData(PicturesData):
    """What to learn to draw."""

    source: str = "fashion"
    """A folder of pictures, a .npz, .parquet or .csv file, idx files, a built-in set, mnist, fashion-mnist, cifar10, or a name of the hub."""
    label: str = ""
    """The column that holds the classes; empty takes the usual names."""
    labels: bool = False
    """Whether the classes of the pictures are told to the model, so that one can be asked for; a folder then has a folder for each class."""
    validation: float = 0.1
    """The part of the pictures (of every class, if they are told) that is kept for validation, the same for every seed, where the source has none for it."""
    fraction: float = 1.0
    """The part of the training pictures that is learned from, the same ones for every seed."""
    flip: float = 0.0
    """The probability that a training picture is seen as its mirror image, left for right."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.flip <= 1:
            raise BadInput(f"data.flip is {self.flip}; it is a probability, from 0 to 1.")


FID_DRAWINGS = 2048
"""Drawings that a FID is of at least: as many as there are features, else their covariance is singular."""


@dataclass(kw_only=True, frozen=True)
class ScoresSettings:
    """How drawings are scored."""

    judge: str = ""
    """A trained picture classifier, a run or a file: distances are taken between its features, and it says what a drawing shows; empty for none."""
    drawings: int = 1000
    """How many pictures are drawn for an evaluation's scores; 2,048 at least for FID."""
    inception: str = ""
    """The weights of Inception-v3 as FID is defined with them, a file of your own; empty for no FID."""

    def __post_init__(self) -> None:
        check(self, "scores", drawings=4)  # precision and recall look at three neighbors of each
        if self.inception and self.drawings < FID_DRAWINGS:
            raise BadInput(
                f"scores.drawings is {self.drawings:,}, but FID is of {FID_DRAWINGS:,} drawings or more; set it higher, or leave scores.inception empty."
            )


def read_sections(task: str, table: dict[str, Any], sections: dict[str, type], usual: dict[str, Any]) -> dict[str, Any]:
    """The settings of each section by its name, from nested tables. usual: what differs from the defaults of the parts in this task."""
    table = dict(table)
    named = table.pop("task", task)
    if named != task:
        raise BadInput(f"These settings are for the task {named!r}, not for {task}.")
    for key in table:
        if key not in sections:
            raise BadInput(f"There is no setting {key!r}. {suggest(key, sections)}")
    table = merge(usual, table)
    return {name: from_dict(cls, table.get(name, {}), f"{name}.") for name, cls in sections.items()}
