"""An encoder: a transformer that sees the whole text, and what is read from it (statement 3.1; BERT, Devlin et al. 2019)."""

import torch
from torch import Tensor, nn

from workings.layers.feed_forward import PHI
from workings.layers.linear import Linear
from workings.layers.norms import make_norm
from workings.models.encoder_settings import EncoderSettings
from workings.models.transformer import Transformer


class Encoder(nn.Module):
    """Tokens [B, T] -> vectors [B, T, D], logits of tokens [B, T, V], or logits of classes [B, C].

    Parameters: `body`, a `Transformer` whose head is not used; `pooler` W, b if asked for; for masked tokens `transform`, `transform_norm` and
    `bias` [V]; for classes `classifier`.
    """

    def __init__(self, settings: EncoderSettings):
        super().__init__()
        s, body = settings, settings.body
        self.settings = s
        self.body = Transformer(body)
        self.pooler = Linear(body.width, body.width) if s.pooler else None
        masked = s.head == "masked"
        self.transform = Linear(body.width, body.width) if masked else None
        self.transform_norm = make_norm(body.norm, body.width, body.norm_epsilon, body.biases != "none") if masked else None
        self.bias = nn.Parameter(torch.zeros(body.vocabulary)) if masked else None
        self.classifier = Linear(body.width, s.classes) if s.head == "classes" else None
        self.say = {"none": self.vectors, "masked": self.token_logits, "classes": self.class_logits}[s.head]
        for layer in (self.pooler, self.transform, self.classifier):
            if layer is not None:
                nn.init.normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor, *, visible: Tensor | None = None, chosen: Tensor | None = None, **given) -> Tensor:
        """What the head says. chosen: of which tokens the logits are wanted, [B, T], with head="masked" -> [N, V]; all if not given. Others as `hidden`."""
        y = self.hidden(tokens, visible=visible, **given)
        return self.say(y if chosen is None else y[chosen], visible)

    def hidden(self, tokens: Tensor, **given) -> Tensor:
        """Y, the vectors of the last layer, [B, T, D]. tokens: [B, T]; given: segments, visible and record, as `Transformer.hidden` takes them."""
        return self.body.hidden(tokens, **given)

    def pooled(self, y: Tensor, visible: Tensor | None = None) -> Tensor:
        """tanh(W y_0 + b): what the first token says, padding before it left out. y: [B, T, D], visible: [B, T] -> [B, D]."""
        first = y[:, 0] if visible is None else y[torch.arange(y.shape[0], device=y.device), visible.int().argmax(-1)]
        return torch.tanh(self.pooler(first))

    def vectors(self, y: Tensor, visible: Tensor | None = None) -> Tensor:
        """The vectors themselves."""
        return y

    def token_logits(self, y: Tensor, visible: Tensor | None = None) -> Tensor:
        """A^0 N(phi(W y_t + b)) + c, the logits of what a masked token was. y: [..., D] -> [..., V]."""
        logits = self.body.predict(self.transform_norm(PHI[self.settings.body.phi](self.transform(y))))
        return logits if self.bias is None else logits + self.bias

    def class_logits(self, y: Tensor, visible: Tensor | None = None) -> Tensor:
        """W p + b of the pooled vector p. y: [B, T, D], visible: [B, T] -> [B, C]."""
        return self.classifier(self.pooled(y, visible))
