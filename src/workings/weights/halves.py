"""An encoder and its decoder in a file each, NAME_encoder.safetensors and NAME_decoder.safetensors: two halves of a model."""

from pathlib import Path
from typing import Any

HALVES = ("encoder", "decoder")
"""What the files are called, and what stands before the names of their tensors here."""


def halves_of(path: Path) -> dict[Path, str]:
    """Both files of which this is one, and which half each is; none if the other is not beside it.

    >>> halves_of(Path("one.safetensors"))
    {}
    """
    for half, other in (HALVES, HALVES[::-1]):
        if half in path.stem:
            beside = path.with_stem(other.join(path.stem.rsplit(half, 1)))
            return {path: half, beside: other} if beside.is_file() else {}
    return {}


class Half:
    """A safetensors file whose tensors have the name of the half before theirs."""

    def __init__(self, file: Any, half: str):
        self.file, self.before = file, f"{half}."

    def keys(self) -> list[str]:
        """The names of the tensors."""
        return [self.before + name for name in self.file.keys()]  # noqa: SIM118 (no dict)

    def metadata(self) -> dict[str, str] | None:
        """The file's own."""
        return self.file.metadata()

    def get_slice(self, name: str) -> Any:
        """The shape and type of a tensor."""
        return self.file.get_slice(name.removeprefix(self.before))

    def get_tensor(self, name: str) -> Any:
        """A tensor."""
        return self.file.get_tensor(name.removeprefix(self.before))
