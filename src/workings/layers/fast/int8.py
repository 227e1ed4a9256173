"""Matrices in 8 bits for writing: a quarter of the memory to read for each token, with one scale a row.

W[i, j] is kept as s_i Q[i, j] with s_i = max_j |W[i, j]| / 127 and Q = round(W / s): no element is off by more than s_i / 2. s is rounded to
bfloat16 before Q is made, as the kernel wants it so.
"""

import functools
import warnings

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


@functools.cache
def has_packed_int8() -> bool:
    """Whether torch carries FBGEMM's products, and the processor the instructions that add 8-bit products without overflow."""
    return "fbgemm" in torch.backends.quantized.supported_engines and torch.cpu._is_vnni_supported() and hasattr(torch.ops.quantized, "linear_prepack")


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


class PackedInt8Product:
    """y = s * (Q x) + b with x rounded to 8 bits too, between the least and the largest number of all rows; float32 outside (FBGEMM).

    For large matrices: several times as fast, and less exact. The rows of a batch share the rounding of x.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None):
        weight, scale = quantize_rows(weight)
        engine = torch.backends.quantized.engine
        torch.backends.quantized.engine = "fbgemm"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # quantized tensors are to leave torch; `has_packed_int8` will say so
            rows = torch._make_per_channel_quantized_tensor(weight, scale.double(), torch.zeros(len(scale), dtype=torch.long), 0)
            self.packed = torch.ops.quantized.linear_prepack(rows, bias)
        torch.backends.quantized.engine = engine
        self.kernel = torch.ops.quantized.linear_dynamic.default

    def __call__(self, x: Tensor) -> Tensor:
        """[B, K] -> [B, N], float32."""
        return self.kernel(x, self.packed, False)
