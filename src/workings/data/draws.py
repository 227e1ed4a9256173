"""Random numbers without a generator: a pure function of (seed, step, place, row), so that a resumed run and any cut of a batch see the same ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workings.data.order import GOLDEN, hashed, mixed
from workings.errors import BadInput

EXAMPLES = 2**32  # a place that no chain has, so that an example shares nothing with a row of step 0
_DRAWS = 3  # what a hash is for, so that it shares nothing with the order of the data


@dataclass(frozen=True)
class Seen:
    """Which example each row of a whole batch is, and in which epoch it is seen; as `Order.indices` and `Order.epochs` give them, int64 [rows]."""

    examples: Tensor
    epochs: Tensor


class Draws:
    """The random numbers of some rows of one batch.

    The same call gives the same numbers; what needs others asks `at` another place. rows: how many rows from `first` on, or their numbers in the whole batch.
    seen: of the whole batch, for what follows an example from epoch to epoch.
    """

    def __init__(self, seed: int, step: int, rows: int | Tensor, first: int = 0, places: Sequence[int] = (), seen: Seen | None = None):
        self.seed, self.step, self.places, self.seen = seed, step, tuple(places), seen
        self.rows = torch.arange(first, first + rows) if isinstance(rows, int) else rows

    def at(self, place: int) -> "Draws":
        """The numbers of the same rows for another use."""
        return Draws(self.seed, self.step, self.rows, places=(*self.places, place), seen=self.seen)

    def of(self, rows: Tensor) -> "Draws":
        """The numbers for the same use of other rows, given by their numbers in the whole batch."""
        return Draws(self.seed, self.step, rows, places=self.places, seen=self.seen)

    def of_examples(self) -> tuple["Draws", Tensor]:
        """The numbers of the examples that the rows are, the same in every step, and in which epoch each is seen, int64 [rows]."""
        if self.seen is None:
            raise BadInput("What changes from epoch to epoch has to be told which examples a batch holds and in which epoch; give Draws its `seen`.")
        return Draws(self.seed, 0, self.seen.examples[self.rows], places=(*self.places, EXAMPLES)), self.seen.epochs[self.rows]

    def uniform(self, columns: int = 1) -> Tensor:
        """Uniform in [0, 1), float64 [rows, columns]."""
        key = hashed(self.seed, self.step, _DRAWS, *self.places)
        row = mixed(key + (self.rows.numpy().astype(np.uint64) + np.uint64(1)) * GOLDEN)
        bits = mixed(row[:, None] + np.arange(1, columns + 1, dtype=np.uint64) * GOLDEN)
        return torch.from_numpy((bits >> np.uint64(11)).astype(np.float64) * 2.0**-53)

    def integers(self, low: int, high: int, columns: int = 1) -> Tensor:
        """Whole numbers low ... high, both ends included, int64 [rows, columns]."""
        return (self.uniform(columns) * (high - low + 1)).long() + low

    def permutation(self, total: int) -> Tensor:
        """A permutation of the rows of the whole batch, the same whichever rows are at hand, int64 [total]."""
        return self.of(torch.arange(total)).uniform()[:, 0].argsort(stable=True)
