"""The sum and the norm between the parts of a layer whose norms stand before them, in one pass."""

import torch
from torch import Tensor, nn

from workings.layers.fast.available import SHORT
from workings.layers.fast.compiler import run


class PreNorm:
    """x <- x + y, and N(x) in the precision of the next product; for a layer norm or a root-mean-square norm."""

    def __init__(self, norm: nn.LayerNorm | nn.RMSNorm, dtype: torch.dtype):
        bias = getattr(norm, "bias", None)
        self.weight, self.bias = norm.weight.detach().float(), None if bias is None else bias.detach().float()
        self.epsilon = torch.finfo(torch.float32).eps if norm.eps is None else norm.eps
        self.is_rms, self.dtype = int(isinstance(norm, nn.RMSNorm)), dtype

    def __call__(self, x: Tensor, y: Tensor | None) -> Tensor:
        """x: [N, D] float32, changed in place; y: [N, D] in the precision of the products -> N(x)."""
        copy = torch.empty_like(x, dtype=self.dtype)
        run("add_then_norm", x, copy, y, self.weight, self.bias, len(x), x.shape[1], self.epsilon, self.is_rms, SHORT[self.dtype])
        return copy
