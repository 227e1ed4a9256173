"""Which texts of an evaluation were learned: of those, a model may know the answer instead of finding it."""

from collections.abc import Iterable


def folded(text: str) -> str:
    """A text without what makes no difference to a reader: upper case, and how much white space stands where.

    >>> folded("  A  Film\\n"), folded("STRASSE") == folded("straße")
    ('a film', True)
    """
    return " ".join(text.casefold().split())


def overlap(learned: Iterable[str], held: Iterable[str]) -> set[int]:
    """The places in `held` of texts that are among those learned, but for case and white space."""
    known = {folded(text) for text in learned}
    return {place for place, text in enumerate(held) if folded(text) in known}
