"""The tensors of a foreign folder: `model.safetensors`, or an index and its shards; mapped into memory, never unpickled."""

import errno
import json
import os
import re
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Size, Tensor

from workings.errors import BadInput

FILE = "model.safetensors"
DIFFUSERS_FILE = "diffusion_pytorch_model.safetensors"
"""What diffusers calls it."""
INDEX = "model.safetensors.index.json"
PICKLED = (".bin", ".pt", ".pth", ".ckpt")
STORED = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
CONVERT = (
    "a pickle can run any program when it is opened, so it is not read here; where it can be trusted, convert it once with transformers: "
    "AutoModel.from_pretrained(folder).save_pretrained(new_folder), with the class that config.json names in place of AutoModel"
)


class Tensors:
    """Names, shapes and, one by one, the tensors of a folder.

    A tensor from `get` lies in the file, mapped into memory: it costs nothing until it is looked at, and a change to it stays in memory.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        paths, promised = find(self.folder)
        self.files = {path: opened(path) for path in paths}
        self.place = {name: path for path, file in self.files.items() for name in file.keys()}  # noqa: SIM118 (no dict)
        """The file that holds each tensor."""
        for name, file in promised.items():
            if self.place.get(name) != self.folder / file:
                raise BadInput(f"{self.folder / INDEX} says that {name} is in {file}, where it is not; copy the folder again.")
        self.names = frozenset(self.place)

    def shape(self, name: str) -> Size:
        """The shape of a tensor, without reading it."""
        return Size(self.files[self.place[name]].get_slice(name).get_shape())

    def get(self, name: str, *, apart: bool = False) -> Tensor:
        """A tensor, mapped to the file. apart: on a mapping of its own, whose memory is given back together with the tensor; for one that is then copied."""
        path = self.place[name]
        file = self.open(path) if apart else self.files[path]
        return file.get_tensor(name)

    def open(self, path: Path) -> Any:
        """One of the files, on a mapping of its own."""
        return opened(path)

    @property
    def dtype(self) -> torch.dtype:
        """The floating type in which most numbers are stored; float32 if there is none."""
        counts: dict[str, int] = {}
        for name, path in self.place.items():
            part = self.files[path].get_slice(name)
            counts[part.get_dtype()] = counts.get(part.get_dtype(), 0) + Size(part.get_shape()).numel()
        floating = {kind: count for kind, count in counts.items() if kind in STORED}
        return STORED[max(floating, key=floating.__getitem__)] if floating else torch.float32

    def bytes(self) -> int:
        """The size of the files on disk."""
        return sum(path.stat().st_size for path in self.files)


def find(folder: Path) -> tuple[list[Path], dict[str, str]]:
    """The safetensors files of a folder, and which file an index says that each tensor is in."""
    for name in (FILE, DIFFUSERS_FILE):
        if (folder / name).exists():
            return [folder / name], {}
    if (folder / INDEX).exists():
        promised = read_json(folder / INDEX).get("weight_map")
        if not isinstance(promised, dict) or not all(isinstance(file, str) and Path(file).name == file for file in promised.values()):
            raise BadInput(f"{folder / INDEX} has no weight_map of tensor names to files beside it; copy the folder again.")
        files = sorted(set(promised.values()))
        absent = [file for file in files if not (folder / file).exists()]
        if absent:
            raise BadInput(f"{folder / INDEX} names {', '.join(absent)}, which the folder lacks; copy the folder again, with all its parts.")
        return [folder / file for file in files], promised
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLED)
    if pickled:
        raise BadInput(f"{folder} has its weights in {', '.join(pickled)} only: {CONVERT}.")
    raise BadInput(f"{folder} has no weights: neither {FILE} nor {INDEX}; copy the folder again.")


def opened(path: Path) -> Any:
    """A safetensors file, its header checked."""
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{path} is damaged or cut short ({' '.join(str(error).split())}); copy it again.") from error


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # UnicodeDecodeError too
        raise BadInput(f"{path} is not valid JSON: {error}; copy it again.") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    if not isinstance(content, dict):
        raise BadInput(f"{path} holds no JSON object; copy it again.")
    return content


def write_tensors(folder: str | Path, tensors: Mapping[str, Tensor], file: str = FILE) -> Path:
    """Write one file of tensors, on disk when this returns; "format: pt" is what transformers asks for. A full disk is an `OSError`, as everywhere."""
    path = Path(folder) / file
    try:
        safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata={"format": "pt"})
    except SafetensorError as error:
        code = re.search(r"os error (\d+)", str(error))
        number = int(code[1]) if code else errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from error
    path.chmod(0o644)  # the library makes it readable for its owner alone, unlike the files beside it
    flush(path)
    return path


def flush(path: Path) -> None:
    """Return when a file, or the names in a folder where the system can, are on disk."""
    with suppress(OSError) if path.is_dir() else nullcontext():  # not every system opens folders
        handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
