"""Why a sentence classifier says what it says of single texts: what each token does for that class, and what `<cls>` looks at."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workings.report.formats import plain, signed
from workings.report.language import attention_image, percent, shown
from workings.report.pages import Section, render
from workings.tasks.explanation import Explanation, Looks

COLUMNS = 48
"""The most tokens beside each other in a map of attention; a longer text has several."""
STRONGEST = 3
"""How many of the tokens that do most are named."""


@dataclass(frozen=True)
class Case:
    """A text whose class is known, and why the model says what it says of it."""

    label: str
    explanation: Explanation
    looks: Looks


def why_section(cases: Sequence[Case]) -> Section:
    """Each text with its tokens colored by what they do for the class that is said, and under it what `<cls>` looks at in each layer and head."""
    return Section("Why it says so", render("explanations.html", cases=[case_of(case) for case in cases]))


def case_of(case: Case) -> dict[str, Any]:
    """What the template needs of one text."""
    e = case.explanation
    most = max((abs(piece.contribution) for piece in e.pieces), default=0.0) or 1.0
    ranked = sorted(e.pieces, key=lambda piece: piece.contribution)
    return {
        "said": e.name,
        "label": case.label,
        "probability": percent(1 / (1 + math.exp(-e.log_odds))),
        "log_odds": plain(e.log_odds),
        "baseline": plain(e.baseline),
        "sum": signed(sum(piece.contribution for piece in e.pieces)).replace("+", "+ ").replace("−", "− "),
        "spans": [
            tinted(piece.text.replace("\n", "↵\n"), piece.contribution, most, f"{shown(piece.text)}  {signed(piece.contribution)}") for piece in e.pieces
        ],
        "scale": [tinted(signed(part * most), part, 1.0) for part in (-1.0, -0.5, 0.5, 1.0)],
        "for": named([piece for piece in reversed(ranked) if piece.contribution > 0]),
        "against": named([piece for piece in ranked if piece.contribution < 0]),
        "maps": maps_of(case.looks),
    }


def tinted(text: str, contribution: float, most: float, tip: str = "") -> dict[str, Any]:
    """A piece in its color, the fuller the more it does; most: of what the color is full."""
    return {"text": text, "tint": round(abs(contribution) / most, 4), "against": contribution < 0, "tip": tip}


def named(pieces: Sequence[Any]) -> str:
    """The first of them with their numbers."""
    return ", ".join(f"{shown(piece.text.strip()) if piece.text.strip() else shown(piece.text)} {signed(piece.contribution)}" for piece in pieces[:STRONGEST])


def maps_of(looks: Looks) -> list[dict[str, Any]]:
    """The weights from `<cls>`, COLUMNS tokens a map: a row for each layer, the mean of its heads, and a row for each head."""
    weights = looks.weights.double().numpy()
    layers, heads, columns = weights.shape
    rows = {
        "means": (weights.mean(1), [f"layer {layer + 1}" for layer in range(layers)]),
        "heads": (weights.reshape(layers * heads, columns), [f"layer {layer + 1}, head {head + 1}" for layer in range(layers) for head in range(heads)]),
    }
    made = []
    for first in range(0, columns, COLUMNS):
        tokens = [shown(piece.strip() or piece) for piece in looks.pieces[first : first + COLUMNS]]
        cut = {name: {"image": attention_image(np.ascontiguousarray(map[:, first : first + COLUMNS])), "rows": names} for name, (map, names) in rows.items()}
        made.append({"tokens": tokens, **cut})
    return made
