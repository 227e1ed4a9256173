"""Real pictures that drawings are compared with, by the features that something sees in them (how drawings are scored, statements 5.1-5.3)."""

import sys
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from workings.data.labeled_pictures import LabeledPictures
from workings.errors import counted
from workings.tasks.distances import Gaussian, frechet_distance, gaussian
from workings.tasks.picture_parts import watcher
from workings.tasks.pictures import at_once, first_of

REAL = 10_000
"""Real pictures that drawings are compared with; the same of a larger set every time."""


class Features(Protocol):
    """What sees features in pictures."""

    def features(self, pictures: Tensor) -> Tensor:
        """uint8 [N, C, H, W] -> float32 [N, F]."""
        ...


class Reference:
    """The features of real pictures, looked at once, and how far other real pictures lie from them: the floor below which no drawings need to come."""

    def __init__(self, judge: Features, reference: LabeledPictures, held: LabeledPictures | None):
        self.judge, self.reference, self.held = judge, reference, held if held is not None and len(held) > 1 else None

    @cached_property
    def real(self) -> Tensor:
        """The features of the reference, or of `REAL` of it, [M, F]."""
        return features_of(self.judge, self.reference)

    @cached_property
    def gaussian(self) -> Gaussian:
        """Their mean and covariance."""
        return gaussian(self.real)

    @cached_property
    def others(self) -> Tensor | None:
        """The features of the real pictures that were held out, [M', F]."""
        return None if self.held is None else features_of(self.judge, self.held)

    def frechet(self, features: Tensor) -> float:
        """The Frechet distance of some features from the real ones."""
        return frechet_distance(self.gaussian, gaussian(features))

    def counted(self, count: int) -> tuple[str, list[str]]:
        """How many real pictures of what, and what is to be said of the floor beside so many drawings."""
        reference, others = f"{counted(len(self.real), 'picture')} of {self.reference.where}", self.others
        if others is None or self.held is None:
            return reference, []
        facts = [f"their floor is that of {counted(min(count, len(others)), 'picture')} of {self.held.where}"]
        if len(others) < count:
            facts.append(f"there are {count:,} drawings but only {len(others):,} such pictures, which makes the floor of the Frechet distance too high")
        return reference, facts


def features_of(judge: Features, pictures: LabeledPictures) -> Tensor:
    """What a judge sees in a set, or in `REAL` of it, [M, F]; a few pictures at a time, as a large set is not held in memory."""
    rows = first_of(pictures, REAL)
    watch = watcher("looked at") if sys.stderr.isatty() else None
    seen: list[Tensor] = []
    for some in rows.split(at_once(pictures.shape)):
        seen.append(judge.features(pictures.pixels(some)))
        if watch:
            watch(sum(map(len, seen)), len(rows))
    return torch.cat(seen)
