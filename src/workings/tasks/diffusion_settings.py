"""The settings of the diffusion task, from recipe, flags and `--set` to one resolved table. Imports no torch."""

from dataclasses import dataclass, field
from typing import Any, Literal

from workings.data.caption_files import captions_beside
from workings.errors import BadInput
from workings.generation.diffusion_settings import Sampler
from workings.models.diffusion_model_settings import DiffusionModelSettings
from workings.objectives.diffusion_settings import DiffusionSettings
from workings.settings import merge, to_dict
from workings.tasks.drawing_settings import DrawingData, ScoresSettings, read_sections
from workings.training.settings import OptimizerSettings, TrainingSettings, check


@dataclass(kw_only=True, frozen=True)
class DiffusionData(DrawingData):
    """What to learn to draw, and what is said of it; beside pictures there are the sources clips, clips:PICTURES, points and molecules."""

    captions: str = ""
    """A table with file_name and text in each row; "names", the names of the files; "labels", sentences made of the classes; empty: what is there, or none."""
    latent: str = ""
    """An autoencoder with a map of latents, a file or a folder: its latents of the pictures are learned instead of pixels, for 64 x 64 and larger."""
    longest: int = 32
    """The tokens of a caption that are read."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, "data", longest=2)
        if self.labels and (self.captions or self.captioned):
            raise BadInput("data.labels (--conditional) tells the model classes and data.captions tells it texts; choose one of them.")

    @property
    def prompted(self) -> bool:
        """Whether captions are learned: those that are named, or that the source has, unless its classes are told instead."""
        return bool(self.captions) or self.captioned or bool(not self.labels and captions_beside(self.source))

    @property
    def captioned(self) -> bool:
        """Whether every picture of the source has a caption."""
        return self.source.removeprefix("builtin:") in ("emoji", "shapes")


@dataclass(kw_only=True, frozen=True)
class TextSettings:
    """What reads the captions."""

    start: str = ""
    """A trained encoder that reads them and stays as it is, such as MiniLM: a folder or a name on the hub; empty for one that is learned with the pictures."""
    tokenizer: Literal["bpe", "unigram", "character", "byte"] = "bpe"
    """How captions are cut into tokens, learned from them."""
    tokens: int = 2048
    """How many tokens bpe and unigram have at most."""
    width: int = 128
    """The width of its vectors."""
    layers: int = 2
    """Its layers."""
    heads: int = 4
    """The heads of its attention."""

    def __post_init__(self) -> None:
        check(self, "text", tokens=257, width=8, layers=1, heads=1)


@dataclass(kw_only=True, frozen=True)
class ShownSettings:
    """How the model draws while it is watched, and scored."""

    sampler: Sampler = "dpm++"
    """The sampler."""
    steps: int = 12
    """Its steps."""
    guidance: float = 2.0
    """How much the class or the caption counts beyond what was trained, for models that are told one."""
    pictures: int = 40
    """How many pictures are drawn to be looked at."""

    def __post_init__(self) -> None:
        check(self, "shown", steps=1, pictures=1)


@dataclass(kw_only=True, frozen=True)
class DiffusionTaskSettings:
    """Everything that decides a diffusion model's training."""

    data: DiffusionData = field(default_factory=DiffusionData)
    model: Any = field(default_factory=dict)
    """A table until the pictures are read, then `DiffusionModelSettings`."""
    text: TextSettings = field(default_factory=TextSettings)
    diffusion: DiffusionSettings = field(default_factory=DiffusionSettings)
    shown: ShownSettings = field(default_factory=ShownSettings)
    scores: ScoresSettings = field(default_factory=ScoresSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)


SECTIONS = {
    "data": DiffusionData,
    "text": TextSettings,
    "diffusion": DiffusionSettings,
    "shown": ShownSettings,
    "scores": ScoresSettings,
    "optimizer": OptimizerSettings,
    "training": TrainingSettings,
}
"""What `--set` can name; beside these `model.`, whose settings depend on the network."""
USUAL: dict[str, Any] = {
    "optimizer": {"name": "adamw", "rate": 1e-3, "weight_decay": 0.01, "beta2": 0.99, "average": 0.999},
    "training": {"batch": 64},
}
"""What differs from the defaults of the parts."""
OF_LATENTS: dict[str, Any] = {"diffusion": {"clip": 0.0, "sigma_data": 1.0}}
"""And where latents are learned: they have no ends, and unit variance."""


def read_settings(table: dict[str, Any]) -> DiffusionTaskSettings:
    """The settings that nested tables describe; `model` stays a table until the pictures are read."""
    table = dict(table)
    model = table.pop("model", {})
    if not isinstance(model, dict):
        raise BadInput(f"model is {model!r}; it must be a table of settings.")
    data = table.get("data")
    usual = merge(USUAL, OF_LATENTS) if isinstance(data, dict) and data.get("latent") else USUAL
    return DiffusionTaskSettings(model=model, **read_sections("diffusion", table, SECTIONS, usual))


def resolved(settings: DiffusionTaskSettings) -> dict[str, Any]:
    """Every setting, as `config.toml` keeps it; `read_settings` reads it back to the same training."""
    model = settings.model
    if isinstance(model, DiffusionModelSettings):
        model = {"network": model.kind, **to_dict(model.network)}
    return {"task": "diffusion", **to_dict(settings), "model": model}
