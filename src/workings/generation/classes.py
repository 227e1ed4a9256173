"""The classes of texts: read in batches of like length, without padding where the model allows it (statement 3.1)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from workings.data.framing import padded
from workings.generation.embedding import PackedReader, packs
from workings.layers.fast.available import SHORT
from workings.models.encoder import Encoder
from workings.models.sentence_classifier import SentenceClassifier

Classes = Callable[[Sequence[Tensor]], Tensor]
"""From the tokens of texts, [T_i], to the logits of their classes, [B, C], float32 on the CPU."""


def some_hidden(visible: Tensor) -> Tensor | None:
    """The mask, or nothing where all is visible."""
    return None if bool(visible.all()) else visible


class PaddedClasses:
    """What the model itself says, texts side by side, the shorter ones padded."""

    def __init__(self, model: SentenceClassifier | Encoder):
        self.model = model

    @torch.no_grad()
    def __call__(self, texts: Sequence[Tensor]) -> Tensor:
        """[T_i] -> [B, C]."""
        device = next(self.model.parameters()).device
        tokens, visible = padded(texts)
        hidden = some_hidden(visible)
        return self.model(tokens.to(device), visible=None if hidden is None else hidden.to(device)).float().cpu()


class PackedClasses:
    """The same without padding, for a body with BERT's switches in the memory of this machine; the last layer is asked for the first token alone."""

    def __init__(self, model: SentenceClassifier | Encoder, dtype: torch.dtype):
        self.reader = PackedReader(model, dtype)
        self.say = model.say if isinstance(model, SentenceClassifier) else lambda y: model.class_logits(y[:, None])
        self.dtype = next(model.parameters()).dtype

    @torch.no_grad()
    def __call__(self, texts: Sequence[Tensor]) -> Tensor:
        """[T_i] -> [B, C]."""
        return self.say(self.reader.first(texts).to(self.dtype)).float()


def prepare(model: SentenceClassifier | Encoder, dtype: torch.dtype) -> Classes:
    """The fastest way to ask this model, in evaluation mode; dtype: of the products, float32 or bfloat16, or that of the weights."""
    return PackedClasses(model, dtype) if dtype in SHORT and packs(model.body) else PaddedClasses(model)
