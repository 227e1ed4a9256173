"""5.3a: how the error of a sampler falls with its steps, on a mixture of Gaussians whose denoiser is exact: all error is the sampler's."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workings.generation.noise_levels import noise_levels
from workings.generation.samplers import SAMPLERS
from workings.layers.randomness import generator
from workings.objectives.diffusion_settings import DiffusionSettings
from workings.objectives.noise_schedule import noise_schedule
from workings.studies.figures import lines
from workings.studies.mixture import Mixture
from workings.studies.statistics import Interval, by_seed, chosen, mean_interval, outcome, slopes
from workings.studies.study import Row, Scale, Study, Verdict, Word

ORDERS = {"ddpm": 1, "ddim": 1, "euler": 1, "heun": 2, "dpm++": 2}
"""What the slope should be."""
NAMED = {"ddpm": "DDPM", "ddim": "DDIM", "euler": "Euler", "heun": "Heun", "dpm++": "DPM-Solver++"}
ASKED_TWICE = ("heun",)
"""Samplers that ask the network twice a step, but once in the last one."""
FITTED = 32
"""Slopes are those of so many steps and more."""
NEAR = 0.35
"""How far a slope may be from its order."""
LESS = 0.2
"""What the error of DPM-Solver++ should be of DDIM's, at most."""
PARTS = 3
WORLD, DRAWS = 0, 1
"""What is drawn from a seed: the mixture, and the noise of a sampler."""


def world(seed: int) -> Mixture:
    """Three Gaussians on a line, other ones for each seed."""
    g = generator(seed, WORLD)
    weights = 0.2 + torch.rand(PARTS, generator=g, dtype=torch.float64)
    means = torch.tensor([-1.0, 0.1, 1.0], dtype=torch.float64) + 0.2 * torch.randn(PARTS, generator=g, dtype=torch.float64)
    deviations = 0.1 + 0.2 * torch.rand(PARTS, generator=g, dtype=torch.float64)
    return Mixture(weights / weights.sum(), means[:, None], deviations[:, None] ** 2, torch.arange(PARTS))


def distance(drawn: Tensor, truth: Tensor) -> float:
    """The 1-Wasserstein distance of as many points on a line: the mean way from each to its counterpart in order. [N, 1] each."""
    return float((drawn[:, 0].sort().values - truth[:, 0].sort().values).abs().mean())


def conditions(scale: Scale) -> list[dict[str, Any]]:
    """Every sampler with every number of steps."""
    return [{"sampler": NAMED[name], "steps": steps} for name in SAMPLERS for steps in scale["steps"]]


def measure(condition: dict[str, Any], seed: int, scale: Scale, folder: Path) -> list[Row]:
    """The distance of what is drawn from the mixture itself; drawing begins exactly at the mixture with the most noise."""
    name = next(name for name, said in NAMED.items() if said == condition["sampler"])
    steps, mixture, g = condition["steps"], world(seed), generator(seed, DRAWS)
    points = scale["random_points" if name == "ddpm" else "points"]  # where noise is drawn anew, many points are needed to see the distribution
    u = (torch.arange(points, dtype=torch.float64) + 0.5) / points
    schedule = noise_schedule(DiffusionSettings(schedule="edm", prediction="edm", sigma_min=scale["sigma_min"]))
    x = mixture.quantile(u, schedule.sigma_max)
    drawn = SAMPLERS[name](mixture.denoise, x, noise_levels(schedule, steps, "karras"), lambda i: torch.randn(points, 1, generator=g, dtype=torch.float64))
    evaluations = 2 * steps - 1 if name in ASKED_TWICE else steps
    return [{"evaluations": evaluations, "error": distance(drawn, mixture.quantile(u))}]


def orders(rows: list[Row]) -> dict[str, Interval]:
    """By which power of 1 / steps the error of each sampler falls."""
    far = [row for row in rows if row["steps"] >= FITTED]
    return {name: mean_interval(slopes(chosen(far, {"sampler": said}), "steps", "error")) for name, said in NAMED.items()}


