"""The residual network for use on a CPU: batch norms are folded into the convolutions, and sums and nonlinearities are done in the same pass.

It equals `ResNet.forward` in evaluation mode, up to rounding.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from workings.layers.convolution import NormalizedConvolution
from workings.layers.fast.convolution import FoldedConvolution, available
from workings.models.resnet import ResidualLayer, ResNet


def fits(model: nn.Module) -> bool:
    """Whether this is a residual network in this machine's memory."""
    return isinstance(model, ResNet) and model.stem.norm.weight.device.type == "cpu" and available()


def folded(layer: NormalizedConvolution, dtype: torch.dtype, phi: str) -> FoldedConvolution:
    """A convolution with its norm and a nonlinearity."""
    return FoldedConvolution(layer.convolution, layer.norm, dtype, phi)


class Layer:
    """relu(S x + N(W * ... relu(N(W * x))))."""

    def __init__(self, layer: ResidualLayer, dtype: torch.dtype):
        self.parts = [folded(part, dtype, "relu") for part in layer.parts]
        around = layer.shortcut
        self.shortcut: Callable[[Tensor], Tensor] = folded(around, dtype, "none") if isinstance(around, NormalizedConvolution) else around

    def __call__(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H / stride, W / stride]."""
        y = x
        for part in self.parts[:-1]:
            y = part(y)
        return self.parts[-1].added(y, self.shortcut(x))


class PackedResNet:
    """Pictures [B, C, H, W] -> what `ResNet.forward` gives, float32."""

    @torch.inference_mode()
    def __init__(self, model: ResNet, dtype: torch.dtype):
        self.dtype, self.pool = dtype, model.pool
        self.stem = folded(model.stem, dtype, "relu")
        self.layers = [Layer(layer, dtype) for layer in model.modules() if isinstance(layer, ResidualLayer)]
        self.pooled = model.pooled
        head = model.classifier
        self.head = None if head is None else (head.weight.detach().float(), head.bias.detach().float())

    @torch.inference_mode()
    def __call__(self, pictures: Tensor) -> Tensor:
        """Logits, or the mean over pixels where there is no classifier."""
        x = self.pool(self.stem(pictures.to(self.dtype, memory_format=torch.channels_last)))
        for layer in self.layers:
            x = layer(x)
        y = self.pooled(x.float())
        return y if self.head is None else nn.functional.linear(y, *self.head)
