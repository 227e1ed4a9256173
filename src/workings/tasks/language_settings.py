"""The settings of the language-model task, from recipe, flags and `--set` to one resolved table. Imports no torch."""

from dataclasses import dataclass, field
from typing import Any, Literal

from workings.errors import BadInput, suggest
from workings.models.settings import LANGUAGE_MODELS, PRESETS, RecurrentSettings, TransformerSettings
from workings.settings import from_dict, to_dict
from workings.training.settings import OptimizerSettings, TrainingSettings


@dataclass(kw_only=True, frozen=True)
class LanguageData:
    """What to learn to write like."""

    source: str = "pride"
    """A text file, a folder or pattern of them, a .jsonl, .csv or .parquet table, a name of the hub, or a built-in text."""
    column: str = ""
    """The column of a table that holds the text; empty takes `text`, or the only one."""
    encoding: str = "utf-8"
    """How the text is encoded."""
    tokenizer: Literal["character", "byte", "bpe"] = "character"
    """What a token is: a character, a byte, or a frequent string of bytes (byte-pair encoding)."""
    tokens: int = 4096
    """How many tokens byte-pair encoding makes."""
    validation: float = 0.1
    """The last part of the text, kept for validation."""

    def __post_init__(self) -> None:
        if not 0 < self.validation < 1:
            raise BadInput(f"data.validation is {self.validation}; it is a part of the text, above 0 and below 1.")
        if self.tokens < 1:
            raise BadInput(f"data.tokens is {self.tokens}; it must be at least 1.")


@dataclass(kw_only=True, frozen=True)
class LanguageSettings:
    """Everything that decides a language model's training."""

    data: LanguageData = field(default_factory=LanguageData)
    model: TransformerSettings | RecurrentSettings = field(default_factory=TransformerSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    prompt: str = ""
    """What the samples written during training begin with; empty lets the model begin."""


SECTIONS = {"data": LanguageData, "model": TransformerSettings, "optimizer": OptimizerSettings, "training": TrainingSettings}
"""What `--set` can name, for help texts."""


def read_settings(table: dict[str, Any]) -> LanguageSettings:
    """The settings that nested tables describe. The table `model` may have `preset`, a name that fills in switches, and `architecture`."""
    table = dict(table)
    task = table.pop("task", "language")
    if task != "language":
        raise BadInput(f"These settings are for the task {task!r}, not for language.")
    known = ("data", "model", "optimizer", "training", "prompt")
    for key in table:
        if key not in known:
            raise BadInput(f"There is no setting {key!r}. {suggest(key, known)}{_elsewhere(key)}")
    parts = {name: from_dict(SECTIONS[name], table[name], f"{name}.") for name in ("data", "optimizer", "training") if name in table}
    return LanguageSettings(**parts, model=read_model(table.get("model", {})), prompt=str(table.get("prompt", "")))


def _elsewhere(key: str) -> str:
    """ " It may be meant for ...", when a section has a setting of that name."""
    places = [f"{section}.{key}" for section, cls in SECTIONS.items() if key in cls.__dataclass_fields__]
    return f" Perhaps {' or '.join(places)} is meant." if places else ""


def read_model(table: dict[str, Any]) -> TransformerSettings | RecurrentSettings:
    """A model's settings from its table."""
    if not isinstance(table, dict):
        raise BadInput(f"model is {table!r}; it must be a table of settings.")
    table = dict(table)
    preset = table.pop("preset", None)
    architecture = table.pop("architecture", "transformer")
    choices: dict[str, Any] = {}
    if preset is not None:
        if preset not in PRESETS:
            raise BadInput(f"There is no model {preset!r}. {suggest(str(preset), PRESETS)}")
        architecture, choices = PRESETS[preset]
    if architecture not in LANGUAGE_MODELS:
        raise BadInput(f"There is no architecture {architecture!r}. {suggest(str(architecture), LANGUAGE_MODELS)}")
    return from_dict(LANGUAGE_MODELS[architecture], choices | table, "model.")


def resolved(settings: LanguageSettings) -> dict[str, Any]:
    """Every setting, as `config.toml` keeps it; `read_settings` reads it back to the same settings."""
    architecture = next(name for name, cls in LANGUAGE_MODELS.items() if isinstance(settings.model, cls))
    table = to_dict(settings)
    return {"task": "language", **table, "model": {"architecture": architecture, **table["model"]}}
