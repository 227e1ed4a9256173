"""Pictures and their labels: held in one tensor, or decoded when they are asked for (statements 4.1-4.3)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from workings.data.picture_settings import Preparation


class Store(Protocol):
    """Pictures of one size, by their row."""

    shape: tuple[int, int, int]
    """C, H, W."""

    def pixels(self, rows: Tensor) -> Tensor:
        """int64 [B] -> uint8 [B, C, H, W]."""
        ...

    def name_of(self, row: int) -> str:
        """The name of its file, or its number."""
        ...

    def key(self, rows: Tensor) -> bytes:
        """A hash of these pictures that takes little time."""
        ...


class Held:
    """Pictures that fit: uint8 [N, C, H, W]."""

    def __init__(self, tensor: Tensor, names: Sequence[str] = ()):
        self.tensor, self.names = tensor, names
        self.shape = (tensor.shape[1], tensor.shape[2], tensor.shape[3])

    def pixels(self, rows: Tensor) -> Tensor:
        """int64 [B] -> uint8 [B, C, H, W]."""
        return self.tensor[rows]

    def name_of(self, row: int) -> str:
        """The name of its file, or its number."""
        return self.names[row] if self.names else f"picture {row:,}"

    def key(self, rows: Tensor) -> bytes:
        """A hash of the pixels."""
        key = hashlib.blake2b(digest_size=16)
        for some in rows.split(1024):
            key.update(self.tensor[some].numpy().data)
        return key.digest()


@dataclass(frozen=True)
class LabeledPictures:
    """Pictures of one size and the name of the class of each."""

    where: str
    labels: list[str]
    store: Store
    rows: Tensor
    """int64 [N]: where in the store each of them is."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Why pictures were left out, and how many."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """C, H, W of every picture."""
        return self.store.shape

    def __len__(self) -> int:
        return len(self.labels)

    def pixels(self, rows: Tensor) -> Tensor:
        """int64 [B] -> uint8 [B, C, H, W]; the same for the same rows at any time."""
        return self.store.pixels(self.rows[rows])

    def of(self, rows: Tensor | Sequence[int]) -> "LabeledPictures":
        """Some of them, by number; no picture is copied."""
        chosen = torch.as_tensor(rows, dtype=torch.int64)
        return LabeledPictures(self.where, [self.labels[row] for row in chosen.tolist()], self.store, self.rows[chosen], self.left_out)

    def name_of(self, row: int) -> str:
        """The name of its file below the folder of the data, or "picture 17", counted from 0 as the source has them."""
        return self.store.name_of(int(self.rows[row]))

    def fingerprint(self) -> str:
        """What is learned from, as a hash: the labels, and the pixels where they are held, else the names and lengths of the files."""
        key = hashlib.blake2b(f"{self.shape}\n".encode(), digest_size=16)
        key.update(self.store.key(self.rows))
        key.update("\n".join(self.labels).encode())
        return key.hexdigest()


def same_pictures(learned: LabeledPictures, held: LabeledPictures) -> int:
    """How many pictures of the second set are in the first, pixel by pixel; 0 where they are not held in memory, since each would have to be decoded."""
    if not (isinstance(learned.store, Held) and isinstance(held.store, Held)):
        return 0
    known = {learned.store.key(row) for row in learned.rows.split(1)}
    return sum(held.store.key(row) in known for row in held.rows.split(1))


@dataclass(frozen=True)
class PictureParts:
    """The parts that a source keeps apart."""

    train: LabeledPictures
    validation: LabeledPictures | None
    test: LabeledPictures | None
    preparation: Preparation
    """How a picture of any size becomes one as these are, and then its numbers between 0 and 1; mean and std are not known here."""
    notes: tuple[str, ...] = ()
    """What was decided and what was left out, in sentences."""
