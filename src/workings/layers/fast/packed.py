"""An encoder's layers over texts that lie one after another, without padding: rows [N, D], text i from row starts[i] to starts[i + 1] - 1.

Products by matrices that stay are given to oneDNN in the order in which it reads them, with the nonlinearity in the same pass. The residual stream is
float32; in bfloat16 only what enters a product is rounded.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.layers.fast.available import SHORT, enabled, has_onednn
from workings.layers.fast.compiler import library, run

ROWS = 2048
"""For how many rows at a time oneDNN lays a matrix out; any other number works too."""
FUSED = {"none": ("none", ""), "relu": ("relu", ""), "gelu": ("gelu", "none"), "gelu-tanh": ("gelu", "tanh"), "silu": ("swish", "")}
"""Our nonlinearity -> oneDNN's, and its kind."""
SIXTEEN = 16
"""Our kernel of attention reads heads in groups of so many numbers."""


def available() -> bool:
    """Whether this machine has what packed layers need."""
    return enabled() and has_onednn() and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")


class PackedProduct:
    """y = phi(W x + b) with a matrix that stays."""

    def __init__(self, weights: list[Tensor], biases: list[Tensor | None], dtype: torch.dtype, phi: str = "none"):
        """weights: matrices that lie above one another, [outputs_i, inputs]. biases: of all of them, or None."""
        self.dtype = dtype
        together = weights[0] if len(weights) == 1 else torch.cat([weight.detach() for weight in weights])
        self.weight = torch.ops.mkldnn._reorder_linear_weight(together.detach().to(dtype), ROWS)
        given = [bias.detach().to(dtype) for bias in biases if bias is not None]
        self.bias = torch.cat(given) if given else None
        self.phi = FUSED[phi]

    def __call__(self, x: Tensor) -> Tensor:
        """[N, inputs] -> [N, outputs]."""
        return torch.ops.mkldnn._linear_pointwise(x.to(self.dtype), self.weight, self.bias, self.phi[0], [], self.phi[1])


def attend(qkv: Tensor, starts: Tensor, heads: int, scale: float) -> Tensor:
    """sum_s a_ts v_s inside each text. qkv: [N, 3 M d], queries, keys and values side by side; starts: [texts + 1] -> [N, M d]."""
    width = qkv.shape[1] // 3 // heads
    lengths = starts.diff()
    if library() is not None and width % SIXTEEN == 0 and qkv.dtype in SHORT:
        y = qkv.new_empty(len(qkv), heads * width)
        run("attend_packed", y, qkv.contiguous(), starts, len(lengths), int(lengths.max()), heads, width, scale, SHORT[qkv.dtype])
        return y
    parts = []
    for text in qkv.split(lengths.tolist()):
        query, key, value = text.view(len(text), 3, heads, width).permute(1, 2, 0, 3)
        parts.append(F.scaled_dot_product_attention(query, key, value, scale=scale).transpose(0, 1).flatten(1))
    return torch.cat(parts)


class PackedNorm:
    """x <- N(x + y), with a copy in the precision of the next product."""

    def __init__(self, norm: nn.LayerNorm, dtype: torch.dtype):
        self.weight, self.bias, self.epsilon, self.dtype = norm.weight.detach().float(), norm.bias.detach().float(), norm.eps, dtype

    def __call__(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """x: [N, D] float32, changed in place; y: [N, D] -> the new x, and the same in the other precision."""
        if library() is None:
            x = F.layer_norm(x + y, x.shape[-1:], self.weight, self.bias, self.epsilon)
            return x, x.to(self.dtype)
        copy = x if self.dtype == torch.float32 else torch.empty_like(x, dtype=self.dtype)
        given = None if copy is x else copy
        run("add_norm", x, given, y.contiguous(), self.weight, self.bias, len(x), x.shape[1], float(self.epsilon), SHORT[y.dtype])
        return x, copy
