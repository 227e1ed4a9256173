"""How well a VAE describes pictures: bounds and estimates of their log-likelihood in nats and bits, and which latent dimensions say something (5.1d)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from workings.data.labeled_pictures import LabeledPictures
from workings.errors import BadInput
from workings.layers.distributions import Bernoulli
from workings.layers.fast.noise import normal
from workings.layers.pixel_values import pixel_values
from workings.layers.randomness import mix
from workings.models.vae import VAE
from workings.objectives.elbo import active_units, bits_per_dimension, elbo, iwae, log_likelihood

AT_ONCE, AT_ONCE_WEIGHED = 500, 100
"""Pictures that are looked at together, and of those whose likelihood is estimated by many samples."""
KEY = mix(20)
"""Of the noise that scores are taken with, the same for every run."""
GRAY_LEVEL, AT_FLOOR, MOST_AT_FLOOR = 1 / 256, 1.02, 0.01
"""How far gray levels are apart; up to how many times the floor a deviation lies at it; and which part of the pixels may be there."""
LEVELS = {"fixed": 1, "dynamic": 1, "dequantized": 256}
"""How many values the likelihood of each is spread over; a gray cross-entropy is none."""


@dataclass(frozen=True)
class Described:
    """What a VAE says of pictures."""

    scores: dict[str, float]
    means: Tensor
    """The means of q(z|x), [N, Z]."""
    divergences: Tensor
    """The mean KL of each dimension, [Z], or of all together, [1]."""


def in_pieces(model: VAE, pictures: LabeledPictures, targets: Tensor, how: str, samples: int, at_once: int) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """Pictures as numbers [B, C, H, W], noise [B, samples, Z] and labels; all of them the same whenever they are asked for."""
    device = next(model.parameters()).device
    for rows in torch.arange(len(pictures)).split(at_once):
        noise = normal(len(rows), samples * model.settings.latent, KEY, int(rows[0]), device).view(len(rows), samples, -1)
        yield pixel_values(pictures.pixels(rows).to(device), how), noise, targets[rows].to(device) if model.settings.classes else None


@torch.no_grad()
def describe(model: VAE, pictures: LabeledPictures, targets: Tensor, how: str, inner: int = 1) -> Described:
    """The bound of every picture once, from one sample (or one sum of `inner`), the KL in closed form.

    loss: minus the bound, in nats; reconstruction: minus E log p(x|z); divergence: the KL; bits_per_dimension: of the bound; active_units: how many dimensions
    of z say something. how: what pixels become, as `pixel_values` takes it. A density that is not finite and a variance that has collapsed are refused.
    """
    totals, means, parts = torch.zeros(3, dtype=torch.float64), [], []
    for x, noise, labels in in_pieces(model, pictures, targets, how, inner, AT_ONCE):
        bound = elbo(model, x, noise, labels) if inner == 1 else iwae(model, x, noise, labels, inner=inner)
        totals += torch.stack([-bound.value.double().sum(), -bound.reconstruction.double().sum(), bound.divergence.double().sum()]).cpu()
        q = model.encode(x, labels)
        means.append(q.mean[:, 0].float().cpu())
        parts.append(q.divergences()[:, 0].float().cpu())
        refuse_collapse(model, q.mean, labels)
    loss, reconstruction, divergence = (totals / len(pictures)).tolist()
    if not math.isfinite(loss):
        raise BadInput(f"The bound of {pictures.where} is {loss} nats, no finite number; lower optimizer.rate, or raise model.floor, and train again.")
    found, size = torch.cat(means), model.settings.pixels
    bits = {"bits_per_dimension": bits_per_dimension(loss, size, LEVELS[how])} if how in LEVELS else {}
    scores = {"loss": loss, "reconstruction": reconstruction, "divergence": divergence, **bits, "active_units": active_units(found) if len(found) > 1 else 0}
    return Described(scores, found, torch.cat(parts).mean(0))


@torch.no_grad()
def estimated(model: VAE, pictures: LabeledPictures, targets: Tensor, how: str, samples: int) -> dict[str, float]:
    """nll: minus the mean log-likelihood, estimated by importance sampling with so many samples a picture, in nats; nll_bits_per_dimension: as bits.

    Nothing for gray pictures under coins, which have no likelihood.
    """
    if how not in LEVELS and model.settings.likelihood == "bernoulli":
        return {}
    total = 0.0
    for x, noise, labels in in_pieces(model, pictures, targets, how, samples, AT_ONCE_WEIGHED):
        total -= float(log_likelihood(model, x, noise, labels).double().sum())
    nll = total / len(pictures)
    bits = {"nll_bits_per_dimension": bits_per_dimension(nll, model.settings.pixels, LEVELS[how])} if how in LEVELS else {}
    return {"nll": nll, **bits, "importance_samples": samples}


def refuse_collapse(model: VAE, z: Tensor, labels: Tensor | None) -> None:
    """Stop where a learned deviation is at its floor, and that far below what gray levels can tell apart: the density then grows without bound."""
    s = model.settings
    if s.likelihood == "bernoulli" or s.variance == "fixed" or s.floor * 2 > GRAY_LEVEL:
        return
    p = model.decode(z, labels)
    assert not isinstance(p, Bernoulli)
    share = float((p.log_variance < 2 * math.log(s.floor * AT_FLOOR)).float().mean())
    if share > MOST_AT_FLOOR:
        raise BadInput(
            f"The variance has collapsed: the decoder is as sure of {share:.0%} of the pixels as model.floor={s.floor:g} lets it, though gray levels are "
            f"{GRAY_LEVEL:.4f} apart, so that their density is no likelihood any more; take objective.binarization='dequantized', or a larger model.floor."
        )
