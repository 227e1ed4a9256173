"""One safetensors file without a config.json: models that are recognized by the names and shapes of their tensors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from workings.errors import BadInput
from workings.weights.blank import blank
from workings.weights.families import autoencoder, lenet, resnet, vae
from workings.weights.halves import Half, halves_of
from workings.weights.importing import Imported
from workings.weights.names import read_all
from workings.weights.tensors import Tensors, opened

RECOGNIZED: tuple[Any, ...] = (resnet, lenet, vae, autoencoder)
"""The families (`weights.families`) with files that need no config. Each has, beside `read_config` and `entries`,
- `recognized(shapes, said) -> config | None`: what a config.json would say, with "architectures" of one name, from the names and shapes of the tensors;
- `supplied(settings, said) -> facts`: what else is known of such a file, such as "preparation", how its pictures are prepared.
`said` is the file's own metadata, name to text."""


class OneFile(Tensors):
    """The tensors of a file, whatever it is called; of both halves, with their names before those of the tensors, where it is one half of a model."""

    def __init__(self, path: Path):
        self.folder, self.halves = path, halves_of(path)
        self.files = {part: self.open(part) for part in self.halves or (path,)}
        self.place = {name: part for part, file in self.files.items() for name in file.keys()}  # noqa: SIM118 (no dict)
        self.names = frozenset(self.place)

    def open(self, path: Path) -> Any:
        """The file itself, or as a half."""
        return Half(opened(path), self.halves[path]) if path in self.halves else opened(path)

    def said(self) -> dict[str, str]:
        """The file's metadata."""
        return self.files[self.folder].metadata() or {}


def bare_file(path: str | Path) -> Path | None:
    """The one safetensors file that is meant: the path itself, or the only one in a folder without a config.json; of two halves, one of them."""
    path = Path(path)
    if path.is_file():
        return path if path.suffix == ".safetensors" else None
    files = sorted(path.glob("*.safetensors"))
    whole = len(files) == 1 or (len(files) == 2 and set(files) == set(halves_of(files[0])))
    return files[0] if whole and not (path / "config.json").exists() else None


def recognized(tensors: OneFile, said: Mapping[str, str]) -> tuple[Any, dict[str, Any]]:
    """The family of a file's model, and its config."""
    shapes = {name: tuple(tensors.shape(name)) for name in tensors.names}
    for family in RECOGNIZED:
        config = family.recognized(shapes, said)
        if config is not None:
            return family, config
    raise BadInput(f"{tensors.folder} holds tensors of no model that is known by them alone; put it as model.safetensors into a folder with its config.json.")


def bare_task(path: str | Path) -> str:
    """What the model of such a file is for."""
    tensors = OneFile(Path(path))
    family, config = recognized(tensors, tensors.said())
    return family.read_config(config)[0]


def read_bare(path: str | Path, dtype: torch.dtype | None = None) -> Imported:
    """The model of a safetensors file, and what is known of it; in the precision in which it is stored (float16 as float32), or in the one asked for."""
    tensors = OneFile(Path(path))
    said = tensors.said()
    family, config = recognized(tensors, said)
    task, settings = family.read_config(config)
    (architecture,) = config["architectures"]
    model = blank(settings)
    state = read_all(
        tensors, family.entries(settings, architecture), model.state_dict(), dtype or (torch.float32 if tensors.dtype == torch.float16 else tensors.dtype)
    )
    model.load_state_dict(state, assign=True)
    facts = {"architecture": architecture} | {name: said[name] for name in ("source", "license") if name in said}
    facts |= family.supplied(settings, said)
    return Imported(task, settings, model.eval(), None, facts)
