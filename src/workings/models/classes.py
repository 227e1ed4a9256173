"""Classes of two models, matched by their names. Imports no torch."""

from collections.abc import Sequence
from typing import Any

from workings.errors import BadInput

SHOWN = 5
"""So many names of classes are said."""


def names_of(settings: Any) -> tuple[str, ...]:
    """What the classes of a model are called, in the order of its logits; numbers where nobody has named them."""
    return settings.class_names or tuple(f"class {number}" for number in range(settings.classes))


def listed(names: Sequence[str]) -> str:
    """The first of them, and how many there are more."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(map(repr, names[:SHOWN])) + more


def class_order(names: Sequence[str], theirs: Sequence[str], who: str, advice: str) -> list[int]:
    """The place of each name among those of another model; refused, with that advice, if they are not the same classes. who: the other model.

    >>> class_order(["cat", "dog"], ["dog", "cat"], "", "")
    [1, 0]
    """
    place = {name: number for number, name in enumerate(theirs)}
    for lacking, verb in (
        ([name for name in names if name not in place], "does not know"),
        ([name for name in theirs if name not in set(names)], "alone knows"),
    ):
        if lacking:
            raise BadInput(f"{who} {verb} {listed(lacking)} (its classes are {listed(theirs)}, where {listed(names)} are wanted); {advice}.")
    return [place[name] for name in names]
