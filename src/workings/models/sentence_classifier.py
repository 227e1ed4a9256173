"""A sentence classifier: a transformer reads the text and `<cls>`, and an MLP says the class (statement 3.1)."""

import torch
from torch import Tensor, nn

from workings.layers.dropping import Dropout, number_places
from workings.layers.feed_forward import PHI
from workings.layers.linear import Linear
from workings.layers.positions import at
from workings.models.sentence_settings import SentenceSettings
from workings.models.settings import require
from workings.models.transformer import Transformer


class SentenceClassifier(nn.Module):
    """Tokens [B, T] -> logits of classes [B, C]: H phi(W y + b) + c, with y what the last layer says of `<cls>` (3.1).

    `<cls>` stands before the text where every token sees every other, and after it where a token sees only what came before (a causal transformer): there, only
    the last one has seen the text.
    Parameters: `body`, a `Transformer` without a head; `cls` [D], the embedding of `<cls>`; `mlp` W, b; `head` H, c.
    """

    def __init__(self, settings: SentenceSettings):
        super().__init__()
        s = self.settings = settings
        require(s.classes > 1, f"model.classes is {s.classes}; a classifier needs at least two.")
        self.body = Transformer(s.body)
        self.cls = nn.Parameter(torch.empty(s.body.width))
        self.mlp = Linear(s.body.width, s.inner or s.body.width)
        self.head = Linear(s.inner or s.body.width, s.classes)
        self.phi = PHI[s.phi]
        self.dropouts = nn.ModuleList((Dropout(s.dropout), Dropout(s.dropout)))
        self.ask = self.ask_last if s.body.causal else self.ask_first
        number_places(self)
        for layer in (self.mlp, self.head):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)
        self.start_cls()

    @torch.no_grad()
    def start_cls(self) -> None:
        """Let the embedding of `<cls>` begin as the mean of all others."""
        self.cls.copy_(self.body.embedding.weight.mean(0))

    def forward(self, tokens: Tensor, *, visible: Tensor | None = None, record: dict[str, Tensor] | None = None) -> Tensor:
        """tokens: [B, T], without `<cls>`; visible: [B, T], False for padding on either side; record: as `Stack.run` fills it, of T + 1 tokens -> [B, C]."""
        return self.say(self.hidden(tokens, visible=visible, record=record))

    def hidden(self, tokens: Tensor, *, visible: Tensor | None = None, record: dict[str, Tensor] | None = None) -> Tensor:
        """y, the vector of `<cls>`, [B, D]. Arguments as `forward`."""
        tokens, visible, place = self.ask(tokens, visible)
        x = self.embed(tokens, place)
        if record is None:
            return self.body.run(x, visible=visible, asked=place)[:, 0]
        return at(self.body.run(x, visible=visible, record=record), place)[:, 0]

    def embed(self, tokens: Tensor, place: Tensor) -> Tensor:
        """x_t = A^0[w_t, :] (2.1), and the embedding of `<cls>` at its place. tokens: [B, T + 1], place: [B] -> [B, T + 1, D]."""
        here = torch.arange(tokens.shape[1], device=tokens.device) == place[:, None]
        return torch.where(here[..., None], self.body.enter(self.cls), self.body.embed(tokens))

    def say(self, y: Tensor) -> Tensor:
        """H phi(W y + b) + c. y: [B, D] -> [B, C]."""
        first, second = self.dropouts
        return self.head(second(self.phi(self.mlp(first(y)))))

    def ask_first(self, tokens: Tensor, visible: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor]:
        """Tokens with a place for `<cls>` before each text, what of them is visible, and that place: [B, T + 1], [B, T + 1], [B]."""
        rows = len(tokens)
        if visible is not None:
            visible = torch.cat((visible.new_ones(rows, 1), visible), 1)
        return torch.cat((tokens.new_zeros(rows, 1), tokens), 1), visible, tokens.new_zeros(rows)

    def ask_last(self, tokens: Tensor, visible: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor]:
        """The same with `<cls>` right after the last visible token of each text."""
        rows, length = tokens.shape
        place = tokens.new_full((rows,), length)
        if visible is not None:
            place = (visible * torch.arange(1, length + 1, device=tokens.device)).amax(1)
            visible = torch.cat((visible, visible.new_zeros(rows, 1)), 1).scatter(1, place[:, None], True)
        return torch.cat((tokens, tokens.new_zeros(rows, 1)), 1), visible, place
