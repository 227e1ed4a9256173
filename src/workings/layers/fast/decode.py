"""What one step of writing needs, for a few rows of one token each: products by matrices that stay, and attention of one query.

At one row a product is bound by reading the matrix and by the cost of the call, so calls are few, and the cache and attention are float32:
with bfloat16 the same attention of one query is several times slower.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from workings.layers.fast.available import has_bfloat16, has_onednn
from workings.layers.fast.int8 import Int8Product, has_int8

Product = Callable[[Tensor], Tensor]
"""x [B, K] -> W x + b [B, N], both float32."""

LEAST = 1 << 17
"""Matrices with fewer elements stay with `F.linear`, whose call costs 4 microseconds instead of oneDNN's 15."""


def make_product(weight: Tensor, bias: Tensor | None, storage: str) -> Product:
    """The product by a matrix that stays: storage float32 (exact), bfloat16 (packed by oneDNN) or int8. Falls back to `F.linear` in float32."""
    weight, bias = weight.detach().float(), None if bias is None else bias.detach().float()
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


class PairedCache:
    """Keys and values of a layer in one float32 tensor [G + n, B, columns, d], so that a new column is written at once."""

    def __init__(self, keys: list[Tensor], values: list[Tensor], length: int, columns: int):
        """keys, values: as `KeyValueCache` holds them after a prompt, [B, heads, at least length, d] a layer."""
        self.layers = []
        for key, value in zip(keys, values, strict=True):
            filled = torch.cat((key[:, :, :length], value[:, :, :length]), dim=1).transpose(0, 1)
            self.layers.append(filled.new_zeros(*filled.shape[:2], columns, filled.shape[3], dtype=torch.float32))
            self.layers[-1][:, :, :length] = filled
        self.length = length

    @property
    def columns(self) -> int:
        """How many columns there is room for."""
        return self.layers[0].shape[2]

    def reorder(self, rows: Tensor) -> None:
        """Row i becomes a copy of the old row rows[i]."""
        self.layers = [layer.index_select(1, rows) for layer in self.layers]


def attend_one(query: Tensor, pair: Tensor, groups: int, length: int, padding: Tensor | None) -> Tensor:
    """Attention of one query a row over the first `length` columns; the scale is in the query already. -> [B, M d].

    query: [B, M, d]; pair: a layer of `PairedCache`, the first `groups` heads keys and the others values (as many, or one for all);
    padding: [B, columns], -inf where nothing is to be seen, else 0.
    """
    rows, heads, width = query.shape
    keys = pair[:groups, :, :length].reshape(groups * rows, length, width) if rows > 1 else pair[:groups, 0, :length]
    query = query.view(rows, groups, heads // groups, width).transpose(0, 1).reshape(groups * rows, heads // groups, width)
    scores = torch.bmm(query, keys.transpose(1, 2))  # [G B, M / G, length]
    if padding is not None:
        scores.view(groups, rows, -1, length).add_(padding[:, None, :length])
    weights = scores.softmax(-1)
    if pair.shape[0] - groups != groups:  # one value for all heads: bring its M queries together
        weights = weights.view(groups, rows, length).transpose(0, 1)
        return torch.bmm(weights, pair[groups, :, :length]).reshape(rows, heads * width)
    values = pair[groups:, :, :length].reshape(groups * rows, length, width) if rows > 1 else pair[groups:, 0, :length]
    return torch.bmm(weights, values).view(groups, rows, -1, width).transpose(0, 1).reshape(rows, heads * width)
