"""Equalized rates (Karras et al. 2018, 4.1): weights lie at N(0, 1) and are scaled where they are used, so that one rate suits all of them; statement 5.2c."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.layers.fast.linear import linear

GAIN = 2**0.5
"""For what goes through (leaky) ReLU (He et al. 2015); 1 for what does not."""


class EqualizedLinear(nn.Module):
    """y = c W x + b with c = gain / sqrt(inputs): W is scaled, b is not. Parameters: `weight` W [outputs, inputs], `bias` b [outputs]."""

    def __init__(self, inputs: int, outputs: int, gain: float = GAIN):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(outputs, inputs)), nn.Parameter(torch.empty(outputs))
        self.scale = gain * inputs**-0.5

    def forward(self, x: Tensor) -> Tensor:
        """[..., inputs] -> [..., outputs]."""
        return linear(x, self.weight * self.scale, self.bias)


class EqualizedConvolution(nn.Module):
    """y = (c W) * x + b with c = gain / sqrt(inputs size^2), of a picture that keeps its size. Parameters: `weight` W [outputs, inputs, size, size], `bias`."""

    def __init__(self, inputs: int, outputs: int, size: int, gain: float = GAIN):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(outputs, inputs, size, size)), nn.Parameter(torch.empty(outputs))
        self.scale, self.padding = gain * (inputs * size**2) ** -0.5, size // 2

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H, W]."""
        return F.conv2d(x, self.weight * self.scale, self.bias, padding=self.padding)


@torch.no_grad()
def initialize_equalized(model: nn.Module) -> None:
    """Draw every equalized weight of a model from N(0, 1); biases become 0."""
    for module in model.modules():
        if isinstance(module, (EqualizedLinear, EqualizedConvolution)):
            nn.init.normal_(module.weight)
            nn.init.zeros_(module.bias)
