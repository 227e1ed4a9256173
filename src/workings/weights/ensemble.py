"""The folder of an ensemble: a config.json, a card, and the folders of its members in members/, each a whole model by itself."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import workings
from workings.data.picture_settings import Preparation
from workings.errors import BadInput
from workings.models.ensemble import Ensemble
from workings.models.ensemble_settings import EnsembleSettings
from workings.settings import from_dict, to_dict
from workings.weights.folder import FORMAT, Saved, load_folder, model_folder, read_ours
from workings.weights.tensors import read_json

MEMBERS = "members"


def member_folders(folder: str | Path) -> list[Path]:
    """The folders of the members of an ensemble, in their order; none of another model."""
    folder = model_folder(folder)
    if not (folder / "config.json").exists():
        return []
    config = read_json(folder / "config.json")
    if config.get("architecture") != "ensemble":
        return []
    settings = settings_of(folder, config)
    found = [folder / MEMBERS / str(number) for number in range(settings.members)]
    for place in found:
        if not (place / "config.json").exists():
            raise BadInput(
                f"{folder} is an ensemble of {settings.members} models, but has no {MEMBERS}/{place.name}; copy the folder again, with all its folders."
            )
    return found


def settings_of(folder: Path, config: dict[str, Any]) -> EnsembleSettings:
    """The settings that a config.json holds."""
    try:
        return from_dict(EnsembleSettings, read_ours(folder, config)["settings"], "settings.")
    except BadInput as error:
        raise BadInput(f"{folder / 'config.json'}: {error}") from error


def read_ensemble(folder: Path, config: dict[str, Any], dtype: torch.dtype | None) -> Saved:
    """An ensemble of models of pictures, in evaluation mode, as one module; those of other tasks are used member by member."""
    if config["task"] != "pictures":
        raise BadInput(f"{folder} is an ensemble for the task {config['task']!r}, which is no single model; give one of its members, in {folder / MEMBERS}.")
    members = [load_folder(place, dtype) for place in member_folders(folder)]
    hows = [from_dict(Preparation, member.facts["preparation"], "preparation.") for member in members]
    own = [] if all(how == hows[0] for how in hows) else hows
    views = [member.facts.get("views", "one") for member in members]
    model = Ensemble(settings_of(folder, config), [member.model for member in members], own, views)
    common = as_they_are(hows) if own else hows[0]
    return Saved(config["task"], model.eval(), None, config | {"preparation": to_dict(common)})


def as_they_are(hows: Sequence[Preparation]) -> Preparation:
    """How pictures are prepared for members of which each prepares them its own way: not at all; `size` is only how large they are best."""
    size = max((how.crop or how.size for how in hows), key=sum)
    return Preparation(channels=max(how.channels for how in hows), resize="none", size=size, scale=1.0)


def write_config(folder: Path, task: str, settings: EnsembleSettings, **facts: Any) -> None:
    """The config.json of an ensemble."""
    config = {"format": FORMAT, "workings": workings.__version__, "task": task, "architecture": "ensemble", "settings": to_dict(settings), **facts}
    (folder / "config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
