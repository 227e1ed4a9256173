"""The key-value cache: what a decoder has seen, kept so that each new token costs one column."""

from collections.abc import Callable

import torch
from torch import Tensor


class KeyValueCache:
    """Keys and values of every layer, [rows, heads, columns, width], preallocated; `length` columns are filled.

    `new` columns are being written during a forward pass; `advance` counts them as filled. `memory` holds what layers that attend to a second sequence have
    made of it: keys and values [sequences, heads, S, width]. They are made once, and stay as they are while rows change places.
    """

    def __init__(self, layers: int, rows: int, columns: int, key_heads: int, value_heads: int, width: int, *, dtype: torch.dtype, device: torch.device):
        self.keys = [torch.zeros(rows, key_heads, columns, width, dtype=dtype, device=device) for _ in range(layers)]
        self.values = [torch.zeros(rows, value_heads, columns, width, dtype=dtype, device=device) for _ in range(layers)]
        self.memory: dict[int, tuple[Tensor, Tensor]] = {}
        self.length = 0

    @property
    def columns(self) -> int:
        """How many columns there is room for."""
        return self.keys[0].shape[2]

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Write the new columns of one layer; returns all keys and values so far, new ones included."""
        end = self.length + key.shape[2]
        self.keys[layer][:, :, self.length : end] = key
        self.values[layer][:, :, self.length : end] = value
        return self.keys[layer][:, :, :end], self.values[layer][:, :, :end]

    def of_memory(self, layer: int, make: Callable[[], tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Keys and values that a layer makes of the second sequence, made when they are first asked for."""
        if layer not in self.memory:
            self.memory[layer] = make()
        return self.memory[layer]

    def advance(self, columns: int) -> None:
        """Count columns as filled, once all layers have written them."""
        self.length += columns

    def reorder(self, rows: Tensor) -> None:
        """Row i becomes a copy of the old row rows[i], as beam search needs."""
        self.keys = [key.index_select(0, rows) for key in self.keys]
        self.values = [value.index_select(0, rows) for value in self.values]

    def keep(self, sequences: Tensor) -> None:
        """Forget all of the second sequences but these."""
        self.memory = {layer: (key[sequences], value[sequences]) for layer, (key, value) in self.memory.items()}
