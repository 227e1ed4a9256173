"""An encoder and a decoder: one transformer reads, another writes and attends to what was read (statement 3.2; Vaswani et al. 2017; Marian)."""

import torch
from torch import Tensor, nn

from workings.layers.cache import KeyValueCache
from workings.layers.dropping import number_places
from workings.models.encoder_settings import EncoderDecoderSettings
from workings.models.transformer import Transformer


class EncoderDecoder(nn.Module):
    """Source tokens [B, S] and target tokens [B, T] -> logits [B, T, V] of what follows each target token.

    Parameters: `encoder` and `decoder`, two `Transformer`s (A^0 is the same tensor in both if shared; the encoder's head is not used);
    `logit_bias` [V] if asked for.
    """

    def __init__(self, settings: EncoderDecoderSettings):
        super().__init__()
        s = self.settings = settings
        self.encoder, self.decoder = Transformer(s.encoder), Transformer(s.decoder)
        if s.shared:
            self.encoder.embedding = self.decoder.embedding
        self.logit_bias = nn.Parameter(torch.zeros(s.decoder.vocabulary)) if s.logit_bias else None
        number_places(self)

    def forward(
        self,
        source: Tensor,
        target: Tensor,
        *,
        source_visible: Tensor | None = None,
        target_visible: Tensor | None = None,
        record: dict[str, dict[str, Tensor]] | None = None,
    ) -> Tensor:
        """P [B, T, V]. source: [B, S], target: [B, T]; the two `visible`: True for a token, False for padding.

        record: filled with "encoder" and "decoder", each as `Stack.run` fills it.
        """
        read, written = ({}, {}) if record is not None else (None, None)
        memory = self.encoder.hidden(source, visible=source_visible, record=read)
        logits = self.decode(target, memory, source_visible, visible=target_visible, record=written)
        if record is not None:
            record.update(encoder=read, decoder=written)
        return logits

    def encode(self, source: Tensor, visible: Tensor | None = None) -> Tensor:
        """The memory that the decoder attends to, [B, S, D]."""
        return self.encoder.hidden(source, visible=visible)

    def decode(
        self,
        target: Tensor,
        memory: Tensor,
        memory_visible: Tensor | None = None,
        *,
        visible: Tensor | None = None,
        cache: KeyValueCache | None = None,
        record: dict[str, Tensor] | None = None,
    ) -> Tensor:
        """Logits [B, T, V] of what follows each target token; with a cache, target holds only the new ones."""
        y = self.decoder.hidden(target, memory=memory, memory_visible=memory_visible, visible=visible, cache=cache, record=record)
        logits = self.decoder.predict(y)
        return logits if self.logit_bias is None else logits + self.logit_bias
