"""Why a classifier of texts says a class, in words: what each piece of the text does for it, and which pieces `<cls>` looks at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from workings.data.framing import Framing
from workings.data.pieces import pieces
from workings.generation.attribution import attribute

CLS = "<cls>"


@dataclass(frozen=True)
class Piece:
    """A token of a text, or some that are a character together, and what it adds to the log-odds of the class that is said, in nats."""

    text: str
    contribution: float


@dataclass(frozen=True)
class Explanation:
    """What the pieces of a text do for the class that is said of it: log_odds = baseline + the sum of their contributions, but for the error of an integral."""

    name: str
    """The class."""
    log_odds: float
    """log p / (1 - p) of the class for the text."""
    baseline: float
    """The same for a text of as many tokens whose embeddings are zero."""
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Looks:
    """What `<cls>` looks at: S pieces of what the model reads, and the weights that each head of each layer gives them."""

    pieces: tuple[str, ...]
    weights: Tensor
    """a^lm_ts with t the place of `<cls>`, [L, M, S]."""


def explain(model: Any, framing: Framing, names: Sequence[str], tokens: Tensor) -> tuple[Explanation, Looks]:
    """Why the model says the likeliest class of a text. tokens: [T], as `framing.frame` gives them; names: of the classes."""
    begin, end = len(framing.begin), len(tokens) - len(framing.end)
    found = attribute(model, tokens, slice(begin, end))
    around = [[piece for token in some for piece in pieces(framing.tokenizer, [token])] for some in (tokens[:begin].tolist(), tokens[end:].tolist())]
    if len(found.contributions) > len(tokens):  # the model's own `<cls>`, before all tokens or after them
        around[int(found.place > 0)].insert(0 if found.place == 0 else len(around[1]), (CLS, 1))
    inside = pieces(framing.tokenizer, tokens[begin:end].tolist())
    if inside:  # some tokenizers put a space before the first word
        inside[0] = (inside[0][0].lstrip() or inside[0][0], inside[0][1])
    whole = [*around[0], *inside, *around[1]]
    counts = torch.tensor([count for _, count in whole])
    sums = joined(found.contributions, counts)[len(around[0]) :].tolist()
    said = tuple(Piece(word, value) for (word, _), value in zip(inside, sums, strict=False))
    looks = Looks(tuple(word for word, _ in whole), joined(found.attention, counts))
    return Explanation(names[found.which], found.log_odds, found.baseline, said), looks


def joined(x: Tensor, counts: Tensor) -> Tensor:
    """Sums over tokens that are one piece: [..., S] -> [..., pieces]. counts: how many tokens each piece is, [pieces]."""
    places = torch.arange(len(counts)).repeat_interleave(counts)
    return x.new_zeros(*x.shape[:-1], len(counts)).index_add(-1, places, x)
