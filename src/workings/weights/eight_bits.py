"""Matrices kept in 8 bits in a model folder: a quarter of the file, the same numbers that `--quantize int8` writes with."""

import torch
from torch import Tensor

from workings.layers.fast.int8 import quantize_rows

SCALE = ".row_scale"
"""After the name of a matrix: the scales of its rows."""
TABLES = ("positions.weight", "segments.weight")
"""Matrices that nothing is multiplied by; they stay as they are."""


def shrink(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Each matrix W [N, K] as Q, int8, and its scales s [N], with W[i, j] ~ s_i Q[i, j] as `quantize_rows` gives them; the rest as it is."""
    small: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        if tensor.ndim != 2 or not tensor.is_floating_point() or name.endswith(TABLES):
            small[name] = tensor
            continue
        small[name], scale = quantize_rows(tensor)
        small[name + SCALE] = scale.bfloat16()  # which holds it exactly
    return small


def widen(stored: dict[str, Tensor], dtype: torch.dtype | None = None) -> dict[str, Tensor]:
    """The matrices again, s_i Q[i, j], in `dtype` (float32 if None); what was not shrunk stays as it is."""
    scales = {name: scale for name, scale in stored.items() if name.endswith(SCALE)}
    if not scales:
        return stored
    wide = {name: tensor for name, tensor in stored.items() if name not in scales}
    for name, scale in scales.items():
        matrix = name.removesuffix(SCALE)
        wide[matrix] = (wide[matrix].float() * scale.float()[:, None]).to(dtype or torch.float32)
    return wide
