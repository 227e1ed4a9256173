"""What this machine has for the fast paths, found once; `WORKINGS_FAST=0` in the environment turns all of them off."""

import functools
import os

import torch
from torch import Tensor, nn

from workings.layers.fast.compiler import library

SHORT = {torch.float32: 0, torch.bfloat16: 1}
"""What the kernels read and write, and their name for it."""

WIDEST = 8192
"""Rows wider than this stay with PyTorch: the kernels keep a row on the stack."""

LEAST = 1 << 13
"""Tensors with fewer elements stay with PyTorch: a call takes longer than the work."""


def enabled() -> bool:
    """Whether fast paths are wanted."""
    return os.environ.get("WORKINGS_FAST", "1") != "0"


def kernels_take(*tensors: Tensor, widest: int = WIDEST, least: int = LEAST) -> bool:
    """Whether the compiled kernels should work on these: plain tensors in this machine's memory, float32 or bfloat16, and no graph being traced.

    The first tensor is the one that must be large enough. widest: the longest last dimension; least: the fewest elements that are worth a call.
    """
    for x in tensors:
        if type(x) not in (Tensor, nn.Parameter) or x.device.type != "cpu" or x.dtype not in SHORT or not 0 < x.shape[-1] <= widest:
            return False
    return tensors[0].numel() >= least and enabled() and not torch.compiler.is_compiling() and not torch.jit.is_tracing() and library() is not None


@functools.cache
def has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 itself."""
    return any(getattr(torch.cpu, question, bool)() for question in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))


@functools.cache
def has_onednn() -> bool:
    """Whether torch carries the oneDNN product that takes float32."""
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def autocast_type(x: Tensor) -> torch.dtype:
    """The precision in which the next product wants x."""
    return torch.get_autocast_dtype(x.device.type) if torch.is_autocast_enabled(x.device.type) and x.dtype != torch.float64 else x.dtype
