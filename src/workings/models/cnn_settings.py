"""The settings of plain convolutional networks, with the sizes that have names. Imports no torch."""

from dataclasses import dataclass
from typing import Literal

from workings.errors import BadInput, suggest
from workings.models.picture_settings import Initialization, PictureSettings


@dataclass(kw_only=True, frozen=True)
class CNNSettings(PictureSettings):
    """Sizes and switches of the convolutional network (statement 6.2b): stages of convolution, norm and ReLU, a pool after each, the mean, a classifier."""

    widths: tuple[int, ...] = (24, 40, 64)
    """The channels of each stage."""
    depths: tuple[int, ...] = (2, 2, 2)
    """The 3 x 3 convolutions of each stage."""
    norm: Literal["batch", "none"] = "batch"
    """What follows each convolution: batch norm, or nothing but its bias."""
    pool: Literal["max", "mean"] = "max"
    """What is kept of 2 x 2 pixels after each stage but the last; of two, where the picture is one line."""
    dropout: float = 0.0
    """The probability of dropping an element before the classifier, in training (6.1c)."""
    initialization: Initialization = "he"
    """Where the convolutions begin (6.1b)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_sizes(widths=self.widths, depths=self.depths)
        self.check_shares(dropout=self.dropout)
        if len(self.widths) != len(self.depths):
            raise BadInput(f"model.widths {list(self.widths)} and model.depths {list(self.depths)} must have one number a stage each.")
        if any(1 < side < 2 ** (len(self.widths) - 1) for side in self.image_size):
            raise BadInput(f"model.image_size {list(self.image_size)} is too small to be halved {len(self.widths) - 1} times; use fewer stages.")


CNNS: dict[str, dict] = {
    "cnn-small": dict(widths=(16, 32), depths=(1, 1)),
    "cnn": dict(widths=(24, 40, 64), depths=(2, 2, 2)),
    "cnn-wide": dict(widths=(64, 128, 256), depths=(2, 2, 2), dropout=0.2),
}
"""Name -> what differs from the defaults; with ten classes and gray pictures the first two have 5,178 and 89,506 parameters."""


def cnn_settings(name: str, **changes) -> CNNSettings:
    """The settings of a named size with some of them changed.

    >>> cnn_settings("cnn", classes=10).widths
    (24, 40, 64)
    """
    if name not in CNNS:
        raise BadInput(f"There is no size {name!r} of a convolutional network. {suggest(name, CNNS)}")
    return CNNSettings(**(CNNS[name] | changes))
