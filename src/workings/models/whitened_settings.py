"""The settings of whitened convolutional networks, with the sizes that have names. Imports no torch."""

from dataclasses import dataclass

from workings.errors import BadInput, suggest
from workings.models.picture_settings import PictureSettings


@dataclass(kw_only=True, frozen=True)
class WhitenedSettings(PictureSettings):
    """Sizes of the whitened network (Jordan 2024; statement 6.2b): whitened windows, stages that each halve the picture, the largest, a classifier."""

    image_size: tuple[int, ...] = (32, 32)
    """Height and width of a picture; one number for a square."""
    channels: int = 3
    """The numbers of a pixel: 3 for color, 1 for gray."""
    widths: tuple[int, ...] = (64, 256, 256)
    """The channels of each stage."""
    depth: int = 2
    """The 3 x 3 convolutions of each stage; from the third on, the first's result is added to the last's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_sizes(widths=self.widths, depth=(self.depth,))
        if min(self.image_size) - 1 < 2 ** len(self.widths):
            raise BadInput(f"model.image_size {list(self.image_size)} is too small to be halved {len(self.widths)} times, one pixel less; use fewer stages.")


WHITENED: dict[str, dict] = {
    "whitened-small": dict(widths=(16, 32, 32)),
    "whitened": dict(),
    "whitened-deep": dict(widths=(128, 384, 512), depth=3),
}
"""Name -> what differs from the defaults."""


def whitened_settings(name: str, **changes) -> WhitenedSettings:
    """The settings of a named size with some of them changed.

    >>> whitened_settings("whitened", classes=10).widths
    (64, 256, 256)
    """
    if name not in WHITENED:
        raise BadInput(f"There is no size {name!r} of a whitened network. {suggest(name, WHITENED)}")
    return WhitenedSettings(**(WHITENED[name] | changes))
