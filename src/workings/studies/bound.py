"""5.1d: how the lower bound on log p(x) rises with the samples in its sum, where log p(x) is known in closed form, and for a VAE trained on pictures."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import workings
from workings.layers.distributions import DiagonalGaussian, FullGaussian
from workings.layers.pixel_values import pixel_values
from workings.layers.randomness import generator
from workings.objectives.elbo import LatentModel, log_weights
from workings.studies.figures import lines
from workings.studies.statistics import Interval, averaged, by_seed, chosen, every, mean_interval, paired_difference, slopes
from workings.studies.study import Row, Scale, Study, Verdict, Word
from workings.tasks.picture_parts import whole
from workings.tasks.pictures_settings import PicturesData

LATENT, PIXELS, SIGMA = 20, 31, 0.7
OFF, WIDE, TRAINED = "known, mean off", "known, too wide", "VAE on clothes"
GAP = 1.0
"""Nats that the encoder whose mean is off loses at one sample."""
WIDENED = 1.5
"""How many times too large the variances of the encoder are that is too unsure."""
AT_ONCE = 1 << 14
"""Samples of a picture that are held together."""
FITTED = 16
"""The slope is that of so many samples and more."""
HALF = 64
"""Samples that should close half of the VAE's gap."""
NEAR = 0.2
"""How far the slope may be from 1."""
LACKS, LEFT = 2.0, 0.5
"""Nats that the VAE's bound of one sample should lack at least, and the part of them that HALF samples should leave at most."""
MODEL, DATA, NOISE = 0, 1, 2
"""What numbers are drawn for; each has a stream of its own, so that the encoder's noise is neither the data's nor the model's."""


