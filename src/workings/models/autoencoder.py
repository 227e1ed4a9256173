"""An autoencoder whose latents are a small map, for diffusion to learn instead of pixels (Rombach et al. 2022; the tiny one of Bohan 2023; 5.3b, 6.2b)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.errors import BadInput
from workings.layers.group_norm import GroupNorm
from workings.layers.timed_block import Doubling
from workings.models.autoencoder_settings import AutoencoderSettings


def convolution(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3 x 3 convolution that keeps the map's size."""
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class Block(nn.Module):
    """relu(x + W_3 * relu(W_2 * relu(W_1 * x + b_1) + b_2) + b_3).

    Parameters: `parts.{0, 1, 2}`, each a convolution [width, width, 3, 3] with its bias.
    """

    def __init__(self, settings: AutoencoderSettings):
        super().__init__()
        self.parts = nn.ModuleList(convolution(settings.width, settings.width) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """[B, width, H, W] -> the same."""
        y = x
        for part in self.parts[:-1]:
            y = F.relu(part(y))
        return F.relu(self.parts[-1](y) + x)


class NormalizedBlock(Block):
    """The same of x + V relu(N(U x)), U and V maps of each pixel to four times the width and back, N group norm over the whole map.

    Parameters: `parts`; `widen` U [4 width, width, 1, 1], `norm`, `narrow` V [width, 4 width, 1, 1].
    """

    def __init__(self, settings: AutoencoderSettings):
        super().__init__(settings)
        width = settings.width
        self.widen, self.narrow = nn.Conv2d(width, 4 * width, 1, bias=False), nn.Conv2d(4 * width, width, 1, bias=False)
        self.norm = GroupNorm(settings.groups, 4 * width)

    def forward(self, x: Tensor) -> Tensor:
        """[B, width, H, W] -> the same."""
        return super().forward(x + self.narrow(F.relu(self.norm(self.widen(x)))))


SMALLEST: dict[str, type[Block]] = {"plain": Block, "normalized": NormalizedBlock}
"""The blocks of the smallest map, by name."""


class Encoder(nn.Module):
    """A convolution and a block; then every size is halved by a convolution that goes two pixels a step, and has `depth` blocks; a convolution to the latents.

    Parameters: `enter`, `first`; `halvings.{i}` [width, width, 3, 3] and `blocks.{i}.{j}`, the largest map first; `leave`.
    """

    def __init__(self, settings: AutoencoderSettings):
        super().__init__()
        s = settings
        kinds = [Block] * (s.halvings - 1) + [SMALLEST[s.smallest]]
        self.enter, self.first = convolution(s.channels, s.width), Block(s)
        self.halvings = nn.ModuleList(nn.Conv2d(s.width, s.width, 3, stride=2, padding=1, bias=False) for _ in kinds)
        self.blocks = nn.ModuleList(nn.Sequential(*(kind(s) for _ in range(s.depth))) for kind in kinds)
        self.leave = convolution(s.width, s.latent)

    def forward(self, x: Tensor) -> Tensor:
        """[B, channels, H, W] -> [B, latent, H / cell, W / cell]."""
        x = self.first(self.enter(x))
        for halving, blocks in zip(self.halvings, self.blocks, strict=True):
            x = blocks(halving(x))
        return self.leave(x)


class Decoder(nn.Module):
    """z is bounded and convolved; every size has `depth` blocks and is doubled (a pixel becomes 2 x 2) and convolved; a block, a convolution to the picture.

    Parameters: `enter`; `blocks.{i}.{j}` and `doublings.{i}`, the smallest map first; `last`, `leave`.
    """

    def __init__(self, settings: AutoencoderSettings):
        super().__init__()
        s = settings
        kinds = [SMALLEST[s.smallest]] + [Block] * (s.halvings - 1)
        self.bound, self.enter = s.bound, convolution(s.latent, s.width)
        self.blocks = nn.ModuleList(nn.Sequential(*(kind(s) for _ in range(s.depth))) for kind in kinds)
        self.doublings = nn.ModuleList(Doubling(s.width, bias=False) for _ in kinds)
        self.last, self.leave = Block(s), convolution(s.width, s.channels)

    def forward(self, z: Tensor) -> Tensor:
        """[B, latent, h, w] -> [B, channels, cell h, cell w]."""
        x = F.relu(self.enter(self.bound * torch.tanh(z / self.bound)))
        for blocks, doubling in zip(self.blocks, self.doublings, strict=True):
            x = doubling(blocks(x), (2 * x.shape[2], 2 * x.shape[3]))
        return self.leave(self.last(x))


class Autoencoder(nn.Module):
    """A picture [B, C, H, W] in 0 ... 1 to a map of latents [B, latent, H / cell, W / cell], and back.

    Parameters: `encoder`, `decoder`.
    """

    def __init__(self, settings: AutoencoderSettings):
        super().__init__()
        self.settings = settings
        self.encoder, self.decoder = Encoder(settings), Decoder(settings)

    def encode(self, pictures: Tensor) -> Tensor:
        """[B, C, H, W] in 0 ... 1 -> [B, latent, H / cell, W / cell]."""
        s = self.settings
        if pictures.ndim != 4 or pictures.shape[1] != s.channels or any(side % s.cell for side in pictures.shape[2:]):
            raise BadInput(f"The pictures are {list(pictures.shape)}; this autoencoder takes [pictures, {s.channels}, H, W], H and W multiples of {s.cell}.")
        return self.encoder(pictures)

    def decode(self, latents: Tensor) -> Tensor:
        """[B, latent, h, w] -> [B, C, cell h, cell w] in 0 ... 1."""
        return self.decoder(latents).clamp(0, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """What becomes of pictures. [B, C, H, W] -> the same."""
        return self.decode(self.encode(pictures))
