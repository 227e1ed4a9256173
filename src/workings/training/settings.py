"""How to train: the optimizer's settings and the loop's. Imports no torch."""

from dataclasses import dataclass
from typing import Literal

from workings.errors import BadInput

FREE = {f"training.{name}" for name in "steps minutes evaluate_every checkpoint_every keep average_last patience log_every tensorboard".split()}
"""Settings that may differ when a run goes on: they change how long it lasts and what is written, not what a step does."""


def check(settings: object, where: str, **lowest: float) -> None:
    """Refuse a number below its lowest value, by name."""
    for name, bound in lowest.items():
        value = getattr(settings, name)
        if value < bound:
            raise BadInput(f"{where}.{name} is {value}; it must be at least {bound}.")


@dataclass(kw_only=True, frozen=True)
class OptimizerSettings:
    """How one player learns."""

    name: Literal["adamw", "muon", "sgd"] = "muon"
    """AdamW for everything, Muon for the matrices inside the layers and AdamW for the rest, or plain gradient descent, with momentum or without."""
    rate: float = 3e-3
    """The highest learning rate of AdamW, or of gradient descent."""
    muon_rate: float = 0.02
    """The highest learning rate of Muon."""
    filters: Literal["adamw", "muon"] = "adamw"
    """Who learns the filters of convolutions under muon: AdamW, or Muon, for which a filter is a row of a matrix."""
    weight_decay: float = 0.1
    """Decoupled weight decay of matrices (with sgd, a part of the gradient); biases, norms and other vectors have none (6.1c)."""
    layer_decay: float = 1.0
    """The rates of each layer as a part of those of the layer above it, for trained transformers; 1 gives all layers the same."""
    beta1: float = 0.9
    """AdamW's decay of the mean of gradients."""
    beta2: float = 0.95
    """AdamW's decay of the mean of squared gradients."""
    epsilon: float = 1e-8
    """Added to AdamW's root."""
    momentum: float = 0.95
    """Muon's (Nesterov) momentum, or that of gradient descent; 0 has none."""
    schedule: Literal["cosine", "linear", "constant", "inverse-sqrt"] = "linear"
    """How the rate falls after the warm-up."""
    warmup: float = 0.05
    """The part of the run over which the rate rises from 0."""
    final: float = 0.0
    """The rate at the end as a part of the highest (cosine and linear)."""
    clip: float = 1.0
    """The largest norm of the gradient; 0 leaves it as it is."""
    average: float = 0.0
    """The decay of a moving average of the weights, used for evaluation and in the saved model; 0 keeps none."""

    def __post_init__(self) -> None:
        check(self, "optimizer", rate=0, muon_rate=0, weight_decay=0, layer_decay=0, beta1=0, beta2=0, epsilon=0, momentum=0)
        check(self, "optimizer", warmup=0, final=0, clip=0, average=0)
        for name in ("warmup", "final", "layer_decay"):
            if getattr(self, name) > 1:
                raise BadInput(f"optimizer.{name} is {getattr(self, name)}; it is a part of the whole, at most 1.")
        for name in ("beta1", "beta2", "momentum", "average"):
            if getattr(self, name) >= 1:
                raise BadInput(f"optimizer.{name} is {getattr(self, name)}; it must be below 1.")


@dataclass(kw_only=True, frozen=True)
class TrainingSettings:
    """What the loop does, whatever the task."""

    seed: int = 0
    """Decides the first weights, the order of the data and every draw."""
    batch: int = 16
    """Rows (samples, or windows of text) in one step, over all pieces and processes."""
    pieces: int = 1
    """Into how many pieces a process cuts its share of a batch, to save memory; the gradient is that of the whole batch."""
    steps: int | None = None
    """How many steps to take."""
    minutes: float = 0.0
    """How long to train, evaluation included; steps are planned from the measured speed. 0: as steps says; with both, whichever ends first; 5 with neither."""
    evaluate_every: int = 0
    """Steps between evaluations; 0 makes twenty in the run (ten to twenty with minutes), or fewer where they would take over a fifth of it."""
    checkpoint_every: int = 0
    """Steps between checkpoints; 0 saves one at each evaluation."""
    keep: int = 2
    """How many of the last checkpoints to keep."""
    average_last: int = 0
    """At the end, average the weights of the last so many checkpoints, and keep the average if its validation score is better; so many are then kept."""
    patience: int = 0
    """Stop after so many evaluations without a better score (early stopping, 6.1c); 0 never does."""
    log_every: int = 10
    """Steps between two lines of the record."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    precision: str = "auto"
    """auto (bfloat16 where the device is fast at it), float32 or bfloat16."""
    distribution: Literal["replicated", "sharded"] = "replicated"
    """Under torchrun: every process has the whole model (replicated), or a part of it (sharded)."""
    tensorboard: bool = False
    """Also write the record for TensorBoard, into the run's tensorboard/."""

    def __post_init__(self) -> None:
        check(self, "training", seed=0, batch=1, pieces=1, minutes=0, evaluate_every=0, checkpoint_every=0, keep=1, average_last=0, patience=0, log_every=1)
        if self.seed >= 2**63:
            raise BadInput(f"training.seed is {self.seed}; it must be below 2^63.")
        if self.steps is not None:
            check(self, "training", steps=1)
        elif not self.minutes:
            object.__setattr__(self, "minutes", 5.0)
        if self.pieces > self.batch:
            raise BadInput(f"training.pieces is {self.pieces}, more than training.batch, which is {self.batch}; cut into fewer.")
