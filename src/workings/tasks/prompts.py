"""Captions as a diffusion model reads them: their tokens, and the transformer that makes vectors of those (statement 5.3c)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from workings.data.framing import Framing, padded
from workings.data.ragged import Ragged
from workings.data.tokenizers import Tokenizer, train_tokenizer
from workings.errors import BadInput
from workings.models.settings import TransformerSettings
from workings.tasks.diffusion_settings import TextSettings
from workings.tasks.trained_body import trained_body

MOST_WORDS = 20_000
"""Words of captions that a model's folder remembers."""


@dataclass
class Prompts:
    """From captions to tokens, and what is known of their words."""

    tokenizer: Tokenizer
    body: TransformerSettings | None
    """Of the transformer that reads them; None in use, where it is in the model."""
    longest: int
    words: frozenset[str]
    """All words of the captions that were learned."""
    lower: bool
    """Whether they were all in lower case, so that others are put into it."""
    weights: dict[str, Tensor] | None = None
    """Of that transformer, if it was trained before."""

    def __post_init__(self) -> None:
        self.framing = Framing(self.tokenizer, self.longest, added=0, keep_begin=True)

    def frame(self, texts: Sequence[str]) -> Ragged:
        """The tokens of each text."""
        return self.framing.frame([text.lower() if self.lower else text for text in texts])

    def read(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Tokens and which are visible, [B, T] each; of an empty text none is."""
        return self.padded(list(self.frame(texts)))

    def padded(self, tokens: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Tokens side by side, at least one wide."""
        return padded(tokens, 1)

    def unknown(self, text: str) -> list[str]:
        """The words of a text that no caption had."""
        return [word for word in words_of(text) if self.words and word not in self.words]

    def facts(self) -> dict[str, Any]:
        """What a model's folder keeps of it."""
        return {"longest": self.longest, "lower": self.lower, "words": sorted(self.words)[:MOST_WORDS] if len(self.words) <= MOST_WORDS else []}


def words_of(text: str) -> list[str]:
    """The words of a text in lower case.

    >>> words_of("A red apple, left of it: t-shirts")
    ['a', 'red', 'apple', 'left', 'of', 'it', 't-shirts']
    """
    return re.findall(r"[^\W_]+(?:[-'’][^\W_]+)*", text.lower())


def make_prompts(s: TextSettings, captions: Sequence[str], longest: int) -> Prompts:
    """A reader of these captions: a trained encoder that stays as it is, or one to be learned."""
    words, lower = frozenset(word for caption in captions for word in words_of(caption)), all(caption == caption.lower() for caption in captions)
    if s.start:
        body = trained_body(s.start)
        return Prompts(body.tokenizer, body.settings, min(longest, body.settings.context), words, lower, body.weights)
    tokenizer = train_tokenizer(s.tokenizer, sorted(set(captions)), s.tokens)
    if s.width % s.heads:
        raise BadInput(f"text.width is {s.width}, which text.heads {s.heads} do not divide; change one.")
    body = TransformerSettings(vocabulary=tokenizer.size, width=s.width, layers=s.layers, heads=s.heads, ff_width=4 * s.width, context=longest, causal=False)
    return Prompts(tokenizer, body, longest, words, lower)


def prompts_of(tokenizer: Tokenizer | None, facts: dict[str, Any]) -> Prompts | None:
    """That of a model's folder; None for a model that reads no prompts."""
    if tokenizer is None or "prompts" not in facts:
        return None
    said = facts["prompts"]
    return Prompts(tokenizer, None, said["longest"], frozenset(said["words"]), said["lower"])
