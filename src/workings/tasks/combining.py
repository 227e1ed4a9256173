"""Several trained models become one (statement 6.1c): an ensemble, whose members are all asked, or a soup, whose weights are their mean."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workings.errors import BadInput, counted, suggest
from workings.models.classes import class_order
from workings.models.ensemble_settings import EnsembleSettings
from workings.tasks.combined_card import combined_card
from workings.tasks.kinds import open_model
from workings.tasks.picture_classifier import PictureClassifier
from workings.tasks.soup import greedy_soup, uniform_soup
from workings.weights.adopt import adopt, refuse_to_replace
from workings.weights.ensemble import MEMBERS, write_config
from workings.weights.folder import is_foreign, model_folder, task_of
from workings.weights.hub import locate
from workings.weights.placing import whole_folder
from workings.weights.tensors import read_json

HOW = ("ensemble", "soup", "greedy-soup")
CLASSIFY = ("pictures", "sentences")
"""Tasks whose models give probabilities of classes, of which there is a mean."""


@dataclass
class Combined:
    """What was made of several models."""

    folder: Path
    task: str
    how: str
    members: list[str]
    """What it was made of."""
    notes: list[str] = field(default_factory=list)
    """What was found out on the way."""


def combine(models: Sequence[str | Path], out: str | Path, how: str, data: str | None, overwrite: bool, card: Callable[..., str]) -> Combined:
    """Make one model folder of several runs, model folders of ours or another system's, or models of the hub. card: writes that of another system's member.

    how: "ensemble" keeps every model and takes the mean of their probabilities; "soup" is the mean of their weights; "greedy-soup" begins with the model that
    scores best on `data` and lets each next one in only if the score of the mean does not fall.
    """
    if how not in HOW:
        raise BadInput(f"There is no way {how!r} to combine models. {suggest(how, HOW)}")
    if len(models) < 2:
        raise BadInput(f"There is {counted(len(models), 'model')} to combine; name two or more.")
    if (data is not None) != (how == "greedy-soup"):
        raise BadInput("A greedy soup tries its models on data: give --how greedy-soup and --data together, or neither.")
    folder, places = Path(out), [locate(model) for model in models]
    refuse_to_replace(folder, overwrite, "--out")
    for place in places:
        if folder.exists() and folder.resolve() in (place.resolve(), model_folder(place).resolve(), *place.resolve().parents):
            raise BadInput(f"{folder} holds one of the models to combine; choose another folder with --out.")
    task, names = one_task(places), [Path(model).name for model in models]
    if how == "ensemble":
        write_ensemble(folder, task, places, names, card)
        return Combined(folder, task, how, names)
    if how == "soup":
        uniform_soup(folder, places, names)
        return Combined(folder, task, how, names)
    kept, notes = greedy_soup(folder, places, names, str(data))
    return Combined(folder, task, how, kept, notes)


def one_task(places: Sequence[Path]) -> str:
    """The task of all the models."""
    tasks = [task_of(place) for place in places]
    for place, task in zip(places, tasks, strict=True):
        if task != tasks[0]:
            raise BadInput(f"{places[0]} is for the task {tasks[0]!r} and {place} for {task!r}; combine models of one task.")
    return tasks[0]


def write_ensemble(folder: Path, task: str, places: Sequence[Path], names: Sequence[str], card: Callable[..., str]) -> None:
    """The folder of an ensemble: each member whole, with its own tokenizer or preparation. Classes are in the order of the first."""
    if task not in CLASSIFY:
        raise BadInput(f"Models for the task {task!r} do not say classes, of whose probabilities there would be a mean; average their weights with --how soup.")
    opened = [open_model(place) for place in places]
    for member in opened:
        if isinstance(member, PictureClassifier):
            member.ready()
        class_order(opened[0].class_names, member.class_names, str(member.folder), "combine models of the same classes")
    settings = EnsembleSettings(members=len(places), classes=len(opened[0].class_names), class_names=opened[0].class_names)
    facts = {"columns": opened[0].facts["columns"]} if "columns" in opened[0].facts else {}
    with whole_folder(folder) as new:
        for number, place in enumerate(places):
            copy_member(place, names[number], new / MEMBERS / str(number), card)
        write_config(new, task, settings, of=list(names), **facts)
        members = "\n".join(f"- `{MEMBERS}/{number}`: {name}" for number, name in enumerate(names))
        text = f"The mean of the probabilities of\n\n{members}\n\nThe classes: {', '.join(settings.class_names)}."
        (new / "README.md").write_text(combined_card(task, "ensemble", f"An ensemble of {len(names)} models", text), encoding="utf-8")


def copy_member(place: Path, name: str, to: Path, card: Callable[..., str]) -> None:
    """A model folder of ours as it is; another system's made one of ours."""
    source = model_folder(place)
    if (source / "config.json").exists() and not is_foreign(read_json(source / "config.json")):
        shutil.copytree(source, to)
    else:
        adopt(name, place, to, None, False, card)
