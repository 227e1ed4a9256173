"""The next-token loss (statement 2.3), with smoothed targets as a choice (statement 3.2)."""

from torch import Tensor

from workings.layers.fast.cross_entropy import cross_entropy

IGNORE = -100
"""The target of a position that is not counted: padding."""


def next_token_loss(logits: Tensor, targets: Tensor, smoothing: float = 0.0) -> tuple[Tensor, Tensor]:
    """L = sum_t CE(softmax(P[:, t]), w_{t+1}), and how many terms the sum has (statement 2.3).

    logits: [..., V], P of position t; targets: [...], w_{t+1} already aligned with P[:, t], IGNORE where nothing is to be predicted.
    smoothing: the part of each target that is spread evenly over all V tokens (Szegedy et al. 2016), as translators are trained (Vaswani et al. 2017).
    Returns (sum in nats, count); the mean is sum / max(count, 1). Computed in float32 at least.
    """
    return cross_entropy(logits.flatten(0, -2), targets.flatten(), smoothing, IGNORE), (targets != IGNORE).sum()
