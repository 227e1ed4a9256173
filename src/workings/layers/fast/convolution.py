"""Convolutions for use on a CPU: the batch norm is part of the matrix, and the sum and the nonlinearity are done in the same pass, by oneDNN."""

from typing import Literal

import torch
from torch import Tensor, nn

from workings.layers.fast.available import enabled


def available() -> bool:
    """Whether torch carries oneDNN's convolutions with what follows them."""
    return enabled() and torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


class FoldedConvolution:
    """phi(N(W * x)) with N(z) = (z - mean) / sqrt(variance + epsilon) g + c of the running statistics: W' = W g / sqrt(variance + epsilon) and a bias."""

    def __init__(self, convolution: nn.Conv2d, norm: nn.BatchNorm2d, dtype: torch.dtype, phi: Literal["none", "relu"]):
        mean, variance = (running.detach().double() for running in (norm.running_mean, norm.running_var) if running is not None)
        scale = norm.weight.detach().double() / (variance + norm.eps).sqrt()
        folded = convolution.weight.detach().double() * scale[:, None, None, None]
        self.weight = folded.to(dtype).contiguous(memory_format=torch.channels_last)
        self.bias = (norm.bias.detach().double() - mean * scale).to(dtype)
        self.places = list(convolution.padding), list(convolution.stride), list(convolution.dilation), convolution.groups
        self.phi = phi

    def __call__(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H / stride, W / stride]."""
        return torch.ops.mkldnn._convolution_pointwise(x, self.weight, self.bias, *self.places, self.phi, [], "")

    def added(self, x: Tensor, other: Tensor) -> Tensor:
        """phi(N(W * x) + other)."""
        return torch.ops.mkldnn._convolution_pointwise.binary(x, other, self.weight, self.bias, *self.places, "add", 1.0, self.phi, [], "")
