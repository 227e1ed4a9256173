"""5.1d: how the lower bound on log p(x) rises with the samples in its sum, where log p(x) is known in closed form, and for a VAE trained on pictures."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import workings
from workings.layers.distributions import DiagonalGaussian, FullGaussian
from workings.layers.pixel_values import pixel_values
from workings.objectives.elbo import LatentModel, log_weights
from workings.studies.figures import lines
from workings.studies.statistics import by_seed, chosen, mean_interval
from workings.studies.study import Row, Scale, Study, Verdict
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


class LinearGaussian:
    """p(z) = N(0, I), p(x|z) = N(W z, sigma^2 I), so p(x) = N(0, W W^T + sigma^2 I); encoder N(C W^T x / sigma^2 + d, s C) that is right for d = 0, s = 1."""

    def __init__(self, seed: int, kind: str):
        g = torch.Generator().manual_seed(seed)
        self.W = torch.randn(PIXELS, LATENT, generator=g, dtype=torch.float64) / LATENT**0.5
        precision = torch.eye(LATENT, dtype=torch.float64) + self.W.T @ self.W / SIGMA**2
        self.C = torch.linalg.inv(precision)
        d = torch.randn(LATENT, generator=g, dtype=torch.float64)
        self.d = d * (2 * GAP / (d @ precision @ d)).sqrt() if kind == OFF else torch.zeros_like(d)
        self.s = WIDENED if kind == WIDE else 1.0

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
def weights_of(model: LatentModel, x: Tensor, samples: int, seed: int) -> Tensor:
    """log w of so many samples for each of the pictures x, [B, ...] -> [B, samples]."""
    g, found = torch.Generator().manual_seed(seed), []
    for some in torch.arange(samples).split(max(1, AT_ONCE // len(x))):
        noise = torch.randn(len(x), len(some), LATENT, generator=g, dtype=x.dtype)
        found.append(log_weights(model, model.encode(x), x, noise)[0].double())
    return torch.cat(found, 1)


def bound(weights: Tensor, k: int) -> float:
    """IWAE_k from the weights of many samples, each k of which make one sum; the mean over sums and pictures, as `objectives.elbo.iwae`. [B, S]."""
    return float((weights.unflatten(1, (-1, k)).logsumexp(2) - math.log(k)).mean())


def conditions(scale: Scale) -> list[dict[str, Any]]:
    """The models; each is looked at with every number of samples."""
    return [{"model": name} for name in (OFF, WIDE, TRAINED)]


def measure(condition: dict[str, Any], seed: int, scale: Scale, folder: Path) -> list[Row]:
    """A row for every number of samples: the bound, and what it lacks of log p(x), of which for the VAE the best estimate stands in."""
    if condition["model"] == TRAINED:
        s = [f"model.latent={LATENT}", f"training.evaluate_every={scale['steps']}"]
        run = workings.train("vae", data="fashion", steps=scale["steps"], seed=seed, set=s, out=folder / "run", quiet=True, report=False)
        test = whole(PicturesData(source="fashion"))
        x = pixel_values(test.pixels(torch.arange(scale["pictures"])), "fixed")
        weights = weights_of(run.load().vae, x, scale["estimate"], seed)
        evidence = bound(weights, scale["estimate"])
    else:
        model = LinearGaussian(seed, condition["model"])
        g = torch.Generator().manual_seed(seed)
        z = torch.randn(scale["points"], LATENT, generator=g, dtype=torch.float64)
        x = z @ model.W.T + SIGMA * torch.randn(scale["points"], PIXELS, generator=g, dtype=torch.float64)
        weights, evidence = weights_of(model, x, scale["draws"], seed), float(model.evidence(x).mean())
    found = {k: bound(weights, k) for k in scale["samples"]}
    return [{"samples": k, "bound": value, "gap": evidence - value} for k, value in found.items()]


def slopes(rows: list[Row], model: str) -> list[float]:
    """By which power of 1 / k the gap falls, for each seed."""
    own = [row for row in chosen(rows, {"model": model}) if row["samples"] >= FITTED]
    found = []
    for seed in by_seed(own, "gap"):
        points = chosen(own, {"seed": seed})
        found.append(-float(np.polyfit(np.log([row["samples"] for row in points]), np.log([max(row["gap"], 1e-9) for row in points]), 1)[0]))
    return found


def rising(rows: list[Row]) -> bool:
    """Whether every further sample raises every bound."""
    for model in (OFF, WIDE, TRAINED):
        for seed in by_seed(rows, "bound"):
            own = sorted(chosen(rows, {"model": model, "seed": seed}), key=lambda row: row["samples"])
            if any(after["bound"] <= before["bound"] for before, after in zip(own, own[1:], strict=False)):
                return False
    return True


def judge(rows: list[Row]) -> Verdict:
    """Whether bounds rise, the known gaps fall as 1 / k, and HALF samples close half of the VAE's gap."""
    rises, falls = rising(rows), {model: mean_interval(slopes(rows, model)).mean for model in (OFF, WIDE)}
    gaps = {k: by_seed(chosen(rows, {"model": TRAINED, "samples": k}), "gap") for k in (1, HALF)}
    one = mean_interval(gaps[1].values())
    left = mean_interval(gaps[HALF][seed] / gaps[1][seed] for seed in gaps[1]).mean
    holds = [rises, all(abs(slope - 1) <= NEAR for slope in falls.values()), left <= 0.5]
    word = "supported" if all(holds) else "depends on" if rises else "not supported here"
    sentence = (
        f"{'Every bound rises' if rises else 'Not every bound rises'} with its samples; where log p(x) is known the gap falls with their number to the power "
        f"of {falls[OFF]:.2f} and {falls[WIDE]:.2f}. The VAE's bound of one sample lacks {one.mean:.1f} nats, {HALF} samples leave {left:.0%} of that."
    )
    return Verdict(word, sentence, one.mean, one.low, one.high, "nats that the VAE's bound of one sample lacks")


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
    "large again as they should be; and a VAE with as many latents, trained on binary pictures of clothes by its one-sample bound; the same draws for every k",
    quick=Scale(
        seeds=3,
        options={"samples": (1, 2, 4, 8, 16, 32, 64, 128, 256), "points": 16, "draws": 1 << 17, "pictures": 100, "estimate": 4096, "steps": 800},
    ),
    full=Scale(
        seeds=5,
        options={"samples": (1, 2, 4, 8, 16, 32, 64, 128, 256), "points": 64, "draws": 1 << 18, "pictures": 1000, "estimate": 4096, "steps": 5000},
    ),
    conditions=conditions,
    measure=measure,
    judge=judge,
    draw=draw,
    measures={"bound": "bound, nats", "gap": "gap to log p(x), or to its best estimate, nats"},
)
