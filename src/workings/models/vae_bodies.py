"""What encoders and decoders of pictures are made of: fully connected layers, or convolutions that halve and double (statements 5.1b, 5.1c, 6.2a, 6.2b)."""

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.layers.feed_forward import PHI as SMOOTH
from workings.layers.linear import Linear
from workings.models.vae_settings import VAESettings

PHI: dict[str, Any] = SMOOTH | {"tanh": torch.tanh}


def sizes_of(settings: VAESettings) -> list[tuple[int, int]]:
    """Height and width of the picture and after each halving, which rounds up."""
    sizes = [(settings.image_size[0], settings.image_size[1])]
    for _ in settings.widths:
        height, width = sizes[-1]
        sizes.append(((height + 1) // 2, (width + 1) // 2))
    return sizes


def joined(x: Tensor, told: Tensor | None) -> Tensor:
    """The numbers [N, n] with the class behind them, if one is told: [N, n + K]."""
    return x if told is None else torch.cat([x, told.to(x.dtype)], dim=1)


class DenseEncoder(nn.Module):
    """y^0 is all numbers of a picture and, where there are classes, which one it is (a 1 among zeros); y^l = phi(W^l y^{l-1} + b^l).

    Parameters: `layers.{l}` [widths[l], inputs].
    """

    def __init__(self, settings: VAESettings):
        super().__init__()
        s = settings
        inputs = (s.pixels + s.classes, *s.widths[:-1])
        self.layers = nn.ModuleList(Linear(n, m) for n, m in zip(inputs, s.widths, strict=True))
        self.phi, self.width = PHI[s.phi], s.widths[-1]

    def forward(self, x: Tensor, told: Tensor | None) -> Tensor:
        """x: [B, C, H, W], told: the class [B, K] -> [B, width]."""
        y = joined(x.flatten(1), told)
        for layer in self.layers:
            y = self.phi(layer(y))
        return y


class DenseDecoder(nn.Module):
    """The same from a latent, with the widths in reverse; then a linear map to `parts` numbers for each one of a picture.

    Parameters: `layers.{l}`, `output` [parts C H W, widths[0]].
    """

    def __init__(self, settings: VAESettings, parts: int):
        super().__init__()
        s = settings
        widths = s.widths[::-1]
        self.layers = nn.ModuleList(Linear(n, m) for n, m in zip((s.latent + s.classes, *widths[:-1]), widths, strict=True))
        self.output = Linear(widths[-1], parts * s.pixels)
        self.phi, self.width = PHI[s.phi], widths[-1]

    def forward(self, z: Tensor, told: Tensor | None) -> tuple[Tensor, Tensor]:
        """z: [N, latent], told: [N, K] -> [N, parts C H W] and the last hidden layer [N, width]."""
        y = joined(z, told)
        for layer in self.layers:
            y = self.phi(layer(y))
        return self.output(y), y


class ConvolutionalEncoder(nn.Module):
    """Convolutions of 3 x 3 that go two pixels a step, then a layer that also sees the class: phi(W * x + b), ..., phi(W y + b).

    Parameters: `stages.{s}` [widths[s], channels, 3, 3], `hidden` [hidden, numbers of the smallest map + classes].
    """

    def __init__(self, settings: VAESettings):
        super().__init__()
        s = settings
        height, width = sizes_of(s)[-1]
        self.stages = nn.ModuleList(nn.Conv2d(n, m, 3, stride=2, padding=1) for n, m in zip((s.channels, *s.widths[:-1]), s.widths, strict=True))
        self.hidden = Linear(s.widths[-1] * height * width + s.classes, s.hidden)
        self.phi, self.width = PHI[s.phi], s.hidden

    def forward(self, x: Tensor, told: Tensor | None) -> Tensor:
        """x: [B, C, H, W], told: [B, K] -> [B, width]."""
        for stage in self.stages:
            x = self.phi(stage(x))
        return self.phi(self.hidden(joined(x.flatten(1), told)))


class ConvolutionalDecoder(nn.Module):
    """Two layers from a latent to the smallest map; each map is then doubled (a pixel becomes 2 x 2) and convolved, at last to `parts C` channels.

    Parameters: `hidden` [hidden, latent + classes], `map` [numbers of the smallest map, hidden], `stages.{s}` from the smallest map on,
    [widths[-2 - s], widths[-1 - s], 3, 3], `output` [parts C, widths[0], 3, 3].
    """

    def __init__(self, settings: VAESettings, parts: int):
        super().__init__()
        s = settings
        (height, width), *self.sizes = sizes_of(s)[::-1]
        widths = s.widths[::-1]
        self.shape = (widths[0], height, width)
        self.hidden = Linear(s.latent + s.classes, s.hidden)
        self.map = Linear(s.hidden, widths[0] * height * width)
        self.stages = nn.ModuleList(nn.Conv2d(n, m, 3, padding=1) for n, m in pairwise(widths))
        self.output = nn.Conv2d(widths[-1], parts * s.channels, 3, padding=1)
        self.phi, self.width = PHI[s.phi], s.hidden

    def forward(self, z: Tensor, told: Tensor | None) -> tuple[Tensor, Tensor]:
        """z: [N, latent], told: [N, K] -> [N, parts C H W] and the first layer [N, hidden]."""
        y = self.phi(self.hidden(joined(z, told)))
        x = self.phi(self.map(y)).unflatten(1, self.shape)
        for stage, size in zip(self.stages, self.sizes, strict=False):
            x = self.phi(stage(F.interpolate(x, size)))
        return self.output(F.interpolate(x, self.sizes[-1])).flatten(1), y


BODIES: dict[str, tuple[type[nn.Module], type[nn.Module]]] = {
    "mlp": (DenseEncoder, DenseDecoder),
    "convolutional": (ConvolutionalEncoder, ConvolutionalDecoder),
}
"""Name -> encoder, decoder."""
