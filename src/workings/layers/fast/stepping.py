"""One step of writing as one call of `decode.c`: its structures, filled with where the parts of a transformer lie."""

import ctypes
from typing import Any

import torch
from torch import Tensor, nn

from workings.layers.fast.compiler import kernel
from workings.layers.fast.decode import FewRows, FewRowsOfBytes, PairedCache

PHIS = ("relu", "gelu", "gelu-tanh", "silu", "gated")
"""In the order of the numbers that `decode.c` gives them."""

ADDRESS, NUMBER = ctypes.c_void_p, ctypes.c_int64


class ProductFields(ctypes.Structure):
    """A matrix that stays, as `decode.make_product` has packed it."""

    _fields_ = [(name, ADDRESS) for name in ("w", "scale", "row_sums", "bias")] + [(name, NUMBER) for name in ("outputs", "inputs", "storage", "threads")]


class NormFields(ctypes.Structure):
    """A norm."""

    _fields_ = [("weight", ADDRESS), ("bias", ADDRESS), ("epsilon", ctypes.c_double), ("is_rms", NUMBER)]


class LayerFields(ctypes.Structure):
    """A layer, with the place of its keys and values."""

    _fields_ = (
        [(name, NormFields) for name in ("attention_norm", "head_norm", "feed_forward_norm")]
        + [(name, ProductFields) for name in ("everything", "out", "up", "down")]
        + [("both", ADDRESS)]
        + [(name, NUMBER) for name in ("heads", "groups", "values", "d", "window", "phi")]
    )


class StackFields(ctypes.Structure):
    """All layers, the last norm, the head, and the turns of rotary positions."""

    _fields_ = [
        ("layers", ctypes.POINTER(LayerFields)),
        ("count", NUMBER),
        ("width", NUMBER),
        ("norm", NormFields),
        ("head", ProductFields),
        ("cosines", ADDRESS),
        ("sines", ADDRESS),
    ]


def product_fields(product: FewRows | FewRowsOfBytes) -> ProductFields:
    """Where a packed matrix lies; `product` must be kept as long as the fields."""
    addresses = [None if tensor is None else tensor.data_ptr() for tensor in product.kept]
    if isinstance(product, FewRowsOfBytes):
        (w, scale, sums, bias), (outputs, inputs, threads), storage = addresses, product.rest, 2
    else:
        (w, bias), (outputs, inputs, storage, threads), scale, sums = addresses, product.rest, None, None
    return ProductFields(w, scale, sums, bias, outputs, inputs, storage, threads)


class Stepper:
    """Steps rows through all layers and the head; keeps what the structures point to."""

    def __init__(self, layers: list[LayerFields], norm: NormFields, head: FewRows | FewRowsOfBytes, turns: tuple[Tensor, Tensor] | None, kept: list):
        """turns: cos and sin [T, d/2], or None. kept: every tensor and product that the fields point to."""
        self.layers = (LayerFields * len(layers))(*layers)
        self.outputs, self.padded, self.kept = head.outputs, head.rest[0], [kept, head, turns]
        cosines, sines = (None, None) if turns is None else (turns[0].data_ptr(), turns[1].data_ptr())
        self.stack = StackFields(self.layers, len(layers), head.rest[1], norm, product_fields(head), cosines, sines)
        self.kernel, self.threads = kernel("decode_step"), torch.get_num_threads()

    def new_cache(self, rows: int, columns: int) -> PairedCache:
        """An empty cache for these layers."""
        first = self.layers[0]
        return PairedCache.empty(len(self.layers), first.groups, first.groups + first.values, rows, columns, first.d)

    def use(self, cache: PairedCache) -> None:
        """Take keys and values from here and write them there."""
        for layer, pair in zip(self.layers, cache.layers, strict=True):
            layer.both = pair.both.data_ptr()

    def step(self, x: Tensor, places: Tensor, padding: Tensor | None, cache: PairedCache) -> Tensor:
        """x [B, D], the vectors of the new tokens, is used up; places [B], where they stand -> logits [B, V]."""
        logits = torch.empty(len(x), self.padded)
        address = None if padding is None else padding.data_ptr()
        given = ctypes.byref(self.stack), logits.data_ptr(), x.data_ptr(), places.data_ptr(), address
        self.kernel(*given, len(x), cache.length, cache.columns, self.threads)
        return logits[:, : self.outputs]


def norm_fields(norm: Any, kept: list) -> NormFields:
    """A norm's parameters in float32, added to `kept`."""
    tensors = [None if tensor is None else tensor.detach().float().contiguous() for tensor in (norm.weight, getattr(norm, "bias", None))]
    kept += tensors
    weight, bias = (None if tensor is None else tensor.data_ptr() for tensor in tensors)
    return NormFields(weight, bias, norm.eps, int(isinstance(norm, nn.RMSNorm)))
