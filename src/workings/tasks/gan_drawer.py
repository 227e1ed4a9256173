"""A generator in use."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from workings.models.growth import doubled
from workings.tasks.drawer import Drawer


class GanDrawer(Drawer):
    """What `workings.load` gives for a model that learned to draw against a discriminator."""

    task = "gan"

    def __init__(self, folder: str | Path, dtype: torch.dtype | None = None):
        super().__init__(folder, dtype)
        s = self.settings
        self.names, self.shape, self.latent_shape = tuple(s.class_names), (s.channels, *s.image_size), (s.latent,)

    def decoded(self, z: Tensor, labels: Tensor | None, **choices: Any) -> Tensor:
        """Pictures from latents [N, latent]."""
        return painted(self.model, z.to(next(self.model.parameters()).dtype), labels)


@torch.no_grad()
def painted(generator: nn.Module, z: Tensor, labels: Tensor | None) -> Tensor:
    """What a generator draws, as pixels; of players that have not grown yet, each pixel is several. -> uint8 [N, C, H, W]."""
    x = generator(z, labels).float()
    x = doubled(x, (generator.settings.image_size[0] // x.shape[2]).bit_length() - 1)
    return ((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu()
