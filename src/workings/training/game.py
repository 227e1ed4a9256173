"""A task is a game with players: what the loop asks of it, whatever is learned."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from workings.training.settings import OptimizerSettings

Batch = dict[str, Tensor]


@dataclass
class Loss:
    """A sum over terms and how many there are: sums can be added over pieces and processes, means cannot."""

    total: Tensor
    """The summed loss, whose gradient is taken."""
    count: int
    """How many terms it sums: tokens, pixels, samples."""
    parts: dict[str, float] = field(default_factory=dict)
    """Other sums over the same terms, to be recorded as means."""


class Game(ABC):
    """Players that learn on batches. Ordinary training has one player, `model`; a GAN has two."""

    players: dict[str, nn.Module]
    """The networks that learn, by name, in the order of their turns."""
    units = "samples"
    """What speed is counted in."""
    units_per_step: int
    """How many of them one step sees."""
    flops_per_step: float = 0.0
    """Floating-point operations of one step, forward and backward; 0 if not known."""
    steps_per_evaluation: float = 0.0
    """About as many steps as an evaluation is work (a forward pass is a third of a step), counted and not measured; 0 if not known."""
    newest = False
    """Whether the newest weights are kept instead of the best ones: for models whose scores do not say how good their drawings are."""
    fingerprint = ""
    """A checksum of the data; a run does not go on with other data than it began with."""

    def turns(self, step: int) -> tuple[str, ...]:
        """Who learns in this step, in order; a name may come more than once."""
        return tuple(self.players)

    def begins_anew(self, step: int) -> tuple[str, ...]:
        """Whose optimizers forget, before this step, what they remember of gradients; nobody's by default. A function of the step, as everything is."""
        return ()

    def rows(self, step: int, turn: int, batch: int) -> int:
        """How many rows the whole batch of a turn has: those asked for, unless a task counts otherwise, as one that fills batches with so many tokens."""
        return batch

    @abstractmethod
    def optimizer(self, player: str) -> OptimizerSettings:
        """How that player learns."""

    @abstractmethod
    def batch(self, step: int, turn: int, first: int, count: int) -> Batch:
        """Rows first .. first + count of the whole batch of a turn: a pure function of (seed, step, turn)."""

    @abstractmethod
    def loss(self, player: str, batch: Batch, step: int) -> Loss:
        """That player's loss on some rows."""

    @abstractmethod
    def evaluate(self) -> dict[str, float]:
        """Scores on the validation set."""

    def cost(self, scores: dict[str, Any]) -> float:
        """What decides which weights are best, and when a run no longer gains: the lowest is the best one."""
        return scores["loss"]

    @abstractmethod
    def save(self, folder: Path, weights: dict[str, dict[str, Tensor]], scores: dict[str, Any]) -> None:
        """Write what others need to use the players: their (averaged) weights by player and name, settings, tokenizer."""

    def test(self, folder: Path) -> dict[str, Any]:
        """Scores of the model that `save` wrote into a folder, on data that chooses nothing; asked once, when a run is over. None by default."""
        return {}

    def leave(self) -> dict[str, str | bytes]:
        """Files for the run's samples that the report will need beside the model, by their names; none by default."""
        return {}

    def about(self) -> str:
        """What is learned from what, in a line."""
        return f"{sum(p.numel() for player in self.players.values() for p in player.parameters()):,} parameters"

    def preview(self, step: int) -> dict[str, Any]:
        """Something to look at, such as {"text": ...}; nothing by default. Under "files", the contents of files by their names: they are put into samples/."""
        return {}

    def identify(self, step: int) -> str:
        """Which data a step sees, in words, for the message about a loss that is not finite."""
        return f"batch {step}"
