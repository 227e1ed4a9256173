"""How good drawings of a diffusion model are with more and more guidance (Ho and Salimans 2022): what they gain in plainness, they lose in variety."""

from collections.abc import Sequence
from typing import Any

from workings.data.shapes import shows
from workings.tasks.diffusion_drawer import DiffusionDrawer
from workings.tasks.scorer import Scorer

WEIGHTS = (0.0, 0.5, 1.0, 2.0, 4.0)
"""The weights that are tried."""
KEPT = ("label_accuracy", "frechet", "precision", "recall", "fid", "prompt_accuracy")
"""The scores that are told of each."""


def guidance_scores(drawer: DiffusionDrawer, scorer: Scorer, count: int, prompts: Sequence[str], **how: Any) -> dict[str, float]:
    """Scores by name and weight, as label_accuracy_at_guidance_2: those of a scorer on `count` drawings, and how many drawings show their prompt.

    prompts: captions of shapes, which code can read; none for other data. how: sampler and steps.
    """
    found: dict[str, float] = {}
    for weight in WEIGHTS:
        scores: dict[str, float] = {}
        if scorer:
            drawn = drawer.draw(count, guidance=weight, **how)
            scores |= scorer.of(drawn.pictures, drawn.labels)
        if prompts:
            pictures = drawer.draw(len(prompts), prompt=list(prompts), guidance=weight, **how).pictures
            scores["prompt_accuracy"] = sum(map(shows, pictures, prompts)) / len(prompts)
        found |= {f"{name}_at_guidance_{weight:g}": scores[name] for name in KEPT if name in scores}
    return found
