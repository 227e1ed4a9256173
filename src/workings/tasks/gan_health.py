"""Whether two players still learn from each other: how different the drawings are, and whether the discriminator has nothing left to tell (5.2a)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

ALIKE, SURE = 0.5, 0.995
"""Drawings that are less than this part as far apart as real pictures are alike; a discriminator that is right this often about a pair is sure."""

LASTING = 2
"""So many evaluations in a row must give reason to complain."""


def distance_apart(pictures: Tensor, labels: Tensor | None = None) -> float:
    """The mean distance of two pictures, of one class if there are labels, as the root of the mean square over pixels.

    pictures: uint8 [N, C, H, W]; labels: int64 [N]. 0 if there are no two.
    """
    x = pictures.flatten(1).float() / 255
    apart = torch.cdist(x, x) / x.shape[1] ** 0.5
    pairs = ~torch.eye(len(x), dtype=torch.bool)
    if labels is not None:
        pairs &= labels[:, None] == labels
    return float(apart[pairs].mean()) if pairs.any() else 0.0


def told_apart(real: Tensor, drawn: Tensor) -> float:
    """How often a real picture scores above a drawn one, over all pairs; 0.5 if they cannot be told apart. real: [N]; drawn: [M]."""
    above = real[:, None] - drawn
    return float((above > 0).float().mean() + (above == 0).float().mean() / 2)


def complaint(scores: dict[str, Any]) -> str:
    """What is wrong, in words, and what to try; nothing if the game goes well."""
    said = []
    if scores["diversity"] < ALIKE:
        said.append(
            f"the drawings are only {scores['diversity']:.2f} times as far apart as real pictures: the generator may be collapsing to a few of them; "
            "try game.penalty, model.norm=spectral, a larger batch, or --growing"
        )
    if scores["told_apart"] > SURE:
        said.append(
            f"the discriminator tells {scores['told_apart']:.1%} of drawings from real pictures: it may have won, and teach nothing any more; "
            "try a lower game.rate, game.penalty=r1, or with few pictures game.augment"
        )
    return "; ".join(said)


def complaints(rows: Sequence[dict[str, Any]]) -> list[str]:
    """What was wrong for `LASTING` evaluations in a row or longer, in words, and between which steps. rows: of validation, in their order."""
    found, said = [], [complaint(row) if {"diversity", "told_apart"} <= row.keys() else "" for row in rows]
    begin = 0
    for end in range(1, len(rows) + 1):
        if end < len(rows) and bool(said[end]) == bool(said[begin]):
            continue
        if said[begin] and end - begin >= LASTING:
            found.append(f"From step {rows[begin]['step']:,} to {rows[end - 1]['step']:,}: {said[end - 1]}.")
        begin = end
    return found
