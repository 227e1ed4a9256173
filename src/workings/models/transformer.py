"""The transformer of tokens: the lecture's, GPT-2's, Llama's and BERT's by its switches (statements 1.1a-e, 1.2a-d, 2.1, 2.2a-b, 3.2)."""

import math

from torch import Tensor, nn

from workings.errors import BadInput
from workings.layers.dropping import number_places
from workings.layers.linear import Linear, linear
from workings.models.settings import TransformerSettings
from workings.models.stack import Stack


class Transformer(Stack):
    """Tokens [B, T] -> logits [B, T, V].

    x_t = A^0[w_t, :] (2.1), plus its position (1.1a); L layers (1.1b-e); P = A^0 Y (2.2b).
    Parameters: those of `Stack`; `embedding` A^0 [V, D]; `segments` [kinds, D] if there are any; `head` [V, D] if not tied.
    """

    def __init__(self, settings: TransformerSettings):
        super().__init__(settings)
        s = settings
        if s.vocabulary < 1:
            raise BadInput("model.vocabulary is 0; a transformer needs at least one token.")
        self.embedding = nn.Embedding(s.vocabulary, s.width)
        self.segments = nn.Embedding(s.segments, s.width) if s.segments else None
        self.head = None if s.tied else Linear(s.width, s.vocabulary, bias=False)
        self.scale = math.sqrt(s.width) if s.embedding_scale == "sqrt(D)" else None
        number_places(self)
        self.initialize()

    def forward(self, tokens: Tensor, **given) -> Tensor:
        """P = A^0 Y (2.2b): logits [B, T, V]. Arguments as `hidden`."""
        return self.predict(self.hidden(tokens, **given))

    def hidden(self, tokens: Tensor, *, segments: Tensor | None = None, **given) -> Tensor:
        """X -> Y (2.2a): what the last layer says of each token, [B, T, D].

        tokens: [B, T]; with a cache, only the new ones. segments: which kind each token belongs to, [B, T]; the first if not given.
        given: visible, cache, memory, memory_visible, record and asked, as `Stack.run` takes them.
        """
        return self.run(self.embed(tokens, segments), **given)

    def embed(self, tokens: Tensor, segments: Tensor | None = None) -> Tensor:
        """x_t = A^0[w_t, :] (2.1), scaled and with the vector of its segment where the model has them. [B, T] -> [B, T, D]."""
        return self.enter(self.embedding(tokens), segments)

    def enter(self, x: Tensor, segments: Tensor | None = None) -> Tensor:
        """Embeddings as they enter: scaled, and with the vector of their segment (the first if not given). x: [..., D] -> [..., D]."""
        if self.scale is not None:
            x = x * self.scale
        if self.segments is None:
            return x
        return x + (self.segments.weight[0] if segments is None else self.segments(segments))

    def predict(self, y: Tensor) -> Tensor:
        """P_t = A^0 y_t (tied, 2.2b) or H y_t. y: [..., D] -> [..., V]."""
        return linear(y, self.embedding.weight if self.head is None else self.head.weight)
