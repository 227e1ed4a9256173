"""How good drawings are: their distance from real pictures on a judge's features, and what the judge takes them for (statements 5.1-5.3)."""

from collections.abc import Sequence

from torch import Tensor

from workings.data.labeled_pictures import LabeledPictures
from workings.errors import BadInput, counted
from workings.tasks.distances import NEIGHBORS, kernel_distance, precision_recall
from workings.tasks.judge import Judge
from workings.tasks.reference import Reference

USUAL = 2048
"""Distances of fewer pictures than this lean upwards by much."""


class DrawingScores:
    """Scores of drawings by a judge, beside those of held-out real pictures.

    The Frechet distance of N pictures is too large by an amount that depends on N, so its floor is that of as many held-out pictures as there are drawings,
    if there are so many. Every distance belongs to the judge's name. None of them is called FID, which is on the features of one certain network.
    """

    def __init__(self, judge: Judge, reference: LabeledPictures, held: LabeledPictures | None = None):
        if len(reference) <= NEIGHBORS:
            raise BadInput(f"{reference.where} has {counted(len(reference), 'picture')}, too few to compare drawings with; give more, or no judge.")
        self.judge = judge
        self.on_features = Reference(judge, reference, held)
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
        distance, (kernel, deviation) = self.on_features.frechet(seen.features), kernel_distance(seen.features, real)
        few, floor = min(len(drawn), len(real)), self.floor(len(drawn))
        precision, recall = precision_recall(seen.features[:few], real[:few])
        scores = {"frechet": distance, "frechet_floor": floor.get("frechet_floor"), "kernel": kernel, "kernel_deviation": deviation}
        scores |= {"kernel_floor": floor.get("kernel_floor"), "precision": precision, "recall": recall}
        scores |= {} if labels is None else {"label_accuracy": self.judge.right(seen.logits, labels)}
        return {name: value for name, value in scores.items() if value is not None}

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
        real = self.on_features
        width, (reference, floor) = real.real.shape[1], real.counted(count)
        facts = [f"distances are on the {width:,} features of {self.judge.name}, from {reference}", *floor]
        if count < USUAL:
            facts.append(f"{counted(count, 'drawing')}, fewer than {USUAL:,}: the Frechet distance leans upwards; compare it with that of as many")
        return facts
