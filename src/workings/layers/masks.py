"""What a query may see: the one meaning of a mask, and the one place where masks are combined."""

from typing import NamedTuple

import torch
from torch import Tensor

from workings.layers.fast.available import enabled
from workings.layers.fast.compiler import library


class Mask(NamedTuple):
    """Which columns the queries see; by default, all."""

    seen: Tensor | None = None
    """True where a column may be seen, [B or 1, 1, T or 1, S], the triangle included; None where nothing but the triangle hides any."""
    causal: bool = False
    """Whether a query sees no column after its own: the lower triangle, aligned to the top left as kernels have it."""
    spans: Tensor | None = None
    """`seen` without the triangle in two numbers for each sequence: its first visible column and the one after its last, int64 [B, 2]. None where
    nobody needs them, or where they cannot say it."""

    def of(self, place: Tensor, columns: int) -> "Mask":
        """The mask of one query a sequence, that of column place[b]. place: [B]."""
        if (self.seen is None and not self.causal) or (self.seen is not None and self.seen.shape[2] == 1):
            return self
        column = torch.arange(columns, device=place.device)
        visible = column <= place[:, None] if self.seen is None else self.seen.expand(len(place), -1, -1, -1)[torch.arange(len(place)), 0, place]
        return Mask(visible[:, None, None], spans=spans(visible))


EVERYTHING = Mask()


def visibility(causal: bool, visible: Tensor | None, new: int, columns: int, device: torch.device, window: int = 0) -> Mask:
    """The mask of `new` queries, the last of `columns` columns.

    visible: [B, columns], False for padding. window: how many columns a query sees, its own included; 0 for all.
    """
    every = torch.compiler.is_exporting()  # a graph is for every length, so none may decide what is in it
    narrow = window > 0 and (every or window < columns)
    square = not every and new == columns
    if visible is None and not narrow and (not causal or square or (not every and new == 1)):
        return Mask(causal=causal and new > 1)
    seen = None if visible is None else visible[:, None, None, :]
    if causal and (every or new > 1 or narrow):
        column = torch.arange(columns, device=device)
        query = column[columns - new :, None]
        triangle = (column <= query) & (column > query - window) if narrow else column <= query
        seen = triangle[None, None] if seen is None else seen & triangle
    plain = visible is not None and not narrow and (square or not causal)
    return Mask(seen, causal and square, spans(visible) if plain else None)


def spans(visible: Tensor) -> Tensor | None:
    """The first visible column of each sequence and the one after its last, int64 [B, 2]; 0 and 0 where there is none. visible: [B, S].

    None where a sequence has a gap, and where no kernel would ask: outside training and outside this machine's memory.
    """
    plain = type(visible) is Tensor and visible.device.type == "cpu" and not torch.compiler.is_compiling()
    if not (torch.is_grad_enabled() and plain and enabled()) or library() is None:
        return None
    first, count = visible.byte().argmax(-1), visible.sum(-1)
    column = torch.arange(visible.shape[-1])
    whole = (column >= first[:, None]) & (column < (first + count)[:, None])
    return torch.stack((first, first + count), -1) if torch.equal(whole, visible) else None
