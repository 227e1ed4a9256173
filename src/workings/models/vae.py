"""The variational autoencoder (Kingma and Welling 2014; Rezende et al. 2014), statements 5.1a-5.1c."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workings.errors import BadInput
from workings.layers.distributions import Bernoulli, DiagonalGaussian, FullGaussian, Likelihood, Posterior, wide
from workings.layers.initialization import initialize
from workings.layers.linear import Linear
from workings.models.picture_input import check_pictures
from workings.models.vae_bodies import BODIES
from workings.models.vae_settings import VAESettings
from workings.objectives.elbo import Bound, elbo

LOWEST, HIGHEST = -14.0, 6.0
"""Bounds of the log variances that networks give: deviations between a thousandth and twenty; beyond, exp would end in 0 or infinity."""


class VAE(nn.Module):
    """p(x) = integral p(x|z) N(z | 0, I) dz (5.1a), a decoder that gives p(x|z) (5.1b), and an encoder that gives q(z|x), a normal distribution (5.1c).

    Encoder: y = body(x), mu = `mean` y, and log sigma^2 = `spread` y; a full covariance is L L^T, L_ii = sigma_i, and below the diagonal L has further rows of
    `spread` y. Decoder: logits, or a mean with the variance that `variance` names. With classes both are told the label.
    Parameters: `encoder`, `mean` [latent, width], `spread` [latent (+ latent (latent - 1) / 2), width], `decoder`, and `output` of a Gaussian p(x|z).
    """

    def __init__(self, settings: VAESettings):
        super().__init__()
        s = self.settings = settings
        encoder, decoder = BODIES[s.body]
        self.encoder = encoder(s)
        self.mean = Linear(self.encoder.width, s.latent)
        self.spread = Linear(self.encoder.width, s.latent + (s.latent * (s.latent - 1) // 2 if s.posterior == "full" else 0))
        self.decoder = decoder(s, 2 if (s.likelihood, s.variance) == ("gaussian", "pixel") else 1)
        self.output = BernoulliOutput() if s.likelihood == "bernoulli" else VARIANCES[s.variance](s, self.decoder.width)
        self.posterior = {"diagonal": DiagonalGaussian, "full": full}[s.posterior]
        self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        """Draw the parameters anew: hidden layers for their nonlinearity, what ends in a distribution small, so that q(z|x) begins near the prior."""
        initialize(self, "xavier" if self.settings.phi == "tanh" else "he")
        for last in (self.mean, self.spread, self.decoder.output):
            nn.init.normal_(last.weight, std=0.2 * last.weight[0].numel() ** -0.5)
        self.output.initialize(self.decoder)

    def forward(self, x: Tensor, noise: Tensor, labels: Tensor | None = None, bound=elbo) -> Bound:
        """What `bound` makes of each picture. x: [B, C, H, W] in [0, 1], noise: [B, S, latent] from N(0, I), labels: [B]."""
        return bound(self, x, noise, labels)

    def encode(self, x: Tensor, labels: Tensor | None = None) -> Posterior:
        """q(z|x) (5.1c). x: [B, C, H, W], labels: int64 [B]."""
        check_pictures(x, self.settings.channels, self.settings.image_size)
        y = self.encoder(x, self.told(labels))
        return self.posterior(wide(self.mean(y))[:, None], wide(self.spread(y))[:, None].clamp(LOWEST, HIGHEST))

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Likelihood:
        """p(x|z) for vectors x of all D numbers of a picture (5.1b). z: [B, S, latent], labels: int64 [B]."""
        told = self.told(labels)
        numbers, hidden = self.decoder(z.flatten(0, 1), None if told is None else told.repeat_interleave(z.shape[1], dim=0))
        return self.output(numbers.unflatten(0, z.shape[:2]), hidden.unflatten(0, z.shape[:2]))

    def pictures(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """The mean of p(x|z) as pictures. z: [N, latent], labels: int64 [N] -> [N, C, H, W] in [0, 1]."""
        s = self.settings
        return wide(self.decode(z[:, None], labels).mean).clamp(0, 1).view(len(z), s.channels, *s.image_size)

    def sample(self, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        """Drawings: z from the prior, and the mean of p(x|z). noise: [N, latent] from N(0, I), labels: int64 [N] -> [N, C, H, W] in [0, 1]."""
        return self.pictures(noise, labels)

    def told(self, labels: Tensor | None) -> Tensor | None:
        """The classes as vectors with a 1, [B, K]; None for a model without classes."""
        classes = self.settings.classes
        if not classes:
            return None
        if labels is None:
            raise BadInput(f"This VAE was told the classes of its {classes} kinds of pictures; give labels, one a picture.")
        return F.one_hot(labels, classes).float()


class BernoulliOutput(nn.Module):
    """p(x|z) of independent coins."""

    def initialize(self, decoder: nn.Module) -> None:
        """Nothing to do."""

    def forward(self, numbers: Tensor, hidden: Tensor) -> Bernoulli:
        """numbers: logits [B, S, D]."""
        return Bernoulli(numbers)


class GaussianOutput(nn.Module):
    """p(x|z) = N(x | mu(z), sigma^2(z)) with sigma^2 = floor^2 + exp(h) (5.1b); a subclass says where h comes from."""

    def __init__(self, settings: VAESettings, width: int):
        super().__init__()
        s = self.settings = settings
        self.begin = math.log(s.sigma**2 - s.floor**2)
        """h at the beginning."""

    def above(self, h: Tensor) -> Tensor:
        """log(floor^2 + exp(h))."""
        return torch.logaddexp(wide(h).clamp(max=HIGHEST), h.new_full((), 2 * math.log(self.settings.floor), dtype=wide(h).dtype))


class PixelVariance(GaussianOutput):
    """h for every pixel, the second half of the decoder's numbers."""

    def initialize(self, decoder: nn.Module) -> None:
        """Begin at sigma everywhere."""
        nn.init.zeros_(decoder.output.weight.chunk(2)[1])
        nn.init.constant_(decoder.output.bias.chunk(2)[1], self.begin)

    def forward(self, numbers: Tensor, hidden: Tensor) -> DiagonalGaussian:
        """numbers: [B, S, 2 D]."""
        mean, h = numbers.chunk(2, dim=-1)
        return DiagonalGaussian(wide(mean), self.above(h))


