"""Numbers over seeds: means with Student's interval, and differences of conditions that had the same seeds."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workings.errors import counted
from workings.studies.study import Row


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval; of a single value it is infinite."""

    mean: float
    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Whether the value lies outside."""
        return value < self.low or value > self.high

    def above(self, value: float) -> bool | None:
        """Whether it lies above; None if the value is inside, so that these seeds do not settle it."""
        return (self.low > value) if self.excludes(value) else None

    def below(self, value: float) -> bool | None:
        """Whether it lies below; None if the value is inside."""
        return (self.high < value) if self.excludes(value) else None

    def near(self, value: float, by: float) -> bool | None:
        """Whether all of it is as close to a value as that."""
        return every([self.above(value - by), self.below(value + by)])


def every(parts: Iterable[bool | None]) -> bool | None:
    """Whether all parts hold: not if one does not, and not settled if one is not.

    >>> every([True, None]), every([None, False]), every([True, True])
    (None, False, True)
    """
    found = list(parts)
    return False if False in found else None if None in found else True


def outcome(rows: Iterable[Row], held: bool | None) -> str:
    """Whether what was asked for held, for a sentence.

    >>> outcome([{"seed": 0}, {"seed": 1}], None), outcome([], False)
    ('not settled with 2 seeds', 'which did not hold')
    """
    seeds = counted(len({row["seed"] for row in rows}), "seed")
    return f"not settled with {seeds}" if held is None else "which held" if held else "which did not hold"


def mean_interval(values: Iterable[float]) -> Interval:
    """mean +- t s / sqrt(n), t of n - 1 degrees of freedom (Student 1908); of a single value nothing is known, so the interval is infinite.

    >>> interval = mean_interval([1.0, 2.0, 3.0])
    >>> interval.mean, round(interval.low, 3), round(interval.high, 3)
    (2.0, -0.484, 4.484)
    """
    from scipy.stats import t

    x = np.asarray(list(values), float)
    if len(x) < 2:
        return Interval(float(x.mean()), -np.inf, np.inf)
    half = float(t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x)))
    return Interval(float(x.mean()), float(x.mean()) - half, float(x.mean()) + half)


def chosen(rows: Iterable[Row], condition: dict[str, Any]) -> list[Row]:
    """The rows that have these values."""
    return [row for row in rows if all(row.get(key) == value for key, value in condition.items())]


def by_seed(rows: Iterable[Row], measure: str) -> dict[int, float]:
    """The mean of a measure over all rows of each seed that have it."""
    found = defaultdict(list)
    for row in rows:
        if measure in row:
            found[row["seed"]].append(float(row[measure]))
    return {seed: float(np.mean(values)) for seed, values in sorted(found.items())}


def mean_of(rows: Iterable[Row], measure: str, condition: dict[str, Any]) -> float:
    """The mean of a measure over the seeds of the rows that have these values; other columns are averaged first."""
    return float(np.mean(list(by_seed(chosen(rows, condition), measure).values())))


def paired_difference(rows: Sequence[Row], measure: str, one: dict[str, Any], other: dict[str, Any]) -> Interval:
    """other - one, seed by seed: the same seed has the same data in the same order, so what they share cancels. Other columns are averaged first."""
    first, second = (by_seed(chosen(rows, condition), measure) for condition in (one, other))
    if not first.keys() & second.keys():
        raise ValueError(f"no seed has {measure} both with {one} and with {other}")
    return mean_interval(second[seed] - first[seed] for seed in first.keys() & second.keys())


def averaged(rows: Iterable[Row], by: Sequence[str], measure: str) -> dict[tuple, Interval]:
    """The mean of a measure over the seeds for every combination of these columns, in the order in which they come."""
    groups: dict[tuple, list[Row]] = defaultdict(list)
    for row in rows:
        if measure in row:
            groups[tuple(row.get(name) for name in by)].append(row)
    return {key: mean_interval(by_seed(group, measure).values()) for key, group in groups.items()}


def slopes(rows: Sequence[Row], x: str, y: str) -> list[float]:
    """By which power of 1 / x the measure y falls, for each seed: the least squares line of the logarithms. Where y is not above 0 there is none: nan."""
    found = []
    for seed in by_seed(rows, y):
        xs, ys = ([row[name] for row in chosen(rows, {"seed": seed})] for name in (x, y))
        found.append(-float(np.polyfit(np.log(xs), np.log(ys), 1)[0]) if min(ys) > 0 else math.nan)
    return found
