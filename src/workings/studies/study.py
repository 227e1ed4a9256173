"""What a study is: a claim of the lectures, what is expected of it, how it is measured, and what was found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Row = dict[str, Any]
"""One thing that was measured: the condition, "seed", and numbers by name."""
Word = Literal["supported", "not supported here", "depends on"]


@dataclass(frozen=True)
class Scale:
    """How large a study is run: how many seeds, 0, 1, ..., and what else differs between a quick look and the full study."""

    seeds: int
    options: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.options[name]


@dataclass(frozen=True)
class Verdict:
    """What became of a claim, and the number that it hangs on with its 95 % interval over the seeds."""

    word: Word
    sentence: str
    """What was found, with its number."""
    estimate: float
    low: float
    high: float
    unit: str
    """What the estimate is, with its unit."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """One claim as an experiment that anyone can run again."""

    name: str
    statement: str
    """The id of the statement that it is about, such as 1.2d."""
    title: str
    claim: str
    """What the lecture claims, in a sentence."""
    hypothesis: str
    """What was expected, with a number, written before anything was run."""
    varied: str
    held: str
    """What is the same in all conditions: parameters, compute, data."""
    quick: Scale
    full: Scale
    conditions: Callable[[Scale], list[dict[str, Any]]]
    """Everything that is compared, each as plain values by name."""
    measure: Callable[[dict[str, Any], int, Scale, Path], Sequence[Row]]
    """(condition, seed, scale, a folder for what it makes) -> one row or more; the runner adds condition and seed."""
    judge: Callable[[list[Row]], Verdict]
    draw: Callable[[list[Row], Any], None]
    """Draws the rows on a matplotlib figure."""
    measures: dict[str, str]
    """The columns that the table shows, each with its label and unit."""
    expectations: Callable[[list[Row]], dict[str, bool | None]] = lambda rows: {}
    """Each part of the hypothesis -> whether it held; None where these seeds do not settle it, or this scale does not measure it."""
    changed: str = ""
    """What of the plan, never of the hypothesis, was changed after something had been seen."""
    height: float = 2.9
    """Of the figure, in inches; it is 7.2 wide."""

    def scale(self, full: bool) -> Scale:
        """The scale of that name."""
        return self.full if full else self.quick
