"""Texts side by side in one row of tokens, so that windows cut from it have no padding."""

from collections.abc import Sequence

import torch
from torch import Tensor

from workings.data.cache import compact
from workings.data.framing import template
from workings.data.tokenizers import Tokenizer


def packed(tokenizer: Tokenizer, texts: Sequence[str]) -> Tensor:
    """The tokens of all texts, each followed by what ends it, [N], in a small integer type."""
    end = torch.tensor(ending(tokenizer), dtype=torch.int64)
    return torch.cat([compact(part, tokenizer.size) for tokens in tokenizer.encode_each(texts) for part in (tokens, end)])


def ending(tokenizer: Tokenizer) -> list[int]:
    """The end-of-text token, or what the tokenizer's template puts after a text ([SEP]); nothing if it has neither."""
    return template(tokenizer)[1].tolist() if tokenizer.end is None else [tokenizer.end]
