"""The settings of a whole diffusion model: its noise, its network, and the reader of its prompts. Imports no torch."""

from dataclasses import dataclass, field, replace
from typing import Any

from workings.errors import BadInput, suggest
from workings.models.autoencoder_settings import AutoencoderSettings
from workings.models.denoiser_settings import DenoiserSettings
from workings.models.diffusion_transformer_settings import DIFFUSION_TRANSFORMERS, SWITCHES, DiffusionTransformerSettings
from workings.models.point_denoiser_settings import POINT_DENOISERS, PointDenoiserSettings
from workings.models.settings import TransformerSettings
from workings.models.unet_settings import UNETS, UNetSettings
from workings.objectives.diffusion_settings import DiffusionSettings
from workings.settings import from_dict, merge

KINDS: dict[str, type[DenoiserSettings]] = {"unet": UNetSettings, "transformer": DiffusionTransformerSettings, "points": PointDenoiserSettings}
"""The networks that there are, by the field that holds their settings."""


@dataclass(kw_only=True, frozen=True)
class DiffusionModelSettings:
    """What a diffusion model is made of (statements 5.3a-c)."""

    diffusion: DiffusionSettings = field(default_factory=DiffusionSettings)
    """The noise, and what is learned of it."""
    unet: UNetSettings | None = None
    """The network, if it is a U-Net."""
    transformer: DiffusionTransformerSettings | None = None
    """The network, if it is a diffusion transformer."""
    points: PointDenoiserSettings | None = None
    """The network, if it is one of sets of points."""
    text: TransformerSettings | None = None
    """The transformer that reads prompts; none for a model without."""
    frozen: bool = False
    """Whether that transformer is an imported one that stays as it is."""
    autoencoder: AutoencoderSettings | None = None
    """The autoencoder whose latents are learned; none for a model that learns pixels."""

    def __post_init__(self) -> None:
        if sum(getattr(self, kind) is not None for kind in KINDS) != 1:
            raise BadInput("A diffusion model has one network: model.unet, model.transformer or model.points.")
        if (self.text.width if self.text else 0) != self.network.text_width:
            raise BadInput(f"The network reads texts of width {self.network.text_width}, but their reader makes {self.text.width if self.text else 0}.")
        if self.autoencoder and self.network.channels != self.autoencoder.latent:
            raise BadInput(f"The network sees {self.network.channels} channels, but the autoencoder's latents have {self.autoencoder.latent}.")

    @property
    def kind(self) -> str:
        """What the network is: one of `KINDS`."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a picture."""
        (height, width), coder = self.network.image_size, self.autoencoder
        return (coder.channels, height * coder.cell, width * coder.cell) if coder else (self.network.channels, height, width)

    @property
    def network(self) -> DenoiserSettings:
        """The settings of the network, whichever it is."""
        return getattr(self, self.kind)


def network_names() -> list[str]:
    """All that `--model` takes."""
    return [*UNETS, *DIFFUSION_TRANSFORMERS, *POINT_DENOISERS]


def fitted_network(table: dict[str, Any], shape: tuple[int, int, int], names: tuple[str, ...], text_width: int, cell: int = 1) -> dict[str, Any]:
    """The network that a table describes, for what has this shape, these classes or texts of this width, as a field of `DiffusionModelSettings`.

    table: a `preset` and what is to differ from it, or a `network`, one of `KINDS`, with all of its settings. cell: the pixels of a side of which
    the network sees one place.
    """
    given = dict(table)
    whole = given.pop("network", None)
    name = str(given.pop("preset", "unet-small"))
    if name not in network_names():
        raise BadInput(f"There is no network {name!r}. {suggest(name, network_names())}")
    if shape[2] == 1 and whole is None and name not in POINT_DENOISERS:
        raise BadInput(f"{name} is a network of pictures, but these are sets of points, which have no neighbors; use {' or '.join(POINT_DENOISERS)}.")
    facts = {"channels": shape[0], "image_size": list(shape[1:]), "classes": len(names), "class_names": list(names), "text_width": text_width}
    for fact, value in facts.items():
        if given.get(fact, value) != value:
            raise BadInput(f"model.{fact} is {given[fact]}, but that of the data is {value}; leave it out.")
    if whole is not None:
        return {whole: from_dict(KINDS[whole], given | facts, "model.")}
    if name in UNETS:
        return {"unet": fitting(from_dict(UNetSettings, merge(UNETS[name], given) | facts, "model."), cell)}
    kind, sizes = ("points", POINT_DENOISERS[name]) if name in POINT_DENOISERS else ("transformer", DIFFUSION_TRANSFORMERS[name])
    return {kind: from_dict(KINDS[kind], merge(sizes | {"body": SWITCHES | sizes["body"]}, given) | facts, "model.")}


def fitting(unet: UNetSettings, cell: int) -> UNetSettings:
    """Refuse pictures, or maps of places of so many pixels a side, that the levels cannot halve so often."""
    halvings = 2 ** (len(unet.widths) - 1)
    if any(side % halvings for side in unet.image_size):
        raise BadInput(
            f"{'Pictures' if cell == 1 else 'Latents'} of {unet.image_size[0]} x {unet.image_size[1]} cannot be halved {len(unet.widths) - 1} times; "
            f"set data.size to a multiple of {halvings * cell}, or model.widths to fewer levels."
        )
    return replace(unet)
