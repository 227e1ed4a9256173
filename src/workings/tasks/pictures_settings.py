"""The settings of the picture-classification task, from recipe, flags and `--set` to one resolved table. Imports no torch."""

from dataclasses import dataclass, field
from typing import Any, Literal

from workings.data.augmentation_settings import AugmentationSettings
from workings.data.picture_settings import Views
from workings.errors import BadInput, suggest
from workings.models.architectures import name_of
from workings.models.picture_presets import preset_names
from workings.settings import flatten, from_dict, merge, to_dict
from workings.tasks.distillation_settings import DistillationSettings
from workings.training.settings import OptimizerSettings, TrainingSettings, check


@dataclass(kw_only=True, frozen=True)
class PicturesData:
    """What to learn to tell apart."""

    source: str = "fashion"
    """A folder with a folder for each class, a .npz, .parquet or .csv file, idx files, a built-in set, mnist, fashion-mnist, cifar10, or a name of the hub."""
    picture: str = ""
    """The column of a table that holds the pictures; empty takes the usual names."""
    label: str = ""
    """The column that holds the classes; empty takes the usual names."""
    size: tuple[int, ...] = ()
    """Height and width that all pictures are brought to, one number for a square; empty takes the size they have, or that of the trained model."""
    channels: int = 0
    """3 for color, 1 for gray; 0 takes what the pictures have, or what the trained model has."""
    validation: float = 0.1
    """The part of every class that is kept for validation, the same pictures for every seed, where the source has no part for it."""
    fraction: float = 1.0
    """The part of every class's training pictures that is learned from, the same ones for every seed: what would fewer pictures have taught?"""
    validation_source: str = ""
    """Pictures of their own for validation, named like data.source; nothing is then kept back from the others."""
    test_source: str = ""
    """Pictures that are scored once, at the very end, with the best weights; empty takes the test part of the source, if it has one."""
    strict: bool = False
    """Refuse a picture that cannot be read, instead of leaving it out and counting it."""

    def __post_init__(self) -> None:
        if not 0 < self.validation < 1:
            raise BadInput(f"data.validation is {self.validation}; it is a part of the pictures, above 0 and below 1.")
        if not 0 < self.fraction <= 1:
            raise BadInput(f"data.fraction is {self.fraction}; it is a part of the training pictures, above 0 and at most 1.")
        if len(self.size) > 2 or min((*self.size, 1)) < 1:
            raise BadInput(f"data.size is {list(self.size)}; it must be a height and a width of at least 1, or one number for both.")
        if self.channels not in (0, 1, 3):
            raise BadInput(f"data.channels is {self.channels}; it must be 3 (color), 1 (gray), or 0 (what the pictures have).")


@dataclass(kw_only=True, frozen=True)
class PicturesTuning:
    """What the model begins with, what is asked of it, and how it is watched."""

    start: str = ""
    """The trained model to begin with: a run or model folder of ours or another system's (ViT, DeiT, ResNet), or a name on the hub; empty for none."""
    label_smoothing: float = 0.0
    """The part of each label that is spread evenly over all classes."""
    weighting: Literal["none", "balanced"] = "none"
    """How examples weigh in the loss: alike, or so that every class weighs the same in all."""
    watch: Literal["loss", "accuracy"] = "accuracy"
    """The validation score that decides which weights are kept and when to stop early."""
    views: Views = "one"
    """Of which views of a picture the answers are averaged: itself, with its mirror image, or both moved by a pixel too (test-time augmentation)."""

    def __post_init__(self) -> None:
        check(self, "tuning", label_smoothing=0)
        if self.label_smoothing >= 1:
            raise BadInput(f"tuning.label_smoothing is {self.label_smoothing}; it must be below 1.")


