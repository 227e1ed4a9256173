"""From a text to what a classifier reads: its tokens, cut to the room there is, inside the tokenizer's template."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from workings.data.ragged import Ragged, ragged
from workings.data.tokenizers import Tokenizer
from workings.errors import BadInput

Part = Literal["head", "tail", "head+tail"]
HEAD = 0.25
"""How much of head+tail is head: 128 of 512 tokens did best on long reviews (Sun et al. 2019)."""


@dataclass
class Framing:
    """How texts become tokens.

    longest: the most tokens of a whole sequence, with `added` that the model itself adds (its `<cls>`). keep_begin: whether the template's first tokens stay; a
    model that puts `<cls>` before a text has it in their place.
    """

    tokenizer: Tokenizer
    longest: int
    part: Part = "head"
    added: int = 1
    keep_begin: bool = False
    cut: int = 0
    """How many texts so far were longer than the room."""
    unread: list[int] = field(default_factory=list)
    """Of each of the texts that were framed last, how many tokens had no room."""

    def __post_init__(self) -> None:
        begin, end = template(self.tokenizer)
        self.begin, self.end = begin if self.keep_begin else begin[:0], end
        self.room = self.longest - self.added - len(self.begin) - len(self.end)
        if self.room < 1:
            raise BadInput(f"A length of {self.longest} tokens leaves no room for a text beside what stands around it; set data.longest higher.")

    def frame(self, texts: Sequence[str]) -> Ragged:
        """The tokens of each text, [T_i], at most longest - added."""
        self.unread = []
        return ragged(texts, self.some)

    def some(self, texts: Sequence[str]) -> list[Tensor]:
        """The tokens of each of some texts, [T_i]; `unread` grows by theirs."""
        encoded = self.tokenizer.encode_each(texts)
        self.unread += [max(0, len(tokens) - self.room) for tokens in encoded]
        return [torch.cat((self.begin, self.fit(tokens), self.end)) for tokens in encoded]

    def unknown(self, read: Ragged) -> int:
        """How many of the tokens stand for what the tokenizer's vocabulary has no pieces for. read: as `frame` gives them."""
        return int((read.flat == self.tokenizer.unknown).sum()) if self.tokenizer.unknown is not None else 0

    def fit(self, tokens: Tensor) -> Tensor:
        """As many of the tokens as there is room for: the first, the last, or both ends."""
        over = len(tokens) - self.room
        if over <= 0:
            return tokens
        self.cut += 1
        head = {"head": self.room, "tail": 0, "head+tail": int(HEAD * self.room)}[self.part]
        return torch.cat((tokens[:head], tokens[head + over :]))


def template(tokenizer: Tokenizer) -> tuple[Tensor, Tensor]:
    """The tokens that the tokenizer puts before and after every text; none for those that are trained here."""
    begin = torch.tensor(tokenizer.begin, dtype=torch.int64)
    if not hasattr(tokenizer, "encode_batch_with_template"):
        return begin, begin[:0]
    (whole,), _ = tokenizer.encode_batch_with_template(["a"])
    return begin, whole[len(begin) + len(tokenizer.encode("a")) :]


def padded(texts: Sequence[Tensor] | Sequence[Sequence[int]], length: int = 0, padding: int = 0) -> tuple[Tensor, Tensor]:
    """Tokens side by side, the shorter ones filled up with `padding` on the right, and which are of a text: [B, T], [B, T].

    length: T, if more than the longest has.
    """
    lengths = torch.tensor([len(text) for text in texts])
    visible = torch.arange(max(length, int(lengths.max()))) < lengths[:, None]
    tokens = torch.full(visible.shape, padding)
    tokens[visible] = torch.cat([torch.as_tensor(text, dtype=torch.int64) for text in texts])
    return tokens, visible
