"""The three parts of a set of labeled pictures: those to learn from, to validate with, and to test with at the very end."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from workings.data.labeled import class_names, refuse_unknown, stratified
from workings.data.labeled_pictures import LabeledPictures, PictureParts
from workings.data.picture_settings import Preparation
from workings.data.picture_sources import read_pictures
from workings.errors import BadInput
from workings.tasks.pictures_settings import PicturesData
from workings.tasks.trained_picture_model import TrainedPictureModel

PATIENCE = 1.0
"""Seconds after which, and between which, something is said of the reading."""


@dataclass(frozen=True)
class Parts:
    """Labeled pictures of one shape."""

    learned: LabeledPictures
    held: LabeledPictures
    tested: LabeledPictures | None
    preparation: Preparation
    """What makes a picture of any size like these; what is done to its numbers is left open."""
    notes: Sequence[str]
    """What was done to the pictures on their way, in sentences."""


def read_parts(data: PicturesData, start: TrainedPictureModel | None = None) -> Parts:
    """The parts that the source keeps apart, or that have a source of their own; else a part of every class is kept for validation.

    start: the trained model that sees them; their size is its own unless another is asked for.
    """
    if start:
        data = replace(data, size=data.size or start.size, channels=data.channels or start.preparation.channels)
    found = read(data)
    learned, held, tested = found.train, found.validation, found.test
    same = replace(data, size=learned.shape[1:], channels=learned.shape[0])
    if data.validation_source:
        held = choosing(replace(same, source=data.validation_source))
    if data.test_source:
        tested = whole(replace(same, source=data.test_source))
    names = class_names(learned.labels, learned.where)  # what are no classes is not split by class
    if held is None:
        rows, kept = stratified(learned.labels, data.validation, learned.where)
        learned, held = learned.of(torch.tensor(rows)), learned.of(torch.tensor(kept))
    if data.fraction < 1:
        _, few = stratified(learned.labels, data.fraction, learned.where)
        learned = learned.of(torch.tensor(few))
    for part in (held, tested):
        if part:
            refuse_unknown(part.labels, names, part.where, "pictures")
    return Parts(learned, held, tested, found.preparation, found.notes)


def whole(data: PicturesData, exactly: Preparation | None = None, labeled: bool = True) -> LabeledPictures:
    """The part of a source that is not for training, where it has one: the test's, else the validation's, else all of it. Arguments as `read`."""
    found = read(data, exactly, labeled)
    return found.test or found.validation or found.train


def choosing(data: PicturesData, exactly: Preparation | None = None, labeled: bool = True) -> LabeledPictures:
    """The part of a source by which weights may be chosen: the validation's, or all of it, but never what is there to test with. Arguments as `read`."""
    found = read(data, exactly, labeled)
    if found.test and not found.validation:
        raise BadInput(f"{found.test.where} is there to test with, so it must choose nothing, and {data.source!r} has no validation part; give other pictures.")
    return found.validation or found.train


def read(data: PicturesData, exactly: Preparation | None = None, labeled: bool = True) -> PictureParts:
    """The pictures of a source, in the parts that it keeps apart. exactly: how they are brought to one size, instead of the size and channels alone."""
    given: dict[str, Any] = dict(size=data.size, channels=data.channels, how=exactly, picture=data.picture, label=data.label, strict=data.strict)
    return read_pictures(data.source, **given, watch=watcher() if sys.stderr.isatty() else None, labeled=labeled)


def watcher(done_with: str = "read") -> Callable[[int, int], None]:
    """Says on the terminal, in one line that changes, how many pictures have been read (or what is done with them), if that takes more than a moment."""
    started = said = time.monotonic()

    def watch(done: int, of: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - started > PATIENCE and (now - said > PATIENCE or done == of):
            said = now
            print(f"\r{done_with} {done:,} of {of:,} pictures", end="\n" if done == of else "", file=sys.stderr, flush=True)

    return watch
