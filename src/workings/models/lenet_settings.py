"""The settings of LeNet, with the size that has a name. Imports no torch."""

from dataclasses import dataclass

from workings.errors import BadInput, suggest
from workings.models.picture_settings import Initialization, PictureSettings

WINDOW = 5
"""The side of every window."""


@dataclass(kw_only=True, frozen=True)
class LeNetSettings(PictureSettings):
    """Sizes of LeNet (LeCun et al. 1998; statement 6.2b): 5 x 5 convolutions that take the border off, a pool after each but the last, two linear maps."""

    image_size: tuple[int, ...] = (32, 32)
    """Height and width of a picture; one number for a square."""
    widths: tuple[int, ...] = (6, 16, 120)
    """The channels after each 5 x 5 convolution."""
    hidden: int = 84
    """The width of the layer before the classifier."""
    initialization: Initialization = "he"
    """Where the weights begin (6.1b)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_sizes(widths=self.widths, hidden=(self.hidden,))
        if min(self.last_map()) < 1:
            least = 1
            for number in range(len(self.widths)):
                least = least * (2 if number else 1) + WINDOW - 1
            raise BadInput(
                f"model.image_size {list(self.image_size)} is too small for {len(self.widths)} convolutions that take the border off; "
                f"it must be at least {least} x {least}, as with data.size={least}."
            )

    def last_map(self) -> tuple[int, int]:
        """Height and width of what leaves the last convolution."""
        height, width = self.image_size
        for number in range(len(self.widths)):
            height, width = (side // (2 if number else 1) - (WINDOW - 1) for side in (height, width))
        return height, width


LENETS: dict[str, dict] = {"lenet-5": dict(widths=(6, 16, 120), hidden=84)}
"""Name -> what differs from the defaults; with ten classes and gray pictures of 32 x 32 it has 61,706 parameters."""


def lenet_settings(name: str, **changes) -> LeNetSettings:
    """The settings of a named size with some of them changed.

    >>> lenet_settings("lenet-5", classes=10).last_map()
    (1, 1)
    """
    if name not in LENETS:
        raise BadInput(f"There is no size {name!r} of a LeNet. {suggest(name, LENETS)}")
    return LeNetSettings(**(LENETS[name] | changes))
