"""The settings of residual networks whose last map is attended. Imports no torch."""

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

from workings.errors import BadInput, suggest
from workings.models.picture_settings import PictureSettings
from workings.models.resnet_settings import ResNetSettings, resnet_settings
from workings.models.settings import TransformerSettings
from workings.models.vision_settings import body


@dataclass(kw_only=True, frozen=True)
class HybridSettings(PictureSettings):
    """Sizes of the network of statement 4.1b: a ResNet, then a transformer whose tokens are the pixels of its last map, each the vector of its channels."""

    image_size: tuple[int, ...] = (224, 224)
    """Height and width of a picture; one number for a square."""
    channels: int = 3
    """The numbers of a pixel: 3 for color, 1 for gray."""
    resnet: ResNetSettings = field(default_factory=lambda: resnet_settings("resnet-50"))
    """The residual network; its channels become those of the picture, and it has no classes of its own."""
    body: TransformerSettings = field(default_factory=lambda: body(width=2048, layers=2, heads=16))
    """The transformer; its width is that of the last stage, its context becomes the number of pixels."""
    last_maps: Literal["normal", "zero"] = "zero"
    """Where the last map of each part of the transformer begins; at zero, the model begins as the ResNet without it (but for positions and the last norm)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.resnet.classes:
            raise BadInput(f"model.resnet.classes is {self.resnet.classes}, but the classes are told apart after the transformer; set model.classes.")
        if self.body.causal or self.body.cross_attention or self.body.vocabulary:
            raise BadInput(
                "A transformer over a picture has no vocabulary and no memory and sees all of it; leave model.body.causal=false and the others at 0."
            )
        if self.body.width != self.resnet.widths[-1]:
            raise BadInput(f"model.body.width is {self.body.width}, but the last stage of model.resnet has {self.resnet.widths[-1]} channels; make them equal.")
        object.__setattr__(self, "resnet", dataclasses.replace(self.resnet, channels=self.channels))
        object.__setattr__(self, "body", dataclasses.replace(self.body, context=self.grid[0] * self.grid[1]))

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the last map."""
        halvings = (2 if self.resnet.stem == "7x7" else 0) + len(self.resnet.widths) - 1 + self.resnet.halve_first
        height, width = self.image_size
        for _ in range(halvings):
            height, width = (height + 1) // 2, (width + 1) // 2
        return height, width


HYBRIDS: dict[str, dict] = {
    "hybrid-50": dict(resnet=dict(name="resnet-50"), body=dict(width=2048, layers=2, heads=16)),
    "hybrid-cifar": dict(image_size=(32, 32), resnet=dict(name="cifar-resnet-20"), body=dict(width=64, layers=2, heads=4)),
}
"""Name -> what differs from the defaults: 49 tokens of 2,048 as printed, and 64 tokens of 64 for pictures of 32 x 32."""


def hybrid_settings(name: str, **changes) -> HybridSettings:
    """The settings of a named size with some of them changed.

    >>> hybrid_settings("hybrid-50", classes=10).grid
    (7, 7)
    """
    if name not in HYBRIDS:
        raise BadInput(f"There is no size {name!r} of a hybrid. {suggest(name, HYBRIDS)}")
    sizes = HYBRIDS[name]
    made = {"resnet": resnet_settings(**sizes["resnet"]), "body": body(**sizes["body"])}
    return HybridSettings(**(sizes | made | changes))
