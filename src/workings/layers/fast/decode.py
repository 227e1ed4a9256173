"""What one step of writing needs, for a few rows of one token each: products by matrices that stay, and attention of one query.

At one row a product is bound by reading the matrix and by the cost of the call, so calls are few, and the cache and attention are float32:
with bfloat16 the same attention of one query is several times slower.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from workings.layers.fast.available import enabled, has_onednn
from workings.layers.fast.compiler import kernel, library
from workings.layers.fast.int8 import Int8Product, has_int8, quantize_rows

Product = Callable[[Tensor], Tensor]
"""x [B, K] -> W x + b [B, N], both float32."""

LEAST = 1 << 17
"""Matrices with fewer elements stay with `F.linear`, whose call costs 4 microseconds instead of oneDNN's 15."""
SPLIT = 1 << 21
"""Matrices with more elements are shared out among threads; below, waking a thread costs more than it does."""
WORTH = 1 << 23
"""Multiplications, rows times elements, from which the product with a smaller matrix of 8 bits is shared out too."""
BLOCK = 64
"""Outputs that a kernel sums at once."""


def make_product(weight: Tensor, bias: Tensor | None, storage: str) -> Product:
    """The product by a matrix that stays: storage float32, bfloat16 or int8.

    By our own kernels where they were built; a row of x then gives the same whatever else is in the batch.
    Without them: int8 by torch's kernel, which rounds x to bfloat16; float32 by oneDNN; else `F.linear`.
    """
    weight, bias = weight.detach().float(), None if bias is None else bias.detach().float()
    if enabled() and library() is not None:
        return FewRowsOfBytes(weight, bias) if storage == "int8" else FewRows(weight, bias, storage)
    if storage == "int8" and has_int8():
        return Int8Product(weight, bias)
    if not has_onednn() or weight.numel() < LEAST:
        return lambda x: F.linear(x, weight, bias)
    product = torch.ops.mkldnn._linear_pointwise.default
    return lambda x: product(x, weight, bias, "none", [], "")


class FewRows:
    """y = W x + b with W kept in float32 or bfloat16, x and the sums in float32."""

    def __init__(self, weight: Tensor, bias: Tensor | None, storage: str):
        self.outputs, self.inputs = weight.shape
        blocks = in_blocks(weight.bfloat16() if storage == "bfloat16" else weight)
        self.kept = [blocks.transpose(1, 2).contiguous(), None if bias is None else in_blocks(bias)]  # [outputs / 64, K, 64], in the order of reading
        self.rest = len(blocks) * BLOCK, self.inputs, int(storage == "bfloat16"), torch.get_num_threads() if weight.numel() >= SPLIT else 1
        self.kernel = kernel("few_rows")

    def __call__(self, x: Tensor) -> Tensor:
        """[B, K] -> [B, N], float32."""
        x = x.float().contiguous()
        y = torch.empty(len(x), self.rest[0])
        self.kernel(y.data_ptr(), x.data_ptr(), *addresses(self.kept), len(x), *self.rest)
        return y if self.outputs == self.rest[0] else y[:, : self.outputs]


class FewRowsOfBytes:
    """y = s * (Q x) + b with W ~ s Q as `quantize_rows` gives it, and each row of x rounded to 127 steps of its own largest number."""

    def __init__(self, weight: Tensor, bias: Tensor | None, split: int = SPLIT):
        """split: matrices with fewer elements are shared out among threads only if there are many rows."""
        self.outputs, inputs = weight.shape
        q, scale = quantize_rows(weight)
        self.short = -inputs % 4
        q = F.pad(q, (0, self.short))
        blocks = in_blocks(q).unflatten(2, (-1, 4)).transpose(1, 2).contiguous()  # [outputs / 64, K / 4, 64, 4]
        self.kept = [blocks, in_blocks(scale), in_blocks(q.sum(-1, dtype=torch.int32)), None if bias is None else in_blocks(bias)]
        self.threads, self.many = torch.get_num_threads(), WORTH // weight.numel()
        self.rest = len(blocks) * BLOCK, q.shape[1], self.threads if weight.numel() >= split else 1
        self.kernel = kernel("few_rows_of_bytes")

    def __call__(self, x: Tensor) -> Tensor:
        """[B, K] -> [B, N], float32."""
        x = F.pad(x.float(), (0, self.short)) if self.short else x.float().contiguous()
        y = torch.empty(len(x), self.rest[0])
        threads = self.threads if len(x) >= self.many else self.rest[2]
        self.kernel(y.data_ptr(), x.data_ptr(), *addresses(self.kept), len(x), *self.rest[:2], threads)
        return y if self.outputs == self.rest[0] else y[:, : self.outputs]


