"""The cross-entropy of classes (statement 3.1), with smoothed labels and weighted classes as choices."""

import torch
import torch.nn.functional as F
from torch import Tensor


def class_loss(logits: Tensor, targets: Tensor, smoothing: float = 0.0, weights: Tensor | None = None) -> Tensor:
    """sum_i w[c_i] CE(q_i, softmax(z_i)), in nats, with q_i = (1 - smoothing) e[c_i] + smoothing / C (Szegedy et al. 2016).

    logits: z [B, C]; targets: c [B], or without weights the probabilities e of the classes, [B, C]; weights: w [C], 1 each if not given.
    Computed in float32 at least. The mean is this divided by B.
    """
    logits = logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits
    each = F.cross_entropy(logits, targets, label_smoothing=smoothing, reduction="none")
    return each.sum() if weights is None else (each * weights.to(each)[targets]).sum()


def balanced(counts: Tensor) -> Tensor:
    """w[c] = N / (C n[c]): every class weighs the same in the sum over all N examples, and the mean weight of an example is 1.

    counts: n [C], above 0 -> [C].

    >>> balanced(torch.tensor([1, 3])).tolist()
    [2.0, 0.6666666865348816]
    """
    return counts.sum() / (len(counts) * counts.float())
