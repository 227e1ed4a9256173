"""The settings of the translation task, from recipe, flags and `--set` to one resolved table. Imports no torch."""

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from workings.errors import BadInput, suggest
from workings.models.encoder_settings import EncoderDecoderSettings
from workings.models.settings import PRESETS, TransformerSettings
from workings.settings import from_dict, merge, to_dict
from workings.training.settings import OptimizerSettings, TrainingSettings, check


@dataclass(kw_only=True, frozen=True)
class TranslationData:
    """What to learn to translate."""

    source: str = "bible-short"
    """A .tsv, .csv, .jsonl or .parquet table, the beginning of the names of two files, a built-in set of pairs, or a name of the hub."""
    source_language: str = ""
    """The column, or the end of the name of the file, that is translated from; empty takes the first of two columns."""
    target_language: str = ""
    """That which is translated into; empty takes the second of two columns."""
    encoding: str = "utf-8"
    """How the files are encoded."""
    validation: float = 0.05
    """The part of the pairs that is kept for validation, the same for every seed."""
    validation_source: str = ""
    """Pairs of their own for validation, named like data.source; nothing is then kept back from the others."""
    test_source: str = ""
    """Pairs that are scored once, when the training is over, and never used to choose anything."""
    tokenizer: Literal["bpe", "unigram", "byte"] = "bpe"
    """What a token is, unless a trained model brings its own: a frequent string of bytes (byte-pair encoding), a likely one (unigram), or a byte."""
    tokens: int = 8000
    """How many tokens a vocabulary has."""
    vocabulary: Literal["shared", "separate"] = "shared"
    """One vocabulary (and one embedding) for both languages, or one each."""
    longest: int = 256
    """Pairs with a side of more tokens are left out, and counted."""
    batch_tokens: int = 2048
    """The most tokens of a step, padding and both sides counted; training.batch is the most pairs of one."""

    def __post_init__(self) -> None:
        if not 0 < self.validation < 1:
            raise BadInput(f"data.validation is {self.validation}; it is a part of the pairs, above 0 and below 1.")
        check(self, "data", tokens=1, longest=2, batch_tokens=1)


@dataclass(kw_only=True, frozen=True)
class TranslationTuning:
    """What the model begins with, what is asked of it, and how it is watched."""

    start: str = ""
    """The trained model to begin with: a run or model folder of ours or another system's (Marian), or a name on the hub; empty begins from nothing."""
    label_smoothing: float = 0.1
    """The part of each target that is spread evenly over all tokens."""
    scored: int = 200
    """How many of the validation pairs are translated (greedily) for BLEU and chrF at each evaluation; 0 for none."""

    watch: Literal["loss", "bleu"] = "loss"
    """The validation score that decides which weights are kept and when to stop early."""

    def __post_init__(self) -> None:
        check(self, "tuning", label_smoothing=0, scored=0)
        if self.watch == "bleu" and not self.scored:
            raise BadInput("tuning.watch is 'bleu', but tuning.scored is 0, so nothing is translated; set tuning.scored higher.")
        if self.label_smoothing >= 1:
            raise BadInput(f"tuning.label_smoothing is {self.label_smoothing}; it must be below 1.")


@dataclass(kw_only=True, frozen=True)
class TranslationSettings:
    """Everything that decides a translator's training."""

    data: TranslationData = field(default_factory=TranslationData)
    model: EncoderDecoderSettings = field(default_factory=EncoderDecoderSettings)
    tuning: TranslationTuning = field(default_factory=TranslationTuning)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)


SECTIONS = {
    "data": TranslationData,
    "model": TransformerSettings,
    "tuning": TranslationTuning,
    "optimizer": OptimizerSettings,
    "training": TrainingSettings,
}
"""What `--set` can name, for help texts."""

