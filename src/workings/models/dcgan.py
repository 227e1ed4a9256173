"""The deep convolutional players (Radford et al. 2016; statements 5.2a, 5.2b, 5.2d)."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from workings.layers.fast.activated_norm import by_pixel
from workings.layers.labels import LabelPlane, Projection
from workings.models.gan_settings import DCGANSettings
from workings.models.picture_input import check_pictures

SLOPE = 0.2
"""Of the leaky ReLU below 0."""
DEVIATION = 0.02
"""Of the first weights."""


def as_it_is(layer: nn.Module) -> nn.Module:
    """The layer."""
    return layer


TAMED: dict[str, Callable[[nn.Module], nn.Module]] = {"batch": as_it_is, "spectral": spectral_norm, "none": as_it_is}
"""What is done to the layers of a discriminator: spectral norm divides each weight by its largest singular value, so that no layer stretches anything."""


@torch.no_grad()
def initialize_players(model: nn.Module) -> None:
    """Weights from N(0, 0.02^2), scales of batch norms from N(1, 0.02^2), biases 0."""
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.parametrizations.weight.original if hasattr(module, "parametrizations") else module.weight, std=DEVIATION)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, DEVIATION)
        if getattr(module, "bias", None) is not None:
            nn.init.zeros_(module.bias)


class DCGANGenerator(nn.Module):
    """Latents [B, latent] -> pictures [B, C, H, W] in (-1, 1).

    h = W z + V_y as a map of the first size, then for each doubling relu(N(h)) and a transposed 4 x 4 convolution with stride 2; tanh at the end.
    Parameters: `project` W, `labels` V [classes, ...] where there are labels, `norms.{l}`, `doublings.{l}`.
    """

    def __init__(self, settings: DCGANSettings):
        super().__init__()
        s = self.settings = settings
        widths = [s.width << place for place in reversed(range(s.doublings))]
        first = widths[0] * s.start[0] * s.start[1]
        self.project = nn.Linear(s.latent, first, bias=False)
        self.labels = nn.Embedding(s.classes, first) if s.classes else None
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths)
        pairs = zip(widths, [*widths[1:], s.channels], strict=True)
        self.doublings = nn.ModuleList(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False) for inputs, outputs in pairs)
        self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        """Draw the parameters anew; a label's part of the first map is as large as the latents'."""
        initialize_players(self)
        if self.labels is not None:
            nn.init.normal_(self.labels.weight, std=DEVIATION * self.settings.latent**0.5)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z: [B, latent]; labels: int64 [B], where there are labels."""
        h = self.project(z)
        if self.labels is not None:
            h = h + self.labels(labels)
        h = by_pixel(h.view(len(z), -1, *self.settings.start))  # B C h w
        for norm, doubling in zip(self.norms, self.doublings, strict=True):
            h = doubling(F.relu(norm(h)))
        return h.tanh()


class DCGANDiscriminator(nn.Module):
    """Pictures [B, C, H, W] -> one score each [B]: above 0, and it holds the picture to be real.

    For each halving a 4 x 4 convolution with stride 2, a norm but in the first, leaky ReLU; then w . h + b over all of the last map,
    and with labels by projection V_y . (sum over pixels of h).
    Its batch norms have no running statistics: it judges a batch by the batch, then as ever.
    Parameters: `halvings.{l}`, `norms.{l}` of batch norms, `score` w, b; `plane` or `projection` where there are labels.
    """

    def __init__(self, settings: DCGANSettings):
        super().__init__()
        s = self.settings = settings
        tamed = TAMED[s.norm]
        widths = [s.width << place for place in range(s.doublings)]
        self.plane = LabelPlane(s.classes, s.start) if s.classes and s.conditioning == "plane" else None
        self.projection = Projection(s.classes, widths[-1], DEVIATION) if s.classes and s.conditioning == "projection" else None
        first = s.channels + (self.plane is not None)
        normed = [False] + [s.norm == "batch"] * (s.doublings - 1)
        pairs = zip([first, *widths], widths, normed, strict=False)
        self.halvings = nn.ModuleList(tamed(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=not norm)) for inputs, outputs, norm in pairs)
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(width, track_running_stats=False) if norm else nn.Identity() for width, norm in zip(widths, normed, strict=True)
        )
        self.score = tamed(nn.Linear(widths[-1] * s.start[0] * s.start[1], 1))
        self.initialize()

    def initialize(self) -> None:
        """Draw the parameters anew."""
        initialize_players(self)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        """pictures: [B, C, H, W]; labels: int64 [B], where there are labels."""
        check_pictures(pictures, self.settings.channels, self.settings.image_size)
        h = by_pixel(pictures if self.plane is None else self.plane(pictures, labels))
        for halving, norm in zip(self.halvings, self.norms, strict=True):
            h = F.leaky_relu(norm(halving(h)), SLOPE)
        score = self.score(h.flatten(1))[:, 0]
        return score if self.projection is None else score + self.projection(h, labels)
