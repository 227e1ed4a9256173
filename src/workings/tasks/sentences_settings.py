"""The settings of the sentence-classification task, from recipe, flags and `--set` to one resolved table. Imports no torch."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from workings.errors import BadInput, suggest
from workings.models.sentence_settings import SentenceSettings
from workings.models.settings import PRESETS, TransformerSettings
from workings.settings import from_dict, merge, to_dict
from workings.training.settings import OptimizerSettings, TrainingSettings, check


@dataclass(kw_only=True, frozen=True)
class SentencesData:
    """What to learn to tell apart."""

    source: str = "movies"
    """A .csv, .tsv, .jsonl or .parquet table, a built-in set of sentences, or a name of the hub."""
    text: str = ""
    """The column that holds the texts; empty takes `text`."""
    label: str = ""
    """The column that holds the classes; empty takes `label`."""
    encoding: str = "utf-8"
    """How the table is encoded."""
    validation: float = 0.1
    """The part of every class that is kept for validation, the same rows for every seed."""
    validation_source: str = ""
    """A table of its own for validation; nothing is then kept back from the other."""
    test_source: str = ""
    """A table that is scored once, at the very end, with the best weights; it chooses nothing."""
    split: str = ""
    """A column that says train or validation; rows with anything else in it are left out."""
    tokenizer: Literal["bpe", "byte"] = "bpe"
    """What a token is, unless a trained model brings its own: a frequent string of bytes (byte-pair encoding), or a byte."""
    tokens: int = 4096
    """How many tokens byte-pair encoding makes."""
    longest: int = 256
    """The most tokens of a text that are read, `<cls>` included; fewer where the transformer's context is shorter."""
    part: Literal["head", "tail", "head+tail"] = "head"
    """What is read of a longer text: its beginning, its end, or a quarter from the beginning and the rest from the end."""

    def __post_init__(self) -> None:
        if not 0 < self.validation < 1:
            raise BadInput(f"data.validation is {self.validation}; it is a part of the texts, above 0 and below 1.")
        if self.validation_source and self.split:
            raise BadInput("data.validation_source and data.split both say what is for validation; give one of them.")
        check(self, "data", tokens=1, longest=4)


@dataclass(kw_only=True, frozen=True)
class TuningSettings:
    """What the transformer begins with, and what is asked of it."""

    start: str = ""
    """The trained transformer to begin with: a run or model folder of ours or another system's, or a name on the hub; empty begins from nothing."""
    freeze: int = 0
    """How many of the first layers keep their weights; with any, the embedding keeps its own too. `<cls>` is always learned."""
    label_smoothing: float = 0.0
    """The part of each label that is spread evenly over all classes."""
    weighting: Literal["none", "balanced"] = "none"
    """How examples weigh in the loss: alike, or so that every class weighs the same in all."""
    watch: Literal["loss", "accuracy"] = "loss"
    """The validation score that decides which weights are kept and when to stop early; the loss begins to rise while the accuracy still gains."""

    def __post_init__(self) -> None:
        check(self, "tuning", freeze=0, label_smoothing=0)
        if self.label_smoothing >= 1:
            raise BadInput(f"tuning.label_smoothing is {self.label_smoothing}; it must be below 1.")


@dataclass(kw_only=True, frozen=True)
class ObjectiveSettings:
    """What a transformer learns from texts without labels."""

    objective: Literal["none", "masked", "next-token"] = "none"
    """What it learns to guess: hidden tokens from both sides, or each next one from those before it; none learns no such thing."""
    unlabeled: str = ""
    """A table of further texts, in a column of the same name; empty has only those of the data that are not for validation."""
    validation: float = 0.02
    """The part of these texts that the loss is measured on."""
    rate: float = 0.15
    """masked: the probability that a token is chosen to be guessed."""
    context: int = 0
    """The tokens of a window; texts stand one after another, and windows begin anywhere. 0: data.longest, or the transformer's context if that is shorter."""

    def __post_init__(self) -> None:
        check(self, "pretraining", context=0)
        for name in ("validation", "rate"):
            if not 0 < getattr(self, name) < 1:
                raise BadInput(f"pretraining.{name} is {getattr(self, name)}; it is a part of the whole, above 0 and below 1.")


