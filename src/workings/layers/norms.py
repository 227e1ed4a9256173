"""Normalization: layer norm (Ba et al. 2016) and root-mean-square norm (Zhang and Sennrich 2019)."""

from torch import nn


def make_norm(name: str, width: int, epsilon: float, bias: bool) -> nn.Module:
    """layer: (x - mean) / sqrt(var + eps) * g + c, with c only if `bias`; rms: x / sqrt(mean(x^2) + eps) * g."""
    return {
        "layer": lambda: nn.LayerNorm(width, eps=epsilon, bias=bias),
        "rms": lambda: nn.RMSNorm(width, eps=epsilon),
    }[name]()
