"""The next-token loss (statement 2.3), with smoothed targets as a choice (statement 3.2)."""

import torch
import torch.nn.functional as F
from torch import Tensor

IGNORE = -100
"""The target of a position that is not counted: padding."""


def next_token_loss(logits: Tensor, targets: Tensor, smoothing: float = 0.0) -> tuple[Tensor, Tensor]:
    """L = sum_t CE(softmax(P[:, t]), w_{t+1}), and how many terms the sum has (statement 2.3).

    logits: [..., V], P of position t; targets: [...], w_{t+1} already aligned with P[:, t], IGNORE where nothing is to be predicted.
    smoothing: the part of each target that is spread evenly over all V tokens (Szegedy et al. 2016), as translators are trained (Vaswani et al. 2017).
    Returns (sum in nats, count); the mean is sum / max(count, 1). Computed in float32 at least.
    """
    logits = logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits
    total = F.cross_entropy(logits.flatten(0, -2), targets.flatten(), ignore_index=IGNORE, reduction="sum", label_smoothing=smoothing)
    return total, (targets != IGNORE).sum()
