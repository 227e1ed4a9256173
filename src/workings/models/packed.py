"""The fastest way to use a model of pictures on this machine."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from workings.layers.fast.available import SHORT
from workings.models import packed_resnet, packed_vision
from workings.models.ensemble import Ensemble
from workings.models.packed_resnet import PackedResNet
from workings.models.packed_vision import PackedVision


def prepare(model: nn.Module, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    """From prepared pictures [B, C, H, W] to what the model, in evaluation mode, says of them; the model itself where nothing faster applies.

    dtype: of the products, float32 or bfloat16.
    """
    if isinstance(model, Ensemble):
        return partial(model.mean, members=[prepare(member, dtype) for member in model.members])
    if dtype in SHORT and packed_vision.fits(model):
        return PackedVision(model, dtype)
    if dtype in SHORT and packed_resnet.fits(model):
        return PackedResNet(model, dtype)
    return model
