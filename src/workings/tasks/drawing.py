"""What every job that learns to draw has in common (5.1-5.3): its pictures, batch by batch, and the sheets of pictures that it shows."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from workings.data.draws import Draws
from workings.data.labeled import class_names, refuse_unknown, said_of, stratified
from workings.data.labeled_pictures import LabeledPictures
from workings.data.order import Order
from workings.data.pictures import png
from workings.errors import BadInput, counted
from workings.tasks.drawing_settings import DrawingData
from workings.tasks.picture_parts import Parts, choosing, read, whole
from workings.tasks.scorer import Scorer
from workings.training.game import Batch, Game
from workings.training.settings import TrainingSettings

SHOWN, COLUMNS = 64, 8
"""The pictures of a sheet, and how many stand beside each other."""


class Drawing(Game):
    """Players that learn to draw what they see: this gives them what they see."""

    units = "pictures"
    unit = "picture"
    batches_per_step = 1
    """How many batches of fresh pictures a step sees: one for each turn that looks at some."""

    def __init__(self, settings: Any):
        s: TrainingSettings = settings.training
        self.settings, self.seed = settings, s.seed
        self.parts = parts = self.read_parts()
        self.learned, self.held, self.tested, self.shape = parts.learned, parts.held, parts.tested, parts.learned.shape
        self.names = class_names(self.learned.labels, self.learned.where) if settings.data.labels else ()
        self.targets = numbered(self.learned, self.names)
        self.order = Order(len(self.learned), s.seed)
        self.fingerprint = hashlib.sha256((self.learned.fingerprint() + self.held.fingerprint()).encode()).hexdigest()
        self.units_per_step = s.batch * self.batches_per_step
        self.scorer = Scorer(settings.scores, self.learned, self.held, self.names)

    def read_parts(self) -> Parts:
        """The pictures, in their parts."""
        return read_drawn(self.settings.data)

    def data_facts(self) -> list[str]:
        """The data in sentences."""
        facts = [
            f"{counted(len(self.learned), self.unit)} {self.origin()} to learn from{said_of(self.learned.left_out, self.unit)}, {len(self.held):,} to validate",
            self.shape_fact(),
            *(note.rstrip(".") for note in self.parts.notes),
        ]
        if self.names:
            counts = self.targets.bincount(minlength=len(self.names)).tolist()
            facts.append(f"told {len(self.names)} classes ({', '.join(f'{name} {count:,}' for name, count in zip(self.names, counts, strict=True))})")
        if self.tested is not None:
            facts.append(f"{counted(len(self.tested), self.unit)} of {self.tested.where} to test at the very end")
        return facts

    def origin(self) -> str:
        """Where they are from."""
        return f"of {self.settings.data.source}"

    def shape_fact(self) -> str:
        """What each of them is."""
        channels, height, width = self.shape
        return f"{height} x {width}, {'color' if channels == 3 else 'gray'}"

    def sheet(self, some: Tensor) -> Tensor:
        """Some of them to be looked at, uint8 [C, h, w]."""
        return sheet(some)

    def leave(self) -> dict[str, str | bytes]:
        """The data in sentences, and some of its pictures."""
        some = self.learned.pixels(self.order.indices(0, min(SHOWN, len(self.learned))))
        return {"data.txt": "\n".join(self.data_facts()) + "\n", "data.png": png(self.sheet(some))}

    def batch(self, step: int, turn: int, first: int, count: int) -> Batch:
        """pictures: uint8 [count, C, H, W]; labels: int64 [count], where classes are told."""
        s = self.settings
        begin = (step * self.batches_per_step + turn % self.batches_per_step) * s.training.batch + first
        rows = self.order.indices(begin, count)
        mirrored = Draws(s.training.seed, step, count, first, places=(turn,)).uniform()[:, 0] < s.data.flip if s.data.flip else None
        return self.rows_of(rows, mirrored) | ({"labels": self.targets[rows]} if self.names else {})

    def rows_of(self, rows: Tensor, mirrored: Tensor | None) -> Batch:
        """Pictures of these numbers, int64 [count], some of them as their mirror images, bool [count]."""
        pictures = self.learned.pixels(rows)
        return {"pictures": pictures if mirrored is None else torch.where(mirrored[:, None, None, None], pictures.flip(-1), pictures)}

    def identify(self, step: int) -> str:
        """The first pictures of the batch."""
        rows = self.order.indices(step * self.batches_per_step * self.settings.training.batch, 3).tolist()
        return f"the batch that begins with {', '.join(self.learned.name_of(row) for row in rows)} (seed {self.seed})"


def read_drawn(data: DrawingData) -> Parts:
    """The parts of a source: those that it keeps apart, or that have a source of their own; else a part is kept for validation."""
    found = read(data, labeled=data.labels)
    learned, held, tested = found.train, found.validation, found.test
    if len(learned) < 2:
        raise BadInput(f"{learned.where} has one picture; learning to draw needs many, and at least two: one to learn from and one to validate with.")
    same = replace(data, size=learned.shape[1:], channels=learned.shape[0])
    if data.validation_source:
        held = choosing(replace(same, source=data.validation_source), labeled=data.labels)
    if data.test_source:
        tested = whole(replace(same, source=data.test_source), labeled=data.labels)
    if held is None:
        rows, kept = stratified(learned.labels, data.validation, learned.where)
        learned, held = learned.of(rows), learned.of(kept)
    if data.fraction < 1:
        learned = learned.of(stratified(learned.labels, data.fraction, learned.where)[1])
    for part in (held, tested):
        if part and data.labels:
            refuse_unknown(part.labels, class_names(learned.labels, learned.where), part.where, "pictures")
    return Parts(learned, held, tested, found.preparation, found.notes)


def numbered(pictures: LabeledPictures, names: tuple[str, ...]) -> Tensor:
    """The number of each picture's class, int64 [N]; zeros where there are no names."""
    place = {name: number for number, name in enumerate(names)}
    return torch.tensor([place.get(label, 0) for label in pictures.labels])


def columns_for(names: Sequence[str]) -> int:
    """How many drawings stand beside each other where each class comes in its turn: a column for each, or several where they are few.

    >>> [columns_for(["a"] * count) for count in (0, 2, 3, 10, 40)]
    [8, 8, 6, 10, 8]
    """
    return len(names) * max(1, COLUMNS // len(names)) if 1 < len(names) <= 2 * COLUMNS else COLUMNS


def sheet(pictures: Tensor, columns: int = COLUMNS) -> Tensor:
    """Pictures in rows, black where the last row ends early. uint8 [N, C, H, W] -> uint8 [C, rows H, columns W]."""
    count, channels, height, width = pictures.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    laid = pictures.new_zeros(rows * columns, channels, height, width)
    laid[:count] = pictures
    return laid.unflatten(0, (rows, columns)).permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)
