"""The settings of an autoencoder whose latents are a small map. Imports no torch."""

from dataclasses import dataclass
from typing import Literal

from workings.errors import BadInput


@dataclass(kw_only=True, frozen=True)
class AutoencoderSettings:
    """Sizes and switches of the tiny autoencoder (Bohan 2023): convolutions that halve a picture to a map of latents, and double that again."""

    channels: int = 3
    """The numbers of a pixel: 3 for color, 1 for gray."""
    latent: int = 4
    """The numbers of a place of the map."""
    width: int = 64
    """The channels of all maps between the two."""
    halvings: int = 3
    """How often a side is halved: with 3, a place of the map stands for 8 x 8 pixels."""
    depth: int = 3
    """The residual blocks of every size but the picture's own, which has one."""
    smallest: Literal["plain", "normalized"] = "plain"
    """The blocks of the smallest map: as all others, or with a way before each that normalizes over the whole map, so that every place knows of all."""
    groups: int = 4
    """The groups of channels that a normalized block takes together; it divides four times the width."""
    bound: float = 3.0
    """What the decoder sees of a latent z is bound x tanh(z / bound)."""

    def __post_init__(self) -> None:
        for name in ("channels", "latent", "width", "halvings", "depth", "groups"):
            if getattr(self, name) < 1:
                raise BadInput(f"model.{name} is {getattr(self, name)}; an autoencoder needs at least 1.")
        if self.bound <= 0:
            raise BadInput(f"model.bound is {self.bound}; it must be above 0.")
        if 4 * self.width % self.groups:
            raise BadInput(f"model.groups is {self.groups}, which must divide 4 x model.width, {4 * self.width}.")

    @property
    def cell(self) -> int:
        """The side, in pixels, of what a place of the map stands for."""
        return 2**self.halvings
