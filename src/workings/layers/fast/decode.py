"""What one step of writing needs, for a few rows of one token each: products by matrices that stay, and attention of one query.

At one row a product is bound by reading the matrix and by the cost of the call, so calls are few, and the cache and attention are float32:
with bfloat16 the same attention of one query is several times slower.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from workings.layers.fast.available import has_bfloat16, has_onednn
from workings.layers.fast.int8 import Int8Product, PackedInt8Product, has_int8, has_packed_int8

Product = Callable[[Tensor], Tensor]
"""x [B, K] -> W x + b [B, N], both float32."""

LEAST = 1 << 17
"""Matrices with fewer elements stay with `F.linear`, whose call costs 4 microseconds instead of oneDNN's 15."""
LARGE = 1 << 20
"""Matrices with more elements come from memory rather than from the cache: in 8 bits they are packed in reading order, and multiplied by 8-bit inputs."""


def make_product(weight: Tensor, bias: Tensor | None, storage: str) -> Product:
    """The product by a matrix that stays: storage float32 (exact), bfloat16 (packed by oneDNN) or int8. Falls back to `F.linear` in float32."""
    weight, bias = weight.detach().float(), None if bias is None else bias.detach().float()
    if storage == "int8" and weight.numel() >= LARGE and has_packed_int8():
        return PackedInt8Product(weight, bias)
    if storage == "int8" and has_int8():
        return Int8Product(weight, bias)
    if not has_onednn() or weight.numel() < LEAST:
        return lambda x: F.linear(x, weight, bias)
    kernel = torch.ops.mkldnn._linear_pointwise.default
    if storage == "bfloat16" and has_bfloat16():
        packed = torch.ops.mkldnn._reorder_linear_weight(weight.bfloat16(), 1)
        short = None if bias is None else bias.bfloat16()
        return lambda x: kernel(x.bfloat16(), packed, short, "none", [], "").float()
    return lambda x: kernel(x, weight, bias, "none", [], "")


class Pair:
    """Keys and values of a layer in one float32 tensor [G + n, B, columns, d], so that a new column is written at once; n is G, or 1 for a shared value."""

    def __init__(self, both: Tensor, groups: int):
        self.both, self.groups = both, groups
        total, rows, columns, width = both.shape
        self.keys = both[:groups].view(groups * rows, columns, width).transpose(1, 2)  # [G B, d, columns]
        self.values = both[groups:].view((total - groups) * rows, columns, width)  # [n B, columns, d]
        self.shared = total - groups != groups

    def attend(self, query: Tensor, length: int, padding: Tensor | None) -> Tensor:
        """Attention of one query a row over the first `length` columns; the scale is in the query already. [M, B, d] -> [B, M d].

        padding: [B, columns], -inf where nothing is to be seen, else 0.
        """
        heads, rows, width = query.shape
        groups, each = self.groups, heads // self.groups
        if each > 1 and rows > 1:
            query = query.view(groups, each, rows, width).transpose(1, 2)
        scores = torch.bmm(query.reshape(groups * rows, each, width), self.keys.narrow(2, 0, length))  # [G B, M / G, length]
        if padding is not None:
            scores.view(groups, rows, each, length).add_(padding[:, None, :length])
        weights, values = torch.softmax(scores, -1), self.values.narrow(1, 0, length)
        if self.shared:  # one value for all heads: bring the M queries of a row together
            return torch.bmm(weights.view(groups, rows, length).transpose(0, 1), values).view(rows, heads * width)
        y = torch.bmm(weights, values)
        return y.view(1, heads * width) if rows == 1 else y.view(groups, rows, each * width).transpose(0, 1).reshape(rows, heads * width)


class PairedCache:
    """A `Pair` for each layer; `length` columns are filled."""

    def __init__(self, keys: list[Tensor], values: list[Tensor], length: int, columns: int):
        """keys, values: as `KeyValueCache` holds them after a prompt, [B, heads, at least length, d] a layer."""
        self.length, self.columns, self.layers = length, columns, []
        for key, value in zip(keys, values, strict=True):
            filled = torch.cat((key[:, :, :length], value[:, :, :length]), dim=1).transpose(0, 1)
            both = torch.zeros(*filled.shape[:2], columns, filled.shape[3])
            both[:, :, :length] = filled
            self.layers.append(Pair(both, key.shape[1]))

    def reorder(self, rows: Tensor) -> None:
        """Row i becomes a copy of the old row rows[i]."""
        self.layers = [Pair(layer.both.index_select(1, rows), layer.groups) for layer in self.layers]
