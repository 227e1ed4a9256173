"""Convolution with batch norm (Ioffe and Szegedy 2015), and the ways around it (He et al. 2016); statement 6.2b."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.layers.fast.activated_norm import known_norm_gelu, largest_of_four, norm_gelu


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


class ActivatedConvolution(nn.Module):
    """gelu(N(P(W * x)) + a): a 3 x 3 convolution without bias, the largest of 2 x 2 pixels where `pool` says so, batch norm without a scale, GELU.

    Pooling first leaves a quarter of the pixels to the norm and the nonlinearity. A scale would do nothing: filters that grow are normalized.
    Parameters: `weight` W [outputs, inputs, 3, 3], `bias` [outputs]; `running_mean` and `running_var` [outputs] are what stands for the batch after training.
    """

    EPSILON, MOMENTUM = 1e-5, 0.4
    """Of the norm: what is added to the variance, and how much of a batch the running statistics take in: much, as short trainings change fast."""

    def __init__(self, inputs: int, outputs: int, pool: bool):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(outputs, inputs, 3, 3)), nn.Parameter(torch.empty(outputs))
        self.running_mean, self.running_var = nn.Buffer(torch.empty(outputs)), nn.Buffer(torch.empty(outputs))
        self.pool = largest_of_four if pool else nn.Identity()

    @torch.no_grad()
    def initialize(self) -> None:
        """The first filters hand their input through (as many as there are inputs), the others are from U(-1, 1) / sqrt(fan-in)."""
        outputs, inputs = self.weight.shape[:2]
        nn.init.uniform_(self.weight, -((9 * inputs) ** -0.5), (9 * inputs) ** -0.5)
        nn.init.dirac_(self.weight[: min(inputs, outputs)])
        for tensor, value in ((self.bias, 0), (self.running_mean, 0), (self.running_var, 1)):
            tensor.fill_(value)

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H, W], or of half the size, rounded down. added: a, of the result's shape."""
        z = self.pool(F.conv2d(x, self.weight, padding=1))
        if not self.training:
            return known_norm_gelu(z, added, self.bias, self.running_mean, self.running_var, self.EPSILON)
        y, mean, variance = norm_gelu(z, added, self.bias, self.EPSILON)
        n = z.numel() // z.shape[1]
        with torch.no_grad():
            self.running_mean.lerp_(mean.to(self.running_mean), self.MOMENTUM)
            self.running_var.lerp_(variance.to(self.running_var) * (n / max(n - 1, 1)), self.MOMENTUM)
        return y
