"""Learning-rate schedules: pure functions of the progress of the run."""

import math
from collections.abc import Callable

FALL: dict[str, Callable[[float, float, float], float]] = {
    "cosine": lambda progress, warmup, final: final + (1 - final) * 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))),
    "linear": lambda progress, warmup, final: 1 - (1 - final) * (progress - warmup) / (1 - warmup),
    "constant": lambda progress, warmup, final: 1.0,
    "inverse-sqrt": lambda progress, warmup, final: math.sqrt(max(warmup, 0.01) / progress),
}


def rate_factor(name: str, progress: float, warmup: float, final: float) -> float:
    """What the highest rate is multiplied by at `progress` in (0, 1]: a line from 0 over the warm-up, then the named fall.

    cosine and linear end at `final`; inverse-sqrt is sqrt(warmup / progress).

    >>> [round(rate_factor("linear", p / 10, 0.2, 0.0), 3) for p in (1, 2, 6, 10)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if progress < warmup:
        return progress / warmup
    return 1.0 if warmup == 1 else min(1.0, FALL[name](min(progress, 1.0), warmup, final))