@dataclass(kw_only=True, frozen=True)
class PretrainingPlan(ObjectiveSettings):
    """What the transformer learns from texts alone before it learns their classes, and for how long."""

    batch: int = 32
    """Windows in one step."""
    steps: int | None = None
    """How many steps to take."""
    minutes: float = 0.0
    """How long; with steps too, whichever ends first; with neither, as long as the training of the classes."""
    dropout: float = 0.1
    """The transformer's dropout meanwhile."""
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    """How it learns meanwhile."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, "pretraining", batch=1, minutes=0, dropout=0)
        if self.steps is not None:
            check(self, "pretraining", steps=1)
        if self.dropout >= 1:
            raise BadInput(f"pretraining.dropout is {self.dropout}; it must be below 1.")


@dataclass(kw_only=True, frozen=True)
class SentencesSettings:
    """Everything that decides a sentence classifier's training."""

    data: SentencesData = field(default_factory=SentencesData)
    model: SentenceSettings = field(default_factory=SentenceSettings)
    pretraining: PretrainingPlan = field(default_factory=PretrainingPlan)
    tuning: TuningSettings = field(default_factory=TuningSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def __post_init__(self) -> None:
        plan = self.pretraining
        if plan.objective != "none" and plan.steps is None and not plan.minutes:
            object.__setattr__(self, "pretraining", replace(plan, steps=self.training.steps, minutes=self.training.minutes))


SECTIONS = {
    "data": SentencesData,
    "model": SentenceSettings,
    "model.body": TransformerSettings,
    "pretraining": PretrainingPlan,
    "pretraining.optimizer": OptimizerSettings,
    "tuning": TuningSettings,
    "optimizer": OptimizerSettings,
    "training": TrainingSettings,
}
"""What `--set` can name, for help texts."""

FROM_NOTHING: dict[str, Any] = {
    "model": {"body": {"causal": False, "context": 256, "width": 128, "layers": 3, "biases": "all", "dropout": 0.2}},
    "training": {"batch": 32},
}
"""What differs from the defaults of the parts in a run that begins from nothing."""
GENTLE: dict[str, Any] = {"name": "adamw", "rate": 1e-4, "weight_decay": 0.01, "beta2": 0.999, "warmup": 0.1}
"""How weights learn that are to be moved little."""
FROM_TRAINED: dict[str, Any] = {
    "model": {"body": {"dropout": 0.1}},
    "pretraining": {"optimizer": GENTLE},
    "optimizer": GENTLE | {"layer_decay": 0.9},
    "training": {"batch": 32},
}
"""The same with a trained transformer."""
FROM_PRETRAINED: dict[str, Any] = merge(FROM_NOTHING, {"model": {"body": {"dropout": 0.1}}, "optimizer": GENTLE | {"rate": 1e-3, "layer_decay": 0.9}})
"""The same with a transformer that is pretrained first, here and from nothing: it is smaller than those of others, and moves further."""
OURS_TO_SAY = ("dropout", "stochastic_depth")
"""What of a trained transformer's settings is not part of what it has learned."""


def read_settings(table: dict[str, Any]) -> SentencesSettings:
    """The settings that nested tables describe. The table `model` may have `preset`, a name that fills in switches of the transformer."""
    table = dict(table)
    task = table.pop("task", "sentences")
    if task != "sentences":
        raise BadInput(f"These settings are for the task {task!r}, not for sentences.")
    parts: dict[str, type] = {name: cls for name, cls in SECTIONS.items() if "." not in name}
    for key, values in table.items():
        if key not in parts:
            raise BadInput(f"There is no setting {key!r}. {suggest(key, parts)}")
        if not isinstance(values, dict):
            raise BadInput(f"{key} is {values!r}; it must be a table of settings.")
    given = table.get("model", {})
    if table.get("tuning", {}).get("start"):
        refuse_shapes(given)
        table = merge(FROM_TRAINED, table)
    else:
        table = merge(beginning(table), table | {"model": filled(given)})
    return SentencesSettings(**{name: from_dict(cls, table[name], f"{name}.") for name, cls in parts.items() if name in table})


def beginning(table: dict[str, Any]) -> dict[str, Any]:
    """The defaults of a transformer that begins from nothing; where it looks is decided by what it is pretrained for, unless it is said."""
    objective = table.get("pretraining", {}).get("objective", "none")
    return FROM_NOTHING if objective == "none" else merge(FROM_PRETRAINED, {"model": {"body": {"causal": objective == "next-token"}}})


def filled(model: dict[str, Any]) -> dict[str, Any]:
    """The table of a model with what its preset says of the transformer."""
    model = dict(model)
    preset = model.pop("preset", None)
    if preset is None:
        return model
    if preset not in PRESETS or PRESETS[preset][0] != "transformer":
        known = [name for name, (architecture, _) in PRESETS.items() if architecture == "transformer"]
        raise BadInput(f"There is no transformer {preset!r}. {suggest(str(preset), known)}")
    choices = {name: choice for name, choice in PRESETS[preset][1].items() if name != "tied"}  # there is no head
    return model | {"body": {"causal": True} | choices | model.get("body", {})}


def refuse_shapes(model: dict[str, Any]) -> None:
    """What a trained transformer is cannot be set."""
    named = [f"model.body.{name}" for name in model.get("body", {}) if name not in OURS_TO_SAY] + ["model.preset"] * ("preset" in model)
    if named:
        raise BadInput(f"{named[0]} is that of the trained model that tuning.start (--from) names; leave it out, or begin from nothing.")


def resolved(settings: SentencesSettings) -> dict[str, Any]:
    """Every setting, as `config.toml` keeps it; `read_settings` reads it back to the same training."""
    table = to_dict(settings)
    if settings.tuning.start:
        table["model"]["body"] = {name: table["model"]["body"][name] for name in OURS_TO_SAY}
    return {"task": "sentences", **table}
