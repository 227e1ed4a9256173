"""Which texts of an evaluation were learned: of those, a model may know the answer instead of finding it."""

from collections.abc import Iterable, Sequence


def folded(text: str) -> str:
    """A text without what makes no difference to a reader: upper case, and how much white space stands where.

    >>> folded("  A  Film\\n"), folded("STRASSE") == folded("straße")
    ('a film', True)
    """
    return " ".join(text.casefold().split())


def overlap(learned: Iterable[str], held: Iterable[str]) -> set[int]:
    """The places in `held` of texts that are among those learned, but for case and white space; those learned are gone through once, and not kept."""
    places: dict[str, list[int]] = {}
    for place, text in enumerate(held):
        places.setdefault(folded(text), []).append(place)
    found = {key for text in learned if (key := folded(text)) in places}
    return {place for key in found for place in places[key]}


def overlap_scores(learned: Iterable[str], held: Sequence[str]) -> dict[str, float]:
    """How many of the texts of an evaluation have been learned, and which part of them that is."""
    both = len(overlap(learned, held))
    return {"overlap": both, "overlap_part": both / len(held)}
