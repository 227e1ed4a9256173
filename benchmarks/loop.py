"""What `fit` costs beside a bare loop that does the same work: python benchmarks/loop.py [--steps 200] [--rounds 5]

Both train the same width-128 model on the same windows with the same fused AdamW, clipping and schedule; rounds are interleaved and the best of each counts.
"""

import argparse
import json
import os
import tempfile
import time

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from torch import nn

import workings
from workings.data.order import windows
from workings.objectives.next_token import next_token_loss
from workings.tasks.language import Language
from workings.tasks.language_settings import read_settings
from workings.training.journal import read_metrics
from workings.training.machine import autocast, choose_precision
from workings.training.optimizers import make_optimizers
from workings.training.schedules import rate_factor


def table(steps: int) -> dict:
    """The settings of both."""
    model = {"preset": "gpt", "width": 128, "layers": 4, "heads": 4, "context": 64, "biases": "none"}
    return {"model": model, "optimizer": {"name": "adamw"}, "training": {"batch": 12, "steps": steps, "evaluate_every": steps}}


def bare(steps: int) -> float:
    """Seconds of a loop as one writes it by hand."""
    game = Language(read_settings(table(steps)))
    model, s = game.players["model"], game.settings
    (optimizer,) = make_optimizers(model, s.optimizer)
    device = torch.device("cpu")
    precision = choose_precision("auto", device)
    started = time.perf_counter()
    for step in range(steps):
        tokens, targets = windows(game.train, s.model.context, 0, step * s.training.batch, s.training.batch)
        with autocast(device, precision):
            total, count = next_token_loss(model(tokens), targets)
            loss = total / count
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), s.optimizer.clip)
        factor = rate_factor(s.optimizer.schedule, (step + 1) / steps, s.optimizer.warmup, s.optimizer.final)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()
    return time.perf_counter() - started


def with_fit(steps: int) -> float:
    """Seconds of the steps of `fit`, logging included."""
    given = table(steps)
    with tempfile.TemporaryDirectory() as folder:
        choices = [f"{section}.{key}={value}" for section, values in given.items() for key, value in values.items()]
        run = workings.train("language", out=f"{folder}/run", set=choices, quiet=True)
        return read_metrics(run.metrics)[-1]["seconds"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    bare(20)
    rounds = [(bare(given.steps), with_fit(given.steps)) for _ in range(given.rounds)]
    plain, ours = (1000 * min(column) / given.steps for column in zip(*rounds, strict=True))
    print(f"bare loop {plain:.2f} ms a step, fit {ours:.2f} ms a step: {100 * (ours / plain - 1):+.1f} %")
    print(json.dumps({"bare_ms": plain, "fit_ms": ours, "overhead": ours / plain - 1, "rounds": rounds}))


if __name__ == "__main__":
    main()