@dataclass(kw_only=True, frozen=True)
class PicturesSettings:
    """Everything that decides a picture classifier's training."""

    data: PicturesData = field(default_factory=PicturesData)
    model: Any = field(default_factory=dict)
    """A table until the pictures are read, then the settings of an architecture."""
    augmentation: Any = field(default_factory=dict)
    """A table until the pictures are read, then `AugmentationSettings`."""
    tuning: PicturesTuning = field(default_factory=PicturesTuning)
    distillation: DistillationSettings = field(default_factory=DistillationSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def __post_init__(self) -> None:
        if not self.distillation.teacher and self.distillation != DistillationSettings():
            raise BadInput("distillation.* says how to learn from a teacher, but there is none; name one with --teacher, or leave these settings out.")


SECTIONS = {
    "data": PicturesData,
    "augmentation": AugmentationSettings,
    "tuning": PicturesTuning,
    "distillation": DistillationSettings,
    "optimizer": OptimizerSettings,
    "training": TrainingSettings,
}
"""What `--set` can name, for help texts; beside these `model.`, whose settings depend on the model."""

FROM_NOTHING: dict[str, Any] = {"optimizer": {"weight_decay": 0.05}, "training": {"batch": 128}}
"""What differs from the defaults of the parts in a run that begins from nothing."""
FROM_TRAINED: dict[str, Any] = {
    "optimizer": {"name": "adamw", "rate": 1e-4, "weight_decay": 0.05, "beta2": 0.999, "warmup": 0.1, "layer_decay": 0.8},
    "training": {"batch": 64},
}
"""The same with a trained model, whose weights are to be moved little."""
OURS_TO_SAY = ("dropout", "stochastic_depth")
"""What of the settings of a trained model and of its transformer is not part of what it has learned."""


def read_settings(table: dict[str, Any]) -> PicturesSettings:
    """The settings that nested tables describe. `model` and `augmentation` stay tables, each with a `preset` perhaps, until the pictures are read."""
    table = dict(table)
    task = table.pop("task", "pictures")
    if task != "pictures":
        raise BadInput(f"These settings are for the task {task!r}, not for pictures.")
    for key, values in table.items():
        if key not in ("model", *SECTIONS):
            raise BadInput(f"There is no setting {key!r}. {suggest(key, ('model', *SECTIONS))}")
        if not isinstance(values, dict):
            raise BadInput(f"{key} is {values!r}; it must be a table of settings.")
    model = table.pop("model", {})
    preset = model.get("preset")
    if preset is not None and preset not in preset_names():
        raise BadInput(f"There is no model {preset!r}. {suggest(str(preset), preset_names())}")
    trained = bool(table.get("tuning", {}).get("start"))
    if trained:
        refuse_shapes(model)
    table = merge(FROM_TRAINED if trained else FROM_NOTHING, table)
    return PicturesSettings(
        model=model,
        augmentation=table.pop("augmentation", {}),
        **{name: from_dict(SECTIONS[name], values, f"{name}.") for name, values in table.items()},
    )


def ours(model: dict[str, Any]) -> dict[str, Any]:
    """What may be said of a trained model."""
    own = {name: value for name, value in model.items() if name in OURS_TO_SAY}
    return own | {part: ours(model[part]) for part in ("body", "resnet") if isinstance(model.get(part), dict)}


def refuse_shapes(model: dict[str, Any]) -> None:
    """What a trained model is cannot be set."""
    named = [name for name in flatten(model) if name not in flatten(ours(model))]
    if named:
        raise BadInput(f"model.{named[0]} is that of the trained model that tuning.start (--from) names; leave it out, or begin from nothing.")


def resolved(settings: PicturesSettings) -> dict[str, Any]:
    """Every setting, as `config.toml` keeps it; `read_settings` reads it back to the same training."""
    model, augmentation = settings.model, settings.augmentation
    if not isinstance(model, dict):
        model = {"architecture": name_of(model), **to_dict(model)}
        if settings.tuning.start:
            model = ours(model)
    return {"task": "pictures", **to_dict(settings), "model": model, "augmentation": augmentation if isinstance(augmentation, dict) else to_dict(augmentation)}