class LinearGaussian:
    """p(z) = N(0, I), p(x|z) = N(W z, sigma^2 I), so p(x) = N(0, W W^T + sigma^2 I); encoder N(C W^T x / sigma^2 + d, s C) that is right for d = 0, s = 1."""

    def __init__(self, seed: int, kind: str):
        g = generator(seed, MODEL)
        self.W = torch.randn(PIXELS, LATENT, generator=g, dtype=torch.float64) / LATENT**0.5
        precision = torch.eye(LATENT, dtype=torch.float64) + self.W.T @ self.W / SIGMA**2
        self.C = torch.linalg.inv(precision)
        d = torch.randn(LATENT, generator=g, dtype=torch.float64)
        self.d = d * (2 * GAP / (d @ precision @ d)).sqrt() if kind == OFF else torch.zeros_like(d)
        self.s = WIDENED if kind == WIDE else 1.0

    def sample(self, points: int, g: torch.Generator) -> tuple[Tensor, Tensor]:
        """Latents and what they make: [B, LATENT] and [B, PIXELS]."""
        z = torch.randn(points, LATENT, generator=g, dtype=torch.float64)
        return z, z @ self.W.T + SIGMA * torch.randn(points, PIXELS, generator=g, dtype=torch.float64)

    def gap(self) -> float:
        """KL(q(z|x) || p(z|x)), what the bound of one sample lacks: d^T C^-1 d / 2 + n (s - 1 - log s) / 2."""
        off = float(self.d @ torch.linalg.solve(self.C, self.d)) / 2
        return off + LATENT * (self.s - 1 - math.log(self.s)) / 2

    def evidence(self, x: Tensor) -> Tensor:
        """log p(x). x: [B, PIXELS] -> [B]."""
        covariance = self.W @ self.W.T + SIGMA**2 * torch.eye(PIXELS, dtype=torch.float64)
        return torch.distributions.MultivariateNormal(torch.zeros(PIXELS, dtype=torch.float64), covariance).log_prob(x)

    def encode(self, x: Tensor, labels: Tensor | None = None) -> FullGaussian:
        """q(z|x)."""
        mean = x @ self.W @ self.C / SIGMA**2 + self.d
        return FullGaussian(mean[:, None], torch.linalg.cholesky(self.s * self.C).expand(len(x), -1, -1))

    def decode(self, z: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        """p(x|z)."""
        mean = z @ self.W.T
        return DiagonalGaussian(mean, torch.full_like(mean, 2 * math.log(SIGMA)))


@torch.no_grad()
def weights_of(model: LatentModel, x: Tensor, samples: int, g: torch.Generator) -> Tensor:
    """log w of so many samples for each of the pictures x, [B, ...] -> [B, samples]."""
    found = []
    for some in torch.arange(samples).split(max(1, AT_ONCE // len(x))):
        noise = torch.randn(len(x), len(some), LATENT, generator=g, dtype=x.dtype)
        found.append(log_weights(model, model.encode(x), x, noise)[0].double())
    return torch.cat(found, 1)


def sums(weights: Tensor, k: int) -> float:
    """IWAE_k from the weights of many samples, each k of which make one sum; the mean over sums and pictures, as `objectives.elbo.iwae`. [B, S]."""
    return float((weights.unflatten(1, (-1, k)).logsumexp(2) - math.log(k)).mean())


def bound(model: LatentModel, x: Tensor, k: int, many: int, seed: int) -> float:
    """IWAE_k by so many sums of samples that no other k has: bounds of the same samples could not but rise."""
    return sums(weights_of(model, x, many * k, generator(seed, NOISE, k)), k)


def conditions(scale: Scale) -> list[dict[str, Any]]:
    """The models; each is looked at with every number of samples."""
    return [{"model": name} for name in (OFF, WIDE, TRAINED)]


def measure(condition: dict[str, Any], seed: int, scale: Scale, folder: Path) -> list[Row]:
    """A row for every number of samples: the bound, and what it lacks of log p(x), of which for the VAE the best estimate stands in."""
    model: LatentModel
    if condition["model"] == TRAINED:
        s = [f"model.latent={LATENT}", f"training.evaluate_every={scale['steps']}"]
        run = workings.train("vae", data="fashion", steps=scale["steps"], seed=seed, set=s, out=folder / "run", quiet=True, report=False)
        test = whole(PicturesData(source="fashion"))
        x = pixel_values(test.pixels(torch.arange(scale["pictures"])), "fixed")
        model, many = run.load().vae, scale["picture_sums"]
        evidence = bound(model, x, scale["estimate"], 1, seed)
    else:
        model, many = LinearGaussian(seed, condition["model"]), scale["sums"]
        _, x = model.sample(scale["points"], generator(seed, DATA))
        evidence = float(model.evidence(x).mean())
    found = {k: bound(model, x, k, many, seed) for k in scale["samples"]}
    return [{"samples": k, "bound": value, "gap": evidence - value} for k, value in found.items()]


def slope(rows: list[Row], model: str) -> Interval:
    """By which power of 1 / k the gap falls."""
    return mean_interval(slopes([row for row in chosen(rows, {"model": model}) if row["samples"] >= FITTED], "samples", "gap"))


def rises(rows: list[Row], model: str) -> bool | None:
    """Whether the bound rises from each number of samples to the next."""
    steps = pairwise(sorted({row["samples"] for row in rows}))
    return every(paired_difference(rows, "bound", *({"model": model, "samples": k} for k in step)).above(0) for step in steps)


def of_vae(rows: list[Row]) -> tuple[Interval, Interval]:
    """What its bound of one sample lacks, in nats, and the part of that which HALF samples leave."""
    one, half = (by_seed(chosen(rows, {"model": TRAINED, "samples": k}), "gap") for k in (1, HALF))
    return mean_interval(one.values()), mean_interval(half[seed] / one[seed] for seed in one)


def expectations(rows: list[Row]) -> dict[str, bool | None]:
    """The parts of the hypothesis."""
    lacks, left = of_vae(rows)
    return {
        "each bound rises with the samples in its sum": every(rises(rows, model) for model in (OFF, WIDE, TRAINED)),
        "an encoder whose mean is off: the gap falls with them to the power of 1, within 0.2": slope(rows, OFF).near(1, NEAR),
        "an encoder that is too wide: the same": slope(rows, WIDE).near(1, NEAR),
        "the VAE's bound of one sample lacks at least 2 nats": lacks.above(LACKS),
        "64 samples leave at most half of the VAE's gap": left.below(LEFT),
    }


def judge(rows: list[Row]) -> Verdict:
    """Whether every bound lies below log p(x) where that is known."""
    gaps = averaged([row for row in rows if row["model"] != TRAINED], ["model", "samples"], "gap")
    (model, k), nearest = min(gaps.items(), key=lambda item: item[1].low)
    word: Word = "supported" if nearest.low > 0 else "not supported here" if any(gap.high < 0 for gap in gaps.values()) else "depends on"
    lies = {
        "supported": "lies below it",
        "depends on": f"lies below it, as far as {len(by_seed(rows, 'gap'))} seeds settle it",
        "not supported here": "does not",
    }
    lacks, left = of_vae(rows)
    sentence = (
        f"Where log p(x) is known, every bound {lies[word]}: the nearest by {nearest.mean:.4f} nats ({nearest.low:.4f} to {nearest.high:.4f}; {model}, "
        f"{k} samples). From {FITTED} samples on the gap falls with their number to the power of {slope(rows, OFF).mean:.2f} and {slope(rows, WIDE).mean:.2f}. "
        f"The VAE's bound of one sample lacks {lacks.mean:.1f} nats, {HALF} samples leave {left.mean:.0%} of that."
    )
    return Verdict(word, sentence, nearest.mean, nearest.low, nearest.high, "nats from the nearest of the bounds up to log p(x)")


def draw(rows: list[Row], figure: Any) -> None:
    """The gap against the samples, both in logarithms, where log p(x) is known; and the bound of the VAE."""
    left, right = figure.subplots(1, 2)
    known = [row for row in rows if row["model"] != TRAINED]
    lines(left, known, "samples", "gap", "model", "samples in a sum, k", "gap to log p(x), nats", log_x=True, log_y=True, named=False)
    left.legend(frameon=False)
    trained = chosen(rows, {"model": TRAINED})
    lines(right, trained, "samples", "bound", "model", "samples in a sum, k", "bound of the VAE, nats", log_x=True, named=False)


STUDY = Study(
    name="bound",
    statement="5.1d",
    title="The bound against the number of samples",
    claim="ELBO(x) = E_q log p(x|z) - KL(q(z|x) || p(z)) is a lower bound on log p(x), from one or more samples of z.",
    hypothesis="Each bound rises with the samples in its sum. Where log p(x) is known, the gap falls from 16 to 256 samples with their number to the power "
    "of 1, within 0.2; a VAE's bound of one sample lacks at least 2 nats of the estimate by 4,096 samples, and 64 samples leave at most half of its gap.",
    varied="the number of samples k inside the logarithm of the importance-weighted bound; k = 1 is the bound of the lecture",
    held="the models: a linear-Gaussian one (R^20, 31 numbers, p(x) in closed form) with an encoder whose mean is off by 1 nat, or whose variances are half as "
    "large again as they should be; and a VAE with as many latents, trained on binary pictures of clothes by its one-sample bound; the points and the number "
    "of sums, whose samples are others for every k",
    quick=Scale(
        seeds=5,
        options={"samples": (1, 4, 16, 64, 256), "points": 16, "sums": 768, "pictures": 100, "picture_sums": 8, "estimate": 4096, "steps": 800},
    ),
    full=Scale(
        seeds=5,
        options={
            "samples": (1, 2, 4, 8, 16, 32, 64, 128, 256),
            "points": 64,
            "sums": 1024,
            "pictures": 500,
            "picture_sums": 8,
            "estimate": 4096,
            "steps": 5000,
        },
    ),
    conditions=conditions,
    measure=measure,
    judge=judge,
    draw=draw,
    expectations=expectations,
    changed="After a first quick result: model, data and the encoder's noise, which had been the same numbers, are drawn apart; every k has samples of its "
    "own; five seeds instead of three; and the word, which hung on rising bounds, slopes and what is left, hangs on bounds that lie below log p(x).",
    measures={"bound": "bound, nats", "gap": "gap to log p(x), or to its best estimate, nats"},
)
