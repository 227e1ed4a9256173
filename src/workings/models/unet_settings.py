"""The settings of the U-Net, with the sizes that have names. Imports no torch."""

from dataclasses import dataclass
from typing import Any, Literal

from workings.errors import BadInput, suggest
from workings.models.denoiser_settings import DenoiserSettings


@dataclass(kw_only=True, frozen=True)
class UNetSettings(DenoiserSettings):
    """Sizes and switches of the U-Net (Ronneberger et al. 2015; Ho et al. 2020; statement 5.3b): levels that halve the picture, a middle, the way back up."""

    widths: tuple[int, ...] = (64, 128, 256)
    """The channels of each level; every level but the first halves the picture."""
    depth: int = 2
    """The residual blocks of a level on the way down; there is one more on the way up."""
    attention: tuple[int, ...] = (1, 2)
    """The levels whose blocks are each followed by attention; 0 is the picture's own size."""
    middle: Literal["attention", "convolution", "none"] = "attention"
    """What stands at the bottom: two residual blocks with attention between them, without it, or nothing."""
    heads: tuple[int, ...] = (0,)
    """The heads of attention: one number for all levels, or one for each; 0 means one for every 64 channels, or one alone where 64 does not divide them."""
    text_layers: int = 1
    """How often one attention over pixels, one over the text and one feed-forward part follow each other; with text_width."""
    groups: int = 32
    """The groups of channels that are normalized together; it divides every width."""
    norm_epsilon: float = 1e-5
    """Added to the variance inside the root."""
    conditioning: Literal["shift", "scale-shift"] = "shift"
    """Time and class are added before a block's second norm, or scale and shift what it gives (Dhariwal and Nichol 2021)."""
    time_width: int = 0
    """The width of the vector of the time; 0 means 4 x the first of `widths`."""
    time_order: Literal["cosines first", "sines first"] = "cosines first"
    """How the waves of the time are laid out."""
    time_shift: int = 0
    """Of n waves of a kind, the slowest has the frequency 10000^-((n - 1) / (n - shift))."""
    halving_edge: Literal["both", "end"] = "both"
    """Where the convolution that halves a picture finds zeros: all around, or only below and to the right."""
    dropout: float = 0.0
    """The probability of dropping an element before a block's last convolution, in training (6.1c)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        fill = object.__setattr__
        if not self.widths or min(self.widths) < 1 or self.depth < 1 or self.text_layers < 1:
            raise BadInput(f"model.widths is {list(self.widths)}, model.depth {self.depth} and model.text_layers {self.text_layers}; all must be at least 1.")
        levels = len(self.widths)
        if any(not 0 <= level < levels for level in self.attention):
            raise BadInput(f"model.attention names the levels {list(self.attention)}, but model.widths has levels 0 to {levels - 1}.")
        if self.groups < 1 or any(width % self.groups for width in self.widths):
            raise BadInput(f"model.groups is {self.groups}, which must divide every width, {list(self.widths)}.")
        if self.widths[0] < 4 or self.widths[0] % 2:
            raise BadInput(f"The first of model.widths is {self.widths[0]}; half of it are waves of the time, so it must be even and at least 4.")
        if len(self.heads) not in (1, levels) or min(self.heads) < 0:
            raise BadInput(f"model.heads is {list(self.heads)}; it must be one number of at least 0, or one for each of the {levels} levels.")
        if not 0 <= self.dropout < 1 or self.norm_epsilon <= 0 or self.time_width < 0 or self.time_shift not in (0, 1):
            raise BadInput(
                f"model.dropout is {self.dropout}, model.norm_epsilon {self.norm_epsilon}, model.time_width {self.time_width} and model.time_shift "
                f"{self.time_shift}; they must be at least 0 and below 1, above 0, at least 0, and 0 or 1."
            )
        fill(self, "attention", tuple(sorted(set(self.attention))))
        attending = {*self.attention, *([levels - 1] if self.middle == "attention" else [])}
        heads = self.heads * levels if len(self.heads) == 1 else self.heads
        heads = tuple(count or (1 if width % 64 else width // 64) for count, width in zip(heads, self.widths, strict=True))
        fill(self, "heads", tuple(count if level in attending else 1 for level, count in enumerate(heads)))
        for level in sorted(attending):
            if self.widths[level] % self.heads[level]:
                raise BadInput(f"model.heads is {self.heads[level]} at level {level}, whose width {self.widths[level]} it does not divide.")
        if self.text_width and not attending:
            raise BadInput("model.text_width is the width of a text that attention reads, but there is no attention; set model.attention or model.middle.")
        fill(self, "time_width", self.time_width or 4 * self.widths[0])


UNETS: dict[str, dict[str, Any]] = {
    "unet-tiny": dict(widths=(24, 48, 72), groups=8, depth=1, heads=(3,), attention=(2,)),
    "unet-small": dict(widths=(32, 64, 96), groups=8, depth=1, heads=(1, 2, 3)),
    "unet-medium": dict(widths=(48, 96, 144), groups=16, heads=(1, 2, 3), dropout=0.1),
    "unet-base": dict(),
}
"""Name -> what differs from the defaults: 1.0 million parameters, 1.9 (gray digits in an hour), 6 (small color pictures), and 16."""


def unet_settings(name: str, **changes) -> UNetSettings:
    """The settings of a named size with some of them changed.

    >>> unet_settings("unet-small", channels=1).widths
    (32, 64, 96)
    """
    if name not in UNETS:
        raise BadInput(f"There is no size {name!r} of a U-Net. {suggest(name, UNETS)}")
    return UNetSettings(**(UNETS[name] | changes))
