"""Batches of so many tokens, made of examples of like length, in an order that is a pure function of (seed, step)."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from workings.data.order import permutation


class TokenBuckets:
    """Which examples each step sees; an example may have several lengths, such as those of a text and of its translation.

    Examples are sorted by their lengths and cut into batches that hold at most `tokens` tokens, padding of every side counted, and at most `batch` examples. As
    the sorted lengths are the same in every epoch, so are the cuts, and with them the number of steps in an epoch; which of the examples of equal lengths stand
    where, and in which order the batches come, is that of a fresh permutation. Every example is seen once an epoch.
    """

    def __init__(self, lengths: Tensor, tokens: int, batch: int, seed: int):
        """lengths: [N, sides]."""
        self.lengths, self.seed = lengths.numpy(), seed
        self.cuts = cuts(self.lengths[self.sorted(np.arange(len(lengths)))], tokens, batch)
        self.epoch = lru_cache(maxsize=2)(self.lay_out)

    @property
    def steps(self) -> int:
        """Steps in an epoch."""
        return len(self.cuts) - 1

    def rows(self, step: int) -> Tensor:
        """The numbers of the examples of a step, int64 [rows]."""
        epoch, place = divmod(step, self.steps)
        examples, batches = self.epoch(epoch)
        number = batches[place]
        return torch.from_numpy(examples[self.cuts[number] : self.cuts[number + 1]])

    def lay_out(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """All examples in the order in which they are cut into batches, [N], and the order of the batches, [steps]."""
        return self.sorted(permutation(len(self.lengths), self.seed, epoch)), permutation(self.steps, self.seed + 1, epoch)

    def sorted(self, order: np.ndarray) -> np.ndarray:
        """Examples by their last length, those of equal ones by the others, rising and falling in turn, so that neighbors are alike; equals stay in order."""
        *others, last = self.lengths[order].T
        return order[np.lexsort([*(side * (1 - 2 * (last % 2)) for side in others), last])]


def cuts(lengths: np.ndarray, tokens: int, batch: int) -> list[int]:
    """Where batches begin, and the end: each as long as it may be. lengths: [N, sides], sorted as `TokenBuckets.sorted` does."""
    found, longest = [0], np.zeros(lengths.shape[1], dtype=lengths.dtype)
    for place, sides in enumerate(lengths):
        longest = np.maximum(longest, sides)
        count = place + 1 - found[-1]
        if count > 1 and (count > batch or count * longest.sum() > tokens):
            found.append(place)
            longest = sides
    return [*found, len(lengths)]
