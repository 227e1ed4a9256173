"""A model, a cache, and texts of different lengths: read them once, then one token a row at a time."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from workings.models.settings import TransformerSettings


class Decoder:
    """Reads a batch of texts and steps it forward with the model's cache; logits are [B, V], float32, on the CPU.

    Shorter texts are padded on the left. Padding is never seen and does not count as a position, so a row says what it would say alone.
    """

    def __init__(self, model: nn.Module):
        self.model = model
        self.device = model.embedding.weight.device
        self.limit: int | None = model.settings.context if isinstance(model.settings, TransformerSettings) else None
        """How many tokens a row can hold; None for recurrent models, whose state does not grow."""

    @torch.inference_mode()
    def read(self, texts: Sequence[Sequence[int]], room: int = 0) -> Tensor:
        """Forget everything, read these texts (at least one token each, at most `limit`), and return the logits after the last token of each.

        room: how many further tokens the cache has to hold.
        """
        longest = max(map(len, texts))
        columns = longest + room if self.limit is None else min(self.limit, longest + room)
        tokens = torch.zeros(len(texts), longest, dtype=torch.long)
        visible = torch.ones(len(texts), max(columns, longest), dtype=torch.bool)
        for row, text in enumerate(texts):
            tokens[row, longest - len(text) :] = torch.as_tensor(text)
            visible[row, : longest - len(text)] = False
        tokens = tokens.to(self.device)
        self.visible = None if visible.all() else visible.to(self.device)
        self.cache = self.model.new_cache(len(texts), columns)
        y = self.model.hidden(tokens, visible=self.seen(longest), cache=self.cache)
        return self.model.predict(y[:, -1]).float().cpu()  # the head sees one token a row, not the whole text

    @torch.inference_mode()
    def step(self, tokens: Tensor) -> Tensor:
        """Read one token a row, [B] -> logits [B, V]."""
        return self.model(tokens[:, None].to(self.device), visible=self.seen(self.cache.length + 1), cache=self.cache)[:, -1].float().cpu()

    @torch.inference_mode()
    def reorder(self, rows: Tensor) -> None:
        """Row i becomes a copy of the old row rows[i]; there may be more or fewer rows than before."""
        rows = rows.to(self.device)
        self.cache.reorder(rows)
        if self.visible is not None:
            self.visible = self.visible[rows]

    @property
    def length(self) -> int:
        """How many columns are filled, padding included."""
        return self.cache.length

    def seen(self, columns: int) -> Tensor | None:
        """The visible part of the first columns, [B, columns], or None when there is no padding."""
        return None if self.visible is None else self.visible[:, :columns]
