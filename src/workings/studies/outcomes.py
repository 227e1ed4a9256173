"""Whether a part of a hypothesis held: yes, no, or not settled by these seeds, which is what an interval says that reaches to both sides."""

from collections.abc import Iterable
from typing import Any

from workings.errors import counted
from workings.studies.statistics import Interval
from workings.studies.study import Row, Word


def above(found: Interval, least: float) -> bool | None:
    """Whether it is at least so much.

    >>> above(Interval(2.0, 1.5, 2.5), 1.0), above(Interval(2.0, 1.5, 2.5), 3.0), above(Interval(2.0, 1.5, 2.5), 2.1)
    (True, False, None)
    """
    return True if found.low >= least else False if found.high < least else None


def below(found: Interval, most: float) -> bool | None:
    """Whether it is at most so much."""
    return True if found.high <= most else False if found.low > most else None


def together(parts: Iterable[bool | None]) -> bool | None:
    """Whether all hold: no if one does not, not settled if one is not.

    >>> together([True, True]), together([True, None]), together([None, False])
    (True, None, False)
    """
    known = list(parts)
    return False if False in known else None if None in known else True


def within(found: Interval, low: float, high: float) -> bool | None:
    """Whether it lies between the two."""
    return together([above(found, low), below(found, high)])


def told(held: bool | None, rows: Iterable[Row]) -> str:
    """How a sentence goes on after what was expected."""
    return {True: "held", False: "did not hold", None: f"is not settled with {counted(len({row['seed'] for row in rows}), 'seed')}"}[held]


def word_of(gains: dict[Any, Interval], at: Any) -> Word:
    """Of gains by condition: supported if there is surely one where the hypothesis asks for it, and nowhere surely a loss; it depends if there is one."""
    sure = [key for key, gain in gains.items() if gain.low > 0]
    if at in sure and all(gain.high >= 0 for gain in gains.values()):
        return "supported"
    return "depends on" if sure else "not supported here"


def by_part(gains: dict[float, Interval]) -> str:
    """Points of accuracy with each part of the pictures, as a sentence lists them."""
    return ", ".join(f"{gain.mean:+.1f} points ({gain.low:+.1f} to {gain.high:+.1f}) with {part:.0%} of the pictures" for part, gain in gains.items())
