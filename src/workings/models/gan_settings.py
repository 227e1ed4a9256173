"""The settings of networks that play against each other over pictures (statements 5.2a-d). Imports no torch."""

from dataclasses import dataclass
from typing import Literal

from workings.errors import BadInput
from workings.models.picture_settings import PictureSettings

SMALLEST = 4
"""The shorter side of the first map is from this to twice as much less one: what is left of a picture's when it has been halved as often as possible."""


@dataclass(kw_only=True, frozen=True)
class GanSettings(PictureSettings):
    """What both kinds of players have in common."""

    classes: int = 0
    """How many labels there are for both players to be told (5.2d); 0 tells them none."""
    latent: int = 100
    """The numbers from N(0, 1) that a picture is drawn from."""
    conditioning: Literal["plane", "projection"] = "projection"
    """How the discriminator is told a label: as a channel beside the picture's, or as a direction that what it found is projected on."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.latent < 1:
            raise BadInput(f"model.latent is {self.latent}; a picture is drawn from at least 1 number.")
        height, width = self.image_size
        if self.doublings < 1 or height % 2**self.doublings or width % 2**self.doublings:
            sides = [SMALLEST << doubling for doubling in range(1, 5)]
            raise BadInput(
                f"model.image_size is {height} x {width}; a picture is drawn by doubling a map whose shorter side is {SMALLEST} to {2 * SMALLEST - 1}, "
                f"so each side must be that many times a power of two. Bring the pictures to such a size with data.size (--size), as {sides} or 28."
            )

    @property
    def doublings(self) -> int:
        """How often the first map is doubled."""
        return (min(self.image_size) // SMALLEST).bit_length() - 1

    @property
    def start(self) -> tuple[int, int]:
        """Height and width of the first map."""
        return self.image_size[0] >> self.doublings, self.image_size[1] >> self.doublings


@dataclass(kw_only=True, frozen=True)
class DCGANSettings(GanSettings):
    """Sizes and switches of the deep convolutional players (5.2b): a size is doubled, or halved, with each layer."""

    width: int = 64
    """The channels of the largest maps; each size below has twice as many."""
    norm: Literal["batch", "spectral", "none"] = "batch"
    """What tames the discriminator: batch norm, spectral norm of its weights (Miyato et al. 2018), or nothing. The generator has batch norm."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 1:
            raise BadInput(f"model.width is {self.width}; it must be at least 1.")


@dataclass(kw_only=True, frozen=True)
class ProgressiveSettings(GanSettings):
    """Sizes of the players that grow (5.2c): from the first size to the pictures', each size faded in."""

    width: int = 128
    """The channels at the first two sizes; each size after them has half as many, but 16 at least."""
    group: int = 4
    """How many pictures the discriminator compares, to see whether they are all alike (minibatch deviation)."""
    stable: int = 60_000
    """Real pictures that are shown at each size once it is there."""
    fade: int = 60_000
    """Real pictures over which each size after the first is faded in; with 0 here and for stable, nothing grows: all sizes are there from the start."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, lowest in (("width", 1), ("group", 2), ("stable", 0), ("fade", 0)):
            if getattr(self, name) < lowest:
                raise BadInput(f"model.{name} is {getattr(self, name)}; it must be at least {lowest}.")

    @property
    def widths(self) -> tuple[int, ...]:
        """The channels at each size, the smallest size first."""
        return tuple(max(min(self.width, 16), self.width >> max(0, stage - 1)) for stage in range(self.doublings + 1))

    @property
    def grown_after(self) -> int:
        """Real pictures after which the last size has been faded in."""
        return self.doublings * (self.stable + self.fade)
