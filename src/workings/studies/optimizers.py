"""How many steps gradient descent needs, plain, with momentum, and as Adam and Muon do it: on quadratics of known shape and on pictures (statement 6.1b)."""

import math
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from workings.blackboard.optimizers import best_momentum, best_rate, contraction, momentum_contraction, steps_until
from workings.layers.randomness import generator
from workings.report.figures import INK
from workings.studies.figures import bars, lines
from workings.studies.pictures import learn
from workings.studies.statistics import chosen, mean_interval
from workings.studies.study import Row, Scale, Study, Verdict, Word
from workings.training.journal import read_metrics
from workings.training.optimizers import make_optimizers
from workings.training.settings import OptimizerSettings

SIDE = 16
"""The quadratics are of matrices of so many rows and columns, so that Muon has something to turn."""
PART = 1e-6
"""What is left of a quadratic's loss at the end: a thousandth of the distance."""
LOSS = 0.7
"""Nats a picture that are to be reached on held-out pictures; guessing costs ln 10 = 2.3."""
QUADRATIC = {"gradient descent": "sgd", "momentum": "sgd", "adam": "adamw", "muon": "muon"}
PICTURES: dict[str, dict[str, Any]] = {
    "gradient descent": {"optimizer.name": "sgd", "optimizer.momentum": 0.0, "training.batch": 900},
    "stochastic": {"optimizer.name": "sgd", "optimizer.momentum": 0.0},
    "momentum": {"optimizer.name": "sgd", "optimizer.momentum": 0.9},
    "adam": {"optimizer.name": "adamw"},
    "muon": {"optimizer.name": "muon", "optimizer.rate": 3e-3},
}
"""Gradient descent sees all pictures in a step, the others 128."""
RATES = {
    "gradient descent": (0.05, 0.15, 0.5),
    "stochastic": (0.05, 0.15, 0.5),
    "momentum": (0.01, 0.03, 0.1),
    "adam": (1e-3, 3e-3, 1e-2),
    "muon": (0.01, 0.03, 0.1),
}
"""The best of three is what counts, as anyone would choose it."""
NETWORK: dict[str, Any] = {
    "model.preset": "mlp",
    "model.widths": [64, 64],
    "model.norm": "none",
    "augmentation.preset": "none",
    "optimizer.schedule": "constant",
    "optimizer.warmup": 0.0,
    "optimizer.weight_decay": 0.0,
    "optimizer.clip": 0.0,
    "training.batch": 128,
    "data.fraction": 0.2,
}


def conditions(scale: Scale) -> list[dict[str, Any]]:
    """Every optimizer on every quadratic, and on pictures."""
    quadratics = [{"problem": f"condition {number}", "optimizer": name} for number, name in product(scale["conditions"], QUADRATIC)]
    return quadratics + [{"problem": "pictures", "optimizer": name} for name in PICTURES]


def measure(condition: dict[str, Any], seed: int, scale: Scale, folder: Path) -> Sequence[Row]:
    """The fewest steps that any of the rates needs."""
    name, problem = condition["optimizer"], condition["problem"]
    if problem == "pictures":
        found = {rate: steps_on_pictures(name, rate, seed, scale, folder) for rate in RATES[name]}
    else:
        number = float(problem.split()[1])
        found = {settings.muon_rate if name == "muon" else settings.rate: steps_down(settings, number, seed, scale["most"]) for settings in ways(name, number)}
    rate = min(found, key=lambda rate: found[rate])
    row: Row = {"steps": found[rate], "rate": rate} | expected(name, problem)
    return [row]


def ways(name: str, number: float) -> list[OptimizerSettings]:
    """An optimizer on a quadratic whose curvatures go from 1 / number to 1: with the best rate where it is known, else with several."""
    if name == "gradient descent":
        return [OptimizerSettings(name="sgd", momentum=0.0, rate=best_rate(1 / number, 1.0), weight_decay=0.0)]
    if name == "momentum":
        rate, beta = best_momentum(1 / number, 1.0)
        return [OptimizerSettings(name="sgd", momentum=beta, rate=rate, weight_decay=0.0)]
    rates = [2.0**-power for power in range(2, 12)]
    if name == "adam":
        return [OptimizerSettings(name="adamw", rate=rate, weight_decay=0.0) for rate in rates]
    return [OptimizerSettings(name="muon", muon_rate=rate, weight_decay=0.0) for rate in rates]


def expected(name: str, problem: str) -> Row:
    """The steps that the closed form says, where there is one."""
    factors = {"gradient descent": contraction, "momentum": momentum_contraction}
    known = problem != "pictures" and name in factors
    return {"expected": steps_until(math.sqrt(PART), factors[name](float(problem.split()[1])))} if known else {}


def curvature(number: float, seed: int) -> Tensor:
    """A symmetric matrix with eigenvalues from 1 / number to 1, each the same factor above the last, in directions that are drawn. [SIDE, SIDE]."""
    turn, _ = torch.linalg.qr(torch.randn(SIDE, SIDE, dtype=torch.float64, generator=generator(seed, 0)))
    return turn @ torch.logspace(-math.log10(number), 0, SIDE, dtype=torch.float64).diag() @ turn.t()


