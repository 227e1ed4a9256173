"""The settings of pretraining, the first stage of a run that learns sentences (statement 3.1). Imports no torch."""

from dataclasses import dataclass, field, fields, replace
from typing import Any

from workings.errors import BadInput
from workings.models.settings import TransformerSettings
from workings.settings import from_dict, to_dict
from workings.tasks.sentences_settings import OURS_TO_SAY, ObjectiveSettings, SentencesData, SentencesSettings
from workings.training.settings import OptimizerSettings, TrainingSettings


@dataclass(kw_only=True, frozen=True)
class PretrainingSettings:
    """Everything that decides how a transformer learns from texts without labels."""

    start: str = ""
    """The trained transformer to go on from; empty begins from nothing."""
    data: SentencesData = field(default_factory=SentencesData)
    """The labeled texts, of which those to learn from are read."""
    model: TransformerSettings = field(default_factory=TransformerSettings)
    """The transformer."""
    pretraining: ObjectiveSettings = field(default_factory=ObjectiveSettings)
    """What it learns to guess."""
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    """How it learns."""
    training: TrainingSettings = field(default_factory=TrainingSettings)
    """The loop."""


def read_settings(table: dict[str, Any]) -> PretrainingSettings:
    """The settings that nested tables describe."""
    table = dict(table)
    task = table.pop("task", "pretraining")
    if task != "pretraining":
        raise BadInput(f"These settings are for the task {task!r}, not for pretraining.")
    return from_dict(PretrainingSettings, table)


def resolved(settings: PretrainingSettings) -> dict[str, Any]:
    """Every setting, as `config.toml` keeps it; `read_settings` reads it back to the same training."""
    table = to_dict(settings)
    if settings.start:
        table["model"] = {name: table["model"][name] for name in OURS_TO_SAY}
    return {"task": "pretraining", **table}


def first_stage(s: SentencesSettings) -> PretrainingSettings | None:
    """What a run learns before it learns classes; None if it begins with those. It is the same before and after the transformer's sizes are filled in."""
    plan = s.pretraining
    if plan.objective == "none":
        return None
    budget = dict(batch=plan.batch, steps=plan.steps, minutes=plan.minutes, pieces=min(s.training.pieces, plan.batch))
    return PretrainingSettings(
        start=s.tuning.start,
        data=s.data,
        model=replace(s.model.body, dropout=plan.dropout),
        pretraining=ObjectiveSettings(**{one.name: getattr(plan, one.name) for one in fields(ObjectiveSettings)}),
        optimizer=plan.optimizer,
        training=replace(s.training, **budget, evaluate_every=0, checkpoint_every=0, average_last=0, patience=0),
    )
