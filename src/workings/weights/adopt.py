"""A foreign model becomes a model folder of ours, and says what it is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from workings.errors import BadInput
from workings.models.architectures import name_of
from workings.weights.eight_bits import shrink
from workings.weights.ensemble import member_folders
from workings.weights.folder import Saved, load_folder, save_folder, unshared
from workings.weights.importing import named_dtype
from workings.weights.summary import memory, switches, table
from workings.weights.tensors import FILE

PLACE = Path("models")


@dataclass
class Adopted:
    """What was made of a foreign model."""

    folder: Path
    """Where it is now."""
    source: str
    task: str
    architecture: str
    """What it is called there."""
    stored: str
    """The type of its weights."""
    model: torch.nn.Module
    tokenizer: str | None
    """The kind of its tokenizer."""
    missing: str
    """What it cannot be used without, or nothing."""

    def lines(self) -> list[str]:
        """The table of its parts, and the switches that its config was read as."""
        said = ", ".join(f"{name}={value}" for name, value in switches(self.model.settings).items())
        tokenizer = f"its tokenizer ({self.tokenizer})" if self.tokenizer else "no tokenizer"
        size = memory((self.folder / FILE).stat().st_size)
        lines = [f"{self.source}: {self.architecture}, for the task {self.task}, with {tokenizer}; weights in {self.stored}, {size} on disk"]
        if self.missing:
            lines.append(f"It has no {self.missing}, so it cannot be used; copy that into the folder it came from and import again.")
        return [*lines, "", *table(self.model), "", f"settings that are not the defaults: {said}"]


def adopt(name: str, source: Path, to: str | Path | None, dtype: str | None, overwrite: bool, card: Callable[..., str]) -> Adopted:
    """Load the model in a folder (of another system, or of ours on the hub) and write it as a model folder of ours.

    name: as it was given, a hub's name or a folder. to: the new folder, models/NAME if None. dtype: a name of `DTYPES`, or "int8".
    card: what writes the model card.
    """
    local = Path(name).expanduser().exists()
    last = source.resolve().name if local else name.rpartition("/")[2]
    folder = Path(to) if to is not None else PLACE / last.removesuffix(".safetensors")
    refuse_to_replace(folder, overwrite, "--to")
    if folder.exists() and folder.resolve() in (source.resolve(), *source.resolve().parents):
        raise BadInput(f"{folder} is where the model comes from; choose another folder with --to.")
    if member_folders(source):
        raise BadInput(f"{name} is an ensemble of ours already; use {source} as it is.")
    saved = load_folder(source, None if dtype == "int8" else named_dtype(dtype))
    theirs = str(saved.facts.get("origin", saved.facts).get("architecture", name_of(saved.model.settings)))
    parameters = sum(parameter.numel() for parameter in saved.model.parameters())
    stored = "int8" if dtype == "int8" else str(next(saved.model.parameters()).dtype).removeprefix("torch.")
    license = saved.facts.get("license")
    called = last if local else name  # others have no use for where a folder was here
    text = card(folder.name, called, theirs, saved.task, saved.model.settings, parameters, stored, license)
    weights = shrink(unshared(saved.model.state_dict())) if dtype == "int8" else saved.model.state_dict()
    save_folder(folder, saved.task, saved.model.settings, weights, saved.tokenizer, text, **facts_to_keep(saved, called))
    missing = "" if saved.task != "pictures" or "preparation" in saved.facts else "preprocessor_config.json"
    missing = "tokenizer" if saved.task not in ("pictures", "diffusion") and saved.tokenizer is None else missing
    return Adopted(folder, name, saved.task, theirs, stored, saved.model, saved.tokenizer.kind if saved.tokenizer else None, missing)


def facts_to_keep(saved: Saved, name: str) -> dict[str, Any]:
    """What our config.json says beside the settings: where the model comes from, and how it wants to be used."""
    ours = {"format", "workings", "task", "architecture", "settings", "tokenizer", "license"}
    origin = {"source": name, "architecture": saved.facts.get("architecture"), "license": saved.facts.get("license")}
    return {"origin": origin} | {key: value for key, value in saved.facts.items() if key not in ours}  # a folder of ours has an origin already


MODELS = ("config.json", "*.onnx", "*.pt2")
"""What a folder of a model has in it, ours or an exported one."""


def refuse_to_replace(folder: Path, overwrite: bool, flag: str) -> None:
    """An existing folder stays, unless it may be replaced and holds nothing but a model."""
    if not folder.exists():
        return
    if not overwrite:
        raise BadInput(f"{folder} exists; give another folder with {flag}, or --overwrite to replace it.")
    if not folder.is_dir() or (any(folder.iterdir()) and not any(path for kind in MODELS for path in folder.glob(kind))):
        raise BadInput(f"{folder} holds something else than a model, so it is not replaced; give another folder with {flag}.")
