"""A model folder: `config.json`, `model.safetensors`, the tokenizer and a card; loadable by itself, never by unpickling."""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor, nn

import workings
from workings.data.tokenizers import Tokenizer, load_tokenizer
from workings.errors import BadInput, suggest
from workings.models.build import build
from workings.models.settings import ARCHITECTURES
from workings.settings import from_dict, to_dict

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
    architecture = next(name for name, cls in ARCHITECTURES.items() if isinstance(settings, cls))
    config = {"format": FORMAT, "workings": workings.__version__, "task": task, "architecture": architecture, "settings": to_dict(settings)}
    config |= {"tokenizer": tokenizer.kind if tokenizer is not None else None, **facts}
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f".{folder.name}-*"):  # by a kill
        shutil.rmtree(left, ignore_errors=True)
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        (new / "model.safetensors").write_bytes(safetensors.torch.save({name: tensor.cpu().contiguous() for name, tensor in weights.items()}))
        (new / "config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        (new / "README.md").write_text(card, encoding="utf-8")
        if tokenizer is not None:
            tokenizer.save(new)
        new.chmod(0o755)
        old = new.with_name(new.name + "-old")
        if folder.exists():
            os.replace(folder, old)
        os.replace(new, folder)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise BadInput(f"The model could not be written to {folder}: {error.strerror}; the one saved before is untouched. Make room, then resume.") from error


def load_folder(folder: str | Path) -> Saved:
    """The model, in evaluation mode, with its tokenizer, from a model folder or from a run folder (its model/)."""
    folder = Path(folder)
    if (folder / "model" / "config.json").exists():
        folder = folder / "model"
    if not (folder / "config.json").exists():
        reason = "does not exist" if not folder.exists() else "has no config.json, nor a model/ with one; has the run been evaluated once?"
        raise BadInput(f"There is no model in {folder}: it {reason}")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:  # UnicodeDecodeError too
        raise BadInput(f"{folder / 'config.json'} is not valid JSON: {error}.") from error
    if not isinstance(config, dict) or not isinstance(config.get("format"), int):
        raise BadInput(f"{folder / 'config.json'} is not of a model that workings saved: it has no format number.")
    if config["format"] > FORMAT:
        raise BadInput(f"{folder} was written by a newer version of workings ({config.get('workings')}, here {workings.__version__}); update to read it.")
    for key in ("task", "architecture", "settings"):
        if key not in config:
            raise BadInput(f"{folder / 'config.json'} has no {key!r}; copy the model's folder again.")
    if config["architecture"] not in ARCHITECTURES:
        raise BadInput(f"{folder} holds a {config['architecture']!r}, which is not known here. {suggest(config['architecture'], ARCHITECTURES)}")
    try:
        model = build(from_dict(ARCHITECTURES[config["architecture"]], config["settings"], "settings."))
    except BadInput as error:
        raise BadInput(f"{folder / 'config.json'}: {error}") from error
    try:
        model.load_state_dict(safetensors.torch.load_file(folder / "model.safetensors"))
    except (SafetensorError, OSError, RuntimeError) as error:
        raise BadInput(f"{folder / 'model.safetensors'} cannot be read as this model: {' '.join(str(error).split())}") from error
    tokenizer = load_tokenizer(folder, config["tokenizer"]) if config.get("tokenizer") else None
    return Saved(config["task"], model.eval(), tokenizer, config)
