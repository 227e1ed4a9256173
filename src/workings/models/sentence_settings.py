"""The settings of a sentence classifier. Imports no torch."""

from dataclasses import dataclass, field
from typing import Literal

from workings.models.settings import TransformerSettings, require


@dataclass(kw_only=True, frozen=True)
class SentenceSettings:
    """A transformer, a token `<cls>`, and an MLP on what the transformer says of it (statement 3.1)."""

    body: TransformerSettings = field(default_factory=lambda: TransformerSettings(causal=False))
    """The transformer; it has no head."""
    classes: int = 0
    """The classes to tell apart; 0 takes them from the data."""
    class_names: tuple[str, ...] = ()
    """What the classes are called, in the order of the logits."""
    inner: int = 0
    """The width inside the MLP; 0 means that of the transformer."""
    phi: Literal["relu", "gelu", "gelu-tanh", "silu"] = "gelu"
    """The nonlinearity of the MLP."""
    dropout: float = 0.1
    """The probability of dropping an element before each map of the MLP, in training."""

    def __post_init__(self) -> None:
        require(self.body.tied, "A sentence classifier has no head for tokens; leave model.body.tied=true.")
        require(not self.body.cross_attention, "A sentence classifier reads one text; leave model.body.cross_attention=false.")
        require(self.classes >= 0 and self.inner >= 0, "model.classes and model.inner cannot be negative.")
        require(0 <= self.dropout < 1, f"model.dropout is {self.dropout}; it must be at least 0 and below 1.")
        require(
            not self.class_names or len(self.class_names) == self.classes,
            f"model.class_names has {len(self.class_names)} names, but model.classes is {self.classes}; give one name for each class.",
        )
