"""Convolution with batch norm (Ioffe and Szegedy 2015), and the ways around it (He et al. 2016); statement 6.2b."""

import torch.nn.functional as F
from torch import Tensor, nn


class NormalizedConvolution(nn.Module):
    """N(W * x): a convolution without bias whose picture keeps its size divided by the stride, then batch norm.

    Parameters: `convolution.weight` [outputs, inputs, size, size], `norm.weight` and `norm.bias` [outputs];
    `norm.running_mean` and `norm.running_var` [outputs] are what stands for the batch after training.
    """

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1):
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H / stride, W / stride], rounded up."""
        return self.norm(self.convolution(x))


class PaddedShortcut(nn.Module):
    """Every stride-th pixel, with channels of zeros on both sides: a way around without parameters (He et al. 2016, option A)."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        before = (outputs - inputs) // 2
        self.padding = (0, 0, 0, 0, before, outputs - inputs - before)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H / stride, W / stride], rounded up."""
        return F.pad(x[:, :, :: self.stride, :: self.stride], self.padding)


def make_shortcut(kind: str, inputs: int, outputs: int, stride: int) -> nn.Module:
    """x itself where its shape stays; else a 1 x 1 convolution ("projection") or zeros ("padding")."""
    if inputs == outputs and stride == 1:
        return nn.Identity()
    return NormalizedConvolution(inputs, outputs, 1, stride) if kind == "projection" else PaddedShortcut(inputs, outputs, stride)


def make_convolution(norm: str, inputs: int, outputs: int) -> nn.Module:
    """A 3 x 3 convolution that keeps the picture's size: with batch norm ("batch"), or with a bias and nothing else ("none")."""
    return NormalizedConvolution(inputs, outputs, 3) if norm == "batch" else nn.Conv2d(inputs, outputs, 3, padding=1)
