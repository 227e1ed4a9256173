"""The settings of compact convolutional transformers, with the sizes that have names. Imports no torch."""

import dataclasses
from dataclasses import dataclass, field

from workings.errors import BadInput, suggest
from workings.models.picture_settings import PictureSettings
from workings.models.settings import TransformerSettings
from workings.models.vision_settings import body


@dataclass(kw_only=True, frozen=True)
class CompactSettings(PictureSettings):
    """Sizes of the compact convolutional transformer (Hassani et al. 2021): convolutions make the tokens, a weighted mean takes them together."""

    image_size: tuple[int, ...] = (32, 32)
    """Height and width of a picture; one number for a square."""
    channels: int = 3
    """The numbers of a pixel: 3 for color, 1 for gray."""
    convolutions: tuple[int, ...] = ()
    """The channels of each convolution but the last, which has the transformer's width; each is pooled to half its size."""
    body: TransformerSettings = field(default_factory=body)
    """The transformer; its context becomes the number of tokens."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.convolutions:
            self.check_sizes(convolutions=self.convolutions)
        if self.body.causal or self.body.cross_attention or self.body.vocabulary:
            raise BadInput(
                "A transformer over a picture has no vocabulary and no memory and sees all of it; leave model.body.causal=false and the others at 0."
            )
        object.__setattr__(self, "body", dataclasses.replace(self.body, context=self.grid[0] * self.grid[1]))

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tokens."""
        height, width = self.image_size
        for _ in range(len(self.convolutions) + 1):
            height, width = (height + 1) // 2, (width + 1) // 2
        return height, width


SMALL, LARGE = dict(width=128, heads=2, ff_width=128), dict(width=256, heads=4, ff_width=512)
DROP = dict(stochastic_depth=0.1)

COMPACT: dict[str, dict] = {
    "cct-2-3x2": dict(body=SMALL | DROP | dict(layers=2), convolutions=(64,)),
    "cct-4-3x2": dict(body=SMALL | DROP | dict(layers=4), convolutions=(64,)),
    "cct-6-3x1": dict(body=LARGE | DROP | dict(layers=6)),
    "cct-7-3x1": dict(body=LARGE | DROP | dict(layers=7)),
}
"""Name -> what differs from the defaults (Hassani et al. 2021, table 1): layers, the side of the convolutions, how many there are."""


def compact_settings(name: str, **changes) -> CompactSettings:
    """The settings of a named size with some of them changed.

    >>> compact_settings("cct-7-3x1", classes=10).body.context
    256
    """
    if name not in COMPACT:
        raise BadInput(f"There is no size {name!r} of a compact transformer. {suggest(name, COMPACT)}")
    sizes = COMPACT[name]
    return CompactSettings(**(sizes | {"body": body(**sizes["body"])} | changes))
