"""One safetensors file without a config.json: models that are recognized by the names and shapes of their tensors."""

from pathlib import Path

import torch

from workings.data.picture_settings import CIFAR10_CLASSES, IMAGENET_MEAN, IMAGENET_STD, Preparation
from workings.errors import BadInput
from workings.settings import to_dict
from workings.weights.blank import blank
from workings.weights.families import resnet
from workings.weights.importing import Imported
from workings.weights.names import read_all
from workings.weights.tensors import Tensors, opened

PREPARATIONS = {
    "mean .485 .456 .406 std .229 .224 .225, RGB/255": Preparation(resize="stretch", size=(32, 32), mean=IMAGENET_MEAN, std=IMAGENET_STD),
}
"""What the files say of how their pictures were prepared, in their metadata's "norm"; those for CIFAR-10 have 32 x 32 pixels."""


class OneFile(Tensors):
    """The tensors of a file, whatever it is called."""

    def __init__(self, path: Path):
        self.folder = path
        self.files = {path: opened(path)}
        self.place = dict.fromkeys(self.files[path].keys(), path)
        self.names = frozenset(self.place)


def bare_file(path: str | Path) -> Path | None:
    """The one safetensors file that is meant: the path itself, or the only one in a folder without a config.json."""
    path = Path(path)
    if path.is_file():
        return path if path.suffix == ".safetensors" else None
    files = sorted(path.glob("*.safetensors"))
    return files[0] if len(files) == 1 and not (path / "config.json").exists() else None


def read_bare(path: str | Path, dtype: torch.dtype | None = None) -> Imported:
    """The model of a safetensors file; so far, residual networks for small pictures (He et al. 2016, section 4.2)."""
    tensors = OneFile(Path(path))
    config = resnet.recognized({name: tuple(tensors.shape(name)) for name in tensors.names})
    if config is None:
        raise BadInput(f"{path} holds tensors of no model that is known by them alone; put it as model.safetensors into a folder with its config.json.")
    said = tensors.files[tensors.folder].metadata() or {}
    if "cifar10" in said.get("source", "") and config["num_labels"] == len(CIFAR10_CLASSES):
        config["id2label"] = {str(place): name for place, name in enumerate(CIFAR10_CLASSES)}
    task, settings = resnet.read_config(config)
    model = blank(settings)
    state = read_all(tensors, resnet.entries(settings, resnet.CIFAR), model.state_dict(), dtype or tensors.dtype)
    model.load_state_dict(state, assign=True)
    facts = {"architecture": resnet.CIFAR} | {name: said[name] for name in ("source", "license") if name in said}
    if said.get("norm") in PREPARATIONS:
        facts["preparation"] = to_dict(PREPARATIONS[said["norm"]])
    return Imported(task, settings, model.eval(), None, facts)
