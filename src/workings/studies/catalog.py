"""All studies, in the order of the lectures."""

import importlib

from workings.errors import BadInput, suggest
from workings.studies.study import Study

NAMES: list[str] = [
    "positions",
    "residuals",
    "notation",
    "tau",
    "tying",
    "pretraining",
    "hybrid",
    "small_data",
    "distillation",
    "bound",
    "growing",
    "samplers",
    "guidance",
    "linear_regions",
    "signal",
    "optimizers",
    "regularizers",
    "shifts",
    "recall",
    "mnist1d",
]


def find(name: str) -> Study:
    """The study of that name."""
    if name not in NAMES:
        raise BadInput(f"There is no study {name!r}. {suggest(name, NAMES)}")
    return importlib.import_module(f"workings.studies.{name}").STUDY
