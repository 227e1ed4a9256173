"""The order in which examples are seen: a pure function of (seed, position), so that the data's state in a checkpoint is one integer.

Nothing here draws from a generator. A permutation is made by sorting hashes, with integer arithmetic alone, so that every machine, every
number of workers and every later version sees the same stream.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from workings.errors import BadInput, counted

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / the golden ratio: the step of SplitMix64
_SHUFFLE, _PHASE = 1, 2  # what a hash is for, so that two uses of one (seed, epoch) share nothing


class Order:
    """An endless stream of indices in which every epoch is a fresh permutation of range(count); it knows only indices, so it serves any data."""

    def __init__(self, count: int, seed: int):
        if count < 1:
            raise BadInput(f"There are {count} examples to train on; give data with at least one.")
        self.count = count
        self.seed = seed

    def indices(self, start: int, n: int) -> Tensor:
        """Entries start .. start + n - 1 of the stream, int64 [n]."""
        return torch.from_numpy(self._entries(start, n)[1])

    def epochs(self, start: int, n: int) -> Tensor:
        """In which epoch each of these entries lies, int64 [n]."""
        return torch.from_numpy(self._entries(start, n)[0])

    def _entries(self, start: int, n: int) -> tuple[np.ndarray, np.ndarray]:
        places = np.arange(start, start + n, dtype=np.int64)
        epochs, within = np.divmod(places, self.count)
        indices = np.empty_like(places)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            indices[here] = permutation(self.count, self.seed, int(epoch))[within[here]]
        return epochs, indices


def windows(tokens: Tensor, context: int, seed: int, start: int, n: int) -> tuple[Tensor, Tensor]:
    """Windows start .. start + n - 1 of an endless stream over a text, for next-token training (2.3): inputs and targets, int64 [n, context].

    Every epoch lays `window_count` windows side by side over the N tokens, beginning at a phase of its own (so that the cuts fall elsewhere
    each time), and visits them in an order of its own. Within an epoch no token is a target twice, every target is the token that truly
    follows, and fewer than 2 context tokens, at the two ends of the text, are left out. `tokens` may be of any integer type.
    """
    order = Order(window_count(len(tokens), context), seed)
    epochs, indices = order.epochs(start, n), order.indices(start, n)
    slack = len(tokens) - 1 - order.count * context
    phases = torch.tensor([phase(slack + 1, seed, epoch) for epoch in epochs.unique().tolist()], dtype=torch.int64)
    first = phases[epochs - epochs[0]] + indices * context if n else indices
    rows = tokens.unfold(0, context + 1, 1)[first].long()  # n T+1
    return rows[:, :-1].contiguous(), rows[:, 1:].contiguous()


def window_count(tokens: int, context: int) -> int:
    """How many windows an epoch has: as many as fit at every phase, and at least one."""
    if context < 1:
        raise BadInput(f"The context is {context} tokens; it must be at least 1.")
    if tokens < 2:
        raise BadInput(f"The text has only {counted(tokens, 'token')}; predicting the next one needs at least two, so give a longer text.")
    if tokens <= context:
        raise BadInput(
            f"The text has {counted(tokens, 'token')}, too few for a context of {context:,}, which needs {context + 1:,}; "
            "give a longer text or a shorter context (--set model.context=...)."
        )
    return max(1, (tokens - context) // context)


@lru_cache(maxsize=8)
def permutation(count: int, seed: int, epoch: int) -> np.ndarray:
    """A permutation of range(count), int64, keyed by (seed, epoch): the order of the indices by their hashes. Read-only, as it is kept."""
    hashes = mixed(hashed(seed, epoch, _SHUFFLE) + np.arange(1, count + 1, dtype=np.uint64) * GOLDEN)
    order = np.argsort(hashes, kind="stable")
    order.setflags(write=False)
    return order


def phase(choices: int, seed: int, epoch: int) -> int:
    """A number in range(choices), keyed by (seed, epoch)."""
    return int(hashed(seed, epoch, _PHASE)[0] % np.uint64(choices))


def hashed(*parts: int) -> np.ndarray:
    """One hash of whole numbers, uint64 [1] (an array, because NumPy's arrays wrap around silently and its scalars warn)."""
    key = np.zeros(1, dtype=np.uint64)
    for part in parts:
        key = mixed(key + np.array([part % 2**64], dtype=np.uint64) + GOLDEN)
    return key


def mixed(x: np.ndarray) -> np.ndarray:
    """SplitMix64's finalizer (Steele, Lea, Flood 2014): a bijection of the 64-bit integers in which every bit sways every other."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
