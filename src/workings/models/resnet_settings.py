"""The settings of residual networks for pictures, with the sizes that have names. Imports no torch."""

from dataclasses import dataclass
from typing import Literal

from workings.errors import BadInput, suggest


@dataclass(kw_only=True, frozen=True)
class ResNetSettings:
    """Sizes and switches of the residual network (He et al. 2016; statement 6.2b): a stem, stages of layers, the mean over pixels, a classifier."""

    channels: int = 3
    """The numbers of a pixel: 3 for color, 1 for gray."""
    stem: Literal["7x7", "3x3"] = "7x7"
    """How a picture enters: a 7 x 7 convolution and a pool that divide its size by 4, or a 3 x 3 convolution that keeps it (small pictures)."""
    stem_width: int = 64
    """The channels after the stem."""
    widths: tuple[int, ...] = (64, 128, 256, 512)
    """The channels of each stage; every stage but the first halves the picture."""
    depths: tuple[int, ...] = (2, 2, 2, 2)
    """The layers of each stage."""
    layer: Literal["basic", "bottleneck"] = "basic"
    """Two 3 x 3 convolutions, or 1 x 1, 3 x 3, 1 x 1 with a quarter of the channels inside."""
    shortcut: Literal["projection", "padding"] = "projection"
    """The way around a layer that changes the shape: a 1 x 1 convolution with batch norm (option B), or zeros in the new channels (option A)."""
    halve_first: bool = False
    """Whether the first stage halves the picture too."""
    halve_in: Literal["3x3", "1x1"] = "3x3"
    """Which convolution of a bottleneck halves the picture: its middle one, or its first."""
    classes: int = 0
    """The classes to tell apart; 0 ends with the mean over pixels of the last stage."""
    class_names: tuple[str, ...] = ()
    """What the classes are called; none, or one for each."""
    last_norm: Literal["one", "zero"] = "one"
    """Where the scale of each layer's last batch norm begins; at zero, every layer begins as its way around (Goyal et al. 2017)."""
    stochastic_depth: float = 0.0
    """How often, in training, the last layer is left out but for its way around; from 0 at the first it rises on a line (4.2a, Huang et al. 2016)."""

    def __post_init__(self) -> None:
        for name in ("channels", "stem_width"):
            if getattr(self, name) < 1:
                raise BadInput(f"model.{name} is {getattr(self, name)}; it must be at least 1.")
        if not self.widths or len(self.widths) != len(self.depths) or min(*self.widths, *self.depths) < 1:
            raise BadInput(f"model.widths {list(self.widths)} and model.depths {list(self.depths)} must have one number a stage each, all at least 1.")
        if self.layer == "bottleneck" and any(width % 4 for width in self.widths):
            raise BadInput(f"model.layer='bottleneck' has a quarter of the channels inside, but model.widths is {list(self.widths)}; use multiples of 4.")
        if self.shortcut == "padding" and [*self.channels_of_stages()] != sorted(self.channels_of_stages()):
            raise BadInput("model.shortcut='padding' only adds channels, so the stem's and the stages' must not fall; use shortcut='projection'.")
        if not 0 <= self.stochastic_depth < 1:
            raise BadInput(f"model.stochastic_depth is {self.stochastic_depth}; it must be at least 0 and below 1.")
        if self.classes < 0 or (self.class_names and len(self.class_names) != self.classes):
            raise BadInput(f"model.class_names has {len(self.class_names)} names, but model.classes is {self.classes}; give one name for each class.")

    def channels_of_stages(self) -> tuple[int, ...]:
        """The channels that enter the first stage, then those that leave each."""
        return (self.stem_width, *self.widths)


WIDE = dict(layer="bottleneck", widths=(256, 512, 1024, 2048))
SMALL = dict(stem="3x3", stem_width=16, widths=(16, 32, 64), shortcut="padding")

RESNETS: dict[str, dict] = {
    "resnet-18": dict(depths=(2, 2, 2, 2)),
    "resnet-34": dict(depths=(3, 4, 6, 3)),
    "resnet-50": WIDE | dict(depths=(3, 4, 6, 3)),
    "resnet-101": WIDE | dict(depths=(3, 4, 23, 3)),
    "resnet-152": WIDE | dict(depths=(3, 8, 36, 3)),
    "cifar-resnet-20": SMALL | dict(depths=(3, 3, 3)),
    "cifar-resnet-32": SMALL | dict(depths=(5, 5, 5)),
    "cifar-resnet-44": SMALL | dict(depths=(7, 7, 7)),
    "cifar-resnet-56": SMALL | dict(depths=(9, 9, 9)),
}
"""Name -> what differs from the defaults (He et al. 2016, table 1 and section 4.2); the number counts the layers with weights."""


def resnet_settings(name: str, **changes) -> ResNetSettings:
    """The settings of a named size with some of them changed.

    >>> resnet_settings("resnet-50", classes=10).widths
    (256, 512, 1024, 2048)
    """
    if name not in RESNETS:
        raise BadInput(f"There is no size {name!r} of a residual network. {suggest(name, RESNETS)}")
    return ResNetSettings(**(RESNETS[name] | changes))
