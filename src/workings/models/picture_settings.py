"""What the settings of the smaller picture models have in common: the pictures and the classes. Imports no torch."""

from dataclasses import dataclass
from typing import Literal

from workings.errors import BadInput

Initialization = Literal["he", "xavier", "lecun", "orthogonal"]


@dataclass(kw_only=True, frozen=True)
class PictureSettings:
    """Pictures of one size, and the classes to tell apart."""

    image_size: tuple[int, ...] = (28, 28)
    """Height and width of a picture; one number for a square."""
    channels: int = 1
    """The numbers of a pixel: 3 for color, 1 for gray."""
    classes: int = 0
    """The classes to tell apart; 0 ends with the vector that a classifier would read."""
    class_names: tuple[str, ...] = ()
    """What the classes are called; none, or one for each."""

    def __post_init__(self) -> None:
        if len(self.image_size) not in (1, 2) or min(self.image_size) < 1:
            raise BadInput(f"model.image_size is {list(self.image_size)}; it must be a height and a width of at least 1, or one number for both.")
        object.__setattr__(self, "image_size", (self.image_size[0], self.image_size[-1]))
        if self.channels < 1:
            raise BadInput(f"model.channels is {self.channels}; it must be at least 1.")
        if self.classes < 0 or (self.class_names and len(self.class_names) != self.classes):
            raise BadInput(f"model.class_names has {len(self.class_names)} names, but model.classes is {self.classes}; give one name for each class.")

    def check_sizes(self, **sizes: tuple[int, ...]) -> None:
        """Each list must have a number, and all of them must be at least 1."""
        for name, numbers in sizes.items():
            if not numbers or min(numbers) < 1:
                raise BadInput(f"model.{name} is {list(numbers)}; it must have at least one number, and all must be at least 1.")

    def check_shares(self, **shares: float) -> None:
        """Each must be a probability below 1."""
        for name, share in shares.items():
            if not 0 <= share < 1:
                raise BadInput(f"model.{name} is {share}; it must be at least 0 and below 1.")
