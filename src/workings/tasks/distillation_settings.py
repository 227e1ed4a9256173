"""The settings of learning from a teacher (statement 4.3). Imports no torch."""

from dataclasses import dataclass
from typing import Literal

from workings.errors import BadInput
from workings.training.settings import check


@dataclass(kw_only=True, frozen=True)
class DistillationSettings:
    """Who teaches, what is learned from it, and how much that counts."""

    teacher: str = ""
    """A trained model of the same classes: a run, a model folder of ours (an ensemble too) or another system's, or a name on the hub; empty for none."""
    kind: Literal["soft", "hard"] = "soft"
    """Whether the teacher's probabilities are learned (Hinton et al. 2015) or the class it finds most probable (Touvron et al. 2021)."""
    temperature: float = 4.0
    """soft: what both sides' logits are divided by. Small students learned best at 2.5 to 4, larger ones alike at 8 and more (Hinton et al.); DeiT took 3."""
    alpha: float = 0.5
    """How much the teacher counts; the labels count 1 - alpha."""

    def __post_init__(self) -> None:
        check(self, "distillation", alpha=0)
        if self.alpha > 1:
            raise BadInput(f"distillation.alpha is {self.alpha}; it must be at most 1.")
        if not self.temperature > 0:
            raise BadInput(f"distillation.temperature is {self.temperature}; it must be above 0.")
