"""What can be trained: the one place where a task's name meets its settings and its game. Imports no torch.

A new task is a module NAME.py here with its game, a module NAME_settings.py with `read_settings` and `resolved`, and a line in `JOBS`.
"""

from importlib import import_module
from types import ModuleType
from typing import Any

from workings.errors import BadInput, suggest

JOBS: dict[str, tuple[str, str]] = {
    "language": ("language", "Language"),
    "sentences": ("sentences", "Sentences"),
    "translation": ("translation", "Translation"),
}
"""Task -> the module of its game, and the game in it."""


def settings_module(task: str) -> ModuleType:
    """The module that reads the settings of a task and writes them down."""
    if task not in JOBS:
        raise BadInput(f"There is no task {task!r}. {suggest(task, JOBS)}")
    return import_module(f"workings.tasks.{JOBS[task][0]}_settings")


def make_game(task: str, settings: Any) -> Any:
    """The game of a task: its data read, its players ready."""
    module, name = JOBS[task]
    return getattr(import_module(f"workings.tasks.{module}"), name)(settings)
