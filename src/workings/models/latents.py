"""Between pictures and what a diffusion model learns of them: the latents of an autoencoder, at unit variance (Rombach et al. 2022; statement 5.3b)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.models.autoencoder import Autoencoder
from workings.models.autoencoder_settings import AutoencoderSettings

AT_ONCE = 32
"""Pictures that are encoded or decoded together: the largest maps take memory."""


class Latents(nn.Module):
    """x = (E(picture) - mean) / deviation, channel by channel, and back.

    Parameters: `autoencoder`, which stays as it is. Buffers: `mean` and `deviation` [latent], of the latents of the pictures that are learned.
    """

    def __init__(self, settings: AutoencoderSettings):
        super().__init__()
        self.autoencoder = Autoencoder(settings).requires_grad_(False)
        self.mean, self.deviation = nn.Buffer(torch.zeros(settings.latent)), nn.Buffer(torch.ones(settings.latent))

    @torch.no_grad()
    def measure(self, latents: Tensor) -> None:
        """Take mean and deviation from latents as the encoder gives them, [N, latent, h, w]; a channel that never changes is left as large as it is."""
        wide = latents.double()
        deviation = wide.std((0, 2, 3), correction=0)
        self.mean.copy_(wide.mean((0, 2, 3)))
        self.deviation.copy_(torch.where(deviation > 0, deviation, 1.0))

    def scaled(self, latents: Tensor) -> Tensor:
        """[N, latent, h, w] as the encoder gives them -> the same with mean 0 and variance 1."""
        return (latents - self.mean[:, None, None]) / self.deviation[:, None, None]

    def encode(self, pictures: Tensor) -> Tensor:
        """[N, C, H, W] in -1 ... 1 -> x, [N, latent, h, w]."""
        return self.scaled(torch.cat([self.autoencoder.encode((some + 1) / 2) for some in pictures.split(AT_ONCE)]))

    def decode(self, x: Tensor) -> Tensor:
        """[N, latent, h, w] -> pictures [N, C, H, W] in -1 ... 1."""
        latents = x * self.deviation[:, None, None] + self.mean[:, None, None]
        return torch.cat([2 * self.autoencoder.decode(some) - 1 for some in latents.split(AT_ONCE)])


def cells(mask: Tensor, cell: int) -> Tensor:
    """Of which places of a map every pixel is in the mask. bool [H, W] -> bool [H / cell, W / cell]."""
    return F.max_pool2d((~mask)[None].float(), cell)[0] == 0