class PictureVariance(GaussianOutput):
    """h for every picture, a linear map of the decoder's hidden layer."""

    def __init__(self, settings: VAESettings, width: int):
        super().__init__(settings, width)
        self.spread = Linear(width, 1)

    def initialize(self, decoder: nn.Module) -> None:
        """Begin at sigma."""
        nn.init.zeros_(self.spread.weight)
        nn.init.constant_(self.spread.bias, self.begin)

    def forward(self, numbers: Tensor, hidden: Tensor) -> DiagonalGaussian:
        """numbers: [B, S, D], hidden: [B, S, width]."""
        return DiagonalGaussian(wide(numbers), self.above(self.spread(hidden)).expand_as(numbers))


class SharedVariance(GaussianOutput):
    """One h for all, a parameter."""

    def __init__(self, settings: VAESettings, width: int):
        super().__init__(settings, width)
        self.h = nn.Parameter(torch.empty(1))

    def initialize(self, decoder: nn.Module) -> None:
        """Begin at sigma."""
        nn.init.constant_(self.h, self.begin)

    def forward(self, numbers: Tensor, hidden: Tensor) -> DiagonalGaussian:
        """numbers: [B, S, D]."""
        return DiagonalGaussian(wide(numbers), self.above(self.h).expand_as(numbers))


class FixedVariance(GaussianOutput):
    """sigma as it is set."""

    def initialize(self, decoder: nn.Module) -> None:
        """Nothing to do."""

    def forward(self, numbers: Tensor, hidden: Tensor) -> DiagonalGaussian:
        """numbers: [B, S, D]."""
        mean = wide(numbers)
        return DiagonalGaussian(mean, mean.new_full((1, 1, 1), 2 * math.log(self.settings.sigma)).expand_as(mean))


VARIANCES = {"pixel": PixelVariance, "picture": PictureVariance, "shared": SharedVariance, "fixed": FixedVariance}
"""Name -> the module that gives a Gaussian p(x|z)."""


def full(mean: Tensor, spread: Tensor) -> FullGaussian:
    """N(mean, L L^T): log L_ii^2 are the first numbers of spread, what is below the diagonal are the others, row by row. spread: [B, 1, n + n (n - 1) / 2]."""
    n = mean.shape[-1]
    diagonal, below = torch.exp(0.5 * spread[:, 0, :n]), spread[:, 0, n:]
    rows, columns = torch.tril_indices(n, n, -1, device=mean.device)
    factor = torch.diag_embed(diagonal)
    factor[:, rows, columns] = below
    return FullGaussian(mean, factor)