@torch.no_grad()
def steps_down(settings: OptimizerSettings, number: float, seed: int, most: int) -> int:
    """Steps until 1/2 tr(W^T A W) is `PART` of what it was, from W with elements from N(0, 1); `most` if that is not reached."""
    A = curvature(number, seed)
    model = nn.Module()
    model.inside = layer = nn.Linear(SIDE, SIDE, bias=False, dtype=torch.float64)
    w = layer.weight
    w.copy_(torch.randn(SIDE, SIDE, dtype=torch.float64, generator=generator(seed, 1)))
    (optimizer,) = make_optimizers(model, settings)
    start = float((w * (A @ w)).sum())
    for step in range(1, most):
        w.grad = A @ w
        optimizer.step()
        loss = float((w * (A @ w)).sum())
        if loss <= PART * start:
            return step
        if not loss < 100 * start:
            return most
    return most


def steps_on_pictures(name: str, rate: float, seed: int, scale: Scale, folder: Path) -> int:
    """Steps until the loss on held-out pictures is at most `LOSS`, as often as it is looked at; all that there are if that is not reached."""
    which = "optimizer.muon_rate" if name == "muon" else "optimizer.rate"
    looks = {"training.evaluate_every": scale["every"], "training.checkpoint_every": scale["steps"]}
    given: dict[str, Any] = NETWORK | PICTURES[name] | looks | {which: rate}
    run = learn(folder, seed, scale["steps"], **given)
    seen = [row["step"] for row in read_metrics(run.metrics) if row["event"] == "validation" and row["loss"] <= LOSS]
    return min(seen, default=scale["steps"])


def judge(rows: list[Row]) -> Verdict:
    """Whether descent on quadratics takes as many steps as their shape says, and whether Adam or Muon needs fewer than plain steps on pictures."""
    away = [abs(row["steps"] / row["expected"] - 1) for row in rows if "expected" in row and row["optimizer"] == "gradient descent"]
    pictures = chosen(rows, {"problem": "pictures"})
    plain = {row["seed"]: row["steps"] for row in chosen(pictures, {"optimizer": "stochastic"})}
    gains = {
        name: mean_interval(math.log(plain[row["seed"]] / row["steps"]) for row in chosen(pictures, {"optimizer": name}))
        for name in ("adam", "muon", "momentum")
    }
    best = max(gains, key=lambda name: gains[name].mean)
    gain = gains[best]
    known, faster = max(away) < 0.25, gain.low > 0
    word: Word = "supported" if known and faster else "depends on" if known or faster else "not supported here"
    worst = max((row["problem"] for row in rows if "expected" in row), key=lambda problem: float(problem.split()[1]))
    need = {name: mean_steps(rows, worst, name) for name in QUADRATIC}
    listed = ", ".join(f"{name} {steps:,.0f}" for name, steps in need.items())
    sentence = (
        f"On a quadratic of {worst}: {listed} steps; gradient descent is within {max(away):.0%} of the closed form. On pictures {best} needs "
        f"{math.exp(gain.mean):.1f} times fewer steps than plain stochastic descent ({mean_steps(rows, 'pictures', 'stochastic'):.0f})."
    )
    estimate, low, high = (math.exp(min(x, 700.0)) for x in (gain.mean, gain.low, gain.high))
    return Verdict(word, sentence, estimate, low, high, f"times as many steps for plain stochastic descent as for {best}, on pictures")


def mean_steps(rows: list[Row], problem: str, name: str) -> float:
    """Over the seeds."""
    own = chosen(rows, {"problem": problem, "optimizer": name})
    return sum(row["steps"] for row in own) / len(own)


def draw(rows: list[Row], figure: Any) -> None:
    """Steps on quadratics by their condition number, with the closed forms dotted, and on pictures."""
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.4])
    quadratics = [row | {"number": int(row["problem"].split()[1])} for row in rows if row["problem"] != "pictures"]
    lines(left, quadratics, "number", "steps", "optimizer", "condition number", "steps on a quadratic", log_x=True, log_y=True)
    for name in ("gradient descent", "momentum"):
        known = sorted({(row["number"], row["expected"]) for row in chosen(quadratics, {"optimizer": name})})
        left.plot(*zip(*known, strict=True), color=INK, linewidth=0.8, linestyle=":")
    shown = [row | {"optimizer": row["optimizer"].replace(" ", "\n")} for row in chosen(rows, {"problem": "pictures"})]
    bars(right, shown, "optimizer", "steps", "problem", "", f"steps to {LOSS} nats on pictures", named=False)
    right.tick_params(axis="x", labelsize=6)


STUDY = Study(
    name="optimizers",
    statement="6.1b",
    title="Steps of optimizers",
    claim="How gradient descent is done decides how fast a network learns: momentum and steps that are scaled, as Adam's and Muon's, need fewer.",
    hypothesis="On quadratics, gradient descent needs ln(1000) / ln((k + 1) / (k - 1)) steps for a condition number k, within 25 %, and momentum less than "
    "half of that from k = 100 on; on pictures, Adam or Muon needs at most half as many steps as plain stochastic descent, and all pictures in a step need "
    "hardly fewer steps than 128 of them.",
    varied="The optimizer, each with its best constant rate (known for the first two on quadratics, else the best of several); the condition number.",
    held="The quadratic (16 x 16, curvatures on a logarithmic line) and where it begins; the network (two layers of 64, ReLU) and its first weights, pictures, "
    "128 in a step but for gradient descent, which sees all 900.",
    quick=Scale(seeds=3, options={"conditions": [10, 100, 400], "most": 2000, "steps": 200, "every": 5}),
    full=Scale(seeds=5, options={"conditions": [10, 30, 100, 300, 1000], "most": 6000, "steps": 600, "every": 5}),
    conditions=conditions,
    measure=measure,
    judge=judge,
    draw=draw,
    measures={"steps": "steps", "expected": "closed form", "rate": "rate of the best run"},
    height=2.9,
)
