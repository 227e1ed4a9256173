"""The settings of recurrent networks over the rows of a picture. Imports no torch."""

from dataclasses import dataclass
from typing import Literal

from workings.models.picture_settings import PictureSettings


@dataclass(kw_only=True, frozen=True)
class RowRecurrentSettings(PictureSettings):
    """Sizes of the recurrent network that reads a picture row by row, from the top (statement 6.2c)."""

    width: int = 128
    """D, the width of every layer's state."""
    layers: int = 2
    """L, the number of stacked cells."""
    cell: Literal["rnn", "gru", "lstm"] = "gru"
    """The cell: Elman's with tanh, the gated recurrent unit, or long short-term memory."""
    dropout: float = 0.0
    """The probability of dropping an element on its way up: after the rows' vectors, between layers, before the classifier; in training."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_sizes(width=(self.width,), layers=(self.layers,))
        self.check_shares(dropout=self.dropout)