def parts(rows: list[Row]) -> list[float]:
    """The error of DPM-Solver++ as a part of DDIM's, for each seed."""
    first, second = (by_seed(chosen(rows, {"sampler": NAMED[name], "steps": FITTED}), "error") for name in ("ddim", "dpm++"))
    return [second[seed] / first[seed] for seed in first]


def expectations(rows: list[Row]) -> dict[str, bool | None]:
    """The parts of the hypothesis."""
    each = {
        f"{NAMED[name]}'s error falls with the steps to the power of {ORDERS[name]}, within {NEAR}": slope.near(ORDERS[name], NEAR)
        for name, slope in orders(rows).items()
    }
    return each | {f"with {FITTED} steps DPM-Solver++ has less than a fifth of DDIM's error": mean_interval(parts(rows)).below(LESS)}


def judge(rows: list[Row]) -> Verdict:
    """Whether every sampler has the order that theory gives it, and what that is worth at a number of steps that one would take."""
    found, held, ratios = orders(rows), expectations(rows), parts(rows)
    part = mean_interval(ratios)
    word: Word = "supported" if all(held.values()) else "depends on" if part.high < 1 else "not supported here"
    slopes_told = ", ".join(f"{NAMED[name]} {slope.mean:.2f}" for name, slope in found.items())
    missed = "".join(f"; it was expected that {expected}, {outcome(rows, value)}" for expected, value in held.items() if not value)
    sentence = (
        f"Errors fall with the steps to the power of {slopes_told}; with {FITTED} steps the error of DPM-Solver++ is {part.mean:.0%} of DDIM's, "
        f"{min(ratios):.0%} to {max(ratios):.0%} from mixture to mixture{missed}."
    )
    return Verdict(word, sentence, part.mean, part.low, part.high, f"error of DPM-Solver++ as a part of DDIM's, {FITTED} steps")


def draw(rows: list[Row], figure: Any) -> None:
    """Error against the times that the network is asked, both in logarithms: an order is a slope. On these levels Euler's step is that of DDIM."""
    axes = figure.subplots()
    shown = [row | ({"sampler": "DDIM and Euler"} if row["sampler"] == NAMED["ddim"] else {}) for row in rows if row["sampler"] != NAMED["euler"]]
    lines(axes, shown, "evaluations", "error", "sampler", "times that the network is asked", "distance from the mixture", log_x=True, log_y=True)


STUDY = Study(
    name="samplers",
    statement="5.3a",
    title="Samplers: error against steps",
    claim="Data are drawn by undoing noise step by step, z_(t-1) = f(z_t, t); how many steps that takes is up to the sampler.",
    hypothesis="From 32 to 256 steps the error falls with their number to the power of 1 for DDPM, DDIM and Euler, of 2 for Heun and DPM-Solver++(2M), "
    "each within 0.35; with 32 steps DPM-Solver++ has less than a fifth of DDIM's error.",
    varied="the sampler, and its number of steps",
    held="the exact denoiser of a mixture of three Gaussians on a line (another one for each seed), the noise levels between (Karras et al. 2022), and a start "
    "that has exactly the distribution of the mixture with the most noise; errors are compared at as many questions to the denoiser",
    quick=Scale(seeds=3, options={"steps": (4, 8, 16, 32, 64, 128, 256), "points": 2048, "random_points": 1 << 17, "sigma_min": 0.002}),
    full=Scale(seeds=10, options={"steps": (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256), "points": 8192, "random_points": 1 << 18, "sigma_min": 0.002}),
    conditions=conditions,
    measure=measure,
    judge=judge,
    draw=draw,
    expectations=expectations,
    changed="The rule for the word was changed twice after the first quick result, from the interval of DPM-Solver++'s part to its mean and back; then that of "
    "the powers too, from their means to their intervals.",
    measures={"evaluations": "questions to the denoiser", "error": "1-Wasserstein distance from the mixture"},
)
