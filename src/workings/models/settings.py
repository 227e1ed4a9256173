"""The settings of every model: sizes and named choices, checked together. Imports no torch, so help texts are fast."""

from dataclasses import dataclass
from typing import Literal

from workings.errors import BadInput, suggest

Activation = Literal["relu", "gelu", "gelu-tanh", "silu", "gated"]


def require(condition: bool, sentence: str) -> None:
    """Raise `BadInput(sentence)` unless the condition holds."""
    if not condition:
        raise BadInput(sentence)


@dataclass(kw_only=True, frozen=True)
class TransformerSettings:
    """Sizes and switches of the one transformer; the letters are those of the lecture (statements 1.1a-e, 1.2a-d, 2.1-2.2)."""

    vocabulary: int = 0
    """V, the number of tokens; 0 takes it from the tokenizer."""
    context: int = 128
    """T, the longest sequence that the model is trained on."""
    width: int = 256
    """D, the width of the residual stream."""
    layers: int = 4
    """L, the number of layers."""
    heads: int = 4
    """M, the number of attention heads."""
    head_width: int = 0
    """d_k, the width of a query, a key and a value; 0 means width / heads."""
    ff_width: int = 0
    """F, the width inside the feed-forward part; 0 means 4 x width (8/3 x width, rounded up to 16, when phi is gated)."""
    key_value_heads: int = 0
    """Heads of keys (and of values per head), each serving heads / key_value_heads queries; 0 means heads."""
    position: Literal["lecture", "sinusoidal", "sinusoidal-halves", "learned", "rotary", "none"] = "rotary"
    """Where order comes from: sin(t) x range(D) as printed (1.1a), sinusoids (in turn, or sines first), a learned table, turned queries and keys, or none."""
    position_offset: int = 0
    """Rows of the learned table before that of position 0; some models leave the first ones unused."""
    value: Literal["shared", "per-head"] = "per-head"
    """One value v = A x + b_A for all heads (1.1b), or one a head."""
    value_activation: Literal["none", "phi"] = "none"
    """v = A x + b_A, or the earlier h = phi(A x + b_A) (1.2a)."""
    normalize: Literal["attention", "all", "h"] = "all"
    """What the attention part normalizes (1.2b): x for queries and keys only (as printed), x for values too, or h, the values."""
    attend: Literal["x", "h"] = "x"
    """Queries and keys are made from x (1.1c) or from h, the values of all heads side by side (1.2c)."""
    tau: Literal["1/sqrt(D)", "1/sqrt(d_k)", "1", "learned"] = "1/sqrt(d_k)"
    """The scale of the scores (1.2d); learned is one number a head, beginning at 1/sqrt(d_k)."""
    norm: Literal["layer", "rms"] = "layer"
    """Layer norm, or root-mean-square norm."""
    norm_epsilon: float = 1e-5
    """Added to the variance inside the root."""
    placement: Literal["lecture", "pre", "post"] = "pre"
    """Norms only where `normalize` says (lecture); also before the feed-forward part and before the head (pre); or after each residual sum (post)."""
    residuals: Literal["none", "one", "two"] = "two"
    """One residual a layer, around attention and feed-forward together (1.1e), one around each, or none, to see what they are for."""
    phi: Activation = "gelu-tanh"
    """The nonlinearity of the feed-forward part (1.1d); gated is silu(G x) * (B x)."""
    biases: Literal["all", "lecture", "attention", "qkv", "none"] = "none"
    """Linear maps with a bias: all but the head, all but T too (lecture, 1.1b-d), those of attention, Q, K and A only, or none. Layer norms too unless none."""
    tied: bool = True
    """P = A^0 Y with the embedding A^0 (2.2b), or a head of its own."""
    causal: bool = True
    """A token sees only itself and what came before it, or everything."""
    window: int = 0
    """A token sees only itself and the window - 1 before it; 0 means all of them."""
    query_key_norm: bool = False
    """Root-mean-square norms of each head's query and key, before they are turned and multiplied."""
    cross_attention: bool = False
    """Each layer also attends to a second sequence, the memory (3.2)."""
    dropout: float = 0.0
    """The probability of dropping an element of the embedding, the attention weights and each part's output, in training (6.1c)."""
    stochastic_depth: float = 0.0
    """The probability of skipping the last layer for a sample, in training; earlier layers on a line from 0."""
    embedding_norm: bool = False
    """A norm of the vectors that the first layer is given, positions included."""
    embedding_scale: Literal["1", "sqrt(D)"] = "1"
    """What the embedding is multiplied by on its way in."""
    segments: int = 0
    """Kinds of segments (such as first and second sentence), each with a vector that its tokens are given; 0 for none."""
    rope_theta: float = 10_000.0
    """The base of the rotary and sinusoidal frequencies."""
    rope_scaling: Literal["none", "linear", "llama3"] = "none"
    """How rotary frequencies are stretched for a longer context: not at all, all of them, or the slow ones (Llama 3)."""
    rope_factor: float = 1.0
    """By how much, if they are stretched."""
    rope_low_frequency: float = 1.0
    """llama3: what turns fewer times in the original context is stretched whole ..."""
    rope_high_frequency: float = 4.0
    """... and what turns more often not at all; between them, in part."""
    rope_original_context: int = 8192
    """The context that the frequencies were made for."""
    initialization: Literal["normal", "fan-in"] = "normal"
    """Matrices from N(0, 0.02^2) or from N(0, 1/inputs); T and C are then divided by the root of the number of residual sums."""

    def __post_init__(self) -> None:
        fill = object.__setattr__  # the zeros are filled in, so that what is saved is what is used
        for name in ("context", "width", "layers", "heads"):
            require(getattr(self, name) > 0, f"model.{name} is {getattr(self, name)}; it must be at least 1.")
        for name in ("vocabulary", "head_width", "ff_width", "key_value_heads", "position_offset", "window", "segments"):
            require(getattr(self, name) >= 0, f"model.{name} is {getattr(self, name)}; it cannot be negative.")
        for name in ("dropout", "stochastic_depth"):
            require(0 <= getattr(self, name) < 1, f"model.{name} is {getattr(self, name)}; it must be at least 0 and below 1.")
        require(self.norm_epsilon > 0 and self.rope_theta > 1, "model.norm_epsilon must be above 0 and model.rope_theta above 1.")
        require(self.rope_factor >= 1, f"model.rope_factor is {self.rope_factor}; it stretches, so it must be at least 1.")
        require(
            0 < self.rope_low_frequency < self.rope_high_frequency and self.rope_original_context > 0,
            "model.rope_low_frequency must be above 0 and below model.rope_high_frequency, and model.rope_original_context at least 1.",
        )
        if not self.head_width:
            require(self.width % self.heads == 0, f"model.width {self.width} does not divide by model.heads {self.heads}; change one, or set model.head_width.")
            fill(self, "head_width", self.width // self.heads)
        if not self.ff_width:
            fill(self, "ff_width", -(-8 * self.width // 3 // 16) * 16 if self.phi == "gated" else 4 * self.width)
        if not self.key_value_heads:
            fill(self, "key_value_heads", self.heads)
        require(self.heads % self.key_value_heads == 0, f"model.heads {self.heads} does not divide by model.key_value_heads {self.key_value_heads}.")
        require(
            self.value == "per-head" or self.key_value_heads == self.heads,
            "model.value='shared' is one value for all heads, so model.key_value_heads must equal model.heads.",
        )
        require(
            not (self.value_activation == "phi" and self.phi == "gated"),
            "model.value_activation='phi' needs a phi of one argument; model.phi='gated' has two.",
        )
        require(
            not (self.attend == "h" and self.normalize == "attention"),
            "model.normalize='attention' normalizes x for queries and keys, but model.attend='h' makes them from h; use normalize 'all' or 'h'.",
        )
        require(
            self.placement != "post" or self.normalize == "all",
            f"model.placement='post' normalizes after each sum, so model.normalize={self.normalize!r} has no place; leave it at 'all'.",
        )
        require(
            self.residuals != "none" or not self.stochastic_depth,
            f"model.stochastic_depth is {self.stochastic_depth}, but what is skipped leaves nothing where model.residuals='none'; leave it at 0.",
        )
        require(
            self.position != "rotary" or self.head_width % 2 == 0,
            f"model.position='rotary' turns pairs, but model.head_width is {self.head_width}; make it even.",
        )
        require(
            self.position == "rotary" or self.rope_scaling == "none",
            f"model.rope_scaling={self.rope_scaling!r} stretches rotary frequencies, but model.position is {self.position!r}.",
        )
        require(
            self.position == "learned" or not self.position_offset,
            f"model.position_offset is {self.position_offset} rows of a learned table, but model.position is {self.position!r}; leave it at 0.",
        )
        require(
            self.causal or not self.window,
            f"model.window is {self.window}, counted back from the newest token, but model.causal is {self.causal}; leave it at 0.",
        )


@dataclass(kw_only=True, frozen=True)
class RecurrentSettings:
    """Sizes of the recurrent language models: embedding, stacked cells, head (statement 6.2c)."""

    vocabulary: int = 0
    """V, the number of tokens; 0 takes it from the tokenizer."""
    context: int = 256
    """T, the number of steps that a gradient runs back."""
    width: int = 384
    """D, the width of the embedding and of every layer's state."""
    layers: int = 2
    """L, the number of stacked cells."""
    cell: Literal["rnn", "gru", "lstm"] = "gru"
    """The cell: Elman's with tanh, the gated recurrent unit, or long short-term memory."""
    tied: bool = True
    """The head is the embedding, or has a matrix of its own."""
    dropout: float = 0.0
    """The probability of dropping an element on its way up: after the embedding, between layers, before the head; in training."""

    def __post_init__(self) -> None:
        for name in ("context", "width", "layers"):
            require(getattr(self, name) > 0, f"model.{name} is {getattr(self, name)}; it must be at least 1.")
        require(self.vocabulary >= 0, f"model.vocabulary is {self.vocabulary}; it cannot be negative.")
        require(0 <= self.dropout < 1, f"model.dropout is {self.dropout}; it must be at least 0 and below 1.")


LECTURE = dict(
    position="lecture", value="shared", normalize="attention", tau="1/sqrt(D)", placement="lecture", residuals="one", phi="relu", biases="lecture", tied=True
)

PRESETS: dict[str, tuple[str, dict]] = {
    "lecture": ("transformer", LECTURE),
    "lecture-plus": ("transformer", LECTURE | dict(position="sinusoidal")),
    "gpt": ("transformer", dict(position="learned", phi="gelu-tanh", biases="all", norm="layer", tied=True)),
    "llama": ("transformer", dict(position="rotary", phi="gated", biases="none", norm="rms", tied=False)),
    "rnn": ("recurrent", dict(cell="rnn")),
    "gru": ("recurrent", dict(cell="gru")),
    "lstm": ("recurrent", dict(cell="lstm")),
}
"""Name -> (architecture, what differs from its defaults)."""

LANGUAGE_MODELS: dict[str, type] = {"transformer": TransformerSettings, "recurrent": RecurrentSettings}
"""The architectures that write."""

SIZES = ("vocabulary", "context", "width", "layers", "heads", "head_width", "ff_width", "dropout", "stochastic_depth")
"""What stays when another model takes a recipe's place: sizes and what is dropped, not switches."""


def sizes_for(preset: str) -> set[str]:
    """The sizes that the architecture of a preset has; all of them for a name that is not known, which is refused elsewhere."""
    architecture, _ = PRESETS.get(preset, ("transformer", {}))
    return {name for name in SIZES if name in LANGUAGE_MODELS[architecture].__dataclass_fields__}


def model_settings(preset: str, **sizes) -> TransformerSettings | RecurrentSettings:
    """The settings of a named preset with some of them changed.

    >>> model_settings("gpt", width=64, heads=2).head_width
    32
    """
    if preset not in PRESETS:
        raise BadInput(f"There is no model preset {preset!r}. {suggest(preset, PRESETS)}")
    architecture, choices = PRESETS[preset]
    return LANGUAGE_MODELS[architecture](**(choices | sizes))