def in_blocks(rows: Tensor) -> Tensor:
    """[N, ...] -> [N / 64 rounded up, 64, ...], filled up with zeros."""
    return torch.cat((rows, rows.new_zeros(-len(rows) % BLOCK, *rows.shape[1:]))).unflatten(0, (-1, BLOCK))


def addresses(tensors: list[Tensor | None]) -> list[int | None]:
    """Where tensors begin."""
    return [None if tensor is None else tensor.data_ptr() for tensor in tensors]


class Pair:
    """Keys and values of a layer in one float32 tensor [G + n, B, columns, d], so that a new column is written at once; n is G, or 1 for a shared value."""

    def __init__(self, both: Tensor, groups: int):
        self.both, self.groups = both, groups
        total, rows, columns, width = both.shape
        self.keys = both[:groups].view(groups * rows, columns, width).transpose(1, 2)  # [G B, d, columns]
        self.values = both[groups:].view((total - groups) * rows, columns, width)  # [n B, columns, d]
        self.shared = total - groups != groups

    def attend(self, query: Tensor, length: int, padding: Tensor | None, window: int = 0) -> Tensor:
        """Attention of one query a row over the first `length` columns, or the last `window` of them; the scale is in the query already. [M, B, d] -> [B, M d].

        padding: [B, columns], -inf where nothing is to be seen, else 0.
        """
        heads, rows, width = query.shape
        groups, each = self.groups, heads // self.groups
        first = max(0, length - window) if window else 0
        length -= first
        if each > 1 and rows > 1:
            query = query.view(groups, each, rows, width).transpose(1, 2)
        scores = torch.bmm(query.reshape(groups * rows, each, width), self.keys.narrow(2, first, length))  # [G B, M / G, length]
        if padding is not None:
            scores.view(groups, rows, each, length).add_(padding[:, None, first : first + length])
        weights, values = torch.softmax(scores, -1), self.values.narrow(1, first, length)
        if self.shared:  # one value for all heads: bring the M queries of a row together
            return torch.bmm(weights.view(groups, rows, length).transpose(0, 1), values).view(rows, heads * width)
        y = torch.bmm(weights, values)
        return y.view(1, heads * width) if rows == 1 else y.view(groups, rows, each * width).transpose(0, 1).reshape(rows, heads * width)


class PairedCache:
    """A `Pair` for each layer; `length` columns are filled."""

    def __init__(self, layers: list[Pair], length: int, columns: int):
        self.layers, self.length, self.columns = layers, length, columns

    @classmethod
    def empty(cls, layers: int, groups: int, total: int, rows: int, columns: int, width: int) -> "PairedCache":
        """Zeros, for `total` heads of keys and values, of which `groups` are keys."""
        return cls([Pair(torch.zeros(total, rows, columns, width), groups) for _ in range(layers)], 0, columns)

    @classmethod
    def filled(cls, keys: list[Tensor], values: list[Tensor], length: int, columns: int) -> "PairedCache":
        """keys, values: as `KeyValueCache` holds them after a prompt, [B, heads, at least length, d] a layer."""
        rows, groups, _, width = keys[0].shape
        cache = cls.empty(len(keys), groups, groups + values[0].shape[1], rows, columns, width)
        for pair, key, value in zip(cache.layers, keys, values, strict=True):
            pair.both[:, :, :length] = torch.cat((key[:, :, :length], value[:, :, :length]), dim=1).transpose(0, 1)
        cache.length = length
        return cache

    def reorder(self, rows: Tensor) -> None:
        """Row i becomes a copy of the old row rows[i]."""
        self.layers = [Pair(layer.both.index_select(1, rows), layer.groups) for layer in self.layers]
