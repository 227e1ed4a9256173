"""The tokens of many texts in one tensor: a million texts take the room of their tokens, not that of a million tensors (about half a kilobyte each)."""

from collections.abc import Callable, Iterator, Sequence
from typing import overload

import torch
from torch import Tensor

WINDOW = 4096
"""So many texts are made into tokens, or unpacked, at once."""


class Ragged(Sequence[Tensor]):
    """Rows of different lengths, one after another: flat int32 [N], of which row i begins where those before it end; lengths: int64 [rows]."""

    def __init__(self, flat: Tensor, lengths: Tensor):
        self.flat, self.lengths = flat, lengths
        self.starts = lengths.cumsum(0) - lengths

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, row: int) -> Tensor: ...
    @overload
    def __getitem__(self, row: slice) -> list[Tensor]: ...
    def __getitem__(self, row: int | slice) -> Tensor | list[Tensor]:
        """One row, int64 [T_i], or the rows of a slice."""
        if isinstance(row, slice):
            return [self[number] for number in range(*row.indices(len(self)))]
        begin = int(self.starts[row])
        return self.flat[begin : begin + int(self.lengths[row])].long()

    def __iter__(self) -> Iterator[Tensor]:
        """The rows in order, int64 [T_i]."""
        for first in range(0, len(self), WINDOW):
            begin, lengths = int(self.starts[first]), self.lengths[first : first + WINDOW]
            yield from self.flat[begin : begin + int(lengths.sum())].long().split(lengths.tolist())

    def where(self, wanted: Tensor) -> "Ragged":
        """The rows that are wanted. wanted: bool [rows]."""
        return self if bool(wanted.all()) else Ragged(self.flat[wanted.repeat_interleave(self.lengths)], self.lengths[wanted])


def ragged(texts: Sequence[str], tokens_of: Callable[[Sequence[str]], Sequence[Tensor]]) -> Ragged:
    """The tokens of each text. tokens_of: from some texts to the tokens of each, int64 [T_i]."""
    parts, lengths = [torch.empty(0, dtype=torch.int32)], [torch.empty(0, dtype=torch.int64)]
    for begin in range(0, len(texts), WINDOW):
        found = tokens_of(texts[begin : begin + WINDOW])
        parts.append(torch.cat(list(found)).int())
        lengths.append(torch.tensor([len(tokens) for tokens in found]))
    return Ragged(torch.cat(parts), torch.cat(lengths))
