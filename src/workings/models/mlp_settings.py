"""The settings of fully connected networks, with the sizes that have names. Imports no torch."""

from dataclasses import dataclass
from typing import Literal

from workings.errors import BadInput, suggest
from workings.models.picture_settings import Initialization, PictureSettings


@dataclass(kw_only=True, frozen=True)
class MLPSettings(PictureSettings):
    """Sizes and switches of the fully connected network (statement 6.2a): all numbers of a picture, hidden layers, a classifier."""

    widths: tuple[int, ...] = (512, 256)
    """The width of each hidden layer; none for logistic regression."""
    phi: Literal["relu", "gelu", "gelu-tanh", "silu"] = "relu"
    """The nonlinearity."""
    norm: Literal["none", "layer"] = "layer"
    """Whether each hidden layer is normalized before the nonlinearity."""
    dropout: float = 0.0
    """The probability of dropping an element after each nonlinearity, in training (6.1c)."""
    initialization: Initialization = "he"
    """Where the weights of the hidden layers begin (6.1b)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.widths:
            self.check_sizes(widths=self.widths)
        self.check_shares(dropout=self.dropout)


MLPS: dict[str, dict] = {
    "logistic": dict(widths=()),
    "mlp-small": dict(widths=(128,)),
    "mlp": dict(widths=(512, 256)),
    "mlp-wide": dict(widths=(1024, 1024, 512), dropout=0.3),
}
"""Name -> what differs from the defaults."""


def mlp_settings(name: str, **changes) -> MLPSettings:
    """The settings of a named size with some of them changed.

    >>> mlp_settings("mlp", classes=10).widths
    (512, 256)
    """
    if name not in MLPS:
        raise BadInput(f"There is no size {name!r} of a fully connected network. {suggest(name, MLPS)}")
    return MLPSettings(**(MLPS[name] | changes))
