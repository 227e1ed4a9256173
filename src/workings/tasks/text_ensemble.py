"""Several models that say the class of a text as one: the mean of their probabilities (statement 6.1c)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workings.errors import BadInput
from workings.models.classes import class_order
from workings.models.ensemble import log_mean
from workings.tasks.sentence_classifier import TextClassifier
from workings.weights.ensemble import member_folders, settings_of
from workings.weights.folder import model_folder
from workings.weights.tensors import read_json


@dataclass(frozen=True)
class Readings:
    """Texts as each member of an ensemble reads them."""

    parts: list[Any]
    """What each member made of all texts."""

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """One text after another, as all members read it."""
        return zip(*self.parts, strict=True)


class TextEnsemble(TextClassifier):
    """Used as a `TextClassifier` is; each member reads a text with its own tokenizer, and as much of it as it does alone."""

    def __init__(self, folder: str | Path, dtype: torch.dtype | None = None):
        self.folder, inside = Path(folder), model_folder(folder)
        self.facts = read_json(inside / "config.json")
        self.settings: Any = settings_of(inside, self.facts)
        self.members = [TextClassifier(place, dtype) for place in member_folders(inside)]
        self.orders = [class_order(self.class_names, m.class_names, f"The member {m.folder}", "combine models of the same classes") for m in self.members]

    @property
    def cut(self) -> int:
        """How many texts so far were longer than what some member reads of one."""
        return max(member.cut for member in self.members)

    @property
    def unread(self) -> Sequence[int]:
        """How many tokens of each text that was read last are not read by the member that lacks most."""
        return [max(each) for each in zip(*(member.unread for member in self.members), strict=True)]

    def read(self, texts: Sequence[str]) -> Any:
        """The tokens of each text as each member reads them."""
        return Readings([member.read(texts) for member in self.members])

    def logits(self, read: Any) -> Tensor:
        """log p, p = (1 / M) sum_m softmax(z_m), of texts that have been read, float32 [B, classes]."""
        return log_mean([member.logits(part)[:, order] for member, part, order in zip(self.members, read.parts, self.orders, strict=True)])

    def unknown(self, read: Any) -> int:
        """How many tokens are unknown to the tokenizer that knows least of them."""
        return max(member.unknown(part) for member, part in zip(self.members, read.parts, strict=True))

    def why(self, tokens: Any) -> Any:
        """Refused: what a token does is asked of one model."""
        raise BadInput(f"{self.folder} is an ensemble, whose members read tokens of their own; explain one of them: {self.members[0].folder}.")
