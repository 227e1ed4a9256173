"""From vectors to predictions and their loss (statements 2.2b and 2.3)."""

import torch
from torch import Tensor

from workings.blackboard.functions import softmax


def predict(y: Tensor, A0: Tensor) -> Tensor:
    """P[:, t] = A^0 y_t, the tied head (2.2b); with a head of its own, its matrix stands for A^0.  y: [D]; A0: [V, D]. Returns [V]."""
    return A0 @ y


def cross_entropy(probabilities: Tensor, token: int) -> Tensor:
    """CE(p, w) = -log p[w], in nats.  probabilities: [V]. Returns a number."""
    return -torch.log(probabilities[token])


def next_token_loss(P: list[Tensor], tokens: list[int]) -> Tensor:
    """L = sum over t = 1 ... T - 1 of CE(softmax(P[:, t]), w_{t+1}) (2.3).  P: T of [V]; tokens: w_1 ... w_T. Returns a number; the mean is L / (T - 1)."""
    return sum((cross_entropy(softmax(P[t]), tokens[t + 1]) for t in range(len(tokens) - 1)), torch.zeros((), dtype=P[0].dtype))
