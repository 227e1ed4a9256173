"""A model without numbers, on the meta device: shapes alone, which weights from a file are then put into."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from workings.models.build import build

DRAWS = frozenset(("normal_", "uniform_", "trunc_normal_", "kaiming_uniform_", "xavier_uniform_", "xavier_normal_", "orthogonal_"))


class NoDraws(TorchFunctionMode):
    """Leaves out what would draw numbers: there are none to draw, and torch loads its compiler (4 seconds, 80 MB) to find the shape of a draw."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The tensor itself for a draw, what the function gives for all else."""
        kwargs = kwargs or {}
        if getattr(function, "__name__", "") in DRAWS:
            return next(value for value in (*args, *kwargs.values()) if isinstance(value, Tensor))
        return function(*args, **kwargs)


def blank(settings: Any) -> nn.Module:
    """The model that the settings describe, in evaluation mode, without numbers."""
    with torch.device("meta"), NoDraws():
        return build(settings).eval()
