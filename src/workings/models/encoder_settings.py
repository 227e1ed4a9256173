"""The settings of encoders, and of encoders with a decoder behind them. Imports no torch."""

from dataclasses import dataclass, field
from typing import Literal

from workings.models.settings import TransformerSettings, require


@dataclass(kw_only=True, frozen=True)
class EncoderSettings:
    """A transformer that sees the whole text, and what is read from it (statement 3.1; BERT)."""

    body: TransformerSettings = field(default_factory=lambda: TransformerSettings(causal=False))
    """The transformer; its head is not used."""
    pooler: bool = False
    """tanh(W y_0 + b), the first token's vector made ready for a classifier."""
    head: Literal["none", "masked", "classes"] = "none"
    """What is said at the end: the vectors themselves, logits of the tokens that were masked, or logits of classes."""
    classes: int = 0
    """The classes to tell apart, with head="classes"."""
    class_names: tuple[str, ...] = ()
    """What the classes are called; none, or one for each."""

    def __post_init__(self) -> None:
        require(
            not self.body.causal and not self.body.cross_attention,
            "An encoder sees the whole text and no other; leave model.body.causal=false and model.body.cross_attention=false.",
        )
        require(self.head == "classes" or not self.classes, f"model.classes is {self.classes}, but model.head is {self.head!r}; classes need head='classes'.")
        require(self.head != "classes" or self.classes > 0, "model.head='classes' needs model.classes, at least 1.")
        require(self.head != "classes" or self.pooler, "model.head='classes' reads the pooled vector; set model.pooler=true.")
        require(
            self.head != "masked" or self.body.phi != "gated", "model.head='masked' applies model.body.phi to one vector; model.body.phi='gated' takes two."
        )
        require(
            not self.class_names or len(self.class_names) == self.classes,
            f"model.class_names has {len(self.class_names)} names, but model.classes is {self.classes}; give one name for each class.",
        )


@dataclass(kw_only=True, frozen=True)
class EncoderDecoderSettings:
    """A transformer that reads a text, and one that writes another while it attends to what the first has made of it (statement 3.2; Marian)."""

    encoder: TransformerSettings = field(default_factory=lambda: TransformerSettings(causal=False))
    """The transformer that reads; its head is not used."""
    decoder: TransformerSettings = field(default_factory=lambda: TransformerSettings(cross_attention=True))
    """The transformer that writes."""
    shared: bool = True
    """One embedding for both, or one each."""
    logit_bias: bool = False
    """A number added to each token's logit."""
    start: int = 0
    """The token that the decoder begins with."""
    end: int = 0
    """The token that ends a text."""
    padding: int = 0
    """The token that fills shorter rows."""

    def __post_init__(self) -> None:
        e, d = self.encoder, self.decoder
        require(
            not e.causal and not e.cross_attention,
            "The encoder sees its whole text and no other; leave model.encoder.causal=false and model.encoder.cross_attention=false.",
        )
        require(
            d.causal and d.cross_attention,
            "The decoder writes from left to right and attends to the encoder; leave model.decoder.causal=true and model.decoder.cross_attention=true.",
        )
        require(e.width == d.width, f"model.encoder.width is {e.width} and model.decoder.width {d.width}; attention from one to the other needs the same.")
        require(
            not self.shared or e.vocabulary == d.vocabulary,
            f"model.shared=true is one embedding, but model.encoder.vocabulary is {e.vocabulary} and model.decoder.vocabulary {d.vocabulary}.",
        )
        for name in ("start", "end", "padding"):
            token = getattr(self, name)
            require(0 <= token < max(d.vocabulary, 1), f"model.{name} is token {token}, but the decoder has tokens 0 to {d.vocabulary - 1}.")
