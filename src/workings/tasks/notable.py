"""Which examples of a validation set are worth looking at: the surest mistakes of a classifier, and what it is surest and right of."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

SUREST = 12
"""How many of the surest mistakes are kept."""
RIGHT = 3
"""Of how many classes the surest right text is kept."""
KEPT = 2000
"""Characters of a text that are kept, to be explained."""
SHOWN = 600
"""Characters of it that are shown in a list."""


def surest_mistakes(said: Tensor, targets: Tensor, texts: Sequence[str], names: Sequence[str]) -> list[dict[str, Any]]:
    """The texts that were given another class than their own, those said with most probability first. said: [N, C], targets: [N]."""
    return [noted(row, said, targets, names) | {"text": texts[row][:KEPT]} for row in wrong_rows(said, targets, SUREST)]


def surest_right(said: Tensor, targets: Tensor, texts: Sequence[str], names: Sequence[str]) -> list[dict[str, Any]]:
    """Of each class, of the first RIGHT that have one, the text of its own that it is said of with most probability. said: [N, C], targets: [N]."""
    return [noted(row, said, targets, names) | {"text": texts[row][:KEPT]} for row in right_rows(said, targets, RIGHT)]


def wrong_rows(said: Tensor, targets: Tensor, most: int) -> list[int]:
    """The examples that were given another class than their own, those said with most probability first. said: [N, C], targets: [N]."""
    sure, which = said.max(-1)
    wrong = (which != targets).nonzero()[:, 0]
    return wrong[sure[wrong].argsort(descending=True, stable=True)][:most].tolist()


def right_rows(said: Tensor, targets: Tensor, classes: int) -> list[int]:
    """Of each class, of the first `classes` that have one, the example of its own that it is said of with most probability. said: [N, C], targets: [N]."""
    sure, which = said.max(-1)
    found = []
    for number in range(said.shape[1]):
        right = ((which == targets) & (targets == number)).nonzero()[:, 0]
        found += [int(right[sure[right].argmax()])] if len(right) else []
    return found[:classes]


def noted(row: int, said: Tensor, targets: Tensor, names: Sequence[str]) -> dict[str, Any]:
    """The class of an example, the class that is said of it, and with which probability."""
    probability, which = said[row].max(-1)
    return {"label": names[int(targets[row])], "said": names[int(which)], "probability": float(probability)}
