"""FID: the Frechet distance of at least 2,048 drawings on the features of one certain network (Heusel et al. 2017)."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from workings.data.labeled_pictures import LabeledPictures
from workings.data.picture_tensors import of_channels
from workings.errors import BadInput, counted
from workings.models.inception import Inception
from workings.tasks.drawing_settings import FID_DRAWINGS
from workings.tasks.reference import Reference
from workings.weights.inception import read_inception

TOGETHER = 16
"""Pictures that go through the network together."""


class InceptionFeatures:
    """What FID's network sees in pictures."""

    def __init__(self, model: Inception):
        self.model = model

    @torch.no_grad()
    def features(self, pictures: Tensor) -> Tensor:
        """uint8 [N, 1 or 3, H, W] -> float32 [N, 2048]; gray is color of equal parts."""
        return torch.cat([self.model(of_channels(some, 3)) for some in pictures.split(TOGETHER)])


class FID:
    """The FID of drawings, beside that of held-out real pictures."""

    def __init__(self, weights: str | Path, reference: LabeledPictures, held: LabeledPictures | None = None):
        self.on_features = Reference(InceptionFeatures(read_inception(weights)), reference, held)
        self.floors: dict[int, float] = {}

    def of(self, drawn: Tensor, labels: Sequence[str] | None = None) -> dict[str, float]:
        """fid, and fid_floor where real pictures are held out. drawn: uint8 [N, C, H, W]; labels change nothing."""
        if len(drawn) < FID_DRAWINGS:
            raise BadInput(f"FID is of {FID_DRAWINGS:,} drawings or more, and these are {len(drawn):,}; set scores.drawings={FID_DRAWINGS} or more.")
        real = self.on_features
        floor = {}
        if real.others is not None:
            if len(drawn) not in self.floors:
                self.floors[len(drawn)] = real.frechet(real.others[: len(drawn)])
            floor = {"fid_floor": self.floors[len(drawn)]}
        return {"fid": real.frechet(real.judge.features(drawn))} | floor

    def facts(self, count: int) -> list[str]:
        """What has to be said beside the FID of so many drawings."""
        reference, floor = self.on_features.counted(count)
        resized = "resized to 299 x 299 as TensorFlow 1 does"
        return [f"FID is of {counted(count, 'drawing')} against {reference}, {resized}", *floor]
