"""The language models of studies: so many steps, and one score at the end."""

from pathlib import Path
from typing import Any

import workings
from workings.studies.statistics import Interval
from workings.studies.training import assignments

SETTINGS: dict[str, Any] = {
    "model.layers": 2,
    "model.heads": 2,
    "model.width": 64,
    "model.context": 64,
    "optimizer.name": "adamw",
    "training.batch": 16,
    "training.precision": "float32",
    "data.validation": 0.02,
}
"""What studies train unless they say otherwise: 100,000 parameters, 1,024 tokens a step; AdamW, as most train."""


def learn(folder: Path, seed: int, steps: int, data: str = "pride", **settings: Any) -> Any:
    """The run of a language model in a folder of that name; settings: by their full names with __ for the dot, such as model__tau="1"; None leaves one out."""
    given = SETTINGS | {"training.evaluate_every": steps} | {name.replace("__", "."): value for name, value in settings.items()}
    chosen = assignments({name: value for name, value in given.items() if value is not None})
    return workings.train(
        "language",
        data=data,
        out=folder / "run",
        overwrite=True,
        steps=steps,
        seed=seed,
        set=chosen,
        quiet=True,
        report=False,
    )


def told(gain: Interval) -> str:
    """What something gains, or costs, in nats a character, with its interval.

    >>> told(Interval(-0.105, -0.219, 0.009))
    'costs 0.105 nats a character (-0.009 to +0.219)'
    """
    verb, sign = ("gains", 1) if gain.mean >= 0 else ("costs", -1)
    low, high = sorted((sign * gain.low, sign * gain.high))
    return f"{verb} {abs(gain.mean):.3f} nats a character ({low:+.3f} to {high:+.3f})"
