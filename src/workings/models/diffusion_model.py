"""A whole diffusion model: a network with its preconditioning, and what reads its prompts (statements 5.3a-d)."""

from torch import Tensor, nn

from workings.models.build import build
from workings.models.denoiser import Condition
from workings.models.diffusion_model_settings import DiffusionModelSettings
from workings.models.latents import Latents
from workings.models.preconditioned import Denoiser
from workings.models.transformer import Transformer


class DiffusionModel(nn.Module):
    """D(x, sigma, condition), the estimate of a picture [B, C, H, W] in -1 ... 1, or of its latents, from x = picture + sigma eps.

    Parameters: `denoiser`, the network behind its preconditioning; `text`, a transformer that reads prompts, if there are any; `latents`, the autoencoder of a
    model that learns latents.
    """

    def __init__(self, settings: DiffusionModelSettings):
        super().__init__()
        s = self.settings = settings
        self.denoiser = Denoiser(build(s.network), s.diffusion)
        self.text = Transformer(s.text) if s.text else None
        if self.text is not None and s.frozen:
            self.text.requires_grad_(False)
        self.latents = Latents(s.autoencoder) if s.autoencoder else None

    def encode(self, pictures: Tensor) -> Tensor:
        """What is learned of pictures [B, C, H, W] in -1 ... 1: themselves, or their latents [B, latent, h, w]."""
        return pictures if self.latents is None else self.latents.encode(pictures)

    def decode(self, x: Tensor) -> Tensor:
        """The pictures [B, C, H, W] of what was drawn, in -1 ... 1."""
        return x if self.latents is None else self.latents.decode(x)

    def condition(self, labels: Tensor | None = None, tokens: Tensor | None = None, visible: Tensor | None = None) -> Condition:
        """What the network is told: the labels, int64 [B], or the vectors of texts, [B, T, D]. tokens: int64 [B, T]; visible: bool [B, T]."""
        if self.text is None or tokens is None or visible is None:
            return labels
        return self.text.hidden(tokens, visible=visible), visible

    def forward(self, x: Tensor, sigma: Tensor | float, condition: Condition = None) -> Tensor:
        """x: [B, C, H, W]; sigma: [B] or one for all; condition: as `condition` gives it. -> [B, C, H, W]."""
        return self.denoiser(x, sigma, condition)
