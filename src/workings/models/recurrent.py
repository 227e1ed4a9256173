"""Recurrent language models: embedding, stacked cells, head (statements 2.1, 2.2b, 6.2c)."""

import torch
from torch import Tensor, nn

from workings.errors import BadInput
from workings.layers.dropping import Dropout, number_places
from workings.layers.linear import Linear, linear
from workings.layers.recurrence import Cell, RecurrentCache
from workings.models.settings import RecurrentSettings


class Recurrent(nn.Module):
    """Tokens [B, T] -> logits [B, T, V].

    x_t = A^0[w_t, :] (2.1); the states h_1 ... h_T of each of L cells are the inputs of the next; P = A^0 h (2.2b), or H h with a head of its own.
    Parameters: `embedding` A^0 [V, D]; `cells.{l}.input`, `cells.{l}.state`; `head` [V, D] if not tied.
    Dropout acts on every connection upward and on none forward in time (Zaremba et al. 2014): embedding to cell, cell to cell, cell to head.
    """

    def __init__(self, settings: RecurrentSettings):
        super().__init__()
        s = self.settings = settings
        if s.vocabulary < 1:
            raise BadInput("model.vocabulary is 0; a recurrent model needs at least one token.")
        self.embedding = nn.Embedding(s.vocabulary, s.width)
        self.cells = nn.ModuleList(Cell(s.cell, s.width) for _ in range(s.layers))
        self.dropout = nn.ModuleList(Dropout(s.dropout) for _ in range(s.layers + 1))
        self.head = None if s.tied else Linear(s.width, s.vocabulary, bias=False)
        number_places(self)
        self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        """Draw the parameters anew: cells as `Cell.initialize` says, A^0 from N(0, 1), the head from N(0, 1/D).

        A tied A^0 is also the head, so it is drawn from N(0, 1/D): the first loss stays at ln V, and the first cell makes up for its small inputs.
        """
        small = self.settings.width**-0.5
        nn.init.normal_(self.embedding.weight, std=1.0 if self.head is not None else small)
        if self.head is not None:
            nn.init.normal_(self.head.weight, std=small)
        for layer, cell in enumerate(module for module in self.modules() if isinstance(module, Cell)):
            cell.initialize(size=small if self.head is None and layer == 0 else 1.0)

    def forward(self, tokens: Tensor, **given) -> Tensor:
        """P = A^0 Y (2.2b): logits [B, T, V]. Arguments as `hidden`."""
        return self.predict(self.hidden(tokens, **given))

    def hidden(self, tokens: Tensor, *, visible: Tensor | None = None, cache: RecurrentCache | None = None, record: dict[str, Tensor] | None = None) -> Tensor:
        """X -> Y (2.2a): the last cell's state at each token, [B, T, D].

        tokens: [B, T]; with a cache, only the new ones. visible: [B, columns] with True for a token and False for padding, cached columns included;
        no state moves on padding. record: a dict that is filled with "hidden.{l}" [B, T, D].
        """
        new = tokens.shape[1]
        now = None if visible is None or visible[:, -new:].all() else visible[:, -new:]
        x = self.dropout[0](self.embedding(tokens))
        for layer, cell in enumerate(self.cells):
            x, state = cell(x, None if cache is None else cache.states[layer], now)
            if cache is not None:
                cache.states[layer] = tuple(part.detach() for part in state)
            if record is not None:
                record[f"hidden.{layer}"] = x
            x = self.dropout[layer + 1](x)
        if cache is not None:
            cache.advance(new)
        return x

    def predict(self, y: Tensor) -> Tensor:
        """P_t = A^0 y_t (tied, 2.2b) or H y_t. y: [..., D] -> [..., V]."""
        return linear(y, self.embedding.weight if self.head is None else self.head.weight)

    def new_cache(self, rows: int, columns: int, dtype: torch.dtype | None = None) -> RecurrentCache:
        """Zero states for that many rows, in the model's precision unless told otherwise."""
        like = self.embedding.weight.new_zeros(rows, dtype=dtype or self.embedding.weight.dtype)
        return RecurrentCache([cell.zeros(like) for cell in self.modules() if isinstance(cell, Cell)], columns)