MARIAN: dict[str, Any] = dict(position="sinusoidal-halves", placement="post", phi="relu", biases="all", embedding_scale="sqrt(D)")
"""The switches of a model that begins from nothing, unless a preset says others: the transformer as it was first described (Vaswani et al. 2017)."""
FROM_NOTHING: dict[str, Any] = {
    "model": {"context": 256, "width": 256, "layers": 3, "heads": 8, "ff_width": 512, "dropout": 0.3},
    "optimizer": {"weight_decay": 0.01, "beta2": 0.98, "warmup": 0.1},
    "training": {"batch": 512},
}
"""What differs from the defaults of the parts in a run that begins from nothing."""
FROM_TRAINED: dict[str, Any] = {
    "model": {"dropout": 0.1},
    "optimizer": {"name": "adamw", "rate": 5e-5, "weight_decay": 0.0, "beta2": 0.98, "warmup": 0.1},
    "training": {"batch": 512},
}
"""The same with a trained model, whose weights are to be moved little."""
OURS_TO_SAY = ("dropout", "stochastic_depth")
"""What of a trained model's settings is not part of what it has learned."""
SIDES = ("encoder", "decoder")
ALWAYS: dict[str, dict[str, Any]] = {"encoder": {"causal": False, "tied": True}, "decoder": {"cross_attention": True}}
"""What each side is whatever the switches; the encoder's head is not used."""
BOTH = tuple(f.name for f in fields(TransformerSettings) if f.name not in ("vocabulary", "causal", "cross_attention"))
"""Settings of a transformer that may be given for both sides at once, as in model.layers; model.encoder.layers is one side's."""


def read_settings(table: dict[str, Any]) -> TranslationSettings:
    """The settings that nested tables describe. The table `model` may have `preset`, a name that fills in switches, and settings for both sides at once."""
    table = dict(table)
    task = table.pop("task", "translation")
    if task != "translation":
        raise BadInput(f"These settings are for the task {task!r}, not for translation.")
    parts = {**SECTIONS, "model": EncoderDecoderSettings}
    for key, values in table.items():
        if key not in parts:
            raise BadInput(f"There is no setting {key!r}. {suggest(key, parts)}")
        if not isinstance(values, dict):
            raise BadInput(f"{key} is {values!r}; it must be a table of settings.")
    trained = bool(table.get("tuning", {}).get("start"))
    model = sided(table.get("model", {}), FROM_TRAINED["model"] if trained else FROM_NOTHING["model"])
    if trained:
        refuse_shapes(model)
    elif table.get("data", {}).get("vocabulary") == "separate":
        model = {"shared": False} | model
    table = merge(FROM_TRAINED if trained else FROM_NOTHING, table) | {"model": model}
    return TranslationSettings(**{name: from_dict(cls, table[name], f"{name}.") for name, cls in parts.items() if name in table})


def sided(model: dict[str, Any], sizes: dict[str, Any]) -> dict[str, Any]:
    """The table of a model with a table for each side: its switches, then the default sizes, then what is given for both, then what is given for one."""
    model = dict(model)
    preset = model.pop("preset", None)
    switches = {} if sizes is FROM_TRAINED["model"] else MARIAN
    if preset is not None:
        known = [name for name, (architecture, _) in PRESETS.items() if architecture == "transformer"]
        if preset not in known:
            raise BadInput(f"There is no transformer {preset!r}. {suggest(str(preset), known)}")
        switches = PRESETS[preset][1]
    both = {name: model.pop(name) for name in BOTH if name in model}
    return model | {side: switches | sizes | both | ALWAYS[side] | model.get(side, {}) for side in SIDES}


def refuse_shapes(model: dict[str, Any]) -> None:
    """What a trained model is cannot be set."""
    named = [name for name in model if name not in SIDES]
    named += [name for side in SIDES for name in model[side] if name not in (*OURS_TO_SAY, *ALWAYS[side])]
    if named:
        raise BadInput(f"model.{named[0]} is that of the trained model that tuning.start (--from) names; leave it out, or begin from nothing.")


def resolved(settings: TranslationSettings) -> dict[str, Any]:
    """Every setting, as `config.toml` keeps it; `read_settings` reads it back to the same training."""
    table = to_dict(settings)
    if settings.tuning.start:
        table["model"] = {side: {name: table["model"][side][name] for name in OURS_TO_SAY} for side in SIDES}
    return {"task": "translation", **table}
