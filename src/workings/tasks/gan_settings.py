"""The settings of the game between a generator and a discriminator, from recipe, flags and `--set` to one resolved table. Imports no torch."""

from dataclasses import dataclass, field
from typing import Any, Literal

from workings.errors import BadInput, suggest
from workings.models.architectures import name_of
from workings.models.gan_settings import DCGANSettings, GanSettings, ProgressiveSettings
from workings.settings import from_dict, merge, to_dict
from workings.tasks.drawing_settings import DrawingData, ScoresSettings, read_sections
from workings.training.settings import OptimizerSettings, TrainingSettings, check

PLAYERS: dict[str, type[GanSettings]] = {"dcgan": DCGANSettings, "progressive-gan": ProgressiveSettings}
"""The architectures that play."""
POLICIES = ("color", "translation", "cutout")
"""What differentiable augmentation knows."""


@dataclass(kw_only=True, frozen=True)
class GameSettings:
    """What the two players want, and what keeps them in check."""

    loss: Literal["non-saturating", "hinge", "wasserstein"] = "non-saturating"
    """What the players want of the discriminator's scores (5.2a, 5.2c)."""
    turns: int = 1
    """The discriminator's turns for each of the generator's, each with a batch of its own."""
    rate: float = 1.0
    """The discriminator's learning rate as a multiple of the generator's."""
    penalty: Literal["none", "gradient", "r1"] = "none"
    """What the discriminator pays for its slope: for a length other than 1 between real and drawn (gradient), or for any length at real pictures (r1)."""
    weight: float = 10.0
    """How much that counts."""
    drift: float = 0.0
    """What the square of the scores of real pictures counts, so that they do not wander off."""
    augment: tuple[str, ...] = ()
    """What is done alike to real and drawn pictures before they are judged, for small sets: color, translation, cutout."""

    def __post_init__(self) -> None:
        check(self, "game", turns=1, rate=0, weight=0, drift=0)
        for name in self.augment:
            if name not in POLICIES:
                raise BadInput(f"game.augment names {name!r}; {suggest(name, POLICIES)}")


@dataclass(kw_only=True, frozen=True)
class GanTaskSettings:
    """Everything that decides the training of two players."""

    data: DrawingData = field(default_factory=DrawingData)
    model: Any = field(default_factory=dict)
    """A table until the pictures are read, then the settings of an architecture."""
    game: GameSettings = field(default_factory=GameSettings)
    scores: ScoresSettings = field(default_factory=ScoresSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)


SECTIONS = {
    "data": DrawingData,
    "game": GameSettings,
    "scores": ScoresSettings,
    "optimizer": OptimizerSettings,
    "training": TrainingSettings,
}
"""What `--set` can name, for help texts; beside these `model.`, whose settings depend on the architecture."""

USUAL: dict[str, Any] = {
    "optimizer": {
        "name": "adamw",
        "rate": 2e-4,
        "beta1": 0.5,
        "beta2": 0.999,
        "weight_decay": 0.0,
        "schedule": "constant",
        "warmup": 0.0,
        "clip": 0.0,
        "average": 0.999,
    },
    "training": {"batch": 64},
}
"""What differs from the defaults of the parts (Radford et al. 2016); the average is the generator's alone."""
GROWING: dict[str, Any] = {
    "game": {"loss": "wasserstein", "penalty": "gradient", "drift": 0.001},
    "optimizer": USUAL["optimizer"] | {"rate": 1e-3, "beta1": 0.0, "beta2": 0.99},
    "training": {"batch": 32},
}
"""The same of players that grow (Karras et al. 2018)."""


def architecture_of(model: dict[str, Any]) -> str:
    """The architecture that a table names."""
    named = str(model.get("architecture", model.get("preset", "dcgan")))
    if named not in PLAYERS:
        raise BadInput(f"There is no pair of players {named!r}. {suggest(named, PLAYERS)}")
    return named


def read_settings(table: dict[str, Any]) -> GanTaskSettings:
    """The settings that nested tables describe. `model` stays a table, with an `architecture` or `preset` perhaps, until the pictures are read."""
    model = table.get("model", {})
    if not isinstance(model, dict):
        raise BadInput(f"model is {model!r}; it must be a table of settings.")
    architecture = architecture_of(model)
    given = {name: value for name, value in model.items() if name not in ("architecture", "preset")}
    usual = GROWING if architecture == "progressive-gan" else USUAL
    sections = read_sections("gan", table | {"model": given}, SECTIONS | {"model": PLAYERS[architecture]}, usual)
    return GanTaskSettings(**sections | {"model": given | {"architecture": architecture}})


def fitted(model: dict[str, Any], shape: tuple[int, int, int], names: tuple[str, ...]) -> GanSettings:
    """The players that a table describes, for pictures of this shape (channels, height, width) and these classes; what it says of them must be so."""
    given = dict(model)
    cls = PLAYERS[given.pop("architecture")]
    facts: dict[str, Any] = {"channels": shape[0], "image_size": shape[1:], "classes": len(names), "class_names": names}
    for name, value in facts.items():
        said = given.get(name, value)
        alike = (tuple(said) * 2)[:2] == value if name == "image_size" else said == value or list(names) == said
        if not alike:
            how = "bring them to that size with data.size (--size)" if name == "image_size" else "leave it out"
            raise BadInput(f"model.{name} is {said}, but that of the pictures of {'the classes' if 'class' in name else 'the data'} is {value}; {how}.")
    return from_dict(cls, merge(given, {name: list(value) if isinstance(value, tuple) else value for name, value in facts.items()}), "model.")


def check_game(game: GameSettings, model: GanSettings) -> None:
    """Refuse games whose rules contradict each other."""
    norm = getattr(model, "norm", "")
    if game.penalty != "none" and norm == "batch":
        raise BadInput(
            f"game.penalty={game.penalty!r} charges for the slope at each picture alone, but with model.norm='batch' a score depends on the whole batch; "
            "set model.norm to none or spectral."
        )
    if game.loss == "wasserstein" and game.penalty != "gradient" and norm != "spectral":
        raise BadInput(
            "game.loss='wasserstein' is a distance only for a critic whose slope is bounded, and here nothing bounds it; "
            "set game.penalty=gradient (with model.norm=none), or model.norm=spectral."
        )


def resolved(settings: GanTaskSettings) -> dict[str, Any]:
    """Every setting, as `config.toml` keeps it; `read_settings` reads it back to the same training."""
    model = settings.model
    if not isinstance(model, dict):
        model = {"architecture": name_of(model), **to_dict(model)}
    return {"task": "gan", **to_dict(settings), "model": model}
