"""Vectors in a `.npy` file that grows while they are made: it appears whole, and NumPy can map it into memory."""

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
from torch import Tensor

from workings.errors import BadInput


class VectorFile:
    """Use it as a context: what `write` was given is in the file when the context is left without an error, and nothing is there otherwise."""

    def __init__(self, path: str | Path, width: int):
        self.path, self.width, self.count = Path(path), width, 0
        if self.path.suffix != ".npy":
            raise BadInput(f"{path} should end with .npy, the file of NumPy that vectors are written in.")
        self.part = self.path.with_name(f".{self.path.name}.part")
        self.file: BinaryIO

    def __enter__(self) -> "VectorFile":
        self.file = self.part.open("wb")
        self.header()
        return self

    def header(self) -> None:
        """NumPy leaves room in it for a number of rows that grows."""
        self.file.seek(0)
        np.lib.format.write_array_header_1_0(self.file, {"descr": "<f4", "fortran_order": False, "shape": (self.count, self.width)})

    def write(self, vectors: Tensor) -> None:
        """Add [B, D] vectors."""
        self.file.write(vectors.float().numpy().astype("<f4", copy=False).tobytes())
        self.count += len(vectors)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with contextlib.closing(self.file):
            if kind is None:
                self.header()
                self.file.flush()
                os.fsync(self.file.fileno())
        if kind is None:
            os.replace(self.part, self.path)
        else:
            self.part.unlink(missing_ok=True)
