"""The settings of the denoising network of sets of points, with the sizes that have names. Imports no torch."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from workings.errors import BadInput
from workings.models.denoiser_settings import DenoiserSettings
from workings.models.diffusion_transformer_settings import diffusion_body
from workings.models.settings import TransformerSettings


@dataclass(kw_only=True, frozen=True)
class PointDenoiserSettings(DenoiserSettings):
    """A transformer without positions over points: which of them comes first makes no difference (statement 5.3d)."""

    image_size: tuple[int, ...] = (128, 1)
    """The number of points, and 1: a set stands in a picture's place as one column."""
    body: TransformerSettings = field(default_factory=diffusion_body)
    """The transformer; its context becomes the number of points."""
    time_waves: int = 128
    """The waves of the time that the network is given."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.image_size[1] != 1:
            raise BadInput(f"model.image_size is {list(self.image_size)}; this network takes sets of points, [points, 1], and knows no places in a picture.")
        if self.text_width:
            raise BadInput(f"model.text_width is {self.text_width}; a network of points is told a class or nothing, so leave it at 0.")
        if self.time_waves < 2 or self.time_waves % 2:
            raise BadInput(f"model.time_waves is {self.time_waves}; half of them are sines and half cosines, so it must be even and at least 2.")
        fixed = dict(
            position="none", causal=False, vocabulary=0, norm="layer", placement="pre", residuals="two", normalize="all", embedding_norm=False, window=0
        )
        for name, value in fixed.items():
            if getattr(self.body, name) != value:
                raise BadInput(f"model.body.{name} is {getattr(self.body, name)!r}; every point sees all others and has no place in a row: {value!r}.")
        object.__setattr__(self, "body", dataclasses.replace(self.body, context=self.image_size[0], cross_attention=False))


POINT_DENOISERS: dict[str, dict[str, Any]] = {
    "points-tiny": dict(body=dict(width=64, layers=4, heads=4)),
    "points-small": dict(body=dict(width=128, layers=6, heads=4)),
}
"""Name -> what differs from the defaults: 0.3 million parameters, and 1.8."""
