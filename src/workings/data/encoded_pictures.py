"""Pictures in their files: what the head of each says, and decoded by all cores at once, into memory or when they are asked for."""

import hashlib
import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from workings.data.picture_settings import Preparation
from workings.data.pictures import cropped, huge_pictures_refused, opened, read_pixels
from workings.errors import BadInput

Watch = Callable[[int, int], None]
"""Told how many pictures of how many are done."""

ENDS = {b"\xff\xd8\xff": b"\xff\xd9", b"\x89PNG": b"IEND", b"GIF8": b";"}
"""What a file that begins so has near its end, if it is not cut off."""

GRAY = ("1", "L", "LA", "La", "F")


class Look(NamedTuple):
    """What the head of a file says."""

    size: tuple[int, int]
    """Width and height."""
    gray: bool
    """No color in its mode or in its palette."""


@dataclass(frozen=True)
class Encoded:
    """Pictures as they lie on the disk."""

    names: Sequence[str]
    get: Callable[[int], str | bytes]
    """By row: the path of its file, or what is in it."""

    def __len__(self) -> int:
        return len(self.names)

    def look(self, row: int) -> Look:
        """What the head of its file says."""
        with opened(self.get(row), self.names[row]) as picture:
            palette = picture.getpalette() if picture.mode == "P" else None
            gray = picture.mode in GRAY or picture.mode.startswith("I") or (palette is not None and palette[::3] == palette[1::3] == palette[2::3])
            return Look(picture.size, gray)

    def decoded(self, row: int, how: Preparation) -> Tensor:
        """The picture, brought to its size. -> uint8 [C, H, W]."""
        side = 0 if how.resize == "none" else max(how.size)
        return cropped(read_pixels(self.get(row), how, self.names[row], side), how.crop)

    def check(self, row: int, how: Preparation, thorough: bool = False) -> None:
        """Refuse a file that is cut off: its end is looked at, and it is decoded only if that is not as it should be, or to be thorough."""
        head, tail = self._ends(row)
        wanted = next((end for begin, end in ENDS.items() if head.startswith(begin)), b"")
        if thorough or wanted not in tail:
            self.decoded(row, how)

    def _ends(self, row: int) -> tuple[bytes, bytes]:
        source = self.get(row)
        if isinstance(source, bytes):
            return source[:4], source[-16:]
        with open(source, "rb") as file:
            head = file.read(4)
            file.seek(-min(16, os.fstat(file.fileno()).st_size), os.SEEK_END)
            return head, file.read()

    def length(self, row: int) -> int:
        """Of its file, in bytes."""
        source = self.get(row)
        return len(source) if isinstance(source, bytes) else os.path.getsize(source)


def by_all_cores(rows: Sequence[int], work: Callable[[int, int], None], watch: Watch | None = None) -> dict[int, BadInput]:
    """work(place, row) for every row, in threads: Pillow decodes and resizes without holding the interpreter. -> the places that cannot be read, and why."""
    cores = os.cpu_count() or 1
    at_once = max(1, min(64, len(rows) // (4 * cores)))
    broken: dict[int, BadInput] = {}

    def some(start: int) -> None:
        for place in range(start, min(start + at_once, len(rows))):
            try:
                work(place, rows[place])
            except BadInput as error:
                broken[place] = error

    starts = range(0, len(rows), at_once)
    Image.init()  # threads that meet a rare format at the same time would disturb each other in finding who reads it
    with huge_pictures_refused(), ThreadPoolExecutor(cores) as pool:
        for start, _ in zip(starts, pool.map(some, starts), strict=True):
            if watch:
                watch(min(start + at_once, len(rows)), len(rows))
    return dict(sorted(broken.items()))


def decode(encoded: Encoded, rows: Sequence[int], how: Preparation, watch: Watch | None = None) -> tuple[Tensor, dict[int, BadInput]]:
    """Pictures of one size, uint8 [B, C, H, W], and the places of those that cannot be read, which are gray all over."""
    result = torch.empty(len(rows), how.channels, *(how.crop or how.size), dtype=torch.uint8)

    def work(place: int, row: int) -> None:
        result[place] = encoded.decoded(row, how)

    broken = by_all_cores(rows, work, watch)
    for place in broken:
        result[place] = 128
    return result, broken


class OnDemand:
    """Pictures that do not fit: each is decoded whenever it is asked for."""

    def __init__(self, encoded: Encoded, how: Preparation):
        self.encoded, self.how = encoded, how
        height, width = how.crop or how.size
        self.shape = (how.channels, height, width)

    def pixels(self, rows: Tensor) -> Tensor:
        """int64 [B] -> uint8 [B, C, H, W]. One that was whole when it was looked at and is broken inside is gray, with a warning: a run of hours goes on."""
        result, broken = decode(self.encoded, rows.tolist(), self.how)
        for error in broken.values():
            warnings.warn(f"{error} It is learned as a gray one.", stacklevel=2)
        return result

    def name_of(self, row: int) -> str:
        """The name of its file."""
        return self.encoded.names[row]

    def key(self, rows: Tensor) -> bytes:
        """A hash of the names and lengths of the files."""
        key = hashlib.blake2b(digest_size=16)
        for row in rows.tolist():
            key.update(f"{self.encoded.names[row]}\n{self.encoded.length(row)}\n".encode("utf-8", "surrogateescape"))
        return key.digest()
