"""A model folder: `config.json`, `model.safetensors`, the tokenizer and a card; loadable by itself, never by unpickling."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

import workings
from workings.data.tokenizers import Tokenizer, load_tokenizer
from workings.errors import BadInput, command, suggest
from workings.models.architectures import ARCHITECTURES, name_of
from workings.settings import from_dict, to_dict
from workings.weights.bare import bare_file, bare_task, read_bare
from workings.weights.blank import blank
from workings.weights.eight_bits import widen
from workings.weights.importing import foreign_task, read_foreign
from workings.weights.placing import whole_folder
from workings.weights.tensors import read_json, write_tensors

FORMAT = 1
"""Of the folder; a larger number in a folder means a newer version wrote it."""


@dataclass
class Saved:
    """What a model folder holds."""

    task: str
    model: nn.Module
    tokenizer: Tokenizer | None
    facts: dict[str, Any]
    """The rest of `config.json`: scores, step and whatever the task added."""


def save_folder(folder: Path, task: str, settings: Any, weights: dict[str, Tensor], tokenizer: Tokenizer | None, card: str, **facts: Any) -> None:
    """Write a whole model folder beside the old one, then put it in its place."""
    config = {"format": FORMAT, "workings": workings.__version__, "task": task, "architecture": name_of(settings), "settings": to_dict(settings)}
    config |= {"tokenizer": tokenizer.kind if tokenizer is not None else None, **facts}
    with whole_folder(folder) as new:
        write_tensors(new, unshared({name: tensor.cpu() for name, tensor in weights.items()}))
        (new / "config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        (new / "README.md").write_text(card, encoding="utf-8")
        if tokenizer is not None:
            tokenizer.save(new)


def unshared(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights without those that lie where an earlier one lies (tied ones); `shared` finds them again."""
    first: dict[tuple, str] = {}
    places = {name: (tensor.data_ptr(), tensor.shape, tensor.stride()) for name, tensor in weights.items()}
    return {name: tensor for name, tensor in weights.items() if first.setdefault(places[name], name) == name or not tensor.numel()}


def model_folder(folder: str | Path) -> Path:
    """The folder that holds the model: a run folder's model/, else the folder itself (or the one file that it is)."""
    folder = Path(folder)
    if (folder / "model" / "config.json").exists():
        return folder / "model"
    if not (folder / "config.json").exists() and bare_file(folder) is None:
        raise BadInput(f"There is no model in {folder}: {missing(folder)}")
    return folder


def missing(folder: Path) -> str:
    """Why there is no model in a folder, and what to do."""
    if not folder.exists():
        return "it does not exist" + (f"; if it is a name on the hub, first: {command(f'import {folder}')}" if len(folder.parts) == 2 else ".")
    if folder.is_file():
        return "it is a file, and none of a known model; give the folder of a run, or of a model, which holds config.json and model.safetensors."
    if (folder / "config.toml").exists():
        return f"this run keeps one from its first evaluation on, and has had none; go on with {command(f'resume {folder}')}"
    return "it has no config.json, nor a model/ with one; give the folder of a run or of a model."


def is_foreign(config: dict[str, Any]) -> bool:
    """Whether a config.json is of another system's model: it names an architecture, and has no format number of ours."""
    return "format" not in config and any(name in config for name in ("architectures", "model_type", "_class_name"))


def task_of(folder: str | Path) -> str:
    """What the model of a folder is for, without loading it."""
    folder = model_folder(folder)
    if not (folder / "config.json").exists():
        return bare_task(bare_file(folder) or folder)
    config = read_json(folder / "config.json")
    return foreign_task(config) if is_foreign(config) else read_ours(folder, config)["task"]


def load_folder(folder: str | Path, dtype: torch.dtype | None = None) -> Saved:
    """The model, in evaluation mode, with its tokenizer: of a model folder of ours or of another system's, or of a run folder (its model/).

    dtype: of the weights; None leaves it as it is stored. The weights are mapped to the file: they cost memory once they are used.
    """
    folder = model_folder(folder)
    config = read_json(folder / "config.json") if (folder / "config.json").exists() else None
    if config is None or is_foreign(config):
        found = read_bare(bare_file(folder) or folder, dtype) if config is None else read_foreign(folder, dtype)
        return Saved(found.task, found.model, found.tokenizer, found.facts)
    read_ours(folder, config)
    if config["architecture"] == "ensemble":
        from workings.weights.ensemble import read_ensemble  # which reads its members through this function

        return read_ensemble(folder, config, dtype)
    try:
        settings = from_dict(ARCHITECTURES[config["architecture"]], config["settings"], "settings.")
        model = blank(settings)
    except BadInput as error:
        raise BadInput(f"{folder / 'config.json'}: {error}") from error
    try:
        state = widen(safetensors.torch.load_file(folder / "model.safetensors"), dtype)
        model.load_state_dict({name: state[first] for name, first in shared(model).items() if first in state} | state, assign=True)
    except (SafetensorError, OSError, RuntimeError) as error:
        raise BadInput(f"{folder / 'model.safetensors'} cannot be read as this model: {' '.join(str(error).split())}") from error
    tokenizer = load_tokenizer(folder, config["tokenizer"]) if config.get("tokenizer") else None
    return Saved(config["task"], model.to(dtype=dtype).eval(), tokenizer, config)


def shared(model: nn.Module) -> dict[str, str]:
    """Names of weights that are the same as one with an earlier name, which alone is saved: name -> the earlier one."""
    first: dict[int, str] = {}
    named = model.state_dict(keep_vars=True)
    return {name: first[id(tensor)] for name, tensor in named.items() if first.setdefault(id(tensor), name) != name}


def read_ours(folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    """The config.json of a folder of ours, checked."""
    if not isinstance(config.get("format"), int):
        raise BadInput(
            f"{folder / 'config.json'} is not of a model that workings saved: it has no format number; nor does it name another system's architecture."
        )
    if config["format"] > FORMAT:
        raise BadInput(f"{folder} was written by a newer version of workings ({config.get('workings')}, here {workings.__version__}); update to read it.")
    for key in ("task", "architecture", "settings"):
        if key not in config:
            raise BadInput(f"{folder / 'config.json'} has no {key!r}; copy the model's folder again.")
    if config["architecture"] not in list(ARCHITECTURES):
        raise BadInput(f"{folder} holds a {config['architecture']!r}, which is not known here. {suggest(str(config['architecture']), ARCHITECTURES)}")
    return config
