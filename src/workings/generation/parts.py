"""Texts that are longer than a model reads, in parts: cut where a sentence ends, else at a comma, else between words."""

import re
from collections.abc import Callable

PLACES = tuple(map(re.compile, (r"[.!?…]+[\"'”’)\]]*\s+|[。！？]", r"[,;:]\s+|[、，；：]", r"\s+")))
"""Where a text may be cut, the best places first."""


def cut(text: str, fits: Callable[[str], bool]) -> list[str]:
    """The parts of a text, all of which fit, in order: it is halved at the best place that is nearest to its middle, and so are the halves.

    >>> cut("One two. Three four five, six. Seven.", lambda part: len(part.split()) <= 3)
    ['One two.', 'Three four five,', 'six.', 'Seven.']
    """
    text = text.strip()
    if len(text) < 2 or fits(text):
        return [text]
    middle = len(text) // 2
    found = ([match.end() for match in place.finditer(text) if match.end() < len(text)] for place in PLACES)
    border = min(next((places for places in found if places), [middle]), key=lambda place: abs(place - middle))
    return [*cut(text[:border], fits), *cut(text[border:], fits)]
