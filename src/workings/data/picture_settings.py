"""How a picture is prepared for a model, as settings. Imports no torch."""

from dataclasses import dataclass
from typing import Literal

from workings.errors import BadInput

Filter = Literal["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]
"""What a resized pixel is made of; in the order in which Pillow numbers them."""

Views = Literal["one", "mirror", "mirror-shift"]
"""How a picture is looked at in use: once, also mirrored, or also moved by a pixel: one, two or six views, whose logits are averaged."""

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FASHION_CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


@dataclass(kw_only=True, frozen=True)
class Preparation:
    """Steps from a picture of any size to numbers: resize, crop the middle, (x scale - mean) / std."""

    channels: int = 3
    """3 for red, green and blue; 1 for gray."""
    resize: Literal["none", "stretch", "shortest"] = "stretch"
    """The size as it is, stretched to `size`, or its shorter side made as long as `size` says."""
    size: tuple[int, ...] = (224, 224)
    """Height and width after resizing; one number for the shorter side."""
    filter: Filter = "bilinear"
    """What a resized pixel is made of."""
    crop: tuple[int, ...] = ()
    """Height and width of the middle that stays; nothing to keep all. What lies outside of the picture is 0."""
    scale: float = 1 / 255
    """What a pixel of 0 ... 255 is multiplied by."""
    mean: tuple[float, ...] = (0.0,)
    """Taken off, a number for each channel or one for all."""
    std: tuple[float, ...] = (1.0,)
    """Divided by afterwards, likewise."""

    @property
    def alike(self) -> bool:
        """Whether pictures of any size become pictures of one size."""
        return bool(self.crop) or self.resize == "stretch"

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise BadInput(f"A picture has 3 channels or 1, not {self.channels}; prepare it yourself and give the model its tensor.")
        wanted = {"none": (0, 1, 2), "stretch": (2,), "shortest": (1,)}[self.resize]
        if len(self.size) not in wanted or len(self.crop) not in (0, 2) or min((*self.size, *self.crop, 1)) < 1:
            raise BadInput(
                f"resize={self.resize!r} with size {list(self.size)} and crop {list(self.crop)}: a stretch and a crop need height and width, a side one number."
            )
        for name in ("mean", "std"):
            if len(getattr(self, name)) not in (1, self.channels):
                raise BadInput(f"{name} has {len(getattr(self, name))} numbers for {self.channels} channels; give one for each.")
        if not all(self.std):
            raise BadInput("std holds a 0, by which nothing can be divided.")
