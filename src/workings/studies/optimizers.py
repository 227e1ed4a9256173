"""How many steps gradient descent needs, plain, with momentum, and as Adam and Muon do it: on quadratics of known shape and on pictures (statement 6.1b)."""

import math
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from workings.blackboard.optimizers import best_momentum, best_rate, contraction, momentum_contraction, steps_until
from workings.errors import counted
from workings.layers.randomness import generator
from workings.report.figures import INK
from workings.studies.figures import bars, lines
from workings.studies.pictures import learn
from workings.studies.statistics import Interval, by_seed, chosen, mean_interval, mean_of
from workings.studies.study import Row, Scale, Study, Verdict, Word
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
    "adam": (3e-3, 1e-2, 3e-2),
    "muon": (0.03, 0.1, 0.3),
}
"""The best of three is what counts, as anyone would choose it."""
FASTER = ("momentum", "adam", "muon")
"""Those of which the claim says that they need fewer steps."""
HARDLY = 0.1
"""The part of the steps that counts as hardly any."""
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
    return [row | ({"looks": scale["every"]} if problem == "pictures" else {})]


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
    seen = [row["step"] for row in run.validations() if row["loss"] <= LOSS]
    return min(seen, default=scale["steps"])


def times(rows: list[Row], name: str) -> Interval:
    """How many times as many steps plain stochastic descent needs on pictures, the geometric mean over the seeds."""
    pictures = chosen(rows, {"problem": "pictures"})
    own, plain = (by_seed(chosen(pictures, {"optimizer": one}), "steps") for one in (name, "stochastic"))
    found = mean_interval(math.log(plain[seed] / own[seed]) for seed in own)
    return Interval(*(math.exp(min(x, 700.0)) for x in (found.mean, found.low, found.high)))


def farthest(rows: list[Row]) -> float:
    """How far the steps of gradient descent on a quadratic are from the closed form at most, as a part of it."""
    return max(abs(row["steps"] / row["expected"] - 1) for row in rows if "expected" in row and row["optimizer"] == "gradient descent")


def judge(rows: list[Row]) -> Verdict:
    """Whether momentum, Adam and Muon, each by itself, need fewer steps than plain stochastic descent on pictures; the number is that of the least sure one."""
    gains = {name: times(rows, name) for name in FASTER}
    sure = [name for name, gain in gains.items() if gain.above(1.0)]
    word: Word = "supported" if len(sure) == len(FASTER) else "depends on" if sure else "not supported here"
    worst = max((row["problem"] for row in rows if "expected" in row), key=lambda problem: float(problem.split()[1]))
    need = {name: mean_of(rows, "steps", {"problem": worst, "optimizer": name}) for name in QUADRATIC}
    listed = ", ".join(f"{name} {steps:,.0f}" for name, steps in need.items())
    (looks,) = {row["looks"] for row in rows if "looks" in row}
    each = ", ".join(f"{name} {gain.mean:.1f} ({gain.low:.1f} to {gain.high:.1f})" for name, gain in gains.items())
    missed = [f"{name} is {'slower' if gain.below(1.0) else 'not settled'}" for name, gain in gains.items() if name not in sure]
    sentence = (
        f"On pictures, times fewer steps than plain stochastic descent ({mean_of(rows, 'steps', {'problem': 'pictures', 'optimizer': 'stochastic'}):.0f}), "
        f"looked at after every {counted(looks, 'step')}: {each}{'; more than 1 is asked of each, and ' if missed else ''}{', '.join(missed)}. On a quadratic "
        f"of {worst}: {listed} steps, Adam's and Muon's kept from the end by a constant rate; gradient descent within {farthest(rows):.0%} of the closed form."
    )
    least = min(gains, key=lambda name: gains[name].low)
    one = gains[least]
    return Verdict(
        word, sentence, one.mean, one.low, one.high, f"times as many steps for plain stochastic descent as for {least}, the least sure of three, on pictures"
    )


def expectations(rows: list[Row]) -> dict[str, bool | None]:
    """The parts of the hypothesis."""
    quadratics = [row | {"number": float(row["problem"].split()[1])} for row in rows if row["problem"] != "pictures"]
    plain, momentum = (
        {(row["number"], row["seed"]): row["steps"] for row in chosen(quadratics, {"optimizer": name})} for name in ("gradient descent", "momentum")
    )
    halved = [times(rows, name).above(2.0) for name in ("adam", "muon")]
    return {
        "gradient descent on quadratics is within 25 % of the closed form": farthest(rows) < 0.25,
        "momentum needs less than half of its steps from a condition number of 100 on": all(
            steps < plain[place] / 2 for place, steps in momentum.items() if place[0] >= 100
        ),
        "on pictures, Adam or Muon needs at most half as many steps as plain stochastic descent": True if True in halved else None if None in halved else False,
        f"all pictures in a step need hardly fewer steps (by {HARDLY:.0%} at most) than 128 of them": times(rows, "gradient descent").below(1 / (1 - HARDLY)),
    }


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
    changed="That there are 900 pictures and 0.7 nats to reach was settled after first runs. When the best of three had been judged, Adam's and Muon's rates "
    "on pictures were moved up, as the best had been the highest, each of the three was judged by itself, and the full study looks after every step.",
    varied="The optimizer, each with its best constant rate (known for the first two on quadratics, else the best of several); the condition number.",
    held="The quadratic (16 x 16, curvatures on a logarithmic line) and where it begins; the network (two layers of 64, ReLU) and its first weights, pictures, "
    "128 in a step but for gradient descent, which sees all 900.",
    quick=Scale(seeds=3, options={"conditions": [10, 100, 400], "most": 2000, "steps": 200, "every": 5}),
    full=Scale(seeds=5, options={"conditions": [10, 30, 100, 300, 1000], "most": 6000, "steps": 120, "every": 1}),
    conditions=conditions,
    measure=measure,
    judge=judge,
    expectations=expectations,
    draw=draw,
    measures={"steps": "steps", "expected": "closed form", "rate": "rate of the best run"},
    height=2.9,
)
