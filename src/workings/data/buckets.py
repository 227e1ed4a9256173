"""Batches of like length, in an order that is a pure function of (seed, step)."""

from functools import lru_cache

import torch
from torch import Tensor

from workings.data.order import Order, permutation

GROUP = 32
"""Batches that are sorted together: enough that rows of like length meet, few enough that it is not always the same ones."""


class Buckets:
    """Which examples each step sees.

    Every epoch is a fresh permutation of all examples, cut into groups of GROUP batches; the examples of a group are sorted by length and cut into batches,
    and the batches of the epoch are put into an order of their own. Within an epoch no example is seen twice; those that fill no whole batch are left out,
    others in every epoch. Fewer examples than a batch are seen in their plain order.
    """

    def __init__(self, lengths: Tensor, batch: int, seed: int):
        self.lengths, self.batch, self.seed = lengths, batch, seed
        self.steps = len(lengths) // batch
        """Steps in an epoch."""
        self.epoch = lru_cache(maxsize=2)(self.lay_out)

    def rows(self, step: int) -> Tensor:
        """The numbers of the examples of a step, int64 [batch]."""
        if not self.steps:
            return Order(len(self.lengths), self.seed).indices(step * self.batch, self.batch)
        epoch, place = divmod(step, self.steps)
        return self.epoch(epoch)[place]

    def lay_out(self, epoch: int) -> Tensor:
        """All batches of an epoch, in their order, [steps, batch]."""
        order = torch.from_numpy(permutation(len(self.lengths), self.seed, epoch).copy())[: self.steps * self.batch]
        groups = [some[self.lengths[some].argsort(stable=True)] for some in order.split(GROUP * self.batch)]
        batches = torch.cat(groups).view(self.steps, self.batch)
        return batches[torch.from_numpy(permutation(self.steps, self.seed + 1, epoch).copy())]
