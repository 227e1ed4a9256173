"""Classes of two models, matched by their names. Imports no torch."""

from collections.abc import Sequence
from typing import Any

from workings.errors import BadInput

SHOWN = 5
"""So many names are said of classes that one side lacks."""


def names_of(settings: Any) -> tuple[str, ...]:
    """What the classes of a model are called, in the order of its logits; numbers where nobody has named them."""
    return settings.class_names or tuple(f"class {number}" for number in range(settings.classes))


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
            more = f" and {len(lacking) - SHOWN:,} more" if len(lacking) > SHOWN else ""
            raise BadInput(f"{who} {verb} {', '.join(map(repr, lacking[:SHOWN]))}{more} ({len(theirs):,} classes instead of {len(names):,}); {advice}.")
    return [place[name] for name in names]
