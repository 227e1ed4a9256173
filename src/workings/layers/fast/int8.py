"""Matrices in 8 bits for writing: a quarter of the memory to read for each token, with one scale a row.

W[i, j] is kept as s_i Q[i, j] with s_i = max_j |W[i, j]| / 127 and Q = round(W / s): no element is off by more than s_i / 2. s is rounded to
bfloat16 before Q is made, as the kernel wants it so.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def quantize_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """[N, K] -> Q [N, K] int8, s [N] float32 that bfloat16 can hold; a row of zeros has scale 1."""
    weight = weight.float()
    scale = (weight.abs().amax(-1) / 127).bfloat16().float()
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return (weight / scale[:, None]).round().clamp(-127, 127).to(torch.int8), scale


def has_int8() -> bool:
    """Whether torch carries the product of bfloat16 by 8-bit rows."""
    return hasattr(torch.ops.aten, "_weight_int8pack_mm")


STRIDE = 64
"""Columns are padded with zeros to a multiple of this: the kernel reads whole vectors."""


class Int8Product:
    """y = s * (Q x) + b: x and the sum are rounded to bfloat16, as the kernel is fast only so; the rest is float32."""

    def __init__(self, weight: Tensor, bias: Tensor | None):
        weight, scale = quantize_rows(weight)
        self.inputs, self.scale, self.bias = weight.shape[1], scale.bfloat16(), bias
        self.weight = F.pad(weight, (0, -self.inputs % STRIDE))
        self.kernel = torch.ops.aten._weight_int8pack_mm.default
        self.make_room(1)

    def make_room(self, rows: int) -> None:
        """A place for x in bfloat16, padding included, so that it need not be made for each token."""
        self.room = torch.zeros(rows, self.weight.shape[1], dtype=torch.bfloat16)
        self.x = self.room[:, : self.inputs]

    def __call__(self, x: Tensor) -> Tensor:
        """[B, K] -> [B, N], float32."""
        if len(x) != len(self.x):
            self.make_room(len(x))
        self.x.copy_(x)
        y = self.kernel(self.room, self.weight, self.scale)
        return y.float() if self.bias is None else torch.add(self.bias, y)
