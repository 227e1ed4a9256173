"""How good drawings are: their distance from real pictures on a judge's features, and what the judge takes them for (statements 5.1-5.3)."""

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from workings.data.labeled_pictures import LabeledPictures
from workings.errors import BadInput, counted
from workings.tasks.distances import NEIGHBORS, Gaussian, frechet_distance, gaussian, kernel_distance, precision_recall
from workings.tasks.judge import Judge
from workings.tasks.pictures import at_once, first_of

REAL = 10_000
"""Real pictures that drawings are compared with; the same of a larger set every time."""
USUAL = 2048
"""Distances of fewer pictures than this lean upwards by much."""


class Features(Protocol):
    """What sees features in pictures."""

    def features(self, pictures: Tensor) -> Tensor:
        """uint8 [N, C, H, W] -> float32 [N, F]."""
        ...


class Reference:
    """The features of real pictures, looked at once, and how far other real pictures lie from them: the floor below which no drawings need to come."""

    def __init__(self, judge: Features, reference: LabeledPictures, held: LabeledPictures | None):
        self.judge, self.reference, self.held = judge, reference, held

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


def features_of(judge: Features, pictures: LabeledPictures) -> Tensor:
    """What a judge sees in a set, or in `REAL` of it, [M, F]; a few pictures at a time, as a large set is not held in memory."""
    some = first_of(pictures, REAL).split(at_once(pictures.shape))
    return torch.cat([judge.features(pictures.pixels(rows)) for rows in some])


class DrawingScores:
    """Scores of drawings by a judge, beside those of held-out real pictures.

    The Frechet distance of N pictures is too large by an amount that depends on N, so its floor is that of as many held-out pictures as there are drawings,
    if there are so many. Every distance belongs to the judge's name. None of them is called FID, which is on the features of one certain network.
    """

    def __init__(self, judge: Judge, reference: LabeledPictures, held: LabeledPictures | None = None):
        if len(reference) <= NEIGHBORS:
            raise BadInput(f"{reference.where} has {counted(len(reference), 'picture')}, too few to compare drawings with; give more, or no judge.")
        self.judge, self.reference, self.held = judge, reference, held if held is not None and len(held) > 1 else None
        self.on_features = Reference(judge, reference, self.held)
        self.floors: dict[int, dict[str, float]] = {}
        """How many pictures -> the floor of the distances of so many."""

    def of(self, drawn: Tensor, labels: Sequence[str] | None = None) -> dict[str, float]:
        """The scores of drawings, uint8 [N, C, H, W]; labels: what each was asked to be.

        frechet, kernel (with kernel_deviation over subsets): the distances from the real pictures, with frechet_floor and kernel_floor of held-out ones
        where there are such; precision, recall: the part that looks real, and the part of the real that could have been drawn, of equally many of both;
        label_accuracy: the part that the judge takes for what it was asked to be.
        """
        if labels is not None and len(labels) != len(drawn):
            raise BadInput(f"There are {counted(len(drawn), 'drawing')}, but {counted(len(labels), 'label')}; give one for each.")
        if len(drawn) <= NEIGHBORS:
            raise BadInput(f"{counted(len(drawn), 'drawing')} cannot be scored; draw more, a thousand or better {USUAL:,}.")
        seen, real = self.judge.look(drawn), self.on_features.real
        kernel, deviation = kernel_distance(seen.features, real)
        few = min(len(drawn), len(real))
        precision, recall = precision_recall(seen.features[:few], real[:few])
        scores = {"frechet": self.on_features.frechet(seen.features), "kernel": kernel, "kernel_deviation": deviation, "precision": precision, "recall": recall}
        accuracy = {} if labels is None else {"label_accuracy": self.judge.right(seen.logits, labels)}
        return scores | self.floor(len(drawn)) | accuracy

    def floor(self, count: int) -> dict[str, float]:
        """The distances of so many held-out real pictures, or of all there are, from the reference; nothing where none are held out."""
        others = self.on_features.others
        if others is None:
            return {}
        if count not in self.floors:
            few = others[:count]
            self.floors[count] = {"frechet_floor": self.on_features.frechet(few), "kernel_floor": kernel_distance(few, self.on_features.real)[0]}
        return self.floors[count]

    def facts(self, count: int) -> list[str]:
        """What has to be said beside the scores of so many drawings."""
        width, real = self.on_features.real.shape[1], len(self.on_features.real)
        facts = [f"distances are on the {width:,} features of {self.judge.name}, from {counted(real, 'picture')} of {self.reference.where}"]
        others = self.on_features.others
        if others is not None and self.held is not None:
            facts.append(f"their floor is that of {counted(min(count, len(others)), 'picture')} of {self.held.where}")
            if len(others) < count:
                facts.append(f"there are {count:,} drawings but only {len(others):,} such pictures, which makes the floor of the Frechet distance too high")
        if count < USUAL:
            facts.append(f"{counted(count, 'drawing')}, fewer than {USUAL:,}: the Frechet distance leans upwards; compare it with that of as many")
        return facts
