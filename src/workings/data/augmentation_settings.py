"""What is done to training pictures before a model sees them, as settings (statements 4.2b, 6.1d). Imports no torch."""

from dataclasses import dataclass
from typing import Any, Literal

from workings.errors import BadInput, suggest
from workings.settings import from_dict


@dataclass(kw_only=True, frozen=True)
class AugmentationSettings:
    """In this order; numbers of 0 leave a part out."""

    flip: float = 0.0
    """The probability of the mirror image, left for right."""
    alternating: bool = False
    """Show every picture one way in even epochs and the other way in odd ones (Jordan 2024), instead of flips that are drawn."""
    shift: int = 0
    """By up to so many pixels a picture is moved, up or down and left or right."""
    outside: Literal["zeros", "edge", "reflect"] = "zeros"
    """What comes in from outside: black, the border again and again, or the mirror image."""
    crop: float = 0.0
    """The smallest share of a picture that is cut out, of a drawn shape, and brought to its size again (Szegedy et al. 2015)."""
    rand_augment: int = 0
    """How many of the fourteen operations of RandAugment are done to a picture (Cubuk et al. 2020)."""
    magnitude: float = 9.0
    """How strongly, from 0 to 10."""
    erase: float = 0.0
    """The probability that a rectangle is filled with black (Zhong et al. 2020)."""
    mixup: float = 0.0
    """The alpha of MixUp: two pictures and their labels are mixed, with shares from Beta(alpha, alpha) (Zhang et al. 2018)."""
    cutmix: float = 0.0
    """The alpha of CutMix: a rectangle comes from another picture (Yun et al. 2019); with both, one of them is drawn for each batch."""
    own: str = ""
    """A function of yours, as module:name, that takes uint8 pictures [B, C, H, W] and draws (workings.data.draws.Draws) and gives pictures; it comes last."""

    def __post_init__(self) -> None:
        for name in ("flip", "crop", "erase"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadInput(f"augmentation.{name} is {getattr(self, name)}; it must be from 0 to 1.")
        for name in ("shift", "rand_augment", "mixup", "cutmix"):
            if getattr(self, name) < 0:
                raise BadInput(f"augmentation.{name} is {getattr(self, name)}; it cannot be negative.")
        if self.flip and self.alternating:
            raise BadInput(f"augmentation.flip is {self.flip} and augmentation.alternating is true, which are two ways to mirror; leave one of them out.")
        if not 0 <= self.magnitude <= 10:
            raise BadInput(f"augmentation.magnitude is {self.magnitude}; it must be from 0 to 10.")
        if self.own and self.own.count(":") != 1:
            raise BadInput(f"augmentation.own is {self.own!r}; write it as module:name, as in mine:brighten for the function brighten of mine.py.")


AUGMENTATIONS: dict[str, dict[str, Any]] = {
    "none": {},
    "shift": dict(shift=2, outside="edge"),
    "photo": dict(flip=0.5, shift=4, outside="reflect"),
    "strong": dict(flip=0.5, shift=4, outside="reflect", rand_augment=2, magnitude=9.0, erase=0.25, mixup=0.8, cutmix=1.0),
}
"""Name -> settings, as `--augment` takes it; the shift is that of a picture of 32 x 32, and grows with larger ones."""
USUAL = {1: "shift", 3: "photo"}
"""Channels -> what is done where nothing is said: gray pictures are often signs, whose mirror image is another one."""
SIDE = 32
"""The shorter side of a picture that the shifts above are meant for."""


def fitted_augmentation(table: dict[str, Any], shape: tuple[int, int, int]) -> AugmentationSettings:
    """The settings that a table describes, for pictures of this shape (channels, height, width). table: perhaps with a `preset`, and what is to differ from it.

    >>> fitted_augmentation({"preset": "shift", "erase": 0.1}, (1, 64, 64)).shift
    4
    """
    table = dict(table)
    name = str(table.pop("preset", None) or USUAL[shape[0]])
    if name not in AUGMENTATIONS:
        raise BadInput(f"There is no augmentation {name!r}. {suggest(name, AUGMENTATIONS)}")
    usual = dict(AUGMENTATIONS[name])
    if "shift" in usual:
        usual["shift"] = max(1, round(usual["shift"] * min(shape[1:]) / SIDE))
    return from_dict(AugmentationSettings, usual | table, "augmentation.")
