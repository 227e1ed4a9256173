"""A recurrent network that reads a picture row by row (statement 6.2c)."""

import torch
from torch import Tensor, nn

from workings.layers.dropping import Dropout, number_places
from workings.layers.initialization import INITIALIZATIONS, initialize_classifier
from workings.layers.linear import Linear
from workings.layers.recurrence import Cell
from workings.models.picture_input import check_pictures
from workings.models.row_recurrent_settings import RowRecurrentSettings


class RowRecurrent(nn.Module):
    """Pictures [B, C, H, W] -> logits [B, classes], or without classes the last state [B, D].

    x_t = E r_t + e with r_t the numbers of row t, channel by channel; the states of each of L cells are the inputs of the next; the logits are
    W h_H + b, what the top cell knows after the last row. Parameters: `rows` E [D, C W]; `cells.{l}`; `classifier` [classes, D].
    """

    def __init__(self, settings: RowRecurrentSettings):
        super().__init__()
        s = self.settings = settings
        self.rows = Linear(s.channels * s.image_size[1], s.width)
        self.cells = nn.ModuleList(Cell(s.cell, s.width) for _ in range(s.layers))
        self.dropout = nn.ModuleList(Dropout(s.dropout) for _ in range(s.layers + 1))
        self.classifier = Linear(s.width, s.classes) if s.classes else None
        number_places(self)
        self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        """Draw the parameters anew: rows from N(0, 1 / inputs), cells as `Cell.initialize` says, the classifier small."""
        INITIALIZATIONS["lecun"](self.rows.weight)
        nn.init.zeros_(self.rows.bias)
        for module in self.modules():
            if isinstance(module, Cell):
                module.initialize()
        initialize_classifier(self.classifier)

    def forward(self, pictures: Tensor, *, record: dict[str, Tensor] | None = None) -> Tensor:
        """Logits [B, classes], or the last state. Arguments as `hidden`."""
        y = self.hidden(pictures, record=record)[:, -1]
        return y if self.classifier is None else self.classifier(y)

    def hidden(self, pictures: Tensor, *, record: dict[str, Tensor] | None = None) -> Tensor:
        """The top cell's state after each row, [B, H, D]. pictures: [B, C, H, W]. record: a dict that is filled with "hidden.{l}" [B, H, D]."""
        check_pictures(pictures, self.settings.channels, self.settings.image_size)
        x = self.dropout[0](self.rows(pictures.transpose(1, 2).flatten(2)))  # B H D
        for layer, cell in enumerate(self.cells):
            x, _ = cell(x)
            if record is not None:
                record[f"hidden.{layer}"] = x
            x = self.dropout[layer + 1](x)
        return x
