"""What a person can choose when a model writes. Imports no torch, so help texts are fast."""

import math
from dataclasses import dataclass
from typing import Literal

from workings.models.settings import require


@dataclass(kw_only=True, frozen=True)
class WriteSettings:
    """How text is written; the filters act in the order penalty, temperature, top-k, top-p, min-p."""

    tokens: int = 256
    """How many tokens to write at most."""
    samples: int = 1
    """How many texts to write for each prompt."""
    temperature: float = 0.8
    """Divides the logits; below 1 is safer, above 1 is wilder, 0 always takes the likeliest token."""
    top_k: int = 0
    """Draw from the k likeliest tokens only; 0 keeps all."""
    top_p: float = 1.0
    """Draw from the fewest tokens that hold this much probability together; 1 keeps all."""
    min_p: float = 0.0
    """Drop tokens less likely than this share of the likeliest one; 0 keeps all."""
    repetition_penalty: float = 1.0
    """Makes tokens that have occurred less likely: positive logits are divided by it, negative ones multiplied; 1 does nothing."""
    stop: tuple[str, ...] = ()
    """Stop before the first of these strings; the string itself is left out."""
    seed: int = 0
    """Where the draws begin: the same seed, prompt and settings write the same text."""
    logprobs: bool = False
    """Also return the model's log-probability of every token (nats, before temperature and filters)."""
    top_logprobs: int = 0
    """With logprobs: also the n likeliest tokens at each place."""
    quantize: Literal["none", "bfloat16", "int8"] = "none"
    """Keep a transformer's matrices in 16 or 8 bits: faster on a CPU, the text may change a little."""

    def __post_init__(self) -> None:
        if isinstance(self.stop, str):
            object.__setattr__(self, "stop", (self.stop,))
        for name in ("tokens", "samples"):
            require(getattr(self, name) >= 1, f"write.{name} is {getattr(self, name)}; it must be at least 1.")
        for name in ("top_k", "top_logprobs"):
            require(getattr(self, name) >= 0, f"write.{name} is {getattr(self, name)}; it cannot be negative.")
        require(math.isfinite(self.temperature) and self.temperature >= 0, f"write.temperature is {self.temperature}; it must be 0 or a positive number.")
        require(0 < self.top_p <= 1, f"write.top_p is {self.top_p}; it must be above 0 and at most 1.")
        require(0 <= self.min_p <= 1, f"write.min_p is {self.min_p}; it must be between 0 and 1.")
        require(
            math.isfinite(self.repetition_penalty) and self.repetition_penalty > 0,
            f"write.repetition_penalty is {self.repetition_penalty}; it must be a positive number.",
        )
        require(all(self.stop), "write.stop holds an empty string, which would stop before the first token; leave it out.")
        require(-(2**63) <= self.seed < 2**63, f"write.seed is {self.seed}; it must fit in 64 bits.")
        require(self.quantize in ("none", "bfloat16", "int8"), f"write.quantize is {self.quantize!r}; choose 'none', 'bfloat16' or 'int8'.")
        require(self.logprobs or not self.top_logprobs, "write.top_logprobs needs write.logprobs; set both.")
