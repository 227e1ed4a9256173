"""The settings of the diffusion transformer, with the sizes that have names. Imports no torch."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from workings.errors import BadInput, suggest
from workings.models.denoiser_settings import DenoiserSettings
from workings.models.settings import TransformerSettings

SWITCHES: dict[str, Any] = dict(position="none", causal=False, placement="pre", phi="gelu-tanh", biases="all", norm="layer", norm_epsilon=1e-6)
"""What makes the one transformer that of Peebles and Xie 2023; where a patch stands is a fixed sum of sines, added before."""


def diffusion_body(**sizes) -> TransformerSettings:
    """The transformer behind the patches: its published switches, with these sizes and changes."""
    return TransformerSettings(**(SWITCHES | sizes))


@dataclass(kw_only=True, frozen=True)
class DiffusionTransformerSettings(DenoiserSettings):
    """Sizes and switches of the diffusion transformer (Peebles and Xie 2023): patches as tokens, and layers whose norms time and class scale and shift."""

    body: TransformerSettings = field(default_factory=diffusion_body)
    """The transformer; its context becomes the number of patches, and it attends to a text if there is one."""
    patch_size: tuple[int, ...] = (2, 2)
    """Height and width of a patch; one number for a square."""
    time_waves: int = 256
    """The waves of the time that the network is given."""

    def __post_init__(self) -> None:
        super().__post_init__()
        fill = object.__setattr__
        if len(self.patch_size) not in (1, 2) or min(self.patch_size) < 1:
            raise BadInput(f"model.patch_size is {list(self.patch_size)}; it must be a height and a width of at least 1, or one number for both.")
        fill(self, "patch_size", (self.patch_size[0], self.patch_size[-1]))
        if any(side % patch for side, patch in zip(self.image_size, self.patch_size, strict=True)):
            raise BadInput(f"model.image_size {list(self.image_size)} does not divide by model.patch_size {list(self.patch_size)}; change one.")
        if self.time_waves < 2 or self.time_waves % 2:
            raise BadInput(f"model.time_waves is {self.time_waves}; half of them are sines and half cosines, so it must be even and at least 2.")
        body = self.body
        fixed = dict(causal=False, vocabulary=0, norm="layer", placement="pre", residuals="two", normalize="all", embedding_norm=False)
        for name, value in fixed.items():
            if getattr(body, name) != value:
                raise BadInput(
                    f"model.body.{name} is {getattr(body, name)!r}; a diffusion transformer sees the whole picture, norms before two parts: {value!r}."
                )
        if body.width % 4:
            raise BadInput(f"model.body.width is {body.width}; a quarter of it says the row with sines, so it must be a multiple of 4.")
        tokens = self.grid[0] * self.grid[1]
        fill(self, "body", dataclasses.replace(body, context=tokens, cross_attention=self.text_width > 0))

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return self.image_size[0] // self.patch_size[0], self.image_size[1] // self.patch_size[1]


DIFFUSION_TRANSFORMERS: dict[str, dict[str, Any]] = {
    "dit-tiny": dict(body=dict(width=128, layers=6, heads=4), time_waves=128),
    "dit-mini": dict(body=dict(width=192, layers=8, heads=6), time_waves=128),
    "dit-small": dict(body=dict(width=384, layers=12, heads=6)),
    "dit-base": dict(body=dict(width=768, layers=12, heads=12)),
}
"""Name -> what differs from the defaults: 1.8 million parameters (gray digits in an hour), 5.5, and two that are published (Peebles and Xie 2023, table 1)."""


def diffusion_transformer_settings(name: str, **changes) -> DiffusionTransformerSettings:
    """The settings of a named size with some of them changed.

    >>> diffusion_transformer_settings("dit-small").body.heads
    6
    """
    if name not in DIFFUSION_TRANSFORMERS:
        raise BadInput(f"There is no size {name!r} of a diffusion transformer. {suggest(name, DIFFUSION_TRANSFORMERS)}")
    sizes = DIFFUSION_TRANSFORMERS[name]
    return DiffusionTransformerSettings(**(sizes | {"body": diffusion_body(**sizes["body"])} | changes))
