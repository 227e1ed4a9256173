"""What a person can choose when a model translates. Imports no torch, so help texts are fast."""

import math
from dataclasses import dataclass
from typing import Literal

from workings.models.settings import require


@dataclass(kw_only=True, frozen=True)
class TranslateSettings:
    """How a translation is searched for; a model folder may hold defaults of its own."""

    beam: int = 4
    """How many hypotheses are kept open for each sentence; 1 takes the likeliest token at each place (greedy), or draws one."""
    nbest: int = 1
    """How many translations to give for each sentence, best first."""
    length_penalty: float = 1.0
    """A hypothesis of n tokens (its end counts as one) scores log P / n^this: 0 favors short ones, 1 is the mean, more favors long ones."""
    stopping: Literal["usual", "exact", "full"] = "usual"
    """When a search ends. usual: no open hypothesis would enter the `beam` best if it ended at its present length; exact: none can still enter the
    `nbest` best at any length up to `tokens`, which with a length penalty above 0 often means to go on for as long as that; full: `beam` have ended."""
    tokens: int = 256
    """How many tokens to write at most, the end token included."""
    temperature: float = 0.0
    """Above 0, with beam 1: tokens are drawn after dividing the logits by this."""
    top_k: int = 0
    """When drawing: from the k likeliest tokens only; 0 keeps all."""
    top_p: float = 1.0
    """When drawing: from the fewest tokens that hold this much probability together; 1 keeps all."""
    seed: int = 0
    """Where the draws begin: the same seed, sentence and settings give the same translation."""
    quantize: Literal["none", "bfloat16", "int8"] = "none"
    """Keep the decoder's matrices in 16 or 8 bits, and keys and values in 16: faster on a CPU, the translation may change a little."""
    bad_words: tuple[tuple[int, ...], ...] = ()
    """Token sequences that are never written."""
    renormalize: bool = False
    """Whether the other tokens share the probability of the bad words."""
    forced_end: bool = False
    """Whether a hypothesis that has come to the last of `tokens` must end there, at no cost."""

    def __post_init__(self) -> None:
        for name in ("beam", "nbest", "tokens"):
            require(getattr(self, name) >= 1, f"translate.{name} is {getattr(self, name)}; it must be at least 1.")
        require(self.nbest <= self.beam, f"translate.nbest is {self.nbest}, but only translate.beam = {self.beam} hypotheses are kept; raise beam.")
        require(abs(self.length_penalty) <= 10, f"translate.length_penalty is {self.length_penalty}; it must be between -10 and 10.")
        require(math.isfinite(self.temperature) and self.temperature >= 0, f"translate.temperature is {self.temperature}; it must be 0 or a positive number.")
        require(self.temperature == 0 or self.beam == 1, f"translate.temperature is {self.temperature}, which draws one translation; set translate.beam to 1.")
        require(self.top_k >= 0, f"translate.top_k is {self.top_k}; it cannot be negative.")
        require(0 < self.top_p <= 1, f"translate.top_p is {self.top_p}; it must be above 0 and at most 1.")
        require(all(self.bad_words), "translate.bad_words holds an empty sequence, which would forbid everything; leave it out.")
