"""The settings of transformers for pictures, with the sizes that have names. Imports no torch."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from workings.errors import BadInput, suggest
from workings.models.settings import TransformerSettings

SWITCHES: dict[str, Any] = dict(position="learned", causal=False, placement="pre", phi="gelu", biases="all", norm="layer", norm_epsilon=1e-6)
"""What makes the one transformer that of Dosovitskiy et al. 2021."""


def body(**sizes) -> TransformerSettings:
    """The transformer behind the patches: its published switches, with these sizes and changes."""
    return TransformerSettings(**(SWITCHES | sizes))


@dataclass(kw_only=True, frozen=True)
class VisionSettings:
    """Sizes and switches of the vision transformer: patches as tokens (statement 4.1a), a token more that the classifier reads, perhaps a second one (4.3)."""

    body: TransformerSettings = field(default_factory=body)
    """The transformer; its context becomes the number of tokens."""
    image_size: tuple[int, ...] = (224, 224)
    """Height and width of a picture; one number for a square."""
    patch_size: tuple[int, ...] = (16, 16)
    """Height and width of a patch; one number for a square."""
    channels: int = 3
    """The numbers of a pixel: 3 for color, 1 for gray."""
    distillation: Literal["none", "token", "classifier"] = "none"
    """Whether there is a second token, for what a teacher says (Touvron et al. 2021), and whether it has a classifier of its own (4.3)."""
    pooler: int = 0
    """The width of tanh(W y + b) of the first token, in models without classes; 0 for none."""
    classes: int = 0
    """The classes to tell apart; 0 ends with the vectors of all tokens."""
    class_names: tuple[str, ...] = ()
    """What the classes are called; none, or one for each."""

    def __post_init__(self) -> None:
        fill = object.__setattr__  # what is saved is what is used
        for name in ("image_size", "patch_size"):
            sides = getattr(self, name)
            if len(sides) not in (1, 2) or min(sides) < 1:
                raise BadInput(f"model.{name} is {list(sides)}; it must be a height and a width of at least 1, or one number for both.")
            fill(self, name, (sides[0], sides[-1]))
        if any(side % patch for side, patch in zip(self.image_size, self.patch_size, strict=True)):
            raise BadInput(f"model.image_size {list(self.image_size)} does not divide by model.patch_size {list(self.patch_size)}; change one.")
        if self.channels < 1:
            raise BadInput(f"model.channels is {self.channels}; it must be at least 1.")
        if self.body.causal or self.body.cross_attention or self.body.vocabulary:
            raise BadInput(
                "A vision transformer has no vocabulary and no memory and sees the whole picture; leave model.body.causal=false and the others at 0."
            )
        if self.classes < 0 or self.pooler < 0 or (self.class_names and len(self.class_names) != self.classes):
            raise BadInput(f"model.class_names has {len(self.class_names)} names, but model.classes is {self.classes}; give one name for each class.")
        if self.distillation == "classifier" and not self.classes:
            raise BadInput("model.distillation='classifier' is a second classifier, so model.classes must be at least 1.")
        fill(self, "body", dataclasses.replace(self.body, context=self.tokens))

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return self.image_size[0] // self.patch_size[0], self.image_size[1] // self.patch_size[1]

    @property
    def extra(self) -> int:
        """The tokens that are no patches: one, or two with distillation; they come first."""
        return 1 if self.distillation == "none" else 2

    @property
    def tokens(self) -> int:
        """The length of the sequence."""
        return self.extra + self.grid[0] * self.grid[1]


TINY, SMALL, BASE = dict(width=192, layers=12, heads=3), dict(width=384, layers=12, heads=6), dict(width=768, layers=12, heads=12)

VISION_TRANSFORMERS: dict[str, dict] = {
    "vit-tiny-16": dict(body=TINY),
    "vit-small-16": dict(body=SMALL),
    "vit-base-16": dict(body=BASE),
    "vit-base-32": dict(body=BASE, patch_size=(32, 32)),
    "vit-large-16": dict(body=dict(width=1024, layers=24, heads=16)),
    "deit-tiny-16": dict(body=TINY, distillation="classifier"),
    "deit-small-16": dict(body=SMALL, distillation="classifier"),
    "deit-base-16": dict(body=BASE, distillation="classifier"),
}
"""Name -> what differs from the defaults (Dosovitskiy et al. 2021, table 1; Touvron et al. 2021, table 1); the number is the patch's side."""


def vision_settings(name: str, **changes) -> VisionSettings:
    """The settings of a named size with some of them changed.

    >>> vision_settings("vit-tiny-16", classes=10).body.width
    192
    """
    if name not in VISION_TRANSFORMERS:
        raise BadInput(f"There is no size {name!r} of a vision transformer. {suggest(name, VISION_TRANSFORMERS)}")
    sizes = VISION_TRANSFORMERS[name]
    return VisionSettings(**(dict(classes=1000) | sizes | {"body": body(**sizes["body"])} | changes))
