"""Checkpoints: the whole state of a run in one safetensors file, written at once or not at all, and proven whole when read."""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from workings.errors import BadInput

DAMAGE = (SafetensorError, ValueError, OSError, KeyError)
"""What `read` raises when a bit of a file is not as it was written."""


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that its name always stands for a whole one: a temporary file, flushed to the disk, then renamed."""
    temporary = path.with_name(path.name + ".partial")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        flush_names(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise BadInput(f"{path} could not be written: {error.strerror}; what was saved before is untouched. Make room, then resume.") from error


def flush_names(folder: Path) -> None:
    """Make the names in a folder last through a loss of power, where the system can."""
    with contextlib.suppress(OSError):  # not every system opens folders
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def digest(tensors: dict[str, Tensor], facts: str) -> str:
    """A checksum over names, shapes, bytes and facts."""
    total = hashlib.blake2b(facts.encode(), digest_size=16)
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        total.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy() if tensor.numel() else b"")
    return total.hexdigest()


STOPPED = "-stopped"
"""Marks the name of a checkpoint that is only there because a run was stopped."""


class Checkpoints:
    """The last few checkpoints of a run."""

    def __init__(self, folder: Path, keep: int):
        self.folder, self.keep = folder, keep

    def files(self) -> list[Path]:
        """Oldest first."""
        return sorted(self.folder.glob("step-*.safetensors"))

    def save(self, step: int, tensors: dict[str, Tensor], facts: dict[str, Any], stopped: bool = False) -> Path:
        """Write one and forget the oldest beyond `keep`, damaged ones of later steps, and what a kill left half written.

        stopped: it is written only because somebody said stop. It pushes no other out, and the next one forgets it: where a run was stopped must not show.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(facts)
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        path = self.folder / f"step-{step:08d}{STOPPED if stopped else ''}.safetensors"
        write_whole(path, safetensors.torch.save(tensors, metadata={"facts": text, "digest": digest(tensors, text)}))
        files = self.files()
        kept = [old for old in files[: files.index(path) + 1] if old == path or not old.stem.endswith(STOPPED)][-(self.keep + stopped) :]
        for old in [*set(files).difference(kept), *self.folder.glob("*.partial")]:
            old.unlink()
        return path

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any], list[str]] | None:
        """The newest whole checkpoint: its tensors, its facts, and a sentence for every damaged one that was passed over; None if there never was any."""
        damaged = []
        for path in reversed(self.files()):
            try:
                return *read(path), damaged
            except DAMAGE as error:
                damaged.append(f"{path} is damaged ({error}).")
        if damaged:
            raise BadInput(f"No checkpoint can be used: {' '.join(damaged)} Train again with --overwrite, or put a good copy back.")
        return None


def read_whole(paths: list[Path], warn: Callable[[str], None]) -> Iterator[dict[str, Tensor]]:
    """The tensors of one after another; a damaged one is named and left out."""
    for path in paths:
        try:
            yield read(path)[0]
        except DAMAGE as error:
            warn(f"{path} is damaged ({error}); it is left out.")


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """One checkpoint; `ValueError` or `SafetensorError` if a bit of it is not as it was written."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        names = file.keys()
        tensors = {name: file.get_tensor(name) for name in names}
    if metadata["digest"] != digest(tensors, metadata["facts"]):
        raise ValueError("its checksum does not match its contents")
    return tensors, json.loads(metadata["facts"])
