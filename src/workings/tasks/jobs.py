"""What can be trained: the one place where a task's name meets its settings and its game. Imports no torch.

A new task is a module NAME.py here with its game, a module NAME_settings.py with `read_settings` and `resolved`, and a line in `JOBS`.
"""

from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from workings.errors import BadInput, suggest
from workings.settings import difference
from workings.training.settings import FREE

JOBS: dict[str, tuple[str, str]] = {
    "language": ("language", "Language"),
    "sentences": ("sentences", "Sentences"),
    "translation": ("translation", "Translation"),
    "pictures": ("pictures", "Pictures"),
    "vae": ("vae", "DrawsByVAE"),
    "diffusion": ("diffusion", "Diffusion"),
    "gan": ("gan", "Gan"),
    "pretraining": ("pretraining", "pretraining"),
}
"""Task -> the module of its game, and what makes the game in it."""
FIRST = {"sentences": "pretraining"}
"""Tasks with a first stage, if their settings ask for it, and its task, whose settings module has a `first_stage`."""


def settings_module(task: str) -> ModuleType:
    """The module that reads the settings of a task and writes them down."""
    if task not in JOBS:
        raise BadInput(f"There is no task {task!r}. {suggest(task, JOBS)}")
    return import_module(f"workings.tasks.{JOBS[task][0]}_settings")


def make_game(task: str, settings: Any, first: Path | None = None) -> Any:
    """The game of a task: its data read, its players ready. first: the model folder that its first stage has made."""
    module, name = JOBS[task]
    return getattr(import_module(f"workings.tasks.{module}"), name)(settings, *([] if first is None else [first]))


def first_stage(task: str, settings: Any) -> tuple[str, Any] | None:
    """What is trained before the task itself, in a folder of its own inside the run: its task and settings; None for most."""
    if task not in FIRST:
        return None
    found = settings_module(FIRST[task]).first_stage(settings)
    return None if found is None else (FIRST[task], found)


def refuse_other_first(task: str, old: dict[str, Any], settings: Any, over: bool) -> None:
    """Refuse settings that a first stage which has begun is not, or if it is `over` was not, trained with. old: the settings of the run so far, as tables."""
    before = settings_module(task).read_settings(old)
    stages = [first_stage(task, one) for one in (before, settings)]
    tables = [settings_module(stage[0]).resolved(stage[1]) if stage else {} for stage in stages]
    free = FREE - {"training.steps", "training.minutes"} if over else FREE
    if any(line.partition(":")[0] not in free for line in difference(*tables)):
        changed = difference(*(settings_module(task).resolved(one) for one in (before, settings)))
        told = "; ".join(line for line in changed if line.partition(":")[0] not in FREE)
        what = "is over and was" if over else "has begun and is"
        raise BadInput(f"The first stage of this run {what} not trained with these settings ({told}); put them back, or start a new run.")


def rehearse(task: str, settings: Any, first: Any) -> None:
    """Refuse now what would be refused after the first stage: make the game of the second with the first's model as it is before it has learned."""
    with TemporaryDirectory() as folder:
        first.save(Path(folder) / "model", {name: player.state_dict() for name, player in first.players.items()}, {})
        make_game(task, settings, Path(folder) / "model")
