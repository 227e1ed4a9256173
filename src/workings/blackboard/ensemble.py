"""Several models as one, as it is written (statement 6.1c): the mean of their probabilities, or of their weights."""

import torch
from torch import Tensor

from workings.blackboard.functions import softmax


def ensemble(logits: list[Tensor]) -> Tensor:
    """p = (1 / M) sum_m softmax(z_m).  logits: M of [K], the same classes in the same order. Returns [K]."""
    return torch.stack([softmax(z) for z in logits]).sum(0) / len(logits)


def soup(weights: list[Tensor]) -> Tensor:
    """w = (1 / M) sum_m w_m (Wortsman et al. 2022).  weights: M of one shape."""
    total = torch.zeros_like(weights[0])
    for w in weights:
        total = total + w
    return total / len(weights)
