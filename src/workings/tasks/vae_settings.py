"""The settings of the VAE task, from recipe, flags and `--set` to one resolved table. Imports no torch."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from workings.errors import BadInput
from workings.models.vae_settings import VAESettings
from workings.settings import to_dict
from workings.tasks.drawing_settings import DrawingData, ScoresSettings, read_sections
from workings.training.settings import OptimizerSettings, TrainingSettings, check


@dataclass(kw_only=True, frozen=True)
class ObjectiveSettings:
    """What is maximized (5.1d), and which numbers a picture's pixels become."""

    binarization: Literal["", "fixed", "dynamic", "gray", "dequantized"] = ""
    """Pixels as coins, thrown once (fixed) or in every step (dynamic), as gray values, or with noise (dequantized); empty: dynamic, dequantized if Gaussian."""
    samples: int = 1
    """Samples of z whose terms are averaged: S of the lower bound, M of the importance-weighted one."""
    inner: int = 1
    """Samples in each sum of the importance-weighted bound, K; 1 is the lower bound itself."""
    divergence: Literal["analytic", "sampled"] = "analytic"
    """The KL of the lower bound: in closed form, or from the samples."""
    warmup: int = 0
    """Steps over which the weight of the KL rises from 0 to 1; 0 gives it its weight at once."""
    free_bits: float = 0.0
    """Nats of KL that every latent dimension may have for nothing; 0 for none."""
    importance: int = 200
    """Samples of a picture by which its log-likelihood is estimated at the very end."""

    def __post_init__(self) -> None:
        check(self, "objective", samples=1, inner=1, warmup=0, free_bits=0, importance=1)
        if self.inner > 1 and (self.warmup or self.free_bits):
            raise BadInput("objective.warmup and objective.free_bits change the KL of the lower bound, which the importance-weighted bound (inner) has not.")


@dataclass(kw_only=True, frozen=True)
class VAETaskSettings:
    """Everything that decides a VAE's training."""

    data: DrawingData = field(default_factory=DrawingData)
    model: VAESettings = field(default_factory=VAESettings)
    objective: ObjectiveSettings = field(default_factory=ObjectiveSettings)
    scores: ScoresSettings = field(default_factory=ScoresSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def __post_init__(self) -> None:
        how, gaussian = self.objective.binarization, self.model.likelihood == "gaussian"
        how = how or ("dequantized" if gaussian else "dynamic")
        object.__setattr__(self, "objective", replace(self.objective, binarization=how))
        if gaussian and how in ("fixed", "dynamic"):
            raise BadInput(f"objective.binarization={how!r} makes pixels 0 or 1, of which a Gaussian has no bounded density; take 'dequantized', or coins.")
        if not gaussian and how == "dequantized":
            raise BadInput("objective.binarization='dequantized' makes pixels real numbers, but coins show 0 or 1; take model.likelihood='gaussian'.")


SECTIONS = {
    "data": DrawingData,
    "model": VAESettings,
    "objective": ObjectiveSettings,
    "scores": ScoresSettings,
    "optimizer": OptimizerSettings,
    "training": TrainingSettings,
}
"""What `--set` can name."""
USUAL: dict[str, Any] = {
    "optimizer": {"name": "adamw", "rate": 1e-3, "weight_decay": 0.0, "beta2": 0.999, "clip": 0.0},
    "training": {"batch": 128},
}
"""What differs from the defaults of the parts."""


def read_settings(table: dict[str, Any]) -> VAETaskSettings:
    """The settings that nested tables describe."""
    return VAETaskSettings(**read_sections("vae", table, SECTIONS, USUAL))


def resolved(settings: VAETaskSettings) -> dict[str, Any]:
    """Every setting, as `config.toml` keeps it; `read_settings` reads it back to the same training."""
    return {"task": "vae", **to_dict(settings)}
